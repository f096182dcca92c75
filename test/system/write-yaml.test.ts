/** A system that is written as a system file and read again is the same system. */
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Fmi3StartValue,
  type FmuModel,
  isSettable,
  type ModelVariable,
  platformFolders,
  readFmuModel,
} from '#tb/fmi/index.js';
import {
  type Connection,
  formatSystemYaml,
  isFunctionPort,
  lengthsOf,
  NotExpressibleError,
  outputPorts,
  type Port,
  parseSystemYaml,
  type Recording,
  readSystemYaml,
  type ScenarioEvent,
  type StartAssignment,
  type StepControl,
  type System,
  type SystemFunction,
  type Terminal,
  variableAt,
  writeSystemYaml,
} from '#tb/system/index.js';
import { describedAs, exampleFmu, libraryEntry, temporaryFolder, writeFmu } from '../support/fmus.js';
import { arraysDescription } from './arrays.js';

const folder = temporaryFolder();
const file = join(folder, 'written.yaml');
const FMUS = ['feedthrough', 'monitor', 'mm', 'arrays'] as const;
const models = new Map<string, FmuModel>();

beforeAll(async () => {
  for (const name of ['feedthrough', 'monitor'] as const) exampleFmu(folder, name);
  writeFmu(
    join(folder, 'mm.fmu'),
    describedAs('monitor', (xml) =>
      xml
        .replace('<UnitDefinitions>', '<UnitDefinitions><Unit name="mm"><BaseUnit m="1" factor="0.001"/></Unit>')
        .replaceAll('unit="m"', 'unit="mm"'),
    ),
  );
  writeFmu(join(folder, 'arrays.fmu'), [
    { name: 'modelDescription.xml', content: Buffer.from(arraysDescription) },
    {
      name: `binaries/${platformFolders(process.platform, process.arch, '3.0')[0]}/arrays.so`,
      content: libraryEntry('feedthrough').content,
    },
  ]);
  for (const name of FMUS) models.set(name, (await readFmuModel(join(folder, `${name}.fmu`))).model);
});

/** The file itself, and what is only said about the system, do not count. */
function essence({ file: _, warnings: __, components, ...rest }: System): unknown {
  return {
    ...rest,
    components: components.map(({ model, sizes, ...component }) => ({
      ...component,
      model: model.modelName,
      sizes: [...sizes],
    })),
  };
}

