/**
 * A channel: publishing with confirms, deliveries with their acknowledgements, consumers with their limits.
 *
 * The operations on exchanges and queues, which need no state of the channel, are in channel-methods.ts.
 */
import { handleMethod } from './channel-methods.js';
import type { Consumer } from './consumer.js';
import { ContentAssembler, type MemoryGauge, type Message } from './message.js';
import type { Outbox } from './outbox.js';
import { ProtocolError, ReplyCode } from './protocol-error.js';
import type { Entry, Queue } from './queue.js';
import { UnacknowledgedWindow } from './unacknowledged.js';
import type { VirtualHost } from './virtual-host.js';
import { type MethodId, methodId, readMethod } from './wire/methods.js';
import { OctetReader } from './wire/octets.js';
import { EXPIRATION_FLAG, USER_ID_FLAG } from './wire/properties.js';

/** Totals since the broker started. */
export interface Counters {
  published: number;
  delivered: number;
  acknowledged: number;
  confirmed: number;
  returned: number;
}

/** What a channel needs from its connection. */
export interface ChannelHost {
  readonly outbox: Outbox;
  readonly vhost: VirtualHost;
  readonly user: string;
  readonly counters: Counters;
  readonly gauge: MemoryGauge;
  readonly maxMessageBytes: number;
  /** Whether the client asked to be told when the broker cancels its consumer. */
  readonly notifiesCancel: boolean;
  /** This connection publishes: it is held back while memory is short. */
  publishing(): void;
  /** `flushConfirms` is due at the end of this piece of input. */
  confirmsPending(channel: Channel): void;
}

const PUBLISH = methodId('basic.publish');
const ACK = methodId('basic.ack');

export class Channel {
  readonly number: number;
  readonly host: ChannelHost;
  /** Name of the queue declared last, which an empty name stands for. */
  lastQueue: string | undefined;
  readonly consumers: Map<string, Consumer> = new Map();
  /** For consumers yet to come (basic.qos); 0: no limit. */
  consumerPrefetch = 0;
  /** For all of the channel's consumers together (basic.qos, global). */
  #channelPrefetch = 0;
  /** Cleared by channel.flow. */
  #flowing = true;
  readonly #unacknowledged = new UnacknowledgedWindow();
  readonly #assembler = new ContentAssembler();
  #mandatory = false;
  #confirming = false;
  #published = 0;
  /** Publishes up to this number are answered; those from here to `#published` are to be confirmed. */
  #answered = 0;
  #closed = false;

  constructor(number: number, host: ChannelHost) {
    this.number = number;
    this.host = host;
  }

  get hasRoom(): boolean {
    if (!this.#flowing || this.host.outbox.congested) return false;
    return this.#channelPrefetch === 0 || this.#unacknowledged.count < this.#channelPrefetch;
  }

  get unacknowledgedCount(): number {
    return this.#unacknowledged.count;
  }

  /** A method frame's payload. Throws {@link ProtocolError}. */
  method(id: MethodId, buffer: Buffer, start: number, end: number): void {
    if (!this.#assembler.idle) {
      throw new ProtocolError(ReplyCode.unexpectedFrame, 'got a method frame in the middle of a content');
    }
    // The two that come with every message are read in place, without an object for their arguments.
    if (id === PUBLISH) this.#beginPublish(buffer, start + 4, end);
    else if (id === ACK) this.#ack(buffer, start + 4, end);
    else handleMethod(this, readMethod(id, new OctetReader(buffer, start + 4, end)));
  }

  header(buffer: Buffer, start: number, end: number): void {
    this.#accept(this.#assembler.header(buffer, start, end, this.host.maxMessageBytes));
  }

  body(buffer: Buffer, start: number, end: number): void {
    this.#accept(this.#assembler.body(buffer, start, end));
  }

  // Publishing

  confirm(): void {
    this.#confirming = true;
  }

  #beginPublish(buffer: Buffer, start: number, end: number): void {
    const exchangeAt = start + 2;
    const keyAt = exchangeAt + 1 + (buffer[exchangeAt] ?? 0);
    const bitsAt = keyAt + 1 + (buffer[keyAt] ?? 0);
    if (bitsAt >= end) throw new ProtocolError(ReplyCode.syntaxError, 'basic.publish is cut short');
    const bits = buffer[bitsAt]!;
    if ((bits & 2) !== 0) throw new ProtocolError(ReplyCode.notImplemented, 'immediate=true');
    this.#mandatory = (bits & 1) !== 0;
    this.#assembler.begin(buffer, exchangeAt, bitsAt, end + 1);
    this.host.publishing();
  }

