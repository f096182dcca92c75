import { describe, expect, it } from 'vitest';
import { readModelDescription } from '#tb/fmi/index.js';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import { exampleEntries } from '../support/fmus.js';

const read = (xml: string | Uint8Array) => readModelDescription('x.xml', Buffer.from(xml));
const example = (name: 'monitor' | 'feedthrough') =>
  exampleEntries(name).find((entry) => entry.name === 'modelDescription.xml')!.content as Uint8Array;

/** `line:column: message` of every problem. */
function problemsOf(xml: string | Uint8Array): string[] {
  try {
    read(xml);
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace('x.xml:', ''));
  }
  throw new Error('the file was accepted');
}

const document = (body: string, root = 'fmiVersion="2.0" modelName="m" guid="g"') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<fmiModelDescription ${root}>\n${body}\n</fmiModelDescription>`;
const CO_SIMULATION = '<CoSimulation modelIdentifier="m"/>';

describe('a model description', () => {
  it('is read as plain data', () => {
    const { description, warnings } = read(example('monitor'));
    expect(warnings).toEqual([]);
    expect(description).toMatchObject({
      fmiVersion: '2.0',
      modelName: 'monitor',
      variableNamingConvention: 'flat',
      hasModelExchange: false,
      coSimulation: { modelIdentifier: 'monitor', canGetAndSetFMUstate: true },
      units: [{ name: 'm', baseUnit: { m: 1 } }],
      defaultExperiment: { startTime: 0, stopTime: 10, stepSize: 0.1 },
    });
    expect(description.logCategories.map(({ name }) => name)).toEqual(['logEvents', 'logStatusError']);
    expect(description.variables[4]).toEqual({
      name: 'safe_distance',
      valueReference: 4,
      type: 'Real',
      causality: 'parameter',
      variability: 'tunable',
      initial: 'exact',
      start: 2,
      unit: 'm',
      min: 0,
      description: 'The robot must not come closer',
      location: { file: 'x.xml', line: 42, column: 5 },
    });
    // Indices count from 0 here and from 1 in the file.
    expect(description.outputs).toEqual([
      { index: 6, dependencies: [0, 1, 2, 3] },
      { index: 7, dependencies: [0, 1, 2, 3] },
    ]);
  });

  it('has enumerations, whose variables name their type', () => {
    const { description } = read(example('feedthrough'));
    expect(description.enumerations).toEqual([
      {
        name: 'Choice',
        items: [
          { name: 'first', value: 1 },
          { name: 'second', value: 2 },
        ],
      },
    ]);
    expect(description.variables[4]).toMatchObject({ type: 'Enumeration', declaredType: 'Choice', start: 1 });
  });

  it('gives variables what their declared type says, unless they say otherwise', () => {
    const { description } = read(
      document(`${CO_SIMULATION}
<TypeDefinitions><SimpleType name="Length"><Real unit="m" min="0" max="10"/></SimpleType></TypeDefinitions>
<ModelVariables>
<ScalarVariable name="a" valueReference="0" causality="input"><Real declaredType="Length" max="5" start="1"/></ScalarVariable>
</ModelVariables>`),
    );
    expect(description.variables[0]).toMatchObject({ unit: 'm', min: 0, max: 5 });
  });

  it('has predefined entities and character references, and no others', () => {
    const xml = (text: string) => document(CO_SIMULATION, `fmiVersion="2.0" modelName="${text}" guid="g"`);
    expect(read(xml('1 &lt; 2 &amp;lt; &#x41;&#66;')).description.modelName).toBe('1 < 2 &lt; AB');
    expect(problemsOf(xml('&evil;'))).toEqual(["2:1: unknown entity '&evil;'"]);
  });

  it('may be in ISO-8859-1, as older tools write it', () => {
    const xml = document(CO_SIMULATION, 'fmiVersion="2.0" modelName="Gerät" guid="g"').replace('UTF-8', 'ISO-8859-1');
    expect(read(Buffer.from(xml, 'latin1')).description.modelName).toBe('Gerät');
  });

  it('may be of an FMU for model exchange only: then there is no coSimulation', () => {
    const { description } = read(document('<ModelExchange modelIdentifier="m"/>'));
    expect(description.hasModelExchange).toBe(true);
    expect(description.coSimulation).toBeUndefined();
  });
});

describe('what is no FMI 2.0 model description', () => {
  it.each([
    ['<a>\n <b>\n</a>', /^3:1: not well-formed XML: Expected closing tag 'b'/],
    ['<a x="1" x="2"/>', /^1:10: not well-formed XML: Attribute 'x' is repeated/],
    ['', /^1(:1)?: not well-formed XML: Start tag expected/],
    [
      '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<a/>',
      /^2:1: a DOCTYPE is not allowed/,
    ],
    ['<model/>', /^1:1: the root element is <model>, expected <fmiModelDescription>$/],
    ['<fmiModelDescription/>', /^1:1: <fmiModelDescription> lacks the attribute 'fmiVersion'$/],
    ['<fmiModelDescription fmiVersion="3.0"/>', /^1:1: the FMU is of FMI version 3\.0; FMI 2\.0 is supported/],
    ['<fmiModelDescription fmiVersion="1.0"/>', /^1:1: the FMU is of FMI version 1\.0; FMI 2\.0 is supported/],
  ])('%j', (xml, problem) => {
    const problems = problemsOf(xml);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('nested without end', () => {
    const deep = 100_000;
    expect(problemsOf(document('<a>'.repeat(deep) + '</a>'.repeat(deep)))[0]).toMatch(/nested/i);
  });
});

describe('problems', () => {
  it('are found all at once, each with its line and column', () => {
    const problems = problemsOf(
      document(
        `<CoSimulation modelIdentifer="m"/>
