/** Loops without a delay, iterated at each step: by default with Gauss-Seidel, with Jacobi where the system says so. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { components, history, master, step, value, values } from './support.js';

const { create, start, failure } = master('dahlquist', 'feedthrough', 'feedthrough3', 'gain', 'oscillator');

/** y = k u + b, each fed by the one before it. */
const ring = (gains: readonly number[], more = '') => `
${components(Object.fromEntries(gains.map((k, i) => [`g${i}`, `fmu: gain.fmu, start: { k: ${k}, b: 1 }`])))}
connections: [ ${gains.map((_, i) => `g${i}.y -> g${(i + 1) % gains.length}.u`).join(', ')} ]
step: 1
${more}
`;
const ITERATED = [
  ['gauss-seidel', 'algorithm: gauss-seidel'],
  ['jacobi', 'loops: { atSteps: true }'],
];

describe.each(ITERATED)('with %s', (name, algorithm) => {
  it.each([[[0.5]], [[-3]], [[0.9, 0.9]], [[2, 3]], [[-2, 3]], [[0.5, -0.25, 3, 2, 0.1, -7]]])(
    'a linear loop is solved at each step, whatever its gain: %j',
    async (gains) => {
      const simulation = await start(ring(gains, algorithm));
      for (const b of [5, -2, 0.125]) {
        simulation.set(findPort(simulation.system, 'g0.b')!, [b]);
        step(simulation);
        const y = gains.map((__, i) => value(simulation, `g${i}.y`) as number);
        for (const [i, k] of gains.entries()) {
          const u = y[(i + gains.length - 1) % gains.length]!;
          expect(y[i]).toBeCloseTo(k * u + (i === 0 ? b : 1), 7);
        }
      }
    },
  );

  it('a loop through functions is iterated with them', async () => {
    const simulation = await start(`
components: { a: { fmu: gain.fmu, start: { k: 0.5 } }, b: { fmu: gain.fmu, start: { b: 1 } }, d: { fmu: dahlquist.fmu } }
functions: { s: { type: sum, inputs: 3 }, l: { type: linear, factor: -2, offset: 0.5 } }
connections: [ 'a.y -> s.in[0]', 'b.y -> s.in[1]', 'd.x -> s.in[2]', s.out -> l.in, l.out -> a.u, a.y -> b.u ]
step: 0.5
${algorithm}
`);
    const isGaussSeidel = simulation.system.algorithm === 'gauss-seidel';
    const rows = history(simulation, 4, 'a.y', 'b.y', 'd.x') as number[][];
    for (const [n, [a, b]] of rows.entries()) {
      // What comes from outside of the loop is old with Jacobi, new with Gauss-Seidel.
      const x = rows[isGaussSeidel || n === 0 ? n : n - 1]![2]!;
      expect(a).toBeCloseTo(0.5 * (-2 * (a! + b! + x) + 0.5), 7);
      expect(b).toBeCloseTo(a! + 1, 7);
    }
  });

  it('several values go round at once', async () => {
    // Two masses: each is driven by a spring to the other, and all of it within one loop of forces and motions.
    const gains = [
      [0.3, -2],
      [4, 0.2],
    ];
    const simulation = await start(`
${components({
  a: 'fmu: gain.fmu, start: { b: 1 }',
  b: 'fmu: gain.fmu, start: { b: -1 }',
  aa: `fmu: gain.fmu, start: { k: ${gains[0]![0]} }`,
  ab: `fmu: gain.fmu, start: { k: ${gains[0]![1]} }`,
  ba: `fmu: gain.fmu, start: { k: ${gains[1]![0]} }`,
  bb: `fmu: gain.fmu, start: { k: ${gains[1]![1]} }`,
})}
functions: { sa: { type: sum }, sb: { type: sum } }
connections:
  [ a.y -> aa.u, b.y -> ab.u, a.y -> ba.u, b.y -> bb.u, 'aa.y -> sa.in[0]', 'ab.y -> sa.in[1]', 'ba.y -> sb.in[0]', 'bb.y -> sb.in[1]',
    sa.out -> a.u, sb.out -> b.u ]
step: 1
${algorithm}
`);
    simulation.set(findPort(simulation.system, 'a.b')!, [3]);
    step(simulation);
    const [a, b] = values(simulation, 'a.y', 'b.y') as [number, number];
    expect(a).toBeCloseTo(0.3 * a - 2 * b + 3, 7);
    expect(b).toBeCloseTo(4 * a + 0.2 * b - 1, 7);
  });

  it('the step of each component is made from its own state in each round', async () => {
    // Oscillators that hang on each other: f_out depends on x_in directly, x does not on f. One loop through f_out by a gain.
    const simulation = await start(`
components:
  a: { fmu: oscillator.fmu, start: { x0: 1, ck: 1, dk: 0.5 } }
  g: { fmu: gain.fmu, start: { k: 0.25 } }
connections: [ a.f_out -> g.u, g.y -> a.x_in ]
step: 0.01
${algorithm}
`);
    const rows = history(simulation, 100, 'a.x', 'a.v', 'a.f_out', 'g.y') as number[][];
    for (const [x, v, f, y] of rows) {
      expect(y).toBeCloseTo(0.25 * f!, 8);
      // f_out = ck (x - x_in) + dk (v - v_in), with the x_in of the end of the step.
      expect(f).toBeCloseTo(x! - y! + 0.5 * v!, 8);
    }
    // It swings about once per 2 pi / sqrt(1.8) s and loses energy.
    expect(rows.at(-1)![0]).toBeLessThan(0.6);
    expect(rows.at(-1)![0]).toBeGreaterThan(0.2);
  });

  it('one that does not settle ends the run, at its time, with its path', async () => {
    const error = await failure(
      `${ring([1, 2], algorithm)}stop: 5\nscenario: { events: [ { time: 2, set: g1.k, value: 1 } ] }\n`,
    );
    expect(error).toMatchObject({ code: 'TB_MASTER_ALGEBRAIC_LOOP', report: { outcome: 'failed', steps: 2, time: 2 } });
    expect(error.message).toMatch(
      /^at t = 2 s an algebraic loop does not settle after 100 rounds: g\d.y -> g\d.u, g\d.y -> g\d.u$/,
    );
    expect(error.remedy).toMatch(/loops.atSteps: false/);
  });

  it("rounds and tolerance are the system's", async () => {
    const text = (settings: string) =>
      `${components({ a: 'fmu: gain.fmu, start: { k: 0.5, b: 1 }', b: 'fmu: gain.fmu, start: { k: 1.5 }' })}
connections: [ a.y -> b.u, b.y -> a.u ]
algorithm: ${name}
loops: { atSteps: true, ${settings} }
step: 1
`;
    const few = await create(text('iterations: 2'));
    expect(() => few.initialize()).toThrow('do not settle after 2 rounds');
    const enough = await start(text('iterations: 4'));
    step(enough);
    expect(value(enough, 'a.y')).toBeCloseTo(4, 7);
    // A tolerance so large that the first round is enough: what goes round has not been passed on yet.
    const rough = await start(text('tolerance: 10'));
    const [oldA, oldB] = values(rough, 'a.y', 'b.y') as [number, number];
    rough.set(findPort(rough.system, 'a.b')!, [2]);
    step(rough);
    const [a, b] = values(rough, 'a.y', 'b.y') as [number, number];
    expect((a === 0.5 * oldB + 2 && b === 1.5 * a) || (b === 1.5 * oldA && a === 0.5 * b + 2)).toBe(true);
  });

  it('what has nothing between two values goes round as it is, until it stays', async () => {
    const simulation = await start(`
components:
  a: { fmu: feedthrough.fmu, start: { integer_in: 3 } }
  b: { fmu: feedthrough.fmu }
connections: [ a.integer_out -> b.integer_in, { from: b.integer_out, to: a.integer_in, factor: 0.5, offset: 2.2 } ]
algorithm: ${name}
loops: { atSteps: true }
step: 1
`);
    // n = round(n / 2 + 2.2): 4.
    expect(history(simulation, 2, 'a.integer_out', 'b.integer_out')).toEqual(Array(3).fill([4, 4]));
  });
});

