/**
 * What waited in a queue before it was consumed: over when as many messages have been taken as the broker counted, or
 * when none has come for a while: others may consume the queue too, messages expire, and a stream is counted as a whole.
 */
import type { Consumer, Delivery } from '../../amqp/index.js';

/** How long no message of the backlog may come until it counts as over, ms. */
const QUIET_MS = 500;

export class Backlog {
  readonly over: Promise<void>;
  readonly #consumer: Consumer;
  readonly #isHeldUp: () => boolean;
  #end: () => void = () => {};
  #left: number;
  #connection = 1;
  #taken = 0;
  #quiet: NodeJS.Timeout | undefined;

  /** `isHeldUp`: messages have come that the ring has no room for yet. */
  constructor(consumer: Consumer, isHeldUp: () => boolean) {
    this.#consumer = consumer;
    this.#isHeldUp = isHeldUp;
    this.#left = consumer.backlog;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    if (this.#left === 0) this.#end();
    else this.#watch(this.#taken);
  }

  taken(delivery: Delivery): void {
    // On a new connection what is left of it is counted anew.
    if (delivery.connection > this.#connection) this.#left = this.#consumer.backlog;
    this.#connection = delivery.connection;
    this.#taken++;
    this.#left--;
    if (this.#left <= 0) this.end();
  }

  end(): void {
    clearTimeout(this.#quiet);
    this.#end();
  }

  #watch(takenBefore: number): void {
    this.#quiet = setTimeout(() => {
      if (this.#taken === takenBefore && !this.#isHeldUp()) this.end();
      else this.#watch(this.#taken);
    }, QUIET_MS);
  }
}
