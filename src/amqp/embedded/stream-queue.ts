/**
 * A stream: messages stay when they are read, each with its offset in the header `x-stream-offset`; every consumer begins
 * where it wants. In memory as everything here, so it is short: the oldest messages go when it is over its limits.
 */
import { Deque } from './deque.js';
import type { Message } from './message.js';
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { type Entry, Queue, type QueueConsumer } from './queue.js';
import { inVhost, type QueueFlags } from './queue-settings.js';
import { asInteger, asText, EMPTY_TABLE, type Field, type FieldTable, int64 } from './wire/field-table.js';

/** Where nothing else is said (`x-max-length-bytes`): RabbitMQ's streams lie on disk, these in memory. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

interface Stored {
  readonly message: Message;
  /** ms since the epoch */
  readonly at: number;
}

export class StreamQueue extends Queue {
  readonly #stored = new Deque<Stored>();
  /** Offset of the oldest message. */
  #first = 0;
  #bytes = 0;
  #delivered = 0;
  /** Each with the offset of the message it gets next. */
  readonly #readers = new Map<QueueConsumer, number>();
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #vhost: string;

  constructor(vhost: string, ...queue: ConstructorParameters<typeof Queue>) {
    super(...queue);
    this.#vhost = vhost;
    const limit = this.settings.maxLengthBytes;
    this.#maxBytes = limit === Number.POSITIVE_INFINITY ? DEFAULT_MAX_BYTES : limit;
    const maxAge = asText(this.settings.arguments.get('x-max-age'));
    this.#maxAgeMs = maxAge === undefined ? Number.POSITIVE_INFINITY : this.#interval('x-max-age', maxAge);
  }

  override get readyCount(): number {
    return this.#stored.length;
  }

  override get unackedCount(): number {
    return this.#delivered;
  }

  override get consumerCount(): number {
    return this.#readers.size;
  }

  override get hasExclusiveConsumer(): boolean {
    return false;
  }

  override publish(message: Message): boolean {
    const offset = this.#first + this.#stored.length;
    const properties = message.properties();
    const headers = new Map([...(properties.headers ?? EMPTY_TABLE), ['x-stream-offset', int64(offset)]]);
    const stored = message.readdressed(message.exchange, message.routingKey, { ...properties, headers });
    this.gauge.hold(stored);
    this.#bytes += stored.cost;
    this.#stored.push({ message: stored, at: Date.now() });
    this.#retain();
    this.dispatch();
    return true;
  }

