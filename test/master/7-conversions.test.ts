/**
 * Values on their way: from one type to another, scaled, from unit to unit, replaced by a table. At the start TypeScript
 * converts (`convertValue`), at steps C does (fmu-shim/src/plan/values.c): both come to the same.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ModelValue, storageOf } from '#tb/fmi/index.js';
import type { Simulation } from '#tb/master/index.js';
import { convertValue } from '#tb/master/start-up.js';
import { type Connection, findPort, type Port, type System, variableAt } from '#tb/system/index.js';
import { history, master, step, value, values } from './support.js';

const { start, read, create } = master(
  'counter',
  'dahlquist',
  'enumer',
  'feedthrough',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'units',
);

const FMI3 = [
  'float32',
  'float64',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'boolean',
  'choice',
];
const FMI2 = ['real', 'integer', 'boolean', 'choice'];
const FMI1 = ['real', 'integer', 'boolean'];
/** An output of each type of each version, and an input. */
const TYPES: readonly { readonly fmu: string; readonly type: string }[] = [
  ...FMI3.map((type) => ({ fmu: 'feedthrough3', type })),
  ...FMI2.map((type) => ({ fmu: 'feedthrough', type })),
  ...FMI1.map((type) => ({ fmu: 'feedthrough1', type })),
];

/** Sources of all types, and for each of them a target of each version, all of whose inputs it feeds. */
async function everyPair(change: Partial<Connection> = {}): Promise<Simulation> {
  const fmus = ['feedthrough3', 'feedthrough', 'feedthrough1'];
  const targets = TYPES.flatMap((_, i) => fmus.map((fmu) => [`to_${fmu}_${i}`, fmu] as const));
  const system = await read(`
components:
${[...fmus.map((fmu) => [fmu, fmu] as const), ...targets].map(([name, fmu]) => `  ${name}: { fmu: ${fmu}.fmu${fmu === 'feedthrough3' ? '' : ', start: { offset: -0.0 }'} }`).join('\n')}
connections:
${TYPES.flatMap((source, i) => TYPES.map((target) => `- ${source.fmu}.${source.type}_out -> to_${target.fmu}_${i}.${target.type}_in`)).join('\n')}
step: 1
`);
  return start({ ...system, connections: system.connections.map((one) => ({ ...one, ...change })) });
}

function storageAt(system: System, port: Port) {
  return storageOf(system.components[port.component]!.model.fmi, variableAt(system, port).type);
}

function get(simulation: Simulation, name: string): ModelValue {
  const { component, variable } = findPort(simulation.system, name)!;
  return simulation.instances[component]!.get(variable)[0]!;
}

const number = fc.oneof(
  fc.double(),
  fc.integer({ min: -300, max: 300 }).map((n) => n / 2),
  fc.constantFrom(
    ...[7, 8, 15, 16, 24, 31, 32, 53, 63, 64].flatMap((n) => [
      2 ** n,
      2 ** n - 1,
      2 ** n + 1,
      -(2 ** n),
      -(2 ** n) - 1,
    ]),
  ),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e300, -1e300, 0.5, 1.5, 2.5),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
);

/** Has the sources give `given` by what their types make of it, and compares all targets with `expected`. */
function checkAll(simulation: Simulation, given: ModelValue, expected: (came: ModelValue) => ModelValue): void {
  for (const { fmu, type } of TYPES) simulation.set(findPort(simulation.system, `${fmu}.${type}_in`)!, [given]);
  step(simulation, 2);
  for (const [i, source] of TYPES.entries()) {
    const came = get(simulation, `${source.fmu}.${source.type}_out`);
    for (const target of TYPES) {
      const name = `to_${target.fmu}_${i}.${target.type}_out`;
      const storage = storageAt(simulation.system, findPort(simulation.system, name)!);
      const want = convertValue(expected(came), storage);
      const got = get(simulation, name);
      const isSame = Object.is(got, want) || (typeof got !== 'boolean' && BigIntIfWhole(got) === BigIntIfWhole(want));
      if (!isSame) {
        expect(`${source.fmu}.${source.type} ${came} -> ${target.fmu}.${target.type} ${got}`).toBe(String(want));
      }
    }
  }
}

/** Enumerations are numbers, or bigints where these do not do. */
function BigIntIfWhole(one: ModelValue): unknown {
  return typeof one === 'number' && Number.isInteger(one) && !Object.is(one, -0) ? BigInt(one) : one;
}

