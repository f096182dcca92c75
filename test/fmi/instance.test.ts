import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Fmi2Instance,
  FmiStatus,
  FmuDiscardError,
  FmuFatalError,
  FmuFunctionMissingError,
  FmuInstanceGoneError,
  FmuInstantiationError,
  FmuLibraryError,
  type FmuLogMessage,
  FmuPlatformError,
  FmuSingletonError,
  FmuStatusError,
  type InstanceOptions,
  ModelExchangeOnlyError,
  openFmu,
  type UnpackedFmu,
} from '#tb/fmi/index.js';
import {
  describedAs,
  type ExampleName,
  exampleEntries,
  exampleFmu,
  libraryEntry,
  privateTemporaryFiles,
  temporaryFolder,
  writeFmu,
} from '../support/fmus.js';
import { thrownBy } from '../support/thrown.js';

const folder = temporaryFolder();
// What must be escaped in a URI, and is hard on a printf format.
const leftBehind = privateTemporaryFiles('t mp %s ü#');

const opened: UnpackedFmu[] = [];
const instances: Fmi2Instance[] = [];
let log: FmuLogMessage[] = [];

async function open(file: string): Promise<UnpackedFmu> {
  const fmu = await openFmu(file);
  opened.push(fmu);
  return fmu;
}

function instantiate(fmu: UnpackedFmu, options: Partial<InstanceOptions> = {}): Fmi2Instance {
  const instance = new Fmi2Instance(fmu, { name: 'one', onLog: (message) => log.push(message), ...options });
  instances.push(instance);
  return instance;
}

async function example(name: ExampleName, options: Partial<InstanceOptions> = {}): Promise<Fmi2Instance> {
  return instantiate(await open(exampleFmu(folder, name)), options);
}

/** Value references of misbehave, and its modes. */
const MISBEHAVE = { mode: 0, at: 1, delay: 2, flood: 3, steps: 4 };
const MODE = { discard: 1, error: 2, fatal: 3, pending: 5, end: 6, fail_initialization: 7 };

async function misbehaving(mode: keyof typeof MODE, name?: string, fmu?: UnpackedFmu): Promise<Fmi2Instance> {
  const instance = instantiate(
    fmu ?? (await open(exampleFmu(folder, 'misbehave'))),
    name === undefined ? {} : { name },
  );
  instance.setInteger(Uint32Array.of(MISBEHAVE.mode), Int32Array.of(MODE[mode]));
  instance.setReal(Uint32Array.of(MISBEHAVE.at), Float64Array.of(0.2));
  return instance;
}

function start(instance: Fmi2Instance): Fmi2Instance {
  instance.setupExperiment({ startTime: 0 });
  instance.enterInitializationMode();
  instance.exitInitializationMode();
  return instance;
}

afterEach(async () => {
  for (const instance of instances.splice(0)) instance.free();
  for (const fmu of opened.splice(0)) await fmu.close();
  log = [];
  expect(leftBehind()).toEqual([]);
});

describe('values', () => {
  it('of all types go in and come out', async () => {
    const instance = await example('feedthrough');
    instance.setupExperiment({ startTime: 0 });
    instance.enterInitializationMode();
    instance.setReal(Uint32Array.of(0, 10), Float64Array.of(-0.1, 0.3));
    instance.setInteger(Uint32Array.of(1, 4), Int32Array.of(-(2 ** 31), 2));
    instance.setBoolean(Uint32Array.of(2), Int32Array.of(1));
    instance.setString(Uint32Array.of(3), ['grüße, 机器人 %s']);
    instance.exitInitializationMode();
    instance.doStep(0, 0.1);

    const reals = new Float64Array(1);
    const integers = new Int32Array(2);
    const booleans = new Int32Array(1);
    const strings = [''];
    instance.getReal(Uint32Array.of(5), reals);
    instance.getInteger(Uint32Array.of(6, 9), integers);
    instance.getBoolean(Uint32Array.of(7), booleans);
    instance.getString(Uint32Array.of(8), strings);
    expect(reals[0]).toBe(-0.1 + 0.3);
    expect([...integers]).toEqual([-(2 ** 31), 2]);
    expect([...booleans]).toEqual([1]);
    expect(strings).toEqual(['grüße, 机器人 %s']);
  });

  it('go through windows of a larger array', async () => {
    const instance = start(await example('feedthrough'));
    const arena = Float64Array.of(7, 8, 9);
    instance.setReal(Uint32Array.of(0), arena.subarray(1, 2));
    instance.doStep(0, 0.1);
    instance.getReal(Uint32Array.of(5), arena.subarray(2, 3));
    expect([...arena]).toEqual([7, 8, 8]);
  });

  it('are kept in a state that can be saved, restored and moved to another instance', async () => {
    const fmu = await open(exampleFmu(folder, 'dahlquist'));
    const [one, other] = [start(instantiate(fmu)), start(instantiate(fmu, { name: 'other' }))];
    const x = new Float64Array(1);
    const readX = (instance: Fmi2Instance) => {
      instance.getReal(Uint32Array.of(0), x);
      return x[0]!;
    };
    one.doStep(0, 0.5);
    const state = one.getState();
    one.doStep(0.5, 0.5);
    expect(readX(one)).toBe(0.25);
    one.setState(state);
    expect(readX(one)).toBe(0.5);
    other.setState(other.deserializeState(one.serializeState(state)));
    expect(readX(other)).toBe(0.5);
    one.freeState(state);
  });
});

