/**
 * An instance of a co-simulation FMU of FMI 1.0, 2.0 or 3.0: the life that all versions share, with the status of
 * functions turned into errors. The step plan takes its `address`.
 *
 * Every method can throw {@link FmuDiscardError}, {@link FmuStatusError} or {@link FmuFatalError} by the status of the
 * function, and {@link FmuInstanceGoneError} after {@link FmuInstance.free} or a fatal status; of an isolated or remote
 * one also a {@link ComponentEndedError}. A warning throws nothing and is counted. The order of
 * calls is the FMU's to check.
 */
import {
  type Address,
  importerFunctions,
  loadKoffi,
  NOT_OFFERED,
  STEP_RESULT_BYTES,
  STORAGES,
  type Storage,
} from '../native/index.js';
import {
  type ComponentEndedError,
  type FmuCallError,
  FmuDiscardError,
  FmuFatalError,
  FmuFunctionMissingError,
  FmuInstanceGoneError,
  FmuInstantiationError,
  FmuStatusError,
} from './errors.js';
import { FarLibrary } from './far-library.js';
import type { FmuModel } from './fmu-model.js';
import { IsolatedLibrary } from './isolated-library.js';
import { LogQueue } from './log-queue.js';
import { ModelLibrary } from './model-library.js';
import { RemoteLibrary } from './remote-library.js';
import { resourcesOf } from './resources.js';
import { FmiStatus, type FmuLogMessage } from './status.js';
import { type ModelValue, numberArray, storageOf, toModelValue, toRaw } from './storage.js';

/** Where an FMU lies unpacked: plain data, to be handed to another thread. */
export interface ModelFolder {
  /** The archive it came from. */
  readonly file: string;
  readonly directory: string;
  readonly model: FmuModel;
}

export interface FmuInstanceOptions {
  readonly name: string;
  /** Debug messages of the FMU; default false. */
  readonly loggingOn?: boolean;
  /** FMI 3.0: events are handled by the caller, and steps may return early; default false. */
  readonly eventMode?: boolean;
  /** In a process of its own, which may crash or hang without harm to this one; default: in this one. */
  readonly isolate?: IsolateOptions;
  /** Run by a server: where that is, or one that was begun to be reached. Then the folder's directory is not needed. */
  readonly remote?: RemoteOptions | RemoteLibrary;
  /** Receives every log message after the call that caused it. */
  readonly onLog?: (message: FmuLogMessage) => void;
}

export interface IsolateOptions {
  /** How long a call may take once it is initialised, ms; default: as long as it likes. Then its process is ended. */
  readonly deadlineMs?: number;
  /** How long each call may take before and after; default: 10 s, or the deadline if that is longer, if there is one. */
  readonly startUpMs?: number;
  /** Is told the number of the process before the instantiation. */
  readonly onStart?: (process: number) => void;
}

export interface RemoteOptions {
  /** Lines as in fmu-shim/src/remote/target.h, but for those that follow from the FMU and from what else is here. */
  readonly target: string;
  /** For messages: where it is. */
  readonly uri: string;
  /** For messages: what to do if nobody is there. */
  readonly remedy?: string;
  /** How long a call may take once it is initialised, ms; default: as long as it likes. Then the connection is closed. */
  readonly deadlineMs?: number;
  /** How long each call may take before, that to reach the server too; default: 30 s, or the deadline if that is longer. */
  readonly startUpMs?: number;
  /** Is told the number of the server's process, if it is started here. */
  readonly onStart?: (process: number) => void;
}

/** What came of a step. */
export interface StepResult {
  /** s; where it ended. */
  readonly reached: number;
  /** FMI 3.0: event mode is to be entered. */
  readonly eventNeeded: boolean;
  /** The FMU asks to end the simulation. */
  readonly terminate: boolean;
}

/** An FMU state: an address in the FMU. */
export type ModelState = bigint;

/** Log messages that an error carries. */
const REMEMBERED_MESSAGES = 10;

