/** What the master computes itself between steps: linear transformations, sums, sums of vectors. */
import { describe, expect, it } from 'vitest';
import { course, history, master, step, value, values } from './support.js';

const { start } = master('arrays3', 'dahlquist', 'enumer', 'feedthrough', 'gain', 'vector');

describe.each(['jacobi', 'gauss-seidel'])('with %s', (algorithm) => {
  /** Steps that a value takes from one component to the next. */
  const delay = algorithm === 'jacobi' ? 1 : 0;
  const x = (n: number) => 0.5 ** Math.max(0, n);

  it('a linear function: factor * in + offset', async () => {
    const simulation = await start(`
components: { g: { fmu: gain.fmu }, source: { fmu: dahlquist.fmu } }
functions: { f: { type: linear, factor: 10, offset: 1 } }
connections: [ source.x -> f.in, f.out -> g.u ]
algorithm: ${algorithm}
step: 0.5
`);
    expect(course(simulation, 4, 'g.y')).toEqual([0, 1, 2, 3, 4].map((n) => 10 * x(n - delay) + 1));
  });

  it('a sum of several, one of them feeding another function', async () => {
    const simulation = await start(`
components: { g: { fmu: gain.fmu }, a: { fmu: dahlquist.fmu }, b: { fmu: gain.fmu, start: { u: 2, b: 0.5 } } }
functions: { total: { type: sum, inputs: 3 }, twice: { type: linear, factor: 2 } }
connections: [ 'a.x -> total.in[0]', 'b.y -> total.in[1]', twice.out -> g.u, 'a.x -> total.in[2]', total.out -> twice.in ]
algorithm: ${algorithm}
step: 0.5
`);
    expect(course(simulation, 3, 'g.y')).toEqual([0, 1, 2, 3].map((n) => 2 * (2 * x(n - delay) + 2.5)));
  });

  it('a sum of vectors, fed element by element and as a whole', async () => {
    const simulation = await start(`
components:
  arrays: { fmu: arrays3.fmu, start: { u3: [1, 10, 100] } }
  other: { fmu: arrays3.fmu, start: { k: 1 } }
  mass: { fmu: vector.fmu, start: { "force[0]": 2, "force[1]": 4, "force[2]": -6 } }
functions: { total: { type: vector-sum, inputs: 2, dimension: 3 } }
connections:
  - arrays.y3 -> total.in[0]
  - mass.velocity[0] -> total.in[1][0]
  - mass.velocity[1] -> total.in[1][1]
  - mass.velocity[2] -> total.in[1][2]
  - total.out -> other.u3
algorithm: ${algorithm}
step: 0.5
`);
    const velocity = (n: number) => [1, 2, -3].map((v) => v * Math.max(0, n));
    for (let n = 0; n < 4; n++) {
      const v = velocity(n - delay);
      const expected = [2 + v[0]!, 20 + v[1]!, 200 + v[2]!];
      expect(values(simulation, 'other.y3[0]', 'other.y3[1]', 'other.y3[2]')).toEqual(expected);
      step(simulation);
    }
  });

  it('an element of a sum of vectors goes to a scalar, scaled on the way', async () => {
    const simulation = await start(`
components: { arrays: { fmu: arrays3.fmu, start: { u3: [1, 2, 3] } }, g: { fmu: gain.fmu } }
functions: { total: { type: vector-sum, inputs: 1, dimension: 3 } }
connections: [ 'arrays.y3 -> total.in[0]', { from: 'total.out[2]', to: g.u, factor: -1, offset: 0.5 } ]
algorithm: ${algorithm}
step: 1
`);
    expect(course(simulation, 2, 'g.y')).toEqual([-5.5, -5.5, -5.5]);
  });

  it('takes and gives numbers of any type', async () => {
    const simulation = await start(`
components:
  e: { fmu: enumer.fmu, start: { number_in: 3, flag_in: true, mode_in: slow } }
  f: { fmu: feedthrough.fmu }
functions: { total: { type: sum, inputs: 3 } }
connections: [ 'e.number -> total.in[0]', 'e.flag -> total.in[1]', 'e.mode -> total.in[2]', total.out -> f.integer_in, total.out -> f.boolean_in ]
algorithm: ${algorithm}
step: 1
`);
    expect(history(simulation, 1, 'f.integer_out', 'f.boolean_out')).toEqual([
      [5, true],
      [5, true],
    ]);
  });
});

describe('of a slower component', () => {
  it('as the Open Simulation Platform has it: d(0.2 s) -> 10 x + 1 -> f(0.1 s)', async () => {
    const simulation = await start(`
components: { d: { fmu: dahlquist.fmu, start: { k: 1.8 }, step: 0.2 }, f: { fmu: feedthrough.fmu } }
functions: { t: { type: linear, factor: 10, offset: 1 } }
connections: [ d.x -> t.in, t.out -> f.real_in ]
step: 0.1
`);
    const rows = course(simulation, 7, 'f.real_out') as number[];
    const x = (k: number) => 0.64 ** k;
    expect(rows).toEqual([0, 0, 0, 1, 1, 2, 2, 3].map((k) => expect.closeTo(10 * x(k) + 1, 12)));
    expect(rows.slice(0, 6).map((y) => Number(y.toFixed(3)))).toEqual([11, 11, 11, 7.4, 7.4, 5.096]);
  });

  it('and of a faster one: the slower sees the newest when its step begins', async () => {
    const simulation = await start(`
components: { s: { fmu: gain.fmu, step: 1 }, d: { fmu: dahlquist.fmu } }
functions: { t: { type: linear, factor: 4 } }
connections: [ d.x -> t.in, t.out -> s.u ]
step: 0.5
`);
    expect(course(simulation, 6, 's.y')).toEqual([4, 4, 4, 4, 1, 1, 0.25]);
    expect(value(simulation, 'd.x')).toBe(0.5 ** 6);
  });
});