describe('a status', () => {
  it('fmi2Discard is an error with function, instance, time, and what the FMU said', async () => {
    const instance = start(await misbehaving('discard'));
    instance.doStep(0, 0.1);
    const error = thrownBy(() => instance.doStep(0.1, 0.1));
    expect(error).toBeInstanceOf(FmuDiscardError);
    expect(error).toMatchObject({
      code: 'TB_FMI_DISCARD',
      exitCode: 5,
      message: 'one: fmi2DoStep at t = 0.1 s returned fmi2Discard\n  one: step to 0.2 s discarded',
      call: { function: 'fmi2DoStep', instance: 'one', time: 0.1, status: FmiStatus.discard },
    });
    expect(instance.lastSuccessfulTime()).toBe(0.1);
    expect(instance.wantsToTerminate()).toBe(false);
    instance.terminate();
  });

  it('fmi2Discard may mean that the FMU wants to end', async () => {
    const instance = start(await misbehaving('end'));
    instance.doStep(0, 0.1);
    expect(thrownBy(() => instance.doStep(0.1, 0.1))).toBeInstanceOf(FmuDiscardError);
    expect(instance.wantsToTerminate()).toBe(true);
  });

  it('fmi2Error leaves an instance that can be reset', async () => {
    const instance = start(await misbehaving('error'));
    const error = thrownBy(() => instance.doStep(0.1, 0.1));
    expect(error).toBeInstanceOf(FmuStatusError);
    expect(error).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('step to 0.2 s failed with 100% certainty'),
    });
    instance.reset();
    start(instance).doStep(0, 0.1);
  });

  it('fmi2Fatal makes all instances of the FMU unusable', async () => {
    const fmu = await open(exampleFmu(folder, 'misbehave'));
    const other = start(instantiate(fmu, { name: 'other' }));
    const instance = start(await misbehaving('fatal', 'one', fmu));
    expect(thrownBy(() => instance.doStep(0.1, 0.1))).toBeInstanceOf(FmuFatalError);
    expect(thrownBy(() => instance.doStep(0.2, 0.1))).toBeInstanceOf(FmuInstanceGoneError);
    expect(thrownBy(() => other.doStep(0, 0.1))).toBeInstanceOf(FmuInstanceGoneError);
  });

  it('fmi2Pending is waited for', async () => {
    const instance = start(await misbehaving('pending'));
    instance.doStep(0.1, 0.1);
    const steps = new Int32Array(1);
    instance.getInteger(Uint32Array.of(MISBEHAVE.steps), steps);
    expect([...steps]).toEqual([1]);
  });

  it('may come from any function: here the end of initialization', async () => {
    const instance = await misbehaving('fail_initialization');
    expect(() => start(instance)).toThrow(
      /fmi2ExitInitializationMode at t = 0 s returned fmi2Error\n {2}one: .*mode mode$/,
    );
  });

  it('comes from a call that the state does not allow', async () => {
    const instance = await example('dahlquist');
    expect(() => instance.doStep(0, 0.1)).toThrow(/fmi2DoStep: not allowed in this state/);
    instance.free();
    instance.free();
    expect(() => instance.doStep(0, 0.1)).toThrow(/one was freed/);
  });
});

describe('log messages', () => {
  it('have names for value references', async () => {
    const instance = start(await example('feedthrough', { loggingOn: true }));
    instance.doStep(0, 0.1);
    expect(log.at(-1)).toEqual({
      instance: 'one',
      status: FmiStatus.ok,
      category: 'logSteps',
      message: 'step from 0 s by 0.1 s, offset offset = 0',
    });
  });

  it('of debugging come only when asked for', async () => {
    const instance = start(await example('feedthrough'));
    instance.doStep(0, 0.1);
    expect(log).toEqual([]);
    instance.setDebugLogging(true, ['logSteps']);
    instance.doStep(0.1, 0.1);
    expect(log).toHaveLength(1);
  });

  it('from a thread of the FMU, sent while fmi2DoStep waits for it, block nothing', async () => {
    const instance = start(await example('misbehave', { loggingOn: true }));
    log = [];
    instance.setInteger(Uint32Array.of(MISBEHAVE.flood), Int32Array.of(20_000));
    instance.doStep(0, 0.1);
    // The queue is bounded: the newest are there, the others are counted.
    expect(log.at(-1)?.message).toBe('message 20000 of 20000');
    expect(log.length).toBeGreaterThan(500);
    expect(log.length + instance.lostMessages).toBe(20_000);
  });
});

