/** Steps that end where the next sample of a bridge is due. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RunControl } from '#tb/master/index.js';
import { bridgeFile, stamp, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';
import { master } from './support.js';

const { run, folder } = master('counter', 'gain');

/** ms; two are nearer to each other than the smallest step. */
const SAMPLES = [0, 37, 120, 121, 500, 1210, 1300];

describeOnBrokers('steps to samples', (broker) => {
  let feeder: Feeder;
  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
  });
  afterAll(() => feeder?.stop());

  it.each([2, 3] as const)('of a bridge of FMI %d', async (fmi) => {
    const bridge = await bridgeFile(
      `fmi: ${fmi}
send: { announce: true }
outputs: { x: Real }
selection: { maxage: 10 s, lookahead: 100 }
diagnostics: [queue_depth]
`,
      folder,
      `robot${fmi}`,
    );
    await feeder.onReady(...SAMPLES.map((ms) => ({ x: ms, time: stamp(ms) })));
    const control = new RunControl();
    const running = run(
      `
components: { robot: { fmu: ${bridge} }, c: { fmu: counter.fmu }, g: { fmu: gain.fmu } }
connections: [ robot.x -> g.u ]
step: { data: robot, min: 0.01, max: 0.4 }
stop: 2
record: { file: data${fmi}.csv, variables: [robot.x, g.y, c.last_step] }
`,
      { paused: true, control },
    );
    // All that will come is there, so that the test does not depend on how fast that is.
    await until(async () => (await control.get('robot.queue_depth')).values?.[0] === SAMPLES.length - 1, 20_000);
    await control.resume();
    await running;
    const rows = readFileSync(join(folder, `data${fmi}.csv`), 'utf8')
      .trimEnd()
      .split('\r\n')
      .slice(1);
    const [times, x] = [0, 1].map((column) => rows.map((row) => Number(row.split(',')[column]))) as [
      number[],
      number[],
    ];
    const expected = [
      // [where, why]
      [0, 0],
      [0.037, 37],
      [0.12, 120],
      [0.13, 121], // the smallest step goes beyond it
      [0.5, 500],
      [0.9, 500], // no sample in reach of the greatest step
      [1.21, 1210],
      [1.3, 1300],
      [1.7, 1300], // none waits
      [2, 1300],
    ];
    expect(times.map((time) => Number(time.toFixed(9)))).toEqual(expected.map(([time]) => time));
    expect(x).toEqual(expected.map(([, value]) => value));
  });
});
