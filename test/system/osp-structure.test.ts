import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '#tb/support/errors.js';
import { readOspSystem, readOspSystemDraft, type System } from '#tb/system/index.js';
import { exampleEntries, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';
import { NAMESPACE, problemsOf, type StructureParts, structureXml, write } from '../support/osp.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'dahlquist'] as const) exampleFmu(folder, name);
writeFmu(join(folder, 'two words', 'größe.fmu'), exampleEntries('dahlquist'));

const file = (parts: StructureParts | string = {}) =>
  write(folder, 'system.xml', typeof parts === 'string' ? parts : structureXml(parts));
const read = (parts?: StructureParts | string): Promise<System> => readOspSystem(file(parts));
const draft = (parts?: StructureParts) => readOspSystemDraft(file(parts));
const problems = (parts?: StructureParts | string) =>
  problemsOf(folder, read(parts)).then((list) => list.map((problem) => problem.replace('system.xml:', '')));

describe('OspSystemStructure.xml', () => {
  it('makes a system of fixed steps in which all see the last communication point', async () => {
    const system = await read({
      times: '<StartTime>1.5</StartTime><EndTime>3</EndTime><BaseStepSize> 0.25 </BaseStepSize>',
    });
    expect(system).toMatchObject({
      algorithm: 'jacobi',
      loops: { atSteps: false },
      stepping: { kind: 'fixed', size: 0.25 },
      start: 1.5,
      stop: 3,
      pace: 'fast',
      connections: [],
      functions: [],
      warnings: [],
    });
    expect(system.components.map(({ name, fmu, every }) => ({ name, fmu, every }))).toEqual([
      { name: 'a', fmu: join(folder, 'feedthrough.fmu'), every: 1 },
      { name: 'b', fmu: join(folder, 'feedthrough.fmu'), every: 1 },
      { name: 'd', fmu: join(folder, 'dahlquist.fmu'), every: 1 },
    ]);
  });

  it('has defaults: from 0 s, without an end, in steps of 0.1 s, by fixedStep', async () => {
    const system = await read({ algorithm: '' });
    expect(system).toMatchObject({ start: 0, stepping: { kind: 'fixed', size: 0.1 } });
    expect(system.stop).toBeUndefined();
    expect(await read({ times: '<StartTime/>', algorithm: '<Algorithm/>' })).toMatchObject({ start: 0 });
  });

  it('is found in a folder', async () => {
    write(folder, 'OspSystemStructure.xml', structureXml());
    expect((await readOspSystem(folder)).file).toBe(join(folder, 'OspSystemStructure.xml'));
    await expect(readOspSystem(join(folder, 'two words'))).rejects.toThrow(
      `cannot read ${join(folder, 'two words', 'OspSystemStructure.xml')}: no such file`,
    );
    await expect(readOspSystem(join(folder, 'nothing.xml'))).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('may give its namespace any prefix', async () => {
    const prefixed = structureXml({ root: `version="0.1" xmlns:o="${NAMESPACE}"` }).replace(
      /<(\/?)(?=[A-Z])/g,
      '<$1o:',
    );
    expect((await read(prefixed)).components).toHaveLength(3);
  });

  it('is of this namespace and version', async () => {
    expect(await problems({ root: 'version="0.1"' })).toEqual([
      `2:1: <OspSystemStructure> is of no namespace (expected xmlns="${NAMESPACE}")`,
    ]);
    expect(await problems({ root: 'version="0.2" xmlns="http://opensimulationplatform.com"' })).toEqual([
      `2:1: <OspSystemStructure> is of the namespace 'http://opensimulationplatform.com' (expected xmlns="${NAMESPACE}")`,
      "2:1: the version is '0.2', expected '0.1'",
    ]);
    expect(await problems({ root: `xmlns="${NAMESPACE}"` })).toEqual([
      "2:1: <OspSystemStructure> lacks the attribute 'version'",
    ]);
    expect(await problems('<fmiModelDescription/>')).toEqual([
      '1:1: <fmiModelDescription> is the root element, expected <OspSystemStructure>',
    ]);
    const hinted = `xmlns="${NAMESPACE}" version="0.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y"`;
    expect(await read({ root: hinted })).toMatchObject({ warnings: [] });
  });

  it('has its elements in this order, each once', async () => {
    const order =
      'the order is StartTime, EndTime, BaseStepSize, Algorithm, Simulators, Functions, Connections, EccoConfiguration';
    expect(await problems({ times: '<BaseStepSize>0.1</BaseStepSize><StartTime>0</StartTime>' })).toEqual([
      `3:35: <StartTime> stands behind <BaseStepSize> (${order})`,
    ]);
    expect(await problems({ after: '<Algorithm>fixedStep</Algorithm>' })).toEqual([
      '2:1: <OspSystemStructure> has 2 <Algorithm>, expected at most 1',
      `12:3: <Algorithm> stands behind <Simulators> (${order})`,
    ]);
    expect(await problems(`<OspSystemStructure version="0.1" xmlns="${NAMESPACE}"/>`)).toEqual([
      '1:1: <OspSystemStructure> lacks <Simulators>',
    ]);
  });

  it('is held to its words, with the nearest right one, all faults at once', async () => {
    expect(
      await problems({
        times: '<StartTime>noon</StartTime><EndTime/>',
        simulators: '<Simulator nam="a" source="feedthrough.fmu" stepsize="1">x</Simulator><Simulater/>',
        functions: '<Summ name="s"/>',
      }),
    ).toEqual([
      "3:3: <StartTime> holds 'noon', expected a number",
      "3:30: <EndTime> holds '', expected a number",
      "6:5: <Simulator> has the unknown attribute 'nam' (did you mean 'name'?) (known are name, source, stepSize)",
      "6:5: <Simulator> has the unknown attribute 'stepsize' (did you mean 'stepSize'?) (known are name, source, stepSize)",
      "6:5: <Simulator> holds the text 'x', expected elements",
      "6:5: <Simulator> lacks the attribute 'name' (did you mean 'nam'?)",
      "6:75: <Simulater> is not known in <Simulators> (did you mean 'Simulator'?) (known are Simulator)",
      "8:14: <Summ> is not known in <Functions> (did you mean 'Sum'?) (known are LinearTransformation, Sum, VectorSum)",
    ]);
    expect(await problems({ after: '<x:Functions xmlns:x="urn:other"/>' })).toEqual([
      "12:3: <x:Functions> in <OspSystemStructure> is of the namespace 'urn:other', not of its own",
    ]);
  });

  it('has numbers that a clock can show', async () => {
    expect(await problems({ times: '<StartTime>2</StartTime><EndTime>1</EndTime>' })).toEqual([
      '3:27: stop (1 s) must be later than start (2 s)',
    ]);
    expect(await problems({ times: '<BaseStepSize>0</BaseStepSize>' })).toEqual([
      '3:3: the step size is 0 s, it must be greater than 0',
    ]);
    expect(await problems({ times: '<EndTime>INF</EndTime><BaseStepSize>NaN</BaseStepSize>' })).toEqual([
      '3:3: <EndTime> is Infinity s',
      '3:25: <BaseStepSize> is NaN s',
    ]);
  });
});

describe('the algorithm', () => {
  it.each(['fixedStep', 'FIXEDSTEP', ' fixedstep '])('may be %j', async (name) => {
    expect(await read({ algorithm: `<Algorithm>${name}</Algorithm>` })).toMatchObject({ algorithm: 'jacobi' });
  });

  it('is one that libcosim knows', async () => {
    expect(await problems({ algorithm: '<Algorithm>fixedSteps</Algorithm>' })).toEqual([
      "4:3: the algorithm is 'fixedSteps', expected one of fixedStep, ecco (did you mean 'fixedStep'?)",
    ]);
  });

  const ecco = (settings: Readonly<Record<string, unknown>>) =>
    `<EccoConfiguration>${Object.entries(settings)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join('')}</EccoConfiguration>`;
  const SETTINGS = {
    RelativeTolerance: 1e-3,
    AbsoluteTolerance: 1e-4,
    SafetyFactor: 0.9,
    StepSize: 0.002,
    MinimumStepSize: 0.001,
    MaximumStepSize: 0.01,
    MinimumChangeRate: 0.2,
    MaximumChangeRate: 1.5,
    ProportionalGain: 0.2,
    IntegralGain: 0.15,
  };

  it('is not ecco, and what comes near to it is told', async () => {
    expect(await problems({ algorithm: '<Algorithm>ecco</Algorithm>', after: ecco(SETTINGS) })).toEqual([
      '4:3: the energy-conserving algorithm ecco is not offered (write <Algorithm>fixedStep</Algorithm>; or, in a system ' +
        'file of twinbridge, step: { min: 0.001, max: 0.01, initial: 0.002, tolerance: { relative: 0.001, absolute: 0.0001 } }, ' +
        'which bounds the error of each step)',
    ]);
    expect((await problems({ algorithm: '<Algorithm>Ecco</Algorithm>' }))[0]).toContain(
      'a step with min, max and tolerance',
    );
  });

  it('may be fixedStep beside the settings of ecco, which are checked all the same', async () => {
    expect(await read({ after: ecco(SETTINGS) })).toMatchObject({ warnings: [] });
    const { StepSize: _, ...rest } = SETTINGS;
    expect(await problems({ after: ecco({ ...rest, SafetyFactor: 'much', Gain: 1 }) })).toEqual([
      '12:3: <EccoConfiguration> lacks <StepSize>',
      "12:111: <SafetyFactor> holds 'much', expected a number",
      expect.stringMatching(/<Gain> is not known in <EccoConfiguration>/),
    ]);
  });
});

describe('a simulator', () => {
  it('has a name of any characters, once', async () => {
    const named = await read({
      simulators: '<Simulator name="a b.ü-1" source="dahlquist.fmu"/><Simulator name="2" source="dahlquist.fmu"/>',
    });
    expect(named.components.map(({ name }) => name)).toEqual(['a b.ü-1', '2']);
    expect(
      await problems({
        simulators: `<Simulator name="" source="dahlquist.fmu"/>\n${'<Simulator name="a" source="dahlquist.fmu"/>'.repeat(2)}`,
      }),
    ).toEqual(['6:5: a simulator has an empty name', "7:45: two components or functions are named 'a'"]);
  });

  it('has an FMU, named by a URI relative to the file', async () => {
    const sources = [
      'dahlquist.fmu',
      './two%20words/../dahlquist.fmu',
      'two%20words/gr%C3%B6%C3%9Fe.fmu',
      'two words/größe.fmu',
      pathToFileURL(join(folder, 'dahlquist.fmu')).href,
      pathToFileURL(join(folder, 'two words', 'größe.fmu')).href.replace('file:///', 'file://localhost/'),
    ];
    const { components } = await read({
      simulators: sources.map((source, index) => `<Simulator name="s${index}" source="${source}"/>`).join(''),
    });
    const [plain, named] = [join(folder, 'dahlquist.fmu'), join(folder, 'two words', 'größe.fmu')];
    expect(components.map(({ fmu }) => resolve(fmu))).toEqual([plain, plain, named, named, plain, named]);
  });

  it.each([
    ['', 'has an empty source (name the FMU, relative to this file)'],
    [
      'http://localhost/a.fmu',
      "has a source of the unknown scheme 'http' (fetch it and name the file; an FMU-proxy fetches it by fmu-proxy://host:port?url=…)",
    ],
    [
      '50%/a.fmu',
      "has '50%/a.fmu' for a source, which names no file on this machine (write file:///… or a relative path; '%' begins two hexadecimal digits)",
    ],
    [
      'proxyfmuy://localhost?file=dahlquist.fmu',
      "has a source of the unknown scheme 'proxyfmuy' (did you mean 'proxyfmu'?) (name a file on this machine, or a remote FMU by proxyfmu://, fmu-proxy://, amqp-fmu://)",
    ],
    [
      'proxyfmu://10.0.0.1?file=dahlquist.fmu',
      "has the source 'proxyfmu://10.0.0.1?file=dahlquist.fmu', which lacks the port of the booter on 10.0.0.1 (write proxyfmu://10.0.0.1:port?file=…; there runs: twinbridge proxyfmu boot --port <port>)",
    ],
  ])('cannot come from %j', async (source, expected) => {
    expect(await problems({ simulators: `<Simulator name="s" source="${source}"/>` })).toEqual([
      `6:5: simulator 's' ${expected}`,
    ]);
  });

  it('says which file is missing', async () => {
    expect(await problems({ simulators: '<Simulator name="s" source="nothing.fmu"/>' })).toEqual([
      '6:5: cannot read nothing.fmu: no such file',
    ]);
    expect(await problems({ simulators: '<Simulator name="s"/>' })).toEqual([
      "6:5: simulator 's' lacks the attribute 'source'",
    ]);
  });

  it('has a step size of its own, rounded down to a multiple of the base step size', async () => {
    const sizes = [0.3, 0.25, 0.01, 0];
    const system = await read({
      simulators: sizes
        .map((size) => `<Simulator name="s${size}" source="dahlquist.fmu" stepSize="${size}"/>`)
        .join('\n'),
    });
    expect(system.components.map(({ every }) => every)).toEqual([3, 2, 1, 1]);
    expect(system.warnings.map(({ message }) => message)).toEqual([
      "the step size of 's0.25', 0.25 s, is no multiple of the system's, 0.1 s: it makes steps of 0.2 s",
      "the step size of 's0.01', 0.01 s, is no multiple of the system's, 0.1 s: it makes steps of 0.1 s",
    ]);
    expect(await problems({ simulators: '<Simulator name="s" source="dahlquist.fmu" stepSize="-1"/>' })).toEqual([
      "6:5: the step size of 's' is -1 s, it must be greater than 0",
    ]);
    expect(await problems({ simulators: '<Simulator name="s" source="dahlquist.fmu" stepSize="INF"/>' })).toEqual([
      "6:5: the step size of simulator 's' is Infinity s",
    ]);
  });
});

describe('an initial value', () => {
  const values = (...list: (readonly [variable: string, value: string])[]) =>
    `<Simulator name="a" source="feedthrough.fmu"><InitialValues>${list
      .map(([variable, value]) => `\n<InitialValue variable="${variable}">${value}</InitialValue>`)
      .join('')}</InitialValues></Simulator>`;
  const started = async (...list: (readonly [variable: string, value: string])[]) => {
    const { components } = await read({ simulators: values(...list) });
    return components[0]!.start.flatMap(({ values }) => values);
  };

  it('is of one of four types', async () => {
    expect(
      await started(
        ['real_in', '<Real value=" 1.5e-3 "/>'],
        ['integer_in', '<Integer value="+3"/>'],
        ['boolean_in', '<Boolean value="1"/>'],
        ['string_in', '<String value=" &lt;hi&gt; "/>'],
      ),
    ).toEqual([1.5e-3, 3, true, ' <hi> ']);
    expect(await started(['real_in', '<Real value="-INF"/>'], ['string_in', '<String value=""/>'])).toEqual([
      Number.NEGATIVE_INFINITY,
      '',
    ]);
  });

  it('is in the draft as the file has it', async () => {
    const { components } = await draft({ simulators: values(['real_in', '<Real value="1"/>']) });
    expect(components[0]!.start).toMatchObject([
      { variable: 'real_in', value: 1, nameLocation: { line: 7, column: 1 }, valueLocation: { line: 7, column: 34 } },
    ]);
  });

  it('may be of a type whose values the variable has', async () => {
    expect(
      await started(
        ['real_in', '<Integer value="1"/>'],
        ['integer_in', '<Real value="2"/>'],
        ['choice_in', '<Integer value="2"/>'],
      ),
    ).toEqual([1, 2, 2]);
    expect(
      await problems({
        simulators: values(
          ['real_in', '<String value="1"/>'],
          ['integer_in', '<Real value="1.5"/>'],
          ['boolean_in', '<Integer value="1"/>'],
        ),
      }),
    ).toEqual([
      '7:34: \'a.real_in\' is of type Real: "1" is not a number',
      "8:37: 'a.integer_in' is of type Integer: 1.5 is not an integer of 32 bits",
      "9:37: 'a.boolean_in' is of type Boolean: 1 is not true or false",
    ]);
  });

  it('is for a variable that can be set, and is one', async () => {
    expect(
      await problems({
        simulators: values(
          ['real_inn', '<Real value="1"/>'],
          ['real_out', '<Real value="1"/>'],
          ['integer_in', '<Integer value="3000000000"/>'],
          ['boolean_in', '<Boolean value="yes"/>'],
          ['string_in', '<String/>'],
          ['offset', ''],
          ['offset', '<Real value="1"/><Real value="2"/>'],
          ['choice_in', '<Enumeration value="first"/>'],
        ),
      }),
    ).toEqual([
      "7:1: 'a' has no variable 'real_inn' (did you mean 'real_in'?)",
      "8:1: 'a.real_out' cannot be given a start value: an output, calculated",
      "9:37: 'value' of <Integer> is '3000000000', expected an integer of 32 bits",
      "10:37: 'value' of <Boolean> is 'yes', expected true or false",
      "11:36: <String> lacks the attribute 'value'",
      '12:1: <InitialValue> holds 0 values, expected one of Real, Integer, Boolean, String',
      '13:1: <InitialValue> holds 2 values, expected one of Real, Integer, Boolean, String',
      '14:1: <InitialValue> holds 0 values, expected one of Real, Integer, Boolean, String',
      '14:36: <Enumeration> is not known in <InitialValue> (known are Real, Integer, Boolean, String)',
    ]);
  });

  it('counts if it is the last, with a warning', async () => {
    const { components, warnings } = await read({
      simulators: values(['offset', '<Real value="1"/>'], ['offset', '<Real value="2"/>']),
    });
    expect(components[0]!.start.map(({ values }) => values)).toEqual([[2]]);
    expect(warnings).toMatchObject([
      { message: "'offset' is given a second initial value, and it is the one that counts", location: { line: 8 } },
    ]);
  });
});
