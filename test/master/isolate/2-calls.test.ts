/** FmuInstance with `isolate`: every call does what it does in the process of the caller. */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnyUnpackedFmu,
  FmuDiscardError,
  FmuFatalError,
  FmuFunctionMissingError,
  FmuInstance,
  FmuInstanceGoneError,
  type FmuInstanceOptions,
  FmuInstantiationError,
  FmuLibraryError,
  type FmuLogMessage,
  FmuPlatformError,
  FmuStatusError,
  type ModelFolder,
  modelOf,
  openAnyFmu,
} from '#tb/fmi/index.js';
import { importerFunctions, NativeLibraryError, STORAGES } from '#tb/native/index.js';
import {
  describedAs,
  type FmuName,
  fmuEntries,
  libraryEntry,
  temporaryFolder,
  unpackedFmu,
  writeFmu,
} from '../../support/fmus.js';
import { thrownBy } from '../../support/thrown.js';
import { processes } from './support.js';

const folder = temporaryFolder();
const opened: AnyUnpackedFmu[] = [];
const instances: FmuInstance[] = [];

afterEach(() => {
  for (const instance of instances.splice(0)) instance.free();
  expect(processes()).toEqual([]);
});
afterAll(async () => {
  for (const fmu of opened) await fmu.close();
});

const cache = new Map<string, ModelFolder>();

async function unpack(name: FmuName, entries = fmuEntries(name), as: string = name): Promise<ModelFolder> {
  const known = cache.get(as);
  if (known !== undefined) return known;
  const fmu = await openAnyFmu(writeFmu(`${folder}/${as}.fmu`, entries));
  opened.push(fmu);
  const unpacked = { file: fmu.file, directory: fmu.directory, model: modelOf(fmu.description) };
  cache.set(as, unpacked);
  return unpacked;
}

/** An instance here and one elsewhere. */
async function pair(name: FmuName, options: Partial<FmuInstanceOptions> = {}): Promise<[FmuInstance, FmuInstance]> {
  const model = await unpack(name);
  const here = new FmuInstance(model, { name, ...options });
  const elsewhere = new FmuInstance(model, { name, isolate: {}, ...options });
  instances.push(here, elsewhere);
  expect([here.isolated, elsewhere.isolated]).toEqual([false, true]);
  return [here, elsewhere];
}

async function isolated(name: FmuName, options: Partial<FmuInstanceOptions> = {}): Promise<FmuInstance> {
  const instance = new FmuInstance(await unpack(name), { name, isolate: {}, ...options });
  instances.push(instance);
  return instance;
}

const variable = (instance: FmuInstance, name: string) =>
  instance.model.variables.findIndex((candidate) => candidate.name === name);
const get = (instance: FmuInstance, name: string, size = 1) => instance.get(variable(instance, name), size);
const set = (instance: FmuInstance, name: string, ...values: (number | bigint | boolean | string | Uint8Array)[]) =>
  instance.set(variable(instance, name), values);

function initialize(instance: FmuInstance): void {
  instance.enterInitializationMode({ startTime: 0 });
  instance.exitInitializationMode();
}

describe('values', () => {
  it('of all types, set and got', async () => {
    const instance = await isolated('feedthrough3');
    instance.enterInitializationMode({ startTime: 0 });
    const bytes = Uint8Array.from({ length: 256 }, (_, k) => 255 - k);
    const sent: Record<string, number | bigint | boolean | string | Uint8Array> = {
      float32: Math.fround(0.1),
      float64: -0,
      int8: -128,
      uint8: 255,
      int16: -32768,
      uint16: 65535,
      int32: -(2 ** 31),
      uint32: 2 ** 32 - 1,
      int64: -(2n ** 63n),
      uint64: 2n ** 64n - 1n,
      boolean: true,
      string: 'ü 😀',
      binary: bytes,
      choice: 2,
    };
    for (const [type, value] of Object.entries(sent)) set(instance, `${type}_in`, value);
    for (const [type, value] of Object.entries(sent)) expect(get(instance, `${type}_out`)).toEqual([value]);
    set(instance, 'string_in', '');
    set(instance, 'binary_in', new Uint8Array(0));
    expect([...get(instance, 'string_out'), ...get(instance, 'binary_out')]).toEqual(['', new Uint8Array(0)]);
  });

  it('larger than the memory they pass through', async () => {
    // The same two variables again and again: 100,000 values of 8 bytes, and as many references of 4.
    const instance = await isolated('gain');
    instance.enterInitializationMode({ startTime: 0 });
    const count = 100_000;
    const [u, y] = ['u', 'y'].map((name) => instance.model.variables[variable(instance, name)]!.valueReference);
    const values = Float64Array.from({ length: count }, (_, k) => k);
    const f64 = STORAGES.indexOf('f64');
    const functions = importerFunctions();
    const repeated = (reference: number) => new Uint32Array(count).fill(reference);
    const { address } = instance;
    expect(functions.tb_instance_set(address, f64, repeated(u!), count, values, count, null)).toBe(0);
    expect(functions.tb_instance_get(address, f64, repeated(y!), count, values, count, null)).toBe(0);
    expect(values).toEqual(new Float64Array(count).fill(count - 1));
  });

  it('that cannot be set are refused at once, with the function and what the FMU says', async () => {
    for (const instance of await pair('gain')) {
      initialize(instance);
      const error = thrownBy(() => set(instance, 'y', 1));
      expect(error).toBeInstanceOf(FmuStatusError);
      expect((error as FmuStatusError).call).toMatchObject({
        function: 'fmi2SetReal',
        instance: 'gain',
        status: 3,
        log: [{ message: 'fmi2SetReal: y cannot be set in this state.' }],
      });
    }
  });
});

