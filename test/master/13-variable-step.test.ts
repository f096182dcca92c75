/** Step sizes that follow the error, or constraints as Maestro has them. */
import { describe, expect, it } from 'vitest';
import { describedAs, writeFmu } from '../support/fmus.js';
import { master } from './support.js';

const { run, read, failure, folder } = master(
  'ball',
  'counter',
  'dahlquist',
  'gain',
  'limited',
  'oscillator',
  'state3',
);

/** Two masses on springs, one of them tied to the other. */
const TWO_MASSES = `
components:
  one: { fmu: oscillator.fmu, start: { x0: 1, c: 1, m: 1 } }
  two: { fmu: oscillator.fmu, start: { c: 1, m: 1, ck: 0.5, dk: 0 } }
connections: [ two.f_out -> one.f, one.x -> two.x_in, one.v -> two.v_in ]
loops: { atSteps: false }
`;

/** With equal masses and springs: the sum of both swings with w = 1, their difference with w = sqrt(2). */
function exact(t: number): [number, number] {
  const [sum, difference] = [Math.cos(t), Math.cos(Math.sqrt(2) * t)];
  return [(sum + difference) / 2, (sum - difference) / 2];
}

async function error(step: string, stop = 10): Promise<{ worst: number; steps: number; rejected: number }> {
  const { captured, steps, plan } = await run(`${TWO_MASSES}step: ${step}\nstop: ${stop}\n`, {
    capture: ['one.x', 'two.x'],
  });
  let worst = 0;
  for (const [n, t] of captured!.time.entries()) {
    const [x1, x2] = exact(t);
    worst = Math.max(
      worst,
      Math.abs(captured!.columns['one.x']![n]! - x1),
      Math.abs(captured!.columns['two.x']![n]! - x2),
    );
  }
  expect(captured!.time.at(-1)).toBeCloseTo(stop, 9);
  return { worst, steps, rejected: plan.rejectedSteps };
}

describe('by the error of a step', () => {
  it('a smaller tolerance gives a smaller error, by more steps', async () => {
    const coarse = await error('{ min: 1e-6, max: 0.5, initial: 0.1, tolerance: { relative: 1e-3, absolute: 1e-3 } }');
    const fine = await error('{ min: 1e-6, max: 0.5, initial: 0.1, tolerance: { relative: 1e-5, absolute: 1e-5 } }');
    expect(coarse.worst).toBeLessThan(0.1);
    expect(fine.worst).toBeLessThan(0.02);
    expect(fine.worst).toBeLessThan(coarse.worst / 3);
    // The error of a step goes with the square of its size.
    expect(fine.steps / coarse.steps).toBeGreaterThan(5);
    expect(fine.steps / coarse.steps).toBeLessThan(20);
  });

  it('is better than a fixed step with as many steps where the solution dies away', async () => {
    const text = (step: string) => `
components:
  one: { fmu: oscillator.fmu, start: { x0: 1, c: 4, m: 1, d: 4 } }
  two: { fmu: oscillator.fmu, start: { c: 1, m: 1, ck: 0.5, dk: 0.5, d: 2 } }
connections: [ two.f_out -> one.f, one.x -> two.x_in, one.v -> two.v_in ]
loops: { atSteps: false }
step: ${step}
stop: 20
`;
    const { steps } = await run(
      text('{ min: 1e-5, max: 2, initial: 0.01, tolerance: { relative: 1e-4, absolute: 1e-4 } }'),
    );
    // Sizes grow by much once nothing moves any more.
    expect(steps).toBeLessThan(20 / 0.02);
    expect(steps).toBeGreaterThan(20 / 2);
  });

  it('a step that is too bad is made again, smaller', async () => {
    const { rejected, worst } = await error('{ min: 1e-6, max: 2, initial: 2, tolerance: 1e-4 }', 4);
    expect(rejected).toBeGreaterThan(0);
    expect(worst).toBeLessThan(0.02);
  });

  it('steps end at the stop time, and never have a size out of bounds but at the end', async () => {
    const { captured } = await run(
      `${TWO_MASSES}step: { min: 0.01, max: 0.2, initial: 0.05, tolerance: 1e-3 }\nstop: 3.3\n`,
      {
        capture: ['one.x'],
      },
    );
    const { time } = captured!;
    for (let n = 1; n < time.length; n++) {
      const size = time[n]! - time[n - 1]!;
      expect(size).toBeLessThan(0.2 + 1e-9);
      if (n < time.length - 1) expect(size).toBeGreaterThan(0.01 - 1e-9);
    }
    expect(time.at(-1)).toBeCloseTo(3.3, 9);
  });

  it('does not depend on how often it was tried: random numbers are drawn once a step', async () => {
    const { captured, steps, plan } = await run(
      `
components: { r: { fmu: state3.fmu }, g: { fmu: gain.fmu } }
connections: [ r.x -> g.u ]
step: { min: 0.001, max: 1, initial: 0.5, tolerance: { relative: 0.3, absolute: 0.3 } }
stop: 5
`,
      { capture: ['r.drawn', 'g.y'] },
    );
    expect(steps).toBeGreaterThan(5);
    // What stands is made of two halves: two numbers are drawn for each step.
    expect([...captured!.columns['r.drawn']!]).toEqual(Array.from({ length: steps + 1 }, (_, n) => 2 * n));
    expect(plan.rejectedSteps).toBeGreaterThanOrEqual(0);
  });

  it('needs FMUs that can go back', async () => {
    await expect(read('components: { c: { fmu: counter.fmu } }\nstep: { max: 1, tolerance: 1e-3 }\n')).rejects.toThrow(
      /the step size cannot be chosen by the error: 'c' cannot go back, it does not save its state/,
    );
  });
});

