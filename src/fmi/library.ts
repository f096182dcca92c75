/**
 * An FMU's shared library, loaded once for all instances in this thread (FMI 2.0.4, sections 2.1 and 4.2).
 *
 * Arguments: an instance is an address, value references and values are typed arrays whose memory C reads and writes in
 * place, an array of strings is an array of JavaScript strings one way and of addresses (BigUint64Array) the other.
 */
import { type Koffi, loadKoffi } from '../native/index.js';
import type { FmuFolder } from './archive.js';
import { FmuFunctionMissingError, FmuLibraryError, FmuSingletonError } from './errors.js';
import { libraryPath } from './platform.js';

const koffi = loadKoffi();

/** koffi runs C on a stack of its own, of 2 MiB; FMUs expect what a main thread has. */
const STACK_BYTES = 8 * 2 ** 20;
try {
  koffi.config({ sync_stack_size: STACK_BYTES });
} catch {
  // Too late when a library was loaded before: the stack stays as it is.
}

/** `void *` for whatever is passed by address. */
const P = 'void *';

/** Result and parameter types of the functions of co-simulation. */
const SIGNATURES = {
  fmi2GetTypesPlatform: ['str', []],
  fmi2GetVersion: ['str', []],
  fmi2SetDebugLogging: ['int', [P, 'int', 'size_t', 'const char **']],
  fmi2Instantiate: [P, ['str', 'int', 'str', 'str', P, 'int', 'int']],
  fmi2FreeInstance: ['void', [P]],
  fmi2SetupExperiment: ['int', [P, 'int', 'double', 'double', 'int', 'double']],
  fmi2EnterInitializationMode: ['int', [P]],
  fmi2ExitInitializationMode: ['int', [P]],
  fmi2Terminate: ['int', [P]],
  fmi2Reset: ['int', [P]],
  fmi2GetReal: ['int', [P, P, 'size_t', P]],
  fmi2GetInteger: ['int', [P, P, 'size_t', P]],
  fmi2GetBoolean: ['int', [P, P, 'size_t', P]],
  fmi2GetString: ['int', [P, P, 'size_t', P]],
  fmi2SetReal: ['int', [P, P, 'size_t', P]],
  fmi2SetInteger: ['int', [P, P, 'size_t', P]],
  fmi2SetBoolean: ['int', [P, P, 'size_t', P]],
  fmi2SetString: ['int', [P, P, 'size_t', 'const char **']],
  fmi2GetFMUstate: ['int', [P, P]],
  fmi2SetFMUstate: ['int', [P, P]],
  fmi2FreeFMUstate: ['int', [P, P]],
  fmi2SerializedFMUstateSize: ['int', [P, P, P]],
  fmi2SerializeFMUstate: ['int', [P, P, P, 'size_t']],
  fmi2DeSerializeFMUstate: ['int', [P, P, 'size_t', P]],
  fmi2GetDirectionalDerivative: ['int', [P, P, 'size_t', P, 'size_t', P, P]],
  fmi2SetRealInputDerivatives: ['int', [P, P, 'size_t', P, P]],
  fmi2GetRealOutputDerivatives: ['int', [P, P, 'size_t', P, P]],
  fmi2DoStep: ['int', [P, 'double', 'double', 'int']],
  fmi2CancelStep: ['int', [P]],
  fmi2GetStatus: ['int', [P, 'int', P]],
  fmi2GetRealStatus: ['int', [P, 'int', P]],
  fmi2GetIntegerStatus: ['int', [P, 'int', P]],
  fmi2GetBooleanStatus: ['int', [P, 'int', P]],
  fmi2GetStringStatus: ['int', [P, 'int', P]],
} as const;
export type FmiFunctionName = keyof typeof SIGNATURES;

/** Without these nothing runs. The others are looked up when they are first called: FMUs leave out what they do not offer. */
const NEEDED: readonly FmiFunctionName[] = [
  'fmi2GetVersion',
  'fmi2Instantiate',
  'fmi2FreeInstance',
  'fmi2SetupExperiment',
  'fmi2EnterInitializationMode',
  'fmi2ExitInitializationMode',
  'fmi2Terminate',
  'fmi2GetReal',
  'fmi2GetInteger',
  'fmi2GetBoolean',
  'fmi2GetString',
  'fmi2SetReal',
  'fmi2SetInteger',
  'fmi2SetBoolean',
  'fmi2SetString',
  'fmi2DoStep',
];

type Argument = bigint | number | string | null | ArrayBufferView | readonly string[];
export type FmiFunction<Result = number> = (...args: Argument[]) => Result;

type Handle = ReturnType<Koffi['load']>;

const loaded = new Map<string, FmuLibrary>();
/** Keeps abandoned libraries from being collected, which would unload them. */
const abandonedLibraries = new Set<FmuLibrary>();

export class FmuLibrary {
  readonly path: string;
  readonly #handle: Handle;
  readonly #functions = new Map<string, FmiFunction<unknown>>();
  readonly #onlyOnce: boolean;
  #users = 0;
  /** After fmi2Fatal: no instance of this FMU may be called, and its code may still be running. */
  abandoned = false;

  /** The library of an unpacked FMU, loaded now or before. Pair it with {@link release}. */
  static acquire(fmu: FmuFolder): FmuLibrary {
    const path = libraryPath(fmu);
    const library = loaded.get(path) ?? new FmuLibrary(fmu, path);
    if (library.#onlyOnce && library.#users > 0) {
      throw new FmuSingletonError(`${fmu.file} can be instantiated only once per process`, {
        location: { file: fmu.file },
        remedy: 'use one component of this FMU per system',
      });
    }
    loaded.set(path, library);
    library.#users += 1;
    return library;
  }

  private constructor({ file, description }: FmuFolder, path: string) {
    this.path = path;
    this.#onlyOnce = description.coSimulation?.canBeInstantiatedOnlyOncePerProcess === true;
    try {
      this.#handle = koffi.load(path);
    } catch (cause) {
      throw new FmuLibraryError(`cannot load the library of ${file}: ${(cause as Error).message}`, {
        cause,
        location: { file },
        remedy: 'check that the libraries it depends on are installed and that it is built for this machine',
      });
    }
    const missing = NEEDED.filter((name) => !this.#bind(name));
    if (missing.length > 0) {
      throw new FmuFunctionMissingError(`the library of ${file} does not export ${missing.join(', ')}`, {
        location: { file },
        details: { missing },
        remedy: 'export the FMU as FMI 2.0 for co-simulation',
      });
    }
  }

  /** A function of the library; throws {@link FmuFunctionMissingError} if it is not exported. */
  function<Result = number>(name: FmiFunctionName): FmiFunction<Result> {
    if (!this.offers(name)) {
      throw new FmuFunctionMissingError(`${this.path} does not export ${name}`, { details: { missing: [name] } });
    }
    return this.#functions.get(name) as FmiFunction<Result>;
  }

  /** Whether the library exports the function. */
  offers(name: FmiFunctionName): boolean {
    return this.#functions.has(name) || this.#bind(name);
  }

  /** Ends one use; the last one unloads the library. */
  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    loaded.delete(this.path);
    if (!this.abandoned) this.#handle.unload();
  }

  /** Gives up all instances and keeps the library in memory for good. */
  abandon(): void {
    this.abandoned = true;
    abandonedLibraries.add(this);
  }

  #bind(name: FmiFunctionName): boolean {
    const [result, parameters] = SIGNATURES[name];
    try {
      this.#functions.set(name, this.#handle.func(name, result, [...parameters]) as FmiFunction<unknown>);
      return true;
    } catch {
      return false;
    }
  }
}
