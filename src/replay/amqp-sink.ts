/**
 * Messages onto an AMQP exchange, each confirmed by the broker.
 *
 * At most `maxUnconfirmed` messages are on their way; then the player waits. While the broker is away nothing is lost
 * and nothing more is taken: the publisher sends what was not confirmed once more, in the same order, when it is back.
 * A receiver may then see messages twice, never none.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  BrokerError,
  type ExchangeSpec,
  type LinkEvent,
  Publisher,
  type PublishOptions,
  parseBrokerUrl,
} from '../amqp/index.js';
import { ReplayOptionError } from './errors.js';
import type { Sink, SinkCounts } from './sink.js';

export interface AmqpTarget {
  /** `amqp[s]://user:password@host:port/vhost` */
  readonly broker: string;
  /** Empty for the broker's default exchange, where the routing key is the name of a queue. */
  readonly exchange: string;
  /** Default `direct`. */
  readonly exchangeType?: ExchangeSpec['type'];
  /** Default false. */
  readonly durable?: boolean;
  /** Default `active`: the exchange is created if it is absent. */
  readonly declare?: ExchangeSpec['declare'];
  readonly routingKey: string;
  /** Messages survive a restart of the broker, in durable queues. Default false. */
  readonly persistent?: boolean;
  /** Count messages that no queue is bound for. Default false: the broker drops them silently. */
  readonly mandatory?: boolean;
  /** Messages on their way before the player waits; default 2,000. */
  readonly maxUnconfirmed?: number;
  /** Shown in the broker's list of connections; default `twinbridge replay`. */
  readonly connectionName?: string;
  /** Loss and return of the connection, a broker that is short of memory. */
  readonly onEvent?: (event: LinkEvent) => void;
}

const DEFAULT_MAX_UNCONFIRMED = 2000;
/** Whatever the number of messages: memory for their bodies. */
const MAX_UNCONFIRMED_BYTES = 32 * 1024 * 1024;
/** Before a message is offered again that the broker did not take, because its queue is full for instance. */
const NACK_DELAY_MS = 100;

export class AmqpSink implements Sink {
  readonly #publisher: Publisher;
  readonly #exchange: string;
  readonly #routingKey: string;
  readonly #options: PublishOptions;
  readonly #maxUnconfirmed: number;
  #unconfirmed = 0;
  #unconfirmedBytes = 0;
  #confirmed = 0;
  #returned = 0;
  #offeredAgain = 0;
  /** What ended the sending for good. */
  #failure: unknown;
  /** Called at each confirmation and at the failure. */
  readonly #watchers = new Set<() => void>();

  private constructor(publisher: Publisher, target: AmqpTarget) {
    this.#publisher = publisher;
    this.#exchange = target.exchange;
    this.#routingKey = target.routingKey;
    this.#maxUnconfirmed = target.maxUnconfirmed ?? DEFAULT_MAX_UNCONFIRMED;
    const { persistent = false, mandatory = false } = target;
    this.#options = { contentType: 'application/json', persistent, mandatory };
  }

  /** Throws `InvalidBrokerUrlError`, and a `BrokerError` (exit code 4) that names what keeps the broker away. */
  static async open(target: AmqpTarget): Promise<AmqpSink> {
    const { exchange: name, exchangeType: type = 'direct', durable = false, declare = 'active' } = target;
    const { maxUnconfirmed = DEFAULT_MAX_UNCONFIRMED, onEvent } = target;
    if (!(Number.isInteger(maxUnconfirmed) && maxUnconfirmed > 0)) {
      throw new ReplayOptionError(`the most unconfirmed messages are ${maxUnconfirmed}, not a whole number from 1`);
    }
    const publisher = await Publisher.open({
      address: parseBrokerUrl(target.broker),
      connectionName: target.connectionName ?? 'twinbridge replay',
      // The default exchange is always there, and nobody may declare it.
      exchanges: name === '' ? [] : [{ name, type, durable, declare }],
      maxPending: maxUnconfirmed,
      maxPendingBytes: Number.POSITIVE_INFINITY,
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    return new AmqpSink(publisher, target);
  }

  send(body: Buffer): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#unconfirmed += 1;
    this.#unconfirmedBytes += body.length;
    void this.#deliver(body);
    return this.#hasRoom ? undefined : this.#until(() => this.#hasRoom);
  }

  /** Throws the failure, if one ended the sending. */
  async drain(timeoutMs: number): Promise<void> {
    const timeout = new AbortController();
    const expired = delay(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {});
    await Promise.race([this.#until(() => this.#unconfirmed === 0), expired]).finally(() => timeout.abort());
  }

  /** Gives up what is unconfirmed; to lose nothing, drain first. */
  close(): Promise<void> {
    return this.#publisher.close();
  }

  get counts(): SinkCounts {
    return {
      confirmed: this.#confirmed,
      returned: this.#returned,
      resent: this.#publisher.stats.resent + this.#offeredAgain,
      unconfirmed: this.#unconfirmed,
    };
  }

  get #hasRoom(): boolean {
    return this.#unconfirmed < this.#maxUnconfirmed && this.#unconfirmedBytes < MAX_UNCONFIRMED_BYTES;
  }

  /** Never rejects: what cannot be delivered is the failure of the sink. */
  async #deliver(body: Buffer): Promise<void> {
    for (;;) {
      try {
        const { returned } = await this.#publisher.publish(this.#exchange, this.#routingKey, body, this.#options);
        this.#confirmed += 1;
        if (returned !== undefined) this.#returned += 1;
        this.#unconfirmed -= 1;
        this.#unconfirmedBytes -= body.length;
        break;
      } catch (error) {
        if (!(error instanceof BrokerError && error.retriable)) {
          this.#failure ??= error;
          break;
        }
        await delay(NACK_DELAY_MS);
        this.#offeredAgain += 1;
      }
    }
    for (const watcher of this.#watchers) watcher();
  }

  #until(reached: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (this.#failure === undefined && !reached()) return;
        this.#watchers.delete(check);
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      };
      this.#watchers.add(check);
      check();
    });
  }
}