describe('states', () => {
  it.each(['gain', 'ball', 'oscillator', 'state3'] as const)('%s goes back, also by bytes', async (name) => {
    const courses = (await pair(name)).map((instance) => {
      initialize(instance);
      const course: unknown[] = [];
      const step = (k: number) => {
        instance.doStep(k * 0.1, 0.1, true);
        const outputs = instance.model.variables.flatMap(({ causality }, index) =>
          causality === 'output' ? [index] : [],
        );
        course.push(outputs.map((index) => instance.get(index)));
      };
      step(0);
      const state = instance.getState();
      step(1);
      instance.setState(state);
      step(1);
      const bytes = instance.serializeState(state);
      step(2);
      const copy = instance.deserializeState(bytes);
      instance.setState(copy);
      step(1);
      instance.freeState(copy);
      instance.freeState(state);
      expect(course[2]).toEqual(course[1]);
      expect(course[4]).toEqual(course[1]);
      return [...course, bytes.length];
    });
    expect(courses[1]).toEqual(courses[0]);
  });
});

describe('what an FMU says', () => {
  it.each(['feedthrough1', 'feedthrough', 'feedthrough3'] as const)(
    '%s: log messages come before the call returns',
    async (name) => {
      const model = await unpack(name);
      const [here, elsewhere] = [false, true].map((isolate) => {
        const log: FmuLogMessage[] = [];
        const counts: number[] = [];
        const instance = new FmuInstance(model, {
          name: 'fred',
          loggingOn: true,
          ...(isolate && { isolate: {} }),
          onLog: (message) => log.push(message),
        });
        instances.push(instance);
        initialize(instance);
        for (let k = 0; k < 3; k++) {
          instance.doStep(k, 1);
          counts.push(log.length);
        }
        expect(counts[2]! - counts[1]!).toBeGreaterThan(0);
        return { log, counts };
      });
      expect(elsewhere).toEqual(here);
    },
  );

  it('also from threads of its own, and more than there is room for: the oldest are lost, and counted', async () => {
    const log: FmuLogMessage[] = [];
    const instance = await isolated('misbehave', { loggingOn: true, onLog: (message) => log.push(message) });
    set(instance, 'flood', 3000);
    initialize(instance);
    log.length = 0;
    instance.doStep(0, 1);
    expect(log.length).toBeGreaterThan(100);
    expect(log.length + instance.lostMessages).toBe(3000);
    expect(log.at(-1)!.message).toBe('message 3000 of 3000');
  });

  it('only of the categories that are asked for', async () => {
    const log: FmuLogMessage[] = [];
    const instance = await isolated('feedthrough', { onLog: (message) => log.push(message) });
    instance.setDebugLogging(true, ['logSteps']);
    initialize(instance);
    instance.doStep(0, 1);
    expect(new Set(log.map(({ category }) => category))).toEqual(new Set(['logSteps']));
  });
});

describe('steps', () => {
  it('that are discarded tell how far they came', async () => {
    for (const instance of await pair('limited')) {
      initialize(instance);
      expect(thrownBy(() => instance.doStep(0, 1))).toBeInstanceOf(FmuDiscardError);
      expect(instance.lastSuccessfulTime()).toBe(0.1);
      expect(instance.wantsToTerminate()).toBe(false);
    }
  });

  it('that are left pending are waited for; after a fatal one nothing is called', async () => {
    const pending = await isolated('misbehave');
    set(pending, 'mode', 5);
    initialize(pending);
    expect(pending.doStep(0, 1)).toMatchObject({ reached: 1, terminate: false });
    const fatal = await isolated('misbehave');
    set(fatal, 'mode', 3);
    initialize(fatal);
    expect(thrownBy(() => fatal.doStep(0, 1))).toBeInstanceOf(FmuFatalError);
    expect(thrownBy(() => fatal.doStep(1, 1))).toBeInstanceOf(FmuInstanceGoneError);
    // Another one is in another process.
    expect(pending.doStep(1, 1).reached).toBe(2);
  });

  it('that end early, and events', async () => {
    const courses = (await pair('early3', { eventMode: true })).map((instance) => {
      set(instance, 'event_interval', 0.4);
      initialize(instance);
      const course: unknown[] = [instance.updateDiscreteStates()];
      instance.enterStepMode();
      for (let time = 0; time < 2; ) {
        const result = instance.doStep(time, 0.5);
        course.push(result, get(instance, 'x'));
        time = result.reached;
        if (!result.eventNeeded) continue;
        instance.enterEventMode();
        course.push(instance.updateDiscreteStates());
        instance.enterStepMode();
      }
      return course;
    });
    expect(courses[1]).toEqual(courses[0]);
    expect(courses[0]!.length).toBeGreaterThan(10);
  });

  it('begin anew after a reset', async () => {
    const instance = await isolated('dahlquist');
    const run = () => {
      initialize(instance);
      instance.doStep(0, 0.5);
      return get(instance, 'x');
    };
    const first = run();
    instance.terminate();
    instance.reset();
    expect(run()).toEqual(first);
  });

  it('with structural parameters', async () => {
    const instance = await isolated('arrays3');
    instance.configure(() => set(instance, 'n', 2n));
    instance.enterInitializationMode({ startTime: 0 });
    set(instance, 'u', 1, 2);
    expect(get(instance, 'y', 2)).toEqual([10, 4]);
  });
});

