/**
 * The thread of a run. It may be started before anything is known of the run: it then gets ready while the system is read,
 * and waits for its request.
 */
import { Worker } from 'node:worker_threads';
import { WORKER_FILE } from './worker-file.js';

export class RunThread {
  readonly #worker: Worker;
  #failure: Error | undefined;

  static #ahead: RunThread | undefined;

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
    this.#worker = new Worker(WORKER_FILE);
    // Until it has something to do it keeps nobody from ending.
    this.#worker.unref();
    this.#worker.on('error', this.#fail);
  }

  /** For one run: it is kept alive from here on. `failure`: what it died of meanwhile. */
  take(): { readonly worker: Worker; readonly failure: Error | undefined } {
    this.#worker.off('error', this.#fail);
    this.#worker.ref();
    return { worker: this.#worker, failure: this.#failure };
  }

  /** Of a thread that was not taken. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  readonly #fail = (error: Error): void => {
    this.#failure = error;
  };
}