describe('Jacobi with loops at steps', () => {
  it.each(['lgcd', 'dcgl', 'gdlc'])(
    'all but the loop see old values, and it sees those of the others: %s',
    async (order) => {
      // l and g are a loop; c counts on it from outside, and comes back into it by an input that is not direct.
      const fmus: Record<string, string> = {
        l: 'fmu: gain.fmu, start: { k: 0.5, b: 1 }',
        g: 'fmu: gain.fmu, start: { k: 0.5 }',
        c: 'fmu: gain.fmu, start: { k: 3 }',
        d: 'fmu: oscillator.fmu, start: { x0: 1 }',
      };
      const simulation = await start(`
${components(Object.fromEntries([...order].map((name) => [name, fmus[name]!])))}
functions: { s: { type: sum } }
connections: [ l.y -> g.u, 'g.y -> s.in[0]', 'd.x -> s.in[1]', s.out -> l.u, l.y -> c.u, c.y -> d.f ]
loops: { atSteps: true }
step: 0.5
`);
      const rows = history(simulation, 6, 'l.y', 'g.y', 'c.y', 'd.x') as number[][];
      for (let n = 1; n < rows.length; n++) {
        const [l, g, c] = rows[n]!;
        const [oldL, , , oldX] = rows[n - 1]!;
        expect(g).toBeCloseTo(0.5 * l!, 8);
        expect(l).toBeCloseTo(0.5 * (g! + oldX!) + 1, 8);
        expect(c).toBe(3 * oldL!);
      }
    },
  );

  it('two loops that feed each other by states see old values of each other', async () => {
    const two = (order: string) => `
${components(
  Object.fromEntries(
    [...order].map((name) => [
      name,
      'pq'.includes(name) ? 'fmu: oscillator.fmu, start: { x0: 1, ck: 1 }' : 'fmu: gain.fmu, start: { k: 0.25 }',
    ]),
  ),
)}
connections: [ p.f_out -> a.u, a.y -> p.x_in, q.f_out -> b.u, b.y -> q.x_in, p.f_out -> q.f, q.f_out -> p.f ]
loops: { atSteps: true }
step: 0.125
`;
    const names = ['p.x', 'p.f_out', 'a.y', 'q.x', 'q.f_out', 'b.y'];
    const one = history(await start(two('paqb')), 20, ...names);
    const other = history(await start(two('bqap')), 20, ...names);
    for (const [n, row] of one.entries()) {
      for (const [i, x] of row.entries()) expect(x).toBeCloseTo(other[n]![i] as number, 8);
      // They are the same, so that what is old and what is new shows: one that saw the other's new force would differ.
      expect(row[0]).toBeCloseTo(row[3] as number, 8);
    }
  });
});