export class FmuInstance {
  readonly name: string;
  readonly folder: ModelFolder;
  /** FMI 3.0: whether events are handled by the caller. */
  readonly eventMode: boolean;
  /** Calls that returned a warning. */
  warnings = 0;
  /** Log messages lost because the FMU sent more in one call than the queue holds. */
  lostMessages = 0;

  readonly #functions = importerFunctions();
  readonly #library: ModelLibrary | FarLibrary;
  readonly #log: LogQueue;
  readonly #onLog: ((message: FmuLogMessage) => void) | undefined;
  readonly #recent: FmuLogMessage[] = [];
  readonly #address: Address;
  #freed = false;
  #time: number | undefined;

  /**
   * Instantiates. Besides the errors of loading (errors.ts) throws {@link FmuInstantiationError} with what the FMU said.
   */
  constructor(folder: ModelFolder, options: FmuInstanceOptions) {
    const { name, loggingOn = false, eventMode = false, onLog } = options;
    const { model, file } = folder;
    this.name = name;
    this.folder = folder;
    this.eventMode = eventMode;
    this.#onLog = onLog;
    this.#log = new LogQueue(name, model);
    try {
      this.#library = openLibrary(folder, options);
    } catch (error) {
      this.#log.destroy();
      throw error;
    }
    this.#address = this.#functions.tb_instance_create(
      this.#library.address,
      name,
      model.token,
      // A server has its own.
      this.#library instanceof RemoteLibrary ? '' : resourcesOf(folder),
      loggingOn ? 1 : 0,
      eventMode ? 1 : 0,
      eventMode && model.capabilities.mightReturnEarly ? 1 : 0,
      this.#log.address,
    );
    this.#drain();
    if (Number(this.#address) === 0) {
      const ended = this.#ended();
      this.free();
      if (ended !== undefined) throw ended;
      const said = this.#recent.map(({ message }) => `\n  ${name}: ${message}`).join('');
      throw new FmuInstantiationError(`${name}: ${file} cannot be instantiated${said}`, {
        location: { file },
        details: { instance: name, log: [...this.#recent] },
      });
    }
  }

  /** For a step plan; valid until {@link free}. */
  get address(): Address {
    return this.#alive();
  }

  /** A fatal error forbids any call, of this and of all other instances of the FMU in the process it is in. */
  get isAbandoned(): boolean {
    return this.#library.abandoned;
  }

  /** Whether it runs in a process of its own, here or elsewhere. */
  get isolated(): boolean {
    return this.#library instanceof FarLibrary;
  }

  /** Number of the process it runs in; undefined: it was not started here. */
  get process(): number | undefined {
    return this.#library instanceof FarLibrary ? this.#library.process : process.pid;
  }

  get model(): FmuModel {
    return this.folder.model;
  }

  /** Of a step under way elsewhere (in a step plan), for messages; s. */
  set time(time: number) {
    this.#time = time;
  }

  // -- Life cycle ---------------------------------------------------------------------------------------------------

  /** All `categories` of the FMU when none is named. */
  setDebugLogging(on: boolean, categories: readonly string[] = []): void {
    const status = this.#functions.tb_instance_debug_logging(this.#alive(), on ? 1 : 0, categories.length, categories);
    if (status !== NOT_OFFERED) this.#check(status);
  }

  /** FMI 3.0: structural parameters may be set inside, before the initialisation. */
  configure(change: () => void): void {
    this.#check(this.#functions.tb_instance_configuration_mode(this.#alive(), 1));
    change();
    this.#check(this.#functions.tb_instance_configuration_mode(this.#alive(), 0));
  }

  /** s; without a stop time for a run without a known end. */
  enterInitializationMode({
    startTime,
    stopTime,
    tolerance,
  }: {
    startTime: number;
    stopTime?: number;
    tolerance?: number;
  }): void {
    this.#time = startTime;
    const stop = [stopTime === undefined ? 0 : 1, stopTime ?? 0] as const;
    const bound = [tolerance === undefined ? 0 : 1, tolerance ?? 0] as const;
    this.#check(this.#functions.tb_instance_enter_initialization(this.#alive(), startTime, ...stop, ...bound));
  }

  /** FMI 1.0 initialises only here; FMI 3.0 with event mode is in it then. */
  exitInitializationMode(): void {
    this.#check(this.#functions.tb_instance_exit_initialization(this.#alive()));
  }

  enterEventMode(): void {
    this.#check(this.#functions.tb_instance_enter_event_mode(this.#alive()));
  }

  enterStepMode(): void {
    this.#check(this.#functions.tb_instance_enter_step_mode(this.#alive()));
  }

  /** FMI 3.0, in event mode: whether another round is needed. */
  updateDiscreteStates(): { needsUpdate: boolean; terminate: boolean; nextEvent: number | undefined } {
    const [needs, terminate, next] = [new Int32Array(1), new Int32Array(1), new Float64Array(1)];
    this.#check(this.#functions.tb_instance_update_discrete_states(this.#alive(), needs, terminate, next));
    const nextEvent = next[0]! < Number.MAX_VALUE ? next[0] : undefined;
    return { needsUpdate: needs[0] !== 0, terminate: terminate[0] !== 0, nextEvent };
  }

  terminate(): void {
    this.#check(this.#functions.tb_instance_terminate(this.#alive()));
  }

  reset(): void {
    this.#time = undefined;
    this.#check(this.#functions.tb_instance_reset(this.#alive()));
  }

  /**
   * Ends the instance, in whatever state; the last one unloads the library. After a fatal status the standard forbids
   * any call, so its memory stays with the FMU. May be called again.
   */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { abandoned } = this.#library;
    if (Number(this.#address) !== 0) this.#functions.tb_instance_free(this.#address, abandoned ? 1 : 0);
    // Nothing of an FMU in another process refers to the log, and it ends with its process.
    if (!abandoned || this.isolated) {
      this.#drain();
      this.#log.destroy();
    }
    this.#library.release();
  }

  // -- Values -------------------------------------------------------------------------------------------------------

  /** The values of a variable, one for each of its `size` elements. */
  get(variable: number, size: number = 1): ModelValue[] {
    const { type, valueReference } = this.model.variables[variable]!;
    const storage = storageOf(this.model.fmi, type);
    const values = numberArray(storage, size);
    const sizes = storage === 'bytes' ? new BigUint64Array(size) : null;
    const vrs = Uint32Array.of(valueReference);
    this.#check(this.#functions.tb_instance_get(this.#alive(), STORAGES.indexOf(storage), vrs, 1, values, size, sizes));
    const koffi = loadKoffi();
    // The FMU's own texts are valid until its next call only.
    if (storage === 'text') {
      return Array.from(values as BigUint64Array, (address) => (address === 0n ? '' : koffi.decode.string(address)));
    }
    if (storage === 'bytes') {
      return Array.from(values as BigUint64Array, (address, index) =>
        address === 0n ? new Uint8Array(0) : new Uint8Array(koffi.view(address, Number(sizes![index]))).slice(),
      );
    }
    return Array.from(values as ArrayLike<number | bigint>, (raw) => toModelValue(storage, type, raw));
  }

  /** One value for each element. */
  set(variable: number, values: readonly ModelValue[]): void {
    const { type, valueReference } = this.model.variables[variable]!;
    const storage = storageOf(this.model.fmi, type);
    const vrs = Uint32Array.of(valueReference);
    if (storage === 'text' || storage === 'bytes') {
      this.#setTexts(storage, vrs, values);
      return;
    }
    const raw = numberArray(storage, values.length);
    for (const [index, value] of values.entries()) raw[index] = toRaw(storage, value);
    const number = STORAGES.indexOf(storage);
    this.#check(this.#functions.tb_instance_set(this.#alive(), number, vrs, 1, raw, values.length, null));
  }

  #setTexts(storage: Storage, vrs: Uint32Array, values: readonly ModelValue[]): void {
    const koffi = loadKoffi();
    const parts = values.map((value) =>
      typeof value === 'string' ? Buffer.from(value, 'utf8') : (value as Uint8Array),
    );
    const memory = koffi.alloc(
      'uint8_t',
      parts.reduce((sum, part) => sum + part.length + 1, 1),
    );
    try {
      const base = koffi.address(memory);
      const bytes = new Uint8Array(
        koffi.view(
          memory,
          parts.reduce((sum, part) => sum + part.length + 1, 1),
        ),
      );
      const pointers = new BigUint64Array(parts.length);
      let at = 0;
      for (const [index, part] of parts.entries()) {
        bytes.set(part, at);
        bytes[at + part.length] = 0;
        pointers[index] = base + BigInt(at);
        at += part.length + 1;
      }
      const sizes = storage === 'bytes' ? BigUint64Array.from(parts, (part) => BigInt(part.length)) : null;
      const number = STORAGES.indexOf(storage);
      this.#check(
        this.#functions.tb_instance_set(this.#alive(), number, vrs, vrs.length, pointers, parts.length, sizes),
      );
    } finally {
      koffi.free(memory);
    }
  }

  // -- Steps --------------------------------------------------------------------------------------------------------

  /**
   * From `time` to `time + size`, s. A step that the FMU leaves pending is waited for. `mayGoBack`: the caller may later
   * set a state from before `time`.
   */
  doStep(time: number, size: number, mayGoBack: boolean = false): StepResult {
    this.#time = time;
    const result = new Uint8Array(STEP_RESULT_BYTES);
    this.#check(this.#functions.tb_instance_step(this.#alive(), time, size, mayGoBack ? 1 : 0, result));
    const view = new DataView(result.buffer);
    return {
      reached: view.getFloat64(0, true),
      eventNeeded: view.getInt32(12, true) !== 0,
      terminate: view.getInt32(16, true) !== 0,
    };
  }

  /** After a discarded step: where it got to, s; undefined if the FMU does not tell. */
  lastSuccessfulTime(): number | undefined {
    const time = new Float64Array(1);
    const status = this.#ask(this.#functions.tb_instance_last_successful_time(this.#alive(), time));
    return status ? time[0] : undefined;
  }

  /** After a discarded step: the FMU asks to end the simulation. */
  wantsToTerminate(): boolean {
    const terminated = new Int32Array(1);
    return this.#ask(this.#functions.tb_instance_terminated(this.#alive(), terminated)) && terminated[0] !== 0;
  }

  /** `fmi2GetMaxStepsize`, an extension of INTO-CPS, s; undefined if the FMU does not have it. */
  maxStepSize(): number | undefined {
    const size = new Float64Array(1);
    return this.#ask(this.#functions.tb_instance_max_step_size(this.#alive(), size)) ? size[0] : undefined;
  }

  /** A question that the FMU may refuse to answer, or not even know. */
  #ask(status: number): boolean {
    this.#drain();
    return status === FmiStatus.ok || status === FmiStatus.warning;
  }

