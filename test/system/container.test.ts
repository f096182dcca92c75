/** Descriptions of container FMUs, as fmucontainer reads them, run as systems. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { platformFolders } from '#tb/fmi/index.js';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import {
  type ContainerOptions,
  portName,
  readContainer,
  readContainerSystem,
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

/** Its outputs are the inputs of the monitor by name. */
variant('Source.fmu', 'feedthrough', (xml) =>
  xml.replace('name="real_out"', 'name="x"').replace('name="integer_out"', 'name="y"'),
);
const stepped = (size: string) => (xml: string) =>
  xml.replace('canHandleVariableCommunicationStepSize="true"', '').replace('stepSize="0.1"', `stepSize="${size}"`);
variant('tenth.fmu', 'dahlquist', stepped('0.1'));
variant('quarter.fmu', 'dahlquist', stepped('0.25'));
variant('third.fmu', 'dahlquist', stepped('0.3333333333333333'));
variant('large.fmu', 'dahlquist', (xml) => xml.replace('stepSize="0.1"', 'stepSize="0.4"'));
variant('silent.fmu', 'dahlquist', (xml) => xml.replace(/<DefaultExperiment[^>]*>/, ''));
variant('later.fmu', 'dahlquist', (xml) =>
  xml.replace(/<DefaultExperiment[^>]*>/, '<DefaultExperiment startTime="2" stopTime="7"/>'),
);
/** Six scalars that are an array of FMI 2.0, and a gap in another. */
variant('scalars.fmu', 'feedthrough', (xml) => {
  const box = [1, 2, 3].flatMap((row) => [1, 2].map((column) => `m[${row},${column}]`));
  const outputs = [...box, 'gap[1]', 'gap[3]'].map(
    (name, index) =>
      `<ScalarVariable name="${name}" valueReference="${100 + index}" causality="output"><Real/></ScalarVariable>`,
  );
  const unknowns = outputs.map((_, index) => `<Unknown index="${12 + index}"/>`).join('');
  return xml
    .replace('</ModelVariables>', `${outputs.join('')}</ModelVariables>`)
    .replaceAll('</Outputs>', `${unknowns}</Outputs>`)
    .replaceAll('</InitialUnknowns>', `${unknowns}</InitialUnknowns>`);
});

const [tuple] = platformFolders(process.platform, process.arch, '3.0');
function fmi3(file: string, identifier: string, xml: string, terminals?: string): void {
  writeFmu(join(folder, file), [
    { name: 'modelDescription.xml', content: Buffer.from(xml) },
    { name: `binaries/${tuple}/${identifier}.so`, content: libraryEntry('feedthrough').content },
    ...(terminals === undefined
      ? []
      : [{ name: 'terminalsAndIcons/terminalsAndIcons.xml', content: Buffer.from(terminals) }]),
  ]);
}
fmi3('arrays.fmu', 'arrays', arraysDescription);

const csv = join(folder, 'Plant.csv');
const json = join(folder, 'plant.json');
const HEAD = 'rule;from_fmu;from_port;to_fmu;to_port\n';

const fromCsv = (rules: string, options?: ContainerOptions) => {
  writeFileSync(csv, `${HEAD}${rules}`);
  return readContainerSystem(csv, options);
};
const fromJson = (content: unknown, options?: ContainerOptions) => {
  writeFileSync(json, typeof content === 'string' ? content : JSON.stringify(content, undefined, 1));
  return readContainerSystem(json, options);
};

