/** A consumer on a channel (basic.consume): how many messages it may hold, and what it is called. */
import type { Channel } from './channel.js';
import type { Entry, Queue, QueueConsumer } from './queue.js';
import type { FieldTable } from './wire/field-table.js';
import type { MethodArgs } from './wire/methods.js';
import { OctetWriter } from './wire/octets.js';

export class Consumer implements QueueConsumer {
  readonly tag: string;
  /** The tag as a short string. */
  readonly tagBytes: Buffer;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
  readonly #channel: Channel;
  readonly #prefetch: number;
  #unanswered = 0;

  constructor(channel: Channel, tag: string, queue: Queue, args: MethodArgs<'basic.consume'>) {
    this.#channel = channel;
    this.tag = tag;
    this.queue = queue;
    this.noAck = args.noAck;
    this.exclusive = args.exclusive;
    this.arguments = args.arguments;
    this.#prefetch = channel.consumerPrefetch;
    const writer = new OctetWriter();
    writer.shortstr(tag);
    this.tagBytes = writer.written();
  }

  get hasRoom(): boolean {
    // Limits count unacknowledged messages; where nothing is acknowledged only the socket limits.
    if (!this.noAck && this.#prefetch > 0 && this.#unanswered >= this.#prefetch) return false;
    return this.#channel.hasRoom;
  }

  take(entry: Entry): void {
    if (!this.noAck) this.#unanswered++;
    this.#channel.deliver(this, entry);
  }

  answered(): void {
    this.#unanswered--;
  }

  queueDeleted(): void {
    this.#channel.consumerCancelled(this);
  }
}
