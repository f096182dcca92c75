/** The library of an FMU that a server runs, for one instance: found, or started on this machine. */
import {
  type Address,
  beginConnecting,
  finishConnecting,
  importerFunctions,
  NativeLibraryError,
  type ProcessEnding,
} from '../native/index.js';
import {
  ComponentCrashError,
  ComponentDeadlineError,
  type ComponentEndedError,
  type ComponentEnding,
  RemoteDeadlineError,
  RemoteLostError,
  RemoteRefusedError,
  RemoteUnreachableError,
} from './errors.js';
import { FarLibrary, passedLimit } from './far-library.js';
import type { ModelFolder, RemoteOptions } from './fmu-instance.js';
import { FMI_NUMBER } from './fmu-model.js';
import { loadingError } from './model-library.js';

/** Of what is not a step: to reach or start the server, to send it the FMU, to load and to initialise it; ms. */
const START_UP_MS = 30_000;

export class RemoteLibrary extends FarLibrary {
  readonly address: Address;
  readonly folder: ModelFolder;
  readonly #options: RemoteOptions;
  readonly #startUpMs: number;
  #isConnected = false;

  /**
   * Begins to start a server or to connect to one: many begin at once, and each is then to {@link connect}, or to be
   * released. Throws {@link NativeLibraryError} if the server cannot be started.
   */
  constructor(folder: ModelFolder, instance: string, options: RemoteOptions) {
    super(instance);
    this.folder = folder;
    this.#options = options;
    const { target, deadlineMs, startUpMs = Math.max(START_UP_MS, deadlineMs ?? 0), onStart } = options;
    this.#startUpMs = startUpMs;
    const { fmi, modelIdentifier = '' } = folder.model;
    const begun = beginConnecting(
      `${target.trimEnd()}\n${formatTarget({
        fmi: FMI_NUMBER[fmi],
        identifier: modelIdentifier,
        instance,
        'start-ms': startUpMs,
        'step-ms': deadlineMs ?? 0,
      })}`,
    );
    if ('reason' in begun)
      throw new NativeLibraryError(`${instance}: ${begun.reason}`, { details: { uri: options.uri } });
    this.address = begun.library;
    if (this.process !== undefined) onStart?.(this.process);
  }

  /**
   * Waits until the FMU is loaded there. Throws {@link RemoteUnreachableError}, {@link RemoteRefusedError}, the errors of
   * loading, and those of a server that ends or is late.
   */
  connect(): void {
    if (this.#isConnected) return;
    const { outcome, reason } = finishConnecting(this.address);
    if (outcome !== 'connected') throw this.#failure(outcome, reason);
    this.#isConnected = true;
  }

  override get process(): number | undefined {
    const number = Number(importerFunctions().tb_library_process(this.address));
    return number === 0 ? undefined : number;
  }

  #failure(outcome: Exclude<ReturnType<typeof finishConnecting>['outcome'], 'connected'>, reason: string): Error {
    const { instance } = this;
    const { uri, remedy } = this.#options;
    const context = { details: { instance, uri, reason }, ...(remedy === undefined ? {} : { remedy }) };
    const ended = this.ended(undefined, []);
    if (ended !== undefined) return ended;
    switch (outcome) {
      case 'unreachable':
        return new RemoteUnreachableError(`${instance}: cannot reach ${uri}: ${reason}`, context);
      case 'late':
        return new RemoteDeadlineError(this.#told(reason), this.#startUpMs);
      case 'ended':
        return new RemoteLostError(this.#told(reason));
      case 'cannot-start':
        return new NativeLibraryError(`${instance}: ${reason}`, { details: { uri } });
      case 'refused':
        if (reason.startsWith('missing: ')) return loadingError(this.folder, reason);
        return new RemoteRefusedError(`${instance}: ${uri} cannot be run: ${reason}`, {
          details: { instance, uri, reason },
          ...(/FMI 3\.0/.test(reason) ? { remedy: 'a booter of twinbridge runs it: proxyfmu://host:port?file=…' } : {}),
        });
    }
  }

  #told(reason: string): ComponentEnding {
    const { instance } = this;
    return {
      instance,
      function: '',
      time: undefined,
      waitedMs: 0,
      log: [],
      output: '',
      uri: this.#options.uri,
      reason,
    };
  }

  protected override errorOf(ending: ProcessEnding, told: ComponentEnding): ComponentEndedError {
    const { uri, deadlineMs } = this.#options;
    const known = { ...told, uri, reason: ending.reason };
    const isOurs = this.process !== undefined;
    if (ending.isLate) {
      const limitMs = passedLimit(ending, deadlineMs, this.#startUpMs);
      return isOurs ? new ComponentDeadlineError(known, limitMs) : new RemoteDeadlineError(known, limitMs);
    }
    const hasEnded = known.signal !== undefined || known.exitCode !== undefined;
    return isOurs && hasEnded ? new ComponentCrashError(known) : new RemoteLostError(known);
  }
}

/** Lines for `tb_library_connect`; what is undefined is left out. Throws RangeError for a value of several lines. */
export function formatTarget(entries: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(entries)
    .flatMap(([key, value]) => {
      if (value === undefined) return [];
      if (/[\r\n\0]/.test(String(value))) throw new RangeError(`the ${key} of a remote FMU has a line break in it`);
      return [`${key} ${value}\n`];
    })
    .join('');
}