  // -- State --------------------------------------------------------------------------------------------------------

  /** A copy of the state; free it with {@link freeState}. */
  getState(): ModelState {
    const state = new BigUint64Array(1);
    this.#check(this.#functions.tb_instance_get_state(this.#alive(), state));
    return state[0]!;
  }

  setState(state: ModelState): void {
    this.#check(this.#functions.tb_instance_set_state(this.#alive(), state));
  }

  freeState(state: ModelState): void {
    this.#check(this.#functions.tb_instance_free_state(this.#alive(), BigUint64Array.of(state)));
  }

  serializeState(state: ModelState): Uint8Array {
    const size = new BigUint64Array(1);
    this.#check(this.#functions.tb_instance_state_size(this.#alive(), state, size));
    const bytes = new Uint8Array(Number(size[0]));
    this.#check(this.#functions.tb_instance_serialize_state(this.#alive(), state, bytes, bytes.length));
    return bytes;
  }

  deserializeState(bytes: Uint8Array): ModelState {
    const state = new BigUint64Array(1);
    this.#check(this.#functions.tb_instance_deserialize_state(this.#alive(), bytes, bytes.length, state));
    return state[0]!;
  }

  // -- Messages and errors --------------------------------------------------------------------------------------------

  /** Has a step plan told of messages, and messages told of its time. */
  watch(addresses: { readonly time: bigint; readonly attention: bigint }): void {
    this.#log.watch(addresses.time, addresses.attention);
  }

