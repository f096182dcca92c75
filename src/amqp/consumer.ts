/**
 * A consumer that outlives its connections: declares its queue and bindings, hands every delivery to a function, and
 * sends acknowledgements in bulk.
 */
import type { Channel, ConsumeMessage } from 'amqplib';
import { Link, type LinkOptions, type LinkUser, type Session } from './link.js';
import { StreamPosition } from './stream-position.js';
import { type BindingSpec, declareExchanges, declareQueue, type ExchangeSpec, type QueueSpec } from './topology.js';

/**
 * Names a delivery for its acknowledgement. Receipts count up over all connections of a consumer, so that of two the
 * larger one arrived later.
 */
export type Receipt = number;

export interface Delivery {
  /** A view of what the socket read (up to 64 KiB): copy what is kept for long. */
  readonly content: Buffer;
  readonly exchange: string;
  readonly routingKey: string;
  /** The ordinal of the connection it came on, from 1; a consumer set up again on the same one counts as another. */
  readonly connection: number;
  /** Delivered before, to us or someone else, and not acknowledged. */
  readonly redelivered: boolean;
  readonly headers: Readonly<Record<string, unknown>> | undefined;
  readonly contentType: string | undefined;
  readonly messageId: string | undefined;
  /** The publisher's time stamp, in seconds since the epoch. */
  readonly timestamp: number | undefined;
  readonly receipt: Receipt;
}

export interface ConsumerOptions extends LinkOptions {
  readonly exchanges: readonly ExchangeSpec[];
  readonly queue: QueueSpec;
  readonly bindings: readonly BindingSpec[];
  /** How many deliveries may be unacknowledged; 0 for no limit, which a stream does not allow. */
  readonly prefetch: number;
  /** Called synchronously for each message; must not throw. */
  readonly onDelivery: (delivery: Delivery) => void;
}

/** How long the deletion of a stream may take. */
const STREAM_DELETED_MS = 500;
/** How long a stream may take to deliver the last message once more. */
const RESUME_TIMEOUT_MS = 3000;

export class Consumer implements LinkUser {
  readonly #options: ConsumerOptions;
  #link: Link | undefined;
  #channel: Channel | undefined;
  #queueName = '';
  #backlog = 0;
  #consumerTag = '';
  #connection = 0;
  /** Receipt = this + delivery tag of the current connection; up to here receipts are of earlier ones. */
  #base = 0;
  #lastReceipt = 0;
  /** Receipts up to and including this one are settled. */
  #settled = 0;
  /** Receipts above `#settled` that were settled out of order. */
  readonly #settledAhead = new Set<Receipt>();
  /** Where we are in a stream; other queues keep account themselves. */
  #position: StreamPosition | undefined;
  /** The last receipt whose acknowledgement, with that of all before it, is yet to be sent. */
  #toAcknowledge = 0;
  /** What came before `open` returned. */
  #early: Delivery[] | undefined = [];

  private constructor(options: ConsumerOptions) {
    this.#options = options;
    const { offset } = options.queue;
    this.#position = offset === undefined ? undefined : new StreamPosition(offset);
  }

