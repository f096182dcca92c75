import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isFunctionPort, readOspSystem, type System, terminalName } from '#tb/system/index.js';
import { describedAs, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';
import {
  groupConnection,
  groupsXml,
  problemsOf,
  type StructureParts,
  signalConnection,
  signalGroupConnection,
  structureXml,
  variableConnection,
  write,
} from '../support/osp.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'dahlquist'] as const) exampleFmu(folder, name);
writeFmu(
  join(folder, 'feet.fmu'),
  describedAs('dahlquist', (xml) =>
    xml
      .replace(
        '<Unit name="1/s">',
        '<Unit name="m"><BaseUnit m="1"/></Unit><Unit name="ft"><BaseUnit m="1" factor="0.3048"/></Unit><Unit name="1/s">',
      )
      .replace('<Real/>', '<Real unit="ft"/>'),
  ),
);
writeFmu(
  join(folder, 'metres.fmu'),
  describedAs('feedthrough', (xml) =>
    xml
      .replace(
        '<TypeDefinitions>',
        '<UnitDefinitions><Unit name="m"><BaseUnit m="1"/></Unit></UnitDefinitions><TypeDefinitions>',
      )
      .replace('<Real start="0"/>', '<Real start="0" unit="m"/>'),
  ),
);

const read = (parts: StructureParts): Promise<System> =>
  readOspSystem(write(folder, 'system.xml', structureXml(parts)));
const problems = (parts: StructureParts) =>
  problemsOf(folder, read(parts)).then((list) => list.map((problem) => problem.replace('system.xml:', '')));
/** `a.x -> b.y` of all connections. */
const wires = (system: System) =>
  system.connections.map(({ from, to }) => `${terminalName(system, from)} -> ${terminalName(system, to)}`);

describe('a connection of two variables', () => {
  it('goes from the one that is an output, whichever is named first', async () => {
    const system = await read({
      connections: [
        variableConnection('a.real_out', 'b.real_in'),
        variableConnection('a.integer_in', 'b.integer_out'),
        variableConnection('b.boolean_out', 'b.boolean_in'),
      ].join('\n'),
    });
    expect(wires(system)).toEqual([
      'a.real_out -> b.real_in',
      'b.integer_out -> a.integer_in',
      'b.boolean_out -> b.boolean_in',
    ]);
  });

  it('needs an output and an input', async () => {
    expect(
      await problems({
        connections: [
          variableConnection('a.real_in', 'b.real_in'),
          variableConnection('a.real_out', 'b.real_out'),
          variableConnection('a.offset', 'b.integer_in'),
        ].join('\n'),
      }),
    ).toEqual([
      "12:25: a connection starts at an output, 'a.real_in' is an input",
      "13:62: a connection ends at an input, 'b.real_out' is an output, calculated",
      "14:21: a connection starts at an output, 'a.offset' is a parameter",
    ]);
  });

  it('feeds an input once', async () => {
    const twice = [variableConnection('a.real_out', 'b.real_in'), variableConnection('d.x', 'b.real_in')];
    expect(await problems({ connections: twice.join('\n') })).toEqual([
      "13:55: input 'b.real_in' is fed twice: by 'a.real_out' and by 'd.x'",
    ]);
  });

  it('names simulators and variables that are there', async () => {
    expect(
      await problems({
        simulators: '<Simulator name="source" source="feedthrough.fmu"/>',
        connections: [
          variableConnection('sorce.real_out', 'source.real_in'),
          variableConnection('source.integer_out', 'source.integer_inn'),
        ].join('\n'),
      }),
    ).toEqual([
      "10:25: unknown component 'sorce' (did you mean 'source'?)",
      expect.stringMatching(/^11:.*'source' has no variable 'integer_inn' \(did you mean 'integer_in'\?\)/),
    ]);
  });

  it('has two ends', async () => {
    const one = '<VariableConnection><Variable simulator="a" name="real_out"/></VariableConnection>';
    expect(await problems({ connections: `${one}<VariableConnections/>` })).toEqual([
      '12:5: <VariableConnection> has 1 <Variable>, expected 2',
      expect.stringContaining(
        "<VariableConnections> is not known in <Connections> (did you mean 'VariableConnection'?)",
      ),
    ]);
    const nameless = '<VariableConnection><Variable simulator="a"/><Variable name="real_in"/></VariableConnection>';
    expect(await problems({ connections: nameless })).toEqual([
      "12:25: <Variable> lacks the attribute 'name'",
      "12:50: <Variable> lacks the attribute 'simulator'",
    ]);
  });

  it('passes values on as they are, whatever their units', async () => {
    const system = await read({
      simulators: '<Simulator name="feet" source="feet.fmu"/><Simulator name="metres" source="metres.fmu"/>',
      connections: variableConnection('feet.x', 'metres.real_in'),
    });
    expect(system.connections).toMatchObject([{ factor: 1, offset: 0 }]);
    expect(system.warnings).toEqual([]);
  });
});

describe('a function', () => {
  const linear = (rest = '') => `<LinearTransformation name="f"${rest}/>`;

  it('is linear: factor * in + offset, 1 and 0 if left out', async () => {
    const connections = signalConnection('f.in', 'd.x') + signalConnection('f.out', 'a.real_in');
    const scaled = await read({ functions: linear(' factor="10" offset="-1e0"'), connections });
    expect(scaled.functions).toEqual([{ name: 'f', kind: 'linear', inputs: 1, dimension: 1, factor: 10, offset: -1 }]);
    expect(wires(scaled)).toEqual(['d.x -> f.in', 'f.out -> a.real_in']);
    expect((await read({ functions: linear(), connections })).functions).toMatchObject([{ factor: 1, offset: 0 }]);
  });

  it('is a sum', async () => {
    const system = await read({
      functions: '<Sum name="s" inputCount="2"/><Sum name="t" inputCount="1"/>',
      connections: [
        signalConnection('s.in[1]', 'd.x'),
        signalConnection('s.out', 'b.real_in'),
        signalConnection('s.in[0]', 'a.real_out'),
        signalConnection('t.in[0]', 'b.real_out'),
        signalConnection('t.out', 'a.real_in'),
      ].join(''),
    });
    expect(system.functions).toMatchObject([
      { kind: 'sum', inputs: 2 },
      { kind: 'sum', inputs: 1 },
    ]);
    const ends = system.connections.flatMap(({ from, to }) => [from, to]).filter(isFunctionPort);
    expect(ends.map(({ function: index, input }) => [index, input])).toEqual([
      [0, 1],
      [0, undefined],
      [0, 0],
      [1, 0],
      [1, undefined],
    ]);
  });

  it('has every signal connected, once', async () => {
    expect(
      await problems({
        functions: `${linear()}<Sum name="s" inputCount="9"/>`,
        connections: [
          signalConnection('f.out', 'a.real_in'),
          signalConnection('f.out', 'b.real_in'),
          signalConnection('s.in[8]', 'd.x'),
        ].join('\n'),
      }),
    ).toEqual([
      "10:14: nothing is connected to in of function 'f' (add a SignalConnection for each)",
      "10:46: nothing is connected to in[0], in[1], in[2], in[3], in[4] and others of function 's' (add a SignalConnection for each)",
      expect.stringMatching(
        /^13:.*signal 'out' of function 'f' is connected twice \(a signal has one connection; libcosim passes over all but the first\)$/,
      ),
    ]);
  });

  it('has these signals and no others', async () => {
    const list = [
      signalConnection('f.in[0]', 'd.x'),
      signalConnection('f.out', 'a.real_in'),
      signalConnection('s.in', 'd.x'),
      signalConnection('s.in[1]', 'd.x'),
      signalConnection('s.in[00]', 'd.x'),
      signalConnection('s.out', 'b.real_in'),
      signalConnection('sum.in', 'd.x'),
    ];
    const found = await problems({
      functions: `${linear()}<Sum name="s" inputCount="1"/>`,
      connections: list.join('\n'),
    });
    expect(found.map((problem) => problem.slice(problem.indexOf(': ') + 2))).toEqual([
      "nothing is connected to in of function 'f' (add a SignalConnection for each)",
      "nothing is connected to in[0] of function 's' (add a SignalConnection for each)",
      "function 'f' has no signal 'in[0]' (it has in and out)",
      "function 's' has no signal 'in' (it has in[0] and out)",
      "function 's' has no signal 'in[1]' (it has in[0] and out)",
      "function 's' has no signal 'in[00]' (it has in[0] and out)",
      expect.stringMatching(/^unknown function 'sum'/),
    ]);
  });

  it('takes from outputs and gives to inputs', async () => {
    expect(
      await problems({
        functions: linear(),
        connections: signalConnection('f.in', 'a.real_in') + signalConnection('f.out', 'b.real_out'),
      }),
    ).toEqual([
      expect.stringContaining("a connection starts at an output, 'a.real_in' is an input"),
      expect.stringContaining("a connection ends at an input, 'b.real_out' is an output"),
    ]);
  });

  it('has a name of its own, and numbers that make sense', async () => {
    const found = await problems({
      functions:
        '<LinearTransformation name="d" factor="two"/><Sum name="s" inputCount="0"/><Sum inputCount="1"/><VectorSum name="v" inputCount="1.5"/>',
    });
    expect(found).toEqual(
      expect.arrayContaining([
        "10:14: two components or functions are named 'd'",
        "10:14: 'factor' of function 'd' is 'two', expected a number",
        "10:59: 'inputCount' of function 's' is 0, expected at least 1",
        "10:89: <Sum> lacks the attribute 'name'",
        "10:110: 'inputCount' of function 'v' is '1.5', expected an integer from 0 to 4294967295",
        "10:110: function 'v' lacks the attribute 'dimension'",
      ]),
    );
  });
});

describe('a variable group', () => {
  const GROUPS = groupsXml(`
    <Generic name="in"><Variable ref="real_in"/><Variable ref="integer_in"/></Generic>
    <AnythingAtAll name="out"><Variable ref="real_out" unit="m"/><Variable ref="integer_out"/></AnythingAtAll>
    <LinearMechanicalPort name="port">
      <Force name="port force"><Variable ref="real_out"/></Force>
      <LinearVelocity name="port velocity"><Variable ref="integer_in"/></LinearVelocity>
    </LinearMechanicalPort>
    <LinearMechanicalPort name="other port">
      <Force name="other force"><Variable ref="real_in"/></Force>
      <LinearVelocity name="other velocity"><Variable ref="integer_out"/></LinearVelocity>
    </LinearMechanicalPort>
    <Generic name="outer"><Variable ref="boolean_out"/><Generic name="middle"><Generic name="inner"><Variable ref="string_out"/></Generic></Generic></Generic>
    <Generic name="outer in"><Variable ref="boolean_in"/><Generic name="middle in"><Generic name="inner in"><Variable ref="string_in"/></Generic></Generic></Generic>`);
  const MODEL = 'feedthrough_OspModelDescription.xml';
  const withGroups = async <T>(xml: string, then: () => Promise<T>): Promise<T> => {
    write(folder, MODEL, xml);
    return then();
  };

  it('is connected variable by variable, in either direction', async () => {
    const system = await withGroups(GROUPS, () => read({ connections: groupConnection('a.in', 'b.out') }));
    expect(wires(system)).toEqual(['b.real_out -> a.real_in', 'b.integer_out -> a.integer_in']);
  });

  it('may hold groups, which are connected by their place', async () => {
    const connections = groupConnection('a.port', 'b.other port') + groupConnection('b.outer', 'a.outer in');
    const system = await withGroups(GROUPS, () => read({ connections }));
    expect(wires(system)).toEqual([
      'a.real_out -> b.real_in',
      'b.integer_out -> a.integer_in',
      'b.boolean_out -> a.boolean_in',
      'b.string_out -> a.string_in',
    ]);
  });

  it('may be named at any depth', async () => {
    const connections = groupConnection('a.port force', 'b.other force') + groupConnection('a.inner', 'b.inner in');
    const system = await withGroups(GROUPS, () => read({ connections }));
    expect(wires(system)).toEqual(['a.real_out -> b.real_in', 'a.string_out -> b.string_in']);
  });

  it('is described beside the FMU, else beside the system structure, in a file named for the model', async () => {
    const beside = temporaryFolder();
    exampleFmu(join(beside, 'fmus'), 'feedthrough');
    const simulators = ['a', 'b'].map((name) => `<Simulator name="${name}" source="fmus/feedthrough.fmu"/>`).join('');
    const file = write(
      beside,
      'system.xml',
      structureXml({ simulators, connections: groupConnection('a.in', 'b.out') }),
    );
    expect(await problemsOf(beside, readOspSystem(file))).toEqual([
      "system.xml:10:30: 'a' has no variable groups: there is no feedthrough_OspModelDescription.xml (it is looked for beside the FMU, then beside this file)",
      expect.stringContaining("'b' has no variable groups"),
    ]);
    write(beside, MODEL, GROUPS);
    expect((await readOspSystem(file)).connections).toHaveLength(2);
    write(beside, join('fmus', MODEL), groupsXml('<Generic name="in"/><Generic name="out"/>'));
    expect((await readOspSystem(file)).connections).toHaveLength(0);
  });

  it('may be of any namespace and version', async () => {
    const other = 'https://open-simulation-platform.com/OspModelDescription/1.0.0';
    const xml = GROUPS.replace(/xmlns="[^"]*" version="0.1"/, `xmlns="${other}" version="1.0"`);
    expect(await withGroups(xml, () => read({ connections: groupConnection('a.in', 'b.out') }))).toMatchObject({
      connections: { length: 2 },
    });
  });

  it('is one of the groups that are there, and as large as the other', async () => {
    const connections = [
      groupConnection('a.on', 'b.out'),
      groupConnection('a.port force', 'b.in'),
      groupConnection('a.port', 'b.port force'),
      groupConnection('c.in', 'b.outer'),
    ].join('\n');
    expect(await withGroups(GROUPS, () => problems({ connections }))).toEqual([
      expect.stringMatching(/^12:30: 'a' has no variable group 'on' \(did you mean 'in'\?\) \(it has in, out, port, /),
      expect.stringMatching(/^13:.*groups of different sizes: 'a:port force' has 1 variable, 'b:in' 2 variables$/),
      expect.stringMatching(/^14:.*groups of different sizes: 'a:port' has 0 variables, 'b:port force' 1 variable$/),
      expect.stringMatching(/^15:.*unknown simulator 'c' \(did you mean/),
    ]);
  });

  it('has faults that are told where they are', async () => {
    const faulty = groupsXml(
      '<Generic name="in"><Variable ref="real_inn"/></Generic><Generic name="out"><Variable name="x"/></Generic><Generic/>',
    );
    const connections = groupConnection('a.in', 'b.out') + groupConnection('b.in', 'a.out');
    expect(await withGroups(faulty, () => problems({ connections }))).toEqual([
      `${MODEL}:4:24: 'a' has no variable 'real_inn' (did you mean 'real_in'?)`,
      `${MODEL}:4:80: <Variable> lacks the attribute 'ref'`,
      `${MODEL}:4:110: <Generic> lacks the attribute 'name'`,
    ]);
    const twice = groupsXml('<Generic name="in"/><Port name="p"><Force name="in"/></Port>');
    expect(await withGroups(twice, () => problems({ connections: groupConnection('a.in', 'a.in') }))).toContain(
      `${MODEL}:4:40: a second group is named 'in', which is used by 'a'`,
    );
    expect(await withGroups('<OspModelDescription>', () => problems({ connections }))).toEqual([
      expect.stringContaining(`${MODEL}:1:1: not well-formed XML`),
    ]);
    expect(
      await withGroups('<ModelDescription/>', () => problems({ connections: groupConnection('a.in', 'b.in') })),
    ).toContain(`${MODEL}:1:1: <ModelDescription> is the root element, expected <OspModelDescription>`);
  });

  it('is not looked for where no connection names one', async () => {
    const connections = variableConnection('a.real_out', 'b.real_in');
    expect(await withGroups('no XML', () => read({ connections }))).toMatchObject({ warnings: [] });
  });

  describe('of a vector sum', () => {
    const VECTORS = groupsXml(`
      <Force name="f"><Variable ref="real_out"/><Variable ref="integer_out"/></Force>
      <Force name="g"><Variable ref="real_in"/><Variable ref="integer_in"/></Force>
      <Force name="short"><Variable ref="real_out"/></Force>`);
    const sum = (inputs: number, dimension: number) =>
      `<VectorSum name="v" inputCount="${inputs}" dimension="${dimension}"/>`;

    it('is connected element by element', async () => {
      const connections = [
        signalGroupConnection('v.in[1]', 'b.f'),
        signalGroupConnection('v.in[0]', 'a.f'),
        signalGroupConnection('v.out', 'a.g'),
      ].join('');
      const system = await withGroups(VECTORS, () => read({ functions: sum(2, 2), connections }));
      expect(system.functions).toEqual([
        { name: 'v', kind: 'vector-sum', inputs: 2, dimension: 2, factor: 1, offset: 0 },
      ]);
      expect(wires(system)).toEqual([
        'b.real_out -> v.in[1][0]',
        'b.integer_out -> v.in[1][1]',
        'a.real_out -> v.in[0][0]',
        'a.integer_out -> v.in[0][1]',
        'v.out[0] -> a.real_in',
        'v.out[1] -> a.integer_in',
      ]);
    });

    it('has as many variables as the vector elements; more of them are left out, with a warning', async () => {
      const connections = signalGroupConnection('v.in[0]', 'a.f') + signalGroupConnection('v.out', 'b.g');
      const system = await withGroups(VECTORS, () => read({ functions: sum(1, 1), connections }));
      expect(system.connections).toMatchObject([
        { from: { component: 0, variable: 5 }, to: { function: 0, input: 0, element: 0 } },
        { from: { function: 0, element: 0 }, to: { component: 1, variable: 0 } },
      ]);
      expect(system.warnings.map(({ message }) => message)).toEqual([
        "groups of different sizes: 'v:in[0]' has 1 element, 'a:f' 2 variables, of which the first 1 count",
        "groups of different sizes: 'v:out' has 1 element, 'b:g' 2 variables, of which the first 1 count",
      ]);
      const short = signalGroupConnection('v.in[0]', 'a.short') + signalGroupConnection('v.out', 'b.g');
      expect(await withGroups(VECTORS, () => problems({ functions: sum(1, 2), connections: short }))).toEqual([
        expect.stringContaining("groups of different sizes: 'v:in[0]' has 2 elements, 'a:short' 1 variable"),
      ]);
    });

    it('is for vector sums, and they for groups', async () => {
      const found = await withGroups(VECTORS, () =>
        problems({
          functions: `<Sum name="s" inputCount="1"/>${sum(1, 1)}`,
          connections: [
            signalConnection('v.in[0]', 'a.real_out'),
            signalGroupConnection('s.in[0]', 'a.short'),
            signalConnection('s.out', 'a.real_in'),
          ].join('\n'),
        }),
      );
      expect(found.map((problem) => problem.slice(problem.indexOf(': ') + 2))).toEqual([
        "nothing is connected to out of function 'v' (add a SignalGroupConnection for each)",
        "function 'v' is a vector sum, whose signals are groups (use a SignalGroupConnection)",
        "function 's' is no vector sum, and has no groups (use a SignalConnection)",
      ]);
    });
  });
});

describe('a power bond', () => {
  const bond = (from: string, to: string, name = 'p', causalities = ['output', 'input']) => {
    const [a, b] = causalities.map((causality) => (causality === '' ? '' : ` causality="${causality}"`));
    return variableConnection(from, to, ` powerBond="${name}"`)
      .replace('/>', `${a}/>`)
      .replace('/></VariableConnection>', `${b}/></VariableConnection>`);
  };

  it('is two connections, which are like others', async () => {
    const connections = bond('a.real_out', 'b.real_in') + bond('b.real_out', 'a.real_in', 'p', ['input', 'output']);
    expect(wires(await read({ connections }))).toEqual(['a.real_out -> b.real_in', 'b.real_out -> a.real_in']);
    expect(await problems({ connections: bond('a.real_out', 'b.real_in') })).toEqual([
      "12:5: power bond 'p' has 1 connection, expected 2: one for each of its variables",
    ]);
  });

  it('says of each variable whether it is its input or its output', async () => {
    const connections = bond('a.real_out', 'b.real_in', 'p', ['', 'in']) + bond('b.real_out', 'a.real_in');
    expect(await problems({ connections })).toEqual([
      "12:39: <Variable> of power bond 'p' lacks the attribute 'causality'",
      expect.stringContaining("'causality' of <Variable> of power bond 'p' is 'in', expected one of input, output"),
    ]);
  });
});