describe('from every type to every other', () => {
  it('values are rounded to the nearest, halves to the even neighbour, and kept within the range', async () => {
    const simulation = await everyPair();
    await fc.assert(
      fc.asyncProperty(number, async (given) => checkAll(simulation, given, (came) => came)),
      { numRuns: 100 },
    );
  }, 120_000);

  it.each([
    [2, 0.25],
    [-0.5, 0],
    [1e10, -3],
    [1, 7],
  ])(
    'and so are those that are scaled: %d x + %d',
    async (factor, offset) => {
      const simulation = await everyPair({ factor, offset });
      const scaled = (came: ModelValue) => factor * Number(came) + offset;
      await fc.assert(
        fc.asyncProperty(number, async (given) => checkAll(simulation, given, scaled)),
        { numRuns: 40 },
      );
    },
    120_000,
  );

  it('and those that a table replaces', async () => {
    const table = [
      [0, 12],
      [1, -3.5],
      [2, 1e12],
      [-7, 1],
    ] as const;
    const simulation = await everyPair({ table });
    const replaced = (came: ModelValue) => table.find(([one]) => one === Number(came))?.[1] ?? came;
    await fc.assert(
      fc.asyncProperty(fc.oneof(number, fc.constantFrom(0, 1, 2, -7)), async (given) =>
        checkAll(simulation, given, replaced),
      ),
      { numRuns: 100 },
    );
  }, 120_000);

  it('the first values are those of the steps', async () => {
    // What stands in the start values goes through convertValue, and the first step through C.
    const simulation = await everyPair({ factor: 3, offset: -1.5 });
    const before = TYPES.flatMap((__, i) =>
      TYPES.map(({ fmu, type }) => get(simulation, `to_${fmu}_${i}.${type}_out`)),
    );
    step(simulation, 2);
    const after = TYPES.flatMap((__, i) => TYPES.map(({ fmu, type }) => get(simulation, `to_${fmu}_${i}.${type}_out`)));
    expect(after).toEqual(before);
  });
});

describe('by example', () => {
  it.each([
    ['2.5 rounds to 2, 3.5 to 4, -0.5 to 0', 'integer', [2.5, 3.5, -0.5], [2, 4, 0]],
    [
      'what is beyond the type becomes its end',
      'integer',
      [1e10, -1e10, 2 ** 31],
      [2147483647, -2147483648, 2147483647],
    ],
    ['what is no number becomes 0', 'integer', [Number.NaN], [0]],
    ['what is not 0 is true, what is no number too', 'boolean', [0.1, -1, 0, Number.NaN], [true, true, false, true]],
  ])('%s', async (_, type, given, expected) => {
    const simulation = await start(`
components: { a: { fmu: gain.fmu }, b: { fmu: feedthrough.fmu } }
connections: [ a.y -> b.${type}_in ]
step: 1
`);
    for (const [i, u] of given.entries()) {
      simulation.set(findPort(simulation.system, 'a.u')!, [u]);
      step(simulation, 2);
      expect(value(simulation, `b.${type}_out`)).toEqual(expected[i]);
    }
  });

  it('whole numbers of 64 bits pass whole', async () => {
    const simulation = await start(`
components: { a: { fmu: feedthrough3.fmu, start: { int64_in: -9223372036854775807, uint64_in: 18446744073709551615 } }, b: { fmu: feedthrough3.fmu }, c: { fmu: feedthrough3.fmu } }
connections: [ a.int64_out -> b.int64_in, a.uint64_out -> b.uint64_in, a.choice_out -> b.choice_in, b.uint64_out -> c.int64_in, b.int64_out -> c.uint64_in ]
step: 1
`);
    simulation.instances[0]!.set(findPort(simulation.system, 'a.choice_in')!.variable, [9007199254740993n]);
    step(simulation, 2);
    expect([get(simulation, 'b.int64_out'), get(simulation, 'b.uint64_out'), get(simulation, 'b.choice_out')]).toEqual([
      -9223372036854775807n,
      18446744073709551615n,
      9007199254740993n,
    ]);
    expect([get(simulation, 'c.int64_out'), get(simulation, 'c.uint64_out')]).toEqual([9223372036854775807n, 0n]);
    expect(values(simulation, 'b.int64_out', 'b.uint64_out')).toEqual(['-9223372036854775807', '18446744073709551615']);
  });

  it("an Enumeration is its number: to Integer and Real and back; a number that is no item is the FMU's to refuse", async () => {
    const simulation = await start(`
components:
  a: { fmu: enumer.fmu, start: { mode_in: fast } }
  b: { fmu: feedthrough.fmu }
  c: { fmu: enumer.fmu }
connections: [ a.mode -> b.real_in, b.real_out -> c.mode_in, a.mode -> b.integer_in, a.mode -> c.number_in ]
step: 1
`);
    expect(history(simulation, 1, 'b.real_out', 'c.mode', 'b.integer_out', 'c.number')).toEqual(
      Array(2).fill([5, 5, 5, 5]),
    );
    simulation.set(findPort(simulation.system, 'a.mode_in')!, [1]);
    step(simulation, 3);
    expect(values(simulation, 'b.real_out', 'c.mode')).toEqual([1, 1]);
    expect(() => simulation.set(findPort(simulation.system, 'a.mode_in')!, [2])).not.toThrow();
    expect(() => step(simulation)).toThrow(/a: fmi2DoStep at t = 4 s returned fmi2Error\n {2}a: 2 is no mode/);
  });

  it('of texts, nothing becomes a number', async () => {
    await expect(
      create(
        'components: { a: { fmu: feedthrough.fmu }, b: { fmu: feedthrough.fmu } }\nconnections: [ a.string_out -> b.real_in ]\nstep: 1\n',
      ),
    ).rejects.toThrow(/types do not match: 'a.string_out' \(String\) to 'b.real_in' \(Real\)/);
  });
});

