/** What may lie beside an OspSystemStructure.xml: LogConfig.xml and scenarios. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  portName,
  readLogConfig,
  readOspSystem,
  readOspSystemDraft,
  readScenario,
  type ScenarioEvent,
  type System,
} from '#tb/system/index.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';
import { problemsOf, structureXml, write } from '../support/osp.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'dahlquist', 'monitor'] as const) exampleFmu(folder, name);
const SLOW = `<Simulator name="slow" source="feedthrough.fmu" stepSize="0.3"/>
  <Simulator name="d" source="dahlquist.fmu"/><Simulator name="m" source="monitor.fmu"/>`;
const structure = write(folder, 'system.xml', structureXml({ simulators: SLOW }));

describe('LogConfig.xml', () => {
  const config = (text: string) => write(folder, 'log.xml', text);
  const read = (text: string): Promise<System> =>
    readOspSystem(structure, { logConfig: config(text), resultsFolder: join(folder, 'out') });
  const problems = (text: string) =>
    problemsOf(folder, read(text)).then((list) => list.map((problem) => problem.replace('log.xml:', '')));
  /** Of all recordings but the first, which is for the report. */
  const columns = (system: System) =>
    system.recordings.slice(1).map(({ variables }) => variables.map((port) => portName(system, port)));

  it('names simulators, each of which gets a file', async () => {
    const system = await read(`<simulators xmlns="http://opensimulationplatform.com/LogConfig">
      <simulator name="d"><variable name="x"/></simulator>
      <simulator name="slow"><variable name="real_out"/></simulator>
    </simulators>`);
    expect(columns(system)).toEqual([['d.x'], ['slow.real_out']]);
    const [first, ...files] = system.recordings;
    expect(first).toEqual({ format: 'csv', every: 1, variables: expect.anything() });
    expect(first!.variables).toHaveLength(8);
    for (const [index, name] of ['d', 'slow'].entries()) {
      expect(files[index]!.format).toBe('csv');
      expect(files[index]!.file!.startsWith(join(folder, 'out', `${name}_2`))).toBe(true);
      expect(files[index]!.file).toMatch(/_\d{8}_\d{6}_\d{6}\.csv$/);
    }
  });

  it('gives reals, integers, truth values and texts in this order, otherwise in that of the file', async () => {
    const names = ['string_in', 'boolean_out', 'real_out', 'integer_in', 'real_in', 'boolean_in'];
    const variables = names.map((name) => `<variable name="${name}"/>`).join('');
    const system = await read(`<simulators><simulator name="slow">${variables}</simulator></simulators>`);
    expect(columns(system)).toEqual([
      ['real_out', 'real_in', 'integer_in', 'boolean_out', 'boolean_in', 'string_in'].map((name) => `slow.${name}`),
    ]);
  });

  it('means all variables, local ones too, of a simulator without any; but no enumerations', async () => {
    const system = await read('<simulators><simulator name="slow"/></simulators>');
    const all = ['real_in', 'real_out', 'offset', 'integer_in', 'integer_out', 'boolean_in', 'boolean_out'];
    expect(columns(system)).toEqual([[...all, 'string_in', 'string_out'].map((name) => `slow.${name}`)]);
    const named = '<simulators><simulator name="slow"><variable name="choice_out"/></simulator></simulators>';
    expect(columns(await read(named))).toEqual([['slow.choice_out']]);
  });

  it('takes one row of so many, of those where the simulator has made a step', async () => {
    const system = await read(`<simulators>
      <simulator name="d" decimationFactor="20"/>
      <simulator name="slow" decimationFactor="2"/>
      <simulator name="m"/>
    </simulators>`);
    expect(system.recordings.map(({ every }) => every)).toEqual([1, 20, 6, 1]);
  });

  const SIMULATORS = '<simulators><simulator name="d"/></simulators>';
  const CONFIGURATION = '<configuration timestampedFilenames="false"/>';

  it.each([
    ['beside simulators, as libcosim wants it', `<?xml version="1.0"?>\n${SIMULATORS}\n${CONFIGURATION}`],
    ['before them', CONFIGURATION + SIMULATORS],
    ['inside of them', SIMULATORS.replace('<simulators>', `<simulators>${CONFIGURATION}`)],
    ['together with them inside of any element', `<logConfig>${CONFIGURATION}${SIMULATORS}</logConfig>`],
    [
      "as an attribute, as libcosim's schema has it",
      SIMULATORS.replace('<simulators>', '<simulators timeStampedFileNames="0">'),
    ],
  ])('may leave the time out of the names of files: %s', async (_, text) => {
    expect((await read(text)).recordings[1]!.file).toBe(join(folder, 'out', 'd.csv'));
  });

  it('warns of what it passes over', async () => {
    const { warnings } = await read(
      '<simulators><simulator name="dd"/><simulator name="d"/></simulators>\n<configuration floatingPointPrecision="3"/>',
    );
    expect(warnings).toMatchObject([
      {
        message: "'floatingPointPrecision' is passed over: numbers are written with all their digits",
        location: { line: 2 },
      },
      {
        message: "there is no simulator 'dd', and nothing is written of it (did you mean 'd'?)",
        location: { line: 1 },
      },
    ]);
  });

  it('has faults that are told all at once, together with those of the system structure', async () => {
    expect(
      await problems(`<simulators>
  <simulator nam="d" decimationFactor="0"><variable/></simulator>
  <simulator name="d" decimationFactor="-1"><variables/></simulator>
</simulators>
<configuration timestampedFilenames="never"/>
<config/>`),
    ).toEqual([
      "2:3: <simulator> has the unknown attribute 'nam' (did you mean 'name'?) (known are name, decimationFactor)",
      "2:3: <simulator> lacks the attribute 'name' (did you mean 'nam'?)",
      "2:3: 'decimationFactor' is 0, expected at least 1",
      "2:43: <variable> lacks the attribute 'name'",
      "3:3: 'decimationFactor' of <simulator> is '-1', expected an integer from 0 to 4294967295",
      "3:45: <variables> is not known in <simulator> (did you mean 'variable'?) (known are variable)",
      "5:1: 'timestampedFilenames' of <configuration> is 'never', expected true or false",
      '6:1: <config> is not known here (expected <simulators>, and perhaps <configuration>)',
    ]);
    expect(await problems('<configuration/>')).toEqual(['1:1: there is no <simulators>']);
    expect(await problems(SIMULATORS + SIMULATORS)).toEqual(['1:47: there is a second <simulators>']);
    expect(await problems('<simulators>')).toEqual([expect.stringContaining('not well-formed XML')]);
    const unknown = '<simulators><simulator name="d"><variable name="xx"/></simulator></simulators>';
    expect(await problems(unknown)).toEqual(["1:33: nothing to record is named 'd.xx' (did you mean 'd.x'?)"]);
    write(folder, 'empty.xml', structureXml({ simulators: '<Simulator name="d" source="no.fmu"/>' }));
    const both = readOspSystem(join(folder, 'empty.xml'), { logConfig: config('<simulator/>') });
    expect(await problemsOf(folder, both)).toEqual([
      'empty.xml:6:5: cannot read no.fmu: no such file',
      expect.stringMatching(/^log\.xml:1:1: /),
    ]);
  });

  it('is taken from beside the system structure, unless another or none is wanted', async () => {
    const beside = write(folder, 'LogConfig.xml', SIMULATORS + CONFIGURATION);
    expect((await readOspSystem(structure)).recordings[1]!.file).toBe(join(folder, 'results', 'd.csv'));
    expect(await readOspSystemDraft(structure, { logConfig: false })).not.toHaveProperty('recordings');
    expect((await readOspSystem(structure, { logConfig: config('<simulators/>') })).recordings).toMatchObject([
      { every: 1 },
    ]);
    rmSync(beside);
    expect(await readOspSystemDraft(structure)).not.toHaveProperty('recordings');
    await expect(readOspSystem(structure, { logConfig: beside })).rejects.toThrow(
      `cannot read ${beside}: no such file`,
    );
  });

  it('names files by the time they are asked for', async () => {
    const draft = await readOspSystemDraft(structure);
    const time = new Date(2026, 0, 2, 3, 4, 5, 67);
    const { recordings } = await readLogConfig(config(SIMULATORS), draft, { folder: '/results', time });
    expect(recordings).toEqual([
      {
        file: join('/results', 'd_20260102_030405_067000.csv'),
        format: 'csv',
        every: 1,
        variables: ['x', 'k', 'x0'].map((name) => ({ value: `d.${name}`, location: expect.anything() })),
      },
    ]);
  });
});

