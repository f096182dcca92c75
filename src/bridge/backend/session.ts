/**
 * One bridge instance at work: messages → ring, changed inputs → messages.
 *
 *   Consumer ─ delivery ─► decoder (C; TypeScript for what is unusual) ─► ring        acks once a message is in the ring
 *   outgoing ring ─► encoder ─► Publisher ─► broker's confirm                         on a connection of its own
 *
 * Each source has a consumer with a connection of its own: large messages of one (images) do not hold up the small ones
 * of another on the way, and what the broker refuses to one (a queue deleted, a right taken) does not cut off the others.
 */
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import {
  BrokerError,
  Consumer,
  type Delivery,
  describeAddress,
  type LinkEvent,
  type LinkOptions,
  Publisher,
} from '../../amqp/index.js';
import { Producer, type ReceivedHandles } from '../../native/index.js';
import { TwinbridgeError } from '../../support/errors.js';
import { type BrokerAccess, brokerAccess } from '../broker-access.js';
import type { BridgeConfig } from '../config.js';
import { CredentialsError, secretFileOf } from '../credentials.js';
import { bridgeLayout } from '../layout.js';
import type { Note } from '../rmqfmu/start-up.js';
import { HealthIntake, healthExchanges } from './health-intake.js';
import { Intake } from './intake.js';
import { Outlet } from './outlet.js';
import { applyParameters } from './parameters.js';
import { RateLimitedLog } from './rate-limited-log.js';
import { SecretWatch } from './secret-watch.js';

export class BridgeSession {
  readonly #producer: Producer;
  readonly #log: RateLimitedLog;
  readonly #notification: Socket;
  readonly #name: string;
  #config: BridgeConfig;
  /** By source. */
  #intakes: readonly Intake[] = [];
  #consumers: readonly Consumer[] = [];
  /** Resolve when what waited in the queues is in the ring. */
  readonly #backlogs: Promise<void>[] = [];
  #publisher: Publisher | undefined;
  #outlet: Outlet | undefined;
  #secretWatch: SecretWatch | undefined;
  #health: HealthIntake | undefined;
  /** Links that are down, each with the reason why connecting again failed last. */
  readonly #down = new Map<string, string | undefined>();
  #ready = false;
  #closing = false;
  #started: Promise<void> = Promise.resolve();
  readonly #opening = new AbortController();