describe('a loop that cannot be iterated', () => {
  it('since a component does not save its state, is open: one value is a step late, and the plan says why', async () => {
    const simulation = await start(`
components: { f: { fmu: feedthrough3.fmu }, g: { fmu: gain.fmu, start: { k: 0.5, b: 1 } } }
connections: [ f.float64_out -> g.u, g.y -> f.float64_in ]
algorithm: gauss-seidel
step: 1
`);
    expect(simulation.plan.order.open.map(({ reason }) => reason)).toEqual([
      "'f' cannot go back, it does not save its state",
    ]);
    simulation.set(findPort(simulation.system, 'g.b')!, [2]);
    const rows = history(simulation, 4, 'f.float64_out', 'g.y') as [number, number][];
    for (const [n, [f, g]] of rows.entries()) {
      if (n === 0) continue;
      const isFirst = f === rows[n - 1]![1] && g === 0.5 * f + 2;
      const isLast = g === 0.5 * rows[n - 1]![0] + 2 && f === g;
      expect(isFirst || isLast).toBe(true);
    }
  });

  it('since a component has a step size of its own, is open', async () => {
    const simulation = await start(
      ring([0.5, 0.5], 'algorithm: gauss-seidel').replaceAll('gain.fmu,', 'gain.fmu, step: 2,'),
    );
    expect(simulation.plan.order.open.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^'g\d' has a step size of its own$/),
    ]);
    simulation.set(findPort(simulation.system, 'g0.b')!, [4]);
    const rows = history(simulation, 6, 'g0.y', 'g1.y') as [number, number][];
    for (let n = 2; n < rows.length; n += 2) {
      const [[oldA, oldB], [a, b]] = [rows[n - 2]!, rows[n]!];
      const isFirst = a === 4 + oldB / 2 && b === 1 + a / 2;
      const isLast = b === 1 + oldA / 2 && a === 4 + b / 2;
      const isBoth = a === 4 + oldB / 2 && b === 1 + oldA / 2;
      expect([n, isFirst || isLast || isBoth]).toEqual([n, true]);
    }
  });
});