describe('a system file that is written', () => {
  it('is as short and readable as one that a person writes', async () => {
    const text = `# from system.yaml
twinbridge: system
components:
  robot: { fmu: feedthrough.fmu }
  monitor:
    fmu: monitor.fmu
    start: { safe_distance: 2.5, latched: false }
  far away:
    fmu: mm.fmu
    step: 0.2
    isolate: true
    deadline: 1
    start:
      x: 1
      y: 2
      obstacle_x: 3
      obstacle_y: 4
      safe_distance: 5
functions:
  gain: { type: linear, factor: 2 }
  total: { type: sum }
connections:
  - robot.real_out -> monitor.x
  - monitor.distance -> gain.in
  - { from: gain.out, to: far away.x }
  - { from: monitor.distance, to: far away.y }
  - { from: monitor.distance, to: far away.obstacle_x, factor: 3, units: ignore }
  - { from: robot.choice_out, to: robot.choice_in, map: [ [ first, second ] ] }
algorithm: gauss-seidel
step: 0.1
stop: 10
pace: realtime
record:
  file: out/results.csv
  variables:
    - robot.real_out
    - monitor.stop
  roll: { rows: 1000, megabytes: 1.5 }
scenario:
  events:
    - { time: 1, set: robot.real_in, value: 3 }
    - { time: 2, set: robot.real_in, action: reset }
logging:
  robot: [ logSteps ]
  monitor: true
`;
    const system = await parseSystemYaml(join(folder, 'system.yaml'), text);
    expect(formatSystemYaml(system, file)).toBe(
      text.replace(
        / {4}step: 0.2\n {4}isolate: true\n {4}deadline: 1\n {4}start:\n((?: {6}.*\n)+)/,
        '    start:\n$1    step: 0.2\n    isolate: true\n    deadline: 1\n',
      ),
    );
  });

  it('has paths relative to itself', async () => {
    const system = await parseSystemYaml(
      join(folder, 'system.yaml'),
      'twinbridge: system\ncomponents: { m: { fmu: monitor.fmu } }\nstep: 1\nrecord: { file: m.csv }\n',
    );
    const elsewhere = join(folder, 'a', 'b.yaml');
    expect(formatSystemYaml(system, elsewhere)).toContain('fmu: ../monitor.fmu');
    expect(formatSystemYaml(system, elsewhere)).toContain('file: ../m.csv');
    await writeSystemYaml(system, file);
    expect(essence(await readSystemYaml(file))).toEqual(essence(system));
  });

  it('is refused where a name would be read as another', async () => {
    writeFmu(
      join(folder, 'arm.fmu'),
      describedAs('feedthrough', (xml) => xml.replace('"real_out"', '"arm.q"')),
    );
    const system = await parseSystemYaml(
      join(folder, 'system.yaml'),
      'twinbridge: system\ncomponents: { a: { fmu: arm.fmu }, b: { fmu: monitor.fmu } }\nconnections: [a.arm.q -> b.x]\nstep: 1\n',
    );
    const renamed = (name: string): System => ({
      ...system,
      components: system.components.map((component, index) => (index === 1 ? { ...component, name } : component)),
    });
    expect(formatSystemYaml(renamed('a.b'), file)).toContain('a.arm.q -> a.b.x');
    expect(() => formatSystemYaml(renamed('a.arm'), file)).toThrow(NotExpressibleError);
    expect(() => formatSystemYaml(renamed('a.arm'), file)).toThrow(/'a\.arm\.q' would be read as the name of/);
    expect(() => formatSystemYaml(renamed(' b'), file)).toThrow(/no component named " b"/);
  });

  it('is the same system when it is read again', async () => {
    await fc.assert(
      fc.asyncProperty(systems(), async (system) => {
        const text = formatSystemYaml(system, file);
        const read = await parseSystemYaml(file, text).catch((error: Error) => {
          throw new Error(`${error.message}\n${text}`);
        });
        expect(essence(read)).toEqual(essence(system));
        expect(formatSystemYaml(read, file).replace(/^#.*\n/, '')).toBe(text.replace(/^#.*\n/, ''));
      }),
      { numRuns: Number(process.env.TWINBRIDGE_SYSTEMS ?? 200) },
    );
  }, 120_000);
});

// -- Systems ------------------------------------------------------------------------------------------------------------

const NAMES = [
  'robot',
  'cell.arm',
  '{key}.left',
  '2',
  '1',
  'a b',
  'no',
  "it's",
  '- x',
  '#1',
  'ü',
  'true',
  '[0]',
  'x: y',
];

const positive = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
const number = fc.double({ noDefaultInfinity: true, noNaN: true });

function systems(): fc.Arbitrary<System> {
  return fc
    .record({
      names: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }),
      kinds: fc.array(fc.constantFrom(...FMUS), { minLength: 4, maxLength: 4 }),
      functions: fc.uniqueArray(functionsOf(), { maxLength: 2, selector: ({ name }) => name }),
      stepKind: fc.constantFrom('fixed', 'variable', 'data'),
    })
    .chain(({ names, kinds, functions, stepKind }) =>
      fc
        .tuple(...names.map((name, index) => componentOf(name, kinds[index]!, stepKind === 'fixed')))
        .chain((components) => restOf(components, functions, stepKind)),
    );
}

function functionsOf(): fc.Arbitrary<SystemFunction> {
  const name = fc.constantFrom('gain', 'sum.1', 'f g');
  const plain = { factor: fc.constant(1), offset: fc.constant(0) };
  const inputs = fc.integer({ min: 1, max: 3 });
  return fc.oneof(
    fc.record({
      name,
      kind: fc.constant('linear' as const),
      inputs: fc.constant(1),
      dimension: fc.constant(1),
      factor: number,
      offset: number,
    }),
    fc.record({ name, kind: fc.constant('sum' as const), inputs, dimension: fc.constant(1), ...plain }),
    fc.record({
      name,
      kind: fc.constant('vector-sum' as const),
      inputs,
      dimension: fc.integer({ min: 1, max: 6 }),
      ...plain,
    }),
  );
}

type Component = System['components'][number];

