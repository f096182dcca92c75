/**
 * An instance of an FMI 2.0 co-simulation FMU: the functions of the standard with their status turned into errors.
 *
 * Values move through the caller's typed arrays, whose first `vrs.length` elements are read or written: a `Float64Array`
 * for Real, an `Int32Array` for Integer, Enumeration and Boolean (0 or 1). No call allocates, except for strings.
 *
 * Every method can throw {@link FmuDiscardError}, {@link FmuStatusError} or {@link FmuFatalError} by the status of the
 * function, and {@link FmuInstanceGoneError} after {@link Fmi2Instance.free} or a fatal status. `fmi2Warning` throws
 * nothing and is counted. The order of calls is the FMU's to check (FMI 2.0.4, section 4.2.4).
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadKoffi } from '../native/index.js';
import type { FmuFolder } from './archive.js';
import {
  FmuDiscardError,
  FmuFatalError,
  FmuInstanceGoneError,
  FmuInstantiationError,
  FmuStatusError,
} from './errors.js';
import { HostEnvironment } from './host-environment.js';
import { type FmiFunction, type FmiFunctionName, FmuLibrary } from './library.js';
import { MessageFormatter } from './log-format.js';
import { FmiStatus, type FmuLogMessage } from './status.js';

export interface InstanceOptions {
  readonly name: string;
  /** Debug messages of the FMU; default false. */
  readonly loggingOn?: boolean;
  /** Receives every log message after the call that caused it. */
  readonly onLog?: (message: FmuLogMessage) => void;
}

export interface Experiment {
  /** s */
  readonly startTime: number;
  /** s; left out for a run without a known end. */
  readonly stopTime?: number;
  readonly tolerance?: number;
}

/** `fmi2FMUstate`: an address in the FMU. */
export type FmuState = bigint;

const CO_SIMULATION = 1;
const STATUS_KIND = { doStep: 0, pending: 1, lastSuccessfulTime: 2, terminated: 3 } as const;
/** How long a pending step sleeps between two questions, ms. */
const POLL_MS = 1;
/** Log messages that an error carries. */
const REMEMBERED_MESSAGES = 10;

const sleepCell = new Int32Array(new SharedArrayBuffer(4));

export class Fmi2Instance {
  readonly name: string;
  readonly fmu: FmuFolder;
  /** Calls that returned `fmi2Warning`. */
  warnings = 0;
  /** Log messages lost because the FMU sent more in one call than the queue holds. */
  lostMessages = 0;

  readonly #library: FmuLibrary;
  readonly #host: HostEnvironment;
  readonly #formatter: MessageFormatter;
  readonly #onLog: ((message: FmuLogMessage) => void) | undefined;
  readonly #recent: FmuLogMessage[] = [];
  readonly #component: bigint | null;
  #freed = false;
  #time: number | undefined;
  #strings = new BigUint64Array(0);
  // Bound once: a lookup by name for each call would cost as much as the call.
  readonly #doStep: FmiFunction;
  readonly #getReal: FmiFunction;
  readonly #getInteger: FmiFunction;
  readonly #getBoolean: FmiFunction;
  readonly #getString: FmiFunction;
  readonly #setReal: FmiFunction;
  readonly #setInteger: FmiFunction;
  readonly #setBoolean: FmiFunction;
  readonly #setString: FmiFunction;

