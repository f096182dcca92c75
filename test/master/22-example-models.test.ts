/** The FMUs of the examples do in the master what they are for. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { course, master, step, value } from './support.js';

const { start } = master('dahlquist', 'feedthrough', 'monitor', 'predictor');

describe('monitor', () => {
  const system = (safe: number, latched: boolean) => `
components:
  robot: { fmu: dahlquist.fmu, start: { x0: 8, k: 1 } }
  away: { fmu: dahlquist.fmu, start: { x0: -1, k: -1 } }
  monitor: { fmu: monitor.fmu, start: { safe_distance: ${safe}, latched: ${latched} } }
connections: [ robot.x -> monitor.x, away.x -> monitor.y ]
step: 0.5
`;

  it.each([
    [3.2, true, [false, false, false, true, true, true, true]],
    [3.2, false, [false, false, false, true, false, false, false]],
    [1, true, [false, false, false, false, false, false, false]],
  ])('stops when the robot is nearer than %d, and stays stopped: %s', async (safe, latched, expected) => {
    // Distances at the steps: |(8, 1)|, |(4, 1.5)|, |(2, 2.25)|, |(1, 3.375)| ...
    expect(course(await start(system(safe, latched)), 6, 'monitor.stop')).toEqual(expected);
  });
});

describe('predictor', () => {
  it('foretells a constant velocity exactly, and sees when it ends', async () => {
    const simulation = await start(`
components: { robot: { fmu: feedthrough.fmu }, p: { fmu: predictor.fmu } }
connections: [ robot.real_out -> p.x ]
step: 0.1
`);
    const input = findPort(simulation.system, 'robot.real_in')!;
    const number = (name: string) => value(simulation, name) as number;
    for (let k = 1; k < 20; k++) {
      simulation.set(input, [k * 0.25]);
      step(simulation);
      if (k < 3) continue;
      expect(number('p.px')).toBeCloseTo(number('robot.real_out'), 12);
      expect(number('p.deviation')).toBeCloseTo(0, 12);
    }
    // It stops at once: its value is held, and after hold_time (0.5 s) it is known to stand 0.5 s of way behind.
    const deviations = course(simulation, 20, 'p.deviation').slice(1) as number[];
    expect(deviations.slice(0, 5)).toEqual(Array(5).fill(expect.closeTo(0, 12)));
    expect(Math.max(...deviations)).toBeCloseTo(1.25, 1);
    expect(deviations.at(-1)).toBeCloseTo(0, 12);
    expect(number('p.px')).toBeCloseTo(number('robot.real_out'), 12);
  });
});
