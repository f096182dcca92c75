/** Event Mode and early return of FMI 3.0: steps end where data arrive, and the clock of their source ticks. */
import { expect, it } from 'vitest';
import { bridgeFile, stamp } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

interface Event {
  readonly clocks: Record<string, boolean>;
  readonly values: Record<string, number>;
  readonly next: number | null;
}
interface Step {
  readonly time: number;
  readonly needed: boolean;
  readonly early: boolean;
  readonly clocks: Record<string, boolean>;
  readonly event?: Event;
  readonly values?: Record<string, number>;
}
type Run = (Event | Step)[];

const folder = temporaryFolder();
const EXCHANGE = `tb-events-${process.pid}`;
const SETTINGS = `
fmi: 3
send: { exchange: ${EXCHANGE}, type: topic, key: bridge.from, announce: true }
selection: { maxage: 10 s, timeout: 5 s, lookahead: 100 }
diagnostics: [used, queue_depth]
`;

describeTool(import.meta.url, { ...FMPY, fmi: '3.0', exercised: 'Event Mode' }, () => {
  describeOnBrokers('of FMPy', (broker) => {
    const drive = async (yaml: string, scenario: object) =>
      python<Record<string, Run>>('events_fmi3.py', {
        url: broker.url,
        exchange: EXCHANGE,
        fmu: await bridgeFile(`${SETTINGS}${yaml}`, folder),
        ...scenario,
      });

    it('one source', async () => {
      const at = [0, 30, 70, 100, 250];
      const { both, events, early, neither } = await drive(
        `receive: { exchange: ${EXCHANGE}, type: topic, key: bridge.to }\noutputs: { x: Real }`,
        {
          samples: at.map((ms) => JSON.stringify({ x: ms, time: stamp(ms) })),
          outputs: ['x'],
          clocks: ['arrival'],
          ends: [0.1, 0.2, 0.3],
          runs: { both: [true, true], events: [true, false], early: [false, true], neither: [false, false] },
        },
      );
      const quiet = { arrival: false };
      const begin: Event = { clocks: { arrival: true }, values: { x: 0 }, next: 0.03 };
      const arrival = (time: number, isEarly: boolean, x: number, next: number | null): Step => ({
        time,
        needed: true,
        early: isEarly,
        clocks: quiet,
        event: { clocks: { arrival: true }, values: { x }, next },
      });
      const step = (time: number, x: number): Step => ({
        time,
        needed: false,
        early: false,
        clocks: quiet,
        values: { x },
      });
      // A step ends with the sample that becomes due in it; one due at the step's end is no reason to return early.
      expect(both).toEqual([
        begin,
        arrival(0.03, true, 30, 0.07),
        arrival(0.07, true, 70, 0.1),
        arrival(0.1, false, 100, 0.25),
        step(0.2, 100),
        arrival(0.25, true, 250, null),
        step(0.3, 250),
      ]);
      // An importer that allows no early return is told at the end of its steps.
      expect(events).toEqual([begin, arrival(0.1, false, 100, 0.25), step(0.2, 100), arrival(0.3, false, 250, null)]);
      // Without events steps are those of FMI 2.0, also where they might be shorter.
      const plain = [step(0.1, 100), step(0.2, 100), step(0.3, 250)];
      expect(early).toEqual(plain);
      expect(neither).toEqual(plain);
    });

    it('a clock for each source', async () => {
      const odom = (ms: number) => ['odom', JSON.stringify({ x: ms, time: stamp(ms) })];
      const gps = (ms: number) => ['gps', JSON.stringify({ lat: ms / 100, time: stamp(ms) })];
      const { both } = await drive(
        `
sources:
  odom: { exchange: ${EXCHANGE}, type: topic, key: odom.to }
  gps: { exchange: ${EXCHANGE}, type: topic, key: gps.to }
outputs: { x: { type: Real, source: odom }, lat: { type: Real, source: gps } }
`,
        {
          // Time zero is that of the first set: what comes before it and after it must not overtake one another.
          samples: [odom(0), gps(0)],
          later: [...[100, 200, 300].map(odom), ...[150, 300].map(gps)],
          outputs: ['x', 'lat'],
          clocks: ['odom.arrival', 'gps.arrival'],
          ends: [0.3],
          runs: { both: [true, true] },
        },
      );
      const ticks = both?.map((entry) => {
        const event = 'event' in entry && entry.event !== undefined ? entry.event : (entry as Event);
        return { ...event.clocks, ...event.values };
      });
      expect(ticks).toEqual([
        { 'odom.arrival': true, 'gps.arrival': true, x: 0, lat: 0 },
        { 'odom.arrival': true, 'gps.arrival': false, x: 100, lat: 0 },
        { 'odom.arrival': false, 'gps.arrival': true, x: 100, lat: 1.5 },
        { 'odom.arrival': true, 'gps.arrival': false, x: 200, lat: 1.5 },
        { 'odom.arrival': true, 'gps.arrival': true, x: 300, lat: 3 },
      ]);
    });
  });
});