describe('what the FMU does not have', () => {
  it('is told by the same errors', async () => {
    for (const instance of await pair('dahlquist1')) {
      initialize(instance);
      expect(thrownBy(() => instance.getState())).toBeInstanceOf(FmuFunctionMissingError);
      expect(instance.maxStepSize()).toBeUndefined();
      expect(instance.wantsToTerminate()).toBe(false);
    }
  });
});

describe('an FMU that cannot be loaded', () => {
  const failures = (model: ModelFolder) =>
    [{}, { isolate: {} }].map((options) => thrownBy(() => new FmuInstance(model, { name: 'm', ...options })) as Error);

  it('has no library for this machine', async () => {
    const entries = fmuEntries('gain').filter(({ name }) => !name.startsWith('binaries/'));
    const [here, elsewhere] = failures(await unpack('gain', entries, 'nowhere'));
    expect(here).toBeInstanceOf(FmuPlatformError);
    expect(elsewhere).toEqual(here);
  });

  it('has a library that is none', async () => {
    const entries = fmuEntries('gain').map((entry) =>
      entry.name.startsWith('binaries/') ? { ...entry, content: Buffer.from('no library') } : entry,
    );
    const [here, elsewhere] = failures(await unpack('gain', entries, 'garbage'));
    expect(here).toBeInstanceOf(FmuLibraryError);
    expect(elsewhere).toBeInstanceOf(FmuLibraryError);
    expect(elsewhere!.message).toBe(here!.message);
  });

  it('has a library that lacks functions', async () => {
    const other = libraryEntry('dahlquist3');
    const entries = describedAs('gain', (xml) => xml).map((entry) =>
      entry.name.startsWith('binaries/') ? { ...entry, content: other.content } : entry,
    );
    const [here, elsewhere] = failures(await unpack('gain', entries, 'mistaken'));
    expect(here).toBeInstanceOf(FmuFunctionMissingError);
    expect(elsewhere!.message).toBe(here!.message);
    expect(elsewhere).toMatchObject({ details: (here as FmuFunctionMissingError).details });
  });

  it('refuses its instantiation, and says why', async () => {
    const entries = describedAs('gain', (xml) => xml.replace(/guid="[^"]*"/, 'guid="{another}"'));
    const [here, elsewhere] = failures(await unpack('gain', entries, 'another'));
    expect(here).toBeInstanceOf(FmuInstantiationError);
    expect(here!.message).toMatch(/the GUID is not that of this model/);
    expect(elsewhere!.message).toBe(here!.message);
  });
});

describe('the program that runs it', () => {
  let before: string | undefined;
  beforeAll(() => {
    before = process.env.TWINBRIDGE_ISOLATE;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.TWINBRIDGE_ISOLATE;
    else process.env.TWINBRIDGE_ISOLATE = before;
  });

  it('is missing', async () => {
    process.env.TWINBRIDGE_ISOLATE = `${folder}/nothing`;
    const error = thrownBy(() => new FmuInstance(cache.get('gain')!, { name: 'm', isolate: {} }));
    expect(error).toBeInstanceOf(NativeLibraryError);
    expect((error as Error).message).toBe(`the program ${folder}/nothing, which runs isolated FMUs, is missing`);
  });

  it('is none', async () => {
    process.env.TWINBRIDGE_ISOLATE = `${unpackedFmu('gain')}/modelDescription.xml`;
    expect(existsSync(process.env.TWINBRIDGE_ISOLATE)).toBe(true);
    const error = thrownBy(() => new FmuInstance(cache.get('gain')!, { name: 'm', isolate: {} }));
    expect(error).toBeInstanceOf(NativeLibraryError);
    expect((error as Error).message).toMatch(/^cannot start '.*modelDescription.xml': /);
  });

  it('is another one', async () => {
    process.env.TWINBRIDGE_ISOLATE = process.execPath;
    const error = thrownBy(() => new FmuInstance(cache.get('gain')!, { name: 'm', isolate: {} }));
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_CRASH' });
    expect((error as Error).message).toMatch(/^m: its process exited with code \d+ while its library was loaded/);
  });
});
