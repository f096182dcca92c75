/** Steps of isolated components: at the same time where they can be, again where they have to be. */
import { afterEach, describe, expect, it } from 'vitest';
import { components, master, step, value } from '../support.js';
import { everything, isolated, processes } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(processes()).toEqual([]));

const { start, read, run } = master(
  'ball',
  'dahlquist',
  'gain',
  'limited',
  'misbehave',
  'oscillator',
  'slow',
  'state3',
);

/** ms that each step of `count` components takes, of which each sleeps for 100 ms in it. */
async function stepTime(count: number, isolatedOnes: readonly string[], more: string): Promise<number> {
  const names = Array.from({ length: count }, (_, k) => `c${k}`);
  const sleeping = components(
    Object.fromEntries(names.map((name) => [name, 'fmu: misbehave.fmu, start: { delay: 0.1 }'])),
  );
  const simulation = await start(isolated(await read(`${sleeping}step: 0.1\n${more}`), ...isolatedOnes));
  step(simulation);
  const before = performance.now();
  step(simulation, 5);
  return (performance.now() - before) / 5;
}

describe('at the same time', () => {
  it.each(['algorithm: jacobi', 'algorithm: gauss-seidel', 'threads: 2'])(
    'step those that need not wait: %s',
    async (more) => {
      const took = await stepTime(4, [], more);
      expect(took).toBeGreaterThanOrEqual(100);
      expect(took).toBeLessThan(250);
    },
  );

  it('and the others in the process of the run meanwhile', async () => {
    const took = await stepTime(3, ['c1', 'c2'], 'algorithm: jacobi');
    expect(took).toBeGreaterThanOrEqual(100);
    expect(took).toBeLessThan(190);
  });

  it('but not those that need the value of another', async () => {
    const chain = (algorithm: string) => `
components: { a: { fmu: misbehave.fmu, start: { delay: 0.1 } }, b: { fmu: misbehave.fmu, start: { delay: 0.1 } } }
connections: [ a.steps -> b.flood ]
step: 0.1
algorithm: ${algorithm}
`;
    const time = async (algorithm: string) => {
      const simulation = await start(isolated(await read(chain(algorithm))));
      const before = performance.now();
      step(simulation, 3);
      return (performance.now() - before) / 3;
    };
    expect(await time('gauss-seidel')).toBeGreaterThanOrEqual(200);
    expect(await time('jacobi')).toBeLessThan(190);
  });

  it('two that compute', async () => {
    const slow = 'fmu: slow.fmu, start: { cost_us: 40000 }';
    const text = `${components({ a: slow, b: slow })}connections: [ a.x -> b.u ]\nstep: 0.1\nstop: 0.5\n`;
    const here = await run(text, { profile: true });
    const elsewhere = await run(isolated(await read(text)), { profile: true });
    // Where there are not processors enough, each takes the longer; but as long as one does, the other does, too.
    const overlap = ({ components: all, wallSeconds }: typeof here) =>
      all.reduce((sum, { totalMs }) => sum + totalMs, 0) / (wallSeconds * 1000);
    expect(overlap(here)).toBeLessThan(1.01);
    expect(overlap(elsewhere)).toBeGreaterThan(1.4);
    expect(elsewhere.finalValues).toEqual(here.finalValues);
  });

  it('is told in the report: how long each has taken itself', async () => {
    const text = `${components({ a: 'fmu: misbehave.fmu, start: { delay: 0.02 }', b: 'fmu: misbehave.fmu, start: { delay: 0.05 }' })}step: 0.1\nstop: 1\n`;
    const report = await run(isolated(await read(text)), { profile: true });
    const [a, b] = report.components;
    expect(a!.p50Us).toBeGreaterThanOrEqual(18_000); // as its histogram tells
    expect(a!.p50Us).toBeLessThan(45_000);
    expect(b!.p50Us).toBeGreaterThanOrEqual(45_000);
    expect(report.components.map(({ steps }) => steps)).toEqual([10, 10]);
  });
});

