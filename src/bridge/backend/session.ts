/**
 * One bridge instance at work: messages → ring, changed inputs → messages.
 *
 *   Consumer ─ delivery ─► decoder (C; TypeScript for what is unusual) ─► ring        acks once a message is in the ring
 *   outgoing ring ─► encoder ─► Publisher ─► broker's confirm                         on a connection of its own
 */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BrokerAddress,
  Consumer,
  type Delivery,
  describeAddress,
  type LinkEvent,
  Publisher,
} from '../../amqp/index.js';
import { Producer, type ReceivedHandles } from '../../native/index.js';
import { TwinbridgeError } from '../../support/errors.js';
import type { BridgeConfig } from '../config.js';
import { brokerAddress } from '../credentials.js';
import { createEncoder, type Encoder } from '../encoder.js';
import { bridgeLayout } from '../layout.js';
import { Intake } from './intake.js';
import { applyParameters } from './parameters.js';
import { RateLimitedLog } from './rate-limited-log.js';

export class BridgeSession {
  readonly #producer: Producer;
  readonly #log: RateLimitedLog;
  readonly #notification: Socket;
  readonly #name: string;
  #config: BridgeConfig;
  #intake: Intake | undefined;
  #consumer: Consumer | undefined;
  #publisher: Publisher | undefined;
  #encoder: Encoder | undefined;
  #consumerUp = false;
  #publisherFull = false;
  #ready = false;
  #closing = false;
  #started: Promise<void> = Promise.resolve();

