/** Runs a system in a thread of its own. */
import { type CachedFmu, FmiStatus, openCachedFmu } from '../fmi/index.js';
import type { PreparedRemotes } from '../remote/client/index.js';
import { ExitCode } from '../support/errors.js';
import type { System } from '../system/index.js';
import { Bell } from './bell.js';
import { type ErrorRecord, RunError } from './errors.js';
import { Control, type RunMessage, type RunRequest } from './protocol.js';
import type { Progress, RunLogMessage, RunReport } from './report.js';
import type { RunControl } from './run-control.js';
import type { RunSettings } from './run-loop.js';
import { RunThread } from './run-thread.js';

export interface RunOptions extends RunSettings {
  readonly onProgress?: (progress: Progress) => void;
  readonly onLog?: (message: RunLogMessage) => void;
  /** Ends the run after the present step; the promise resolves with outcome `stopped`. */
  readonly signal?: AbortSignal;
  /**
   * Gives up a run that does not react: it is asked to stop, and after `killAfterMs` (default 5,000) the processes that
   * were started for components are ended and the promise rejects with outcome `killed`. A thread inside an FMU of this process
   * cannot be ended from outside: it goes on until the FMU returns, or the process ends at once (see `exitNow`).
   */
  readonly kill?: AbortSignal;
  readonly killAfterMs?: number;
  /** To ask things of the run while it goes on. */
  readonly control?: RunControl;
}

const DEFAULT_KILL_AFTER_MS = 5000;
/** How long a run whose components' processes were ended may take to come to its end. */
const LAST_WORDS_MS = 2000;

/**
 * Opens the FMUs, which are unpacked if they are not in the cache, and runs the system. Rejects with {@link RunError} when
 * the run failed, and with the errors of opening an FMU.
 */
export async function runSystem(system: System, options: RunOptions = {}): Promise<RunReport> {
  const thread = RunThread.start();
  const opened = new OpenedSystem();
  try {
    await opened.open(system, thread, options.onLog);
    return await runInThread(thread, system, opened, options);
  } finally {
    await opened.close();
  }
}

/** What has to be there as long as the system runs. */
class OpenedSystem {
  /** Unpacked FMUs: folder by `Component.fmu`. */
  readonly folders = new Map<string, string>();
  remotes: PreparedRemotes | undefined;
  /** The last communication point that is known of, s. */
  time = 0;
  readonly #fmus: CachedFmu[] = [];

  async open({ components, start }: System, thread: RunThread, onLog: RunOptions['onLog']): Promise<void> {
    const here = components.filter(({ remote }) => remote === undefined);
    try {
      if (here.length < components.length) {
        const { prepareRemotes } = await import('../remote/client/index.js');
        this.time = start;
        this.remotes = await prepareRemotes(components, ({ component, message }) =>
          onLog?.({ time: this.time, instance: component, status: FmiStatus.warning, category: 'remote', message }),
        );
      }
      for (const file of new Set(here.map(({ fmu }) => fmu))) {
        const fmu = await openCachedFmu(file);
        this.#fmus.push(fmu);
        this.folders.set(file, fmu.directory);
      }
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const fmu of this.#fmus) fmu.release();
    await this.remotes?.close();
  }
}

function runInThread(thread: RunThread, system: System, opened: OpenedSystem, options: RunOptions): Promise<RunReport> {
  const { onProgress, onLog, signal, kill, killAfterMs = DEFAULT_KILL_AFTER_MS, control: asker, ...settings } = options;
  const { folders, remotes } = opened;
  const control = new Int32Array(new SharedArrayBuffer(Control.cells * Int32Array.BYTES_PER_ELEMENT));
  const port = asker?.attach(() => Bell.ring(control));
  const request: RunRequest = {
    system,
    settings,
    folders,
    control,
    ...(remotes === undefined ? {} : { remotes: remotes.places }),
    ...(port === undefined ? {} : { commands: port }),
    wantsProgress: onProgress !== undefined || remotes !== undefined,
    wantsLog: onLog !== undefined,
  };
  return new Promise<RunReport>((resolve, reject) => {
    const { worker, failure } = thread.take();
    let killTimer: NodeJS.Timeout | undefined;
    let verdict: RunMessage | undefined;
    let isGivenUp = false;
    const processes: number[] = [];
    const stop = () => Bell.stop(control);
    const giveUp = () => {
      void worker.terminate();
      settle(() => reject(new RunError(killed(killAfterMs), undefined)));
    };
    const beginKill = () => {
      stop();
      killTimer ??= setTimeout(() => {
        isGivenUp = true;
        // If it was one of these that does not return, the run goes on now, to its end.
        for (const process of processes) endProcess(process);
        killTimer = setTimeout(giveUp, processes.length === 0 ? 0 : LAST_WORDS_MS);
      }, killAfterMs);
    };
    const settle = (end: () => void) => {
      clearTimeout(killTimer);
      signal?.removeEventListener('abort', stop);
      kill?.removeEventListener('abort', beginKill);
      asker?.end();
      end();
    };
    signal?.addEventListener('abort', stop);
    kill?.addEventListener('abort', beginKill);
    if (signal?.aborted === true) stop();
    if (kill?.aborted === true) beginKill();

    worker.on('message', (message: RunMessage) => {
      if (message.type === 'progress') {
        opened.time = message.progress.time;
        onProgress?.(message.progress);
      } else if (message.type === 'log') {
        Atomics.add(control, Control.logBatchesTaken, 1);
        for (const entry of message.messages) onLog?.(entry);
      } else if (message.type === 'process') processes.push(message.process);
      else verdict = message;
    });
    worker.on('error', (cause) => settle(() => reject(new RunError(crashed(cause), undefined, { cause }))));
    // Only when the thread is over are its libraries unloaded and may the folders go.
    worker.on('exit', () =>
      settle(() => {
        if (verdict?.type === 'over' && verdict.error === undefined) resolve(verdict.report);
        else if (isGivenUp) {
          const report = verdict?.type === 'over' ? verdict.report : undefined;
          reject(new RunError(killed(killAfterMs), report && { ...report, outcome: 'killed' }));
        } else if (verdict?.type === 'over') reject(new RunError(verdict.error!, verdict.report));
        else if (verdict?.type === 'refused') reject(new RunError(verdict.error, undefined));
        else reject(new RunError(crashed(new Error('the thread of the run ended without a report')), undefined));
      }),
    );
    if (failure === undefined) worker.postMessage(request, port === undefined ? [] : [port]);
    else settle(() => reject(new RunError(crashed(failure), undefined, { cause: failure })));
  });
}

function endProcess(number: number): void {
  try {
    process.kill(number, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function killed(afterMs: number): ErrorRecord {
  return {
    name: 'RunError',
    code: 'TB_MASTER_KILLED',
    message: `the run did not react within ${afterMs / 1000} s: an FMU does not return`,
    exitCode: ExitCode.runFailed,
    details: { afterMs },
    remedy: 'the results up to the last communication point are kept',
  };
}

function crashed(cause: Error): ErrorRecord {
  return {
    name: 'RunError',
    code: 'TB_INTERNAL',
    message: `the thread of the run failed: ${cause.message}`,
    exitCode: ExitCode.runFailed,
    details: { stack: cause.stack },
  };
}
