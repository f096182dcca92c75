/** A thin importer of FMI 3.0: instances whose variables are reached by name, and whose calls answer what the library did. */
import { join, sep } from 'node:path';
import {
  type Fmi3ModelDescription,
  type Fmi3Type,
  type Fmi3Variable,
  hostPlatform,
  openAnyFmu,
} from '#tb/fmi/index.js';
import { type Koffi, loadKoffi } from '#tb/native/index.js';
import { bridgeFile } from './bridge.js';

export const OK = 0;
export const DISCARD = 2;
export const ERROR = 3;

const koffi = loadKoffi();
const LOGGER = koffi.proto(
  'void TestFmi3Log(void *environment, int status, const char *category, const char *message)',
);

const NUMBERS = {
  Float32: Float32Array,
  Float64: Float64Array,
  Int8: Int8Array,
  UInt8: Uint8Array,
  Int16: Int16Array,
  UInt16: Uint16Array,
  Int32: Int32Array,
  UInt32: Uint32Array,
  Int64: BigInt64Array,
  UInt64: BigUint64Array,
  Boolean: Uint8Array,
} as const;

const PROTOTYPES = [
  'const char *fmi3GetVersion()',
  'void *fmi3InstantiateCoSimulation(const char *name, const char *token, const char *resources, bool visible, bool loggingOn, bool eventModeUsed, bool earlyReturnAllowed, void *required, size_t nRequired, void *environment, TestFmi3Log *log, void *update)',
  'void *fmi3InstantiateModelExchange(const char *name, const char *token, const char *resources, bool visible, bool loggingOn, void *environment, TestFmi3Log *log)',
  'void fmi3FreeInstance(void *c)',
  'int fmi3SetDebugLogging(void *c, bool on, size_t n, const char **categories)',
  'int fmi3EnterInitializationMode(void *c, bool hasTolerance, double tolerance, double start, bool hasStop, double stop)',
  ...['ExitInitializationMode', 'EnterEventMode', 'EnterStepMode', 'EnterConfigurationMode', 'Terminate', 'Reset'].map(
    (name) => `int fmi3${name}(void *c)`,
  ),
  ...[...Object.keys(NUMBERS), 'String'].flatMap((type) => [
    `int fmi3Get${type}(void *c, void *vrs, size_t n, void *values, size_t nValues)`,
    `int fmi3Set${type}(void *c, void *vrs, size_t n, void *values, size_t nValues)`,
  ]),
  'int fmi3GetBinary(void *c, void *vrs, size_t n, void *sizes, void *values, size_t nValues)',
  'int fmi3SetBinary(void *c, void *vrs, size_t n, void *sizes, void *values, size_t nValues)',
  'int fmi3GetClock(void *c, void *vrs, size_t n, void *values)',
  'int fmi3SetClock(void *c, void *vrs, size_t n, void *values)',
  'int fmi3GetIntervalDecimal(void *c, void *vrs, size_t n, void *intervals, void *qualifiers)',
  'int fmi3DoStep(void *c, double time, double size, bool noSetStatePrior, void *event, void *terminate, void *early, void *reached)',
  'int fmi3UpdateDiscreteStates(void *c, void *again, void *terminate, void *nominals, void *values, void *hasNext, void *next)',
  'int fmi3GetFMUState(void *c, void *state)',
  'int fmi3SetFMUState(void *c, void *state)',
  'int fmi3FreeFMUState(void *c, void *state)',
  'int fmi3SerializedFMUStateSize(void *c, void *state, void *size)',
  'int fmi3SerializeFMUState(void *c, void *state, void *bytes, size_t size)',
  'int fmi3DeserializeFMUState(void *c, void *bytes, size_t size, void *state)',
  'int fmi3GetNumberOfContinuousStates(void *c, void *n)',
];

type Call = (...args: unknown[]) => unknown;

export class Fmi3Fmu {
  readonly description: Fmi3ModelDescription;
  readonly directory: string;
  /** Its file. */
  readonly library: string;
  readonly functions: ReadonlyMap<string, Call>;
  readonly close: () => Promise<void>;

  private constructor(description: Fmi3ModelDescription, directory: string, close: () => Promise<void>) {
    this.description = description;
    this.directory = directory;
    this.close = close;
    const { tuple, extension } = hostPlatform()!;
    const file = `${description.coSimulation?.modelIdentifier}.${extension}`;
    this.library = join(directory, 'binaries', tuple, file);
    const library: ReturnType<Koffi['load']> = koffi.load(this.library);
    this.functions = new Map(
      PROTOTYPES.map((prototype) => [/fmi3(\w+)\(/.exec(prototype)![1]!, library.func(prototype) as Call]),
    );
  }

  /** `yaml` is what follows the name and `fmi: 3`. */
  static async build(yaml: string, folder: string): Promise<Fmi3Fmu> {
    const { description, directory, close } = await openAnyFmu(await bridgeFile(`fmi: 3\n${yaml}`, folder));
    if (!('instantiationToken' in description)) throw new Error('an FMU of FMI 2.0 was built');
    return new Fmi3Fmu(description, directory, close);
  }
}

export type Fmi3Value = number | bigint | boolean | string | Buffer;

export class Fmi3Bridge {
  readonly log: string[] = [];
  readonly #fmu: Fmi3Fmu;
  readonly #logger: bigint;
  #component: unknown;

