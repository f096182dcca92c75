/** Messages for a bridge whose calls block the test's thread. */
import { Worker } from 'node:worker_threads';

/** A text or bytes as they are, or an object as JSON. */
export type Body = string | Uint8Array | Record<string, unknown>;

export class Feeder {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (why: Error) => void }>();
  #requests = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ id }: { id: number }) => {
      this.#waiting.get(id)?.resolve();
      this.#waiting.delete(id);
    });
    worker.on('error', (why) => {
      for (const { reject } of this.#waiting.values()) reject(why as Error);
      this.#waiting.clear();
    });
  }

  static async start(url: string, key = 'data.to_cosim'): Promise<Feeder> {
    const feeder = new Feeder(
      new Worker(new URL('./feeder-thread.mjs', import.meta.url), { workerData: { url, key } }),
    );
    await new Promise<void>((resolve, reject) => feeder.#waiting.set(0, { resolve, reject }));
    return feeder;
  }

  /** Sends these when a bridge announces that it is ready (`send: { announce: true }`). */
  onReady(...bodies: Body[]): Promise<void> {
    return this.#ask({ type: 'onReady', bodies });
  }

  /** Sends these; resolves when the broker has confirmed them. */
  send(...bodies: Body[]): Promise<void> {
    return this.#ask({ type: 'send', bodies, ms: 0 });
  }

  /** Sends these after `ms`, whatever this thread does meanwhile. */
  sendAfter(ms: number, ...bodies: Body[]): Promise<void> {
    return this.#ask({ type: 'send', bodies, ms });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(request: object): Promise<void> {
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }
}
