/** Messages as lines of a stream (standard output, a file) instead of a broker: to look at them, or to pipe them on. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Sink, SinkCounts } from './sink.js';

export class LinesSink implements Sink {
  readonly #stream: Writable;
  #written = 0;
  #handedOver = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  send(body: Buffer): void | Promise<void> {
    this.#written += 1;
    const line = Buffer.concat([body, NEWLINE]);
    const room = this.#stream.write(line, (error) => {
      if (!error) this.#handedOver += 1;
    });
    return room ? undefined : once(this.#stream, 'drain').then(() => undefined);
  }

  async drain(timeoutMs: number): Promise<void> {
    if (this.counts.unconfirmed === 0 || this.#stream.destroyed) return;
    const flushed = new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([flushed, timeout]);
    clearTimeout(timer);
  }

  /** `confirmed`: handed over to the operating system. */
  get counts(): SinkCounts {
    const confirmed = this.#handedOver;
    return { confirmed, returned: 0, resent: 0, unconfirmed: this.#written - confirmed };
  }
}

const NEWLINE = Buffer.from('\n');