  constructor(config: BridgeConfig, instanceName: string, handles: ReceivedHandles) {
    this.#config = config;
    this.#name = instanceName;
    this.#producer = new Producer(bridgeLayout(config).region, {
      ...handles,
      dropOldest: config.ring.whenFull === 'drop-oldest',
    });
    this.#log = new RateLimitedLog((level, category, text) => this.#producer.log(level, category, text));
    // A byte means: rows are free again, or inputs wait to be published.
    this.#notification = new Socket({ fd: handles.notification, readable: true, writable: false });
    this.#notification.on('data', () => {
      this.#intake?.drain();
      this.#publishOutgoing();
    });
    this.#notification.on('error', () => {});
  }

  /** Connects; the outcome shows in the ring's link state, which the shim waits for. */
  start(parameters: ReadonlyMap<number, string>): Promise<void> {
    this.#started = this.#connect(parameters);
    return this.#started;
  }

  async #connect(parameters: ReadonlyMap<number, string>): Promise<void> {
    this.#producer.setLink('starting', false);
    try {
      this.#config = applyParameters(this.#config, parameters, (text) =>
        this.#log.write('warning', 'logStatusWarning', text),
      );
      const address = await brokerAddress(this.#config, parameters, {
        warn: (text) => this.#log.write('warning', 'logStatusWarning', text),
      });
      this.#intake = new Intake(this.#config, this.#producer, this.#log);
      const [consumer, publisher] = await settleBoth(
        this.#config.outputs.length > 0 ? this.#openConsumer(address) : undefined,
        this.#config.inputs.length > 0 || this.#config.send.announce ? this.#openPublisher(address) : undefined,
      );
      this.#consumer = consumer;
      this.#publisher = publisher;
      if (this.#closing) return;
      this.#encoder = createEncoder(this.#config.inputs);
      this.#ready = true;
      this.#showLink();
      this.#announce();
      this.#log.write('info', 'logEvents', `connected to ${describeAddress(address)}`);
      this.#publishOutgoing();
    } catch (error) {
      const remedy = error instanceof TwinbridgeError && error.remedy !== undefined ? `; ${error.remedy}` : '';
      this.#producer.log(
        'error',
        'logStatusError',
        `${error instanceof Error ? error.message : String(error)}${remedy}`,
      );
      this.#producer.setLink('failed', false);
    }
  }

  /** Publishes what is left, for at most `graceMs`, then disconnects and gives everything back. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    await Promise.race([this.#started, sleep(graceMs)]);
    const consumerClosed = this.#consumer?.close();
    if (this.#publisher !== undefined) {
      this.#publishOutgoing();
      await this.#publisher.drain(graceMs);
      await this.#publisher.close();
    }
    await consumerClosed;
    this.#notification.destroy();
    this.#producer.close();
  }

  /* ---- Links ------------------------------------------------------------------------------------------------------ */

  async #openConsumer(address: BrokerAddress): Promise<Consumer> {
    const { receive } = this.#config;
    const intake = this.#intake as Intake;
    const consumer = await Consumer.open({
      address,
      connectionName: `twinbridge ${this.#name} (receive)`,
      ...(this.#config.broker.tls === undefined ? {} : { tls: this.#config.broker.tls }),
      exchanges: [{ name: receive.exchange, type: receive.type, durable: receive.durable, declare: receive.declare }],
      queue: receive.queue,
      bindings: [{ exchange: receive.exchange, key: receive.key }],
      prefetch: receive.prefetch,
      onDelivery: (delivery: Delivery) => intake.take(delivery),
      onEvent: (event: LinkEvent) => {
        if (event.type === 'connected' || event.type === 'lost') this.#consumerUp = event.type === 'connected';
        if (event.type === 'connected' && event.attempt > 1) this.#producer.count('reconnects');
        this.#showLink();
        this.#logLink('receiving', event);
      },
    });
    intake.acknowledgeThrough(consumer);
    this.#consumerUp = true;
    return consumer;
  }

  async #openPublisher(address: BrokerAddress): Promise<Publisher> {
    const { send } = this.#config;
    return Publisher.open({
      address,
      connectionName: `twinbridge ${this.#name} (send)`,
      ...(this.#config.broker.tls === undefined ? {} : { tls: this.#config.broker.tls }),
      exchanges: [{ name: send.exchange, type: send.type, durable: send.durable, declare: send.declare }],
      onEvent: (event: LinkEvent) => this.#logLink('sending', event),
    });
  }

  #showLink(): void {
    if (this.#ready) this.#producer.setLink('ready', this.#consumer === undefined || this.#consumerUp);
  }

  #logLink(what: string, event: LinkEvent): void {
    if (this.#closing) return;
    switch (event.type) {
      case 'connected':
        if (event.attempt > 1) this.#log.write('info', 'logEvents', `${what}: connected again`);
        break;
      case 'lost':
        this.#log.write(
          'warning',
          'logStatusWarning',
          `${what}: lost the broker: ${event.reason}; trying again until it is back`,
        );
        break;
      case 'blocked':
        this.#log.write('warning', 'logStatusWarning', `${what}: the broker holds publishers back: ${event.reason}`);
        break;
      case 'cancelled':
        this.#log.write('warning', 'logStatusWarning', `${what}: the broker cancelled the consumer: ${event.reason}`);
        break;
      case 'returned':
        this.#log.limited(
          'returned',
          'warning',
          'logStatusWarning',
          `no queue took the message to exchange '${event.exchange}' with routing key '${event.routingKey}': ${event.reason}`,
        );
        break;
      case 'retrying':
      case 'unblocked':
      case 'closed':
        break;
    }
  }

  /** The words are RMQFMU's: its players wait for them. */
  #announce(): void {
    const { send } = this.#config;
    if (!send.announce || this.#publisher === undefined) return;
    const body = { internal_status: 'ready', internal_message: 'waiting for input data for simulation' };
    this.#publisher
      .publish(send.exchange, send.key, Buffer.from(JSON.stringify(body)), { contentType: 'application/json' })
      .catch(() => {}); // its failure shows as a lost link
  }

  /* ---- Publishing ------------------------------------------------------------------------------------------------- */

  #publishOutgoing(): void {
    const publisher = this.#publisher;
    const encoder = this.#encoder;
    if (publisher === undefined || encoder === undefined || this.#publisherFull) return;
    const { send } = this.#config;
    for (let row = this.#producer.nextOutgoing(); row !== undefined; row = this.#producer.nextOutgoing()) {
      const { doingNs } = row;
      const notFinite = encoder.notFinite;
      const body = encoder.encode(row);
      if (encoder.notFinite > notFinite) {
        this.#log.limited(
          'not finite',
          'warning',
          'logStatusWarning',
          'an input is NaN or infinite, which JSON cannot say: published as null',
        );
      }
      this.#producer.count('published');
      publisher
        .publish(send.exchange, send.key, body, {
          contentType: 'application/json',
          persistent: send.persistent,
          mandatory: send.mandatory,
          ...(send.expirationMs === undefined ? {} : { expirationMs: send.expirationMs }),
        })
        .then(
          (receipt) => {
            this.#producer.confirmed(doingNs);
            if (receipt.returned) this.#producer.count('returned');
          },
          (error: Error) => {
            if (!this.#closing)
              this.#log.limited(
                'unpublished',
                'error',
                'logStatusError',
                `a message was not published: ${error.message}`,
              );
          },
        );
      if (publisher.stats.pending >= MAX_UNCONFIRMED) {
        // Further changes wait in the ring, where they are merged, until the broker has confirmed these.
        this.#publisherFull = true;
        void publisher.drain(MAX_DRAIN_MS).then(() => {
          this.#publisherFull = false;
          this.#publishOutgoing();
        });
        return;
      }
    }
  }
}

const MAX_UNCONFIRMED = 1000;
const MAX_DRAIN_MS = 1000;

/** Both, or the first failure once both have ended: nothing is left half open. */
async function settleBoth(
  consumer: Promise<Consumer> | undefined,
  publisher: Promise<Publisher> | undefined,
): Promise<[Consumer | undefined, Publisher | undefined]> {
  const [c, p] = await Promise.allSettled([consumer, publisher]);
  if (c.status === 'fulfilled' && p.status === 'fulfilled') return [c.value, p.value];
  if (c.status === 'fulfilled') await c.value?.close();
  if (p.status === 'fulfilled') await p.value?.close();
  throw c.status === 'rejected' ? c.reason : (p as PromiseRejectedResult).reason;
}
