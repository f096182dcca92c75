/**
 * A publisher that outlives its connections: what the broker has not confirmed is kept, and sent again, in order,
 * when the link is back. A message may therefore arrive twice; its `message_id` tells.
 */
import { randomBytes } from 'node:crypto';
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { wallClock } from '../support/time.js';
import {
  type BrokerError,
  LinkClosedError,
  PublishExpiredError,
  PublisherFullError,
  PublishNackedError,
  PublishRefusedError,
} from './errors.js';
import { Link, type LinkOptions, type LinkUser, type Session } from './link.js';
import { declareExchanges, type ExchangeSpec } from './topology.js';

export interface PublisherOptions extends LinkOptions {
  readonly exchanges?: readonly ExchangeSpec[];
  /** Unconfirmed messages held at most; beyond, `publish` rejects. Default 10,000. */
  readonly maxPending?: number;
  /** Likewise for the sum of their bodies. Default 64 MiB. */
  readonly maxPendingBytes?: number;
}

export interface PublishOptions {
  /** Kept over a restart of the broker, if its queue is durable. Default false. */
  readonly persistent?: boolean;
  /** Ask to be told when the message reaches no queue ({@link PublishReceipt.returned}). */
  readonly mandatory?: boolean;
  /** After this the broker drops it from its queue; counted from `publish`, outages included. */
  readonly expirationMs?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
}

export interface PublishReceipt {
  /** When the broker's confirmation came, in nanoseconds since the epoch. */
  readonly confirmedAt: bigint;
  /** From the call of `publish` to the confirmation. */
  readonly roundTripMs: number;
  /** Why a mandatory message reached no queue. */
  readonly returned: string | undefined;
}

export interface PublisherStats {
  readonly published: number;
  readonly confirmed: number;
  readonly returned: number;
  readonly nacked: number;
  /** How often a message was sent once more after a reconnect. */
  readonly resent: number;
  /** Not confirmed yet. */
  readonly pending: number;
}

interface Pending {
  readonly exchange: string;
  readonly key: string;
  readonly body: Buffer;
  readonly options: Options.Publish;
  /** On the clock of `performance.now()`. */
  readonly publishedAt: number;
  readonly expirationMs: number | undefined;
  readonly resolve: (receipt: PublishReceipt) => void;
  readonly reject: (error: BrokerError) => void;
  sent: boolean;
  returned: string | undefined;
}

const MIB = 1024 * 1024;

export class Publisher implements LinkUser {
  readonly #options: PublisherOptions;
  readonly #maxPending: number;
  readonly #maxPendingBytes: number;
  readonly #idPrefix = randomBytes(6).toString('base64url');
  #link: Link | undefined;
  #channel: ConfirmChannel | undefined;
  /** Sent on the current channel, by delivery tag, which is the order of sending. */
  readonly #inFlight = new Map<number, Pending>();
  #lastTag = 0;
  /** Not sent, for lack of a connection. */
  #waiting: Pending[] = [];
  readonly #mandatory = new Map<string, Pending>();
  #pendingBytes = 0;
  #drained: (() => void)[] = [];
  #published = 0;
  #confirmed = 0;
  #returned = 0;
  #nacked = 0;
  #resent = 0;

  private constructor(options: PublisherOptions) {
    this.#options = options;
    this.#maxPending = options.maxPending ?? 10_000;
    this.#maxPendingBytes = options.maxPendingBytes ?? 64 * MIB;
  }

  /** Rejects with a `BrokerError` that names the cause. */
  static async open(options: PublisherOptions): Promise<Publisher> {
    const publisher = new Publisher(options);
    publisher.#link = await Link.open(options, publisher);
    return publisher;
  }

  get stats(): PublisherStats {
    return {
      published: this.#published,
      confirmed: this.#confirmed,
      returned: this.#returned,
      nacked: this.#nacked,
      resent: this.#resent,
      pending: this.#pending,
    };
  }

