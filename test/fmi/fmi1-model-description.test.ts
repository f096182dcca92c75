/** Model descriptions of FMI 1.0: read in the words of FMI 2.0 and 3.0, and what is wrong is told with its place. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Fmi1ModelDescription,
  isFmi1,
  modelOf,
  readAnyFmu,
  readAnyModelDescription,
  typeName,
} from '#tb/fmi/index.js';
import { formatProblem, InvalidFileError, type Problem } from '#tb/support/errors.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder, writeFmu } from '../support/fmus.js';

const HEADER =
  'fmiVersion="1.0" modelName="Plant.Tank" modelIdentifier="Plant_Tank" guid="{1}" numberOfContinuousStates="1" numberOfEventIndicators="0"';
const STANDALONE =
  '<Implementation><CoSimulation_StandAlone><Capabilities/></CoSimulation_StandAlone></Implementation>';

const document = (body: string, root = HEADER) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<fmiModelDescription ${root}>\n${body}\n</fmiModelDescription>`;

/** Elements in the order of the schema (fmiModelDescription.xsd of FMI 1.0). */
const TANK = document(
  `<UnitDefinitions>
  <BaseUnit unit="m"><DisplayUnitDefinition displayUnit="cm" gain="0.01"/></BaseUnit>
  <BaseUnit unit="K"><DisplayUnitDefinition displayUnit="degC" gain="1" offset="273.15"/></BaseUnit>
</UnitDefinitions>
<TypeDefinitions>
  <Type name="Level"><RealType quantity="Length" unit="m" min="0" max="10" nominal="2"/></Type>
  <Type name="Count"><IntegerType min="0"/></Type>
  <Type name="Flag"><BooleanType/></Type>
  <Type name="Mode"><EnumerationType min="1" max="2"><Item name="idle" description="does nothing"/><Item name="fill"/></EnumerationType></Type>
</TypeDefinitions>
<DefaultExperiment startTime="0" stopTime="10" tolerance="1e-4"/>
<VendorAnnotations><Tool name="t"><Annotation name="a" value="b"/></Tool></VendorAnnotations>
<ModelVariables>
  <ScalarVariable name="level" valueReference="0" causality="output" description="of the water">
    <Real declaredType="Level" max="5" start="1.5"/>
    <DirectDependency><Name>inflow</Name></DirectDependency>
  </ScalarVariable>
  <ScalarVariable name="inflow" valueReference="1" causality="input"><Real start="0.5"/></ScalarVariable>
  <ScalarVariable name="mode" valueReference="2" causality="input" variability="discrete"><Enumeration declaredType="Mode" start="2"/></ScalarVariable>
  <ScalarVariable name="area" valueReference="3" variability="parameter"><Real start="2"/></ScalarVariable>
  <ScalarVariable name="count" valueReference="4" causality="output"><Integer declaredType="Count"/><DirectDependency/></ScalarVariable>
  <ScalarVariable name="full" valueReference="5" causality="output" variability="discrete"><Boolean declaredType="Flag" start="true" fixed="false"/></ScalarVariable>
  <ScalarVariable name="name" valueReference="6" causality="none"><String start="a &lt; b"/></ScalarVariable>
  <ScalarVariable name="g" valueReference="7" variability="constant"><Real start="9.81"/></ScalarVariable>
</ModelVariables>
<Implementation>
  <CoSimulation_StandAlone>
    <Capabilities canHandleVariableCommunicationStepSize="true" canHandleEvents="1" canRejectSteps="false"
      canInterpolateInputs="true" maxOutputDerivativeOrder="2" canRunAsynchronuously="false" canSignalEvents="false"
      canBeInstantiatedOnlyOncePerProcess="true" canNotUseMemoryManagementFunctions="true"/>
  </CoSimulation_StandAlone>
</Implementation>`,
  `${HEADER} description="Water" author="A" version="1.2" generationTool="T" variableNamingConvention="structured"`,
);

function read(xml: string): { description: Fmi1ModelDescription; warnings: readonly Problem[] } {
  const { description, warnings } = readAnyModelDescription('x.xml', Buffer.from(xml));
  if (!isFmi1(description)) throw new Error(`read as FMI ${description.fmiVersion}`);
  return { description, warnings };
}

const variables = (lines: string, rest = STANDALONE) =>
  read(document(`<ModelVariables>\n${lines}\n</ModelVariables>\n${rest}`));

const withoutFile = (problems: readonly Problem[]) => problems.map((one) => formatProblem(one).replace(/^x\.xml:/, ''));

/** `line:column: message` of every problem. */
function problemsOf(xml: string): string[] {
  try {
    read(xml);
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    return withoutFile(error.problems);
  }
  throw new Error('the file was accepted');
}

