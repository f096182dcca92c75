/** Jacobi steps of one size: when each value is seen by whom, and when steps are made. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { course, history, master, step, value, values } from './support.js';

const { create, start, read, failure } = master(
  'counter',
  'dahlquist',
  'feedthrough',
  'gain',
  'me2',
  'me3',
  'misbehave',
);

describe('a component by itself', () => {
  it('solves a known equation: x_n = x0 (1 - h k)^n', async () => {
    const simulation = await start(
      'components: { model: { fmu: dahlquist.fmu, start: { k: 0.5, x0: 3 } } }\nstep: 0.125\n',
    );
    expect(value(simulation, 'model.x')).toBe(3);
    for (let n = 1; n <= 80; n++) {
      step(simulation);
      expect(value(simulation, 'model.x')).toBeCloseTo(3 * (1 - 0.5 * 0.125) ** n, 12);
    }
    expect(simulation.time).toBe(10);
  });

  it('is told communication points that are computed anew, so that rounding does not add up', async () => {
    const simulation = await start('components: { c: { fmu: counter.fmu } }\nstep: 0.1\nstart: 5\n');
    for (let n = 0; n < 1000; n++) {
      expect(simulation.time).toBe(5 + n * 0.1);
      step(simulation);
      expect(values(simulation, 'c.last_time', 'c.last_step')).toEqual([5 + n * 0.1, 0.1]);
    }
  });

  it('makes as many steps in one call as in many', async () => {
    const text = 'components: { c: { fmu: counter.fmu }, d: { fmu: dahlquist.fmu } }\nstep: 0.1\n';
    const one = await start(text);
    const many = await start(text);
    step(one, 1000);
    for (let n = 0; n < 1000; n++) step(many);
    for (const name of ['c.count', 'c.odd', 'c.text', 'c.last_time', 'd.x']) {
      expect(value(one, name)).toBe(value(many, name));
    }
    expect(value(one, 'c.text')).toBe('1000 steps');
  });

  it('comes back from a call when its budget of time is used up, and goes on later', async () => {
    const simulation = await start('components: { m: { fmu: misbehave.fmu, start: { delay: 0.005 } } }\nstep: 0.1\n');
    expect(simulation.advance(1000, 20)).toBe('budget');
    const { steps } = simulation;
    expect(steps).toBeGreaterThan(0);
    expect(steps).toBeLessThanOrEqual(5);
    expect(value(simulation, 'm.steps')).toBe(steps);
    expect(simulation.advance(steps + 2, 1000)).toBe('reached');
    expect(simulation.steps).toBe(steps + 2);
  });

  it('makes no step when there is none to be made', async () => {
    const simulation = await start('components: { c: { fmu: counter.fmu } }\nstep: 0.1\n');
    step(simulation, 3);
    expect(simulation.advance(3)).toBe('reached');
    expect(simulation.advance(1)).toBe('reached');
    expect([simulation.steps, value(simulation, 'c.count')]).toEqual([3, 3]);
  });
});

describe('Jacobi: all see the values of the last communication point', () => {
  const ORDERS = [
    ['source', 'a', 'b', 'c'],
    ['c', 'b', 'a', 'source'],
    ['b', 'source', 'c', 'a'],
  ];

  it.each(ORDERS)('a value takes one step through each component: %s, %s, %s, %s', async (...order) => {
    const simulation = await start(`
components:
${order.map((name) => `  ${name}: { fmu: ${name === 'source' ? 'dahlquist' : 'feedthrough'}.fmu }`).join('\n')}
connections: [ source.x -> a.real_in, a.real_out -> b.real_in, b.real_out -> c.real_in ]
step: 0.5
`);
    expect(history(simulation, 4, 'source.x', 'a.real_out', 'b.real_out', 'c.real_out')).toEqual([
      // Initialisation passes values on without a delay.
      [1, 1, 1, 1],
      [0.5, 1, 1, 1],
      [0.25, 0.5, 1, 1],
      [0.125, 0.25, 0.5, 1],
      [0.0625, 0.125, 0.25, 0.5],
    ]);
  });

  it.each(['ab', 'ba'])('two that feed each other swap their values: %s', async (order) => {
    const simulation = await start(`
components:
${[...order].map((name) => `  ${name}: { fmu: gain.fmu, start: { k: -0.5, b: ${name === 'a' ? 3 : 6} } }`).join('\n')}
connections: [ a.y -> b.u, b.y -> a.u ]
step: 1
`);
    // At the start the loop is solved: a = 3 - b / 2 and b = 6 - a / 2.
    expect(history(simulation, 3, 'a.y', 'b.y')).toEqual(Array(4).fill([0, 6]));
    // From now on a = 7 - b / 2: the change goes round, halved and negated by each.
    simulation.set(findPort(simulation.system, 'a.b')!, [7]);
    expect(history(simulation, 4, 'a.y', 'b.y').slice(1)).toEqual([
      [4, 6],
      [4, 4],
      [5, 4],
      [5, 3.5],
    ]);
  });

  it('one output feeds many inputs, of others and of its own component', async () => {
    const names = ['p', 'q', 'r'];
    const simulation = await start(`
components:
  source: { fmu: dahlquist.fmu }
  own: { fmu: gain.fmu, start: { k: 0.5, b: 1 } }
  ${names.map((name, i) => `${name}: { fmu: gain.fmu, start: { k: ${i + 2} } }`).join('\n  ')}
connections:
  ${names.map((name) => `- source.x -> ${name}.u`).join('\n  ')}
  - own.y -> own.u
step: 0.5
`);
    expect(history(simulation, 2, 'source.x', 'p.y', 'q.y', 'r.y')).toEqual([
      [1, 2, 3, 4],
      [0.5, 2, 3, 4],
      [0.25, 1, 1.5, 2],
    ]);
    expect(value(simulation, 'own.y')).toBe(2);
    simulation.set(findPort(simulation.system, 'own.b')!, [3]);
    expect(course(simulation, 3, 'own.y')).toEqual([2, 4, 5, 5.5]);
  });

  it('an input that nothing feeds keeps its start value', async () => {
    const simulation = await start('components: { a: { fmu: gain.fmu, start: { u: 2.5, k: 2 } } }\nstep: 1\n');
    expect(course(simulation, 2, 'a.y')).toEqual([5, 5, 5]);
  });
});

describe('what cannot be simulated', () => {
  it.each(['me2', 'me3'])('%s, an FMU for model exchange only, is refused', async (name) => {
    await expect(read(`components: { m: { fmu: ${name}.fmu } }\nstep: 1\n`)).rejects.toThrow(
      new RegExp(`system.yaml:2:\\d+: .*${name}.fmu offers model exchange only, not co-simulation`),
    );
  });

  it('an FMU that refuses to initialise ends the run before it begins, with what it said', async () => {
    const error = await failure(
      'components: { m: { fmu: misbehave.fmu, start: { mode: fail_initialization } } }\nstep: 1\n',
    );
    expect(error).toMatchObject({ code: 'TB_FMI_ERROR', report: undefined });
    expect(error.message).toMatch(/^m: fmi2ExitInitializationMode at t = 0 s returned fmi2Error\n {2}m: /);
  });

  it('a simulation that is closed makes no more steps, and may be closed again', async () => {
    const simulation = await start('components: { c: { fmu: counter.fmu } }\nstep: 1\n');
    const read = simulation.reader(findPort(simulation.system, 'c.count')!);
    simulation.close();
    simulation.close();
    expect(read).toThrow('the simulation is closed');
    expect(() => simulation.advance(1)).toThrow('the simulation is closed');
    expect(() => simulation.time).toThrow('the simulation is closed');
  });

  it('a simulation that was not initialised is closed all the same', async () => {
    (await create('components: { c: { fmu: counter.fmu } }\nstep: 1\n')).close();
  });
});
