/** The messages a publisher is responsible for until the broker confirms them. */
import type { Options } from 'amqplib';
import type { BrokerError } from './errors.js';

export interface PendingMessage {
  readonly exchange: string;
  readonly key: string;
  readonly body: Buffer;
  readonly messageId: string;
  readonly options: Options.Publish;
  /** On the clock of `performance.now()`. */
  readonly publishedAt: number;
  readonly expirationMs: number | undefined;
  /** Given up with the connection that it was sent on. */
  readonly once: boolean;
  readonly confirm: (returned: string | undefined) => void;
  readonly reject: (error: BrokerError) => void;
  /** Whether it went out on some connection before. */
  sent: boolean;
  /** When it went out last, on the clock of `performance.now()`. */
  sentAt: number;
  /** Why it came back, if it was mandatory and reached no queue. */
  returned: string | undefined;
}

export class PendingMessages {
  /** Sum of the bodies. */
  bytes = 0;
  /** Sent on the current channel, by delivery tag, which is the order of sending. */
  readonly #inFlight = new Map<number, PendingMessage>();
  #lastTag = 0;
  /** Not sent, for lack of a connection. */
  #waiting: PendingMessage[] = [];
  readonly #mandatory = new Map<string, PendingMessage>();

  get count(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  add(message: PendingMessage): void {
    this.bytes += message.body.length;
    if (message.options.mandatory) this.#mandatory.set(message.messageId, message);
  }

  /** It was sent on the current channel. */
  sent(message: PendingMessage): void {
    message.sent = true;
    message.sentAt = performance.now();
    this.#inFlight.set(++this.#lastTag, message);
  }

  /** The message that was sent first on the current channel and is not confirmed. */
  get oldestInFlight(): PendingMessage | undefined {
    for (const message of this.#inFlight.values()) return message;
    return undefined;
  }

  /** It is to be sent when there is a connection. */
  wait(message: PendingMessage): void {
    this.#waiting.push(message);
  }

  /** Takes out what a confirmation covers, oldest first. */
  confirmed(deliveryTag: number, multiple: boolean): PendingMessage[] {
    const tags = multiple ? this.#tagsUpTo(deliveryTag) : [deliveryTag];
    return tags.flatMap((tag) => {
      const message = this.#inFlight.get(tag);
      this.#inFlight.delete(tag);
      if (message === undefined) return [];
      this.settle(message);
      return [message];
    });
  }

  /** A mandatory message of that id, if it is ours and still awaits its confirmation. */
  mandatory(messageId: string): PendingMessage | undefined {
    return this.#mandatory.get(messageId);
  }

  /** Takes out the messages in flight that `isSuspect` holds of. */
  takeInFlight(isSuspect: (message: PendingMessage) => boolean): PendingMessage[] {
    const taken: PendingMessage[] = [];
    for (const [tag, message] of this.#inFlight) {
      if (!isSuspect(message)) continue;
      this.#inFlight.delete(tag);
      this.settle(message);
      taken.push(message);
    }
    return taken;
  }

  /**
   * The channel is gone: what was in flight on it waits again, before what was waiting already. Takes out what is not to
   * be sent again.
   */
  channelLost(): PendingMessage[] {
    const inFlight = [...this.#inFlight.values()];
    this.#waiting = [...inFlight.filter(({ once }) => !once), ...this.#waiting];
    this.#inFlight.clear();
    const givenUp = inFlight.filter(({ once }) => once);
    for (const message of givenUp) this.settle(message);
    return givenUp;
  }

  /** A new channel, whose delivery tags begin anew; returns what is to be sent on it, in order. */
  channelOpened(): PendingMessage[] {
    this.#lastTag = 0;
    return this.#waiting.splice(0);
  }

  /** Takes out everything. */
  takeAll(): PendingMessage[] {
    const all = [...this.#inFlight.values(), ...this.#waiting];
    this.#inFlight.clear();
    this.#waiting = [];
    for (const message of all) this.settle(message);
    return all;
  }

  /** It is no longer ours to answer for. */
  settle(message: PendingMessage): void {
    this.bytes -= message.body.length;
    if (message.options.mandatory) this.#mandatory.delete(message.messageId);
  }

  #tagsUpTo(deliveryTag: number): number[] {
    const tags: number[] = [];
    for (const tag of this.#inFlight.keys()) {
      if (tag > deliveryTag) break;
      tags.push(tag);
    }
    return tags;
  }
}
