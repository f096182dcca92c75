/**
 * A publisher that outlives its connections: what the broker has not confirmed is kept, and sent again, in order,
 * when the link is back. A message may therefore arrive twice; its `message_id` tells.
 */
import { randomBytes } from 'node:crypto';
import type { ConfirmChannel, Message } from 'amqplib';
import { wallClock } from '../support/time.js';
import { ConfirmWatch } from './confirm-watch.js';
import {
  type BrokerError,
  LinkClosedError,
  PublishExpiredError,
  PublisherFullError,
  PublishLostError,
  PublishNackedError,
  PublishRefusedError,
} from './errors.js';
import { Link, type LinkOptions, type LinkUser, type Session } from './link.js';
import { type PendingMessage, PendingMessages } from './pending-messages.js';
import { declareExchanges, type ExchangeSpec } from './topology.js';

export interface PublisherOptions extends LinkOptions {
  readonly exchanges?: readonly ExchangeSpec[];
  /** Unconfirmed messages held at most; beyond, `publish` rejects. Default 10,000. */
  readonly maxPending?: number;
  /** Likewise for the sum of their bodies. Default 64 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * A connection on which the broker leaves a message unconfirmed for so long, although it is not blocked, or refuses all, is
   * given up, and what is unconfirmed goes out on a new one: a channel whose quorum queue (the more with overflow
   * reject-publish) was without a leader for a moment may never find the next. Doubled each time, until that helps. Default
   * 10,000.
   */
  readonly confirmWithinMs?: number;
}