describe('constraints', () => {
  it('sampling-rate: all samples are communication points, whatever else there is', async () => {
    const { captured } = await run(
      `
components: { c: { fmu: counter.fmu } }
step: { min: 0.001, max: 0.4, initial: 0.07, constraints: { s: { type: sampling-rate, base: 0.001, rate: 250, start: 100 } } }
stop: 2
`,
      { capture: ['c.count'] },
    );
    const times = [...captured!.time];
    for (const sample of [0.1, 0.35, 0.6, 0.85, 1.1, 1.35, 1.6, 1.85]) {
      expect(times.some((time) => Math.abs(time - sample) < 1e-9)).toBe(true);
    }
    // Each step is one call of the FMU: it cannot go back.
    expect([...captured!.columns['c.count']!]).toEqual(times.map((_, n) => n));
  });

  it('zero-crossing: a step ends near where a value crosses zero', async () => {
    // x = cos(t): the body is by itself, exact for any step.
    const { captured } = await run(
      `
components: { o: { fmu: oscillator.fmu, start: { x0: 1 } } }
step: { min: 1e-6, max: 0.5, initial: 0.1, constraints: { z: { type: zero-crossing, ports: [o.x], tolerance: 1e-4 } } }
stop: 15
`,
      { capture: ['o.x'] },
    );
    const x = captured!.columns['o.x']!;
    const near = [...captured!.time].filter((_, n) => Math.abs(x[n]!) <= 1e-4);
    for (const root of [0.5, 1.5, 2.5, 3.5, 4.5].map((n) => n * Math.PI)) {
      expect(Math.min(...near.map((time) => Math.abs(time - root)))).toBeLessThan(1.1e-4);
    }
    expect(captured!.time.length).toBeLessThan(150);
  });

  it('zero-crossing of two: where they are equal; the order of the extrapolation may be 1', async () => {
    const { captured } = await run(
      `
components: { a: { fmu: oscillator.fmu, start: { x0: 1 } }, b: { fmu: oscillator.fmu, start: { x0: 0.5, v0: 0.3 } } }
step: { min: 1e-6, max: 0.3, constraints: { z: { type: zero-crossing, ports: [a.x, b.x], order: 1, tolerance: 1e-4 } } }
stop: 4
`,
      { capture: ['a.x', 'b.x'] },
    );
    // cos t = 0.5 cos t + 0.3 sin t: tan t = 5 / 3.
    const root = Math.atan(5 / 3);
    const { columns, time } = captured!;
    const n = time.findIndex((t) => Math.abs(t - root) < 1e-3);
    expect(n).toBeGreaterThan(0);
    expect(Math.abs(columns['a.x']![n]! - columns['b.x']![n]!)).toBeLessThan(1e-4);
  });

  it('zero-crossing of a ball: steps end near its impacts', async () => {
    const { captured } = await run(
      `
components: { b: { fmu: ball.fmu } }
step: { min: 1e-5, max: 0.1, constraints: { z: { type: zero-crossing, ports: [b.height], tolerance: 1e-3 } } }
stop: 1
`,
      { capture: ['b.height', 'b.bounces', 'b.last_impact'] },
    );
    const impact = Math.sqrt(2 / 9.81);
    const times = [...captured!.time];
    const { 'b.bounces': bounces, 'b.last_impact': last } = captured!.columns;
    const n = bounces!.indexOf(1);
    expect(last![n]).toBeCloseTo(impact, 9);
    // The step before the impact comes near to it; the velocity there is 4.4 m/s.
    expect(Math.min(...times.map((time) => Math.abs(time - impact)))).toBeLessThan(1e-3);
  });

  it('bounded-difference: a value does not change by more in one step', async () => {
    const run_ = (more: string) =>
      run(
        `
components: { o: { fmu: oscillator.fmu, start: { x0: 1 } } }
step: { min: 1e-6, max: 1, initial: 0.5, constraints: { b: { type: bounded-difference, ports: [o.x], ${more} } } }
stop: 7
`,
        { capture: ['o.x'] },
      );
    const changes = ({ captured }: Awaited<ReturnType<typeof run_>>) => {
      const x = [...captured!.columns['o.x']!];
      return x.slice(1).map((value, n) => Math.abs(value - x[n]!));
    };
    const absolute = await run_('absolute: 0.05');
    expect(Math.max(...changes(absolute))).toBeLessThanOrEqual(0.05);
    expect(absolute.steps).toBeLessThan((4 * 2) / 0.05);
    expect(absolute.plan.rejectedSteps).toBeGreaterThan(0);
    const relative = await run_('absolute: 0.2, relative: 0.3, safety: 0.2');
    expect(Math.max(...changes(relative))).toBeLessThanOrEqual(0.2);
  });

  it('bounded-difference of several: they stay near each other', async () => {
    const { captured, steps } = await run(
      `
components: { a: { fmu: dahlquist.fmu, start: { x0: 1 } }, b: { fmu: dahlquist.fmu, start: { x0: 1, k: 2 } } }
step: { min: 1e-3, max: 1, initial: 0.01, constraints: { b: { type: bounded-difference, ports: [a.x, b.x], absolute: 0.5 } } }
stop: 1
`,
      { capture: ['a.x', 'b.x'] },
    );
    expect(steps).toBeGreaterThan(2);
    for (const [n, a] of captured!.columns['a.x']!.entries()) {
      expect(Math.abs(a - captured!.columns['b.x']![n]!)).toBeLessThanOrEqual(0.5);
    }
  });

  it('bounded-difference: what jumps is let through, unless that is not wanted', async () => {
    const text = (skip: boolean) => `
components: { b: { fmu: ball.fmu } }
step: { min: 1e-4, max: 0.1, constraints: { d: { type: bounded-difference, ports: [b.bounces], absolute: 0.5, skipDiscrete: ${skip} } } }
stop: 1
`;
    const through = await run(text(true));
    const held = await run(text(false), { capture: ['b.bounces'] });
    expect(through.plan.rejectedSteps).toBe(0);
    expect(held.plan.rejectedSteps).toBeGreaterThan(0);
    // However small the step, it jumps by one: at the smallest size it stands.
    const { time, columns } = held.captured!;
    const n = columns['b.bounces']!.indexOf(1);
    expect(time[n]! - time[n - 1]!).toBeLessThan(2e-4);
  });

  it('fmu-max-step-size: FMUs that do not tell bound nothing', async () => {
    const { steps } = await run(`
components: { o: { fmu: oscillator.fmu } }
step: { min: 0.1, max: 0.5, constraints: { m: { type: fmu-max-step-size } } }
stop: 2
`);
    expect(steps).toBe(4);
  });

  it('without any, steps grow to the greatest size', async () => {
    const { captured } = await run(
      'components: { c: { fmu: counter.fmu } }\nstep: { min: 0.01, max: 0.5, initial: 0.1 }\nstop: 2\n',
      { capture: ['c.last_step'] },
    );
    expect([...captured!.columns['c.last_step']!].slice(1, 4)).toEqual([0.1, 0.2, 0.4]);
    expect(Math.max(...captured!.columns['c.last_step']!)).toBe(0.5);
  });
});