  /**
   * Resolves when the queue is bound and consumed; the first message is handed over after that, so that `onDelivery`
   * can use the consumer. Rejects with a `BrokerError` that names the cause.
   */
  static async open(options: ConsumerOptions): Promise<Consumer> {
    const consumer = new Consumer(options);
    consumer.#link = await Link.open(options, consumer);
    setImmediate(() => consumer.#handOverEarly());
    return consumer;
  }

  /** How many messages waited in the queue when it was consumed, on this connection. */
  get backlog(): number {
    return this.#backlog;
  }

  /** See {@link Link.retryNow}. */
  retryNow(): void {
    this.#link?.retryNow();
  }

  /** The queue's name, made up by the broker if none was given; it may change when the connection does. */
  get queueName(): string {
    return this.#queueName;
  }

  /**
   * The message has been dealt with; with `upTo`, so have all before it. Calls of one turn of the event loop go out as
   * one frame if they are in order. Receipts of an earlier connection are ignored: its messages come again.
   */
  ack(receipt: Receipt, { upTo = false }: { upTo?: boolean } = {}): void {
    if (this.#channel === undefined || receipt <= this.#settled) return;
    if (upTo || receipt === this.#settled + 1) {
      // A multiple acknowledgement must name a message that is still unacknowledged.
      let last = receipt;
      while (this.#settledAhead.has(last)) last--;
      if (last > this.#settled) this.#acknowledgeLater(last);
      this.#settleUpTo(receipt);
    } else if (!this.#settledAhead.has(receipt)) {
      this.#settledAhead.add(receipt);
      this.#send((channel) => channel.ack(asMessage(receipt - this.#base)));
    }
  }

  /** Refuses the message: it is dropped, or dead-lettered if its queue says so. */
  reject(receipt: Receipt): void {
    this.#refuse(receipt, false);
  }

  /** Gives the message back to its queue. */
  requeue(receipt: Receipt): void {
    this.#refuse(receipt, true);
  }

  /** See `Link.updateSecret`. */
  async updateSecret(password: string, reason: string): Promise<boolean> {
    return (await this.#link?.updateSecret(password, reason)) ?? false;
  }

  /** Stops deliveries, lets the acknowledgements out, closes. What is unacknowledged returns to the queue. */
  async close(): Promise<void> {
    const channel = this.#channel;
    await this.#link?.close(async () => {
      await channel?.cancel(this.#consumerTag);
      this.#flush();
      await channel?.close();
    });
  }

  async setUp(session: Session): Promise<void> {
    const channel = await session.model.createChannel();
    channel.on('error', (error: Error) => session.fail(error));
    this.#base = this.#settled = this.#toAcknowledge = this.#lastReceipt;
    this.#settledAhead.clear();
    this.#channel = channel;
    this.#connection++;
    await this.#consume(session, channel);
  }

  lost(): void {
    this.#channel = undefined;
  }

  async #consume(session: Session, channel: Channel): Promise<void> {
    const { exchanges, queue, prefetch } = this.#options;
    const bindings = queue.declare === 'passive' ? [] : this.#options.bindings;
    // Sent together; the first refusal is the one that tells, the rest only follow from it.
    const [declared] = await Promise.all([
      declareQueue(channel, queue),
      ...declareExchanges(channel, exchanges),
      channel.prefetch(prefetch),
    ]);
    this.#queueName = declared.queue;
    this.#backlog = declared.messageCount;
    const position = this.#position;
    const [consuming] = await Promise.all([
      channel.consume(
        declared.queue,
        (message) => {
          if (message === null) this.#cancelled(session, channel);
          else this.#deliver(session, position, message);
        },
        position === undefined ? {} : { arguments: { 'x-stream-offset': position.argument(Date.now()) } },
      ),
      ...bindings.map(({ exchange, key }) => channel.bindQueue(declared.queue, exchange, key)),
    ]);
    this.#consumerTag = consuming.consumerTag;
    if (position !== undefined) this.#watchShortStream(session, channel, position, declared.messageCount);
  }

  #handOverEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const delivery of early) this.#handOver(delivery);
  }

  #deliver(session: Session, position: StreamPosition | undefined, message: ConsumeMessage): void {
    const { content, fields, properties } = message;
    const receipt = this.#base + fields.deliveryTag;
    this.#lastReceipt = receipt;
    if (position !== undefined && !this.#isNew(session, position, receipt, message)) return;
    const delivery: Delivery = {
      content,
      exchange: fields.exchange,
      routingKey: fields.routingKey,
      connection: this.#connection,
      redelivered: fields.redelivered,
      headers: properties.headers,
      contentType: properties.contentType,
      messageId: properties.messageId,
      timestamp: properties.timestamp,
      receipt,
    };
    if (this.#early === undefined) this.#handOver(delivery);
    else this.#early.push(delivery);
  }

  /** Of a stream: whether the message is to be handed over. */
  #isNew(session: Session, position: StreamPosition, receipt: Receipt, message: ConsumeMessage): boolean {
    // What still comes after the stream was found to be another one comes again.
    if (position !== this.#position) return false;
    const verdict = position.accept(message.properties.headers, message.content);
    switch (verdict.kind) {
      case 'new':
        return true;
      case 'old':
        this.ack(receipt);
        return false;
      case 'anew':
        this.#beginAnew(session);
        return false;
      case 'gap':
        this.#link?.emit({
          type: 'missed',
          reason: `the stream '${this.#queueName}' no longer had ${verdict.missed} messages that were not read yet`,
        });
        return true;
    }
  }

  #beginAnew(session: Session): void {
    this.#position = new StreamPosition('first');
    session.fail(new Error(`the stream '${this.#queueName}' was made anew: it is read from its first message`));
  }

