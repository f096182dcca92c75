/**
 * An FMU's shared library, loaded once for all instances in this thread (FMI 2.0.4, sections 2.1 and 4.2).
 *
 * Arguments: an instance is an address, value references and values are typed arrays whose memory C reads and writes in
 * place, an array of strings is an array of JavaScript strings one way and of addresses (BigUint64Array) the other.
 */
import { type Koffi, loadKoffi } from '../native/index.js';
import type { FmuFolder } from './archive.js';
import { FmuFunctionMissingError, FmuLibraryError, FmuSingletonError } from './errors.js';
import { loadingRemedy } from './model-library.js';
import { libraryPath } from './platform.js';

/** The functions of co-simulation, `void *` for whatever is passed by address. */
const PROTOTYPES = {
  fmi2GetTypesPlatform: 'const char *fmi2GetTypesPlatform()',
  fmi2GetVersion: 'const char *fmi2GetVersion()',
  fmi2SetDebugLogging: 'int fmi2SetDebugLogging(void *c, int on, size_t n, const char **categories)',
  fmi2Instantiate:
    'void *fmi2Instantiate(const char *name, int type, const char *guid, const char *resources, void *callbacks, int visible, int loggingOn)',
  fmi2FreeInstance: 'void fmi2FreeInstance(void *c)',
  fmi2SetupExperiment:
    'int fmi2SetupExperiment(void *c, int hasTolerance, double tolerance, double start, int hasStop, double stop)',
  fmi2EnterInitializationMode: 'int fmi2EnterInitializationMode(void *c)',
  fmi2ExitInitializationMode: 'int fmi2ExitInitializationMode(void *c)',
  fmi2Terminate: 'int fmi2Terminate(void *c)',
  fmi2Reset: 'int fmi2Reset(void *c)',
  fmi2GetReal: 'int fmi2GetReal(void *c, void *vrs, size_t n, void *values)',
  fmi2GetInteger: 'int fmi2GetInteger(void *c, void *vrs, size_t n, void *values)',
  fmi2GetBoolean: 'int fmi2GetBoolean(void *c, void *vrs, size_t n, void *values)',
  fmi2GetString: 'int fmi2GetString(void *c, void *vrs, size_t n, void *values)',
  fmi2SetReal: 'int fmi2SetReal(void *c, void *vrs, size_t n, void *values)',
  fmi2SetInteger: 'int fmi2SetInteger(void *c, void *vrs, size_t n, void *values)',
  fmi2SetBoolean: 'int fmi2SetBoolean(void *c, void *vrs, size_t n, void *values)',
  fmi2SetString: 'int fmi2SetString(void *c, void *vrs, size_t n, const char **values)',
  fmi2GetFMUstate: 'int fmi2GetFMUstate(void *c, void *state)',
  fmi2SetFMUstate: 'int fmi2SetFMUstate(void *c, void *state)',
  fmi2FreeFMUstate: 'int fmi2FreeFMUstate(void *c, void *state)',
  fmi2SerializedFMUstateSize: 'int fmi2SerializedFMUstateSize(void *c, void *state, void *size)',
  fmi2SerializeFMUstate: 'int fmi2SerializeFMUstate(void *c, void *state, void *bytes, size_t size)',
  fmi2DeSerializeFMUstate: 'int fmi2DeSerializeFMUstate(void *c, void *bytes, size_t size, void *state)',
  fmi2GetDirectionalDerivative:
    'int fmi2GetDirectionalDerivative(void *c, void *unknowns, size_t nUnknown, void *knowns, size_t nKnown, void *dKnowns, void *dUnknowns)',
  fmi2SetRealInputDerivatives:
    'int fmi2SetRealInputDerivatives(void *c, void *vrs, size_t n, void *orders, void *values)',
  fmi2GetRealOutputDerivatives:
    'int fmi2GetRealOutputDerivatives(void *c, void *vrs, size_t n, void *orders, void *values)',
  fmi2DoStep: 'int fmi2DoStep(void *c, double time, double size, int noSetStatePrior)',
  fmi2CancelStep: 'int fmi2CancelStep(void *c)',
  fmi2GetStatus: 'int fmi2GetStatus(void *c, int kind, void *value)',
  fmi2GetRealStatus: 'int fmi2GetRealStatus(void *c, int kind, void *value)',
  fmi2GetIntegerStatus: 'int fmi2GetIntegerStatus(void *c, int kind, void *value)',
  fmi2GetBooleanStatus: 'int fmi2GetBooleanStatus(void *c, int kind, void *value)',
  fmi2GetStringStatus: 'int fmi2GetStringStatus(void *c, int kind, void *value)',
} as const;
export type FmiFunctionName = keyof typeof PROTOTYPES;

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
      this.#handle = loadKoffi().load(path);
    } catch (cause) {
      throw new FmuLibraryError(`cannot load the library of ${file}: ${(cause as Error).message}`, {
        cause,
        location: { file },
        remedy: loadingRemedy((cause as Error).message),
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
    try {
      this.#functions.set(name, this.#handle.func(PROTOTYPES[name]) as FmiFunction<unknown>);
      return true;
    } catch {
      return false;
    }
  }
}