  /** Ends {@link watch}: the step plan is about to go. */
  unwatch(): void {
    if (!this.#freed) this.#log.watch(0n, 0n);
  }

  /** Hands over what the FMU has said meanwhile. */
  drainLog(): void {
    this.#drain();
  }

  /** The error of a call that was made elsewhere (in a step plan) and answered `status`, at `time`, s. */
  failure(functionName: string, status: number, time: number): FmuCallError | ComponentEndedError {
    this.#time = time;
    this.#drain();
    return this.#error(functionName, status);
  }

  #alive(): Address {
    if (this.#freed || this.#library.abandoned) {
      const why = this.#freed
        ? 'was freed'
        : this.isolated
          ? 'had a fatal error, or its process has ended or is out of reach'
          : 'had a fatal error, or another instance of the same FMU had';
      throw new FmuInstanceGoneError(`${this.name} ${why}`, { details: { instance: this.name } });
    }
    return this.#address;
  }

  #check(status: number): void {
    this.#drain();
    if (status === FmiStatus.ok) return;
    if (status === FmiStatus.warning) {
      this.warnings += 1;
      return;
    }
    const { file, model } = this.folder;
    const called = this.#functions.tb_instance_last_call(this.#address);
    if (status === NOT_OFFERED) {
      // A server says which; a library was looked through when it was loaded.
      const what = this.#library instanceof RemoteLibrary && called !== '' ? `${called}, which` : 'a function that';
      throw new FmuFunctionMissingError(`${this.name}: ${file} lacks ${what} is needed`, {
        location: { file },
        details: { instance: this.name, fmi: model.fmi },
      });
    }
    throw this.#error(called, status);
  }

  /** The error, if it was in a process of its own that has ended. */
  #ended(): ComponentEndedError | undefined {
    return this.#library instanceof FarLibrary ? this.#library.ended(this.#time, [...this.#recent]) : undefined;
  }

  #error(functionName: string, status: number): FmuCallError | ComponentEndedError {
    const ended = this.#ended();
    if (ended !== undefined) return ended;
    const call = {
      function: functionName,
      instance: this.name,
      time: this.#time,
      status: status as FmiStatus,
      log: [...this.#recent],
    };
    if (status === FmiStatus.discard) return new FmuDiscardError(call);
    if (status !== FmiStatus.fatal) return new FmuStatusError(call);
    this.#library.abandon();
    return new FmuFatalError(call);
  }

  #drain(): void {
    if (!this.#log.hasMessages) return;
    const { messages, lost } = this.#log.take();
    this.lostMessages += lost;
    for (const message of messages) {
      this.#recent.push(message);
      if (this.#recent.length > REMEMBERED_MESSAGES) this.#recent.shift();
      this.#onLog?.(message);
    }
  }
}

function openLibrary(folder: ModelFolder, { name, isolate, remote }: FmuInstanceOptions): ModelLibrary | FarLibrary {
  if (remote === undefined) {
    return isolate === undefined ? ModelLibrary.acquire(folder) : new IsolatedLibrary(folder, name, isolate);
  }
  const library = remote instanceof RemoteLibrary ? remote : new RemoteLibrary(folder, name, remote);
  try {
    library.connect();
    return library;
  } catch (error) {
    library.release();
    throw error;
  }
}