  #accept(message: Message | undefined): void {
    if (message === undefined) return;
    const { host } = this;
    const flags = message.propertyFlags;
    if ((flags & EXPIRATION_FLAG) !== 0) message.readExpiration();
    if ((flags & USER_ID_FLAG) !== 0) this.#checkUserId(message);
    const queues = host.vhost.route(message);
    host.counters.published++;
    let accepted = true;
    for (let i = 0; i < queues.length; i++) {
      if (!queues[i]!.publish(message)) accepted = false;
    }
    if (queues.length === 0 && this.#mandatory) this.#return(message);
    if (!this.#confirming) return;
    if (accepted) {
      // One acknowledgement covers all that came with the same piece of input.
      if (this.#published === this.#answered) host.confirmsPending(this);
      this.#published++;
    } else {
      this.flushConfirms();
      this.#answered = ++this.#published;
      host.outbox.method(this.number, 'basic.nack', {
        deliveryTag: this.#published,
        multiple: false,
        requeue: false,
      });
    }
  }

  flushConfirms(): void {
    const count = this.#published - this.#answered;
    if (count === 0 || this.#closed) return;
    this.#answered = this.#published;
    this.host.counters.confirmed += count;
    this.host.outbox.method(this.number, 'basic.ack', { deliveryTag: this.#published, multiple: count > 1 });
  }

  #return(message: Message): void {
    this.host.counters.returned++;
    this.host.outbox.method(this.number, 'basic.return', {
      replyCode: ReplyCode.noRoute,
      replyText: 'NO_ROUTE',
      exchange: message.exchange,
      routingKey: message.routingKey,
    });
    this.host.outbox.content(this.number, message);
  }

  #checkUserId(message: Message): void {
    const { userId } = message.properties();
    if (userId !== this.host.user) {
      const reason = `user_id property set to '${userId}' but authenticated user was '${this.host.user}'`;
      throw new ProtocolError(ReplyCode.preconditionFailed, reason);
    }
  }

  // Delivering

  setChannelPrefetch(count: number): void {
    this.#channelPrefetch = count;
    this.dispatch();
  }

  setFlow(active: boolean): void {
    this.#flowing = active;
    if (active) this.dispatch();
  }

  deliver(consumer: Consumer, entry: Entry): void {
    const tag = this.#unacknowledged.add(consumer.noAck ? undefined : entry);
    this.host.outbox.deliver(this.number, consumer.tagBytes, tag, entry.redelivered, entry.message);
    this.host.counters.delivered++;
    if (consumer.noAck) entry.queue.settle(entry);
  }

  /** Answers basic.get. */
  get(queue: Queue, noAck: boolean): void {
    const { outbox } = this.host;
    const entry = queue.get();
    if (entry === undefined) {
      outbox.method(this.number, 'basic.get-empty', { clusterId: '' });
      return;
    }
    const { message } = entry;
    outbox.method(this.number, 'basic.get-ok', {
      deliveryTag: this.#unacknowledged.add(noAck ? undefined : entry),
      redelivered: entry.redelivered,
      exchange: message.exchange,
      routingKey: message.routingKey,
      messageCount: queue.readyCount,
    });
    outbox.content(this.number, message);
    this.host.counters.delivered++;
    if (noAck) queue.settle(entry);
  }

  #ack(buffer: Buffer, start: number, end: number): void {
    if (end - start < 9) throw new ProtocolError(ReplyCode.syntaxError, 'basic.ack is cut short');
    const tag = buffer.readUInt32BE(start) * 2 ** 32 + buffer.readUInt32BE(start + 4);
    const entries = this.take(tag, (buffer[start + 8]! & 1) !== 0);
    this.host.counters.acknowledged += entries.length;
    for (const entry of entries) entry.queue.settle(entry);
    this.#dispatchAfter(entries);
  }

  /** Takes what an answer of the client is about out of the window. Throws {@link ProtocolError} 406. */
  take(tag: number, multiple: boolean): Entry[] {
    let entries: Entry[];
    if (multiple && tag === 0) {
      entries = this.#unacknowledged.takeAll();
    } else {
      if (!this.#unacknowledged.has(tag)) {
        throw new ProtocolError(ReplyCode.preconditionFailed, `unknown delivery tag ${tag}`);
      }
      entries = multiple ? this.#unacknowledged.takeUpTo(tag) : [this.#unacknowledged.take(tag)!];
    }
    for (const { consumer } of entries) consumer?.answered();
    return entries;
  }

  reject(entries: readonly Entry[], requeue: boolean): void {
    if (requeue) {
      for (const [queue, ours] of byQueue(entries)) queue.requeue(ours);
    } else {
      for (const entry of entries) entry.queue.reject(entry);
    }
    this.#dispatchAfter(entries);
  }

  recover(): void {
    this.reject(this.take(0, true), true);
  }

  #dispatchAfter(entries: readonly Entry[]): void {
    if (this.#channelPrefetch > 0) {
      this.dispatch();
      return;
    }
    let last: Queue | undefined;
    for (const { queue } of entries) {
      if (queue !== last && queue.readyCount > 0) queue.dispatch();
      last = queue;
    }
  }

  /** Serves the channel's consumers after a limit was lifted. */
  dispatch(): void {
    for (const consumer of this.consumers.values()) consumer.queue.dispatch();
  }

  addConsumer(consumer: Consumer): void {
    this.consumers.set(consumer.tag, consumer);
    consumer.queue.addConsumer(consumer);
    consumer.queue.dispatch();
  }

  removeConsumer(consumer: Consumer): void {
    this.consumers.delete(consumer.tag);
    consumer.queue.removeConsumer(consumer);
  }

  /** The broker cancelled the consumer, for its queue is gone. */
  consumerCancelled(consumer: Consumer): void {
    this.consumers.delete(consumer.tag);
    const { outbox, notifiesCancel } = this.host;
    if (notifiesCancel) outbox.method(this.number, 'basic.cancel', { consumerTag: consumer.tag, noWait: true });
  }

  /** Gives everything back: consumers leave, unacknowledged messages return to their queues. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const consumer of [...this.consumers.values()]) this.removeConsumer(consumer);
    this.reject(this.take(0, true), true);
  }
}

function byQueue(entries: readonly Entry[]): Map<Queue, Entry[]> {
  const groups = new Map<Queue, Entry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.queue);
    if (group === undefined) groups.set(entry.queue, [entry]);
    else group.push(entry);
  }
  return groups;
}
