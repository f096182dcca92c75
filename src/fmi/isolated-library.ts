/** The library of an unpacked FMU, loaded by a process of its own, for one instance. */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import {
  type Address,
  importerFunctions,
  isolateProgramPath,
  NativeLibraryError,
  type ProcessEnding,
  processEnding,
} from '../native/index.js';
import { ComponentCrashError, ComponentDeadlineError, type ComponentEndedError } from './errors.js';
import type { IsolateOptions, ModelFolder } from './fmu-instance.js';
import { FMI_NUMBER, loadingError } from './model-library.js';
import { libraryFile } from './platform.js';
import type { FmuLogMessage } from './status.js';

const ERROR_BYTES = 2048;
/** Of one that has a deadline, what is not a step: starting the process, loading, initialising; ms. */
const START_UP_MS = 10_000;

export class IsolatedLibrary {
  readonly address: Address;
  /** Number of the process. */
  readonly process: number;
  readonly #instance: string;
  readonly #stepMs: number | undefined;
  readonly #startUpMs: number | undefined;
  #isAbandoned = false;

  /** Starts the process. Throws the errors of loading, {@link ComponentCrashError}, {@link ComponentDeadlineError}. */
  constructor(folder: ModelFolder, instance: string, { deadlineMs, startUpMs, onStart }: IsolateOptions) {
    const { file, directory, model } = folder;
    this.#instance = instance;
    this.#stepMs = deadlineMs;
    this.#startUpMs = startUpMs ?? (deadlineMs === undefined ? undefined : Math.max(START_UP_MS, deadlineMs));
    const path = libraryFile(file, directory, model.modelIdentifier, model.fmi);
    const program = isolateProgramPath();
    if (!existsSync(program)) {
      throw new NativeLibraryError(`the program ${program}, which runs isolated FMUs, is missing`, {
        details: { path: program },
        remedy: "run 'npm run build' (needs a C compiler and CMake)",
      });
    }
    const functions = importerFunctions();
    const error = new Uint8Array(ERROR_BYTES);
    this.address = functions.tb_library_isolate(
      program,
      path,
      FMI_NUMBER[model.fmi],
      model.modelIdentifier ?? '',
      toNs(this.#startUpMs),
      toNs(this.#stepMs),
      error,
      ERROR_BYTES,
    );
    if (Number(this.address) === 0) {
      const reason = Buffer.from(error).toString('utf8', 0, error.indexOf(0));
      if (reason.startsWith('cannot start')) throw new NativeLibraryError(reason, { details: { path: program } });
      throw loadingError(folder, reason);
    }
    this.process = Number(functions.tb_library_process(this.address));
    const ended = this.ended(undefined, []);
    if (ended === undefined) {
      onStart?.(this.process);
      return;
    }
    this.release();
    throw ended;
  }

  /** After a fatal status its instance must not be called any more; after its end it cannot. */
  get abandoned(): boolean {
    return this.#isAbandoned;
  }

  abandon(): void {
    this.#isAbandoned = true;
  }

  /** The error, if the process has ended. */
  ended(time: number | undefined, log: readonly FmuLogMessage[]): ComponentEndedError | undefined {
    const ending = processEnding(this.address);
    if (ending === undefined) return undefined;
    this.#isAbandoned = true;
    const { signal, code, waitedMs, output, function: name } = ending;
    const told = {
      instance: this.#instance,
      function: name,
      time,
      ...(signal === 0 || ending.isLate ? {} : { signal: signalName(signal) }),
      ...(code === undefined || signal !== 0 || ending.isLate ? {} : { exitCode: code }),
      waitedMs,
      log,
      output,
    };
    return ending.isLate ? new ComponentDeadlineError(told, this.#limitOf(ending)) : new ComponentCrashError(told);
  }

  /** Ends the process. */
  release(): void {
    importerFunctions().tb_library_unload(this.address);
  }

  /** Which of the two limits it was that passed. */
  #limitOf({ waitedMs }: ProcessEnding): number {
    const [step = 0, startUp = 0] = [this.#stepMs, this.#startUpMs];
    return startUp > 0 && waitedMs >= startUp ? startUp : step;
  }
}

function toNs(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.max(1, Math.round(ms * 1e6));
}

function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([, value]) => value === number);
  return named?.[0] ?? `signal ${number}`;
}