  constructor(config: BridgeConfig, instanceName: string, handles: ReceivedHandles, notification: Socket) {
    this.#config = config;
    this.#name = instanceName;
    this.#producer = new Producer(bridgeLayout(config).region, {
      ...handles,
      dropOldest: config.ring.whenFull === 'drop-oldest',
    });
    this.#log = new RateLimitedLog((level, category, text) => this.#producer.log(level, category, text));
    // A byte means: a step waits for data and rows are free, or inputs wait to be published.
    this.#notification = notification;
    this.#notification.on('data', () => {
      for (const intake of this.#intakes) intake.drain();
      this.#outlet?.publish();
    });
    this.#notification.on('error', () => {});
  }

  /** A line for the importer. */
  note({ level, text }: Note): void {
    this.#log.write(level, level === 'info' ? 'logEvents' : 'logStatusWarning', text);
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
      const access = await brokerAccess(this.#config, parameters, {
        warn: (text) => this.#log.write('warning', 'logStatusWarning', text),
      });
      const { sources, outputs, inputs, send, compat } = this.#config;
      this.#intakes = sources.map((_, source) => new Intake(this.#config, source, this.#producer, this.#log));
      this.#watchSecret(access, parameters);
      const [consumers, publisher] = await settleAll(
        sources.flatMap((_, source) =>
          outputs.some((signal) => signal.source === source) ? [this.#openConsumer(access, source)] : [],
        ),
        inputs.length > 0 || send.announce || compat === 'strict' ? this.#openPublisher(access) : undefined,
      );
      this.#consumers = consumers;
      void Promise.all(this.#backlogs).then(() => this.#producer.setLive());
      this.#publisher = publisher;
      if (publisher !== undefined) this.#outlet = new Outlet(this.#config, this.#producer, publisher, this.#log);
      this.#health = await this.#openHealth(access);
      this.#ready = true;
      this.#showLink();
      this.#log.write('info', 'logEvents', `connected to ${describeAddress(access.address)}`);
      if (this.#config.send.announce) this.#outlet?.announce();
      this.#outlet?.publish();
    } catch (error) {
      if (this.#closing) return;
      const ofBroker = error instanceof BrokerError || error instanceof CredentialsError;
      const remedy = error instanceof TwinbridgeError && error.remedy !== undefined ? `; ${error.remedy}` : '';
      this.#log.write(
        'error',
        ofBroker ? 'logBroker' : 'logStatusError',
        `${error instanceof Error ? error.message : String(error)}${remedy}`,
      );
      this.#producer.setLink('failed', false);
    }
  }

  /** A renewed token goes to the broker at once, before the old one expires. */
  #watchSecret(access: BrokerAccess, parameters: ReadonlyMap<number, string>): void {
    const file = secretFileOf(this.#config, {});
    if (file === undefined) return;
    let { password } = access.address;
    const renew = async (): Promise<void> => {
      const { address } = await brokerAccess(this.#config, parameters);
      if (this.#closing || address.password === password) return;
      password = address.password;
      const reason = 'the secret was renewed';
      const taken = await Promise.all([
        ...this.#consumers.map((consumer) => consumer.updateSecret(password, reason)),
        this.#publisher?.updateSecret(password, reason),
      ]);
      const refused = taken.includes(false) ? ', which the broker has not taken on an open connection yet' : '';
      this.#log.write('info', 'logEvents', `a new secret from ${file}${refused}`);
    };
    this.#secretWatch = new SecretWatch(file, () => {
      renew().catch((error: Error) => {
        // Half written, perhaps: the next change is looked at again, and the old secret serves until then.
        this.#log.write('warning', 'logStatusWarning', `the secret has changed, but: ${error.message}`);
      });
    });
  }

  /**
   * Publishes what is left, for at most `graceMs`, then disconnects and gives everything back. Where the importer is gone,
   * and its log with it, a stop that did not get through is told on standard error.
   */
  async close(graceMs: number, importerGone: boolean): Promise<void> {
    this.#closing = true;
    this.#secretWatch?.close();
    this.#opening.abort();
    await this.#started;
    const closed = Promise.all([...this.#consumers, this.#health].map((consumer) => consumer?.close()));
    const lastWords = await this.#outlet?.close(graceMs);
    // At once: process.stderr of a worker goes through the main thread, which is about to end.
    if (lastWords !== undefined && importerGone) writeSync(2, `twinbridge backend: ${this.#name}: ${lastWords}\n`);
    await closed;
    for (const intake of this.#intakes) intake.close();
    this.#log.flush();
    this.#notification.destroy();
    this.#producer.close();
  }

  /* ---- Links ------------------------------------------------------------------------------------------------------ */

  async #openConsumer(access: BrokerAccess, index: number): Promise<Consumer> {
    const { sources } = this.#config;
    const source = sources[index]!;
    const intake = this.#intakes[index]!;
    const consumer = await Consumer.open({
      ...this.#linkOptions(sources.length === 1 ? 'receiving' : `receiving ${source.name}`, access),
      exchanges: [{ name: source.exchange, type: source.type, durable: source.durable, declare: source.declare }],
      queue: source.queue,
      bindings: [{ exchange: source.exchange, key: source.key }],
      prefetch: source.prefetch,
      onDelivery: (delivery: Delivery) => intake.take(delivery),
    });
    intake.acknowledgeThrough(consumer);
    this.#backlogs.push(intake.backlogTaken(consumer));
    return consumer;
  }

  /** A peer's word on its time needs no link of its own that the co-simulation would wait for or be told about. */
  async #openHealth(access: BrokerAccess): Promise<HealthIntake | undefined> {
    if (!HealthIntake.isWanted(this.#config)) return undefined;
    return HealthIntake.open(this.#config, this.#linkOptions('health', access), this.#producer, this.#log);
  }

  async #openPublisher(access: BrokerAccess): Promise<Publisher> {
    const { send } = this.#config;
    return Publisher.open({
      ...this.#linkOptions('sending', access),
      exchanges: [
        { name: send.exchange, type: send.type, durable: send.durable, declare: send.declare },
        ...healthExchanges(this.#config),
      ],
    });
  }

  /** `what` names the link in the log and in the broker's list of connections. */
  #linkOptions(what: string, access: BrokerAccess): LinkOptions {
    return {
      ...access,
      connectionName: `twinbridge ${this.#name} (${what})`,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal: this.#opening.signal,
      onEvent: (event) => this.#onLink(what, event),
    };
  }

  #showLink(): void {
    if (this.#ready)
      this.#producer.setLink(
        'ready',
        [...this.#down.keys()].every((what) => what === 'health'),
      );
  }

  #onLink(what: string, event: LinkEvent): void {
    if (this.#closing) return;
    switch (event.type) {
      case 'connected':
        this.#down.delete(what);
        this.#showLink();
        if (!this.#ready) break; // the first time: told once for all links
        this.#producer.count('reconnects');
        // The broker is back: the pauses between attempts, which grow, are for all links alike.
        for (const link of [...this.#consumers, this.#publisher]) link?.retryNow();
        this.#log.write('info', 'logEvents', `${what}: connected again`);
        break;
      case 'lost':
        this.#down.set(what, undefined);
        this.#showLink();
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
      case 'missed':
        this.#log.write('warning', 'logStatusWarning', `${what}: ${event.reason}`);
        break;
      case 'returned':
        this.#log.limited(
          'returned',
          'warning',
          'logStatusWarning',
          () =>
            `no queue took the message to exchange '${event.exchange}' with routing key '${event.routingKey}': ${event.reason}`,
        );
        break;
      case 'retrying':
        // Each reason once: the port that refuses, then perhaps a login that is refused there.
        if (event.attempt > 1 && this.#down.get(what) !== event.reason) {
          this.#down.set(what, event.reason);
          this.#log.write('warning', 'logStatusWarning', `${what}: no connection yet: ${event.reason}`);
        }
        break;
      case 'unblocked':
      case 'closed':
        break;
    }
  }
}

/** Shorter than the usual patience of a step: who waits is to read the cause, not that nothing came. */
const CONNECT_TIMEOUT_MS = 5000;

/** All, or the first failure once all have ended: nothing is left half open. */
async function settleAll(
  consumers: readonly Promise<Consumer>[],
  publisher: Promise<Publisher> | undefined,
): Promise<[Consumer[], Publisher | undefined]> {
  const outcomes = await Promise.allSettled([publisher, ...consumers]);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure === undefined) return [await Promise.all(consumers), await publisher];
  await Promise.all(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value?.close() : undefined)));
  throw failure.reason;
}
