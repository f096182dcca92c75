/**
 * A queue: ready messages in order, consumers served in turn, limits, expiry, requeueing in place.
 *
 * It knows nothing of connections; a consumer is anything that can say whether it has room and take an entry.
 */
import { Deque } from './deque.js';
import type { MemoryGauge, Message } from './message.js';
import type { QueueSettings } from './queue-settings.js';
import type { FieldTable } from './wire/field-table.js';

/** A message in one queue; it stays in its queue's books until it is acknowledged. */
export interface Entry {
  readonly message: Message;
  readonly queue: Queue;
  /** Position in the queue; a requeued entry goes back to it. */
  readonly position: number;
  /** On the clock of `performance.now()`, in milliseconds; `Infinity` if never. */
  readonly expiresAt: number;
  redelivered: boolean;
  /** Who has it unacknowledged; `undefined` while ready, or when fetched with basic.get. */
  consumer: QueueConsumer | undefined;
}

export interface QueueConsumer {
  readonly exclusive: boolean;
  readonly hasRoom: boolean;
  /** Those of basic.consume. */
  readonly arguments?: FieldTable;
  take(entry: Entry): void;
  /** One of the entries it took was acknowledged or given back. */
  answered(): void;
  /** The queue is gone. */
  queueDeleted(): void;
}

export type DeathReason = 'rejected' | 'expired' | 'maxlen';

/** What a queue needs from the virtual host it is in. */
export interface QueueHost {
  readonly gauge: MemoryGauge;
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void;
  /** The last consumer of an auto-delete queue left, or `x-expires` ran out. */
  unused(queue: Queue): void;
}