async function problemsOf(system: Promise<System>): Promise<string[]> {
  const error: unknown = await system.then(
    () => new Error('the file was accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof InvalidFileError)) throw error;
  return error.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}

const namesOf = ({ components }: System) => components.map(({ name }) => name);
const messagesOf = ({ warnings }: System) => warnings.map(({ message }) => message);
const wiresOf = (system: System) =>
  system.connections.map(({ from, to }) => `${terminalName(system, from)} -> ${terminalName(system, to)}`);
const recordedOf = (system: System) => system.recordings[0]!.variables.map((port) => portName(system, port));
const startOf = (system: System, name: string) => {
  const component = system.components.findIndex((candidate) => candidate.name === name);
  return Object.fromEntries(
    system.components[component]!.start.map(({ variable, values }) => [
      variableAt(system, { component, variable }).name,
      values,
    ]),
  );
};

/** Names outside, and what they stand for. */
async function exposed(file: string, options?: ContainerOptions): Promise<Record<string, string>> {
  const { container } = await readContainer(file, options);
  const nameOf = ({ member, variable }: { member: number; variable: number }) => {
    const { name, variables } = container.members[member]!;
    return `${name}.${variables[variable]!.name}`;
  };
  return Object.fromEntries([
    ...container.inputs.map(({ name, targets }) => [name, `-> ${targets.map(nameOf).join(', ')}`]),
    ...container.outputs.map(({ name, source }) => [name, nameOf(source)]),
  ]);
}

describe('a container description in CSV', () => {
  it('has the rules FMU, INPUT, OUTPUT, LINK, DROP and START', async () => {
    const system = await fromCsv(`# the plant
FMU;feedthrough.fmu;;;
FMU;monitor.fmu;;;
INPUT;;position;feedthrough.fmu;real_in
INPUT;;;monitor.fmu;obstacle_x

LINK;feedthrough.fmu;real_out;monitor.fmu;x
link;monitor.fmu;y;feedthrough.fmu;integer_out
OUTPUT;monitor.fmu;distance;;range
OUTPUT;feedthrough.fmu;real_out;;
DROP;monitor.fmu;stop;;
START;feedthrough.fmu;offset;-1.5;
START;feedthrough.fmu;choice_in;2;
START;feedthrough.fmu;boolean_in;1;
START;feedthrough.fmu;string_in;"a;""b""";
`);
    expect(namesOf(system)).toEqual(['feedthrough', 'monitor']);
    // The second is written backwards.
    expect(wiresOf(system)).toEqual(['feedthrough.real_out -> monitor.x', 'feedthrough.integer_out -> monitor.y']);
    expect(startOf(system, 'feedthrough')).toEqual({
      offset: [-1.5],
      choice_in: [2],
      boolean_in: [true],
      string_in: ['a;"b"'],
    });
    expect(recordedOf(system)).toEqual([
      'monitor.distance',
      'feedthrough.real_out',
      'feedthrough.boolean_out',
      'feedthrough.string_out',
      'feedthrough.choice_out',
    ]);
    expect(system).toMatchObject({
      file: csv,
      algorithm: 'jacobi',
      loops: { atSteps: false },
      stepping: { kind: 'fixed', size: 0.1 },
      threads: 1,
      // Of the first FMU's default experiment.
      start: 0,
      stop: 10,
    });
    expect(await exposed(csv)).toMatchObject({
      position: '-> feedthrough.fmu.real_in',
      obstacle_x: '-> monitor.fmu.obstacle_x',
      range: 'monitor.fmu.distance',
      real_out: 'feedthrough.fmu.real_out',
    });
  });

  it('takes the FMUs that only a rule names, in the order of their first naming', async () => {
    const system = await fromCsv('LINK;feedthrough.fmu;real_out;monitor.fmu;x\nFMU;dahlquist.fmu;;;\n');
    expect(namesOf(system)).toEqual(['feedthrough', 'monitor', 'dahlquist']);
  });

  it('reports each faulty rule with its place', async () => {
    expect(
      await problemsOf(
        fromCsv(`FMU;feedthrough.fmu;;;
FMU;;;;
INPT;;a;feedthrough.fmu;real_in
LINK;feedthrough.fmu;real_out;monitor.fmu
LINK;feedthrough.fmu;reel_out;monitor.fmu;x
INPUT;;a;feedthrough.fmu;real_out
OUTPUT;feedthrough.fmu;real_in;;
DROP;feedthrough.fmu;real_in;;
LINK;feedthrough.fmu;real_in;monitor.fmu;x
OUTPUT;feedthrough.fmu;real_out;;same
OUTPUT;feedthrough.fmu;integer_out;;same
LINK;feedthrough.fmu;real_out;monitor.fmu;y
LINK;feedthrough.fmu;integer_out;monitor.fmu;y
LINK;feedthrough.fmu;string_out;monitor.fmu;obstacle_x
START;feedthrough.fmu;real_in;fast;
START;feedthrough.fmu;real_out;1;
INPUT;;a;montor.fmu;x
`),
      ),
    ).toEqual([
      'Plant.csv:3:5: FMU needs from_fmu',
      "Plant.csv:4:1: unknown rule 'INPT' (did you mean 'INPUT'?) (rules are FMU, INPUT, OUTPUT, LINK, DROP, START)",
      'Plant.csv:5:1: a rule has 5 cells, this has 4',
      "Plant.csv:6:22: 'feedthrough.fmu' has no variable 'reel_out' (did you mean 'real_out'?)",
      "Plant.csv:7:26: an INPUT feeds inputs and parameters, 'feedthrough.fmu.real_out' is an output",
      "Plant.csv:8:24: an OUTPUT shows outputs and local variables, 'feedthrough.fmu.real_in' is an input",
      "Plant.csv:9:22: only outputs are dropped, 'feedthrough.fmu.real_in' is an input",
      "Plant.csv:10:42: a link leads from an output to an input, not from 'feedthrough.fmu.real_in' to 'monitor.fmu.x'",
      "Plant.csv:12:24: two outputs are named 'same'",
      "Plant.csv:14:46: 'monitor.fmu.y' is fed twice: by 'feedthrough.fmu.real_out' and by 'feedthrough.fmu.integer_out'",
      "Plant.csv:15:45: types do not match: 'feedthrough.string_out' (String) to 'monitor.obstacle_x' (Real)",
      `Plant.csv:16:31: 'feedthrough.real_in' is of type Real: "fast" is not a number`,
      "Plant.csv:17:23: 'feedthrough.real_out' cannot be given a start value: an output, calculated",
      "Plant.csv:18:21: cannot read montor.fmu: no such file (did you mean 'monitor.fmu'?)",
    ]);
  });

  it('begins with its headings', async () => {
    writeFileSync(csv, '\uFEFFRule;FROM_FMU;from_port;to_fmu;to_port\r\nFMU;dahlquist.fmu;;;\r\n');
    expect(namesOf(await readContainerSystem(csv))).toEqual(['dahlquist']);
    writeFileSync(csv, 'FMU;dahlquist.fmu;;;\n');
    expect(await problemsOf(readContainerSystem(csv))).toEqual([
      'Plant.csv:1:1: the first line must be rule;from_fmu;from_port;to_fmu;to_port',
    ]);
  });
});

describe('a container description in JSON', () => {
  it('has the same rules', async () => {
    const system = await fromJson({
      fmu: ['monitor.fmu', 'feedthrough.fmu'],
      input: [['position', 'feedthrough.fmu', 'real_in']],
      output: [['monitor.fmu', 'distance', 'range']],
      link: [['feedthrough.fmu', 'real_out', 'monitor.fmu', 'x']],
      start: [
        ['feedthrough.fmu', 'integer_in', 7],
        ['feedthrough.fmu', 'boolean_in', true],
        ['feedthrough.fmu', 'offset', '1e-3'],
      ],
      drop: [['monitor.fmu', 'stop']],
      step_size: '0.02',
      auto_input: false,
      auto_output: false,
    });
    expect(namesOf(system)).toEqual(['monitor', 'feedthrough']);
    expect(startOf(system, 'feedthrough')).toEqual({ integer_in: [7], boolean_in: [true], offset: [0.001] });
    expect(recordedOf(system)).toEqual(['monitor.distance']);
    expect(system.stepping).toEqual({ kind: 'fixed', size: 0.02 });
    expect(messagesOf(system)).toContain("input 'monitor.fmu.y' is fed by nothing, and not seen from outside");
    expect(messagesOf(system)).toContain("output 'feedthrough.fmu.choice_out' leads nowhere (DROP says that it may)");
  });

  it('may hold several instances of one FMU, which are not linked by name', async () => {
    const system = await fromJson({
      fmu: ['first', 'second', 'monitor.fmu'],
      path: { first: 'Source.fmu', second: 'Source.fmu' },
      link: [['second', 'x', 'monitor.fmu', 'x']],
    });
    expect(system.components.map(({ name, fmu }) => [name, fmu])).toEqual([
      ['first', join(folder, 'Source.fmu')],
      ['second', join(folder, 'Source.fmu')],
      ['monitor', join(folder, 'monitor.fmu')],
    ]);
    expect(wiresOf(system)).toEqual(['second.x -> monitor.x']);
    expect(await problemsOf(fromJson({ fmu: ['first'], path: { frist: 'Source.fmu', first: 'Source.fmu' } }))).toEqual([
      "plant.json:6:3: 'path' names 'frist', which is not in 'fmu'",
    ]);
  });

  it('may hold containers, whose FMUs become components with dots in their names', async () => {
    const system = await fromJson({
      fmu: ['feedthrough.fmu'],
      container: [
        {
          name: 'safety.fmu',
          fmu: ['monitor.fmu'],
          step_size: 0.05,
          input: [
            ['px', 'monitor.fmu', 'x'],
            ['far', 'monitor.fmu', 'obstacle_x'],
            ['far', 'monitor.fmu', 'obstacle_y'],
          ],
          output: [['monitor.fmu', 'distance', 'd']],
          start: [['monitor.fmu', 'obstacle_x', 1]],
          container: [{ name: 'inner.fmu', fmu: ['dahlquist.fmu'] }],
        },
      ],
      link: [
        ['feedthrough.fmu', 'real_out', 'safety.fmu', 'px'],
        ['safety.fmu', 'd', 'feedthrough.fmu', 'real_in'],
        ['feedthrough.fmu', 'integer_out', 'safety.fmu', 'far'],
      ],
      output: [['safety.fmu', 'd', 'range']],
      start: [['safety.fmu', 'far', 9]],
      step_size: 0.2,
    });
    // Nested containers come first.
    expect(namesOf(system)).toEqual(['safety.inner.dahlquist', 'safety.monitor', 'feedthrough']);
    expect(wiresOf(system)).toEqual([
      'feedthrough.real_out -> safety.monitor.x',
      'safety.monitor.distance -> feedthrough.real_in',
      'feedthrough.integer_out -> safety.monitor.obstacle_x',
      'feedthrough.integer_out -> safety.monitor.obstacle_y',
    ]);
    expect(startOf(system, 'safety.monitor')).toEqual({ obstacle_x: [9], obstacle_y: [9] });
    expect(recordedOf(system)).toContain('safety.monitor.distance');
    // Each container has its own step size: the innermost 0.1 s, deduced; the system the smallest.
    expect(system.stepping).toEqual({ kind: 'fixed', size: 0.05 });
    expect(system.components.map(({ every }) => every)).toEqual([2, 1, 4]);
  });

  it('says whether it is run in threads or one after the other', async () => {
    const fmu = ['feedthrough.fmu', 'monitor.fmu', 'dahlquist.fmu'];
    expect((await fromJson({ fmu, mt: true })).threads).toBeGreaterThanOrEqual(2);
    expect(await fromJson({ fmu, mt: true, sequential: true })).toMatchObject({
      threads: 1,
      loops: { atSteps: false },
      algorithm: 'gauss-seidel',
    });
    // The file counts over the options.
    expect(await fromJson({ fmu, sequential: false }, { sequential: true })).toMatchObject({ algorithm: 'jacobi' });
    expect(await fromJson({ fmu }, { sequential: true, step: 0.5 })).toMatchObject({
      algorithm: 'gauss-seidel',
      stepping: { size: 0.5 },
    });
  });

  it('reports what has no place in it', async () => {
    expect(await problemsOf(fromJson({ fmus: [], fmu: 'x', input: [['a', 'b']], start: [['a', 'b', null]] }))).toEqual([
      expect.stringMatching(/^plant\.json:2:2: unknown key 'fmus' in the file \(did you mean 'fmu'\?\)/),
      "plant.json:3:9: 'fmu' is 'x', expected array",
      expect.stringMatching(/^plant\.json:5:3: 'input\.0' must NOT have fewer than 3 items/),
      "plant.json:14:4: 'start.0.2' is null, expected string or number or boolean",
    ]);
    expect(await problemsOf(fromJson('{ "fmu": [ }'))).toEqual([
      expect.stringMatching(/^plant\.json:1:12: this is no JSON/),
    ]);
    const fmu = ['feedthrough.fmu'];
    expect(
      await problemsOf(fromJson({ fmu, input: [['a', 'feedthrough.fmu', 'container.reset']], reset_ports: true })),
    ).toEqual([
      "plant.json:9:4: 'feedthrough.fmu' has no variable 'container.reset' (ports that fmucontainer adds are not offered)",
    ]);
    expect(messagesOf(await fromJson({ fmu, ts_multiplier: true, profiling: true }))).toEqual([
      "'plant.fmu' is run without the port container.ts_multiplier",
      "'plant.fmu' is run without the port rt_ratio (the report tells how long steps take)",
    ]);
  });
});

describe('automatic rules', () => {
  it('link outputs to inputs of the same name and type, and show the rest', async () => {
    const rules = 'FMU;Source.fmu;;;\nFMU;monitor.fmu;;;\n';
    const system = await fromCsv(rules);
    // y is an Integer there, a Real here.
    expect(wiresOf(system)).toEqual(['Source.x -> monitor.x']);
    expect(await exposed(csv)).toEqual({
      real_in: '-> Source.fmu.real_in',
      integer_in: '-> Source.fmu.integer_in',
      boolean_in: '-> Source.fmu.boolean_in',
      string_in: '-> Source.fmu.string_in',
      choice_in: '-> Source.fmu.choice_in',
      // The name is taken by the output of the first.
      'monitor.y': '-> monitor.fmu.y',
      obstacle_x: '-> monitor.fmu.obstacle_x',
      obstacle_y: '-> monitor.fmu.obstacle_y',
      y: 'Source.fmu.y',
      boolean_out: 'Source.fmu.boolean_out',
      string_out: 'Source.fmu.string_out',
      choice_out: 'Source.fmu.choice_out',
      distance: 'monitor.fmu.distance',
      stop: 'monitor.fmu.stop',
    });
    expect(wiresOf(await fromCsv(rules, { autoLink: false }))).toEqual([]);
    expect(Object.keys(await exposed(csv, { autoInput: false, autoOutput: false }))).toEqual([]);
    expect(await exposed(csv, { autoParameter: true })).toMatchObject({
      'source.offset': '-> Source.fmu.offset',
      'monitor.safe_distance': '-> monitor.fmu.safe_distance',
    });
  });

  it('name the second port of a name after its FMU', async () => {
    await fromJson({ fmu: ['feedthrough.fmu', 'Source.fmu'] });
    expect(await exposed(json)).toMatchObject({
      real_in: '-> feedthrough.fmu.real_in',
      'source.real_in': '-> Source.fmu.real_in',
      boolean_out: 'feedthrough.fmu.boolean_out',
      'source.boolean_out': 'Source.fmu.boolean_out',
    });
  });
});

describe('arrays and terminals', () => {
  it('link the scalars of an FMU of FMI 2.0, row by row, to an array of FMI 3.0', async () => {
    const system = await fromCsv('LINK;scalars.fmu;m;arrays.fmu;q\n');
    expect(wiresOf(system)).toEqual([
      'scalars.m[1,1] -> arrays.q[0]',
      'scalars.m[1,2] -> arrays.q[1]',
      'scalars.m[2,1] -> arrays.q[2]',
      'scalars.m[2,2] -> arrays.q[3]',
      'scalars.m[3,1] -> arrays.q[4]',
      'scalars.m[3,2] -> arrays.q[5]',
    ]);
    expect(
      await problemsOf(fromCsv('LINK;scalars.fmu;gap;arrays.fmu;q\nLINK;feedthrough.fmu;real_out;arrays.fmu;q\n')),
    ).toEqual([
      "Plant.csv:2:18: 'scalars.fmu' has no variable 'gap'",
      "Plant.csv:3:42: sizes do not match: 'feedthrough.fmu.real_out' to 'arrays.fmu.q', 1 elements to 6",
    ]);
  });

  it('link the members of two terminals by their matching rule', async () => {
    const description = (name: string, variables: string) => `<?xml version="1.0" encoding="UTF-8"?>
<fmiModelDescription fmiVersion="3.0" modelName="${name}" instantiationToken="{t}">
  <CoSimulation modelIdentifier="${name}"/>
  <ModelVariables>${variables}</ModelVariables>
  <ModelStructure>${[...variables.matchAll(/valueReference="(\d+)" causality="output"/g)].map(([, reference]) => `<Output valueReference="${reference}"/>`).join('')}</ModelStructure>
</fmiModelDescription>`;
    const real = (name: string, reference: number, causality: string) =>
      `<Float64 name="${name}" valueReference="${reference}" causality="${causality}"${causality === 'input' ? ' start="0"' : ''}/>`;
    const terminals = (content: string) =>
      `<?xml version="1.0" encoding="UTF-8"?><fmiTerminalsAndIcons fmiVersion="3.0"><Terminals>${content}</Terminals></fmiTerminalsAndIcons>`;
    const member = (name: string, variable: string) =>
      `<TerminalMemberVariable variableKind="signal" memberName="${name}" variableName="${variable}"/>`;
    const terminal = (name: string, rule: string, content: string, kind = 'axis') =>
      `<Terminal name="${name}" matchingRule="${rule}" terminalKind="${kind}">${content}</Terminal>`;
    fmi3(
      'drive.fmu',
      'drive',
      description('drive', real('v', 1, 'output') + real('tau', 2, 'input') + real('t', 3, 'output')),
      terminals(
        terminal('shaft', 'plug', member('speed', 'v') + member('torque', 'tau')) +
          terminal('wires', 'sequence', member('a', 't')) +
          terminal('odd', 'plug', member('speed', 'v')),
      ),
    );
    fmi3(
      'load.fmu',
      'load',
      description('load', real('w', 1, 'input') + real('m', 2, 'output') + real('heat', 3, 'input')),
      terminals(
        terminal('shaft', 'plug', member('torque', 'm') + member('speed', 'w')) +
          terminal('wires', 'sequence', member('b', 'heat')) +
          terminal('bus', 'bus', member('speed', 'w'), 'net'),
      ),
    );
    const system = await fromCsv('LINK;drive.fmu;shaft;load.fmu;shaft\nLINK;load.fmu;wires;drive.fmu;wires\n');
    expect(wiresOf(system)).toEqual(['drive.v -> load.w', 'load.m -> drive.tau', 'drive.t -> load.heat']);
    expect(await problemsOf(fromCsv('LINK;drive.fmu;odd;load.fmu;shaft\nLINK;drive.fmu;odd;load.fmu;bus\n'))).toEqual([
      "Plant.csv:2:29: 'drive.fmu.odd' does not fit 'load.fmu.shaft': their members have not the same names",
      "Plant.csv:3:29: 'drive.fmu.odd' does not fit 'load.fmu.bus': they are of kinds axis and net",
    ]);
  });
});

describe('the step size', () => {
  const sizeOf = async (fmu: string[]) => (await fromJson({ fmu })).stepping;

  it('is the least common multiple of those that are fixed, else the largest, else 0.1 s', async () => {
    expect(await sizeOf(['tenth.fmu', 'quarter.fmu', 'large.fmu'])).toEqual({ kind: 'fixed', size: 0.5 });
    expect(await sizeOf(['dahlquist.fmu', 'large.fmu'])).toEqual({ kind: 'fixed', size: 0.4 });
    expect(await sizeOf(['silent.fmu'])).toEqual({ kind: 'fixed', size: 0.1 });
    expect(messagesOf(await fromJson({ fmu: ['silent.fmu'] }))).toEqual([
      "no FMU of 'plant.fmu' says a step size: it is 0.1 s",
    ]);
    expect(await problemsOf(fromJson({ fmu: ['tenth.fmu', 'third.fmu'] }))).toEqual([
      expect.stringMatching(
        /^plant\.json:1:1: the step sizes 0\.1, 0\.3333333333333333 s have no common multiple below /,
      ),
    ]);
  });

  it('should be a multiple of those that are fixed', async () => {
    expect(messagesOf(await fromJson({ fmu: ['quarter.fmu'], step_size: 0.4 }))).toEqual([
      "the step size 0.4 s is no multiple of that of 'quarter.fmu', 0.25 s",
    ]);
    expect(messagesOf(await fromJson({ fmu: ['quarter.fmu'], step_size: 0.75 }))).toEqual([
      'the duration is no multiple of the step 0.75 s: the run ends at 9.75 s',
    ]);
  });

  it('comes with the times of the first FMU', async () => {
    expect(await fromJson({ fmu: ['later.fmu', 'dahlquist.fmu'] })).toMatchObject({ start: 2, stop: 7 });
    expect(await fromJson({ fmu: ['silent.fmu'] })).toMatchObject({ start: 0, stop: 1 });
  });
});

it('finds the FMUs in another folder', async () => {
  mkdirSync(join(folder, 'elsewhere'), { recursive: true });
  const file = join(folder, 'elsewhere', 'c.csv');
  writeFileSync(file, `${HEAD}FMU;dahlquist.fmu;;;\n`);
  const system = await readContainerSystem(file, { fmuDirectory: folder });
  expect(system.components[0]!.fmu).toBe(join(folder, 'dahlquist.fmu'));
});
