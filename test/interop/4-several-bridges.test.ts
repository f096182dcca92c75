/** Several bridges, of one FMU file and of several, in one process of FMPy. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { bridgeFmu, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

const STEPS = 20;
const NAMES = ['left', 'right', 'above', 'below'] as const;
/** Of which file each is an instance. */
const FILES = { left: 0, right: 0, above: 1, below: 2 } as const;
const YAML = `
receive: { exchange: unused, type: topic }
send: { exchange: unused, type: topic, announce: true }
selection: { maxage: 0 ms, lookahead: 1, timeout: 5 s }
outputs: { x: Real }
inputs: { u: Real }
`;

interface Seen {
  readonly outputs: Record<string, number[]>;
  readonly published: Record<string, { u: number; simstep: string }[]>;
  readonly 'children during': string[];
  readonly 'children afterwards': string[];
}

const folder = temporaryFolder();
const valueAt = (name: (typeof NAMES)[number], k: number) => NAMES.indexOf(name) * 1000 + k / 7;
const samplesOf = (name: (typeof NAMES)[number]) =>
  Array.from({ length: STEPS + 1 }, (_, k) => JSON.stringify({ x: valueAt(name, k), time: stamp(k * 100) }));

describeTool(import.meta.url, { ...FMPY, exercised: 'four bridges in threads' }, () => {
  const fmus: UnpackedFmu[] = [];
  beforeAll(async () => {
    for (const name of ['first', 'second', 'third']) fmus.push(await bridgeFmu(YAML, folder, name));
  });
  afterAll(async () => {
    for (const fmu of fmus) await fmu.close();
  });

  describeOnBrokers('with four bridges', (broker) => {
    let seen: Seen;
    beforeAll(async () => {
      seen = await python('several.py', {
        url: broker.url,
        exchange: `tb-several-${process.pid}`,
        bridges: Object.fromEntries(NAMES.map((name) => [name, fmus[FILES[name]]?.directory])),
        samples: Object.fromEntries(NAMES.map((name) => [name, samplesOf(name)])),
        steps: STEPS,
      });
    });

    it.each(NAMES)('%s has its own values, stepped beside the others', (name) => {
      expect(seen.outputs[name]).toEqual(Array.from({ length: STEPS }, (_, k) => valueAt(name, k + 1)));
    });

    it.each(NAMES)('%s publishes its own', (name) => {
      expect(seen.published[name]?.map(({ u }) => u)).toEqual(Array.from({ length: STEPS }, (_, k) => k + 0.5));
    });

    it('one backend serves them all, and goes with the last', () => {
      expect(seen['children during']).toEqual([expect.stringContaining('backend.cjs')]);
      expect(seen['children afterwards']).toEqual([]);
    });
  });
});