function componentOf(name: string, kind: (typeof FMUS)[number], hasFixedSteps: boolean): fc.Arbitrary<Component> {
  const model = models.get(kind)!;
  const length = fc.integer({ min: 0, max: 3 });
  return length.chain((n) => {
    const structural: StartAssignment[] = kind === 'arrays' ? [{ variable: 0, values: [BigInt(n)] }] : [];
    const sizes = new Map(
      model.variables.flatMap((variable, index): [number, number][] =>
        variable.dimensions.length === 0
          ? []
          : [[index, lengthsOf({ model, start: structural }, variable).reduce((product, one) => product * one, 1)]],
      ),
    );
    const settable = model.variables.flatMap((variable, index) =>
      isSettable(variable) && variable.causality !== 'structuralParameter' ? [index] : [],
    );
    const start = fc
      .shuffledSubarray(settable)
      .chain((chosen) =>
        fc
          .tuple(...chosen.map((variable) => valuesOf(model, model.variables[variable]!, sizes.get(variable) ?? 1)))
          .map((values) => [
            ...structural,
            ...chosen.map((variable, index): StartAssignment => ({ variable, values: values[index]! })),
          ]),
      );
    return fc
      .record(
        {
          start,
          every: hasFixedSteps ? fc.integer({ min: 1, max: 1000 }) : fc.constant(1),
          isolate: fc.boolean(),
          deadline: positive,
          logging: fc.oneof(
            fc.constant('all' as const),
            fc.subarray(model.logCategories.map((category) => category.name)),
          ),
        },
        { requiredKeys: ['start', 'every', 'isolate'] },
      )
      .map(({ deadline, ...rest }) => ({
        ...rest,
        name,
        fmu: join(folder, `${kind}.fmu`),
        model,
        sizes,
        ...(deadline === undefined || !rest.isolate ? {} : { deadline }),
      }));
  });
}

const WORDS = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    'null',
    '1e5',
    '.inf',
    'yes',
    '~',
    '0x1f',
    ' a',
    'a ',
    'a\nb',
    '\t',
    '\u0000',
    '# x',
    '{',
    "'",
    '"',
    '|',
  ),
);

function valuesOf(model: FmuModel, variable: ModelVariable, size: number): fc.Arbitrary<Fmi3StartValue[]> {
  return fc.array(anyValue(model, variable), { minLength: size, maxLength: size });
}

function anyValue(model: FmuModel, { type, declaredType, min }: ModelVariable): fc.Arbitrary<Fmi3StartValue> {
  switch (type) {
    case 'Float64':
    case 'Float32':
      return min === undefined ? fc.double() : fc.double({ min: Number(min) + 0, noNaN: true });
    case 'Boolean':
      return fc.boolean();
    case 'String':
      return WORDS;
    case 'Binary':
      return fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    case 'Enumeration':
      return fc.constantFrom(
        ...model.enumerations.find(({ name }) => name === declaredType)!.items.map(({ value }) => value),
      );
    case 'Int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'UInt64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'Int8':
      return fc.integer({ min: -128, max: 127 });
    case 'UInt8':
      return fc.integer({ min: 0, max: 255 });
    default:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  }
}

function restOf(components: Component[], functions: SystemFunction[], stepKind: string): fc.Arbitrary<System> {
  const graph = { components, functions };
  const all = components.flatMap(({ model }, component) =>
    model.variables.map((_, variable): Port => ({ component, variable })),
  );
  const scalars = all.filter((port) => isNumber(graph, port) && sizeAt(graph, port) === 1);
  const changeable = scalars.filter((port) => ['input', 'output'].includes(variableAt(graph, port).causality));
  const some = (ports: readonly Port[], minLength: number, maxLength: number) =>
    ports.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...ports), { minLength, maxLength });
  return fc
    .record(
      {
        connections: connectionsOf(graph),
        algorithm: fc.constantFrom('jacobi' as const, 'gauss-seidel' as const),
        loops: fc.record({
          tolerance: fc.oneof(fc.constant(1e-9), positive),
          iterations: fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 1000 })),
          atSteps: fc.boolean(),
        }),
        threads: fc.integer({ min: 1, max: 256 }),
        stepping: steppingOf(graph, stepKind, scalars),
        start: fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => value + 0),
        duration: positive,
        pace: fc.oneof(fc.constant('fast' as const), fc.constant(1), positive),
        late: fc.constantFrom('catch-up' as const, 'slip' as const, 'skip' as const, 'fail' as const),
        recordings: recordingsOf(graph, all),
        events: some(changeable, 0, 3).chain((ports) => fc.tuple(...ports.map((port) => eventOf(graph, port)))),
        end: fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0),
      },
      {
        requiredKeys: [
          'connections',
          'algorithm',
          'loops',
          'threads',
          'stepping',
          'start',
          'pace',
          'late',
          'recordings',
        ],
      },
    )
    .map(({ duration, events, end, start, ...rest }): System => {
      const stop = duration === undefined ? undefined : start + duration;
      return {
        ...rest,
        ...graph,
        file: join(folder, 'generated'),
        start,
        ...(stop === undefined || !(stop > start) ? {} : { stop }),
        ...(events === undefined
          ? {}
          : {
              scenario: {
                events: [...events].sort((a, b) => a.time - b.time),
                ...(end === undefined ? {} : { end }),
              },
            }),
        warnings: [],
      };
    });
}

