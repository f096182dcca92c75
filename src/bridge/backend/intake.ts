/**
 * Deliveries into the ring, in order, each acknowledged once it is there.
 *
 * Most messages take one native call: decoded into a free row and handed over. What the native decoder does not accept
 * goes to the decoder in TypeScript, which knows every reason for refusing a message and says it. When the ring is full
 * and may not drop, deliveries wait here, unacknowledged, so that the broker stops at the prefetch limit.
 */
import type { Consumer, Delivery } from '../../amqp/index.js';
import { type Producer, PUSH_FULL, PUSH_SLOW_PATH, PushFlag } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import { createDecoder, type Decoder } from '../decoder.js';
import { createNativeDecoder } from '../native-decoder.js';
import type { RateLimitedLog } from './rate-limited-log.js';

export class Intake {
  readonly #producer: Producer;
  readonly #log: RateLimitedLog;
  readonly #decoder: Decoder;
  readonly #waiting: Delivery[] = [];
  #waitingFrom = 0;
  #consumer: Consumer | undefined;
  #toAcknowledge: Delivery | undefined;
  /** Messages delivered so far: the position that log lines name. */
  #position = 0;

  constructor(config: BridgeConfig, producer: Producer, log: RateLimitedLog) {
    this.#producer = producer;
    this.#log = log;
    this.#decoder = createDecoder(config.outputs, config.receive);
    producer.useDecoder(createNativeDecoder(config));
  }

  acknowledgeThrough(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#acknowledge();
  }

  take(delivery: Delivery): void {
    if (this.#waiting.length > this.#waitingFrom || !this.#put(delivery)) this.#waiting.push(delivery);
  }

  /** Goes on with what waits; called when rows are free again. */
  drain(): void {
    while (this.#waitingFrom < this.#waiting.length) {
      if (!this.#put(this.#waiting[this.#waitingFrom] as Delivery)) return;
      this.#waitingFrom++;
    }
    this.#waiting.length = 0;
    this.#waitingFrom = 0;
  }

  /** Puts one message into the ring, or finds that it is none; false: the ring is full. */
  #put(delivery: Delivery): boolean {
    let result = this.#producer.pushJson(delivery.content);
    if (result === PUSH_SLOW_PATH) result = this.#putSlowly(delivery);
    if (result === PUSH_FULL) {
      this.#producer.count('blocked');
      this.#log.limited(
        'full',
        'warning',
        'logStatusWarning',
        'the ring is full: the broker keeps further messages until steps have consumed some (ring.whenFull: block)',
      );
      return false;
    }
    this.#position++;
    if (result > 0) this.#note(result, delivery);
    this.#acknowledgeSoon(delivery);
    return true;
  }

  #putSlowly(delivery: Delivery): number {
    const decoded = this.#decoder.decode(delivery.content);
    if (decoded.kind === 'rejected') {
      this.#producer.count('received');
      this.#producer.count('rejected');
      if (this.#log.wants(decoded.reason)) {
        this.#log.limited(
          decoded.reason,
          'warning',
          'logStatusWarning',
          `${this.#place(delivery)}: ${decoded.reason}: ${decoded.message}`,
        );
      } else {
        this.#log.limited(decoded.reason, 'warning', 'logStatusWarning', '');
      }
      return 0;
    }
    const result = this.#producer.push(decoded.timeNs, decoded.row);
    if (result === PUSH_FULL) return result;
    this.#producer.count('received');
    for (const problem of decoded.problems) {
      if (problem.reason === 'unknown_field') this.#producer.count('unknownFields');
      else this.#producer.count('refusedValues');
      this.#log.limited(
        `${problem.reason} ${problem.field}`,
        'warning',
        'logStatusWarning',
        `${this.#place(delivery)}: ${problem.reason}: ${problem.message}`,
      );
    }
    return result & PushFlag.dropped;
  }

  /** The native decoder only tells that there were unknown or missing fields; which ones is looked up for the log. */
  #note(flags: number, delivery: Delivery): void {
    if ((flags & PushFlag.unknownKeys) !== 0 && this.#log.wants('unknown_field')) {
      const decoded = this.#decoder.decode(delivery.content);
      const problems = decoded.kind === 'sample' ? decoded.problems : [];
      for (const problem of problems) {
        this.#log.limited(
          'unknown_field',
          'warning',
          'logStatusWarning',
          `${this.#place(delivery)}: ${problem.reason}: ${problem.message}`,
        );
      }
    }
    if ((flags & PushFlag.partial) !== 0 && this.#log.wants('missing_field')) {
      const missing = this.#decoder.missingFrom(delivery.content);
      this.#log.limited(
        'missing_field',
        'info',
        'logSamples',
        `${this.#place(delivery)}: carries no ${missing.join(', ')}`,
      );
    }
    if ((flags & PushFlag.dropped) !== 0) {
      this.#log.limited(
        'dropped',
        'warning',
        'logStatusWarning',
        'the ring is full: the oldest sample was dropped (ring.whenFull: drop-oldest)',
      );
    }
  }

  #place(delivery: Delivery): string {
    return `message ${this.#position + 1} (routing key '${delivery.routingKey}')`;
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