  override dispatch(): void {
    for (const consumer of this.#readers.keys()) this.#serve(consumer);
  }

  override addConsumer(consumer: QueueConsumer): void {
    this.#retain();
    this.#readers.set(consumer, this.#startOf(consumer.arguments?.get('x-stream-offset')));
  }

  override removeConsumer(consumer: QueueConsumer): void {
    this.#readers.delete(consumer);
  }

  override settle(_entry: Entry): void {
    this.#delivered--;
  }

  override reject(entry: Entry): void {
    this.settle(entry);
  }

  /** A stream takes nothing back: it still has it. */
  override requeue(entries: readonly Entry[]): void {
    this.#delivered -= entries.length;
  }

  override get(): never {
    throw new ProtocolError(ReplyCode.notImplemented, `basic.get not supported by stream ${this.#name}`);
  }

  override purge(): never {
    throw new ProtocolError(ReplyCode.notImplemented, `queue.purge not supported by stream ${this.#name}`);
  }

  override delete(): number {
    const count = this.#stored.length;
    while (this.#stored.length > 0) this.#dropFirst();
    const readers = [...this.#readers.keys()];
    this.#readers.clear();
    for (const reader of readers) reader.queueDeleted();
    return count;
  }

  get #name(): string {
    return inVhost('queue', this.name, this.#vhost);
  }

  #serve(consumer: QueueConsumer): void {
    const end = this.#first + this.#stored.length;
    for (;;) {
      const wanted = this.#readers.get(consumer);
      // What retention took before it was read is skipped.
      const offset = wanted === undefined ? end : Math.max(wanted, this.#first);
      if (offset >= end || !consumer.hasRoom) return;
      this.#readers.set(consumer, offset + 1);
      this.#delivered++;
      const { message } = this.#stored.at(offset - this.#first)!;
      consumer.take({
        message,
        queue: this,
        position: offset,
        expiresAt: Number.POSITIVE_INFINITY,
        redelivered: false,
        consumer,
      });
    }
  }

  #startOf(field: Field | undefined): number {
    const end = this.#first + this.#stored.length;
    const word = asText(field);
    if (field === undefined || word === 'next') return end;
    if (word === 'first') return this.#first;
    if (word === 'last') return Math.max(this.#first, end - 1);
    if (word !== undefined) return this.#since(Date.now() - this.#interval('x-stream-offset', word));
    const number = asInteger(field);
    if (number === undefined || number < 0)
      throw this.#invalid('x-stream-offset', 'expected an offset, a time or a word');
    return field.type === 'T' ? this.#since(number * 1000) : number;
  }

  #since(time: number): number {
    let index = 0;
    while (index < this.#stored.length && this.#stored.at(index)!.at < time) index++;
    return this.#first + index;
  }

  #retain(): void {
    const oldest = Date.now() - this.#maxAgeMs;
    while (this.#stored.length > 1 && (this.#bytes > this.#maxBytes || this.#stored.at(0)!.at < oldest))
      this.#dropFirst();
  }

  #dropFirst(): void {
    const { message } = this.#stored.shift()!;
    this.#first++;
    this.#bytes -= message.cost;
    this.gauge.release(message);
  }

  /** `7D`, `5m`: a count of years, months, days, hours, minutes or seconds. */
  #interval(argument: string, text: string): number {
    const match = /^(\d+)([YMDhms])$/.exec(text);
    if (match === null) throw this.#invalid(argument, `'${text}' is no interval`);
    return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  }

  #invalid(argument: string, why: string): ProtocolError {
    return new ProtocolError(ReplyCode.preconditionFailed, `invalid arg '${argument}' for ${this.#name}: ${why}`);
  }
}

const UNIT_MS = { Y: 31_536_000_000, M: 2_592_000_000, D: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;

/** What RabbitMQ wants of quorum queues and streams, and what neither of them has. */
export function checkLastingQueue(
  name: string,
  vhost: string,
  { durable, exclusive, autoDelete }: QueueFlags,
  args: FieldTable,
): void {
  const type = asText(args.get('x-queue-type'));
  if (type !== 'quorum' && type !== 'stream') return;
  const property = exclusive ? 'exclusive' : autoDelete ? 'auto-delete' : durable ? undefined : 'non-durable';
  if (property !== undefined) {
    const what = inVhost('queue', name, vhost);
    throw new ProtocolError(ReplyCode.preconditionFailed, `invalid property '${property}' for ${what}`);
  }
  const refused = REFUSED[type].find((argument) => args.has(argument));
  if (refused !== undefined) {
    const what = inVhost('queue', name, vhost);
    throw new ProtocolError(
      ReplyCode.preconditionFailed,
      `invalid arg '${refused}' for ${what} of queue type rabbit_${type}_queue`,
    );
  }
}

const REFUSED = {
  quorum: ['x-max-priority', 'x-queue-mode'],
  stream: [
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-expires',
    'x-max-length',
    'x-max-priority',
    'x-message-ttl',
    'x-overflow',
  ],
} as const;

/** A stream is read with acknowledgements, which are its flow control. Throws {@link ProtocolError}. */
export function checkStreamConsumer(queue: Queue, noAck: boolean, prefetch: number): void {
  if (!(queue instanceof StreamQueue)) return;
  if (noAck)
    throw new ProtocolError(ReplyCode.notImplemented, 'automatic acknowledgement not supported by stream queues');
  if (prefetch === 0) {
    throw new ProtocolError(
      ReplyCode.preconditionFailed,
      `consumer prefetch count is not set for stream '${queue.name}'`,
    );
  }
}