/** The longest delay Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Queue {
  readonly name: string;
  readonly settings: QueueSettings;
  /** The connection an exclusive queue belongs to. */
  readonly owner: object | undefined;
  readonly #host: QueueHost;
  readonly #ready = new Deque<Entry>();
  readonly #consumers: QueueConsumer[] = [];
  #turn = 0;
  #position = 0;
  #readyBytes = 0;
  #unacked = 0;
  /** How many of the ready entries can expire: while none can, no clock is read. */
  #expiring = 0;
  #headTimer: NodeJS.Timeout | undefined;
  #headTimerAt = Infinity;
  #unusedTimer: NodeJS.Timeout | undefined;
  #deleted = false;

  constructor(name: string, settings: QueueSettings, owner: object | undefined, host: QueueHost) {
    this.name = name;
    this.settings = settings;
    this.owner = owner;
    this.#host = host;
    this.touch();
  }

  protected get gauge(): MemoryGauge {
    return this.#host.gauge;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  get unackedCount(): number {
    return this.#unacked;
  }

  get consumerCount(): number {
    return this.#consumers.length;
  }

  get hasExclusiveConsumer(): boolean {
    return this.#consumers[0]?.exclusive === true;
  }

  /** Takes a message in, handing it straight on if someone waits. False if the queue is full and refuses. */
  publish(message: Message): boolean {
    const { overflow } = this.settings;
    if (overflow !== 'drop-head' && this.#isFull()) {
      if (overflow === 'reject-publish-dlx') this.#host.deadLetter(this, message, 'maxlen');
      return false;
    }
    const ttl = Math.min(this.settings.messageTtlMs ?? Infinity, message.expirationMs ?? Infinity);
    const entry: Entry = {
      message,
      queue: this,
      position: this.#position++,
      expiresAt: ttl === Infinity ? Infinity : performance.now() + ttl,
      redelivered: false,
      consumer: undefined,
    };
    this.#host.gauge.hold(message);
    if (this.#ready.length === 0) {
      const consumer = this.#nextConsumer();
      if (consumer !== undefined) {
        this.#hand(entry, consumer);
        return true;
      }
    }
    message.detach();
    this.#ready.push(entry);
    this.#countIn(entry);
    this.#dropOverflow();
    if (ttl === 0) this.#dropExpired();
    else if (ttl !== Infinity) this.#watchHead();
    return true;
  }

  /** Hands ready messages to consumers with room. */
  dispatch(): void {
    while (this.#ready.length > 0) {
      const consumer = this.#nextConsumer();
      if (consumer === undefined) return;
      if (this.#expiring > 0) {
        this.#dropExpired();
        if (this.#ready.length === 0) return;
      }
      this.#hand(this.#shift(), consumer);
    }
  }

  /** The head, for basic.get; unacknowledged until settled. */
  get(): Entry | undefined {
    this.touch();
    this.#dropExpired();
    if (this.#ready.length === 0) return undefined;
    const entry = this.#shift();
    this.#unacked++;
    return entry;
  }

  /** The entry is done with. */
  settle(entry: Entry): void {
    this.#unacked--;
    this.#host.gauge.release(entry.message);
  }

  /** The entry was refused: a dead letter, if the queue has an exchange for them. */
  reject(entry: Entry): void {
    if (!this.#deleted) this.#host.deadLetter(this, entry.message, 'rejected');
    this.settle(entry);
  }

  /** Puts entries back to the positions they had. */
  requeue(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#unacked--;
      if (this.#deleted) {
        this.#host.gauge.release(entry.message);
        continue;
      }
      entry.redelivered = true;
      entry.consumer = undefined;
      entry.message.detach();
      this.#ready.insertBefore((other) => other.position > entry.position, entry);
      this.#countIn(entry);
    }
    if (this.#deleted) return;
    this.#dropExpired();
    this.#dropOverflow();
    this.dispatch();
  }

  /** Drops all ready messages; returns how many. */
  purge(): number {
    const count = this.#ready.length;
    for (const entry of this.#ready) this.#host.gauge.release(entry.message);
    this.#ready.clear();
    this.#readyBytes = 0;
    this.#expiring = 0;
    clearTimeout(this.#headTimer);
    this.#headTimerAt = Infinity;
    return count;
  }

  addConsumer(consumer: QueueConsumer): void {
    this.#consumers.push(consumer);
    this.touch();
  }

  removeConsumer(consumer: QueueConsumer): void {
    const index = this.#consumers.indexOf(consumer);
    if (index < 0) return;
    this.#consumers.splice(index, 1);
    this.touch();
    if (this.#consumers.length === 0 && this.settings.autoDelete && !this.#deleted) this.#host.unused(this);
  }

  /** Restarts the countdown of `x-expires`. */
  touch(): void {
    const { expiresMs } = this.settings;
    if (expiresMs === undefined) return;
    clearTimeout(this.#unusedTimer);
    if (this.#consumers.length > 0 || this.#deleted) return;
    this.#unusedTimer = setTimeout(() => this.#host.unused(this), Math.min(expiresMs, MAX_TIMER_MS));
  }

  /** Empties the queue and tells its consumers; returns how many messages were ready. */
  delete(): number {
    this.#deleted = true;
    clearTimeout(this.#unusedTimer);
    const count = this.purge();
    for (const consumer of this.#consumers.splice(0)) consumer.queueDeleted();
    return count;
  }

  #nextConsumer(): QueueConsumer | undefined {
    const consumers = this.#consumers;
    for (let i = 0; i < consumers.length; i++) {
      this.#turn = this.#turn + 1 < consumers.length ? this.#turn + 1 : 0;
      const consumer = consumers[this.#turn]!;
      if (consumer.hasRoom) return consumer;
    }
    return undefined;
  }

  #hand(entry: Entry, consumer: QueueConsumer): void {
    this.#unacked++;
    entry.consumer = consumer;
    consumer.take(entry);
  }

  #shift(): Entry {
    const entry = this.#ready.shift()!;
    this.#readyBytes -= entry.message.bodySize;
    if (entry.expiresAt !== Infinity) this.#expiring--;
    if (this.#expiring > 0) this.#watchHead();
    return entry;
  }

  #countIn(entry: Entry): void {
    this.#readyBytes += entry.message.bodySize;
    if (entry.expiresAt !== Infinity) this.#expiring++;
  }

  #isFull(): boolean {
    const { maxLength, maxLengthBytes } = this.settings;
    return this.#ready.length >= maxLength || this.#readyBytes >= maxLengthBytes;
  }

  #dropOverflow(): void {
    const { maxLength, maxLengthBytes, overflow } = this.settings;
    if (overflow !== 'drop-head') return;
    while (this.#ready.length > maxLength || this.#readyBytes > maxLengthBytes) this.#bury(this.#shift(), 'maxlen');
  }

  /** Only the head expires: a message behind one that lives longer waits its turn, as in RabbitMQ. */
  #dropExpired(): void {
    if (this.#expiring === 0) return;
    const now = performance.now();
    while ((this.#ready.at(0)?.expiresAt ?? Infinity) <= now) this.#bury(this.#shift(), 'expired');
    this.#watchHead();
  }

  #bury(entry: Entry, reason: DeathReason): void {
    this.#host.deadLetter(this, entry.message, reason);
    this.#host.gauge.release(entry.message);
  }

  #watchHead(): void {
    const expiresAt = this.#ready.at(0)?.expiresAt ?? Infinity;
    // A timer that fires too early only looks and sets itself again; one too late would keep a dead message.
    if (expiresAt >= this.#headTimerAt) return;
    clearTimeout(this.#headTimer);
    this.#headTimerAt = expiresAt;
    const delayMs = Math.min(Math.max(1, Math.ceil(expiresAt - performance.now())), MAX_TIMER_MS);
    this.#headTimer = setTimeout(() => {
      this.#headTimerAt = Infinity;
      this.#dropExpired();
      this.#watchHead();
    }, delayMs);
  }
}