describe('an FMU that discards a step', () => {
  it('is given smaller ones, where all can go back', async () => {
    const { captured, plan, outcome } = await run(
      `
components: { l: { fmu: limited.fmu, start: { max_step: 0.11 } }, r: { fmu: state3.fmu } }
step: { min: 0.001, max: 0.4, initial: 0.4 }
stop: 2
`,
      { capture: ['l.x', 'r.drawn'] },
    );
    expect(outcome).toBe('finished');
    expect(plan.rejectedSteps).toBeGreaterThan(0);
    // It is where the time is: nothing of what was discarded is left.
    for (const [n, time] of captured!.time.entries()) {
      expect(captured!.columns['l.x']![n]).toBeCloseTo(time, 9);
      expect(captured!.columns['r.drawn']![n]).toBe(n);
    }
  });

  it('at the smallest size ends the run', async () => {
    const error = await failure(`
components: { l: { fmu: limited.fmu, start: { max_step: 0.01 } } }
step: { min: 0.05, max: 0.4 }
stop: 2
`);
    expect(error).toMatchObject({ code: 'TB_FMI_DISCARD', exitCode: 5 });
  });

  it('with a fixed step ends the run, exit code 5, at the last communication point', async () => {
    const error = await failure('components: { l: { fmu: limited.fmu } }\nstep: 0.25\nstop: 1\n');
    expect(error).toMatchObject({
      code: 'TB_FMI_DISCARD',
      exitCode: 5,
      message: expect.stringMatching(
        /^l: fmi2DoStep at t = 0 s returned fmi2Discard\n {2}l: step by 0.25 s given up at 0.1 s$/,
      ),
      report: { steps: 0, time: 0 },
    });
  });
});

describe('an FMU that wants steps of one size', () => {
  it('refuses others', async () => {
    writeFmu(
      `${folder}/rigid.fmu`,
      describedAs('counter', (xml) => xml.replace('StepSize="true"', 'StepSize="false"')),
    );
    await expect(read('components: { m: { fmu: rigid.fmu } }\nstep: { max: 1 }\n')).rejects.toThrow(
      /'m' cannot handle steps of different sizes/,
    );
  });
});