describe('any linear system', () => {
  const gain = fc.integer({ min: -30, max: 30 }).map((n) => n / 10);
  const matrix = fc
    .integer({ min: 1, max: 5 })
    .chain((n) =>
      fc.tuple(
        fc.array(fc.array(fc.option(gain, { nil: 0 }), { minLength: n, maxLength: n }), { minLength: n, maxLength: n }),
        fc.array(gain, { minLength: n, maxLength: n }),
      ),
    );

  it.each(ITERATED)(
    'is solved where it has one solution: %s',
    async (_, algorithm) => {
      await fc.assert(
        fc.asyncProperty(matrix, async ([k, b]) => {
          // y = K y + b, each product a component of its own, each row a sum.
          fc.pre(smallestPivot(k.map((row, i) => row.map((one, j) => (i === j ? 1 : 0) - one))) > 0.05);
          const products = k.flatMap((row, i) => row.flatMap((one, j) => (one === 0 ? [] : [{ i, j, one }])));
          const simulation = await start(`
${components({
  ...Object.fromEntries(b.map((__, i) => [`y${i}`, 'fmu: gain.fmu'])),
  ...Object.fromEntries(products.map(({ i, j, one }) => [`p${i}_${j}`, `fmu: gain.fmu, start: { k: ${one} }`])),
})}
functions: { ${b.map((__, i) => `s${i}: { type: sum, inputs: ${b.length} }`).join(', ')} }
connections:
${[
  ...products.flatMap(({ i, j }) => [`y${j}.y -> p${i}_${j}.u`, `p${i}_${j}.y -> s${i}.in[${j}]`]),
  ...b.map((__, i) => `s${i}.out -> y${i}.u`),
]
  .map((wire) => `  - ${wire}\n`)
  .join('')}
step: 1
${algorithm}
`);
          for (const [i, one] of b.entries()) simulation.set(findPort(simulation.system, `y${i}.b`)!, [one]);
          // With Jacobi what one loop gives another takes a step to it, and one through each product.
          step(simulation, 2 * b.length);
          const y = b.map((__, i) => value(simulation, `y${i}.y`) as number);
          for (const [i, row] of k.entries()) {
            const sum = row.reduce((total, one, j) => total + one * y[j]!, 0) + b[i]!;
            expect(Math.abs(y[i]! - sum)).toBeLessThan(1e-6 * Math.max(1, Math.abs(sum)));
          }
          simulation.close();
        }),
        { numRuns: 60 },
      );
    },
    300_000,
  );
});

/** Of Gauss's elimination with pivoting: how far from singular the matrix is. */
function smallestPivot(matrix: readonly (readonly number[])[]): number {
  const rows = matrix.map((row) => [...row]);
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rows.length; i++) {
    const best = rows.slice(i).reduce((at, row, j) => (Math.abs(row[i]!) > Math.abs(rows[at]![i]!) ? i + j : at), i);
    [rows[i], rows[best]] = [rows[best]!, rows[i]!];
    const pivot = rows[i]![i]!;
    smallest = Math.min(smallest, Math.abs(pivot));
    if (pivot === 0) return 0;
    for (let j = i + 1; j < rows.length; j++) {
      const times = rows[j]![i]! / pivot;
      for (let c = i; c < rows.length; c++) rows[j]![c]! -= times * rows[i]![c]!;
    }
  }
  return smallest;
}