  /** A stream made anew during an outage delivers nothing until it is as long as the old one was. */
  #watchShortStream(session: Session, channel: Channel, position: StreamPosition, length: number): void {
    if (!position.isTooShort(length)) return;
    setTimeout(() => {
      const isCurrent = channel === this.#channel && position === this.#position && !this.#link?.isClosed;
      if (isCurrent && position.resuming) this.#beginAnew(session);
    }, RESUME_TIMEOUT_MS).unref();
  }

  #handOver(delivery: Delivery): void {
    // Once closing, what still comes returns to the queue.
    if (this.#link?.isClosed) return;
    try {
      this.#options.onDelivery(delivery);
    } catch (error) {
      // amqplib would close the channel over it and drop the error; it is a defect, and is to be seen as one.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #cancelled(session: Session, channel: Channel): void {
    this.#connection++;
    this.#link?.emit({ type: 'cancelled', reason: `the broker cancelled the consumer of queue '${this.#queueName}'` });
    // The queue was deleted: all of the stream that takes its place is new.
    if (this.#position !== undefined) this.#position = new StreamPosition('first');
    const again = (): void => {
      if (channel === this.#channel) this.#consume(session, channel).catch((error: Error) => session.fail(error));
    };
    // RabbitMQ 3.10 may end the connection of who deletes a stream (541) if it is declared again meanwhile.
    if (this.#position === undefined) again();
    else setTimeout(again, STREAM_DELETED_MS);
  }

  #refuse(receipt: Receipt, requeue: boolean): void {
    if (this.#channel === undefined || receipt <= this.#settled || this.#settledAhead.has(receipt)) return;
    this.#flush();
    if (receipt === this.#settled + 1) this.#settleUpTo(receipt);
    else this.#settledAhead.add(receipt);
    this.#send((channel) => channel.reject(asMessage(receipt - this.#base), requeue));
  }

  #settleUpTo(receipt: Receipt): void {
    const ahead = this.#settledAhead;
    const jumps = receipt > this.#settled + 1;
    this.#settled = receipt;
    if (ahead.size === 0) return;
    if (jumps) for (const settled of ahead) if (settled <= receipt) ahead.delete(settled);
    while (ahead.delete(this.#settled + 1)) this.#settled++;
  }

  #acknowledgeLater(receipt: Receipt): void {
    if (this.#toAcknowledge <= this.#base) queueMicrotask(() => this.#flush());
    this.#toAcknowledge = receipt;
  }

  #flush(): void {
    const receipt = this.#toAcknowledge;
    if (receipt <= this.#base) return;
    this.#toAcknowledge = this.#base;
    this.#send((channel) => channel.ack(asMessage(receipt - this.#base), true));
  }

  #send(action: (channel: Channel) => void): void {
    if (this.#channel === undefined) return;
    try {
      action(this.#channel);
    } catch {
      // The channel is closing; its messages come again.
    }
  }
}

/** amqplib acknowledges messages, of which it reads the delivery tag only. */
function asMessage(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}
