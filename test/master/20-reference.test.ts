/** Any system, of any wiring: the step plan in C does, to the bit, what the plainest model of a step does. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnyUnpackedFmu,
  type FmuModel,
  type ModelFolder,
  type ModelValue,
  modelOf,
  openAnyFmu,
} from '#tb/fmi/index.js';
import { Simulation } from '#tb/master/index.js';
import {
  type Component,
  type Connection,
  isFunctionPort,
  type Port,
  type System,
  type SystemFunction,
  type Terminal,
  variableAt,
} from '#tb/system/index.js';
import { type ExampleName, exampleFmu, type TestFmuName, temporaryFolder, testFmu } from '../support/fmus.js';
import { ReferenceModel } from './reference.js';

/** Systems a property; TWINBRIDGE_SYSTEMS has more. */
const SYSTEMS = Number(process.env.TWINBRIDGE_SYSTEMS ?? 150);
const STEPS = 12;

const EXAMPLES: readonly ExampleName[] = ['feedthrough', 'dahlquist', 'predictor'];
const TESTS: readonly TestFmuName[] = [
  'gain',
  'counter',
  'feedthrough1',
  'feedthrough3',
  'arrays3',
  'oscillator',
  'vector',
  'dahlquist1',
  'state3',
  'units',
];
const KINDS = [...EXAMPLES, ...TESTS];

const folder = temporaryFolder();
const opened: AnyUnpackedFmu[] = [];
const folders = new Map<string, ModelFolder>();
beforeAll(async () => {
  for (const name of KINDS) {
    const isExample = (EXAMPLES as readonly string[]).includes(name);
    const fmu = await openAnyFmu(
      isExample ? exampleFmu(folder, name as ExampleName) : testFmu(folder, name as TestFmuName),
    );
    opened.push(fmu);
    folders.set(name, { file: fmu.file, directory: fmu.directory, model: modelOf(fmu.description) });
  }
});
afterAll(async () => {
  for (const fmu of opened) await fmu.close();
});

interface Draft {
  readonly algorithm: 'jacobi' | 'gauss-seidel';
  readonly threads: number;
  readonly components: readonly { readonly kind: number; readonly every: number; readonly start: number }[];
  readonly functions: readonly {
    readonly kind: SystemFunction['kind'];
    readonly inputs: number;
    readonly factor: number;
    readonly offset: number;
  }[];
  readonly wires: readonly {
    readonly to: number;
    readonly from: number;
    readonly scale: readonly [factor: number, offset: number] | 'none' | 'table';
  }[];
}

const factor = fc.constantFrom(-0.5, 0.25, 0.75, -0.125, 0.1);
const draft: fc.Arbitrary<Draft> = fc.record({
  algorithm: fc.constantFrom('jacobi' as const, 'gauss-seidel' as const),
  threads: fc.constantFrom(1, 1, 2, 3),
  components: fc.array(
    fc.record({
      kind: fc.nat(KINDS.length - 1),
      every: fc.constantFrom(1, 1, 1, 2, 3),
      start: fc.integer({ min: -3, max: 3 }),
    }),
    { minLength: 1, maxLength: 8, size: 'max' },
  ),
  functions: fc.array(
    fc.record({
      kind: fc.constantFrom('linear' as const, 'sum' as const, 'vector-sum' as const),
      inputs: fc.integer({ min: 1, max: 3 }),
      factor,
      offset: fc.constantFrom(0, 1, -0.3),
    }),
    { maxLength: 3, size: 'max' },
  ),
  wires: fc.array(
    fc.record({
      to: fc.nat(10_000),
      from: fc.nat(10_000),
      scale: fc.oneof(
        { weight: 3, arbitrary: fc.constant('none' as const) },
        { weight: 2, arbitrary: fc.tuple(factor, fc.constantFrom(0, 0.5, -2)) },
        { weight: 1, arbitrary: fc.constant('table' as const) },
      ),
    }),
    { maxLength: 40, size: 'max' },
  ),
});

