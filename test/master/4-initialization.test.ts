/** The first communication point: start values, and values passed on without a delay, in the order of what depends on what. */
import { describe, expect, it } from 'vitest';
import { AlgebraicLoopError } from '#tb/master/index.js';
import { components, course, master, value, values } from './support.js';

const { create, start, failure } = master(
  'arrays3',
  'dahlquist',
  'dahlquist1',
  'enumer',
  'feedthrough',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'oscillator',
  'predictor',
  'vector',
);

describe('initial values', () => {
  it.each(['abc', 'cba', 'bca'])(
    'go along a chain in one pass, in whatever order the components stand: %s',
    async (order) => {
      const simulation = await start(`
components:
${[...order].map((name) => `  ${name}: { fmu: gain.fmu, start: { k: 2, b: 1, u: ${name === 'a' ? 5 : 100} } }`).join('\n')}
connections: [ a.y -> b.u, b.y -> c.u ]
step: 1
`);
      expect(values(simulation, 'a.y', 'b.y', 'c.y')).toEqual([11, 23, 47]);
    },
  );

  it('a connection counts more than a start value', async () => {
    const simulation = await start(`
components: { a: { fmu: gain.fmu, start: { b: 7 } }, b: { fmu: gain.fmu, start: { u: 3 } } }
connections: [ a.y -> b.u ]
step: 1
`);
    expect(value(simulation, 'b.y')).toBe(7);
  });

  it('of every type are those that the system gives', async () => {
    const simulation = await start(`
components:
  f: { fmu: feedthrough.fmu, start: { real_in: -0.1, integer_in: -7, boolean_in: true, string_in: "ä, \\"b\\"", choice_in: second } }
step: 1
`);
    expect(values(simulation, 'f.real_out', 'f.integer_out', 'f.boolean_out', 'f.string_out', 'f.choice_out')).toEqual([
      -0.1,
      -7,
      true,
      'ä, "b"',
      2,
    ]);
  });

  it('of parameters may come from outputs, once, at the start', async () => {
    // m of the second body is a fixed parameter, fed by what the first calculates at the start.
    const simulation = await start(`
components:
  mass: { fmu: dahlquist.fmu, start: { x0: 2.5 } }
  body: { fmu: vector.fmu, start: { "force[0]": 5 } }
connections: [ mass.x -> body.mass ]
step: 1
`);
    expect(course(simulation, 2, 'body.velocity[0]')).toEqual([0, 2, 4]);
  });

  it('of tunable parameters come from outputs at each step', async () => {
    const simulation = await start(`
components:
  source: { fmu: dahlquist.fmu }
  g: { fmu: gain.fmu, start: { u: 10 } }
connections: [ source.x -> g.k ]
step: 0.5
`);
    expect(course(simulation, 3, 'g.y')).toEqual([10, 10, 5, 2.5]);
  });

  it('pass through an FMU of FMI 1.0, which initialises when its inputs are there', async () => {
    const simulation = await start(`
components:
  c: { fmu: gain.fmu }
  b: { fmu: feedthrough1.fmu, start: { offset: 1, real_in: 50 } }
  a: { fmu: gain.fmu, start: { b: 3 } }
  d: { fmu: feedthrough1.fmu }
connections: [ a.y -> b.real_in, b.real_out -> c.u, c.y -> d.real_in ]
step: 1
`);
    expect(values(simulation, 'a.y', 'b.real_out', 'c.y', 'd.real_out')).toEqual([3, 4, 4, 4]);
    expect(value(simulation, 'd.string_out')).toBe('start');
  });
});

