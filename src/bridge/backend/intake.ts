/**
 * Deliveries of one source into the ring, in order, each acknowledged once it is there.
 *
 * Most messages take one native call: decoded into a free row and handed over. What the native decoder does not accept
 * goes to the decoder in TypeScript, which knows every reason for refusing a message and says it. When the ring is full
 * and may not drop, deliveries wait here, unacknowledged, so that the broker stops at the prefetch limit.
 */
import type { Consumer, Delivery } from '../../amqp/index.js';
import { type Producer, PUSH_FULL, PUSH_SLOW_PATH, PushFlag } from '../../native/index.js';
import { formatRfc3339, wallClock } from '../../support/time.js';
import type { BridgeConfig } from '../config.js';
import { createDecoder, type Decoder, type FieldProblem } from '../decoder.js';
import { createNativeDecoder } from '../native-decoder.js';
import { Backlog } from './backlog.js';
import type { RateLimitedLog } from './rate-limited-log.js';
import { Redeliveries } from './redeliveries.js';

/** How often a full ring is looked at, ms. */
const FULL_RING_MS = 2;

/** Of RabbitMQ 4; 3.x has none. */
const DEFAULT_DELIVERY_LIMIT = 20;

export class Intake {
  readonly #producer: Producer;
  readonly #log: RateLimitedLog;
  readonly #decoder: Decoder;
  readonly #tellsUnknownFields: boolean;
  readonly #skipsFields: boolean;
  readonly #waiting: Delivery[] = [];
  #waitingFrom = 0;
  /** How many of those that wait came on an earlier connection, if they can come again. */
  #oldWaiting = 0;
  #connection = 0;
  readonly #source: number;
  /** Where messages are named: empty for the only source. */
  readonly #ofSource: string;
  #timer: NodeJS.Timeout | undefined;
  #consumer: Consumer | undefined;
  #backlog: Backlog | undefined;
  #toAcknowledge: Delivery | undefined;
  /** Deliveries after which a quorum queue gives a message up. */
  readonly #deliveryLimit: number | undefined;
  /** An exclusive queue goes with its connection, and a stream is read by offset: nothing comes twice from them. */
  readonly #redeliveries: Redeliveries | undefined;
  /** Messages dealt with so far. */
  #count = 0;

  /** `source`: its place among the sources of the configuration. */
  constructor(config: BridgeConfig, source: number, producer: Producer, log: RateLimitedLog) {
    const { outputs, sources } = config;
    const { name, unknownFields, queue, prefetch } = sources[source]!;
    this.#producer = producer;
    this.#log = log;
    this.#ofSource = sources.length === 1 ? '' : ` of source '${name}'`;
    const { compat } = config;
    const options = { ...sources[source]!, ...(compat === undefined ? {} : { compat }) };
    this.#decoder = createDecoder(outputs, options, source);
    this.#skipsFields = compat !== undefined;
    this.#tellsUnknownFields = unknownFields === 'warn';
    this.#source = source;
    if (!queue.exclusive && queue.offset === undefined) this.#redeliveries = new Redeliveries(prefetch);
    if (queue.arguments['x-queue-type'] === 'quorum') {
      this.#deliveryLimit = Number(queue.arguments['x-delivery-limit'] ?? DEFAULT_DELIVERY_LIMIT);
    }
    // The native decoder heeds offsets of times, which RMQFMU did not.
    const native = compat === 'strict' ? undefined : createNativeDecoder(outputs, sources[source]!, source);
    if (native !== undefined) producer.useDecoder(source, native);
  }

  acknowledgeThrough(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#acknowledge();
  }