const TABLE = [
  [0, 1],
  [1, -2],
  [2, 0.5],
] as const;

type Kind = 'number' | 'String' | 'Binary';
interface End {
  readonly terminal: Terminal;
  readonly size: number;
  readonly kind: Kind;
}

function kindOf(type: FmuModel['variables'][number]['type']): Kind | undefined {
  return type === 'Clock' ? undefined : type === 'String' || type === 'Binary' ? type : 'number';
}

/** All ends of one causality: variables, and elements of those that are arrays. */
function endsOf(components: readonly Component[], causality: 'input' | 'output'): End[] {
  return components.flatMap(({ model, sizes }, component) =>
    model.variables.flatMap((variable, index): End[] => {
      const kind = kindOf(variable.type);
      if (variable.causality !== causality || kind === undefined) return [];
      const size = sizes.get(index) ?? 1;
      const port = { component, variable: index };
      if (variable.dimensions.length === 0) return [{ terminal: port, size: 1, kind }];
      const elements = Array.from({ length: size }, (_, element) => ({
        terminal: { ...port, element },
        size: 1,
        kind,
      }));
      return [{ terminal: port, size, kind }, ...elements];
    }),
  );
}

/** The wires that fit, each input fed once at most. */
function systemOf({ algorithm, threads, components: parts, functions: computed, wires }: Draft): System {
  const components = parts.map(({ kind, every, start }, index): Component => {
    const name = KINDS[kind]!;
    const { model } = folders.get(name)!;
    const sizes = new Map(
      model.variables.flatMap(({ dimensions }, variable): [number, number][] =>
        dimensions.length === 0
          ? []
          : [[variable, dimensions.reduce((n, one) => n * ('start' in one ? Number(one.start) : 4), 1)]],
      ),
    );
    const assigned = model.variables.flatMap(({ causality, type, dimensions }, variable) =>
      causality === 'input' && type === 'Float64' && dimensions.length === 0
        ? [{ variable, values: [start + 0.25] }]
        : [],
    );
    return { name: `${name}${index}`, fmu: name, model, start: assigned, sizes, every, isolate: false };
  });
  const functions = computed.map(({ kind, inputs, factor: by, offset }, index): SystemFunction => {
    const isLinear = kind === 'linear';
    return {
      name: `f${index}`,
      kind,
      inputs: isLinear ? 1 : inputs,
      dimension: kind === 'vector-sum' ? 3 : 1,
      factor: isLinear ? by : 1,
      offset: isLinear ? offset : 0,
    };
  });
  const outs: End[] = [
    ...endsOf(components, 'output'),
    ...functions.flatMap(({ dimension }, index): End[] => [
      { terminal: { function: index }, size: dimension, kind: 'number' },
      ...(dimension === 1 ? [] : [{ terminal: { function: index, element: 1 }, size: 1, kind: 'number' as const }]),
    ]),
  ];
  const ins: End[] = [
    ...endsOf(components, 'input'),
    ...functions.flatMap(({ inputs, dimension }, index) =>
      Array.from(
        { length: inputs },
        (_, input): End => ({ terminal: { function: index, input }, size: dimension, kind: 'number' }),
      ),
    ),
  ];
  const connections: Connection[] = [];
  const overlaps = (a: Terminal, b: Terminal) => {
    const whole = ({ element: _, ...rest }: Terminal) => JSON.stringify(rest);
    return whole(a) === whole(b) && (a.element === undefined || b.element === undefined || a.element === b.element);
  };
  for (const { to: toNumber, from: fromNumber, scale } of wires) {
    const to = ins[toNumber % Math.max(1, ins.length)];
    if (to === undefined || connections.some((one) => overlaps(one.to, to.terminal))) continue;
    const fitting = outs.filter(({ terminal, size, kind }) => {
      // Functions feed those behind them only.
      const isBackward =
        isFunctionPort(terminal) && isFunctionPort(to.terminal) && terminal.function >= to.terminal.function;
      return size === to.size && kind === to.kind && !isBackward;
    });
    const from = fitting[fromNumber % Math.max(1, fitting.length)];
    if (from === undefined) continue;
    const isNumber = to.kind === 'number';
    const [by, offset] = isNumber && typeof scale === 'object' ? scale : [1, 0];
    connections.push({
      from: from.terminal,
      to: to.terminal,
      factor: by,
      offset,
      ...(isNumber && scale === 'table' && !isFunctionPort(from.terminal) ? { table: TABLE } : {}),
    });
  }
  return {
    file: 'random',
    components,
    functions,
    connections,
    algorithm,
    loops: { tolerance: 1e-9, iterations: 100, atSteps: false },
    stepping: { kind: 'fixed', size: 0.1 },
    threads,
    start: 1,
    pace: 'fast',
    late: 'catch-up',
    recordings: [],
    warnings: [],
  };
}