describe('a scenario', () => {
  const JSON_FILE = `{
	"description": "a fault",
	"defaults": { "model": "slow", "action": "override" },
	"events": [
		{ "time": 0.5, "variable": "real_in", "value": 2 },
		{ "time": 0.1, "variable": "real_in", "action": "bias", "value": -1.5e0 },
		{ "time": 0.7, "model": "m", "variable": "stop", "value": true },
		{ "time": 0.7, "variable": "real_in", "action": "reset" }
	],
	"end": 2.0
}`;
  const YAML_FILE = `
description: a fault
defaults: { model: slow, action: override }
events:
  - { time: 0.5, variable: real_in, value: 2 }
  - { time: 0.1, variable: real_in, action: bias, value: -1.5e0 }
  - time: 0.7
    model: m
    variable: stop
    value: true
  - { time: 0.7, variable: real_in, action: reset }
end: 2.0
`;
  const read = async (text: string, name = 'scenario.yml') =>
    (await readOspSystem(structure, { scenario: write(folder, name, text) })).scenario!;
  const problems = (text: string) =>
    problemsOf(folder, read(text)).then((list) => list.map((problem) => problem.replace('scenario.yml:', '')));
  const event = (rest: string) => `events: [ { time: 1, model: slow, ${rest} } ]\n`;

  it.each([
    ['JSON', JSON_FILE, 'scenario.json'],
    ['YAML', YAML_FILE, 'scenario.yaml'],
    ['JSON, whatever its name', JSON_FILE, 'scenario'],
  ])('is %s', async (_, text, name) => {
    expect(await read(text, name)).toEqual({
      end: 2,
      events: [
        { time: 0.1, port: { component: 0, variable: 0 }, action: 'bias', value: -1.5 },
        { time: 0.5, port: { component: 0, variable: 0 }, action: 'override', value: 2 },
        { time: 0.7, port: { component: 2, variable: expect.any(Number) }, action: 'override', value: true },
        { time: 0.7, port: { component: 0, variable: 0 }, action: 'reset' },
      ] satisfies ScenarioEvent[],
    });
  });

  it('is in the draft as the file has it', async () => {
    const file = write(folder, 'scenario.json', JSON_FILE);
    const { events, end } = await readScenario(file);
    expect(end).toBe(2);
    expect(events[1]).toMatchObject({
      time: 0.1,
      port: { owner: 'slow', variable: 'real_in' },
      action: 'bias',
      value: -1.5,
      location: { file, line: 6, column: 3 },
    });
  });

  it('gives all back a step behind its last event, but not before its end', async () => {
    const ends = async (times: readonly number[], end?: number) => {
      const events = times.map((time) => `  - { time: ${time}, model: d, variable: x, action: override, value: 1 }\n`);
      return (await read(`events:\n${events.join('')}${end === undefined ? '' : `end: ${end}\n`}`)).end;
    };
    expect(await ends([0.2, 0.1])).toBeCloseTo(0.3, 12);
    expect(await ends([0.25])).toBeCloseTo(0.4, 12);
    expect(await ends([0])).toBeCloseTo(0.1, 12);
    expect(await ends([0.3], 1)).toBe(1);
    expect(await ends([0.3], 0.1)).toBeCloseTo(0.4, 12);
    expect(await read('events: []\n')).toEqual({ events: [] });
  });

  it('may give numbers as texts, as YAML has no types in libcosim', async () => {
    const { events } = await read(event("variable: real_in, action: override, value: '1.5'"));
    expect(events).toMatchObject([{ value: 1.5 }]);
    expect(await read(event("variable: string_in, action: override, value: '1.5'"))).toMatchObject({
      events: [{ value: '1.5' }],
    });
  });

  it('says of every event which variable it changes, and how', async () => {
    expect(
      await problems(`defaults: { action: override }
events:
  - { time: 1 }
  - { time: 2, model: slow, variable: real_in }
  - { time: 3, model: slow, variable: real_in, action: reset }
`),
    ).toEqual([
      '3:5: the event at 1 s lacks model, variable, value (name model, variable there or in defaults)',
      '4:5: the event at 2 s lacks value',
    ]);
  });

  it('is held to its words', async () => {
    expect(
      await problems(`default: { action: override }
events:
  - { tim: 1, model: slow, variable: real_in, action: overide, value: [1] }
  - { time: -1 }
`),
    ).toEqual([
      "1:1: unknown key 'default' in the file (did you mean 'defaults'?) (known keys: description, defaults, events, end)",
      "3:5: 'events.0' lacks the key 'time'",
      expect.stringMatching(/^3:7: unknown key 'tim' in 'events.0' \(did you mean 'time'\?\)/),
      "3:55: 'events.0.action' is 'overide', expected one of override, bias, reset (did you mean 'override'?)",
      "3:71: 'events.0.value' is a list of 1, expected number or boolean or string",
      "4:13: 'events.1.time' must be >= 0 (it is -1)",
    ]);
    expect(await problems('end: 1\n')).toEqual(["1:1: the file lacks the key 'events'"]);
  });

  it('changes variables that are there, and not local ones, by values of their type', async () => {
    expect(
      await problems(`defaults: { model: slow, action: override }
events:
  - { time: 1, model: fast, variable: real_in, value: 1 }
  - { time: 1, variable: real_inn, value: 1 }
  - { time: 1, variable: boolean_in, value: 2 }
  - { time: 1, variable: integer_in, value: 1.5 }
  - { time: 1, variable: string_in, value: a, action: bias }
`),
    ).toEqual([
      expect.stringContaining("unknown component 'fast'"),
      expect.stringContaining("'slow' has no variable 'real_inn' (did you mean 'real_in'?)"),
      "5:5: 'slow.boolean_in' is of type Boolean: 2 is not true or false",
      "6:5: 'slow.integer_in' is of type Integer: 1.5 is not an integer of 32 bits",
      "7:5: 'slow.string_in' is of type String, to which nothing can be added",
    ]);
  });
});