type Graph = Pick<System, 'components' | 'functions'>;

function sizeAt({ components }: Graph, { component, variable }: Port): number {
  return components[component]!.sizes.get(variable) ?? 1;
}

function isNumber(graph: Graph, port: Port): boolean {
  return !['String', 'Binary', 'Clock'].includes(variableAt(graph, port).type);
}

/** Ends that fit: numbers of one size. Each target is fed once, whole or by elements. */
function connectionsOf(graph: Graph): fc.Arbitrary<Connection[]> {
  interface End {
    readonly terminal: Terminal;
    readonly size: number;
  }
  const ports = graph.components.flatMap(({ model }, component) =>
    model.variables.map((_, variable): Port => ({ component, variable })),
  );
  const ends = (causality: string): End[] =>
    ports
      .filter((port) => isNumber(graph, port) && variableAt(graph, port).causality === causality)
      .flatMap((port): End[] => {
        const size = sizeAt(graph, port);
        const isArray = variableAt(graph, port).dimensions.length > 0;
        return isArray
          ? [{ terminal: port, size }, ...(size > 1 ? [{ terminal: { ...port, element: size - 1 }, size: 1 }] : [])]
          : [{ terminal: port, size }];
      });
  const sources: End[] = [
    ...ends('output'),
    ...graph.functions.map(({ dimension }, index): End => ({ terminal: { function: index }, size: dimension })),
  ];
  const targets: End[] = [
    ...ends('input'),
    ...graph.functions.flatMap(({ inputs, dimension, kind }, index): End[] => [
      { terminal: { function: index, input: inputs - 1 }, size: dimension },
      ...(kind === 'vector-sum' && inputs > 1
        ? [{ terminal: { function: index, input: 0, element: dimension - 1 }, size: 1 }]
        : []),
    ]),
  ];
  const pairs = targets.flatMap((target) =>
    sources
      .filter(({ size }) => size === target.size)
      .map((source) => ({ from: source.terminal, to: target.terminal })),
  );
  const whole = ({ to }: { to: Terminal }) => {
    const { element: _, ...rest } = to;
    return JSON.stringify(rest);
  };
  if (pairs.length === 0) return fc.constant([]);
  return fc
    .uniqueArray(fc.constantFrom(...pairs), { maxLength: 5, selector: whole })
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map(({ from, to }) =>
          fc
            .oneof(
              fc.constant({ factor: 1, offset: 0 }),
              fc.constant({ factor: 1000, offset: 0 }),
              fc.constant({ factor: 0.001, offset: 0 }),
              fc.record({ factor: number, offset: number.map((value) => value + 0) }),
              tableOf(graph, from, to),
            )
            .map((conversion): Connection => ({ from, to, ...conversion })),
        ),
      ),
    );
}

function tableOf(graph: Graph, from: Terminal, to: Terminal): fc.Arbitrary<Omit<Connection, 'from' | 'to'>> {
  const plain = { factor: 1, offset: 0 };
  if (isFunctionPort(from) || isFunctionPort(to)) return fc.constant(plain);
  const types = [from, to].map((port) => variableAt(graph, port).type);
  const values = (type: string) =>
    type === 'Enumeration' ? 'Enumeration' : type === 'Boolean' ? 'Boolean' : type === 'Int32' ? 'Int32' : '';
  if (types[0] !== types[1] || values(types[0]!) === '') return fc.constant(plain);
  const [source, target] = [from, to].map((port) => {
    const variable = variableAt(graph, port);
    return variable.type === 'Boolean'
      ? fc.boolean().map(Number)
      : anyValue(graph.components[port.component]!.model, variable);
  }) as [fc.Arbitrary<number>, fc.Arbitrary<number>];
  return fc
    .uniqueArray(fc.tuple(source, target), { minLength: 1, maxLength: 3, selector: ([given]) => given })
    .map((table) => ({ ...plain, table }));
}

