/**
 * Messages onto an AMQP exchange, each confirmed by the broker.
 *
 * At most `maxUnconfirmed` messages are on their way; then the player waits. A message counts as done when the broker
 * has confirmed it: while the broker is away nothing is lost and nothing more is taken, and afterwards what was not
 * confirmed is sent once more, in the same order. A receiver may then see messages twice, never none.
 */
import { Publisher } from '../amqp/index.js';
import type { Sink, SinkCounts } from './sink.js';

export interface AmqpTarget {
  /** `amqp://user:password@host:port/vhost` */
  readonly address: string;
  readonly exchange: string;
}

export class AmqpSink implements Sink {
  static async open(target: AmqpTarget): Promise<AmqpSink> {
    return new AmqpSink(await Publisher.open({ address: target.address }), target);
  }
}
