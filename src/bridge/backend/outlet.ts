/**
 * Changed inputs out of the ring, in order, each counted as confirmed once the broker has it.
 *
 * While the broker is behind or away, changes wait in the ring, and the shim merges those that find no room there.
 */
import { PublishExpiredError, type Publisher, PublishNackedError } from '../../amqp/index.js';
import type { OutgoingRow, Producer } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import { createEncoder, type Encoder } from '../encoder.js';
import { createStrictEncoder, STRICT_ANNOUNCEMENT } from '../rmqfmu/strict-encoder.js';
import { Latch } from './latch.js';
import type { RateLimitedLog } from './rate-limited-log.js';

const MAX_UNCONFIRMED = 1000;
/** From a message that the broker did not take to the next try, ms. */
const REFUSED_MS = 100;

export class Outlet {
  readonly #send: BridgeConfig['send'];
  readonly #producer: Producer;
  readonly #publisher: Publisher;
  readonly #encoder: Encoder;
  readonly #strict: boolean;
  readonly #contentType: string;
  readonly #log: RateLimitedLog;
  readonly #latch: Latch;
  #refused: NodeJS.Timeout | undefined;
  #heldBack = false;
  #closing = false;

  constructor(config: BridgeConfig, producer: Producer, publisher: Publisher, log: RateLimitedLog) {
    this.#send = config.send;
    this.#producer = producer;
    this.#publisher = publisher;
    this.#strict = config.compat === 'strict';
    this.#contentType = this.#strict ? 'text/plain' : 'application/json';
    this.#encoder = this.#strict ? createStrictEncoder(config.inputs) : createEncoder(config.inputs);
    this.#log = log;
    this.#latch = new Latch(
      config,
      producer,
      publisher,
      { encoder: this.#encoder, contentType: this.#contentType },
      log,
    );
  }

  /** The words are RMQFMU's: its players wait for them. */
  announce(): void {
    const { exchange, key } = this.#send;
    const words = { internal_status: 'ready', internal_message: 'waiting for input data for simulation' };
    const body = Buffer.from(this.#strict ? STRICT_ANNOUNCEMENT : JSON.stringify(words));
    this.#publisher.publish(exchange, key, body, { contentType: this.#contentType }).catch(() => {}); // its failure shows as a lost link
  }

  /** Publishes what the ring holds, as far as the broker keeps up with confirming; latched inputs first, and in any case. */
  publish(): void {
    this.#latch.look();
    while (this.#publisher.stats.pending < MAX_UNCONFIRMED) {
      const row = this.#producer.nextOutgoing();
      if (row === undefined) return;
      this.#publishRow(row);
    }
    this.#heldBack = true;
  }

  /**
   * Publishes what is left, for at most `graceMs`; what is unconfirmed then is told, and given up. Answers what has to
   * be said also when there is no importer any more that reads the log.
   */
  async close(graceMs: number): Promise<string | undefined> {
    const deadline = performance.now() + graceMs;
    do {
      this.publish();
      const left = Math.max(0, deadline - performance.now());
      await Promise.all([this.#publisher.drain(left), this.#latch.untilConfirmed(left)]);
    } while (this.#producer.outgoingCount > 0 && performance.now() < deadline);
    this.#closing = true;
    clearTimeout(this.#refused);
    const lastWords = this.#latch.close();
    if (lastWords !== undefined) this.#log.write('error', 'logStatusError', lastWords);
    const left = this.#publisher.stats.pending + this.#producer.outgoingCount;
    if (left > 0) {
      this.#log.write(
        'error',
        'logStatusError',
        `${left} messages were not confirmed by the broker in the ${graceMs / 1000} s that an end may take: they may be lost`,
      );
    }
    await this.#publisher.close();
    return lastWords;
  }

  #publishRow(row: OutgoingRow): void {
    const { exchange, key, persistent, mandatory, expirationMs } = this.#send;
    const { doingNs } = row;
    this.#producer.count('published');
    // A command lives from the step that decided it, however long it has waited to be published.
    const ageMs = expirationMs === undefined ? 0 : Math.max(0, Date.now() - Number(doingNs / 1_000_000n));
    if (expirationMs !== undefined && ageMs > expirationMs) {
      this.#expired(`it waited for ${ageMs} ms, its expiration is ${expirationMs} ms`);
      return;
    }
    const { notFinite } = this.#encoder;
    const body = this.#encoder.encode(row);
    if (this.#encoder.notFinite > notFinite) {
      this.#log.limited(
        'not finite',
        'warning',
        'logStatusWarning',
        () => 'an input is NaN or infinite, which JSON cannot say: published as null',
      );
    }
    this.#publisher
      .publish(exchange, key, body, {
        contentType: this.#contentType,
        persistent,
        mandatory,
        ...(expirationMs === undefined ? {} : { expirationMs: expirationMs - ageMs }),
      })
      .then(
        ({ returned }) => {
          this.#producer.confirmed(doingNs);
          if (returned !== undefined) this.#producer.count('returned');
        },
        (error: Error) => {
          if (this.#closing) return;
          if (error instanceof PublishExpiredError) {
            this.#expired(error.message);
            return;
          }
          const isRefused = error instanceof PublishNackedError;
          if (isRefused) this.#publishAgain();
          this.#log.limited(
            'unpublished',
            'error',
            'logStatusError',
            () =>
              `a message was not published: ${error.message}${isRefused ? '; a later step publishes all inputs' : ''}`,
          );
        },
      )
      .finally(() => this.#goOn());
  }

  /** After a while: a queue that is full, or without a leader, is not helped by more messages. */
  #publishAgain(): void {
    this.#refused ??= setTimeout(() => {
      this.#refused = undefined;
      this.#producer.inputsRefused();
    }, REFUSED_MS);
  }

  #expired(why: string): void {
    this.#producer.count('expired');
    this.#log.limited('expired', 'warning', 'logStatusWarning', () => `a change of inputs was not sent: ${why}`);
  }

  /** One message less is unconfirmed. */
  #goOn(): void {
    if (!this.#heldBack || this.#closing) return;
    this.#heldBack = false;
    this.publish();
  }
}