  /**
   * `fmi2Instantiate`. Besides the errors of loading (errors.ts) throws {@link FmuInstantiationError} with what the FMU
   * said.
   */
  constructor(fmu: FmuFolder, options: InstanceOptions) {
    this.name = options.name;
    this.fmu = fmu;
    this.#onLog = options.onLog;
    this.#formatter = new MessageFormatter(fmu.description);
    this.#host = new HostEnvironment();
    try {
      this.#library = FmuLibrary.acquire(fmu);
    } catch (error) {
      this.#host.destroy();
      throw error;
    }
    this.#doStep = this.#library.function('fmi2DoStep');
    this.#getReal = this.#library.function('fmi2GetReal');
    this.#getInteger = this.#library.function('fmi2GetInteger');
    this.#getBoolean = this.#library.function('fmi2GetBoolean');
    this.#getString = this.#library.function('fmi2GetString');
    this.#setReal = this.#library.function('fmi2SetReal');
    this.#setInteger = this.#library.function('fmi2SetInteger');
    this.#setBoolean = this.#library.function('fmi2SetBoolean');
    this.#setString = this.#library.function('fmi2SetString');
    this.#component = this.#library.function<bigint | null>('fmi2Instantiate')(
      this.name,
      CO_SIMULATION,
      fmu.description.guid,
      pathToFileURL(join(fmu.directory, 'resources')).href,
      this.#host.callbacks,
      0,
      options.loggingOn === true ? 1 : 0,
    );
    this.#drain();
    if (this.#component === null) {
      this.free();
      const said = this.#recent.map(({ message }) => `\n  ${this.name}: ${message}`).join('');
      throw new FmuInstantiationError(`${this.name}: ${fmu.file} cannot be instantiated${said}`, {
        location: { file: fmu.file },
        details: { instance: this.name, log: [...this.#recent] },
      });
    }
  }

  // -- Life cycle ---------------------------------------------------------------------------------------------------

  /** All `categories` of the FMU when none is named. */
  setDebugLogging(on: boolean, categories: readonly string[] = []): void {
    this.#call('fmi2SetDebugLogging', on ? 1 : 0, categories.length, categories);
  }

  setupExperiment({ startTime, stopTime, tolerance }: Experiment): void {
    this.#time = startTime;
    const stop = [stopTime === undefined ? 0 : 1, stopTime ?? 0] as const;
    this.#call('fmi2SetupExperiment', tolerance === undefined ? 0 : 1, tolerance ?? 0, startTime, ...stop);
  }

  enterInitializationMode(): void {
    this.#call('fmi2EnterInitializationMode');
  }

  exitInitializationMode(): void {
    this.#call('fmi2ExitInitializationMode');
  }

  terminate(): void {
    this.#call('fmi2Terminate');
  }

  reset(): void {
    this.#time = undefined;
    this.#call('fmi2Reset');
  }

  /**
   * Ends the instance, in whatever state; the last one unloads the library. After a fatal status the standard forbids
   * any call, so its memory stays with the FMU. May be called again.
   */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    if (!this.#library.abandoned) {
      if (this.#component !== null) this.#library.function<void>('fmi2FreeInstance')(this.#component);
      this.#drain();
      this.#host.destroy();
    }
    this.#library.release();
  }

  // -- Values -------------------------------------------------------------------------------------------------------

  getReal(vrs: Uint32Array, values: Float64Array): void {
    this.#check(this.#getReal(this.#alive(), vrs, vrs.length, values), 'fmi2GetReal');
  }

  getInteger(vrs: Uint32Array, values: Int32Array): void {
    this.#check(this.#getInteger(this.#alive(), vrs, vrs.length, values), 'fmi2GetInteger');
  }

  getBoolean(vrs: Uint32Array, values: Int32Array): void {
    this.#check(this.#getBoolean(this.#alive(), vrs, vrs.length, values), 'fmi2GetBoolean');
  }

  /** The strings are copied: the FMU's own are valid until its next call only (FMI 2.0.4, section 2.1.7). */
  getString(vrs: Uint32Array, values: string[]): void {
    if (this.#strings.length < vrs.length) this.#strings = new BigUint64Array(vrs.length);
    this.#check(this.#getString(this.#alive(), vrs, vrs.length, this.#strings), 'fmi2GetString');
    for (let i = 0; i < vrs.length; i++) {
      const address = this.#strings[i]!;
      values[i] = address === 0n ? '' : loadKoffi().decode.string(address);
    }
  }

  setReal(vrs: Uint32Array, values: Float64Array): void {
    this.#check(this.#setReal(this.#alive(), vrs, vrs.length, values), 'fmi2SetReal');
  }

  setInteger(vrs: Uint32Array, values: Int32Array): void {
    this.#check(this.#setInteger(this.#alive(), vrs, vrs.length, values), 'fmi2SetInteger');
  }

  setBoolean(vrs: Uint32Array, values: Int32Array): void {
    this.#check(this.#setBoolean(this.#alive(), vrs, vrs.length, values), 'fmi2SetBoolean');
  }

  setString(vrs: Uint32Array, values: readonly string[]): void {
    this.#check(this.#setString(this.#alive(), vrs, vrs.length, values), 'fmi2SetString');
  }

  // -- Steps --------------------------------------------------------------------------------------------------------

  /**
   * From `time` to `time + size`, s. A step that the FMU leaves pending is waited for, since the caller gives no
   * `stepFinished`. `mayGoBack`: the caller may later set a state from before `time`.
   */
  doStep(time: number, size: number, mayGoBack: boolean = false): void {
    this.#time = time;
    let status = this.#doStep(this.#alive(), time, size, mayGoBack ? 0 : 1);
    if (status === FmiStatus.pending) status = this.#awaitStep();
    this.#check(status, 'fmi2DoStep');
  }

  cancelStep(): void {
    this.#call('fmi2CancelStep');
  }

  /** `fmi2LastSuccessfulTime` after a discarded step, s; undefined if the FMU does not tell. */
  lastSuccessfulTime(): number | undefined {
    const value = new Float64Array(1);
    const status = this.#status('fmi2GetRealStatus', STATUS_KIND.lastSuccessfulTime, value);
    return status <= FmiStatus.warning ? value[0] : undefined;
  }

  /** `fmi2Terminated` after a discarded step: the FMU asks to end the simulation. */
  wantsToTerminate(): boolean {
    const value = new Int32Array(1);
    const status = this.#status('fmi2GetBooleanStatus', STATUS_KIND.terminated, value);
    return status <= FmiStatus.warning && value[0] !== 0;
  }

  /** `fmi2PendingStatus`: what the FMU says of its running step; undefined if it does not tell. */
  pendingStatus(): string | undefined {
    const value = new BigUint64Array(1);
    const status = this.#status('fmi2GetStringStatus', STATUS_KIND.pending, value);
    return status <= FmiStatus.warning && value[0] !== 0n ? loadKoffi().decode.string(value[0]!) : undefined;
  }

  #awaitStep(): number {
    const value = new Int32Array(1);
    for (;;) {
      Atomics.wait(sleepCell, 0, 0, POLL_MS);
      const status = this.#library.function('fmi2GetStatus')(this.#alive(), STATUS_KIND.doStep, value);
      this.#check(status, 'fmi2GetStatus');
      if (value[0] !== FmiStatus.pending) return value[0]!;
    }
  }

  /** A question that the FMU may refuse to answer, or not even know. */
  #status(name: FmiFunctionName, kind: number, value: ArrayBufferView): number {
    if (!this.#library.offers(name)) return FmiStatus.discard;
    const status = this.#library.function(name)(this.#alive(), kind, value);
    this.#drain();
    return status;
  }

  // -- State --------------------------------------------------------------------------------------------------------

  /** A copy of the state; free it with {@link freeState}. */
  getState(): FmuState {
    const state = new BigUint64Array(1);
    this.#call('fmi2GetFMUstate', state);
    return state[0]!;
  }

  setState(state: FmuState): void {
    this.#call('fmi2SetFMUstate', state);
  }

  freeState(state: FmuState): void {
    this.#call('fmi2FreeFMUstate', BigUint64Array.of(state));
  }

  serializeState(state: FmuState): Uint8Array {
    const size = new BigUint64Array(1);
    this.#call('fmi2SerializedFMUstateSize', state, size);
    const bytes = new Uint8Array(Number(size[0]));
    this.#call('fmi2SerializeFMUstate', state, bytes, bytes.length);
    return bytes;
  }

  deserializeState(bytes: Uint8Array): FmuState {
    const state = new BigUint64Array(1);
    this.#call('fmi2DeSerializeFMUstate', bytes, bytes.length, state);
    return state[0]!;
  }

  // -- Derivatives --------------------------------------------------------------------------------------------------

  /** Change of `unknowns` for the change `dKnowns` of `knowns`, into `dUnknowns`. */
  getDirectionalDerivative(
    unknowns: Uint32Array,
    knowns: Uint32Array,
    dKnowns: Float64Array,
    dUnknowns: Float64Array,
  ): void {
    const [nUnknown, nKnown] = [unknowns.length, knowns.length];
    this.#call('fmi2GetDirectionalDerivative', unknowns, nUnknown, knowns, nKnown, dKnowns, dUnknowns);
  }

  setRealInputDerivatives(vrs: Uint32Array, orders: Int32Array, values: Float64Array): void {
    this.#call('fmi2SetRealInputDerivatives', vrs, vrs.length, orders, values);
  }

  getRealOutputDerivatives(vrs: Uint32Array, orders: Int32Array, values: Float64Array): void {
    this.#call('fmi2GetRealOutputDerivatives', vrs, vrs.length, orders, values);
  }

  // -- Calls --------------------------------------------------------------------------------------------------------

  #call(name: FmiFunctionName, ...args: Parameters<FmiFunction>): void {
    this.#check(this.#library.function(name)(this.#alive(), ...args), name);
  }

