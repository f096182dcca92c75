/** The library of an unpacked FMU, loaded by a process of its own, for one instance. */
import { existsSync } from 'node:fs';
import {
  type Address,
  importerFunctions,
  isolateProgramPath,
  NativeLibraryError,
  type ProcessEnding,
} from '../native/index.js';
import {
  ComponentCrashError,
  ComponentDeadlineError,
  type ComponentEndedError,
  type ComponentEnding,
} from './errors.js';
import { FarLibrary, passedLimit } from './far-library.js';
import type { IsolateOptions, ModelFolder } from './fmu-instance.js';
import { FMI_NUMBER } from './fmu-model.js';
import { loadingError } from './model-library.js';
import { libraryFile } from './platform.js';

const ERROR_BYTES = 2048;
/** Of one that has a deadline, what is not a step: starting the process, loading, initialising; ms. */
const START_UP_MS = 10_000;

export class IsolatedLibrary extends FarLibrary {
  readonly address: Address;
  readonly process: number;
  readonly #stepMs: number | undefined;
  readonly #startUpMs: number | undefined;

  /** Starts the process. Throws the errors of loading, {@link ComponentCrashError}, {@link ComponentDeadlineError}. */
  constructor(folder: ModelFolder, instance: string, { deadlineMs, startUpMs, onStart }: IsolateOptions) {
    super(instance);
    const { file, directory, model } = folder;
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

  protected override errorOf(ending: ProcessEnding, told: ComponentEnding): ComponentEndedError {
    if (!ending.isLate) return new ComponentCrashError(told);
    return new ComponentDeadlineError(told, passedLimit(ending, this.#stepMs, this.#startUpMs));
  }
}

function toNs(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.max(1, Math.round(ms * 1e6));
}
