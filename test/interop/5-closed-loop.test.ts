/** The loop through the broker and back, closed in each step: FMPy on one side, a robot written with pika on the other. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { bridgeFmu, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

const STEPS = 100;
const STEP = 0.05;

interface Seen {
  readonly rows: { time: number; y: number; used: number; skipped: number; late: number }[];
  readonly sent: number[];
  readonly steps: string[];
}

const folder = temporaryFolder();

describeTool(import.meta.url, { ...FMPY, exercised: 'closed loop' }, () => {
  let fmu: UnpackedFmu;
  beforeAll(async () => {
    fmu = await bridgeFmu(
      `
receive: { exchange: unused, type: topic, key: bridge.to }
send: { exchange: unused, type: topic, key: bridge.from, announce: true }
selection: { maxage: 0 ms, lookahead: 1, timeout: 5 s }
outputs: { y: Real }
inputs: { u: Real }
diagnostics: [used, skipped, late]
`,
      folder,
    );
  });
  afterAll(() => fmu?.close());

  describeOnBrokers('close a loop', (broker) => {
    it('each step sends its input and gets the answer to it at its end', async () => {
      const { rows, sent, steps } = await python<Seen>('loop.py', {
        url: broker.url,
        exchange: `tb-loop-${process.pid}`,
        fmu: fmu.directory,
        day: stamp(0).slice(0, 10),
        step: STEP,
        steps: STEPS,
      });
      const inputs = Array.from({ length: STEPS }, (_, k) => (k * STEP) / 3);
      expect(sent).toEqual(inputs);
      expect(steps).toEqual(inputs.map((_, k) => ((k + 1) * STEP * 1000).toFixed(6)));
      expect(rows.map(({ y }) => y)).toEqual([-1, ...inputs.map((u) => u * u)]);
      expect(rows.at(-1)).toMatchObject({ used: STEPS + 1, skipped: 0, late: 0 });
    });
  });
});
