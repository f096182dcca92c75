import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { platformFolders } from '#tb/fmi/index.js';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import {
  matchPorts,
  parseSystemYaml,
  portName,
  readSystemYaml,
  type System,
  terminalName,
  variableAt,
} from '#tb/system/index.js';
import { describedAs, type ExampleName, exampleFmu, libraryEntry, temporaryFolder, writeFmu } from '../support/fmus.js';
import { arraysDescription } from './arrays.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'monitor', 'dahlquist'] as const) exampleFmu(folder, name);

function variant(file: string, base: ExampleName, change: (xml: string) => string): void {
  writeFmu(join(folder, file), describedAs(base, change));
}

/** The monitor, its positions in another unit. */
const inUnit = (unit: string, definition: string) => (xml: string) =>
  xml
    .replace('<UnitDefinitions>', `<UnitDefinitions><Unit name="${unit}">${definition}</Unit>`)
    .replaceAll('unit="m"', `unit="${unit}"`);

variant('mm.fmu', 'monitor', inUnit('mm', '<BaseUnit m="1" factor="0.001"/>'));
variant('celsius.fmu', 'monitor', inUnit('degC', '<BaseUnit K="1" offset="273.15"/>'));
variant('kelvin.fmu', 'monitor', inUnit('K', '<BaseUnit K="1"/>'));
variant('feet.fmu', 'monitor', (xml) => xml.replaceAll('unit="m"', 'unit="ft"'));
variant('me.fmu', 'monitor', (xml) => xml.replace('<CoSimulation', '<ModelExchange'));
variant('broken.fmu', 'monitor', (xml) => xml.replace('valueReference="0"', 'valueReference="x"'));
variant('single.fmu', 'monitor', (xml) =>
  xml.replace('<CoSimulation', '<CoSimulation canBeInstantiatedOnlyOncePerProcess="true"'),
);
variant('stubborn.fmu', 'monitor', (xml) =>
  xml
    .replace('canHandleVariableCommunicationStepSize="true"', '')
    .replace('canGetAndSetFMUstate="true"', '')
    .replace('canSerializeFMUstate="true"', ''),
);
writeFmu(join(folder, 'arrays.fmu'), [
  { name: 'modelDescription.xml', content: Buffer.from(arraysDescription) },
  {
    name: `binaries/${platformFolders(process.platform, process.arch, '3.0')[0]}/arrays.so`,
    content: libraryEntry('feedthrough').content,
  },
]);

const file = join(folder, 'system.yaml');
const parse = (text: string): Promise<System> => parseSystemYaml(file, text);