  #alive(): bigint {
    if (this.#component === null || this.#freed || this.#library.abandoned) {
      const why = this.#freed ? 'was freed' : 'had a fatal error, or another instance of the same FMU had';
      throw new FmuInstanceGoneError(`${this.name} ${why}`, { details: { instance: this.name } });
    }
    return this.#component;
  }

  #check(status: number, name: FmiFunctionName): void {
    if (status === FmiStatus.ok && !this.#host.hasMessages) return;
    this.#drain();
    if (status === FmiStatus.ok) return;
    if (status === FmiStatus.warning) {
      this.warnings += 1;
      return;
    }
    const call = {
      function: name,
      instance: this.name,
      time: this.#time,
      status: status as FmiStatus,
      log: [...this.#recent],
    };
    if (status === FmiStatus.discard) throw new FmuDiscardError(call);
    if (status !== FmiStatus.fatal) throw new FmuStatusError(call);
    this.#library.abandon();
    throw new FmuFatalError(call);
  }

  #drain(): void {
    if (!this.#host.hasMessages) return;
    const { records, lost } = this.#host.take();
    this.lostMessages += lost;
    for (const { status, category, message } of records) {
      const entry: FmuLogMessage = {
        instance: this.name,
        status: status as FmiStatus,
        category,
        message: this.#formatter.expand(message),
      };
      this.#recent.push(entry);
      if (this.#recent.length > REMEMBERED_MESSAGES) this.#recent.shift();
      this.#onLog?.(entry);
    }
  }
}