  get #pending(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  /**
   * Resolves when the broker has confirmed. Rejects with {@link PublisherFullError} (at once), or
   * {@link PublishNackedError}, {@link PublishRefusedError}, {@link PublishExpiredError}, `LinkClosedError`.
   * The body must not be changed until then.
   */
  publish(exchange: string, key: string, body: Buffer, options: PublishOptions = {}): Promise<PublishReceipt> {
    if (this.#link?.isClosed) return Promise.reject(new LinkClosedError('the publisher is closed'));
    if (this.#pending >= this.#maxPending || this.#pendingBytes + body.length > this.#maxPendingBytes) {
      return Promise.reject(this.#full());
    }
    return new Promise((resolve, reject) => {
      const { mandatory = false, expirationMs, ...properties } = options;
      const messageId = `${this.#idPrefix}-${++this.#published}`;
      const pending: Pending = {
        exchange,
        key,
        body,
        options: { ...properties, mandatory, messageId },
        publishedAt: performance.now(),
        expirationMs,
        resolve,
        reject,
        sent: false,
        returned: undefined,
      };
      this.#pendingBytes += body.length;
      if (mandatory) this.#mandatory.set(messageId, pending);
      this.#send(pending, 0);
    });
  }

  /** Waits until everything is confirmed, at most `timeoutMs`; returns how many messages are not. */
  async drain(timeoutMs: number): Promise<number> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#drained.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#pending;
  }

  /** Closes now: what is unconfirmed is rejected. To lose nothing, `drain` first. */
  async close(): Promise<void> {
    const channel = this.#channel;
    // The channel first: the connection's goodbye would overtake messages that wait in the channel's buffer.
    await this.#link?.close(async () => channel?.close());
    for (const pending of [...this.#inFlight.values(), ...this.#waiting]) {
      this.#settle(pending);
      pending.reject(new LinkClosedError(`closed before the broker confirmed the message to '${pending.exchange}'`));
    }
    this.#inFlight.clear();
    this.#waiting = [];
    this.#notifyDrained();
  }

  async setUp(session: Session): Promise<void> {
    const channel = await session.model.createConfirmChannel();
    channel.on('error', (error: Error & { code?: number }) => {
      this.#blame(error);
      session.fail(error.message);
    });
    channel.on('ack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, false));
    channel.on('return', (message: Message) => this.#onReturn(message));
    await Promise.all(declareExchanges(channel, this.#options.exchanges ?? []));
    this.#channel = channel;
    this.#lastTag = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pending of waiting) this.#send(pending, performance.now() - pending.publishedAt);
    if (this.#pending === 0) this.#notifyDrained();
  }

  lost(): void {
    this.#channel = undefined;
    // What was in flight was published before what is waiting.
    this.#waiting = [...this.#inFlight.values(), ...this.#waiting];
    this.#inFlight.clear();
  }

  /** `age`: how long ago it was published, in milliseconds. */
  #send(pending: Pending, age: number): void {
    const channel = this.#channel;
    if (channel === undefined) {
      this.#waiting.push(pending);
      return;
    }
    const { exchange, key, body, options, expirationMs } = pending;
    // A command that was to be obeyed within two seconds must not be sent as new after an outage of a minute.
    if (expirationMs !== undefined && age > expirationMs) {
      this.#drop(
        pending,
        new PublishExpiredError(
          `the message to '${exchange}' expired after ${expirationMs} ms, before it could be sent`,
          {
            details: { exchange, routingKey: key, expirationMs },
          },
        ),
      );
      return;
    }
    const expiration = expirationMs === undefined ? {} : { expiration: Math.max(0, Math.round(expirationMs - age)) };
    try {
      channel.publish(exchange, key, body, { ...options, ...expiration });
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) {
        this.#drop(pending, new PublishRefusedError(`cannot encode the message: ${error.message}`, { cause: error }));
      } else {
        this.#waiting.push(pending);
      }
      return;
    }
    if (pending.sent) this.#resent++;
    pending.sent = true;
    this.#inFlight.set(++this.#lastTag, pending);
  }

  #onConfirm(deliveryTag: number, multiple: boolean, accepted: boolean): void {
    if (multiple) {
      for (const tag of this.#inFlight.keys()) {
        if (tag > deliveryTag) break;
        this.#confirm(tag, accepted);
      }
    } else {
      this.#confirm(deliveryTag, accepted);
    }
    if (this.#pending === 0) this.#notifyDrained();
  }

  #confirm(tag: number, accepted: boolean): void {
    const pending = this.#inFlight.get(tag);
    if (pending === undefined) return;
    this.#inFlight.delete(tag);
    this.#settle(pending);
    if (accepted) {
      this.#confirmed++;
      pending.resolve({
        confirmedAt: wallClock(),
        roundTripMs: performance.now() - pending.publishedAt,
        returned: pending.returned,
      });
      return;
    }
    this.#nacked++;
    const { exchange, key } = pending;
    pending.reject(
      new PublishNackedError(`the broker did not take the message to '${exchange}' with routing key '${key}'`, {
        details: { exchange, routingKey: key },
        remedy: 'its queue may be full (x-max-length with overflow reject-publish); see the broker’s log',
      }),
    );
  }

  #onReturn({ fields, properties }: Message): void {
    const reason = (fields as unknown as { replyText: string }).replyText;
    const pending = this.#mandatory.get(String(properties.messageId));
    if (pending !== undefined) pending.returned = reason;
    this.#returned++;
    this.#link?.emit({ type: 'returned', exchange: fields.exchange, routingKey: fields.routingKey, reason });
  }

  /**
   * The broker closed the channel over one of the messages in flight. It must not be sent again, or it would close
   * the next channel too; which one it was, the reply text tells by its exchange, else the oldest is taken.
   */
  #blame(error: Error & { code?: number }): void {
    const exchange = /exchange '([^']*)'/.exec(error.message)?.[1];
    const suspects = [...this.#inFlight].filter(
      ([, pending]) => exchange === undefined || pending.exchange === exchange,
    );
    for (const [tag, pending] of exchange === undefined ? suspects.slice(0, 1) : suspects) {
      this.#inFlight.delete(tag);
      this.#drop(
        pending,
        new PublishRefusedError(`the broker refused the message to '${pending.exchange}': ${error.message}`, {
          details: { exchange: pending.exchange, routingKey: pending.key, replyCode: error.code },
          remedy: 'declare the exchange, and check the permissions of the user',
        }),
      );
    }
  }

  #drop(pending: Pending, error: BrokerError): void {
    this.#settle(pending);
    pending.reject(error);
    if (this.#pending === 0) this.#notifyDrained();
  }

  #settle(pending: Pending): void {
    this.#pendingBytes -= pending.body.length;
    if (pending.options.mandatory) this.#mandatory.delete(String(pending.options.messageId));
  }

  #notifyDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #full(): PublisherFullError {
    const pending = this.#pending;
    return new PublisherFullError(
      `${pending} messages (${this.#pendingBytes} bytes) wait for the broker's confirmation, the limit is ${this.#maxPending} (${this.#maxPendingBytes} bytes)`,
      {
        details: { pending, pendingBytes: this.#pendingBytes, maxPending: this.#maxPending },
        remedy: 'publish less often, raise the limit, or see why the broker does not confirm (down, blocked?)',
      },
    );
  }
}
