/**
 * OspSystemStructure.xml in our hands and in those of libcosim: we take what it takes and refuse what it refuses, but for
 * what is listed here with its reason, and what runs comes to the same numbers.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { InvalidFileError } from '#tb/support/errors.js';
import { portName, readOspSystem } from '#tb/system/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import {
  groupConnection,
  groupsXml,
  NAMESPACE,
  SIMULATORS,
  type StructureParts,
  signalConnection,
  signalGroupConnection,
  structureXml,
  variableConnection,
  write,
} from '../support/osp.js';
import { python, pythonPackages } from './python.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'dahlquist'] as const) exampleFmu(folder, name);
for (const name of ['vector', 'oscillator'] as const) testFmu(folder, name);
write(
  folder,
  'feedthrough_OspModelDescription.xml',
  groupsXml(`<Generic name="outs"><Variable ref="real_out"/><Variable ref="integer_out"/></Generic>
    <Whatever name="ins"><Variable ref="real_in"/><Variable ref="integer_in"/></Whatever>
    <Force name="one out"><Variable ref="real_out"/></Force>
    <Force name="one in"><Variable ref="real_in"/></Force>
    <Port name="port"><Force name="force"><Variable ref="real_out"/></Force><Flow name="flow"><Variable ref="integer_in"/></Flow></Port>
    <Port name="mate"><Force name="mate force"><Variable ref="real_in"/></Force><Flow name="mate flow"><Variable ref="integer_out"/></Flow></Port>`),
);

// -- Files ------------------------------------------------------------------------------------------------------------

type Cases = Readonly<Record<string, StructureParts | string>>;

const simulator = (rest: string) => ({ simulators: `<Simulator name="s" ${rest}/>` });
const source = (uri: string) => simulator(`source="${uri}"`);
const initial = (...values: string[]) => ({
  simulators: `<Simulator name="a" source="feedthrough.fmu"><InitialValues>${values.join('')}</InitialValues></Simulator>`,
});
const value = (variable: string, type: string, text: string) =>
  `<InitialValue variable="${variable}"><${type} value="${text}"/></InitialValue>`;
const connected = (...connections: string[]) => ({ connections: connections.join('') });
const wired = (from: string, to: string, attributes?: string) => connected(variableConnection(from, to, attributes));
const LINEAR = '<LinearTransformation name="f"/>';
const linear = (...connections: string[]) => ({ functions: LINEAR, connections: connections.join('') });
const LINEAR_ENDS = [signalConnection('f.in', 'd.x'), signalConnection('f.out', 'b.real_in')] as const;
const sum = (inputs: number, ...connections: string[]) => ({
  functions: `<Sum name="s" inputCount="${inputs}"/>`,
  connections: connections.join(''),
});
const vectorSum = (inputs: number, dimension: number, ...connections: string[]) => ({
  functions: `<VectorSum name="v" inputCount="${inputs}" dimension="${dimension}"/>`,
  connections: connections.join(''),
});
const bond = (from: string, to: string, [a, b] = ['output', 'input']) =>
  variableConnection(from, to, ' powerBond="p"')
    .replace('/>', ` causality="${a}"/>`)
    .replace('/></VariableConnection>', ` causality="${b}"/></VariableConnection>`);
const ECCO = `<EccoConfiguration>${[
  'MinimumStepSize',
  'MaximumStepSize',
  'StepSize',
  'SafetyFactor',
  'MinimumChangeRate',
  'MaximumChangeRate',
  'ProportionalGain',
  'IntegralGain',
  'RelativeTolerance',
  'AbsoluteTolerance',
]
  .map((name) => `<${name}>0.01</${name}>`)
  .join('')}</EccoConfiguration>`;
const algorithm = (name: string) => ({ algorithm: `<Algorithm>${name}</Algorithm>` });

const BOTH_TAKE: Cases = {
  'the plainest': {},
  'no simulators': { simulators: '' },
  'all times': { times: '<StartTime>1</StartTime><EndTime>2</EndTime><BaseStepSize> 1e-1\n</BaseStepSize>' },
  'an empty start time': { times: '<StartTime/>' },
  'an empty algorithm': { algorithm: '<Algorithm/>' },
  'an algorithm in capitals': algorithm('FIXEDSTEP'),
  'the settings of ecco beside fixedStep': { after: ECCO },
  'a hint at the schema': {
    root: `version="0.1" xmlns="${NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y"`,
  },
  'names of any characters': {
    simulators: ['b.c', 'b c', 'b-c', '1b', 'ü', 'b:c']
      .map((name) => `<Simulator name="${name}" source="dahlquist.fmu"/>`)
      .join(''),
  },
  'a source with dots': source('./x/./../dahlquist.fmu'),
  'a source that is a URI': source(`file://${join(folder, 'dahlquist.fmu')}`),
  'a source that is a URI of this host': source(`file://localhost${join(folder, 'dahlquist.fmu')}`),
  'a source with an absolute path': source(join(folder, 'dahlquist.fmu')),
  'a source with escapes': source('dahl%71uist.fmu'),
  'a source with blanks around it': source(' dahlquist.fmu '),
  'a step size of its own': simulator('source="dahlquist.fmu" stepSize="0.3"'),
  'a step size that is no multiple': simulator('source="dahlquist.fmu" stepSize="0.25"'),
  'a step size that is too small': simulator('source="dahlquist.fmu" stepSize="0.01"'),
  'a step size of 0': simulator('source="dahlquist.fmu" stepSize="0"'),
  'initial values of all types': initial(
    value('real_in', 'Real', ' INF '),
    value('integer_in', 'Integer', '+3'),
    value('boolean_in', 'Boolean', '1'),
    value('string_in', 'String', ''),
    value('offset', 'Real', 'NaN'),
  ),
  'two initial values of a variable': initial(value('offset', 'Real', '1'), value('offset', 'Real', '2')),
  'no connections': { connections: '' },
  'a connection': wired('a.real_out', 'b.real_in'),
  'a connection the other way round': wired('b.real_in', 'a.real_out'),
  'a connection to itself': wired('a.string_out', 'a.string_in'),
  'causalities that say nothing': connected(bond('a.real_out', 'b.real_in', ['x', 'y']).replace(' powerBond="p"', '')),
  'a linear transformation': linear(...LINEAR_ENDS),
  'a sum': sum(
    2,
    signalConnection('s.in[0]', 'd.x'),
    signalConnection('s.in[1]', 'a.real_out'),
    signalConnection('s.out', 'b.real_in'),
  ),
  'a sum of one': sum(1, signalConnection('s.in[0]', 'd.x'), signalConnection('s.out', 'b.real_in')),
  groups: connected(groupConnection('a.outs', 'b.ins')),
  'groups the other way round': connected(groupConnection('b.ins', 'a.outs')),
  'groups in groups': connected(groupConnection('a.port', 'b.mate')),
  'inner groups': connected(groupConnection('a.force', 'b.mate force')),
  'a vector sum': vectorSum(
    2,
    1,
    signalGroupConnection('v.in[0]', 'a.one out'),
    signalGroupConnection('v.in[1]', 'b.one out'),
    signalGroupConnection('v.out', 'b.one in'),
  ),
  'a group that is larger than a vector': vectorSum(
    1,
    1,
    signalGroupConnection('v.in[0]', 'a.outs'),
    signalGroupConnection('v.out', 'b.one in'),
  ),
  'a power bond': connected(bond('a.real_out', 'b.real_in'), bond('b.real_out', 'a.real_in', ['input', 'output'])),
};

const BOTH_REFUSE: Cases = {
  'no version': { root: `xmlns="${NAMESPACE}"` },
  'another version': { root: `version="0.2" xmlns="${NAMESPACE}"` },
  'no namespace': { root: 'version="0.1"' },
  'another namespace': { root: 'version="0.1" xmlns="http://opensimulationplatform.com"' },
  'no XML': '<OspSystemStructure>',
  'no <Simulators>': structureXml().replace(/<Simulators>.*<\/Simulators>/s, ''),
  'the wrong order': { algorithm: '', after: '<Algorithm>fixedStep</Algorithm>' },
  'the wrong order of functions': { functions: `<Sum name="s" inputCount="1"/>${LINEAR}` },
  'an element twice': { times: '<StartTime>0</StartTime><StartTime>0</StartTime>' },
  'an unknown element': { after: '<Foo/>' },
  'an unknown attribute': simulator('source="dahlquist.fmu" stepsize="1"'),
  'a text where elements belong': { simulators: `text ${SIMULATORS}` },
  'an unknown algorithm': algorithm('fixedSteps'),
  'ecco without its settings': algorithm('ecco'),
  'ecco without power bonds': { ...algorithm('ecco'), after: ECCO },
  'the settings of ecco, not all': { after: ECCO.replace('<StepSize>0.01</StepSize>', '') },
  'a start time that is no number': { times: '<StartTime>noon</StartTime>' },
  'an end before the start': { times: '<StartTime>2</StartTime><EndTime>1</EndTime>' },
  'a base step size of 0': { times: '<BaseStepSize>0</BaseStepSize>' },
  'a base step size without end': { times: '<BaseStepSize>INF</BaseStepSize>' },
  'a base step size that is no number': { times: '<BaseStepSize>NaN</BaseStepSize>' },
  'a name twice': { simulators: source('dahlquist.fmu').simulators.repeat(2) },
  'an empty name': { simulators: '<Simulator name="" source="dahlquist.fmu"/>' },
  'no name': { simulators: '<Simulator source="dahlquist.fmu"/>' },
  'no source': simulator(''),
  'a source that is not there': source('nothing.fmu'),
  'a source from the web': source('http://localhost/a.fmu'),
  'a source with a broken escape': source('50%/dahlquist.fmu'),
  'a negative step size': simulator('source="dahlquist.fmu" stepSize="-1"'),
  'an initial value of an unknown variable': initial(value('real_inn', 'Real', '1')),
  'an initial value of an output': initial(value('real_out', 'Real', '1')),
  'an initial value that is too large': initial(value('integer_in', 'Integer', '3000000000')),
  'an initial value that is no truth value': initial(value('boolean_in', 'Boolean', 'TRUE')),
  'an initial number for a truth value': initial(value('boolean_in', 'Integer', '1')),
  'an initial text for a number': initial(value('real_in', 'String', '1')),
  'an initial value of an unknown type': initial(value('choice_in', 'Enumeration', '1')),
  'no initial value': initial('<InitialValue variable="real_in"/>'),
  'two initial values in one': initial(
    '<InitialValue variable="real_in"><Real value="1"/><Real value="1"/></InitialValue>',
  ),
  'from an input to an input': wired('a.real_in', 'b.real_in'),
  'from an output to an output': wired('a.real_out', 'b.real_out'),
  'from a parameter': wired('a.offset', 'b.real_in'),
  'an input that is fed twice': connected(
    variableConnection('a.real_out', 'b.real_in'),
    variableConnection('d.x', 'b.real_in'),
  ),
  'the same connection twice': connected(variableConnection('d.x', 'b.real_in').repeat(2)),
  'an unknown simulator': wired('z.real_out', 'b.real_in'),
  'an unknown variable': wired('a.real_ot', 'b.real_in'),
  'a connection with one end': connected(
    '<VariableConnection><Variable simulator="a" name="real_out"/></VariableConnection>',
  ),
  'a function without its output': linear(LINEAR_ENDS[0]),
  'a function without its input': linear(LINEAR_ENDS[1]),
  'a function with an index': linear(LINEAR_ENDS[1], signalConnection('f.in[0]', 'd.x')),
  'a function of an input': linear(LINEAR_ENDS[1], signalConnection('f.in', 'a.real_in')),
  'a function named like a simulator': {
    functions: LINEAR.replace('"f"', '"a"'),
    connections: signalConnection('a.in', 'd.x') + signalConnection('a.out', 'b.real_in'),
  },
  'a function beside another source': linear(...LINEAR_ENDS, variableConnection('a.real_out', 'b.real_in')),
  'a sum of one without an index': sum(1, signalConnection('s.in', 'd.x'), signalConnection('s.out', 'b.real_in')),
  'a sum of nothing': sum(0),
  'a vector without elements': vectorSum(1, 0),
  'an unknown group': connected(groupConnection('a.out', 'b.ins')),
  'groups of different sizes': connected(groupConnection('a.one out', 'b.ins')),
  'a group of a model without any': connected(groupConnection('d.outs', 'b.ins')),
  'a group of an unknown simulator': connected(groupConnection('z.outs', 'b.ins')),
  'a vector sum without an input': vectorSum(
    2,
    1,
    signalGroupConnection('v.in[0]', 'a.one out'),
    signalGroupConnection('v.out', 'b.one in'),
  ),
  'a group that is smaller than a vector': vectorSum(
    1,
    2,
    signalGroupConnection('v.in[0]', 'a.one out'),
    signalGroupConnection('v.out', 'b.ins'),
  ),
  'signals of a vector sum': vectorSum(
    1,
    1,
    signalConnection('v.in[0]', 'd.x'),
    signalConnection('v.out', 'b.real_in'),
  ),
  'a group for a sum': sum(
    1,
    signalGroupConnection('s.in[0]', 'a.one out'),
    signalGroupConnection('s.out', 'b.one in'),
  ),
  'half a power bond': connected(bond('a.real_out', 'b.real_in')),
  'a power bond without causalities': connected(
    variableConnection('a.real_out', 'b.real_in', ' powerBond="p"'),
    variableConnection('b.real_out', 'a.real_in', ' powerBond="p"'),
  ),
  'a power bond of an unknown causality': connected(
    bond('a.real_out', 'b.real_in', ['Output', 'input']),
    bond('b.real_out', 'a.real_in'),
  ),
};

const WE_ALONE_TAKE: Cases = {
  'any prefix: libcosim crashes': structureXml({ root: `version="0.1" xmlns:o="${NAMESPACE}"` }).replace(
    /<(\/?)(?=[A-Z])/g,
    '<$1o:',
  ),
  'no algorithm, as the schema and versions before 0.11 allow': { algorithm: '' },
  'blanks around the algorithm': algorithm(' fixedStep '),
  'blanks around the version': { root: `version=" 0.1 " xmlns="${NAMESPACE}"` },
  'attributes of other namespaces': { root: `version="0.1" xmlns="${NAMESPACE}" xmlns:q="urn:q" q:made-by="x"` },
  'a URI of a file without the host': source(`file:${join(folder, 'dahlquist.fmu')}`),
  'an initial value of another type that has it': initial(
    value('real_in', 'Integer', '1'),
    value('integer_in', 'Real', '1'),
  ),
  'enumerations, which libcosim does not see': {
    ...initial(value('choice_in', 'Integer', '2')),
    connections: variableConnection('a.choice_out', 'a.integer_in'),
  },
  'types that are converted, as in our own files': wired('a.integer_out', 'b.real_in'),
  'types that are cut off, as in our own files, with a warning': wired('a.real_out', 'b.integer_in'),
  'functions of whole numbers': linear(LINEAR_ENDS[1], signalConnection('f.in', 'a.integer_out')),
  'connections to parameters that may be set': wired('d.x', 'b.offset'),
  'inner groups for vectors': vectorSum(
    1,
    1,
    signalGroupConnection('v.in[0]', 'a.force'),
    signalGroupConnection('v.out', 'b.mate force'),
  ),
};

const LIBCOSIM_ALONE_TAKES: Cases = {
  'a run of no length': { times: '<StartTime>1</StartTime><EndTime>1</EndTime>' },
  'a DOCTYPE, which could open files': structureXml().replace('<Osp', '<!DOCTYPE OspSystemStructure>\n<Osp'),
  'a signal that is connected twice, of which only one counts': linear(
    ...LINEAR_ENDS,
    signalConnection('f.out', 'a.real_in'),
  ),
  'a signal that does not exist': linear(...LINEAR_ENDS, signalConnection('f.foo', 'd.x')),
  'a function that does not exist': linear(...LINEAR_ENDS, signalConnection('g.in', 'd.x')),
  'a function that is there twice, of which only one counts': {
    ...linear(...LINEAR_ENDS),
    functions: LINEAR.repeat(2),
  },
  'two groups that do not exist': connected(groupConnection('a.nothing', 'b.nothing')),
};

const found = pythonPackages('libcosimpy');
const [title, describeFound] =
  'missing' in found ? [`(${found.missing})`, describe.skip] : [`of libcosimpy ${found.version}`, describe];

describeFound(`OSP files in our hands and in libcosim's ${title}`, () => {
  describe.each([
    { what: 'both take', cases: BOTH_TAKE, libcosim: true, we: true },
    { what: 'both refuse', cases: BOTH_REFUSE, libcosim: false, we: false },
    { what: 'we alone take', cases: WE_ALONE_TAKE, libcosim: false, we: true },
    { what: 'libcosim alone takes', cases: LIBCOSIM_ALONE_TAKES, libcosim: true, we: false },
  ])('files that $what', ({ what, cases, libcosim, we }) => {
    const names = Object.keys(cases);
    const files = names.map((name, index) => {
      const parts = cases[name]!;
      const file = `${what.replaceAll(' ', '-')}-${index}.xml`;
      return write(folder, file, typeof parts === 'string' ? parts : structureXml(parts));
    });
    let refusals: (string | null)[];
    beforeAll(async () => {
      refusals = await python(
        'libcosim_osp.py',
        files.map((file) => ['load', file]),
      );
    });

    it.each(names)('%s', async (name) => {
      const index = names.indexOf(name);
      if (libcosim) expect(refusals[index]).toBeNull();
      else expect(refusals[index]).toEqual(expect.any(String));
      const reading = readOspSystem(files[index]!);
      if (we) await reading;
      else await expect(reading).rejects.toBeInstanceOf(InvalidFileError);
    });
  });

  it('the log configuration: the same columns in the same order, in the same steps', async () => {
    const simulators = `<Simulator name="slow" source="feedthrough.fmu" stepSize="0.3"/>
        <Simulator name="mid" source="feedthrough.fmu" stepSize="0.2"/><Simulator name="d" source="dahlquist.fmu"/>`;
    const file = write(folder, 'logged.xml', structureXml({ simulators }));
    const config = write(
      folder,
      'config.xml',
      `<simulators>
  <simulator name="slow" decimationFactor="2"/>
  <simulator name="mid"><variable name="string_out"/><variable name="boolean_in"/><variable name="real_out"/></simulator>
  <simulator name="d" decimationFactor="5"><variable name="k"/><variable name="x"/></simulator>
  <simulator name="nobody"/>
</simulators>
<configuration timestampedFilenames="false"/>`,
    );
    const results = join(folder, 'logs');
    mkdirSync(results);
    expect(await python('libcosim_osp.py', [['log', file, 13, config, results]])).toEqual([null]);
    const system = await readOspSystem(file, { logConfig: config, resultsFolder: results });
    const ours = system.recordings.slice(1);
    expect(ours.map((recording) => recording.file)).toEqual(
      ['slow', 'mid', 'd'].map((name) => join(results, `${name}.csv`)),
    );
    expect(readdirSync(results).filter((name) => name.endsWith('.csv'))).toHaveLength(3);
    for (const { file, variables, every } of ours) {
      const [header, ...rows] = readFileSync(file!, 'utf8').trim().split('\n');
      const columns = variables.map((port) => portName(system, port).replace(/^\w+\./, ''));
      expect(header).toBe(['Time', 'StepCount', ...columns].join(','));
      const steps = Array.from({ length: 14 }, (_, step) => step).filter((step) => step % every === 0);
      expect(rows.map((row) => Number(row.split(',')[1]))).toEqual(steps);
    }
  });

  interface RunCase {
    readonly name: string;
    readonly parts: StructureParts;
    readonly steps: number;
    /** Outputs: of an input libcosim shows what it was during the step. */
    readonly variables: readonly (readonly [simulator: string, variable: string])[];
    readonly scenario?: string;
  }

  const POINT_MASSES = ['m1', 'm2', 'm3'];
  const axes = (name: string) => [0, 1, 2].map((axis) => `${name}[${axis}]`);
  const group = (element: string, name: string, refs: readonly string[]) =>
    `<${element} name="${name}">${refs.map((ref) => `<Variable ref="${ref}"/>`).join('')}</${element}>`;

  const RUNS: RunCase[] = [
    {
      name: 'a chain, in which every value takes a step from one to the next',
      parts: connectedChain(),
      steps: 10,
      variables: [
        ['d', 'x'],
        ['a', 'real_out'],
        ['b', 'real_out'],
      ],
    },
    {
      name: 'a function between simulators of different step sizes',
      parts: {
        simulators: `<Simulator name="d" source="dahlquist.fmu" stepSize="0.2"/><Simulator name="f" source="feedthrough.fmu" stepSize="0.1"/>`,
        functions: '<LinearTransformation name="t" factor="10" offset="1"/>',
        connections: signalConnection('t.in', 'd.x') + signalConnection('t.out', 'f.real_in'),
      },
      steps: 12,
      variables: [
        ['d', 'x'],
        ['f', 'real_out'],
      ],
    },
    {
      name: 'a sum of simulators of step sizes that have none in common',
      parts: {
        simulators: ['0.2', '0.3', '0.1']
          .map(
            (step, index) =>
              `<Simulator name="d${index}" source="dahlquist.fmu" stepSize="${step}"><InitialValues>${value('k', 'Real', String(index + 1))}</InitialValues></Simulator>`,
          )
          .join('')
          .concat('<Simulator name="f" source="feedthrough.fmu"/>'),
        functions: '<Sum name="s" inputCount="3"/>',
        connections:
          [0, 1, 2].map((index) => signalConnection(`s.in[${index}]`, `d${index}.x`)).join('') +
          signalConnection('s.out', 'f.real_in'),
      },
      steps: 13,
      variables: [
        ['d0', 'x'],
        ['d1', 'x'],
        ['d2', 'x'],
        ['f', 'real_out'],
      ],
    },
    {
      name: 'vectors: groups to groups, and through a sum',
      parts: {
        simulators: POINT_MASSES.map(
          (name, index) =>
            `<Simulator name="${name}" source="vector.fmu"><InitialValues>${axes('force')
              .map((axis, number) => value(axis, 'Real', String(index === 2 ? 0 : index - number + 0.5)))
              .join('')}</InitialValues></Simulator>`,
        ).join(''),
        functions: '<VectorSum name="v" inputCount="2" dimension="3"/>',
        connections: [
          signalGroupConnection('v.in[0]', 'm1.velocity'),
          signalGroupConnection('v.in[1]', 'm2.velocity'),
          signalGroupConnection('v.out', 'm3.force'),
          groupConnection('m2.force', 'm3.position'),
        ].join(''),
      },
      steps: 20,
      variables: POINT_MASSES.flatMap((name) =>
        ['position', 'velocity'].flatMap((what) => axes(what).map((axis) => [name, axis] as const)),
      ),
    },
    {
      name: 'two masses, joined by ports',
      parts: {
        times: '<BaseStepSize>0.05</BaseStepSize>',
        simulators: `<Simulator name="left" source="oscillator.fmu"><InitialValues>${value('x0', 'Real', '1')}${value('d', 'Real', '0.2')}</InitialValues></Simulator>
            <Simulator name="right" source="oscillator.fmu"><InitialValues>${value('ck', 'Real', '2')}${value('dk', 'Real', '0.1')}${value('m', 'Real', '2')}</InitialValues></Simulator>`,
        connections: groupConnection('left.body', 'right.spring'),
      },
      steps: 100,
      variables: [
        ['left', 'x'],
        ['left', 'v'],
        ['right', 'x'],
        ['right', 'f_out'],
      ],
    },
    ...[
      ['with an end', { end: 1.25 }],
      ['without an end', {}],
    ].map(
      ([title, rest]): RunCase => ({
        name: `a scenario ${title}`,
        parts: connectedChain(),
        steps: 18,
        variables: [
          ['d', 'x'],
          ['a', 'real_out'],
          ['a', 'integer_out'],
          ['b', 'real_out'],
          ['b', 'boolean_out'],
        ],
        scenario: JSON.stringify({
          description: 'all kinds of actions on all kinds of variables',
          defaults: { model: 'a', action: 'override' },
          events: [
            { time: 0.2, variable: 'real_in', value: 7 },
            { time: 0.35, variable: 'offset', action: 'bias', value: 0.25 },
            { time: 0.4, variable: 'real_in', action: 'reset' },
            { time: 0.5, model: 'd', variable: 'x', action: 'bias', value: 100 },
            { time: 0.6, variable: 'integer_in', value: -5 },
            { time: 0.7, model: 'b', variable: 'boolean_in', value: true },
            { time: 0.8, variable: 'real_out', value: -1 },
            { time: 0.9, model: 'd', variable: 'x', action: 'reset' },
          ],
          ...(rest as object),
        }),
      }),
    ),
  ];

  function connectedChain(): StructureParts {
    return {
      simulators: SIMULATORS.replace(
        '<Simulator name="a" source="feedthrough.fmu"/>',
        `<Simulator name="a" source="feedthrough.fmu"><InitialValues>${value('offset', 'Real', '0.5')}</InitialValues></Simulator>`,
      ),
      connections: variableConnection('a.real_in', 'd.x') + variableConnection('a.real_out', 'b.real_in'),
    };
  }

  describe('runs come to the same numbers', () => {
    write(
      folder,
      'vector_OspModelDescription.xml',
      groupsXml(
        group('Force', 'force', axes('force')) +
          group('LinearDisplacement', 'position', axes('position')) +
          group('LinearVelocity', 'velocity', axes('velocity')),
      ),
    );
    write(
      folder,
      'oscillator_OspModelDescription.xml',
      groupsXml(
        `<Port name="body">${group('Force', 'f', ['f'])}${group('Motion', 'motion', ['x', 'v'])}</Port>` +
          `<Port name="spring">${group('Force', 'spring f', ['f_out'])}${group('Motion', 'other', ['x_in', 'v_in'])}</Port>`,
      ),
    );

    it.each(RUNS.map((run) => [run.name, run] as const))('%s', async (name, { parts, steps, variables, scenario }) => {
      const stem = `run-${RUNS.findIndex((one) => one.name === name)}`;
      const size = Number(/<BaseStepSize>(.*)<\/BaseStepSize>/.exec(parts.times ?? '')?.[1] ?? 0.1);
      const times = `<EndTime>${(steps * size).toFixed(6)}</EndTime>${parts.times ?? ''}`;
      const file = write(folder, `${stem}.xml`, structureXml({ ...parts, times }));
      const events = scenario === undefined ? undefined : write(folder, `${stem}.json`, scenario);
      const [rows] = await python<[number[][] | string]>('libcosim_osp.py', [
        ['run', file, steps, variables, ...(events === undefined ? [] : [events])],
      ]);
      if (typeof rows !== 'object') throw new Error(String(rows));
      const system = await readOspSystem(file, events === undefined ? {} : { scenario: events });
      const names = variables.map((pair) => pair.join('.'));
      const { captured } = await runSystem(system, { capture: names });
      expect(rows).toHaveLength(steps);
      // The first of ours is the start, which libcosim does not show.
      const ours = [captured!.time, ...names.map((column) => captured!.columns[column]!)];
      for (const [step, row] of rows.entries()) {
        for (const [column, expected] of row.entries()) {
          const where = `${['time', ...names][column]} after step ${step + 1}`;
          expect(Math.abs(Number(ours[column]![step + 1]) - expected), where).toBeLessThan(1e-12);
        }
      }
    });
  });
});