/** `line:column: message` of every problem. */
async function problemsOf(text: string): Promise<string[]> {
  const error: unknown = await parse(text).then(
    () => new Error('the file was accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof InvalidFileError)) throw error;
  return error.problems.map((problem) => formatProblem(problem).replace(`${file}:`, ''));
}

const HEAD = `twinbridge: system
components:
  robot: { fmu: feedthrough.fmu }
  monitor: { fmu: monitor.fmu }
step: 0.1
`;

/** A system of components that are named after their FMUs, one to a line from the third on. */
function systemOf(fmus: readonly string[], rest: string): string {
  return `twinbridge: system\ncomponents:\n${fmus.map((name) => `  ${name}: { fmu: ${name}.fmu }\n`).join('')}${rest}`;
}

/** `from -> to * factor + offset` */
function wiresOf(system: System): string[] {
  return system.connections.map(({ from, to, factor, offset }) => {
    const scale = factor === 1 && offset === 0 ? '' : ` * ${factor} + ${offset}`;
    return `${terminalName(system, from)} -> ${terminalName(system, to)}${scale}`;
  });
}

const warningsOf = ({ warnings }: System) => warnings.map(({ message }) => message);

const startOf = (system: System, index = 0) =>
  Object.fromEntries(
    system.components[index]!.start.map(({ variable, values }) => [
      variableAt(system, { component: index, variable }).name,
      values,
    ]),
  );

describe('a system file', () => {
  it('names components, connections and the experiment', async () => {
    const system = await parse(`
twinbridge: system
components:
  robot: { fmu: feedthrough.fmu, start: { real_in: 1, choice_in: second, string_in: hi, boolean_in: true } }
  monitor: { fmu: ./monitor.fmu }
connections:
  - robot.real_out -> monitor.x
  - { from: robot.integer_out, to: monitor.y }
algorithm: gauss-seidel
loops: { tolerance: 1e-6, atSteps: false }
threads: 2
step: 0.1
start: 1
stop: 2
pace: realtime
late: slip
record: { file: out/results.csv, variables: ['robot.*_out', monitor.stop] }
logging: { robot: [logSteps], monitor: true }
`);
    expect(system).toMatchObject({
      file,
      functions: [],
      algorithm: 'gauss-seidel',
      loops: { tolerance: 1e-6, iterations: 100, atSteps: false },
      threads: 2,
      stepping: { kind: 'fixed', size: 0.1 },
      start: 1,
      stop: 2,
      pace: 1,
      late: 'slip',
      warnings: [],
    });
    expect(system.components.map(({ name, fmu, start, logging }) => ({ name, fmu, start, logging }))).toEqual([
      {
        name: 'robot',
        fmu: join(folder, 'feedthrough.fmu'),
        start: [
          { variable: 0, values: [1] },
          { variable: 4, values: [2] },
          { variable: 3, values: ['hi'] },
          { variable: 2, values: [true] },
        ],
        logging: ['logSteps'],
      },
      { name: 'monitor', fmu: join(folder, 'monitor.fmu'), start: [], logging: 'all' },
    ]);
    expect(system.connections).toEqual([
      { from: { component: 0, variable: 5 }, to: { component: 1, variable: 0 }, factor: 1, offset: 0 },
      { from: { component: 0, variable: 6 }, to: { component: 1, variable: 1 }, factor: 1, offset: 0 },
    ]);
    const [recording] = system.recordings;
    expect(recording).toMatchObject({ file: join(folder, 'out', 'results.csv'), format: 'csv', every: 1 });
    expect(recording!.variables.map((port) => portName(system, port))).toEqual([
      'robot.real_out',
      'robot.integer_out',
      'robot.boolean_out',
      'robot.string_out',
      'robot.choice_out',
      'monitor.stop',
    ]);
  });

  it('needs components and a step; the rest has defaults', async () => {
    const system = await parse(HEAD);
    expect(system).toMatchObject({
      functions: [],
      connections: [],
      algorithm: 'jacobi',
      loops: { tolerance: 1e-9, iterations: 100, atSteps: false },
      threads: 1,
      start: 0,
      pace: 'fast',
      late: 'catch-up',
      warnings: [],
    });
    expect(system.components[0]).toMatchObject({ every: 1, isolate: false, start: [] });
    for (const absent of ['stop', 'scenario']) expect(system).not.toHaveProperty(absent);
    for (const absent of ['logging', 'deadline']) expect(system.components[0]).not.toHaveProperty(absent);
    expect(await parse(`${HEAD}stop: never\n`)).not.toHaveProperty('stop');
    // Jacobi's values take a step through each component, so a loop settles by itself.
    expect(await parse(`${HEAD}algorithm: gauss-seidel\n`)).toMatchObject({ loops: { atSteps: true } });
  });

  it('has names in which a pattern takes nothing but * for special', async () => {
    const system = await parse(HEAD);
    const matched = (pattern: string) => matchPorts(system, pattern).map((port) => portName(system, port));
    expect(matched('robot.real_?ut')).toEqual([]);
    expect(matched('robotXreal_out')).toEqual([]);
    expect(matched('*.x')).toEqual(['monitor.x']);
  });

  it('has names with dots and blanks: the longest component that fits is meant', async () => {
    const system = await parse(`twinbridge: system
components:
  cell: { fmu: feedthrough.fmu }
  cell.arm: { fmu: feedthrough.fmu }
  safety monitor: { fmu: monitor.fmu }
connections:
  - cell.real_out -> cell.arm.real_in
  - { from: cell.arm.real_out, to: safety monitor.x }
step: 0.1
`);
    expect(wiresOf(system)).toEqual(['cell.real_out -> cell.arm.real_in', 'cell.arm.real_out -> safety monitor.x']);
  });
});

describe('a connection', () => {
  it('converts between numbers, truth values and enumerations, and says where that loses something', async () => {
    const system = await parse(
      systemOf(
        ['feedthrough', 'monitor', 'arrays'],
        `connections:
  - feedthrough.boolean_out -> monitor.x
  - feedthrough.integer_out -> monitor.y
  - feedthrough.real_out -> feedthrough.integer_in
  - feedthrough.integer_out -> feedthrough.boolean_in
  - feedthrough.choice_out -> monitor.obstacle_x
  - arrays.small -> arrays.byte
  - arrays.single -> monitor.obstacle_y
step: 0.1
`,
      ),
    );
    expect(system.connections).toHaveLength(7);
    const lossy = (wire: string) => `values are rounded or cut off: ${wire}`;
    expect(warningsOf(system)).toEqual([
      lossy("'feedthrough.real_out' (Real) to 'feedthrough.integer_in' (Integer)"),
      lossy("'feedthrough.integer_out' (Integer) to 'feedthrough.boolean_in' (Boolean)"),
      // Both have 8 bits, but the one is signed.
      lossy("'arrays.small' (Int8) to 'arrays.byte' (UInt8)"),
    ]);
  });

  it('converts units that are defined by base units', async () => {
    const system = await parse(
      systemOf(
        ['mm', 'monitor', 'celsius', 'kelvin', 'feedthrough'],
        `connections:
  - mm.distance -> monitor.x
  - monitor.distance -> mm.x
  - celsius.distance -> kelvin.x
  - { from: mm.distance, to: monitor.y, factor: 2, offset: 500 }
  - { from: mm.distance, to: monitor.obstacle_x, units: ignore }
  - monitor.distance -> feedthrough.real_in
step: 0.1
`,
      ),
    );
    expect(wiresOf(system)).toEqual([
      'mm.distance -> monitor.x * 0.001 + 0',
      'monitor.distance -> mm.x * 1000 + 0',
      'celsius.distance -> kelvin.x * 1 + 273.15',
      // Factor and offset of the connection come first: 2 x + 500, in mm.
      'mm.distance -> monitor.y * 0.002 + 0.5',
      'mm.distance -> monitor.obstacle_x',
      'monitor.distance -> feedthrough.real_in',
    ]);
    expect(system.warnings).toEqual([]);
  });

  it('says where units cannot be converted, and refuses those of different quantities', async () => {
    const system = await parse(
      systemOf(['feet', 'monitor'], 'connections:\n  - feet.distance -> monitor.x\nstep: 0.1\n'),
    );
    expect(wiresOf(system)).toEqual(['feet.distance -> monitor.x']);
    expect(warningsOf(system)).toEqual([
      "units differ, and values are passed on as they are: 'feet.distance' is in ft, 'monitor.x' in m",
    ]);
    expect(
      await problemsOf(systemOf(['kelvin', 'monitor'], 'connections:\n  - kelvin.distance -> monitor.x\nstep: 0.1\n')),
    ).toEqual(["6:5: units do not go together: 'kelvin.distance' is in K, 'monitor.x' in m"]);
  });

  it('may end at a parameter that is tunable or fixed', async () => {
    const system = await parse(`${HEAD}connections:
  - robot.real_out -> monitor.safe_distance
  - robot.boolean_out -> monitor.latched
`);
    expect(wiresOf(system)).toEqual([
      'robot.real_out -> monitor.safe_distance',
      'robot.boolean_out -> monitor.latched',
    ]);
  });

  it('joins arrays of one size, or single elements, counted from 0', async () => {
    const system = await parse(`twinbridge: system
components:
  a: { fmu: arrays.fmu }
  b: { fmu: arrays.fmu }
connections:
  - a.doubled -> b.q
  - a.doubled[5] -> a.q[0]
  - a.single -> a.q[2]
step: 0.1
`);
    expect(wiresOf(system)).toEqual(['a.doubled -> b.q', 'a.doubled[5] -> a.q[0]', 'a.single -> a.q[2]']);
    expect(system.connections[1]).toMatchObject({ from: { element: 5 }, to: { element: 0 } });
    expect(
      await problemsOf(`twinbridge: system
components:
  a: { fmu: arrays.fmu }
  b: { fmu: arrays.fmu, start: { n: 2 } }
connections:
  - a.doubled -> b.q
  - a.single -> a.q
  - a.doubled[6] -> a.byte
  - a.doubled -> b.q[1]
step: 0.1
`),
    ).toEqual([
      "6:5: sizes do not match: 'a.doubled' (Float64, 6 elements) to 'b.q' (Float64, 4 elements) (name single elements, from 0: component.variable[0])",
      "7:5: sizes do not match: 'a.single' (Float32) to 'a.q' (Float64, 6 elements) (name single elements, from 0: component.variable[0])",
      "8:5: 'a' has no variable 'doubled[6]' (did you mean 'doubled'?) (its outputs: doubled, single, small, bytes)",
      "9:5: sizes do not match: 'a.doubled' (Float64, 6 elements) to 'b.q[1]' (Float64) (name single elements, from 0: component.variable[0])",
      "9:5: 'b.q[1]' is fed twice: 'b.q' is fed as a whole",
    ]);
  });

  it('may pass through functions', async () => {
    const system = await parse(`twinbridge: system
components:
  robot: { fmu: feedthrough.fmu }
  a: { fmu: arrays.fmu }
functions:
  gain: { type: linear, factor: 3, offset: -1 }
  total: { type: sum, inputs: 3 }
  same: { type: sum, inputs: 1 }
  forces: { type: vector-sum, dimension: 6 }
connections:
  - robot.real_out -> gain.in
  - gain.out -> total.in[0]
  - robot.integer_out -> total.in[2]
  - robot.real_out -> same.in[0]
  - a.doubled -> forces.in[0]
  - total.out -> forces.in[1][4]
  - forces.out -> a.q
step: 0.1
`);
    expect(system.functions).toEqual([
      { name: 'gain', kind: 'linear', inputs: 1, dimension: 1, factor: 3, offset: -1 },
      { name: 'total', kind: 'sum', inputs: 3, dimension: 1, factor: 1, offset: 0 },
      { name: 'same', kind: 'sum', inputs: 1, dimension: 1, factor: 1, offset: 0 },
      { name: 'forces', kind: 'vector-sum', inputs: 2, dimension: 6, factor: 1, offset: 0 },
    ]);
    expect(wiresOf(system)).toEqual([
      'robot.real_out -> gain.in',
      'gain.out -> total.in[0]',
      'robot.integer_out -> total.in[2]',
      'robot.real_out -> same.in[0]',
      'a.doubled -> forces.in[0]',
      'total.out -> forces.in[1][4]',
      'forces.out -> a.q',
    ]);
  });

  it('may replace values by others', async () => {
    const system = await parse(`${HEAD}connections:
  - { from: robot.choice_out, to: robot.choice_in, map: [[first, second], [second, first]] }
  - { from: robot.boolean_out, to: robot.boolean_in, map: [[true, false]] }
  - { from: robot.integer_out, to: robot.integer_in, map: [[-1, 7]] }
`);
    expect(system.connections.map(({ table }) => table)).toEqual([
      [
        [1, 2],
        [2, 1],
      ],
      [[1, 0]],
      [[-1, 7]],
    ]);
    expect(
      await problemsOf(`${HEAD}connections:
  - { from: robot.choice_out, to: robot.choice_in, map: [[first, 2]] }
  - { from: robot.integer_out, to: robot.integer_in, map: [[a, b]] }
`),
    ).toEqual([
      '7:57: the values of a map are of one kind: numbers, truth values, or items of enumerations',
      expect.stringMatching(/^8:60: a mapping of Enumeration values does not go with 'robot\.integer_out'/),
    ]);
  });

  it('is refused where there is nothing to join', async () => {
    expect(
      await problemsOf(`${HEAD}functions:
  gain: { type: linear, inputs: 2 }
  total: { type: sum }
connections:
  - robot.string_out -> monitor.x
  - robot.boolean_out -> robot.string_in
  - { from: robot.string_out, to: robot.string_in, factor: 2 }
  - robot.real_out -> gain.in[1]
  - gain.out -> total.out
  - total.in[0] -> robot.real_in
  - robot.real_out -> total.in[2]
`),
    ).toEqual([
      "7:25: function 'gain': a linear has no inputs",
      "10:5: types do not match: 'robot.string_out' (String) to 'monitor.x' (Real)",
      "11:5: types do not match: 'robot.boolean_out' (Boolean) to 'robot.string_in' (String)",
      "12:5: input 'robot.string_in' is fed twice: by 'robot.boolean_out' and by 'robot.string_out'",
      "12:5: 'robot.string_in' is no number: there is nothing to scale",
      "13:5: function 'gain' has no port 'in[1]' (it has in and out)",
      "14:5: a connection ends at an input, 'total.out' is an output of a function",
      "15:5: a connection starts at an output, 'total.in[0]' is an input of a function",
      "16:5: function 'total' has no port 'in[2]' (it has in[0] to in[1] and out)",
    ]);
  });
});

describe('a component', () => {
  it('takes start values of each type, of arrays for all or each, whole numbers of 64 bits to the last digit', async () => {
    const system = await parse(`twinbridge: system
components:
  a:
    fmu: arrays.fmu
    start:
      q: [1, 2, 3, 4, 5, .inf]
      n: 3
      big: -9223372036854775808
      limit: [18446744073709551615, 0]
      flags: true
      names: [a, 'b c']
      blob: 00fF
      mode: fast
  b: { fmu: arrays.fmu, start: { mode: 7 } }
step: 0.1
`);
    expect(startOf(system)).toEqual({
      // First: the sizes of the others depend on it.
      n: [3n],
      q: [1, 2, 3, 4, 5, Number.POSITIVE_INFINITY],
      big: [-9223372036854775808n],
      limit: [18446744073709551615n, 0n],
      flags: [true, true],
      names: ['a', 'b c'],
      blob: ['00fF'],
      mode: [7],
    });
    expect(Object.keys(startOf(system))[0]).toBe('n');
    expect(startOf(system, 1)).toEqual({ mode: [7] });
  });

  it('has arrays as large as its structural parameters say', async () => {
    const system = await parse(`twinbridge: system
components:
  six: { fmu: arrays.fmu }
  ten: { fmu: arrays.fmu, start: { n: 5 } }
step: 0.1
`);
    const sizes = system.components.map((component) => component.sizes.get(indexOf(system, 'q')));
    expect(sizes).toEqual([6, 10]);
  });

  it('refuses values that are not of its variables', async () => {
    expect(
      await problemsOf(`twinbridge: system
components:
  a:
    fmu: arrays.fmu
    start:
      q: [1, 2]
      byte: 256
      big: 9223372036854775808
      blob: 0f0
      single: [1]
      mode: slwo
      n: 0.5
step: 0.1
`),
    ).toEqual([
      "6:10: 'a.q' has 6 elements, but is given 2 values",
      "7:13: 'a.byte' is of type UInt8: 256 is not an integer from 0 to 255",
      "8:12: 'a.big' is of type Int64: 9223372036854775808 is not an integer from -9223372036854775808 to 9223372036854775807",
      '9:13: \'a.blob\' is of type Binary: "0f0" is not a list of bytes in hexadecimal',
      "10:7: 'a.single' cannot be given a start value: an output, calculated",
      `11:13: 'a.mode' is of type Enumeration: "slwo" is not one of slow, fast (did you mean 'slow'?)`,
      "12:10: 'a.n' is of type UInt64: 0.5 is not an integer from 0 to 18446744073709551615",
    ]);
  });

  it('may make longer steps than the system, in a process of its own, with a deadline', async () => {
    const system = await parse(`twinbridge: system
components:
  slow: { fmu: feedthrough.fmu, step: 0.3 }
  shaky: { fmu: feedthrough.fmu, isolate: true, deadline: 2 }
step: 0.1
`);
    expect(system.components).toMatchObject([
      { every: 3, isolate: false },
      { every: 1, isolate: true, deadline: 2 },
    ]);
    expect(
      await problemsOf(`twinbridge: system
components:
  slow: { fmu: feedthrough.fmu, step: 0.25 }
  shaky: { fmu: feedthrough.fmu, deadline: 2 }
step: 0.1
`),
    ).toEqual([
      "3:39: the step size of 'slow', 0.25 s, is no multiple of the system's, 0.1 s (choose 0.2 or 0.3)",
      "4:44: 'shaky' has a deadline but is not isolated (add isolate: true; a step in the process of the run cannot be ended from outside)",
    ]);
  });

  it('gets a process of its own if its FMU allows one instance in each', async () => {
    const system = await parse(`twinbridge: system
components: { first: { fmu: single.fmu }, second: { fmu: single.fmu }, third: { fmu: single.fmu } }
step: 0.1
`);
    expect(system.components.map(({ isolate }) => isolate)).toEqual([false, true, true]);
  });
});

describe('the step size', () => {
  it('may vary between limits, kept small by constraints and by the error', async () => {
    const { stepping } = await parse(`${HEAD.replace('step: 0.1\n', '')}step:
  min: 1e-4
  max: 0.1
  initial: 0.01
  tolerance: { relative: 1e-5 }
  constraints:
    hit: { type: zero-crossing, ports: [monitor.distance, monitor.safe_distance], order: 1, tolerance: 0.01, safety: 0.5 }
    smooth: { type: bounded-difference, ports: [robot.real_out], absolute: 0.1, skipDiscrete: false }
    camera: { type: sampling-rate, base: 1e-3, rate: 40, start: 5 }
    fmus: { type: fmu-max-step-size }
`);
    expect(stepping).toEqual({
      kind: 'variable',
      minimum: 1e-4,
      maximum: 0.1,
      initial: 0.01,
      tolerance: { relative: 1e-5, absolute: 1e-9 },
      constraints: [
        {
          kind: 'zero-crossing',
          name: 'hit',
          ports: [
            { component: 1, variable: 6 },
            { component: 1, variable: 4 },
          ],
          order: 1,
          tolerance: 0.01,
          safety: 0.5,
        },
        {
          kind: 'bounded-difference',
          name: 'smooth',
          ports: [{ component: 0, variable: 5 }],
          absolute: 0.1,
          safety: 0,
          skipDiscrete: false,
        },
        { kind: 'sampling-rate', name: 'camera', base: 1e-3, rate: 40, start: 5 },
        { kind: 'fmu-max-step-size', name: 'fmus' },
      ],
    });
  });

  it('varies from a millionth of the greatest on, beginning with that, if nothing else is said', async () => {
    const { stepping } = await parse(HEAD.replace('step: 0.1', 'step: { max: 0.1, tolerance: 1e-4 }'));
    expect(stepping).toEqual({
      kind: 'variable',
      minimum: 0.1 / 1e6,
      maximum: 0.1,
      initial: 0.1,
      tolerance: { relative: 1e-4, absolute: 1e-4 },
      constraints: [],
    });
  });

  it('may follow the data of a bridge', async () => {
    const { stepping } = await parse(HEAD.replace('step: 0.1', 'step: { data: robot, min: 0.001, max: 1 }'));
    expect(stepping).toEqual({ kind: 'data', component: 0, minimum: 0.001, maximum: 1 });
  });

  it('must suit the components, and itself', async () => {
    const stubborn = HEAD.replace('monitor.fmu', 'stubborn.fmu').replace('robot: {', 'robot: { step: 0.2,');
    expect(await problemsOf(stubborn.replace('step: 0.1', 'step: { max: 1, min: 2, tolerance: 1e-3 }'))).toEqual([
      "3:18: 'robot' has a step size of its own, which needs a fixed step size of the system",
      '5:14: the greatest step size, 1 s, is less than the smallest, 2 s',
      "5:14: 'monitor' cannot handle steps of different sizes (use a fixed step size)",
      "5:14: the step size cannot be chosen by the error: 'monitor' cannot go back, it does not save its state (use constraints, or a fixed step size)",
    ]);
    expect(await problemsOf(HEAD.replace('step: 0.1', 'step: { max: 1, initial: 2 }'))).toEqual([
      '5:26: the first step size, 2 s, is not between 0.000001 and 1 s',
    ]);
    expect(await problemsOf(HEAD.replace('step: 0.1', 'step: { data: robt, max: 1, initial: 1 }'))).toEqual([
      "5:15: unknown component 'robt' (did you mean 'robot'?)",
      "5:29: a step size by the data of 'robt' has no initial",
    ]);
    expect(
      await problemsOf(
        HEAD.replace(
          'step: 0.1',
          `step:
  max: 0.1
  constraints:
    none: { type: zero-crossing }
    text: { type: zero-crossing, ports: [robot.string_out] }
    lost: { type: bounded-difference, ports: [robot.reel_out], relative: 0.1 }
    free: { type: bounded-difference, ports: [robot.real_out] }
    rate: { type: sampling-rate, base: 1, rate: 1, order: 2 }`,
        ),
      ),
    ).toEqual([
      "8:5: constraint 'none': a zero crossing needs one port or two",
      "9:5: constraint 'text': 'robot.string_out' is no number",
      "10:47: 'robot' has no variable 'reel_out' (did you mean 'real_out'?) (its variables: real_in, integer_in, boolean_in, string_in, choice_in, real_out, integer_out, boolean_out, string_out, choice_out, offset)",
      "11:5: constraint 'free': a bounded difference needs absolute or relative",
      "12:52: constraint 'rate': a sampling-rate has no order",
    ]);
    expect(await problemsOf(HEAD.replace('step: 0.1', 'step: .inf'))).toEqual([
      '5:7: the step size is Infinity s, it must be greater than 0',
    ]);
  });
});

describe('recordings', () => {
  const recorded = (system: System) =>
    system.recordings.map(({ variables, ...rest }) => [rest, variables.map((port) => portName(system, port))]);

  it('are of all outputs if nothing else is said, without a file', async () => {
    const [[settings, variables]] = recorded(await parse(HEAD)) as [[object, string[]]];
    expect(settings).toEqual({ format: 'csv', every: 1 });
    expect(variables).toHaveLength(7);
  });

  it('may be several, in the format of the file name', async () => {
    const system = await parse(`${HEAD}record:
  - { file: a.csv, variables: [monitor.stop] }
  - { file: b.parquet, every: 10, variables: [robot.offset] }
  - { file: c.mcap, roll: { rows: 5, megabytes: 1.5, seconds: 60, keep: 3 }, variables: ['*.stop'] }
  - { file: d.txt, format: mcap, variables: [monitor.stop, 'monitor.*'] }
`);
    const inFolder = (name: string) => join(folder, name);
    expect(recorded(system)).toEqual([
      [{ file: inFolder('a.csv'), format: 'csv', every: 1 }, ['monitor.stop']],
      [{ file: inFolder('b.parquet'), format: 'parquet', every: 10 }, ['robot.offset']],
      [
        {
          file: inFolder('c.mcap'),
          format: 'mcap',
          every: 1,
          roll: { rows: 5, bytes: 1_500_000, seconds: 60, keep: 3 },
        },
        ['monitor.stop'],
      ],
      [
        { file: inFolder('d.txt'), format: 'mcap', every: 1 },
        // Once, where it is named first.
        ['monitor.stop', 'monitor.x', 'monitor.y', 'monitor.obstacle_x', 'monitor.obstacle_y', 'monitor.distance'],
      ],
    ]);
  });

  it('may hold single elements of arrays', async () => {
    const system = await parse(systemOf(['arrays'], "step: 0.1\nrecord: { variables: ['arrays.doubled[3]'] }\n"));
    expect(recorded(system)[0]![1]).toEqual(['arrays.doubled[3]']);
  });

  it('have files of their own', async () => {
    expect(await problemsOf(`${HEAD}record: [{ file: a.csv }, { file: ./a.csv }]\n`)).toEqual([
      expect.stringContaining(`two recordings go to ${join(folder, 'a.csv')}`),
    ]);
  });
});

describe('a scenario', () => {
  it('changes inputs, outputs and tunable parameters, in order of time', async () => {
    const { scenario } = await parse(`${HEAD}scenario:
  events:
    - { time: 2, set: monitor.safe_distance, action: reset }
    - { time: 1, set: monitor.safe_distance, value: -3, action: bias }
    - { time: 1, set: robot.boolean_out, value: true }
    - { time: 0, set: robot.string_in, value: stuck }
  end: 5
`);
    expect(scenario).toEqual({
      events: [
        { time: 0, port: { component: 0, variable: 3 }, action: 'override', value: 'stuck' },
        { time: 1, port: { component: 1, variable: 4 }, action: 'bias', value: -3 },
        { time: 1, port: { component: 0, variable: 7 }, action: 'override', value: true },
        { time: 2, port: { component: 1, variable: 4 }, action: 'reset' },
      ],
      end: 5,
    });
  });

  it('changes nothing else', async () => {
    expect(
      await problemsOf(`${HEAD.replace('monitor: { fmu: monitor.fmu }', 'monitor: { fmu: monitor.fmu }\n  a: { fmu: arrays.fmu }')}scenario:
  events:
    - { time: 0, set: monitor.latched, value: true }
    - { time: 0, set: monitor.x }
    - { time: 0, set: monitor.safe_distance, value: -3 }
    - { time: 0, set: robot.boolean_in, value: true, action: bias }
    - { time: 0, set: robot.integer_in, value: 1.5 }
    - { time: 0, set: a.q, value: 1 }
    - { time: 0, set: robt.x, value: 1 }
`),
    ).toEqual([
      "9:7: 'monitor.latched' is a parameter (a scenario changes inputs, outputs and tunable parameters)",
      '10:7: the event at 0 s lacks a value',
      "11:7: 'monitor.safe_distance' is -3, allowed is 0 to Infinity",
      "12:7: 'robot.boolean_in' is of type Boolean, to which nothing can be added",
      "13:7: 'robot.integer_in' is of type Integer: 1.5 is not an integer of 32 bits",
      "14:7: 'a.q' is an array (name one element, from 0: a.q[0])",
      "15:7: unknown component 'robt' (did you mean 'robot'?)",
    ]);
  });
});

describe('problems', () => {
  it('of names and values are found all at once', async () => {
    expect(
      await problemsOf(`twinbridge: system
components:
  robot:
    fmu: feedthrough.fmu
    start: { ofset: 1, real_out: 3, boolean_in: 1, choice_in: secnd, integer_in: 1.5 }
  monitor: { fmu: monitor.fmu, start: { safe_distance: -2.0 } }
connections:
  - robot.real_ot -> monitor.x
  - robt.real_out -> monitor.x
  - robot.offset -> monitor.y
  - monitor.distance -> monitor.stop
  - robot.real_out => monitor.y
step: 0.1
stop: 0
record: { variables: ['robot.*', 'monitr.stop'] }
logging: { robot: [logStep], robo: true }
`),
    ).toEqual([
      "5:14: 'robot' has no variable 'ofset' (did you mean 'offset'?)",
      "5:24: 'robot.real_out' cannot be given a start value: an output, calculated",
      "5:49: 'robot.boolean_in' is of type Boolean: 1 is not true or false",
      `5:63: 'robot.choice_in' is of type Enumeration: "secnd" is not one of first, second (did you mean 'second'?)`,
      "5:82: 'robot.integer_in' is of type Integer: 1.5 is not an integer of 32 bits",
      "6:56: 'monitor.safe_distance' is -2, allowed is 0 to Infinity",
      "8:5: 'robot' has no variable 'real_ot' (did you mean 'real_out'?) (its outputs: real_out, integer_out, boolean_out, string_out, choice_out)",
      "9:5: unknown component 'robt' (did you mean 'robot'?)",
      "9:5: input 'monitor.x' is fed twice: by 'robot.real_ot' and by 'robt.real_out'",
      "10:5: a connection starts at an output, 'robot.offset' is a parameter",
      "11:5: a connection ends at an input, 'monitor.stop' is an output, calculated",
      "12:5: 'robot.real_out => monitor.y' is no connection, expected component.output -> component.input",
      '14:7: stop (0 s) must be later than start (0 s)',
      "15:34: nothing to record is named 'monitr.stop' (did you mean 'monitor.stop'?)",
      "16:19: 'robot' has no log category 'logStep' (did you mean 'logSteps'?) (it has logSteps, logStatusError)",
      "16:30: logging names the unknown component 'robo'",
    ]);
  });

  it('may be a name given twice', async () => {
    expect(await problemsOf(`${HEAD}functions: { robot: { type: sum } }\n`)).toEqual([
      "6:14: two components or functions are named 'robot'",
    ]);
  });

  it('of FMUs stand at their names, and hide no others', async () => {
    const problems = await problemsOf(`twinbridge: system
components:
  gone: { fmu: gone.fmu }
  me: { fmu: me.fmu }
  robot: { fmu: feedthrough.fmu }
connections:
  - gone.anything -> robot.real_in
  - me.anything -> robot.reel_in
step: 0.1
record: { variables: [gone.anything, '*.anything', robot.reel_out] }
`);
    expect(problems).toEqual([
      expect.stringMatching(/^3:16: cannot read .*gone\.fmu: no such file$/),
      expect.stringMatching(/^4:14: .*me\.fmu offers model exchange only, not co-simulation \(export the FMU for/),
      expect.stringMatching(/^8:5: 'robot' has no variable 'reel_in' \(did you mean 'real_in'\?\)/),
      expect.stringMatching(
        /^10:52: nothing to record is named 'robot\.reel_out' \(did you mean 'robot\.real_out'\?\)/,
      ),
    ]);
  });

  it('inside an FMU stand at their place in its modelDescription.xml', async () => {
    const problems = await problemsOf(HEAD.replace('monitor.fmu', 'broken.fmu'));
    expect(problems).toEqual([
      `${join(folder, 'broken.fmu')}/modelDescription.xml:30:5: 'valueReference' of variable 'x' is 'x', expected an integer from 0 to 4294967295`,
    ]);
  });

  it('of the form come from the schema', async () => {
    const problems = await problemsOf(`twinbridge: system
components:
  robot: { fmu: feedthrough.fmu, strt: {} }
connections:
  - { from: robot.real_out }
step: 0
pace: quick
`);
    expect(problems).toEqual([
      expect.stringMatching(/^3:34: unknown key 'strt' in 'components\.robot' \(did you mean 'start'\?\)/),
      expect.stringMatching(/^5:5: 'connections\.0' lacks the key 'to'/),
      expect.stringMatching(/^6:7: 'step' must be > 0/),
      expect.stringMatching(/^7:7: 'pace' must match pattern/),
    ]);
  });

  it('that do not keep a system from running are warnings', async () => {
    const system = await parse(`${HEAD.replace('0.1', '0.3')}stop: 1\n`);
    expect(warningsOf(system)).toEqual(['the duration is no multiple of the step 0.3 s: the run ends at 0.9 s']);
  });

  it('may be that there is no file', async () => {
    await expect(readSystemYaml(join(folder, 'none.yaml'))).rejects.toThrow(/cannot read .*none\.yaml: no such file/);
  });
});

function indexOf(system: System, name: string): number {
  return system.components[0]!.model.variables.findIndex((variable) => variable.name === name);
}