describe('a model description of FMI 1.0', () => {
  it('is read as plain data', () => {
    const { description, warnings } = read(TANK);
    expect(warnings).toEqual([]);
    const { variables: _, outputs, ...rest } = description;
    expect(rest).toEqual({
      fmiVersion: '1.0',
      modelName: 'Plant.Tank',
      modelIdentifier: 'Plant_Tank',
      guid: '{1}',
      description: 'Water',
      author: 'A',
      version: '1.2',
      generationTool: 'T',
      variableNamingConvention: 'structured',
      coSimulation: {
        kind: 'standalone',
        canHandleVariableCommunicationStepSize: true,
        canHandleEvents: true,
        canRejectSteps: false,
        canInterpolateInputs: true,
        maxOutputDerivativeOrder: 2,
        canRunAsynchronuously: false,
        canSignalEvents: false,
        canBeInstantiatedOnlyOncePerProcess: true,
        canNotUseMemoryManagementFunctions: true,
      },
      hasModelExchange: false,
      // Units are names: of a display unit it is known how it is converted, not what it is in SI units.
      units: [{ name: 'm' }, { name: 'K' }],
      enumerations: [
        {
          name: 'Mode',
          items: [
            { name: 'idle', value: 1, description: 'does nothing' },
            { name: 'fill', value: 2 },
          ],
        },
      ],
      defaultExperiment: { startTime: 0, stopTime: 10, tolerance: 1e-4 },
    });
    // No DirectDependency: on all inputs; an empty one: on none.
    expect(outputs).toEqual([{ index: 0, dependencies: [1] }, { index: 4, dependencies: [] }, { index: 5 }]);
  });

  it('gives variables what their declared type says, unless they say otherwise', () => {
    expect(read(TANK).description.variables[0]).toEqual({
      name: 'level',
      valueReference: 0,
      type: 'Real',
      causality: 'output',
      variability: 'continuous',
      initial: 'exact',
      start: 1.5,
      description: 'of the water',
      unit: 'm',
      declaredType: 'Level',
      min: 0,
      max: 5,
      nominal: 2,
      location: { file: 'x.xml', line: 16, column: 3 },
    });
  });

  it('has a model like every other version', () => {
    const model = modelOf(read(TANK).description);
    expect(model).toMatchObject({
      fmi: '1.0',
      token: '{1}',
      modelIdentifier: 'Plant_Tank',
      capabilities: {
        variableStepSize: true,
        oncePerProcess: true,
        getAndSetState: false,
        maxOutputDerivativeOrder: 2,
      },
      outputs: [{ index: 0, dependencies: [1] }, { index: 4, dependencies: [] }, { index: 5 }],
      logCategories: [],
    });
    expect(model.variables.map(({ name, type, start }) => [name, typeName(model, type), start])).toEqual([
      ['level', 'Real', [1.5]],
      ['inflow', 'Real', [0.5]],
      ['mode', 'Enumeration', [2]],
      ['area', 'Real', [2]],
      ['count', 'Integer', undefined],
      ['full', 'Boolean', [true]],
      ['name', 'String', ['a < b']],
      ['g', 'Real', [9.81]],
    ]);
  });

  it.each([
    ['without an Implementation', ''],
    ['that names a tool', STANDALONE.replaceAll('StandAlone', 'Tool')],
  ])('%s', (_, implementation) => {
    const { description } = read(document(implementation));
    const isTool = implementation !== '';
    expect(description.hasModelExchange).toBe(!isTool);
    expect(description.coSimulation?.kind).toBe(isTool ? 'tool' : undefined);
    expect(modelOf(description).modelIdentifier).toBe(isTool ? 'Plant_Tank' : undefined);
  });
});

