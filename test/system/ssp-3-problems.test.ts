/** What is wrong with files of SSP: all at once, each with its place and what was expected. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSspSystem } from '#tb/system/index.js';
import { describedAs, exampleFmu, temporaryFolder, testFmu, writeFmu } from '../support/fmus.js';
import {
  binding,
  bindings,
  component,
  connect,
  connections,
  connectors,
  elements,
  lines,
  mapping,
  NAMESPACES,
  parameterSet,
  problemsOf,
  ssd,
  UNITS,
  writeArchive,
  writeText,
} from './ssp.js';

const folder = temporaryFolder();
exampleFmu(folder, 'feedthrough');
for (const name of ['gain', 'enumer', 'units', 'arrays3', 'me2'] as const) testFmu(folder, name);
writeFmu(
  join(folder, 'broken.fmu'),
  describedAs('monitor', (xml) => xml.replace('valueReference="0"', 'valueReference="x"')),
);

const GAIN = connectors('input u: Real', 'output y: Real');
const gain = (name: string, content = GAIN) => component(name, 'gain.fmu', content);
const read = (content: string, rest?: string) =>
  readSspSystem(writeText(folder, 'x.ssd', ssd(content, rest)), { step: 0.1 });
const problems = async (content: string, rest?: string) =>
  (await problemsOf(folder, () => read(content, rest))).map((line) => line.replace('x.ssd:', ''));
const warnings = async (content: string, rest?: string) =>
  lines(folder, (await read(content, rest)).warnings).map((line) => line.replace('x.ssd:', ''));
const real = '<ssv:Real value="1"/>';

it('problems of all files come at once, each where it is', async () => {
  const file = writeArchive(join(folder, 'all.ssp'), [
    {
      name: 'SystemStructure.ssd',
      content: ssd(`<ssd:Elements>
  <ssd:Component name="a" source="resources/gian.fmu"/>
  <ssd:Component name="b" source="resources/gain.fmu">
    <ssd:Connectors><ssd:Connector name="u" kind="inptu"/></ssd:Connectors>
    <ssd:ParameterBindings>
      <ssd:ParameterBinding source="resources/b.ssv"><ssd:ParameterMapping source="resources/b.ssm"/></ssd:ParameterBinding>
      <ssd:ParameterBinding source="resources/c.ssv"/>
    </ssd:ParameterBindings>
  </ssd:Component>
  <ssd:Component name="c" source="resources/broken.fmu"/>
</ssd:Elements>
<ssd:Connections>
  <ssd:Connection startElement="b" startConnector="u"/>
</ssd:Connections>`),
    },
    { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) },
    { name: 'resources/broken.fmu', content: readFileSync(join(folder, 'broken.fmu')) },
    {
      name: 'resources/b.ssv',
      content: parameterSet({ k: '<ssv:Real value="two"/>', b: '<ssv:Real/>', u: '<ssv:Reel value="1"/>' }),
    },
    {
      name: 'resources/b.ssm',
      content: `<ssm:ParameterMapping version="1.0" ${NAMESPACES}>\n<ssm:MappingEntry/></ssm:ParameterMapping>`,
    },
  ]);
  expect(await problemsOf(folder, () => readSspSystem(file))).toEqual([
    "all.ssp/SystemStructure.ssd:10:3: there is no all.ssp/resources/gian.fmu, named here as 'resources/gian.fmu' (did you mean 'resources/gain.fmu'?)",
    "all.ssp/SystemStructure.ssd:12:21: 'kind' of <ssd:Connector> is 'inptu', expected one of input, output, parameter, calculatedParameter, structuralParameter, constant, local, inout, unspecified (did you mean 'input'?)",
    "all.ssp/SystemStructure.ssd:15:7: there is no all.ssp/resources/c.ssv, named here as 'resources/c.ssv' (did you mean 'resources/b.ssv'?)",
    "all.ssp/SystemStructure.ssd:21:3: <ssd:Connection> lacks the attribute 'endConnector'",
    "all.ssp/resources/b.ssm:7:1: <ssm:MappingEntry> lacks the attribute 'source'",
    "all.ssp/resources/b.ssm:7:1: <ssm:MappingEntry> lacks the attribute 'target'",
    "all.ssp/resources/b.ssv:7:25: 'value' of <ssv:Real> is 'two', expected numbers",
    "all.ssp/resources/b.ssv:8:25: <ssv:Real> lacks the attribute 'value'",
    "all.ssp/resources/b.ssv:9:1: parameter 'u' has no value (one of <ssv:Real>, <ssv:Integer>, …)",
    "all.ssp/resources/broken.fmu/modelDescription.xml:30:5: 'valueReference' of variable 'x' is 'x', expected an integer from 0 to 4294967295",
  ]);
});

describe('names', () => {
  it('of elements and connectors are looked up in the system', async () => {
    const box = `<ssd:System name="box">${connectors('input in: Real')}</ssd:System>`;
    expect(
      await problems(
        elements(gain('pump'), gain('valve'), box) +
          connections(
            connect('pmup.y -> valve.u'),
            connect('pump.z -> valve.u'),
            connect('pump.y -> box.inn'),
            connect('in -> valve.u'),
          ) +
          connectors('input inside: Real'),
      ),
    ).toEqual([
      "14:1: there is no element 'pmup' in this system (did you mean 'pump'?)",
      "15:1: 'pump' has no connector 'z' (did you mean 'u'?): it has u, y",
      "16:1: 'box' has no connector 'inn' (did you mean 'in'?): it has in",
      "17:1: this system has no connector 'in': it has inside",
    ]);
  });

  it('of connectors are looked up in the FMU', async () => {
    const wrong = gain('a', connectors('output yy: Real', 'output u: Integer', 'input k: Real'));
    expect(await problems(elements(wrong, gain('b')) + connections(connect('a.yy -> b.u')))).toEqual([
      "13:1: 'a' has no variable 'yy' (did you mean 'y'?) (its outputs: y)",
    ]);
    expect(await warnings(elements(wrong, gain('b')))).toEqual([
      "10:59: 'a' has no variable 'yy' for this connector (did you mean 'y'?)",
      "10:125: 'a.u' is of kind output here, but input in the FMU",
      "10:125: 'a.u' is of type Int32 here, but Float64 in the FMU",
      "10:193: 'a.k' is of kind input here, but parameter in the FMU",
    ]);
  });

  it('stand once', async () => {
    const twice = elements(gain('a', connectors('input u: Real', 'input u: Real')), gain('a'));
    expect(await problems(twice)).toEqual([
      expect.stringMatching(/^10:\d+: a second connector named 'u'$/),
      "11:1: a second element named 'a' in this system",
    ]);
  });

  it('that SSP does not know are told, with what could have been meant', async () => {
    const text = ssd(
      elements(gain('a'), gain('b')) +
        '<ssd:Conections/>' +
        connections(connect('a.y -> b.u', '<ssd:LinearTransformation/>', 'supressUnitConversion="true"')),
    );
    const system = await readSspSystem(writeText(folder, 'x.ssd', text));
    expect(lines(folder, system.warnings)).toEqual([
      expect.stringMatching(
        /^x\.ssd:12:16: <ssd:Conections> has no meaning in <ssd:System>, it is ignored \(did you mean 'Connections'\?\)$/,
      ),
      "x.ssd:13:1: <ssd:Connection> has no attribute 'supressUnitConversion', it is ignored (did you mean 'suppressUnitConversion'?)",
      expect.stringMatching(
        /^x\.ssd:13:\d+: <ssd:LinearTransformation> has no meaning in <ssd:Connection>, it is ignored, expected it in 'http:.*SystemStructureCommon'$/,
      ),
    ]);
  });
});

describe('a connection', () => {
  it('has one end that gives and one that takes', async () => {
    const content =
      elements(gain('a'), gain('b')) +
      connections(connect('a.y -> b.y'), connect('a.u -> b.u'), connect('a.y -> in')) +
      connectors('input in: Real');
    expect(await problems(content)).toEqual([
      "13:1: both ends of this connection give values: 'a.y' is of kind output, 'b.y' is of kind output",
      "14:1: both ends of this connection take values: 'a.u' is of kind input, 'b.u' is of kind input",
      "15:1: both ends of this connection give values: 'a.y' is of kind output, 'in' is of kind input of the system around",
    ]);
  });

  it('is the only one into its end, of whatever level', async () => {
    const box = `<ssd:System name="box">${connectors('input in: Real')}${elements(gain('c'))}${connections(connect('in -> c.u'))}</ssd:System>`;
    const content =
      elements(gain('a'), gain('b'), box) +
      connections(connect('a.y -> b.u'), connect('b.y -> b.u'), connect('a.y -> box.in'), connect('b.y -> box.in'));
    expect(await problems(content)).toEqual([
      "19:1: input 'b.u' is fed twice: by 'a.y' and by 'b.y'",
      "21:1: 'box.in' is fed twice",
    ]);
  });

  it('does not lead through systems in a circle', async () => {
    const box = `<ssd:System name="box">${connectors('input in: Real', 'output out: Real')}${elements(gain('c'))}${connections(connect('in -> out'), connect('in -> c.u'))}</ssd:System>`;
    expect(await problems(elements(box) + connections(connect('box.out -> box.in')))).toEqual([
      expect.stringMatching(/: signals go in a circle through 'box\.in', and no FMU feeds them$/),
    ]);
  });

  it('from a system that feeds nothing into it is told', async () => {
    const box = `<ssd:System name="box">${connectors('output out: Real')}</ssd:System>`;
    expect(await warnings(elements(gain('a'), box) + connections(connect('box.out -> a.u')))).toEqual([
      "13:1: 'box.out' is connected here, but nothing in its system feeds it",
    ]);
  });

  it('converts what goes together, by a table that fits', async () => {
    const table = (kind: string, source: string, target: string) =>
      `<ssc:${kind}MappingTransformation><ssc:MapEntry source="${source}" target="${target}"/></ssc:${kind}MappingTransformation>`;
    const both = (name: string) => component(name, 'enumer.fmu');
    const content =
      elements(both('a'), both('b'), component('c', 'units.fmu'), component('d', 'units.fmu')) +
      connections(
        connect('a.flag -> b.flag_in', table('Integer', '1', '0')),
        connect('a.mode -> b.mode_in', table('Enumeration', 'slwo', 'fast')),
        connect('a.number -> b.number_in', table('Integer', '1', '9999999999')),
        connect('c.out_kg -> d.in_m'),
        connect('c.out_mm -> d.in_K', '', 'suppressUnitConversion="true"'),
      );
    expect(await problems(content)).toEqual([
      expect.stringMatching(
        /^15:\d+: a mapping of Integer values does not go with 'a\.flag', which is of type Boolean$/,
      ),
      expect.stringMatching(/^16:\d+: 'a\.mode' has no item 'slwo' \(did you mean 'slow'\?\), it has off, slow, fast$/),
      expect.stringMatching(/^17:\d+: 'b\.number_in' \(Int32\) cannot be 9999999999$/),
      "18:1: units do not go together: 'c.out_kg' is in kg, 'd.in_m' in m",
    ]);
  });

  it('has one transformation that maps values on its whole way', async () => {
    const table =
      '<ssc:IntegerMappingTransformation><ssc:MapEntry source="1" target="2"/></ssc:IntegerMappingTransformation>';
    const box = `<ssd:System name="box">${connectors('input in: Integer')}${elements(component('c', 'enumer.fmu'))}${connections(connect('in -> c.number_in', table))}</ssd:System>`;
    const a = component('a', 'enumer.fmu', connectors('output number: Integer'));
    expect(await problems(elements(a, box) + connections(connect('a.number -> box.in', table)))).toEqual([
      expect.stringMatching(
        /: two transformations on the way from 'a\.number' to 'box\.c\.number_in' do not make one \(map values at one connection only\)$/,
      ),
    ]);
  });

  it('names an element that the array has', async () => {
    const a = component('a', 'arrays3.fmu', connectors('input u3: Float64', 'input matrix_in: Int32'));
    const content = (attributes: string, wire = 'b.y -> a.u3') =>
      elements(a, gain('b')) + connections(connect(wire, '', attributes));
    expect(await problems(content('endIndices="4"'))).toEqual([
      "13:1: 'a.u3' has 3 elements: it has none at 4 (counted from 1)",
    ]);
    expect(await problems(content('endIndices="2"', 'b.y -> a.matrix_in'))).toEqual([
      "13:1: 'a.matrix_in' has 2 x 2 elements: it has none at 2 (counted from 1)",
    ]);
    expect(await problems(content('endIndices="0"'))).toEqual(["13:1: 'endIndices' of <ssd:Connection> count from 1"]);
    expect(await problems(content('startIndices="1"'))).toEqual([
      "13:1: 'b.y' is no array: it has none at 1 (counted from 1)",
    ]);
  });
});

describe('a component', () => {
  it('is an FMU for co-simulation or a system', async () => {
    const of = (attributes: string) => `<ssd:Component name="a" ${attributes}/>`;
    expect(await problems(elements(of('source="gain.fmu" type="application/x-fmu-sharedlib"')))).toEqual([
      "10:1: component 'a' is of the type 'application/x-fmu-sharedlib' (did you mean 'application/x-fmu-sharedlibrary'?) (twinbridge runs FMUs (application/x-fmu-sharedlibrary) and systems of them)",
    ]);
    expect(await problems(elements(of('source="gain.fmu" implementation="ModelExchange"')))).toEqual([
      '10:1: component \'a\' is to be used by ModelExchange, twinbridge does co-simulation (use another FMU or, if it can do both, implementation="CoSimulation")',
    ]);
    expect(await problems(elements(of('source="me2.fmu"')))).toEqual([
      expect.stringMatching(/^10:1: me2\.fmu offers model exchange only, not co-simulation/),
    ]);
    expect(await problems(elements(of('')))).toEqual(["10:1: component 'a' has no source: nothing can be run"]);
    expect(await problems(elements(of('source="proxyfmu://localhost/a.fmu"')))).toEqual([
      expect.stringMatching(/^10:1: component 'a' has the source .*, which names '\/a\.fmu' in place of \?file= \(/),
    ]);
  });

  it('is in the archive that names it', async () => {
    const archive = (source: string) =>
      writeArchive(join(folder, 'out.ssp'), [
        { name: 'SystemStructure.ssd', content: ssd(elements(component('a', source))) },
      ]);
    const found = (source: string) => problemsOf(folder, () => readSspSystem(archive(source)));
    expect(await found('../gain.fmu')).toEqual([
      "out.ssp/SystemStructure.ssd:10:1: '../gain.fmu' leads out of the archive",
    ]);
    expect(await found(`file://${folder}/gain.fmu`)).toEqual([
      expect.stringMatching(/:10:1: 'file:.*' is of the scheme 'file', only relative paths can be read$/),
    ]);
  });

  it('is not the system that it is a part of', async () => {
    const content = (source: string) =>
      `<ssd:Component name="again" source="${source}" type="application/x-ssp-definition"/>`;
    expect(await problems(elements(content('x.ssd')))).toEqual(['10:1: x.ssd is a part of itself']);
    const box = `<ssd:System name="box" id="box">${elements(content('#box'))}</ssd:System>`;
    expect((await problems(elements(box)))[0]).toMatch(/^11:1: 'box\.again' is a system that it is a part of$/);
    expect(await problems(elements(content('#bx'), box))).toContain(
      "10:1: no system in this file has the id 'bx' (did you mean 'box'?)",
    );
  });

  it('there is at least one of', async () => {
    expect(await problems('')).toEqual(['8:1: the system has no components']);
  });
});

describe('parameters', () => {
  it('are of the type and in the range of the variable', async () => {
    const set = bindings(
      binding({
        real_in: '<ssv:Boolean value="true"/>',
        boolean_in: '<ssv:Integer value="1"/>',
        choice_in: '<ssv:Enumeration value="secnd"/>',
        real_out: real,
        integer_in: '<ssv:Integer value="2147483648"/>',
      }),
    );
    expect(await problems(elements(component('a', 'feedthrough.fmu', set)))).toEqual([
      "17:31: 'a.real_in' is of type Real: true is not a number",
      "18:34: 'a.boolean_in' is of type Boolean: 1 is not true or false",
      `19:33: 'a.choice_in' is of type Enumeration: "secnd" is not one of first, second (did you mean 'second'?)`,
      "20:1: 'a.real_out' cannot be given a start value: an output, calculated",
      "21:34: 'value' of <ssv:Integer> is '2147483648', expected integers from -2147483648 to 2147483647",
    ]);
  });

  it('have one source, one value and as many elements as they say', async () => {
    const both =
      '<ssd:ParameterBinding source="a.ssv">' +
      `<ssd:ParameterValues>${parameterSet({})}</ssd:ParameterValues></ssd:ParameterBinding>`;
    const set = binding({
      a: real + real,
      b: '<ssv:Real value="1 2"/><ssc:Dimension size="3"/>',
      c: '<ssv:String value="x"><ssv:Value value="y"/></ssv:String>',
      d: '<ssv:Real value=""/>',
    });
    const found = await problems(
      elements(
        gain('a', bindings(both, '<ssd:ParameterBinding/>', set, '<ssd:ParameterBinding source="x" type="text/csv"/>')),
      ),
    );
    expect(found.map((line) => line.replace(/^[\d:]+ /, ''))).toEqual([
      "there is no a.ssv, named here as 'a.ssv'",
      "<ssd:ParameterBinding> names the source 'a.ssv' and has content of its own",
      '<ssd:ParameterBinding> has neither a source nor content',
      "parameter 'a' has a second value, <ssv:Real> (one of <ssv:Real>, <ssv:Integer>, …)",
      "parameter 'b' has 3 elements by its dimensions, but 2 values",
      '<ssv:String> has both a value and <Value>s: one of them is too much',
      "parameter 'd' has no value",
      "<ssd:ParameterBinding> is of the type 'text/csv', only 'application/x-ssp-parameter-set' can be read",
    ]);
  });

  it('are mapped to different names, by what fits them', async () => {
    const entry = (target: string, content = '') =>
      `<ssm:MappingEntry source="k" target="${target}">${content}</ssm:MappingEntry>`;
    const table =
      '<ssc:BooleanMappingTransformation><ssc:MapEntry source="true" target="false"/></ssc:BooleanMappingTransformation>';
    const found = await problems(
      elements(gain('a', bindings(binding({ k: real }, mapping(entry('k'), entry('k'), entry('b', table)))))),
    );
    expect(found).toEqual([
      expect.stringMatching(/: a second value is mapped to 'k'$/),
      expect.stringMatching(/: a mapping of Boolean values does not go with the value of 'k', "1"$/),
    ]);
  });
});

describe('units', () => {
  it('are defined in the file, with base units', async () => {
    const a = component('a', 'units.fmu', connectors('output out_mm: Real unit="mmm"'));
    const system = elements(a, component('b', 'units.fmu')) + connections(connect('a.out_mm -> b.in_m'));
    expect(await warnings(system, UNITS('ssd'))).toEqual([
      expect.stringMatching(/^10:\d+: unit 'mmm' is not defined in this file \(did you mean 'mm'\?\)$/),
      "13:1: units differ, and values are passed on as they are: 'a.out_mm' is in mmm, 'b.in_m' in m",
    ]);
    expect(
      await problems(
        system,
        '<ssd:Units><ssc:Unit name="mmm"/><ssc:Unit name="mmm"><ssc:BaseUnit m="x"/></ssc:Unit></ssd:Units>',
      ),
    ).toEqual([
      expect.stringMatching(/: unit 'mmm' lacks its <BaseUnit>$/),
      expect.stringMatching(/: a second unit 'mmm'$/),
      expect.stringMatching(/: 'm' of <ssc:BaseUnit> is 'x', expected an integer of 32 bits$/),
    ]);
  });
});

it('signals are those of a dictionary that there is', async () => {
  const reference = (dictionary: string) =>
    `<ssd:SignalDictionaryReference name="bus" dictionary="${dictionary}">${connectors('inout sped: Real')}</ssd:SignalDictionaryReference>`;
  const dictionary =
    '<ssd:SignalDictionaries><ssd:SignalDictionary name="bus"><ssb:SignalDictionary version="1.0"><ssb:DictionaryEntry name="speed"><ssc:Real/></ssb:DictionaryEntry></ssb:SignalDictionary></ssd:SignalDictionary></ssd:SignalDictionaries>';
  const found = async (name: string) =>
    problems(elements(gain('a'), reference(name)) + connections(connect('a.y -> bus.sped')) + dictionary);
  expect(await found('bsu')).toEqual([
    "11:1: 'bus' refers to the signal dictionary 'bsu', which there is not in this system or one around it (did you mean 'bus'?)",
  ]);
  expect(await found('bus')).toEqual([
    expect.stringMatching(/^11:\d+: the signal dictionary 'bus' has no signal 'sped' \(did you mean 'speed'\?\)$/),
  ]);
});

describe('a file', () => {
  const root = async (text: string) =>
    (await problemsOf(folder, () => readSspSystem(writeText(folder, 'x.ssd', text))))[0];

  it('is XML of the right kind', async () => {
    expect(await root('<a>')).toMatch(/^x\.ssd:1:\d+: not well-formed XML/);
    expect(await root('<ssd:System/>')).toMatch(/^x\.ssd:1:1: <ssd:System> has a prefix that stands for no namespace/);
    expect(await root(parameterSet({}))).toBe(
      "x.ssd:1:1: <ssv:ParameterSet>, expected <SystemStructureDescription> of 'http://ssp-standard.org/SSP1/SystemStructureDescription'",
    );
    expect(
      await root('<SystemStructureDescription xmlns="http://www.pmsf.net/xsd/SystemStructureDescriptionDraft"/>'),
    ).toBe(
      "x.ssd:1:1: <SystemStructureDescription> is of the namespace 'http://www.pmsf.net/xsd/SystemStructureDescriptionDraft', expected <SystemStructureDescription> of 'http://ssp-standard.org/SSP1/SystemStructureDescription'",
    );
  });

  it('opens no other by an entity', async () => {
    expect(await root('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')).toBe(
      'x.ssd:1:1: a DOCTYPE is not allowed here',
    );
  });
});
