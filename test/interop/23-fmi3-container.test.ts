/** A bridge of FMI 3.0 packed into somebody else's container: an importer in C, with types that FMI 2.0 has not. */
import { expect, it } from 'vitest';
import { bridgeFile, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';

const STEP = 0.1;
const folder = temporaryFolder();
const tool = {
  name: 'FMU Manipulation Toolbox',
  found: pythonPackages('fmu_manipulation_toolbox', 'fmpy', 'pika'),
  fmi: '3.0',
  exercised: 'types of FMI 3.0 through a container',
} as const;

interface Seen {
  readonly problems: string[];
  readonly rows: Record<string, number | boolean>[];
  readonly published: Record<string, unknown>[];
  readonly log: [status: number, message: string][];
}

describeTool(import.meta.url, tool, () => {
  describeOnBrokers('packs a bridge', (broker) => {
    it('whose outputs are what was sent, and whose inputs are published', async () => {
      const exchange = `tb-container-${process.pid}`;
      const fmu = await bridgeFile(
        `
fmi: 3
receive: { exchange: ${exchange}, type: topic, key: bridge.to }
send: { exchange: ${exchange}, type: topic, key: bridge.from, announce: true }
selection: { maxage: 0 ms, lookahead: 1, timeout: 5 s }
outputs: { r: Real, i: Integer, b: Boolean, n: Int64, f: Float32, u: UInt8 }
inputs: { x: { type: Real, start: 0 }, go: Boolean }
`,
        folder,
      );
      const rows = Array.from({ length: 6 }, (_, k) => ({
        r: k + 0.1,
        i: 1 - k,
        b: k % 2 === 1,
        n: -(2 ** 53) + k,
        f: k / 4,
        u: 250 + k,
      }));
      const seen = await python<Seen>('container_fmi3.py', {
        url: broker.url,
        exchange,
        fmu,
        step: STEP,
        stop: 5 * STEP,
        samples: rows.map((row, k) => JSON.stringify({ ...row, time: stamp(1000 * STEP * k) })),
        outputs: ['r', 'i', 'b', 'n', 'f', 'u'],
        inputs: { x: 0.1 + 0.2, go: true },
      });
      expect(seen.problems).toEqual([]);
      expect(seen.rows).toEqual(rows.map((row, k) => ({ time: expect.closeTo(k * STEP, 9), ...row })));
      expect(seen.published).toEqual([{ x: 0.1 + 0.2, go: true, time: expect.any(String), simstep: '100.000000' }]);
      // The container has lines of its own, of whatever status.
      expect(seen.log.filter(([status, message]) => status > 0 && message.startsWith('bridge.fmu'))).toEqual([]);
    });
  });
});