  constructor(fmu: Fmi3Fmu, { events = false, early = false, token = fmu.description.instantiationToken } = {}) {
    this.#fmu = fmu;
    this.#logger = koffi.register(
      (_environment: unknown, _status: number, _category: string, message: string) => this.log.push(message),
      koffi.pointer(LOGGER),
    );
    const resources = join(fmu.directory, 'resources') + sep;
    this.#component = fmu.functions.get('InstantiateCoSimulation')!(
      'bridge',
      token,
      resources,
      false,
      true,
      events,
      early,
      null,
      0,
      null,
      this.#logger,
      null, // biome-ignore format: one call
    );
    if (this.#component === null) throw new Error(`no instance: ${this.log.join('\n')}`);
  }

  /** Calls `fmi3<name>`; its status. */
  call(name: string, ...args: unknown[]): number {
    return this.#fmu.functions.get(name)!(this.#component, ...args) as number;
  }

  free(): void {
    if (this.#component === null) return;
    this.#fmu.functions.get('FreeInstance')!(this.#component);
    this.#component = null;
    koffi.unregister(this.#logger);
  }

  enterInitialization(startTime = 0): number {
    return this.call('EnterInitializationMode', false, 0, startTime, false, 0);
  }

  initialise(startTime = 0): void {
    const status = this.enterInitialization(startTime) || this.call('ExitInitializationMode');
    if (status !== OK) throw new Error(`not initialised: ${this.log.join('\n')}`);
  }

  step(time: number, size: number): { status: number; event: boolean; early: boolean; reached: number } {
    const flags = new Uint8Array(3);
    const reached = new Float64Array(1);
    const status = this.call(
      'DoStep',
      time,
      size,
      true,
      flags.subarray(0, 1),
      flags.subarray(1, 2),
      flags.subarray(2),
      reached,
    );
    return { status, event: flags[0] === 1, early: flags[2] === 1, reached: reached[0]! };
  }

  variable(name: string): Fmi3Variable {
    const variable = this.#fmu.description.variables.find((v) => v.name === name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    return variable;
  }

  /** All elements; throws with the log if it is refused. */
  get(name: string): Fmi3Value[] {
    const variable = this.variable(name);
    const vrs = Uint32Array.of(variable.valueReference);
    const n = elements(variable);
    const type = accessType(variable.type);
    const checked = (status: number) => {
      if (status !== OK) throw new Error(`fmi3Get${type} of ${name}: ${this.log.at(-1)}`);
    };
    if (type === 'Clock') {
      const values = new Uint8Array(1);
      checked(this.call('GetClock', vrs, 1, values));
      return [values[0] === 1];
    }
    if (type === 'String') {
      const addresses = new BigUint64Array(n);
      checked(this.call('GetString', vrs, 1, addresses, n));
      return [...addresses].map((address) => koffi.decode.string(address));
    }
    if (type === 'Binary') {
      const addresses = new BigUint64Array(n);
      const sizes = new BigUint64Array(n);
      checked(this.call('GetBinary', vrs, 1, sizes, addresses, n));
      return [...addresses].map((address, k) => Buffer.from(koffi.view(address, Number(sizes[k])).slice(0)));
    }
    const values = new NUMBERS[type](n);
    checked(this.call(`Get${type}`, vrs, 1, values, n));
    return type === 'Boolean' ? [...(values as Uint8Array)].map((value) => value === 1) : [...values];
  }

  /** The status. */
  set(name: string, ...given: Fmi3Value[]): number {
    const variable = this.variable(name);
    const vrs = Uint32Array.of(variable.valueReference);
    const type = accessType(variable.type);
    if (type === 'Clock') return this.call('SetClock', vrs, 1, Uint8Array.from(given.map(Number)));
    if (type === 'String' || type === 'Binary') {
      const texts = given.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(`${value}\0`)));
      // A buffer of no bytes has no address.
      const addresses = BigUint64Array.from(texts.map((text) => (text.length === 0 ? 0n : koffi.address(text))));
      const sizes = BigUint64Array.from(texts.map((text) => BigInt(text.length)));
      return type === 'String'
        ? this.call('SetString', vrs, 1, addresses, texts.length)
        : this.call('SetBinary', vrs, 1, sizes, addresses, texts.length);
    }
    const big = type === 'Int64' || type === 'UInt64';
    const values = big
      ? NUMBERS[type].from(given.map((value) => BigInt(value as number | bigint)))
      : NUMBERS[type].from(given.map(Number));
    return this.call(`Set${type}`, vrs, 1, values, values.length);
  }

  get state(): bigint {
    const state = new BigUint64Array(1);
    if (this.call('GetFMUState', state) !== OK) throw new Error(this.log.at(-1));
    return state[0]!;
  }

  said(part: string | RegExp): boolean {
    return this.log.some((message) => (typeof part === 'string' ? message.includes(part) : part.test(message)));
  }
}

function elements({ dimensions }: Fmi3Variable): number {
  return dimensions.reduce((n, size) => n * ('start' in size ? Number(size.start) : 1), 1);
}

/** Enumerations are read and set as Int64 (FMI 3.0.2, section 2.2.7). */
function accessType(type: Fmi3Type): Exclude<Fmi3Type, 'Enumeration'> {
  return type === 'Enumeration' ? 'Int64' : type;
}
