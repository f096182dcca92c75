/** Arrays of FMI 3.0, their elements, and sizes that structural parameters say. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { course, history, master, step, value, values } from './support.js';

const { start, read } = master('arrays3', 'dahlquist', 'gain', 'vector');

const elements = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}[${i}]`);

describe('an array', () => {
  it('goes to another as a whole, in the order of its elements', async () => {
    const simulation = await start(`
components: { a: { fmu: arrays3.fmu, start: { u3: [1, -2, 3.5] } }, b: { fmu: arrays3.fmu, start: { k: -1 } } }
connections: [ a.y3 -> b.u3 ]
step: 1
`);
    expect(history(simulation, 1, ...elements('b.y3', 3))).toEqual([
      [-2, 4, -7],
      [-2, 4, -7],
    ]);
    simulation.set(findPort(simulation.system, 'a.u3')!, [0, 1, 10]);
    step(simulation, 2);
    expect(values(simulation, ...elements('b.y3', 3))).toEqual([-0, -2, -20]);
  });

  it('of rows and columns is row-major', async () => {
    const simulation = await start(`
components: { a: { fmu: arrays3.fmu, start: { matrix_in: [1, 2, 3, 4] } }, b: { fmu: arrays3.fmu } }
connections: [ a.matrix_out -> b.matrix_in ]
step: 1
`);
    expect(values(simulation, ...elements('b.matrix_out', 4))).toEqual([1, 2, 3, 4]);
  });

  it('has as many elements as its structural parameter says, each component its own number', async () => {
    const simulation = await start(`
components:
  two: { fmu: arrays3.fmu, start: { n: 2, k: 1, u: [1, 10] } }
  five: { fmu: arrays3.fmu, start: { n: 5, k: 1, u: [1, 1, 1, 1, 1] } }
  again: { fmu: arrays3.fmu, start: { n: 5, k: 1 } }
connections: [ five.y -> again.u ]
step: 1
`);
    // y = A u, with 1 in the diagonal and 2 to the right of it.
    expect(values(simulation, ...elements('two.y', 2))).toEqual([21, 10]);
    expect(values(simulation, ...elements('again.y', 5))).toEqual([9, 9, 9, 5, 1]);
    step(simulation, 3);
    expect(values(simulation, ...elements('again.y', 5))).toEqual([9, 9, 9, 5, 1]);
    expect(simulation.scalars(findPort(simulation.system, 'five.y')!)).toHaveLength(5);
  });

  it('of a size that another does not have cannot go to it', async () => {
    await expect(
      read(`
components: { a: { fmu: arrays3.fmu, start: { n: 3 } }, b: { fmu: arrays3.fmu } }
connections: [ a.y -> b.u ]
step: 1
`),
    ).rejects.toThrow(/sizes do not match: 'a.y' \(Float64, 3 elements\) to 'b.u' \(Float64, 4 elements\)/);
  });

  it('whose parameter matrix is given starts with it', async () => {
    const simulation = await start(`
components: { a: { fmu: arrays3.fmu, start: { n: 2, k: 1, A: [1, 2, 3, 4], u: [1, 10] } } }
step: 1
`);
    expect(values(simulation, ...elements('a.y', 2))).toEqual([21, 43]);
  });
});

describe('an element', () => {
  it.each(['jacobi', 'gauss-seidel'])(
    'goes to a scalar and comes from one, and to elements, converted: %s',
    async (algorithm) => {
      const simulation = await start(`
components:
  a: { fmu: arrays3.fmu, start: { u3: [1, 2, 3], matrix_in: [7, 8, 9, 10] } }
  s: { fmu: dahlquist.fmu }
  g: { fmu: gain.fmu }
  b: { fmu: arrays3.fmu, start: { u3: [100, 200, 300], matrix_in: [-1, -2, -3, -4] } }
connections:
  - a.y3[2] -> g.u
  - s.x -> b.u3[1]
  - a.y3[0] -> b.u3[0]
  - { from: 'a.y3[1]', to: 'b.matrix_in[3]', factor: 1.6 }
  - a.matrix_out[2] -> b.matrix_in[0]
algorithm: ${algorithm}
step: 0.5
`);
      const names = ['g.y', ...elements('b.y3', 3), ...elements('b.matrix_out', 4)];
      const x = (n: number) => 2 * 0.5 ** Math.max(0, algorithm === 'jacobi' ? n - 1 : n);
      expect(history(simulation, 3, ...names)).toEqual([0, 1, 2, 3].map((n) => [6, 4, x(n), 600, 9, -2, -3, 6]));
    },
  );

  it('that nothing feeds keeps its value, also when it is set while the simulation runs', async () => {
    const simulation = await start(`
components: { s: { fmu: dahlquist.fmu }, b: { fmu: arrays3.fmu, start: { k: 1, u3: [100, 200, 300] } } }
connections: [ 's.x -> b.u3[1]' ]
step: 0.5
`);
    step(simulation, 2);
    expect(values(simulation, ...elements('b.y3', 3))).toEqual([100, 0.5, 300]);
    simulation.set(findPort(simulation.system, 'b.u3[2]')!, [-1]);
    step(simulation, 1);
    expect(values(simulation, ...elements('b.y3', 3))).toEqual([100, 0.25, -1]);
    step(simulation, 1);
    expect(values(simulation, ...elements('b.y3', 3))).toEqual([100, 0.125, -1]);
  });

  it('of an array that nothing feeds is set without the others', async () => {
    const simulation = await start(
      'components: { b: { fmu: arrays3.fmu, start: { k: 1, u3: [1, 2, 3] } } }\nstep: 1\n',
    );
    simulation.set(findPort(simulation.system, 'b.u3[1]')!, [-2]);
    step(simulation);
    expect(values(simulation, ...elements('b.y3', 3))).toEqual([1, -2, 3]);
    expect(simulation.get(findPort(simulation.system, 'b.u3[2]')!)).toEqual([3]);
  });

  it('that is not there is a mistake', async () => {
    await expect(
      read(
        'components: { a: { fmu: arrays3.fmu }, g: { fmu: gain.fmu } }\nconnections: [ "a.y3[3] -> g.u" ]\nstep: 1\n',
      ),
    ).rejects.toThrow(/'a' has no variable 'y3\[3\]'/);
  });
});

describe('names with an index in FMI 2.0', () => {
  it('are variables of their own, which lie side by side and pass in one', async () => {
    const simulation = await start(`
components: { a: { fmu: vector.fmu, start: { "force[0]": 1, "force[1]": 2, "force[2]": 3 } }, b: { fmu: vector.fmu, start: { mass: 2 } } }
connections: [ { from: 'a.velocity[0]', to: 'b.force[0]', units: ignore }, { from: 'a.velocity[1]', to: 'b.force[1]', units: ignore }, { from: 'a.velocity[2]', to: 'b.force[2]', units: ignore } ]
step: 1
`);
    step(simulation, 3);
    expect(values(simulation, ...elements('b.velocity', 3))).toEqual([1.5, 3, 4.5]);
    // One of the components' inputs are taken from where the outputs of the other lie: nothing is moved.
    expect(simulation.plan.spec.code.filter(({ op }) => op === 'move')).toEqual([]);
  });

  it('in another order are moved', async () => {
    const simulation = await start(`
components: { a: { fmu: vector.fmu, start: { "force[0]": 1, "force[1]": 2, "force[2]": 3 } }, b: { fmu: vector.fmu } }
connections: [ { from: 'a.velocity[2]', to: 'b.force[0]', units: ignore }, { from: 'a.velocity[0]', to: 'b.force[1]', units: ignore }, { from: 'a.velocity[1]', to: 'b.force[2]', units: ignore } ]
step: 1
`);
    step(simulation, 3);
    expect(values(simulation, ...elements('b.velocity', 3))).toEqual([9, 3, 6]);
    expect(course(simulation, 1, 'b.velocity[1]')).toEqual([3, 6]);
    expect(value(simulation, 'a.velocity[0]')).toBe(4);
  });
});