function isSame(a: ModelValue, b: ModelValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}

function outputsOf(system: System): Port[] {
  return system.components.flatMap(({ model }, component) =>
    model.variables.flatMap(({ causality }, variable) => (causality === 'output' ? [{ component, variable }] : [])),
  );
}

function compare(system: System): void {
  const outputs = outputsOf(system);
  const simulation = new Simulation(system, folders, { observe: outputs });
  try {
    try {
      simulation.initialize();
    } catch (error) {
      // A loop at the start may have no solution.
      if ((error as { code?: string }).code === 'TB_MASTER_ALGEBRAIC_LOOP') return;
      throw error;
    }
    const order = simulation.plan.order.blocks.flatMap(({ components }) => components);
    const reference = new ReferenceModel(system, folders, order);
    try {
      const readers = outputs.map((port) => simulation.scalars(port).map((scalar) => simulation.reader(scalar)));
      for (let n = 0; n <= STEPS; n++) {
        for (const [i, port] of outputs.entries()) {
          const expected = reference.get(port.component, port.variable);
          for (const [k, read] of readers[i]!.entries()) {
            const value = read();
            if (isSame(value, shown(expected[k]!))) continue;
            const name = `${system.components[port.component]!.name}.${variableAt(system, port).name}[${k}]`;
            expect.fail(`after ${n} steps ${name} is ${value}, and should be ${shown(expected[k]!)}`);
          }
        }
        simulation.advance(n + 1);
        reference.step();
      }
    } finally {
      reference.free();
    }
  } finally {
    simulation.close();
  }
}

/** As `Simulation` tells values. */
function shown(value: ModelValue): number | boolean | string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

describe('the executor', () => {
  it(`comes to the same as the reference, over ${SYSTEMS} systems`, () => {
    fc.assert(
      fc.property(draft, (one) => compare(systemOf(one))),
      { numRuns: SYSTEMS },
    );
  }, 3_600_000);

  it('steps a component after all that feed it, where nothing goes round', () => {
    fc.assert(
      fc.property(draft, (one) => {
        const system = systemOf({ ...one, algorithm: 'gauss-seidel', functions: [] });
        const { blocks } = planOf(system);
        const place = new Map(blocks.flatMap(({ components }, at) => components.map((component) => [component, at])));
        const followers = new Map<number, Set<number>>();
        for (const { from, to } of system.connections) {
          const [a, b] = [(from as Port).component, (to as Port).component];
          followers.set(a, (followers.get(a) ?? new Set()).add(b));
        }
        const reaches = (from: number, to: number, seen = new Set<number>()): boolean =>
          [...(followers.get(from) ?? [])].some((next) => {
            if (next === to) return true;
            if (seen.has(next)) return false;
            seen.add(next);
            return reaches(next, to, seen);
          });
        for (const [a, all] of followers) {
          for (const b of all) if (!reaches(b, a)) expect(place.get(a)!).toBeLessThan(place.get(b)!);
        }
      }),
      { numRuns: SYSTEMS },
    );
  }, 600_000);
});

function planOf(system: System) {
  const simulation = new Simulation(system, folders);
  const { order } = simulation.plan;
  simulation.close();
  return order;
}
