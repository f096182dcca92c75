/** Instances of FMUs of FMI 1.0, 2.0 and 3.0 behind one interface, called one function at a time. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AnyUnpackedFmu,
  FmuDiscardError,
  FmuFunctionMissingError,
  FmuInstance,
  FmuInstanceGoneError,
  type FmuInstanceOptions,
  FmuInstantiationError,
  type FmuLogMessage,
  FmuStatusError,
  type ModelValue,
  modelOf,
  openAnyFmu,
} from '#tb/fmi/index.js';
import {
  describedAs,
  type ExampleName,
  exampleFmu,
  type FmuName,
  privateTemporaryFiles,
  TEST_FMUS,
  type TestFmuName,
  temporaryFolder,
  testFmu,
  writeFmu,
} from '../support/fmus.js';
import { thrownBy } from '../support/thrown.js';

const folder = temporaryFolder();
const leftBehind = privateTemporaryFiles();
const opened: AnyUnpackedFmu[] = [];
const instances: FmuInstance[] = [];

afterEach(async () => {
  for (const instance of instances.splice(0)) instance.free();
  for (const fmu of opened.splice(0)) await fmu.close();
  expect(leftBehind()).toEqual([]);
});

async function open(file: string) {
  const fmu = await openAnyFmu(file);
  opened.push(fmu);
  return { file: fmu.file, directory: fmu.directory, model: modelOf(fmu.description) };
}

async function create(name: FmuName, options: Partial<FmuInstanceOptions> = {}): Promise<FmuInstance> {
  const isTest = (TEST_FMUS as readonly string[]).includes(name);
  const file = isTest ? testFmu(folder, name as TestFmuName) : exampleFmu(folder, name as ExampleName);
  const instance = new FmuInstance(await open(file), { name: 'it', ...options });
  instances.push(instance);
  return instance;
}

function indexOf({ model }: FmuInstance, name: string): number {
  const index = model.variables.findIndex((variable) => variable.name === name);
  if (index < 0) throw new Error(`there is no ${name}`);
  return index;
}

const get = (instance: FmuInstance, name: string, size?: number) => instance.get(indexOf(instance, name), size);
const set = (instance: FmuInstance, name: string, ...values: ModelValue[]) =>
  instance.set(indexOf(instance, name), values);

function initialize(instance: FmuInstance, startTime = 0): FmuInstance {
  instance.enterInitializationMode({ startTime });
  instance.exitInitializationMode();
  return instance;
}

describe.each([
  ['1.0', 'dahlquist1'],
  ['2.0', 'dahlquist'],
  ['3.0', 'dahlquist3'],
] as const)('an FMU of FMI %s', (version, name) => {
  it('solves its equation: x_n = x0 (1 - h k)^n, from any start, with steps of any size', async () => {
    const instance = await create(name);
    expect(instance.model.fmi).toBe(version);
    set(instance, 'k', 0.5);
    set(instance, 'x0', 3);
    instance.enterInitializationMode({ startTime: 2, stopTime: 10, tolerance: 1e-6 });
    instance.exitInitializationMode();
    let [x, time] = [3, 2];
    for (const h of [0.125, 0.25, 0.0625, 1]) {
      const { reached, terminate, eventNeeded } = instance.doStep(time, h);
      x *= 1 - 0.5 * h;
      time += h;
      expect({ reached, terminate, eventNeeded }).toEqual({ reached: time, terminate: false, eventNeeded: false });
      expect(get(instance, 'x')[0]).toBeCloseTo(x, 12);
    }
    instance.terminate();
  });

  it('can be reset and begin again', async () => {
    const instance = initialize(await create(name));
    instance.doStep(0, 0.5);
    expect(get(instance, 'x')).toEqual([0.5]);
    instance.terminate();
    instance.reset();
    set(instance, 'x0', 8);
    initialize(instance);
    expect(get(instance, 'x')).toEqual([8]);
  });

  it('says what it refuses: a call that its state does not allow', async () => {
    const instance = await create(name);
    const error = thrownBy(() => instance.doStep(0, 1));
    expect(error).toBeInstanceOf(FmuStatusError);
    const prefix = { '1.0': 'fmi', '2.0': 'fmi2', '3.0': 'fmi3' }[version];
    expect((error as Error).message).toMatch(
      new RegExp(`^it: ${prefix}DoStep at t = 0 s returned ${prefix}Error\n {2}it: ${prefix}DoStep: not allowed`),
    );
  });

  it('is gone once it is freed, which may be said twice', async () => {
    const instance = await create(name);
    instance.free();
    instance.free();
    expect(() => instance.get(0)).toThrow(FmuInstanceGoneError);
    expect(() => instance.terminate()).toThrow(/it was freed/);
  });

  it('whose description has another token is refused, with what it says', async () => {
    const file = writeFmu(
      join(folder, 'other.fmu'),
      describedAs(name, (xml) => xml.replace(/"\{\w{8}/, '"{00000000')),
    );
    const described = await open(file);
    const error = thrownBy(() => instances.push(new FmuInstance(described, { name: 'it' })));
    expect(error).toBeInstanceOf(FmuInstantiationError);
    expect((error as Error).message).toMatch(
      /^it: .*other.fmu cannot be instantiated\n {2}it: .*(GUID|instantiationToken)/,
    );
  });

  it('tells its log after the call that caused it, debug messages when they are asked for', async () => {
    const said: FmuLogMessage[] = [];
    const feedthrough = { '1.0': 'feedthrough1', '2.0': 'feedthrough', '3.0': 'feedthrough3' } as const;
    const instance = initialize(await create(feedthrough[version], { onLog: (message) => said.push(message) }));
    instance.doStep(0, 1);
    expect(said).toEqual([]);
    instance.setDebugLogging(true);
    instance.doStep(1, 1);
    expect(said).toMatchObject([
      { instance: 'it', category: 'logSteps', message: expect.stringMatching(/^step from 1 s/) },
    ]);
    // Value references become names in the versions that have them: offset #r8#.
    if (version !== '3.0') expect(said[0]!.message).toMatch(/offset offset = 0$/);
    instance.setDebugLogging(false);
    instance.doStep(2, 1);
    expect(said).toHaveLength(1);
  });
});

describe('values', () => {
  it.each([
    ['feedthrough1', { real: -0.1, integer: -2147483648, boolean: true, string: 'ä€😀' }],
    ['feedthrough', { real: 1e-300, integer: 2147483647, boolean: true, string: 'x'.repeat(255), choice: 2 }],
    [
      'feedthrough3',
      {
        float32: Math.fround(0.1),
        float64: Number.NEGATIVE_INFINITY,
        int8: -128,
        uint8: 255,
        int16: -32768,
        uint16: 65535,
        int32: -2147483648,
        uint32: 4294967295,
        int64: -(2n ** 63n),
        uint64: 2n ** 64n - 1n,
        boolean: true,
        string: 'a, "b"\n',
        binary: Uint8Array.of(0, 255, 0, 1),
        choice: 9007199254740993n,
      },
    ],
  ] as const)('of all types of %s go in and come out', async (name, given) => {
    const instance = initialize(await create(name));
    for (const [type, one] of Object.entries(given)) set(instance, `${type}_in`, one);
    instance.doStep(0, 1);
    for (const [type, one] of Object.entries(given))
      expect([type, get(instance, `${type}_out`)]).toEqual([type, [one]]);
  });

  it('of arrays, of the size that is asked for', async () => {
    const instance = await create('arrays3');
    instance.configure(() => set(instance, 'n', 3n));
    initialize(instance);
    set(instance, 'u3', 1, 2, 3);
    set(instance, 'u', 1, 10, 100);
    set(instance, 'matrix_in', 1, 2, 3, -4);
    instance.doStep(0, 1);
    expect(get(instance, 'y3', 3)).toEqual([2, 4, 6]);
    expect(get(instance, 'y', 3)).toEqual([42, 420, 200]);
    expect(get(instance, 'matrix_out', 4)).toEqual([1, 2, 3, -4]);
    expect(() => get(instance, 'y', 4)).toThrow(/nValues is 4, there are 3 elements/);
  });

  it('of a structural parameter that is out of bounds are refused when its mode ends', async () => {
    const instance = await create('arrays3');
    expect(() => instance.configure(() => set(instance, 'n', 17n))).toThrow(
      /fmi3ExitConfigurationMode.*n must be from 1 to 16/s,
    );
  });
});

describe('state', () => {
  it.each(['gain', 'oscillator', 'state3'] as const)(
    'of %s is saved, restored and moved to another instance',
    async (name) => {
      const instance = initialize(await create(name));
      const other = initialize(await create(name, { name: 'other' }));
      const output = name === 'gain' ? 'y' : 'x';
      const input = name === 'state3' ? undefined : name === 'gain' ? 'u' : 'f';
      const go = (one: FmuInstance, time: number) => {
        if (input !== undefined) set(one, input, time + 1);
        one.doStep(time, 0.5, true);
        return get(one, output)[0];
      };
      go(instance, 0);
      const state = instance.getState();
      const bytes = instance.serializeState(state);
      const first = [go(instance, 0.5), go(instance, 1)];
      instance.setState(state);
      expect([go(instance, 0.5), go(instance, 1)]).toEqual(first);
      const moved = other.deserializeState(bytes);
      other.setState(moved);
      expect([go(other, 0.5), go(other, 1)]).toEqual(first);
      instance.freeState(state);
      other.freeState(moved);
    },
  );

  it('is not there in FMI 1.0, nor where the FMU has none', async () => {
    const one = initialize(await create('dahlquist1'));
    expect(() => one.getState()).toThrow(FmuFunctionMissingError);
    const counter = initialize(await create('arrays3'));
    expect(() => counter.getState()).toThrow(/this FMU cannot save its state/);
  });
});

describe('steps', () => {
  it('that are discarded say how far they came', async () => {
    const instance = initialize(await create('limited'));
    instance.doStep(0, 0.1);
    const error = thrownBy(() => instance.doStep(0.1, 0.25));
    expect(error).toBeInstanceOf(FmuDiscardError);
    expect(instance.lastSuccessfulTime()).toBeCloseTo(0.2, 12);
    expect(instance.wantsToTerminate()).toBe(false);
    expect(instance.maxStepSize()).toBeUndefined();
  });

  it('that may end early do, where the caller handles events', async () => {
    const instance = await create('early3', { eventMode: true });
    set(instance, 'event_interval', 0.25);
    initialize(instance);
    expect(instance.updateDiscreteStates()).toEqual({ needsUpdate: false, terminate: false, nextEvent: 0.25 });
    instance.enterStepMode();
    expect(instance.doStep(0, 0.2)).toMatchObject({ reached: 0.2, eventNeeded: false });
    expect(instance.doStep(0.2, 0.2)).toMatchObject({ reached: 0.25, eventNeeded: true });
    instance.enterEventMode();
    expect(instance.updateDiscreteStates()).toMatchObject({ needsUpdate: false, nextEvent: 0.5 });
    instance.enterStepMode();
    expect(instance.doStep(0.25, 0.15)).toMatchObject({ reached: 0.4, eventNeeded: false });
    expect(get(instance, 'x')[0]).toBeCloseTo(0.25 - 0.15, 12);
    expect(get(instance, 'events')).toEqual([1]);
  });

  it('do not end early where the FMU handles its events', async () => {
    const instance = await create('early3');
    set(instance, 'event_interval', 0.25);
    initialize(instance);
    expect(instance.doStep(0, 1)).toMatchObject({ reached: 1, eventNeeded: false });
    expect(get(instance, 'events')).toEqual([4]);
  });
});

describe('a library', () => {
  it('that lacks a function is refused, and so is one that is not there', async () => {
    const renamed = await open(
      writeFmu(
        join(folder, 'renamed.fmu'),
        describedAs('dahlquist1', (xml) => xml.replace('modelIdentifier="dahlquist1"', 'modelIdentifier="someone"')),
      ),
    );
    expect(() => instances.push(new FmuInstance(renamed, { name: 'it' }))).toThrow(/someone/);
  });

  it.each(['once', 'once1'] as const)(
    'of which there can be one instance has one, and another when that is gone: %s',
    async (name) => {
      const unpacked = await open(testFmu(folder, name));
      const first = new FmuInstance(unpacked, { name: 'it' });
      instances.push(first);
      expect(() => new FmuInstance(unpacked, { name: 'it' })).toThrow(/can be instantiated only once per process/);
      first.free();
      const next = new FmuInstance(unpacked, { name: 'it' });
      instances.push(next);
      initialize(next);
    },
  );
});
