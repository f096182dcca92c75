/** The library of an FMU that another process has loaded, for one instance: on this machine or on another. */
import { constants } from 'node:os';
import { type Address, importerFunctions, type ProcessEnding, processEnding } from '../native/index.js';
import type { ComponentEndedError, ComponentEnding } from './errors.js';
import type { FmuLogMessage } from './status.js';

export abstract class FarLibrary {
  abstract readonly address: Address;
  /** Name of the instance. */
  readonly instance: string;
  #isAbandoned = false;

  constructor(instance: string) {
    this.instance = instance;
  }

  /** Number of the process; undefined: it is on another machine, or was not started from here. */
  abstract get process(): number | undefined;

  /** After a fatal status its instance must not be called any more; after its end it cannot. */
  get abandoned(): boolean {
    return this.#isAbandoned;
  }

  abandon(): void {
    this.#isAbandoned = true;
  }

  /** The error, if the other side has ended. */
  ended(time: number | undefined, log: readonly FmuLogMessage[]): ComponentEndedError | undefined {
    const ending = processEnding(this.address);
    if (ending === undefined) return undefined;
    this.#isAbandoned = true;
    const { signal, code, waitedMs, output, function: name } = ending;
    const told = {
      instance: this.instance,
      function: name,
      time,
      ...(signal === 0 || ending.isLate ? {} : { signal: signalName(signal) }),
      ...(code === undefined || signal !== 0 || ending.isLate ? {} : { exitCode: code }),
      waitedMs,
      log,
      output,
    };
    return this.errorOf(ending, told);
  }

  protected abstract errorOf(ending: ProcessEnding, told: ComponentEnding): ComponentEndedError;

  /** Ends the other side. */
  release(): void {
    importerFunctions().tb_library_unload(this.address);
  }
}

/** Which of the two limits it was that passed, ms. */
export function passedLimit({ waitedMs }: ProcessEnding, stepMs: number = 0, startUpMs: number = 0): number {
  return startUpMs > 0 && waitedMs >= startUpMs ? startUpMs : stepMs;
}

function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([, value]) => value === number);
  return named?.[0] ?? `signal ${number}`;
}