describe('again', () => {
  it.each(['algorithm: gauss-seidel', 'loops: { atSteps: true }'])(
    'in a loop, from the same state, until it settles: %s',
    async (more) => {
      const text = `
components:
  a: { fmu: gain.fmu, start: { k: 2, b: 1 } }
  b: { fmu: gain.fmu, start: { k: -3 } }
  c: { fmu: oscillator.fmu, start: { x0: 1 } }
functions: { s: { type: sum, inputs: 2 } }
connections: [ a.y -> b.u, "b.y -> s.in[0]", "c.x -> s.in[1]", s.out -> a.u ]
step: 0.1
${more}
`;
      const expected = everything(await start(text), 20);
      const system = await read(text);
      for (const names of [[], ['a'], ['b', 'c']]) {
        expect(everything(await start(isolated(system, ...names)), 20)).toEqual(expected);
      }
    },
  );

  it('in halves, where the error is estimated', async () => {
    const text = `
components: { a: { fmu: oscillator.fmu, start: { x0: 1, ck: 3 } }, b: { fmu: oscillator.fmu }, s: { fmu: state3.fmu } }
connections: [ a.x -> b.x_in, a.v -> b.v_in, b.f_out -> a.f ]
step: { max: 0.5, min: 1e-4, tolerance: 1e-5 }
stop: 4
`;
    const system = await read(text);
    const capture = ['a.x', 'b.x', 's.x', 's.drawn'];
    const here = await run(system, { capture });
    const elsewhere = await run(isolated(system), { capture });
    expect(here.plan.rejectedSteps).toBeGreaterThan(0);
    expect(elsewhere).toMatchObject({ steps: here.steps, plan: { rejectedSteps: here.plan.rejectedSteps } });
    expect(elsewhere.captured).toEqual(here.captured);
  });

  it('shorter, where one was discarded while others were under way', async () => {
    const text = `
components:
  a: { fmu: ball.fmu }
  b: { fmu: limited.fmu, start: { max_step: 0.1 } }
  c: { fmu: oscillator.fmu, start: { x0: 1 } }
step: { max: 1, min: 0.01 }
stop: 2
`;
    const system = await read(text);
    const capture = ['a.height', 'b.x', 'c.x'];
    const here = await run(system, { capture });
    for (const names of [[], ['b'], ['a', 'c']]) {
      const elsewhere = await run(isolated(system, ...names), { capture });
      expect(elsewhere.plan.rejectedSteps).toBe(here.plan.rejectedSteps);
      expect(elsewhere.captured).toEqual(here.captured);
    }
    expect(here.plan.rejectedSteps).toBeGreaterThan(0);
  });
});

describe('the end', () => {
  it('that an isolated FMU asks for ends the run', async () => {
    const system = await read(
      'components: { bad: { fmu: misbehave.fmu, start: { mode: end, at: 0.5 } } }\nstep: 0.1\nstop: 1\n',
    );
    expect(await run(isolated(system))).toMatchObject({ outcome: 'ended', endedBy: 'bad', steps: 4 });
  });

  it.each([
    ['discard', 'TB_FMI_DISCARD', 5],
    ['error', 'TB_FMI_ERROR', 1],
    ['fatal', 'TB_FMI_FATAL', 1],
  ])('by %s is the same', async (mode, code, exitCode) => {
    const system = await read(
      `components: { bad: { fmu: misbehave.fmu, start: { mode: ${mode}, at: 0.5 } } }\nstep: 0.1\nstop: 1\n`,
    );
    const failure = await run(isolated(system)).catch((error) => error);
    expect(failure).toMatchObject({ code, exitCode, report: { steps: 4 } });
    expect(failure.message).toMatch(/^bad: fmi2DoStep at t = 0\.4 s returned fmi2\w+\n {2}bad: step to 0\.5 s /);
  });

  it('not by a step that is left pending', async () => {
    const simulation = await start(
      isolated(await read('components: { bad: { fmu: misbehave.fmu, start: { mode: pending } } }\nstep: 0.1\n')),
    );
    step(simulation, 3);
    expect(value(simulation, 'bad.steps')).toBe(3);
  });
});
