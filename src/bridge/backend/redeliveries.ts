/**
 * Tells messages that come a second time from new ones.
 *
 * Acknowledgements are not acknowledged themselves. When a connection is lost, some may be lost with it: the broker delivers
 * those messages again, although they are in the ring. At most `prefetch` messages are taken and not known to the broker
 * as acknowledged (it would not have sent more), and they come again before anything newer. So a memory of the last
 * messages taken is enough; its second half is for brokers that forget acknowledgements when they crash.
 *
 * The broker's mark "redelivered" is no answer: it is also on messages that were delivered to someone else and never
 * taken, and a crash can wipe it off. So messages are compared, by fingerprint.
 */
import type { Delivery } from '../../amqp/index.js';
import { fingerprint } from '../../native/index.js';

export class Redeliveries {
  /** Circular, oldest at `#start`: the messages taken, in the order of their first delivery … */
  readonly #fingerprints: Float64Array;
  /** … and the connection that each came on last. */
  readonly #connections: Float64Array;
  #start = 0;
  #count = 0;
  /** Of those remembered, how many have not come on this connection. */
  #suspects = 0;
  #connection = 0;
  /** Where the next one is expected: they come again in order. */
  #next = 0;
  /** Whether messages without the mark are looked at: until the first that is new. */
  #looksAtUnmarked = false;

  /** `prefetch`: how many messages may be unacknowledged. */
  constructor(prefetch: number) {
    this.#fingerprints = new Float64Array(2 * prefetch);
    this.#connections = new Float64Array(2 * prefetch);
  }

  /** Whether it was taken before, on an earlier connection. To be asked of every delivery, in order. */
  isAgain(delivery: Delivery): boolean {
    if (delivery.connection !== this.#connection) this.#begin(delivery.connection);
    if (this.#suspects === 0 || !(delivery.redelivered || this.#looksAtUnmarked)) return false;
    const place = this.#find(fingerprint(delivery.content));
    if (place === undefined) {
      if (!delivery.redelivered) this.#looksAtUnmarked = false;
      return false;
    }
    this.#connections[this.#at(place)] = this.#connection;
    this.#suspects--;
    this.#next = place + 1;
    return true;
  }

  /** It has been dealt with, for the first time. */
  remember(delivery: Delivery): void {
    if (this.#count === this.#fingerprints.length) {
      if (this.#connections[this.#start] !== this.#connection) this.#suspects--;
      this.#start = (this.#start + 1) % this.#count;
      this.#count--;
      this.#next = Math.max(0, this.#next - 1);
    }
    const at = this.#at(this.#count++);
    this.#fingerprints[at] = fingerprint(delivery.content);
    this.#connections[at] = delivery.connection;
    if (delivery.connection !== this.#connection) this.#suspects++;
  }

  #begin(connection: number): void {
    this.#connection = connection;
    this.#suspects = this.#count;
    this.#next = 0;
    this.#looksAtUnmarked = true;
  }

  #find(wanted: number): number | undefined {
    for (const [from, to] of [
      [this.#next, this.#count],
      [0, this.#next],
    ] as const) {
      for (let place = from; place < to; place++) {
        const at = this.#at(place);
        if (this.#fingerprints[at] === wanted && this.#connections[at] !== this.#connection) return place;
      }
    }
    return undefined;
  }

  #at(place: number): number {
    return (this.#start + place) % this.#fingerprints.length;
  }
}
