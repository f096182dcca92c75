/**
 * Latched inputs (an emergency stop, say) on their way out, past everything that waits.
 *
 * A message with all that are latched is published at once, and again every `send.resend`, until one is confirmed and was
 * routed to a queue. After an outage it is the first message out. It does not expire: a stop that comes late still stops.
 */
import type { Publisher } from '../../amqp/index.js';
import type { Producer } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import type { Encoder } from '../encoder.js';
import { stringAreas } from '../layout.js';
import { slotCount } from '../signals.js';
import type { RateLimitedLog } from './rate-limited-log.js';

/** A connection that leaves them unconfirmed for so long is taken for dead, well before heartbeats show it; ms. */
const PATIENCE_MS = 1000;
/** Each time it turns out to be wrong, or of no help, the patience doubles: a broker may be slow. */
const LONGEST_PATIENCE_MS = 20_000;
/** More copies than that on their way would help nobody. */
const MAX_UNCONFIRMED = 10;

export class Latch {
  readonly #config: BridgeConfig;
  readonly #producer: Producer;
  readonly #publisher: Publisher;
  readonly #log: RateLimitedLog;
  readonly #form: { readonly encoder: Encoder; readonly contentType: string };
  /** Of the latched inputs, by bit. */
  readonly #signals: readonly { readonly name: string; readonly slot: number }[];
  #latched = 0;
  #confirmed = 0;
  #body: Buffer = Buffer.alloc(0);
  #doingNs = 0n;
  #since = 0;
  /** Published and not answered yet. */
  #unconfirmed = 0;
  /** Since when there are such, on the clock of `performance.now()`. */
  #unconfirmedSince = 0;
  #patienceMs = PATIENCE_MS;
  #hindrance = 'the broker has not answered';
  #timer: NodeJS.Timeout | undefined;
  #confirmedListeners: (() => void)[] = [];
  #closed = false;

  constructor(
    config: BridgeConfig,
    producer: Producer,
    publisher: Publisher,
    form: { readonly encoder: Encoder; readonly contentType: string },
    log: RateLimitedLog,
  ) {
    this.#config = config;
    this.#producer = producer;
    this.#publisher = publisher;
    this.#log = log;
    this.#form = form;
    this.#signals = config.inputs.filter(({ latch }) => latch === true);
    publisher.whenConnected(() => this.#send());
  }

  /** Publishes what was latched since the last call. */
  look(): void {
    if (this.#signals.length === 0 || this.#closed) return;
    const { mask, doingNs, stepEnd } = this.#producer.latched();
    if (mask === this.#latched) return;
    if (this.isConfirmed) this.#since = performance.now();
    this.#latched = mask;
    this.#doingNs = doingNs;
    this.#body = this.#encode(mask, doingNs, stepEnd);
    this.#producer.count('published');
    this.#log.write('info', 'logEvents', `latched: ${this.#names(mask)}`);
    this.#send();
  }

  get isConfirmed(): boolean {
    return (this.#latched & ~this.#confirmed) === 0;
  }

  /** Waits until the broker has routed it, at most `timeoutMs`. */
  async untilConfirmed(timeoutMs: number): Promise<void> {
    if (this.isConfirmed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#confirmedListeners.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** No more attempts. What is to be said of one that did not get through; undefined: all is well. */
  close(): string | undefined {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.isConfirmed) return undefined;
    const seconds = ((performance.now() - this.#since) / 1000).toFixed(1);
    return `the latched ${this.#names(this.#latched & ~this.#confirmed)} did NOT get through in ${seconds} s: ${this.#hindrance}`;
  }

  #send(): void {
    clearTimeout(this.#timer);
    if (this.isConfirmed || this.#closed) return;
    this.#timer = setTimeout(() => this.#send(), this.#config.send.resendMs);
    // It stands in a line that the broker reads when it can: another would come no sooner, by no other connection either.
    if (this.#publisher.isBlocked && this.#unconfirmed > 0) {
      this.#hindrance = 'the broker is short of memory or disk and takes no messages';
      return;
    }
    const unconfirmedMs = this.#unconfirmed === 0 ? 0 : performance.now() - this.#unconfirmedSince;
    if (unconfirmedMs > this.#patienceMs) {
      this.#patienceMs = Math.min(LONGEST_PATIENCE_MS, 2 * this.#patienceMs);
      this.#publisher.renew(
        `messages with latched inputs were not confirmed for ${(unconfirmedMs / 1000).toFixed(1)} s`,
      );
    } else if (this.#unconfirmed < MAX_UNCONFIRMED) {
      this.#publish(this.#latched);
    }
  }

  #publish(mask: number): void {
    const { exchange, key } = this.#config.send;
    const doingNs = this.#doingNs;
    if (this.#unconfirmed++ === 0) this.#unconfirmedSince = performance.now();
    this.#publisher
      .publish(exchange, key, this.#body, {
        contentType: this.#form.contentType,
        persistent: true,
        mandatory: true,
        once: true,
      })
      .then(
        ({ returned }) => {
          this.#unconfirmed--;
          if (returned === undefined) this.#confirm(mask, doingNs);
          else this.#failed(`no queue took it (${returned})`, 'returned');
        },
        (error: Error) => {
          this.#unconfirmed--;
          this.#failed(error.message);
        },
      );
  }

  #confirm(mask: number, doingNs: bigint): void {
    const before = this.isConfirmed;
    this.#confirmed |= mask;
    this.#producer.confirmLatched(mask);
    if (before || !this.isConfirmed) return;
    clearTimeout(this.#timer);
    this.#patienceMs = PATIENCE_MS;
    this.#producer.confirmed(doingNs);
    const ms = (performance.now() - this.#since).toFixed(0);
    this.#log.write(
      'info',
      'logEvents',
      `the broker has routed the latched ${this.#names(this.#latched)}, after ${ms} ms`,
    );
    for (const tell of this.#confirmedListeners.splice(0)) tell();
  }

  #failed(hindrance: string, counter?: 'returned'): void {
    if (this.isConfirmed || this.#closed) return;
    this.#hindrance = hindrance;
    if (counter !== undefined) this.#producer.count(counter);
    this.#log.limited(
      'latched',
      'error',
      'logStatusError',
      () => `the latched ${this.#names(this.#latched)} did not get through yet: ${hindrance}; sending it again`,
    );
  }

  #names(mask: number): string {
    return this.#signals
      .filter((_, bit) => (mask & (1 << bit)) !== 0)
      .map(({ name }) => `'${name}'`)
      .join(', ');
  }

  #encode(mask: number, doingNs: bigint, stepEnd: number): Buffer {
    const { inputs } = this.#config;
    const slots = this.#signals.filter((_, bit) => (mask & (1 << bit)) !== 0).map(({ slot }) => slot);
    const count = slotCount(inputs);
    const present = new BigUint64Array(Math.ceil(count / 64) + 1);
    const values = new ArrayBuffer(8 * (count + 1));
    const integer = new BigInt64Array(values);
    for (const slot of slots) {
      present[slot >>> 6]! |= 1n << BigInt(slot & 63);
      integer[slot] = 1n;
    }
    const strings = Buffer.alloc(Math.max(8, ...stringAreas(inputs).map(({ offset, capacity }) => offset + capacity)));
    return this.#form.encoder.encode({
      mask: present,
      integer,
      real: new Float64Array(values),
      strings,
      doingNs,
      stepEnd,
    });
  }
}