  /** Resolves once the messages that waited in the queue when it was consumed are in the ring. */
  async backlogTaken(consumer: Consumer): Promise<void> {
    const backlog = new Backlog(consumer, () => this.#waiting.length > this.#waitingFrom);
    this.#backlog = backlog;
    await backlog.over;
    this.#backlog = undefined;
  }

  take(delivery: Delivery): void {
    if (this.#deliveryLimit !== undefined) this.#watchDeliveries(delivery, this.#deliveryLimit);
    if (this.#redeliveries !== undefined && this.#isAgain(delivery, this.#redeliveries)) return;
    if (this.#waiting.length > this.#waitingFrom) {
      this.#waiting.push(delivery);
    } else if (!this.#put(delivery)) {
      this.#waiting.push(delivery);
      this.#lookAgain();
      this.#producer.count('blocked');
      this.#log.limited(
        'ring full',
        'warning',
        'logStatusWarning',
        () =>
          'the ring is full: the broker keeps further messages until steps have consumed some (ring.whenFull: block)',
      );
    }
  }

  /** Every lost connection counts as a delivery of what was unacknowledged on it. */
  #watchDeliveries({ headers }: Delivery, limit: number): void {
    const before = Number(headers?.['x-delivery-count'] ?? 0);
    if (before < limit / 2) return;
    this.#log.limited(
      'delivery limit',
      'warning',
      'logStatusWarning',
      () =>
        `a message${this.#ofSource} was delivered ${before} times before without being acknowledged; past ${limit} the quorum queue gives it up (raise queue.deliveryLimit, or see why connections are lost or the ring stays full)`,
    );
  }