describe('a loop at the start', () => {
  /** y = k u + b, each fed by the one before it. */
  const ring = (gains: readonly number[], algorithm = 'jacobi') => `
${components(Object.fromEntries(gains.map((k, i) => [`g${i}`, `fmu: gain.fmu, start: { k: ${k}, b: ${i + 1} }`])))}
connections: [ ${gains.map((_, i) => `g${i}.y -> g${(i + 1) % gains.length}.u`).join(', ')} ]
algorithm: ${algorithm}
step: 1
`;
  const solution = (gains: readonly number[]) => {
    // The last one's output y: y = K y + B.
    let [K, B] = [1, 0];
    for (const [i, k] of gains.entries()) [K, B] = [K * k, B * k + i + 1];
    let y = B / (1 - K);
    return gains.map((k, i) => (y = k * y + i + 1));
  };

  it.each([
    [[0.5]],
    [[-3]],
    [[0.9, 0.9]],
    [[2, 3]],
    [[-2, 3]],
    [[1, 1.0001]],
    [[-1, 1]],
    [[0.5, -0.25, 3, 2, 0.1, -7]],
    [Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 1.5 : 0.8))],
  ])('is solved, whatever its gain: %j', async (gains) => {
    const simulation = await start(ring(gains));
    const found = gains.map((_, i) => value(simulation, `g${i}.y`) as number);
    const exact = solution(gains);
    for (const [i, y] of found.entries()) expect(y / exact[i]!).toBeCloseTo(1, 8);
  });

  it('with several values that go round is solved, too', async () => {
    // Three bodies, each on a spring to the other two, in equilibrium of forces: a full matrix of gains.
    const k = [
      [0.1, 2, -1],
      [1.5, 0.3, 0.7],
      [-0.6, 1.1, -2],
    ];
    const names = ['a', 'b', 'c'];
    const text = `
${components({
  ...Object.fromEntries(names.map((name, i) => [name, `fmu: gain.fmu, start: { k: 1, b: ${i + 1} }`])),
  ...Object.fromEntries(
    names.flatMap((to, i) => names.map((from, j) => [`${from}_${to}`, `fmu: gain.fmu, start: { k: ${k[i]![j]} }`])),
  ),
})}
functions: { ${names.map((name) => `sum_${name}: { type: sum, inputs: 3 }`).join(', ')} }
connections:
${names
  .flatMap((to) => [
    ...names.flatMap((from, j) => [`${from}.y -> ${from}_${to}.u`, `${from}_${to}.y -> sum_${to}.in[${j}]`]),
    `sum_${to}.out -> ${to}.u`,
  ])
  .map((wire) => `  - ${wire}\n`)
  .join('')}
step: 1
`;
    const simulation = await start(text);
    const y = names.map((name) => value(simulation, `${name}.y`) as number);
    for (const i of names.keys()) {
      const sum = k[i]!.reduce((total, gain, j) => total + gain * y[j]!, 0);
      expect(y[i]).toBeCloseTo(sum + i + 1, 7);
    }
  });

  it('of values of one kind only is passed on: whole numbers, truth values, texts', async () => {
    const simulation = await start(`
components:
  a: { fmu: feedthrough.fmu, start: { integer_in: 4, boolean_in: true, string_in: round } }
  b: { fmu: feedthrough.fmu }
connections:
  - a.integer_out -> b.integer_in
  - b.integer_out -> a.integer_in
  - a.boolean_out -> b.boolean_in
  - b.boolean_out -> a.boolean_in
  - a.string_out -> b.string_in
  - b.string_out -> a.string_in
step: 1
`);
    const types = ['integer', 'boolean', 'string'];
    expect(types.map((type) => value(simulation, `a.${type}_out`))).toEqual(
      types.map((type) => value(simulation, `b.${type}_out`)),
    );
  });

  it('without a solution fails, and says which', async () => {
    const simulation = await create(ring([1, 1]));
    expect(() => simulation.initialize()).toThrow(AlgebraicLoopError);
    const error = await failure(`${ring([1, 1])}stop: 1\n`);
    expect(error).toMatchObject({ code: 'TB_MASTER_ALGEBRAIC_LOOP', exitCode: 1, report: undefined });
    expect(error.message).toMatch(
      /^the initial values of a loop do not settle after 100 rounds: (g0.y -> g1.u, g1.y -> g0.u|g1.y -> g0.u, g0.y -> g1.u)$/,
    );
    expect(error.remedy).toMatch(/break the loop/);
  });

  it('through a function and a conversion is one, too', async () => {
    const simulation = await start(`
components: { a: { fmu: gain.fmu, start: { k: 2, b: 1 } } }
functions: { f: { type: linear, factor: 0.5, offset: 3 } }
connections: [ a.y -> f.in, { from: f.out, to: a.u, factor: -3, offset: 1 } ]
step: 1
`);
    // y = 2 u + 1, u = 1 - 3 (0.5 y + 3) = -8 - 1.5 y: y = -15 / 4.
    expect(value(simulation, 'a.y')).toBeCloseTo(-15 / 4, 8);
  });

  it('knows from the FMU that there is none', async () => {
    // predictor.px depends on x alone at the start, so x -> px -> y -> py is a chain.
    const simulation = await start(`
components: { p: { fmu: predictor.fmu, start: { x: 4 } } }
connections: [ p.py -> p.z, p.px -> p.y ]
step: 1
`);
    expect(values(simulation, 'p.px', 'p.py', 'p.pz')).toEqual([4, 4, 4]);
  });
});
