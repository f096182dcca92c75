/**
 * The embedded broker: AMQP 0-9-1 over TCP for one machine, in memory. It serves the demo, the tests and small
 * installations; whoever needs persistence or more than one machine points the same clients at RabbitMQ.
 */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Counters } from './channel.js';
import { Connection, type ConnectionHost } from './connection.js';
import { MemoryGauge } from './message.js';
import { VirtualHost } from './virtual-host.js';
import { type Field, type FieldTable, flag, text } from './wire/field-table.js';

export interface EmbeddedBrokerOptions {
  /** Interface to listen on; default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Passwords by user; default `{ guest: 'guest' }`. `guest` may log in over loopback only, as with RabbitMQ. */
  readonly users?: Readonly<Record<string, string>>;
  /** Default `['/']`. */
  readonly vhosts?: readonly string[];
  /** Suggested to clients, which have the last word; default 60, 0 for none. */
  readonly heartbeatSeconds?: number;
  /** Publishers are held back while queues hold more than this; default 512 MiB. */
  readonly memoryHighBytes?: number;
  /** Larger messages are refused (406); default 128 MiB. */
  readonly maxMessageBytes?: number;
}

export interface BrokerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly channels: number;
  readonly exchanges: number;
  readonly queues: number;
  readonly consumers: number;
  readonly messagesReady: number;
  readonly messagesUnacknowledged: number;
  /** Left a queue unconsumed: expired, rejected, or over a limit. */
  readonly messagesDead: number;
  /** Held by queues and unacknowledged deliveries. */
  readonly memoryBytes: number;
  readonly memoryAlarm: boolean;
  readonly uptimeSeconds: number;
}

const MIB = 1024 * 1024;
/** How long clients may take to say goodbye when the broker closes. */
const GRACE_MS = 500;

export class EmbeddedBroker implements ConnectionHost {
  readonly users: ReadonlyMap<string, string>;
  readonly vhosts: ReadonlyMap<string, VirtualHost>;
  readonly heartbeatSeconds: number;
  readonly maxMessageBytes: number;
  readonly gauge: MemoryGauge;
  readonly counters: Counters = { published: 0, delivered: 0, acknowledged: 0, confirmed: 0, returned: 0 };
  readonly serverProperties: FieldTable = SERVER_PROPERTIES;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #startedAt = performance.now();
  #dirty: Connection[] = [];
  #closing: Promise<void> | undefined;

  private constructor(options: EmbeddedBrokerOptions) {
    this.users = new Map(Object.entries(options.users ?? { guest: 'guest' }));
    this.heartbeatSeconds = options.heartbeatSeconds ?? 60;
    this.maxMessageBytes = options.maxMessageBytes ?? 128 * MIB;
    this.gauge = new MemoryGauge(options.memoryHighBytes ?? 512 * MIB, (alarm) => this.#onAlarm(alarm));
    this.vhosts = new Map((options.vhosts ?? ['/']).map((name) => [name, new VirtualHost(name, this.gauge)]));
    this.#server = createServer((socket) => this.#connections.add(new Connection(socket, this)));
  }

  /** Resolves when clients can connect. Rejects as `net.Server` does (EADDRINUSE, EACCES ...). */
  static async listen(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(options);
    await new Promise<void>((resolve, reject) => {
      broker.#server.once('error', reject);
      broker.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
        broker.#server.off('error', reject);
        resolve();
      });
    });
    // A socket lost between the kernel and accept() is that client's trouble.
    broker.#server.on('error', () => {});
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  /** Without user and password. */
  get url(): string {
    const { address, family } = this.#server.address() as AddressInfo;
    return `amqp://${family === 'IPv6' ? `[${address}]` : address}:${this.port}`;
  }

  stats(): BrokerStats {
    const vhosts = [...this.vhosts.values()];
    const queues = vhosts.flatMap((vhost) => [...vhost.queues.values()]);
    const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0);
    return {
      ...this.counters,
      connections: this.#connections.size,
      channels: sum([...this.#connections], (connection) => connection.channelCount),
      exchanges: sum(vhosts, (vhost) => vhost.exchanges.size),
      queues: queues.length,
      consumers: sum(queues, (queue) => queue.consumerCount),
      messagesReady: sum(queues, (queue) => queue.readyCount),
      messagesUnacknowledged: sum(queues, (queue) => queue.unackedCount),
      messagesDead: sum(vhosts, (vhost) => vhost.deadCount),
      memoryBytes: this.gauge.bytes,
      memoryAlarm: this.gauge.alarm,
      uptimeSeconds: (performance.now() - this.#startedAt) / 1000,
    };
  }

  /** Tells clients (320 CONNECTION_FORCED), closes the port; what queues held is gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of [...this.#connections])
      connection.shutDown("broker forced connection closure with reason 'shutdown'");
    const grace = setTimeout(() => {
      for (const connection of [...this.#connections]) connection.destroy();
    }, GRACE_MS);
    await closed;
    clearTimeout(grace);
    for (const vhost of this.vhosts.values()) vhost.close();
  }

  scheduleFlush(connection: Connection): void {
    // Right after the callback that is running (input, a timer): everything it caused goes out in one write each.
    if (this.#dirty.push(connection) === 1) process.nextTick(() => this.#flush());
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }

  #onAlarm(alarm: boolean): void {
    for (const connection of this.#connections) connection.holdBack(alarm);
  }
}

const table = (fields: Readonly<Record<string, Field>>): Field => ({
  type: 'F',
  value: new Map(Object.entries(fields)),
});

const SERVER_PROPERTIES: FieldTable = new Map(
  Object.entries({
    capabilities: table({
      publisher_confirms: flag(true),
      exchange_exchange_bindings: flag(true),
      'basic.nack': flag(true),
      consumer_cancel_notify: flag(true),
      'connection.blocked': flag(true),
      per_consumer_qos: flag(true),
      authentication_failure_close: flag(true),
    }),
    product: text('twinbridge embedded broker'),
    platform: text(`Node.js ${process.version}`),
  }),
);