describe('units', () => {
  it('that differ are converted, with factor and offset', async () => {
    const simulation = await start(`
components: { a: { fmu: units.fmu }, b: { fmu: units.fmu } }
connections:
  - a.out_mm -> b.in_m
  - a.out_degC -> b.in_K
  - a.out_rad_per_s -> b.in_rpm
  - a.out_rpm -> b.in_rad_per_s
  - a.out_Hz -> b.in_per_min
step: 1
`);
    const expected = [1.5, 293.15, 10 / 0.10471975511965977, 60 * 0.10471975511965977, 120].map((one) =>
      expect.closeTo(one, 9),
    );
    expect(history(simulation, 2, 'b.got_m', 'b.got_K', 'b.got_rpm', 'b.got_rad_per_s', 'b.got_per_min')).toEqual(
      Array(3).fill(expected),
    );
  });

  it('may be ignored; and a factor comes before them', async () => {
    const simulation = await start(`
components: { a: { fmu: units.fmu }, b: { fmu: units.fmu } }
connections:
  - { from: a.out_mm, to: b.in_m, units: ignore }
  - { from: a.out_degC, to: b.in_K, factor: 2, offset: -10 }
step: 1
`);
    expect(history(simulation, 1, 'b.got_m', 'b.got_K')).toEqual(Array(2).fill([1500, expect.closeTo(303.15, 9)]));
  });
});

describe('a table', () => {
  it('replaces values of Booleans, whole numbers and enumerations; others pass as they are', async () => {
    const system = await read(`
components: { a: { fmu: counter.fmu }, b: { fmu: feedthrough.fmu }, c: { fmu: enumer.fmu } }
connections: [ a.count -> b.integer_in, a.odd -> b.boolean_in, a.count -> c.mode_in, a.odd -> b.real_in ]
step: 1
`);
    const tables = [
      [
        [1, 100],
        [2, -2],
      ],
      [
        [0, 1],
        [1, 0],
      ],
      [
        [2, 5],
        [3, 0],
        [4, 1],
      ],
      [
        [0, 0.25],
        [1, -0.75],
      ],
    ] as const;
    const simulation = await start({
      ...system,
      connections: system.connections.map((one, i) => ({ ...one, table: tables[i]! })),
    });
    expect(history(simulation, 5, 'b.integer_out', 'b.boolean_out', 'c.mode', 'b.real_out')).toEqual([
      [0, true, 0, 0.25],
      [0, true, 0, 0.25],
      [100, false, 1, -0.75],
      [-2, true, 5, 0.25],
      [3, false, 0, -0.75],
      [4, true, 1, 0.25],
    ]);
  });
});
