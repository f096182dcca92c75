/**
 * The thread of a run. It may be started before anything is known of the run: it then gets ready while the system is read,
 * and waits for its request.
 */
import { Worker } from 'node:worker_threads';
import { WORKER_FILE } from './worker-file.js';

export class RunThread {
  readonly #worker: Worker;
  #failure: Error | undefined;

  static start(): RunThread {
    return new RunThread();
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

  /** Ends a thread that was not taken. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  readonly #fail = (error: Error): void => {
    this.#failure = error;
  };
}