  /** Whether it is in the ring already, or waits to be. */
  #isAgain(delivery: Delivery, redeliveries: Redeliveries): boolean {
    const waits = this.#waitingFrom < this.#waiting.length;
    if (delivery.connection !== this.#connection) {
      this.#connection = delivery.connection;
      this.#oldWaiting = this.#waiting.length - this.#waitingFrom;
    }
    if (this.#oldWaiting > 0 && this.#replaceWaiting(delivery)) {
      // It is acknowledged, under its new receipt, when it is in the ring.
    } else if (redeliveries.isAgain(delivery)) {
      // Not with all before it, as long as some of them wait.
      if (waits) this.#consumer?.ack(delivery.receipt);
      else this.#acknowledgeSoon(delivery);
    } else return false;
    this.#producer.count('redelivered');
    return true;
  }

  /** A message that came on an earlier connection and waits gets the receipt of its second delivery. */
  #replaceWaiting(delivery: Delivery): boolean {
    for (let i = this.#waitingFrom; i < this.#waiting.length; i++) {
      const { connection, content } = this.#waiting[i] as Delivery;
      if (connection === delivery.connection || !content.equals(delivery.content)) continue;
      this.#waiting[i] = delivery;
      this.#oldWaiting--;
      return true;
    }
    return false;
  }

  /** Goes on with what waits. Called now and then, and when a step has nothing to go on with. */
  drain(): void {
    while (this.#waitingFrom < this.#waiting.length) {
      const next = this.#waiting[this.#waitingFrom] as Delivery;
      if (!this.#put(next)) {
        this.#lookAgain();
        return;
      }
      this.#waitingFrom++;
      if (this.#oldWaiting > 0 && next.connection !== this.#connection) this.#oldWaiting--;
    }
    this.#waiting.length = 0;
    this.#waitingFrom = 0;
    this.#oldWaiting = 0;
  }

  /** A step that frees rows does not say so: a system call would cost it more than all the rest. */
  #lookAgain(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.drain();
    }, FULL_RING_MS);
  }

  /** For good: nothing is put into the ring any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#backlog?.end();
    this.#waiting.length = 0;
    this.#waitingFrom = 0;
  }

  /** Puts one message into the ring, or finds that it is none; false: the ring is full. */
  #put(delivery: Delivery): boolean {
    let result = this.#producer.pushJson(this.#source, delivery.content);
    if (result === PUSH_SLOW_PATH) result = this.#putSlowly(delivery);
    if (result === PUSH_FULL) return false;
    if (result > 0) this.#note(result, delivery);
    this.#count++;
    this.#backlog?.taken(delivery);
    this.#redeliveries?.remember(delivery);
    this.#acknowledgeSoon(delivery);
    return true;
  }

  /** Answers as `Producer.pushJson`; 0 also for a message that is rejected. */
  #putSlowly(delivery: Delivery): number {
    const { content, timestamp, headers } = delivery;
    const decoded = this.#decoder.decode(content, { timestamp, headers, arrivedNs: wallClock() });
    if (decoded.kind === 'rejected') {
      this.#producer.count('received');
      this.#producer.count('rejected');
      this.#warn(decoded.reason, delivery, () => `${decoded.reason}: ${decoded.message}`);
      return 0;
    }
    if (decoded.kind === 'watermark') {
      const result = this.#producer.pushWatermark(this.#source, decoded.timeNs);
      if (result !== PUSH_FULL) this.#producer.count('received');
      return result;
    }
    const flags = this.#producer.push(this.#source, decoded.timeNs, decoded.row);
    if (flags === PUSH_FULL) return flags;
    this.#producer.count('received');
    this.#producer.count('refusedValues', decoded.refusedValues);
    for (const { field, reason, message } of decoded.problems) {
      if (reason !== 'unknown_field') this.#warn(`${reason} ${field}`, delivery, () => `${reason}: ${message}`);
    }
    if (decoded.unknownFields === 0) return flags;
    this.#producer.count('unknownFields');
    return flags | PushFlag.unknownKeys;
  }

  /** The native side only tells that something is odd about a sample; what it is, is looked up for the log. */
  #note(flags: number, delivery: Delivery): void {
    if ((flags & PushFlag.unknownKeys) !== 0 && this.#tellsUnknownFields && this.#hasUnknownFields(delivery)) {
      this.#warn('unknown_field', delivery, () => `unknown_field: ${this.#unknownFieldsOf(delivery)}`);
    }
    if ((flags & PushFlag.outOfOrder) !== 0) {
      this.#warn('out_of_order', delivery, () => `out_of_order: ${this.#timeOf(delivery)}`);
    }
    if ((flags & PushFlag.repeated) !== 0) {
      this.#warn('repeated', delivery, () => `repeated: ${this.#timeOf(delivery)}, with values for the same signals`);
    }
    if ((flags & PushFlag.partial) !== 0) {
      this.#log.limited(
        'missing_field',
        'info',
        'logSamples',
        () =>
          `${this.#place(delivery)}: missing_field: no usable ${this.#decoder.missingFrom(delivery.content).join(', ')}`,
      );
    }
    if ((flags & PushFlag.dropped) !== 0) {
      this.#log.limited(
        'dropped',
        'warning',
        'logStatusWarning',
        () => 'the ring is full: the oldest sample was dropped (ring.whenFull: drop-oldest)',
      );
    }
  }

  /** To the native decoder, fields that are skipped for RMQFMU's peers are unknown ones. */
  #hasUnknownFields(delivery: Delivery): boolean {
    return !this.#skipsFields || this.#unknownFieldsOf(delivery) !== '';
  }

  #unknownFieldsOf({ content }: Delivery): string {
    const decoded = this.#decoder.decode(content);
    const problems: readonly FieldProblem[] = decoded.kind === 'sample' ? decoded.problems : [];
    return problems
      .filter(({ reason }) => reason === 'unknown_field')
      .map(({ message }) => message)
      .join('; ');
  }

  /** Of a message just handed over: how its time stands to the newest. */
  #timeOf({ content }: Delivery): string {
    const decoded = this.#decoder.decode(content);
    if (decoded.kind !== 'sample') return 'its time cannot be read any more';
    const newestNs = this.#producer.newestNs(this.#source);
    const time = `its time ${formatRfc3339(decoded.timeNs)} is`;
    if (decoded.timeNs === newestNs) return `${time} that of the newest message`;
    return `${time} ${Number(newestNs - decoded.timeNs) / 1e9} s before the newest so far`;
  }

  #warn(kind: string, delivery: Delivery, text: () => string): void {
    this.#log.limited(kind, 'warning', 'logStatusWarning', () => `${this.#place(delivery)}: ${text()}`);
  }

  /** Positions count the messages of this source from 1, in the order of delivery. */
  #place({ routingKey, redelivered }: Delivery): string {
    return `message ${this.#count + 1}${this.#ofSource} (routing key '${routingKey}'${redelivered ? ', delivered before' : ''})`;
  }

  /** One acknowledgement for all that one turn of the event loop brought. */
  #acknowledgeSoon(delivery: Delivery): void {
    if (this.#toAcknowledge === undefined) setImmediate(() => this.#acknowledge());
    this.#toAcknowledge = delivery;
  }

  #acknowledge(): void {
    if (this.#consumer === undefined || this.#toAcknowledge === undefined) return;
    this.#consumer.ack(this.#toAcknowledge.receipt, { upTo: true });
    this.#toAcknowledge = undefined;
  }
}