describe('the library', () => {
  const mapped = (directory: string) => readFileSync('/proc/self/maps', 'utf8').includes(directory);

  it.runIf(process.platform === 'linux')('is loaded once for all instances and unloaded with the last', async () => {
    const fmu = await open(exampleFmu(folder, 'dahlquist'));
    const [one, other] = [start(instantiate(fmu)), start(instantiate(fmu, { name: 'other' }))];
    one.doStep(0, 0.5);
    const x = new Float64Array(1);
    other.getReal(Uint32Array.of(0), x);
    expect(x[0]).toBe(1);
    one.free();
    expect(mapped(fmu.directory)).toBe(true);
    other.doStep(0, 0.5);
    other.free();
    expect(mapped(fmu.directory)).toBe(false);
  });

  it('is told where its resources are, as a URI', async () => {
    const instance = await example('dahlquist', { loggingOn: true });
    const { href } = pathToFileURL(join(instance.fmu.directory, 'resources'));
    expect(href).toMatch(/t%20mp%20%25s%20%C3%BC%23/);
    expect(log[0]?.message).toBe(`instantiated, resources at ${href}`);
  });

  it('may refuse to be instantiated', async () => {
    const file = writeFmu(
      join(folder, 'guid.fmu'),
      describedAs('dahlquist', (xml) => xml.replace('{3c564a1e', '{00000000')),
    );
    const fmu = await open(file);
    const refusal = thrownBy(() => instantiate(fmu));
    expect(refusal).toBeInstanceOf(FmuInstantiationError);
    expect(refusal).toMatchObject({
      message: expect.stringContaining('fmi2Instantiate: the GUID is not that of this model'),
    });
  });

  it('may be instantiable only once per process', async () => {
    const once = describedAs('dahlquist', (xml) =>
      xml.replace('<CoSimulation', '<CoSimulation canBeInstantiatedOnlyOncePerProcess="true"'),
    );
    const fmu = await open(writeFmu(join(folder, 'once.fmu'), once));
    const first = instantiate(fmu);
    expect(thrownBy(() => instantiate(fmu))).toBeInstanceOf(FmuSingletonError);
    first.free();
    instantiate(fmu);
  });

  it('may be missing for this platform', async () => {
    const entries = exampleEntries('dahlquist').map((entry) => ({
      ...entry,
      name: entry.name.replace(/^binaries\/[^/]+\/.*/, 'binaries/amiga/dahlquist.so'),
    }));
    const fmu = await open(writeFmu(join(folder, 'platform.fmu'), entries));
    const error = thrownBy(() => instantiate(fmu));
    expect(error).toBeInstanceOf(FmuPlatformError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/binaries\/\w+\/dahlquist\.\w+ is missing, the FMU has amiga$/),
    });
  });

  it('may be no library', async () => {
    const entries = exampleEntries('dahlquist').map((entry) =>
      entry.name.startsWith('binaries/') ? { ...entry, content: 'text' } : entry,
    );
    const fmu = await open(writeFmu(join(folder, 'text.fmu'), entries));
    expect(thrownBy(() => instantiate(fmu))).toBeInstanceOf(FmuLibraryError);
  });

  it('may lack functions, which are named', async () => {
    const library = join(folder, 'lacking.so');
    const source = 'const char *fmi2GetVersion(void) { return "2.0"; } int fmi2DoStep(void) { return 0; }';
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', library, '-'], { input: source });
    const entries = exampleEntries('dahlquist').map((entry) =>
      entry.name === libraryEntry('dahlquist').name ? { ...entry, content: readFileSync(library) } : entry,
    );
    const fmu = await open(writeFmu(join(folder, 'lacking.fmu'), entries));
    const error = thrownBy(() => instantiate(fmu));
    expect(error).toBeInstanceOf(FmuFunctionMissingError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/does not export fmi2Instantiate, fmi2FreeInstance, /),
    });
    expect((error as Error).message).not.toContain('fmi2DoStep');
  });

  it('is not there when the FMU is for model exchange only', async () => {
    const entries = describedAs('dahlquist', (xml) => xml.replace('<CoSimulation', '<ModelExchange'));
    const fmu = await open(writeFmu(join(folder, 'me.fmu'), entries));
    expect(thrownBy(() => instantiate(fmu))).toBeInstanceOf(ModelExchangeOnlyError);
  });
});