describe('causality, variability and start become causality, variability and initial of FMI 2.0', () => {
  const START = { none: '', guess: ' start="1" fixed="false"', fixed: ' start="1"' } as const;

  it.each<[string, string, keyof typeof START, string, string, string | undefined]>([
    // causality, variability and start there; causality, variability and initial here
    ['input', 'continuous', 'fixed', 'input', 'continuous', undefined],
    ['input', 'discrete', 'none', 'input', 'discrete', undefined],
    ['input', 'parameter', 'fixed', 'parameter', 'fixed', 'exact'],
    ['output', 'continuous', 'none', 'output', 'continuous', 'calculated'],
    ['output', 'continuous', 'fixed', 'output', 'continuous', 'exact'],
    ['output', 'discrete', 'guess', 'output', 'discrete', 'approx'],
    ['output', 'parameter', 'none', 'output', 'fixed', 'calculated'],
    ['output', 'constant', 'fixed', 'output', 'constant', 'exact'],
    ['internal', 'continuous', 'none', 'local', 'continuous', 'calculated'],
    ['internal', 'continuous', 'guess', 'local', 'continuous', 'approx'],
    ['internal', 'continuous', 'fixed', 'local', 'continuous', 'exact'],
    ['internal', 'parameter', 'fixed', 'parameter', 'fixed', 'exact'],
    ['internal', 'parameter', 'guess', 'calculatedParameter', 'fixed', 'approx'],
    ['internal', 'parameter', 'none', 'calculatedParameter', 'fixed', 'calculated'],
    ['internal', 'constant', 'fixed', 'local', 'constant', 'exact'],
    ['none', 'parameter', 'fixed', 'parameter', 'fixed', 'exact'],
    ['none', 'discrete', 'fixed', 'local', 'discrete', 'exact'],
  ])('%s, %s, start %s: %s, %s, %s', (causality, variability, start, ...expected) => {
    const { description, warnings } = variables(
      `<ScalarVariable name="v" valueReference="0" causality="${causality}" variability="${variability}"><Real${START[start]}/></ScalarVariable>`,
    );
    const [variable] = description.variables;
    expect([variable!.causality, variable!.variability, variable!.initial]).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  it('by default internal and continuous, or discrete where the type is not Real', () => {
    const { description, warnings } = variables(
      `<ScalarVariable name="r" valueReference="0"><Real/></ScalarVariable>
<ScalarVariable name="i" valueReference="0"><Integer/></ScalarVariable>`,
    );
    expect(description.variables).toMatchObject([
      { causality: 'local', variability: 'continuous' },
      { causality: 'local', variability: 'discrete' },
    ]);
    expect(warnings).toEqual([]);
  });
});

describe('what is wrong', () => {
  it('is found all at once, each with its line and column', () => {
    expect(
      problemsOf(
        document(
          `<TypeDefinitions>
  <Type name="T"><RealType min="low"/></Type>
  <Type name="U"><Real/></Type>
  <Type><StringType/></Type>
</TypeDefinitions>
<ModelVariables>
  <ScalarVariable name="a" valueReference="-1"><Real/></ScalarVariable>
  <ScalarVariable name="b" valueReference="1"><Reel/></ScalarVariable>
  <ScalarVariable name="c" valueReference="2" causality="local"><Real start="one" fixed="yes"/></ScalarVariable>
  <ScalarVariable name="c" valueReference="3" variability="fixed"><Integer declaredType="T"/></ScalarVariable>
  <ScalarVariable name="y" valueReference="4" causality="output"><Real/><DirectDependency><Name>b</Name><Name>
    cc</Name></DirectDependency></ScalarVariable>
  <ScalarVariable name="z" valueReference="5" alias="aliased"/>
</ModelVariables>
<Implementation>
  <CoSimulation_StandAlone><Capabilities canHandleEvents="maybe" maxOutputDerivativeOrder="-1"/></CoSimulation_StandAlone>
</Implementation>`,
          HEADER.replace('modelIdentifier="Plant_Tank"', 'modelIdentifier="../evil"').replace('guid', 'giud'),
        ),
      ),
    ).toEqual([
      "2:1: modelIdentifier '../evil' is no C identifier",
      "2:1: <fmiModelDescription> lacks the attribute 'guid' (did you mean 'giud'?)",
      "18:28: 'canHandleEvents' of <Capabilities> is 'maybe', expected true or false",
      "18:28: 'maxOutputDerivativeOrder' of <Capabilities> is '-1', expected an integer from 0 to 4294967295",
      "4:18: 'min' of type 'T' is 'low', expected a number",
      "5:3: type 'U' has none of RealType, IntegerType, BooleanType, StringType, EnumerationType",
      "6:3: <Type> lacks the attribute 'name'",
      "9:3: 'valueReference' of variable 'a' is '-1', expected an integer from 0 to 4294967295",
      "10:47: variable 'b' has the unknown type 'Reel' (did you mean 'Real'?), expected one of Real, Integer, Boolean, String, Enumeration",
      "11:3: 'causality' of variable 'c' is 'local', expected one of input, output, internal, none",
      "11:65: 'start' of variable 'c' is 'one', expected a number",
      "11:65: 'fixed' of variable 'c' is 'yes', expected true or false",
      "12:3: 'variability' of variable 'c' is 'fixed', expected one of continuous, discrete, parameter, constant",
      "12:67: declaredType 'T' of variable 'c' is a type of Real, not of Integer",
      "12:3: a second variable named 'c', the first is at x.xml:11:3",
      "15:3: 'alias' of variable 'z' is 'aliased', expected one of noAlias, alias, negatedAlias (did you mean 'alias'?)",
      "15:3: variable 'z' has no type, expected one of Real, Integer, Boolean, String, Enumeration",
      // Not of b: that it cannot be read is said above.
      "13:105: output 'y' depends on 'cc', which no variable is named (did you mean 'c'?)",
    ]);
  });

  it.each([
    ['<Implementation/>', '3:1: <Implementation> has no <CoSimulation_StandAlone> or <CoSimulation_Tool>'],
    ['<Implementation><CoSimulation_Tool/></Implementation>', '3:17: <CoSimulation_Tool> has no <Capabilities>'],
    [
      '<Implementation><CoSimulation_Tool/><CoSimulation_StandAlone/></Implementation>',
      '3:37: <Implementation> has more than one <CoSimulation_StandAlone> or <CoSimulation_Tool>',
    ],
  ])('%s', (implementation, problem) => {
    expect(problemsOf(document(implementation))).toEqual([problem]);
  });

  it('another version of FMI', () => {
    expect(problemsOf('<fmiModelDescription fmiVersion="4.0"/>')[0]).toContain(
      'the FMU is of FMI version 4.0; FMI 1.0, 2.0 and 3.0 are supported',
    );
  });

  it('is a warning where the FMU runs all the same', () => {
    const { warnings } =
      variables(`<ScalarVariable name="u" valueReference="0" causality="input"><Real/><DirectDependency/></ScalarVariable>
<ScalarVariable name="v" valueReference="0" alias="alias"><Real/></ScalarVariable>
<ScalarVariable name="w" valueReference="0" alias="negatedAlias"><Real/></ScalarVariable>
<ScalarVariable name="i" valueReference="1" variability="continuous"><Integer fixed="true"/></ScalarVariable>
<ScalarVariable name="k" valueReference="2" variability="constant"><Real/></ScalarVariable>
<ScalarVariable name="y" valueReference="3" causality="output"><Real/><DirectDependency><Name>v</Name></DirectDependency></ScalarVariable>`);
    expect(withoutFile(warnings)).toEqual([
      "6:1: variable 'w' is a negated alias: what is got and set is the value of value reference 0, of opposite sign",
      "7:1: variable 'i': fixed goes with a start value only",
      "7:1: variable 'i': variability continuous needs type Real, not Integer",
      "8:1: variable 'k': a start value is missing",
      "4:70: variable 'u' is no output, its <DirectDependency> says nothing",
      "9:89: output 'y' depends on 'v', which is no input",
    ]);
  });

  it('of what only a solver needs: nothing in co-simulation, a warning in model exchange', () => {
    const root = HEADER.replace(/ numberOf\w+="\d"/g, '');
    expect(read(document(STANDALONE, root)).warnings).toEqual([]);
    expect(withoutFile(read(document('', root)).warnings)).toEqual([
      "2:1: <fmiModelDescription> lacks the attribute 'numberOfContinuousStates'",
      "2:1: <fmiModelDescription> lacks the attribute 'numberOfEventIndicators'",
    ]);
  });
});

describe('an FMU of FMI 1.0', () => {
  const folder = temporaryFolder();
  const fmu = (name: string, xml: string) =>
    writeFmu(join(folder, name), [
      { name: 'modelDescription.xml', content: xml },
      { name: 'binaries/linux64/Plant_Tank.so', content: 'x' },
      { name: 'binaries/win32/Plant_Tank.dll', content: 'x' },
      { name: 'binaries/win64/other.dll', content: 'x' },
    ]);
  const tank = fmu('tank.fmu', TANK);

  it('has its libraries where FMUs of FMI 2.0 have them', async () => {
    expect((await readAnyFmu(tank)).platforms).toEqual(['linux64', 'win32']);
  });

  it('is shown by twinbridge info', async () => {
    const { code, stdout } = await runCli(['info', tank]);
    expect(code).toBe(0);
    for (const line of [
      /^FMI +1\.0, co-simulation$/m,
      /^GUID +\{1\}$/m,
      /^platforms +linux64, win32$/m,
      /^capabilities +canHandleVariableCommunicationStepSize, canHandleEvents, .*maxOutputDerivativeOrder 2/m,
      /^level +Real Level +output +continuous +1\.5 +m +0\.\.5 +of the water$/m,
      /^count +Integer Count +output +discrete +\(calculated\)/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    const json = JSON.parse((await runCli(['info', tank, '--json'])).stdout) as { description: Fmi1ModelDescription };
    expect(json.description).toMatchObject({ fmiVersion: '1.0', outputs: [{ index: 0 }, { index: 4 }, { index: 5 }] });
  });

  it('is checked by twinbridge validate', async () => {
    const wrong = fmu('wrong.fmu', TANK.replace('causality="output"', 'causality="outptu"'));
    const { code, stdout } = await runCli(['validate', tank, wrong]);
    expect(code).toBe(3);
    expect(stdout).toContain(`${tank}: valid\n`);
    expect(stdout).toContain(
      `${wrong}/modelDescription.xml:16:3: 'causality' of variable 'level' is 'outptu', expected one of input, output, internal, none (did you mean 'output'?)`,
    );
  });
});
