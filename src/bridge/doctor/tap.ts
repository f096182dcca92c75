/** `twinbridge tap`: live messages beside whoever else gets them, and what a bridge would make of each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, type Delivery, type LinkEvent, TopologyMissingError } from '../../amqp/index.js';
import { InvalidInputError } from '../../support/errors.js';
import type { CheckedSource } from './doctor.js';
import type { Explanation } from './explain.js';
import type { Target } from './target.js';

export interface TapOptions {
  readonly onMessage: (message: Explanation | PlainMessage) => void;
  readonly onEvent?: (event: LinkEvent) => void;
  /** An exchange that a bridge would make is not there yet, and is waited for. */
  readonly onWaiting?: (exchange: string) => void;
  /** Messages after which it is enough. */
  readonly count?: number;
  readonly signal?: AbortSignal;
}

/** A message seen without a configuration that could say what it means. */
export interface PlainMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly bytes: number;
  readonly contentType?: string;
  readonly body: string;
}

/**
 * Resolves to the number of messages seen, once there are `count` of them or `signal` is aborted. Listens with queues of
 * its own; a stream is read as it is. Rejects with a `BrokerError` if it cannot begin.
 */
export async function tapMessages({ access, sources }: Target, options: TapOptions): Promise<number> {
  if (sources.length === 0) {
    throw new InvalidInputError('no exchange was named', { remedy: 'give --exchange, or a bridge.yaml with outputs' });
  }
  const { count = Number.POSITIVE_INFINITY, onMessage, onEvent, signal } = options;
  let seen = 0;
  let enough: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  signal?.addEventListener('abort', enough, { once: true });
  const opening = sources.map((source) => {
    const isStream = source.queue.offset !== undefined;
    let consumer: Consumer | undefined;
    const open = () =>
      Consumer.open({
        ...access,
        connectionName: 'twinbridge tap',
        exchanges: [],
        queue: isStream
          ? { ...source.queue, declare: 'passive' }
          : { exclusive: true, durable: false, autoDelete: true, arguments: { 'x-max-length': 10_000 } },
        bindings: [{ exchange: source.exchange.name, key: source.key }],
        prefetch: 100,
        ...(signal === undefined ? {} : { signal }),
        ...(onEvent === undefined ? {} : { onEvent }),
        onDelivery: (delivery) => {
          consumer?.ack(delivery.receipt);
          if (seen >= count) return;
          seen++;
          onMessage(source.explain === undefined ? plain(delivery) : source.explain(delivery));
          if (seen >= count) enough();
        },
      });
    return whenThere(source, open, options).then((opened) => {
      consumer = opened;
      return opened;
    });
  });
  const outcomes = await Promise.allSettled(opening);
  const consumers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined && signal?.aborted !== true) await done;
  await Promise.all(consumers.map((consumer) => consumer.close()));
  if (failed !== undefined && signal?.aborted !== true) throw failed.reason;
  return seen;
}

/** A look at messages makes no exchange; one that the first bridge or robot will make is waited for. */
async function whenThere(
  { exchange }: CheckedSource,
  open: () => Promise<Consumer>,
  { signal, onWaiting }: TapOptions,
): Promise<Consumer> {
  for (let told = false; ; told = true) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof TopologyMissingError) || exchange.declare !== 'active') throw error;
      if (!told) onWaiting?.(exchange.name);
      await sleep(EXCHANGE_MS, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** How often an exchange that is not there yet is looked for, ms. */
const EXCHANGE_MS = 500;

function plain({ content, exchange, routingKey, contentType }: Delivery): PlainMessage {
  const text = content.toString('utf8', 0, 4096);
  return {
    exchange,
    routingKey,
    bytes: content.length,
    ...(contentType === undefined ? {} : { contentType }),
    body: content.length > 4096 ? `${text}…` : text,
  };
}
