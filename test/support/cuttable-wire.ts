/** A TCP proxy in a thread of its own, which works while the test's thread sits in an FMU's call. */
import { Worker } from 'node:worker_threads';

export class CuttableWire {
  readonly #worker: Worker;
  readonly port: number;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.port = port;
  }

  /** To `port` of this machine. */
  static async to(port: number): Promise<CuttableWire> {
    const worker = new Worker(new URL('./cuttable-wire-thread.mjs', import.meta.url), { workerData: { port } });
    return new CuttableWire(worker, await answer(worker));
  }

  /** The address of a broker behind the wire, by way of it. */
  to(url: string): string {
    const through = new URL(url);
    through.port = String(this.port);
    return through.href;
  }

  /** What comes in from now on goes nowhere, until the wire is cut: written, never received. */
  async swallow(): Promise<void> {
    this.#worker.postMessage('swallow');
    await answer(this.#worker);
  }

  /** The same, but only what the clients say goes nowhere: they still hear all. */
  async mute(): Promise<void> {
    this.#worker.postMessage('mute');
    await answer(this.#worker);
  }

  /** Every connection breaks, and new ones are refused. */
  async cut(): Promise<void> {
    this.#worker.postMessage('cut');
    await answer(this.#worker);
  }

  /** New connections pass again. */
  async mend(): Promise<void> {
    this.#worker.postMessage('mend');
    await answer(this.#worker);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

function answer(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