function steppingOf({ components }: Graph, kind: string, scalars: readonly Port[]): fc.Arbitrary<StepControl> {
  if (kind === 'fixed') return positive.map((size) => ({ kind: 'fixed', size }));
  const sizes = fc.tuple(positive, positive, positive).map((three) => three.sort((a, b) => a - b));
  if (kind === 'data') {
    return fc.record({ sizes, component: fc.nat(components.length - 1) }).map(({ sizes, component }) => ({
      kind: 'data',
      component,
      minimum: sizes[0]!,
      maximum: sizes[2]!,
    }));
  }
  const limit = fc.oneof(fc.constant(0), positive);
  const ports = (maxLength: number) => fc.array(fc.constantFrom(...scalars), { minLength: 1, maxLength });
  const name = fc.constantFrom('a', 'b c', '1', 'no');
  const constraint = fc.oneof(
    fc.record({ kind: fc.constant('fmu-max-step-size' as const), name }),
    fc.record({ kind: fc.constant('sampling-rate' as const), name, base: positive, rate: positive, start: limit }),
    ...(scalars.length === 0
      ? []
      : [
          fc.record(
            {
              kind: fc.constant('zero-crossing' as const),
              name,
              ports: ports(2),
              order: fc.constantFrom(1 as const, 2 as const),
              tolerance: positive,
              safety: limit,
            },
            { requiredKeys: ['kind', 'name', 'ports', 'order', 'safety'] },
          ),
          fc.record(
            {
              kind: fc.constant('bounded-difference' as const),
              name,
              ports: ports(3),
              absolute: positive,
              relative: positive,
              safety: limit,
              skipDiscrete: fc.boolean(),
            },
            { requiredKeys: ['kind', 'name', 'ports', 'absolute', 'safety', 'skipDiscrete'] },
          ),
        ]),
  );
  return fc
    .record(
      {
        sizes,
        tolerance: fc.record({ relative: positive, absolute: positive }),
        constraints: fc.uniqueArray(constraint, { maxLength: 3, selector: (one) => one.name }),
      },
      { requiredKeys: ['sizes', 'constraints'] },
    )
    .map(({ sizes, tolerance, constraints }) => ({
      kind: 'variable',
      minimum: sizes[0]!,
      initial: sizes[1]!,
      maximum: sizes[2]!,
      constraints,
      ...(tolerance === undefined ? {} : { tolerance }),
    }));
}

function recordingsOf(graph: Graph, all: readonly Port[]): fc.Arbitrary<Recording[]> {
  const variables = fc.oneof(fc.constant(outputPorts(graph)), fc.shuffledSubarray([...all]));
  const roll = fc.record(
    {
      rows: fc.integer({ min: 1 }),
      bytes: fc.integer({ min: 1, max: 2 ** 40 }),
      seconds: positive,
      keep: fc.integer({ min: 1 }),
    },
    { requiredKeys: ['rows'] },
  );
  return fc
    .array(
      fc.record(
        {
          file: fc.constantFrom('a.csv', 'b.parquet', 'deep/c.MCAP', 'd'),
          format: fc.constantFrom('csv' as const, 'parquet' as const, 'mcap' as const),
          variables,
          every: fc.integer({ min: 1, max: 9 }),
          roll,
        },
        { requiredKeys: ['format', 'variables', 'every'] },
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((list) =>
      list.map(({ file: name, ...rest }, index) => ({
        ...rest,
        ...(name === undefined ? {} : { file: join(folder, String(index), name) }),
      })),
    );
}

function eventOf(graph: Graph, port: Port): fc.Arbitrary<ScenarioEvent> {
  const time = fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0);
  const { model } = graph.components[port.component]!;
  const value = anyValue(model, variableAt(graph, port)).map((one) => (typeof one === 'bigint' ? Number(one) : one));
  // A scenario's whole numbers are those that JavaScript holds.
  const exact = value.filter((one) => typeof one !== 'number' || !Number.isInteger(one) || Number.isSafeInteger(one));
  return fc.oneof(
    fc.record({ time, port: fc.constant(port), action: fc.constant('reset' as const) }),
    fc.record({ time, port: fc.constant(port), action: fc.constant('override' as const), value: exact }),
  );
}