export interface PublishOptions {
  /** Kept over a restart of the broker, if its queue is durable. Default false. */
  readonly persistent?: boolean;
  /** Ask to be told when the message reaches no queue ({@link PublishReceipt.returned}). */
  readonly mandatory?: boolean;
  /** Not kept over an outage: rejects with `PublishLostError` when the connection is lost, or is not there. */
  readonly once?: boolean;
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

const MIB = 1024 * 1024;
const CONFIRM_WITHIN_MS = 10_000;

export class Publisher implements LinkUser {
  readonly #options: PublisherOptions;
  readonly #maxPending: number;
  readonly #maxPendingBytes: number;
  readonly #watch: ConfirmWatch;
  readonly #idPrefix = randomBytes(6).toString('base64url');
  #link: Link | undefined;
  #channel: ConfirmChannel | undefined;
  #session: Session | undefined;
  #isBlocked = false;
  #onConnected: () => void = () => {};
  readonly #pending = new PendingMessages();
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
    this.#watch = new ConfirmWatch(options.confirmWithinMs ?? CONFIRM_WITHIN_MS, {
      oldestSentAt: () => (this.#isBlocked ? undefined : this.#pending.oldestInFlight?.sentAt),
      giveUp: (reason) => this.renew(reason),
    });
  }

  /** Rejects with a `BrokerError` that names the cause. */
  static async open(options: PublisherOptions): Promise<Publisher> {
    const publisher = new Publisher(options);
    publisher.#link = await Link.open(options, publisher);
    return publisher;
  }

  /** See {@link Link.retryNow}. */
  retryNow(): void {
    this.#link?.retryNow();
  }

  get stats(): PublisherStats {
    return {
      published: this.#published,
      confirmed: this.#confirmed,
      returned: this.#returned,
      nacked: this.#nacked,
      resent: this.#resent,
      pending: this.#pending.count,
    };
  }

  /** Whether the broker, short of memory or disk, takes no messages for now. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** `first` may publish whenever there is a new connection, before anything that waits is sent. */
  whenConnected(first: () => void): void {
    this.#onConnected = first;
  }

  /** Gives the connection up, as one that is dead, and connects anew. */
  renew(reason: string): void {
    this.#session?.fail(new Error(reason));
  }

  /**
   * Resolves when the broker has confirmed. Rejects with {@link PublisherFullError} (at once), or
   * {@link PublishNackedError}, {@link PublishRefusedError}, {@link PublishExpiredError}, `LinkClosedError`.
   * The body must not be changed until then.
   */
  publish(exchange: string, key: string, body: Buffer, options: PublishOptions = {}): Promise<PublishReceipt> {
    if (this.#link?.isClosed) return Promise.reject(new LinkClosedError('the publisher is closed'));
    const pending = this.#pending;
    if (pending.count >= this.#maxPending || pending.bytes + body.length > this.#maxPendingBytes) {
      return Promise.reject(this.#full());
    }
    return new Promise((resolve, reject) => {
      const { mandatory = false, once = false, expirationMs, ...properties } = options;
      const messageId = `${this.#idPrefix}-${++this.#published}`;
      const publishedAt = performance.now();
      const message: PendingMessage = {
        exchange,
        key,
        body,
        messageId,
        options: { ...properties, mandatory, messageId },
        publishedAt,
        expirationMs,
        once,
        confirm: (returned) =>
          resolve({ confirmedAt: wallClock(), roundTripMs: performance.now() - publishedAt, returned }),
        reject,
        sent: false,
        sentAt: 0,
        returned: undefined,
      };
      pending.add(message);
      this.#send(message, 0);
    });
  }

  /** Waits until everything is confirmed, at most `timeoutMs`; returns how many messages are not. */
  async drain(timeoutMs: number): Promise<number> {
    if (this.#pending.count > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#drained.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#pending.count;
  }

  /** See `Link.updateSecret`. */
  async updateSecret(password: string, reason: string): Promise<boolean> {
    return (await this.#link?.updateSecret(password, reason)) ?? false;
  }

  /** Closes now: what is unconfirmed is rejected. To lose nothing, `drain` first. */
  async close(): Promise<void> {
    const channel = this.#channel;
    this.#watch.stop();
    // The channel first: the connection's goodbye would overtake messages that wait in the channel's buffer.
    await this.#link?.close(async () => channel?.close());
    for (const { exchange, reject } of this.#pending.takeAll()) {
      reject(new LinkClosedError(`closed before the broker confirmed the message to '${exchange}'`));
    }
    this.#checkDrained();
  }

  async setUp(session: Session): Promise<void> {
    this.#isBlocked = false;
    session.model.on('blocked', () => {
      this.#isBlocked = true;
    });
    session.model.on('unblocked', () => {
      this.#isBlocked = false;
      this.#watch.start();
    });
    const channel = await session.model.createConfirmChannel();
    channel.on('error', (error: Error & { code?: number }) => {
      this.#blame(error);
      session.fail(error);
    });
    channel.on('ack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => this.#onConfirm(deliveryTag, multiple, false));
    channel.on('return', (message: Message) => this.#onReturn(message));
    await Promise.all(declareExchanges(channel, this.#options.exchanges ?? []));
    this.#channel = channel;
    this.#session = session;
    this.#watch.renewed();
    this.#onConnected();
    const now = performance.now();
    for (const message of this.#pending.channelOpened()) this.#send(message, now - message.publishedAt);
    this.#checkDrained();
  }

  lost(): void {
    this.#channel = undefined;
    this.#session = undefined;
    for (const message of this.#pending.channelLost()) message.reject(this.#lostWithConnection(message));
    this.#checkDrained();
  }

  /** `age`: how long ago it was published, in milliseconds. */
  #send(message: PendingMessage, age: number): void {
    const channel = this.#channel;
    if (channel === undefined) {
      this.#wait(message);
      return;
    }
    const { exchange, key, body, options, expirationMs } = message;
    // A command that was to be obeyed within two seconds must not be sent as new after an outage of a minute.
    if (expirationMs !== undefined && age > expirationMs) {
      const reason = `the message to '${exchange}' expired after ${expirationMs} ms, before it could be sent`;
      this.#drop(message, new PublishExpiredError(reason, { details: { exchange, routingKey: key, expirationMs } }));
      return;
    }
    const expiration = expirationMs === undefined ? {} : { expiration: Math.max(0, Math.round(expirationMs - age)) };
    try {
      channel.publish(exchange, key, body, { ...options, ...expiration });
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) {
        this.#drop(message, new PublishRefusedError(`cannot encode the message: ${error.message}`, { cause: error }));
      } else {
        // The channel is closing; there will be another.
        this.#wait(message);
      }
      return;
    }
    if (message.sent) this.#resent++;
    this.#pending.sent(message);
    this.#watch.start();
  }

  #wait(message: PendingMessage): void {
    if (message.once) this.#drop(message, this.#lostWithConnection(message));
    else this.#pending.wait(message);
  }

  #lostWithConnection({ exchange, key }: PendingMessage): PublishLostError {
    return new PublishLostError(`no connection to the broker for the message to '${exchange}'`, {
      details: { exchange, routingKey: key },
    });
  }

  #onConfirm(deliveryTag: number, multiple: boolean, accepted: boolean): void {
    this.#watch.confirmed(accepted);
    for (const { exchange, key, confirm, reject, returned } of this.#pending.confirmed(deliveryTag, multiple)) {
      if (accepted) {
        this.#confirmed++;
        confirm(returned);
        continue;
      }
      this.#nacked++;
      reject(
        new PublishNackedError(`the broker did not take the message to '${exchange}' with routing key '${key}'`, {
          details: { exchange, routingKey: key },
          remedy: 'its queue may be full (x-max-length with overflow reject-publish); see the broker’s log',
        }),
      );
    }
    this.#checkDrained();
  }

  #onReturn({ fields, properties }: Message): void {
    const reason = (fields as unknown as { replyText: string }).replyText;
    const message = this.#pending.mandatory(String(properties.messageId));
    if (message !== undefined) message.returned = reason;
    this.#returned++;
    this.#link?.emit({ type: 'returned', exchange: fields.exchange, routingKey: fields.routingKey, reason });
  }

  /**
   * The broker closed the channel over one of the messages in flight. It must not be sent again, or it would close
   * the next channel too; which one it was, the reply text tells by its exchange, else the oldest is taken.
   */
  #blame(error: Error & { code?: number }): void {
    const named = /exchange '([^']*)'/.exec(error.message)?.[1];
    let blamed = false;
    const culprits = this.#pending.takeInFlight(({ exchange }) => {
      if (named !== undefined) return exchange === named;
      const isOldest = !blamed;
      blamed = true;
      return isOldest;
    });
    for (const { exchange, key, reject } of culprits) {
      reject(
        new PublishRefusedError(`the broker refused the message to '${exchange}': ${error.message}`, {
          details: { exchange, routingKey: key, replyCode: error.code },
          remedy: 'declare the exchange, and check the permissions of the user',
        }),
      );
    }
    this.#checkDrained();
  }

  #drop(message: PendingMessage, error: BrokerError): void {
    this.#pending.settle(message);
    message.reject(error);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#pending.count > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #full(): PublisherFullError {
    const { count, bytes } = this.#pending;
    return new PublisherFullError(
      `${count} messages (${bytes} bytes) wait for the broker's confirmation, the limit is ${this.#maxPending} (${this.#maxPendingBytes} bytes)`,
      {
        details: { pending: count, pendingBytes: bytes, maxPending: this.#maxPending },
        remedy: 'publish less often, raise the limit, or see why the broker does not confirm (down, blocked?)',
      },
    );
  }
}