<ModelVariables>
  <ScalarVariable name="a" valueReference="-1"><Real/></ScalarVariable>
  <ScalarVariable name="b" valueReference="1"><Reel/></ScalarVariable>
  <ScalarVariable name="c" valueReference="2" causality="inputt"><Real start="one"/></ScalarVariable>
  <ScalarVariable name="c" valueReference="3"><Integer start="1.5"/></ScalarVariable>
  <ScalarVariable valueReference="4"><Boolean start="yes"/></ScalarVariable>
  <ScalarVariable name="e" valueReference="5"><Enumeration declaredType="Choice"/></ScalarVariable>
  <ScalarVariable name="f" valueReference="6"><Real/><Integer/></ScalarVariable>
  <ScalarVariable name="g" valueReference="7"/>
</ModelVariables>
<ModelStructure><Outputs>
  <Unknown index="9"/>
  <Unknown index="1" dependencies="0 2" dependenciesKind="fixed"/>
</Outputs></ModelStructure>`,
        'fmiVersion="2.0" modelName="m"',
      ),
    );
    expect(problems).toEqual([
      "2:1: <fmiModelDescription> lacks the attribute 'guid'",
      "3:1: <CoSimulation> lacks the attribute 'modelIdentifier' (did you mean 'modelIdentifer'?)",
      "5:3: 'valueReference' of variable 'a' is '-1', expected an integer from 0 to 4294967295",
      "6:47: variable 'b' has the unknown type 'Reel' (did you mean 'Real'?), expected one of Real, Integer, Boolean, String, Enumeration",
      "7:3: 'causality' of variable 'c' is 'inputt', expected one of parameter, calculatedParameter, input, output, local, independent (did you mean 'input'?)",
      "7:66: 'start' of variable 'c' is 'one', expected a number",
      "8:47: 'start' of variable 'c' is '1.5', expected an integer of 32 bits",
      "8:3: a second variable named 'c', the first is at x.xml:7:3",
      "9:3: a variable lacks the attribute 'name'",
      "10:47: declaredType 'Choice' of variable 'e' is not defined",
      "11:54: variable 'f' has several types",
      "12:3: variable 'g' has no type, expected one of Real, Integer, Boolean, String, Enumeration",
      '15:3: index 9 is out of range, there are 8 variables (from 1)',
      '16:3: index 0 is out of range, there are 8 variables (from 1)',
      '16:3: dependenciesKind has 1 entries, dependencies 2',
    ]);
  });

  it('a modelIdentifier becomes a file name, so it must be a C identifier', () => {
    expect(problemsOf(document('<CoSimulation modelIdentifier="../../evil"/>'))).toEqual([
      "3:1: modelIdentifier '../../evil' is no C identifier",
    ]);
  });

  it('that do not keep an FMU from running are warnings', () => {
    const { warnings } = read(
      document(`${CO_SIMULATION}
<ModelVariables>
  <ScalarVariable name="u" valueReference="0" causality="input"><Real/></ScalarVariable>
  <ScalarVariable name="p" valueReference="1" causality="parameter" variability="continuous"><Real start="1"/></ScalarVariable>
  <ScalarVariable name="y" valueReference="2" causality="output" variability="continuous"><Integer/></ScalarVariable>
  <ScalarVariable name="z" valueReference="3" causality="output" initial="calculated"><Real start="1"/></ScalarVariable>
</ModelVariables>
<ModelStructure><Outputs><Unknown index="1"/><Unknown index="3"/></Outputs></ModelStructure>`),
    );
    expect(warnings.map((warning) => formatProblem(warning))).toEqual([
      "x.xml:5:3: variable 'u': a start value is missing",
      "x.xml:6:3: variable 'p': causality parameter does not go with variability continuous",
      "x.xml:7:3: variable 'y': variability continuous needs type Real, not Integer",
      "x.xml:8:3: variable 'z': a start value is not allowed",
      "x.xml:5:3: variable 'u' has causality input but is listed in ModelStructure/Outputs",
      "x.xml:8:3: variable 'z' is not listed in ModelStructure/Outputs",
    ]);
  });
});
