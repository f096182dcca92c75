/** Gauss-Seidel steps: a component sees the new values of those behind which it is stepped. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { course, history, master, value } from './support.js';

const { start } = master('counter', 'dahlquist', 'feedthrough', 'gain', 'oscillator');

describe('Gauss-Seidel', () => {
  it.each(['sabc', 'cbas', 'bsca'])('a value has no delay along a chain: %s', async (order) => {
    const simulation = await start(`
components:
${[...order].map((name) => `  ${name}: { fmu: ${name === 's' ? 'dahlquist' : 'feedthrough'}.fmu }`).join('\n')}
connections: [ s.x -> a.real_in, a.real_out -> b.real_in, b.real_out -> c.real_in ]
algorithm: gauss-seidel
step: 0.5
`);
    expect(history(simulation, 3, 's.x', 'a.real_out', 'b.real_out', 'c.real_out')).toEqual(
      [1, 0.5, 0.25, 0.125].map((x) => [x, x, x, x]),
    );
  });

  it('an output that depends on no input directly breaks a cycle: its component comes first', async () => {
    // f_out of a body that is moved depends on the motion directly, its position and velocity on nothing but its state.
    const text = (order: readonly string[]) => `
components:
${order.map((name) => `  ${name}: { fmu: oscillator.fmu, start: { ${name === 'driven' ? 'x0: 1, c: 2' : 'ck: 3, dk: 0.1, c: 1'} } }`).join('\n')}
connections: [ driven.x -> driver.x_in, driven.v -> driver.v_in, driver.f_out -> driven.f ]
algorithm: gauss-seidel
loops: { atSteps: false }
step: 0.01
`;
    const one = await start(text(['driven', 'driver']));
    const other = await start(text(['driver', 'driven']));
    expect(one.plan.order.open).toEqual([]);
    expect(
      one.plan.order.blocks.map(({ components }) => components.map((c) => one.system.components[c]!.name)),
    ).toEqual([['driven'], ['driver']]);
    const names = ['driven.x', 'driven.v', 'driver.x', 'driver.f_out'];
    expect(history(one, 50, ...names)).toEqual(history(other, 50, ...names));
  });

  it('of a component that feeds a slower and a faster one, both see its newest value', async () => {
    const simulation = await start(`
components:
  slow: { fmu: gain.fmu, step: 0.5 }
  fast: { fmu: gain.fmu }
  source: { fmu: dahlquist.fmu }
connections: [ source.x -> slow.u, source.x -> fast.u ]
algorithm: gauss-seidel
step: 0.25
`);
    const x = (n: number) => 0.75 ** n;
    expect(course(simulation, 4, 'fast.y')).toEqual([0, 1, 2, 3, 4].map(x));
    // The slow one is stepped when its step begins, behind the first step of the source.
    expect(value(simulation, 'slow.y')).toBe(x(3));
  });

  it('a slower component gives its new value to a faster one at the end of its step', async () => {
    const simulation = await start(`
components: { fast: { fmu: gain.fmu }, slow: { fmu: dahlquist.fmu, step: 0.5 } }
connections: [ slow.x -> fast.u ]
algorithm: gauss-seidel
step: 0.25
`);
    expect(course(simulation, 6, 'fast.y')).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]);
  });

  it('two separate chains do not get into each other', async () => {
    const simulation = await start(`
components:
  b2: { fmu: gain.fmu, start: { k: 10 } }
  a1: { fmu: dahlquist.fmu }
  a2: { fmu: gain.fmu }
  b1: { fmu: dahlquist.fmu, start: { k: 2 } }
connections: [ a1.x -> a2.u, b1.x -> b2.u ]
algorithm: gauss-seidel
step: 0.25
`);
    expect(history(simulation, 2, 'a2.y', 'b2.y')).toEqual([
      [1, 10],
      [0.75, 5],
      [0.5625, 2.5],
    ]);
  });

  it('an open loop: one value is that of the last communication point', async () => {
    const simulation = await start(`
components:
  a: { fmu: gain.fmu, start: { k: 0.5, b: 1 } }
  b: { fmu: gain.fmu, start: { k: 0.5 } }
connections: [ a.y -> b.u, b.y -> a.u ]
algorithm: gauss-seidel
loops: { atSteps: false }
step: 1
`);
    // a = 1 + b / 2 and b = a / 2: a = 4 / 3.
    expect(value(simulation, 'a.y')).toBeCloseTo(4 / 3, 12);
    simulation.set(findPort(simulation.system, 'a.b')!, [2]);
    const rows = history(simulation, 3, 'a.y', 'b.y') as [number, number][];
    for (const [n, [a, b]] of rows.entries()) {
      if (n === 0) continue;
      expect([a, b]).toEqual([2 + rows[n - 1]![1] / 2, a / 2]);
    }
    const [{ loop, reason }] = simulation.plan.order.open as [(typeof simulation.plan.order.open)[number]];
    expect(reason).toBe('loops are not iterated at steps (loops.atSteps)');
    expect(loop.path.toSorted()).toEqual(['a.y -> b.u', 'b.y -> a.u']);
  });
});
