/** The thread of a run: FMUs may block in it while the main thread stays free for signals and progress. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ModelFolder } from '../fmi/index.js';
import { importerFunctions } from '../native/index.js';
import { toErrorRecord } from './errors.js';
import { Control, MAX_LOG_BATCHES, Ready, type RunMessage, type RunRequest } from './protocol.js';
import type { RunLogMessage } from './report.js';
import { runLoop } from './run-loop.js';

/** Messages in a batch. */
const MAX_BATCH = 100;
/** A batch older than this, ms, goes with the next message or progress, full or not. */
const MAX_BATCH_AGE_MS = 50;

/** Sends log messages in batches, as many as the main thread keeps up with. */
class LogSender {
  readonly #post: (message: RunMessage) => void;
  readonly #control: Int32Array;
  #batch: RunLogMessage[] = [];
  #sent = 0;
  #flushedMs = 0;
  dropped = 0;

  constructor(control: Int32Array, post: (message: RunMessage) => void) {
    this.#control = control;
    this.#post = post;
  }

  add(message: RunLogMessage): void {
    const size = this.#batch.push(message);
    if (size >= MAX_BATCH || performance.now() - this.#flushedMs > MAX_BATCH_AGE_MS) this.flush();
  }

  flush(): void {
    this.#flushedMs = performance.now();
    if (this.#batch.length === 0) return;
    if (this.#sent - Atomics.load(this.#control, Control.logBatchesTaken) < MAX_LOG_BATCHES) {
      this.#post({ type: 'log', messages: this.#batch });
      this.#sent += 1;
    } else {
      this.dropped += this.#batch.length;
    }
    this.#batch = [];
  }
}

async function serve(port: MessagePort, request: RunRequest): Promise<void> {
  const { system, settings, control, commands } = request;
  const post = (message: RunMessage) => port.postMessage(message);
  const log = new LogSender(control, post);
  try {
    const { report, error } = await runLoop(system, toFolders(request), settings, {
      bell: control,
      ...(commands === undefined ? {} : { commands }),
      ...(request.remotes === undefined ? {} : { remotes: request.remotes }),
      onProcess: (number) => post({ type: 'process', process: number }),
      onProgress: (progress) => {
        log.flush();
        if (request.wantsProgress) post({ type: 'progress', progress });
      },
      ...(request.wantsLog && { onLog: (message) => log.add(message) }),
    });
    log.flush();
    const complete = { ...report, droppedLogMessages: log.dropped };
    post({ type: 'over', report: complete, ...(error === undefined ? {} : { error: toErrorRecord(error) }) });
  } catch (error) {
    log.flush();
    post({ type: 'refused', error: toErrorRecord(error) });
  } finally {
    commands?.close();
  }
}

function toFolders({ system, folders }: RunRequest): Map<string, ModelFolder> {
  const here = system.components.filter(({ remote }) => remote === undefined);
  return new Map(here.map(({ fmu, model }) => [fmu, { file: fmu, directory: folders.get(fmu)!, model }]));
}

/** What would otherwise be done at the first instance, and takes some milliseconds. */
function getReady(): void {
  try {
    importerFunctions();
  } catch {
    // Whoever needs the library is told.
  }
}

if (parentPort !== null) {
  const port = parentPort;
  port.once('message', (request: RunRequest | undefined) => {
    if (request !== undefined) void serve(port, request);
  });
  getReady();
  const ready = workerData as Int32Array;
  Atomics.store(ready, Ready.flag, 1);
  Atomics.notify(ready, Ready.flag);
}
