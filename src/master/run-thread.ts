/**
 * The thread of a run. It may be started before anything is known of the run: it then gets ready while the system is read,
 * and waits for its request.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Ready } from './protocol.js';
import { WORKER_FILE } from './worker-file.js';

/** Longer than any thread takes to get ready, ms. */
const PATIENCE_MS = 5000;

/** Those that are there. */
const threads = new Set<RunThread>();
let isExitWatched = false;

export class RunThread {
  static #ahead: RunThread | undefined;

  readonly #worker: Worker;
  readonly #ready = new Int32Array(new SharedArrayBuffer(Ready.cells * Int32Array.BYTES_PER_ELEMENT));
  #failure: Error | undefined;

  /** For the next run of this process. */
  static startAhead(): void {
    RunThread.#ahead ??= new RunThread();
  }

  /** The one that was started ahead, or a new one. */
  static start(): RunThread {
    const thread = RunThread.#ahead ?? new RunThread();
    RunThread.#ahead = undefined;
    return thread;
  }

  private constructor() {
    this.#worker = new Worker(WORKER_FILE, { workerData: this.#ready });
    // Until it has something to do it keeps nobody from ending.
    this.#worker.unref();
    this.#worker.on('error', this.#fail);
    this.#worker.once('exit', () => threads.delete(this));
    threads.add(this);
    if (isExitWatched) return;
    isExitWatched = true;
    process.on('exit', awaitAll);
  }

  /** For one run: it is kept alive from here on. `failure`: what it died of meanwhile. */
  take(): { readonly worker: Worker; readonly failure: Error | undefined } {
    this.#worker.off('error', this.#fail);
    this.#worker.ref();
    return { worker: this.#worker, failure: this.#failure };
  }

  /** Of a thread that was not taken. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    const ended = once(this.#worker, 'exit');
    this.#worker.ref();
    this.#worker.postMessage(undefined);
    await ended;
  }

  /** Blocks until the thread has loaded what it needs. */
  awaitReady(): void {
    if (this.#failure === undefined) Atomics.wait(this.#ready, Ready.flag, 0, PATIENCE_MS);
  }

  readonly #fail = (error: Error): void => {
    this.#failure = error;
    threads.delete(this);
  };
}

/** A process that ends takes its threads with it, wherever they are: one that is in the middle of loading koffi aborts it. */
function awaitAll(): void {
  for (const thread of threads) thread.awaitReady();
}
