/** fmpy.simulate_fmu runs a bridge while a robot written with pika talks to it: every value arrives as it was sent. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bridgeFile, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

/** How JSON spells a Real, an Integer, a Boolean and a String, and what that is. */
const SAMPLES: readonly (readonly [json: string, r: number, i: number, b: boolean, s: string])[] = [
  ['{"r": 0.30000000000000004, "i": 2147483647, "b": true, "s": "plain"}', 0.1 + 0.2, 2147483647, true, 'plain'],
  ['{"r": 5e-324, "i": -2147483648, "b": false, "s": ""}', Number.MIN_VALUE, -2147483648, false, ''],
  [
    '{"r": -1.7976931348623157e+308, "i": 0, "b": true, "s": "\\"quoted\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u0001"}',
    -Number.MAX_VALUE,
    0,
    true,
    '"quoted" \\ / \b\f\n\r\t \u0001',
  ],
  ['{"r": -0.0, "i": -0, "b": false, "s": "h\\u00e9 \\ud834\\udd1e \\u2028"}', -0, 0, false, 'hé 𝄞 \u2028'],
  ['{"s": "é 漢字 𝄞", "r": 9007199254740993, "b": true, "i": 7}', 9007199254740992, 7, true, 'é 漢字 𝄞'],
  [
    '{"r": 2.225073858507201e-308, "i": 1, "b": false, "s": "subnormal"}',
    2.225073858507201e-308,
    1,
    false,
    'subnormal',
  ],
  ['{"r": 123456789.12345679, "i": 2, "b": true, "s": "last"}', 123456789.12345679, 2, true, 'last'],
];
const STEP = 0.1;

interface Observed {
  readonly rows: Record<string, number | boolean>[];
  readonly texts: string[];
  readonly published: Record<string, unknown>[];
  readonly log: [status: number, message: string][];
}

const folder = temporaryFolder();
let serial = 0;

/** The value reference of `s`, in both versions. */
const TEXT = 103;

describeTool(import.meta.url, { ...FMPY, exercised: 'simulate_fmu' }, () => {
  describe.each([2, 3])('of FMI %i', (fmi) =>
    describeOnBrokers('with a bridge', (broker) => {
      let fmu: string;

      beforeAll(async () => {
        // No value is output but that of the communication point: a step waits until its sample is there.
        fmu = await bridgeFile(
          `
fmi: ${fmi}
receive: { exchange: unused, type: topic, key: bridge.to }
send: { exchange: unused, type: topic, key: bridge.from, announce: true }
selection: { maxage: 0 ms, lookahead: 1, timeout: 5 s }
outputs: { r: Real, i: Integer, b: Boolean, s: { type: String, maxLength: 60 } }
inputs: { u: { type: Real, start: 0 }, n: Integer, go: Boolean, title: String }
diagnostics: [data_age]
`,
          folder,
        );
      });

      const simulate = (inputs: object[], messages = inputs.length, events = false) =>
        python<Observed>('simulate.py', {
          url: broker.url,
          exchange: `tb-fmpy-${process.pid}-${serial++}`,
          fmu,
          samples: SAMPLES.map(([json], k) => json.replace('}', `, "time": "${stamp(k * 1000 * STEP)}"}`)),
          step: STEP,
          stop: (SAMPLES.length - 1) * STEP,
          text: TEXT,
          title: 'é "𝄞"\n',
          inputs,
          messages,
          events,
        });

      it('outputs are what was sent, at the communication points of their times', async () => {
        const { rows, texts, log } = await simulate(
          [
            { time: 0, u: 1, n: 0, go: false },
            { time: 1, u: 1, n: 0, go: false },
          ],
          1,
        );
        expect(rows).toEqual(
          SAMPLES.map(([, r, i, b], k) => ({ time: expect.closeTo(k * STEP, 12), r, i, b, data_age: 0 })),
        );
        expect(texts).toEqual(SAMPLES.slice(1).map(([, , , , s]) => s));
        expect(log.filter(([status]) => status !== 0)).toEqual([]);
      });

      it('inputs are published when they change, with the end of their step, exactly', async () => {
        const { published } = await simulate([
          { time: 0, u: 0.1 + 0.2, n: 2147483647, go: true },
          { time: 2 * STEP, u: 0.1 + 0.2, n: -2147483648, go: true },
          { time: 3 * STEP, u: 0.1 + 0.2, n: -2147483648, go: false },
        ]);
        expect(published).toEqual([
          { go: true, n: 2147483647, title: 'é "𝄞"\n', u: 0.1 + 0.2, time: expect.any(String), simstep: '100.000000' },
          { n: -2147483648, time: expect.any(String), simstep: '300.000000' },
          { go: false, time: expect.any(String), simstep: '400.000000' },
        ]);
      });

      if (fmi === 2) return;
      it('in event mode with early return, where each sample is an event', async () => {
        const { rows, log } = await simulate(
          [
            { time: 0, u: 1, n: 0, go: false },
            { time: 1, u: 1, n: 0, go: false },
          ],
          1,
          true,
        );
        // FMPy writes a row before and a row after each event.
        const times = [...new Set(rows.map(({ time }) => Math.round(10 * Number(time)) / 10))];
        expect(times).toEqual(SAMPLES.map((_, k) => k / 10));
        expect(rows.at(-1)).toMatchObject({ r: SAMPLES.at(-1)?.[1], i: SAMPLES.at(-1)?.[2] });
        expect(log.filter(([status]) => status !== 0)).toEqual([]);
      });
    }),
  );
});
