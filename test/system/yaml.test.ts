import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import { matchPorts, parseSystemYaml, portName, readSystemYaml, type System } from '#tb/system/index.js';
import { describedAs, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'monitor', 'dahlquist'] as const) exampleFmu(folder, name);
writeFmu(
  join(folder, 'feet.fmu'),
  describedAs('monitor', (xml) => xml.replaceAll('unit="m"', 'unit="ft"')),
);
writeFmu(
  join(folder, 'me.fmu'),
  describedAs('monitor', (xml) => xml.replace('<CoSimulation', '<ModelExchange')),
);
writeFmu(
  join(folder, 'broken.fmu'),
  describedAs('monitor', (xml) => xml.replace('valueReference="0"', 'valueReference="x"')),
);

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
step: 0.1
start: 1
stop: 2
pace: realtime
record: { file: out/results.csv, variables: ['robot.*_out', monitor.stop] }
logging: { robot: [logSteps], monitor: true }
`);
    expect(system).toMatchObject({ step: 0.1, start: 1, stop: 2, pace: 1, warnings: [] });
    expect(system.components.map(({ name, fmu, start, logging }) => ({ name, fmu, start, logging }))).toEqual([
      {
        name: 'robot',
        fmu: join(folder, 'feedthrough.fmu'),
        start: [
          { variable: 0, value: 1 },
          { variable: 4, value: 2 },
          { variable: 3, value: 'hi' },
          { variable: 2, value: true },
        ],
        logging: ['logSteps'],
      },
      { name: 'monitor', fmu: join(folder, 'monitor.fmu'), start: [], logging: 'all' },
    ]);
    expect(system.connections).toEqual([
      { from: { component: 0, variable: 5 }, to: { component: 1, variable: 0 } },
      { from: { component: 0, variable: 6 }, to: { component: 1, variable: 1 } },
    ]);
    expect(system.record.file).toBe(join(folder, 'out', 'results.csv'));
    expect(system.record.variables.map((port) => portName(system, port))).toEqual([
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
    expect(system).toMatchObject({ start: 0, pace: 'fast', connections: [] });
    expect(system.stop).toBeUndefined();
    expect(system.record.file).toBeUndefined();
    expect(system.record.variables).toHaveLength(7);
    expect(await parse(`${HEAD}stop: never\n`)).not.toHaveProperty('stop');
  });

  it('has names in which a pattern takes nothing but * for special', async () => {
    const system = await parse(HEAD);
    const matched = (pattern: string) => matchPorts(system, pattern).map((port) => portName(system, port));
    expect(matched('robot.real_?ut')).toEqual([]);
    expect(matched('robotXreal_out')).toEqual([]);
    expect(matched('*.x')).toEqual(['monitor.x']);
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
  - robot.real_out -> monitor.safe_distance
  - robot.boolean_out -> monitor.obstacle_x
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
      "11:5: a connection ends at an input, 'monitor.safe_distance' is a parameter",
      "12:5: types do not match: 'robot.boolean_out' (Boolean) to 'monitor.obstacle_x' (Real)",
      "13:5: 'robot.real_out => monitor.y' is no connection, expected component.output -> component.input",
      '15:7: stop (0 s) must be later than start (0 s)',
      "16:34: nothing to record is named 'monitr.stop' (did you mean 'monitor.stop'?)",
      "17:19: 'robot' has no log category 'logStep' (did you mean 'logSteps'?) (it has logSteps, logStatusError)",
      "17:30: logging names the unknown component 'robo'",
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
`);
    expect(problems).toEqual([
      expect.stringMatching(/^3:16: cannot read .*gone\.fmu: no such file$/),
      expect.stringMatching(/^4:14: .*me\.fmu offers model exchange only \(export the FMU for co-simulation\)$/),
      expect.stringMatching(/^8:5: 'robot' has no variable 'reel_in' \(did you mean 'real_in'\?\)/),
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
    const system = await parse(`twinbridge: system
components:
  robot: { fmu: feet.fmu }
  monitor: { fmu: monitor.fmu }
connections:
  - robot.distance -> monitor.x
step: 0.3
stop: 1
`);
    expect(system.warnings.map(({ message }) => message)).toEqual([
      "units differ: 'robot.distance' is in ft, 'monitor.x' in m",
      'the duration is no multiple of the step 0.3 s: the run ends at 0.8999999999999999 s',
    ]);
  });

  it('may be that there is no file', async () => {
    await expect(readSystemYaml(join(folder, 'none.yaml'))).rejects.toThrow(/cannot read .*none\.yaml: no such file/);
  });
});
