/** What Maestro's files say, and what becomes of it; docs: the multi-model and simulation configuration of INTO-CPS. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import {
  type MaestroOptions,
  portName,
  readMaestroSystem,
  type System,
  terminalName,
  variableAt,
} from '#tb/system/index.js';
import { describedAs, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'monitor', 'dahlquist'] as const) exampleFmu(folder, name);
writeFmu(
  join(folder, 'feet.fmu'),
  describedAs('monitor', (xml) =>
    xml
      .replace('<UnitDefinitions>', '<UnitDefinitions><Unit name="ft"><BaseUnit m="1" factor="0.3048"/></Unit>')
      .replaceAll('unit="m"', 'unit="ft"'),
  ),
);

const mm = join(folder, 'mm.json');
const coe = join(folder, 'coe.json');

function write(file: string, content: unknown): void {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
}

async function read(multiModel: unknown, simulation?: unknown, options?: MaestroOptions): Promise<System> {
  write(mm, multiModel);
  if (simulation === undefined) return readMaestroSystem(mm, options);
  write(coe, simulation);
  return readMaestroSystem([mm, coe], options);
}

/** `file:line:column: message` of every problem. */
async function problemsOf(...files: Parameters<typeof read>): Promise<string[]> {
  const error: unknown = await read(...files).then(
    () => new Error('the files were accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof InvalidFileError)) throw error;
  return error.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}

const messagesOf = ({ warnings }: System) => warnings.map(({ message }) => message);

const wiresOf = (system: System) =>
  system.connections.map(({ from, to }) => `${terminalName(system, from)} -> ${terminalName(system, to)}`);

const recordedOf = (system: System) => system.recordings[0]!.variables.map((port) => portName(system, port));

const startOf = (system: System, index: number) =>
  Object.fromEntries(
    system.components[index]!.start.map(({ variable, values: [value] }) => [
      variableAt(system, { component: index, variable }).name,
      value,
    ]),
  );

const MULTI_MODEL = {
  fmus: { '{robot}': 'feedthrough.fmu', '{monitor}': 'monitor.fmu' },
  connections: {
    '{robot}.left.real_out': ['{monitor}.m.x', '{robot}.right.real_in'],
    '{robot}.right.real_out': ['{monitor}.m.y'],
  },
  parameters: { '{robot}.left.offset': 1.5, '{monitor}.m.safe_distance': 3 },
  logVariables: { '{monitor}.m': ['distance', 'safe_distance'] },
};
const SIMULATION = { startTime: 1, endTime: 10, algorithm: { type: 'fixed-step', size: 0.1 } };

describe('a multi-model and its simulation configuration', () => {
  it('become a system whose ports have the names of the result file', async () => {
    const system = await read(MULTI_MODEL, SIMULATION);
    expect(system.components.map(({ name, fmu }) => [name, fmu])).toEqual([
      ['{robot}.left', join(folder, 'feedthrough.fmu')],
      ['{monitor}.m', join(folder, 'monitor.fmu')],
      ['{robot}.right', join(folder, 'feedthrough.fmu')],
    ]);
    expect(wiresOf(system)).toEqual([
      '{robot}.left.real_out -> {monitor}.m.x',
      '{robot}.left.real_out -> {robot}.right.real_in',
      '{robot}.right.real_out -> {monitor}.m.y',
    ]);
    expect(startOf(system, 0)).toEqual({ offset: 1.5 });
    expect(startOf(system, 1)).toEqual({ safe_distance: 3 });
    expect(recordedOf(system)).toEqual(['{monitor}.m.distance', '{monitor}.m.safe_distance']);
    expect(system).toMatchObject({
      file: mm,
      algorithm: 'jacobi',
      loops: { atSteps: false },
      stepping: { kind: 'fixed', size: 0.1 },
      threads: 1,
      start: 1,
      stop: 10,
      pace: 'fast',
      warnings: [],
    });
  });

  it('may stand in one file, without an end', async () => {
    const { endTime: _, ...simulation } = SIMULATION;
    const system = await read({ ...MULTI_MODEL, ...simulation });
    expect(system).not.toHaveProperty('stop');
    expect(system.stepping).toEqual({ kind: 'fixed', size: 0.1 });
  });

  it('are merged: objects key by key, lists index by index, of other values the later counts', async () => {
    const system = await read(
      { ...MULTI_MODEL, startTime: 0, algorithm: { type: 'fixed-step', size: 1 } },
      {
        ...SIMULATION,
        connections: { '{robot}.left.real_out': ['{monitor}.m.obstacle_x'] },
        parameters: { '{robot}.left.offset': 2, '{robot}.right.offset': 4 },
        logVariables: { '{monitor}.m': ['stop'], '{robot}.right': ['integer_out'] },
      },
    );
    expect(wiresOf(system)).toEqual([
      '{robot}.left.real_out -> {monitor}.m.obstacle_x',
      '{robot}.left.real_out -> {robot}.right.real_in',
      '{robot}.right.real_out -> {monitor}.m.y',
    ]);
    expect(startOf(system, 0)).toEqual({ offset: 2 });
    expect(system).toMatchObject({ start: 1, stepping: { size: 0.1 } });
    expect(recordedOf(system)).toEqual(['{monitor}.m.stop', '{monitor}.m.safe_distance', '{robot}.right.integer_out']);
  });

  it('may have no connections: then each FMU is an instance, or those that are named', async () => {
    const alone = await read({ fmus: { '{d}': 'dahlquist.fmu' }, ...SIMULATION });
    expect(alone.components.map(({ name }) => name)).toEqual(['{d}.d']);
    expect(recordedOf(alone)).toEqual(['{d}.d.x']);
    const two = await read({
      fmus: { '{d}': 'dahlquist.fmu' },
      parameters: { '{d}.slow.k': 0.1 },
      logVariables: { '{d}.fast': ['x', 'k'] },
      ...SIMULATION,
    });
    expect(two.components.map(({ name }) => name)).toEqual(['{d}.slow', '{d}.fast']);
    expect(recordedOf(two)).toEqual(['{d}.fast.x', '{d}.fast.k']);
  });

  it('say what is recorded: what is logged, else outputs that are connected and what is streamed', async () => {
    const { logVariables, ...plain } = MULTI_MODEL;
    const livestream = { '{robot}.right': ['integer_out'] };
    expect(recordedOf(await read(plain, SIMULATION))).toEqual(['{robot}.left.real_out', '{robot}.right.real_out']);
    expect(recordedOf(await read(plain, { ...SIMULATION, livestream }))).toEqual([
      '{robot}.left.real_out',
      '{robot}.right.real_out',
      '{robot}.right.integer_out',
    ]);
    expect(recordedOf(await read({ ...plain, logVariables }, { ...SIMULATION, livestream }))).toEqual([
      '{monitor}.m.distance',
      '{monitor}.m.safe_distance',
    ]);
  });

  it('may join units that differ, which Maestro refuses', async () => {
    const system = await read({
      fmus: { '{a}': 'feet.fmu', '{b}': 'monitor.fmu' },
      connections: { '{a}.a.distance': ['{b}.b.x'] },
      ...SIMULATION,
    });
    expect(system.connections).toMatchObject([{ factor: 0.3048, offset: 0 }]);
    expect(system.warnings).toEqual([]);
  });

  it('take values from the environment', async () => {
    const multiModel = { ...MULTI_MODEL, environmentParameters: ['{robot}.right.offset'] };
    const system = await read(multiModel, SIMULATION, { environment: { '{robot}.right.offset': 7 } });
    expect(startOf(system, 2)).toEqual({ offset: 7 });
    expect(await problemsOf(multiModel, SIMULATION)).toEqual([
      "mm.json:26:5: the environment has no value for '{robot}.right.offset'",
    ]);
  });

  it('say which debug categories are logged, if logging is on', async () => {
    const logLevels = { '{robot}.left': ['logSteps'] };
    const loggingOf = (system: System) => system.components.map(({ logging }) => logging);
    expect(loggingOf(await read({ ...MULTI_MODEL, logLevels }, SIMULATION))).toEqual([undefined, undefined, undefined]);
    expect(loggingOf(await read({ ...MULTI_MODEL, logLevels, loggingOn: true }, SIMULATION))).toEqual([
      ['logSteps'],
      'all',
      'all',
    ]);
  });

  it('say how loops are iterated, and whether the run is parallel and at real time', async () => {
    const system = await read(MULTI_MODEL, {
      ...SIMULATION,
      stabalizationEnabled: true,
      convergenceAttempts: 7,
      global_absolute_tolerance: 1e-4,
      global_relative_tolerance: 1e-3,
      simulationProgramDelay: true,
      parallelSimulation: true,
    });
    expect(system).toMatchObject({ loops: { atSteps: true, iterations: 7, tolerance: 1e-3 }, pace: 1 });
    expect(system.threads).toBeGreaterThanOrEqual(2);
  });

  it('may vary the step size, with the constraints of Maestro and its defaults', async () => {
    const { stepping } = await read(MULTI_MODEL, {
      ...SIMULATION,
      algorithm: {
        type: 'var-step',
        size: [1e-4, 1],
        initsize: 1e-3,
        constraints: {
          hit: { type: 'zerocrossing', ports: ['{monitor}.m.distance'], order: 1, abstol: 0.1, safety: 0.5 },
          meet: { type: 'zerocrossing', ports: ['{robot}.left.real_out', '{robot}.right.real_out'] },
          smooth: { type: 'boundeddifference', ports: ['{monitor}.m.distance'] },
          camera: { type: 'samplingrate', base: -3, rate: 40, startTime: 5 },
          fmus: { type: 'fmumaxstepsize' },
        },
      },
    });
    const distance = { component: 1, variable: 6 };
    expect(stepping).toEqual({
      kind: 'variable',
      minimum: 1e-4,
      maximum: 1,
      initial: 1e-3,
      constraints: [
        { kind: 'zero-crossing', name: 'hit', ports: [distance], order: 1, tolerance: 0.1, safety: 0.5 },
        {
          kind: 'zero-crossing',
          name: 'meet',
          ports: [
            { component: 0, variable: 5 },
            { component: 2, variable: 5 },
          ],
          order: 2,
          tolerance: 1e-3,
          safety: 0,
        },
        {
          kind: 'bounded-difference',
          name: 'smooth',
          ports: [distance],
          absolute: 1e-3,
          relative: 1e-2,
          safety: 0,
          skipDiscrete: true,
        },
        // Every 40 ms from 5 ms on.
        { kind: 'sampling-rate', name: 'camera', base: 1e-3, rate: 40, start: 5 },
        { kind: 'fmu-max-step-size', name: 'fmus' },
      ],
    });
  });

  it('may have what the applications around Maestro leave in them', async () => {
    const system = await read(MULTI_MODEL, {
      ...SIMULATION,
      multimodel_path: 'elsewhere/mm.json',
      liveGraphs: [],
      overrideLogLevel: null,
      endTime: null,
      livestream: null,
      hasExternalSignals: false,
      faultInjectInstances: {},
      somethingElse: 1,
    });
    expect(system.warnings).toEqual([]);
    expect(system).not.toHaveProperty('stop');
  });
});

describe('an FMU', () => {
  const project = join(folder, 'project');
  const deep = join(project, 'Multi-models', 'mm-1');
  mkdirSync(deep, { recursive: true });
  exampleFmu(join(project, 'FMUs'), 'dahlquist');
  exampleFmu(join(folder, 'else where'), 'monitor');

  const fmuOf = async (path: string, options?: MaestroOptions) => {
    const file = join(deep, 'mm-1.mm.json');
    write(file, { fmus: { '{x}': path }, ...SIMULATION });
    return (await readMaestroSystem(file, options)).components[0]!.fmu;
  };

  it('lies beside the file, in a search directory, or in the FMUs of the project', async () => {
    expect(await fmuOf('../../../dahlquist.fmu')).toBe(join(folder, 'dahlquist.fmu'));
    expect(await fmuOf('dahlquist.fmu')).toBe(join(project, 'FMUs', 'dahlquist.fmu'));
    expect(await fmuOf('feedthrough.fmu', { searchDirectories: [join(folder, 'else where'), folder] })).toBe(
      join(folder, 'feedthrough.fmu'),
    );
  });

  it('is named by a path or a file URI', async () => {
    const monitor = join(folder, 'else where', 'monitor.fmu');
    expect(await fmuOf(monitor)).toBe(monitor);
    expect(await fmuOf(pathToFileURL(monitor).href)).toBe(monitor);
    expect(await fmuOf('../../../else%20where/monitor.fmu')).toBe(monitor);
    expect(await fmuOf('../../../else where/monitor.fmu')).toBe(monitor);
    expect(await fmuOf('file://dahlquist.fmu')).toBe(join(project, 'FMUs', 'dahlquist.fmu'));
    await expect(fmuOf('http://host/x.fmu')).rejects.toThrow(
      /:3:12: the FMU has a source of the unknown scheme 'http' \(fetch it and name the file/,
    );
    await expect(fmuOf('file:///else%2Fwhere.fmu')).rejects.toThrow(
      /:3:12: 'file:\/\/\/else%2Fwhere\.fmu' names no file on this machine/,
    );
    await expect(fmuOf('gone.fmu')).rejects.toThrow(
      /:3:12: cannot read gone\.fmu: no such file \(it was looked for in .*mm-1, .*project\/FMUs, /,
    );
  });
});

describe('problems', () => {
  it('are also what Maestro says nothing of: ports and parameters that no FMU has', async () => {
    expect(
      await problemsOf(
        `{
  "fmus": { "{robot}": "feedthrough.fmu", "{monitor}": "monitor.fmu", "{spare}": "dahlquist.fmu" },
  "connections": {
    "{robot}.left.reel_out": ["{monitor}.m.x"],
    "{robot}.left.real_out": ["{monitor}.m.z", "{monitr}.m.y", "{monitor}.x"]
  },
  "parameters": { "{robot}.left.ofset": 1, "{robot}.lefd.offset": 1, "{robot}.left.boolean_in": 1 },
  "logVariables": { "{monitor}.m": ["distanc"] },
  "logLevels": { "{monitor}.n": [] }
}`,
        '{\n  "algorithm": { "type": "fixed-step", "size": 0 },\n  "endTime": -1\n}',
      ),
    ).toEqual([
      'coe.json:2:48: the step size is 0 s, it must be greater than 0',
      'coe.json:3:14: stop (-1 s) must be later than start (0 s)',
      expect.stringMatching(/^mm\.json:4:5: '{robot}\.left' has no variable 'reel_out' \(did you mean 'real_out'\?\)/),
      expect.stringMatching(/^mm\.json:5:31: '{monitor}\.m' has no variable 'z' \(did you mean 'x'\?\)/),
      "mm.json:5:48: 'fmus' has no '{monitr}' (did you mean '{monitor}'?)",
      "mm.json:5:64: '{monitor}.x' is no port, expected {fmu}.instance.variable",
      "mm.json:7:19: '{robot}.left' has no variable 'ofset' (did you mean 'offset'?)",
      "mm.json:7:44: no connection names the instance '{robot}.lefd' (did you mean '{robot}.left'?)",
      "mm.json:7:97: '{robot}.left.boolean_in' is of type Boolean: 1 is not true or false",
      "mm.json:8:37: nothing to record is named '{monitor}.m.distanc' (did you mean '{monitor}.m.distance'?)",
      "mm.json:9:18: no connection names the instance '{monitor}.n' (did you mean '{monitor}.m'?)",
    ]);
  });

  it('are what is not offered', async () => {
    expect(
      await problemsOf(MULTI_MODEL, {
        ...SIMULATION,
        hasExternalSignals: true,
        faultInjectConfigurationPath: 'faults.xml',
        modelSwaps: { left: { swapInstance: 'other' } },
      }),
    ).toEqual([
      "coe.json:8:3: 'hasExternalSignals': external signals are not offered: let a bridge FMU carry them",
      "coe.json:9:3: 'faultInjectConfigurationPath': fault injection is not offered: a system file's scenario overrides values at times",
      "coe.json:10:3: 'modelSwaps': swapping FMUs at run time is not offered",
    ]);
  });

  it('are found in the form of the files', async () => {
    expect(await problemsOf({ ...MULTI_MODEL, connections: { '{robot}.left.real_out': 'x' } }, SIMULATION)).toEqual([
      "mm.json:7:30: 'connections.{robot}.left.real_out' is 'x', expected array",
    ]);
    expect(await problemsOf(MULTI_MODEL, { algorithm: { type: 'fixd-step', size: 1 } })).toEqual([
      "coe.json:3:13: 'algorithm.type' is 'fixd-step', expected one of fixed-step, var-step (did you mean 'fixed-step'?)",
    ]);
    expect(await problemsOf(MULTI_MODEL, { algorithm: { type: 'var-step', size: 1 } })).toEqual([
      "coe.json:4:13: 'size' of a var-step algorithm is a list of the smallest and the greatest",
    ]);
    expect(await problemsOf(MULTI_MODEL)).toEqual([
      "mm.json:1:1: there is no step size: 'algorithm' is missing (name the simulation configuration as well, behind the multi-model)",
    ]);
    expect(await problemsOf(MULTI_MODEL, '[1]')).toEqual(['coe.json:1:1: a multi-model is a JSON object']);
    expect(await problemsOf('{ "fmus": {} "connections": {} }')).toEqual([
      expect.stringMatching(/^mm\.json:1:14: this is no JSON: /),
    ]);
    expect(await problemsOf('{ "fmus": {}, "fmus": {} }')).toEqual([
      'mm.json:1:15: this is no JSON: Map keys must be unique',
    ]);
  });

  it('that do not keep it from running are warnings', async () => {
    const system = await read(
      { ...MULTI_MODEL, fmus: { ...MULTI_MODEL.fmus, '{spare}': 'dahlquist.fmu' } },
      { ...SIMULATION, paralelSimulation: true },
    );
    expect(messagesOf(system)).toEqual([
      "unknown key 'paralelSimulation' is ignored (did you mean 'parallelSimulation'?)",
      "no connection names an instance of '{spare}': it takes no part",
    ]);
  });
});
