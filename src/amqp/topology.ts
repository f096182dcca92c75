/** Exchanges, queues and bindings as configured, and their declaration on a channel. */
import type { Channel } from 'amqplib';
import type { StreamOffset } from './stream-position.js';

export interface ExchangeSpec {
  readonly name: string;
  readonly type: 'direct' | 'fanout' | 'topic' | 'headers';
  readonly durable: boolean;
  readonly autoDelete?: boolean;
  /** `active` creates it if it is missing, `passive` only checks that it is there, `none` leaves it alone. */
  readonly declare: 'active' | 'passive' | 'none';
}

export interface QueueSpec {
  /** Empty or absent: the broker makes up a name. */
  readonly name?: string;
  readonly exclusive: boolean;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** e.g. `x-max-length`, `x-message-ttl`, `x-queue-type` */
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** `passive`: it must be there, with its bindings; default `active`. */
  readonly declare?: 'active' | 'passive';
  /** The queue is a stream: where to begin reading it. */
  readonly offset?: StreamOffset;
}

export interface BindingSpec {
  readonly exchange: string;
  readonly key: string;
}

/**
 * Sends the declarations without waiting between them. Rejects with the first refusal, upon which the broker has
 * closed the channel.
 */
export function declareExchanges(channel: Channel, exchanges: readonly ExchangeSpec[]): Promise<unknown>[] {
  return exchanges
    .filter(({ declare }) => declare !== 'none')
    .map(({ name, type, durable, autoDelete = false, declare }) =>
      declare === 'passive' ? channel.checkExchange(name) : channel.assertExchange(name, type, { durable, autoDelete }),
    );
}

export function declareQueue(channel: Channel, queue: QueueSpec): Promise<{ queue: string; messageCount: number }> {
  const { name = '', exclusive, durable, autoDelete } = queue;
  if (queue.declare === 'passive') return channel.checkQueue(name);
  return channel.assertQueue(name, { exclusive, durable, autoDelete, arguments: queue.arguments ?? {} });
}
