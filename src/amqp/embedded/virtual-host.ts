/**
 * A virtual host: its exchanges and queues, the operations on them with RabbitMQ's refusals, and routing.
 */
import { randomBytes } from 'node:crypto';
import { asDeadLetter, isCycle } from './dead-letter.js';
import { EXCHANGE_TYPES, Exchange, type ExchangeSettings, type ExchangeType } from './exchange.js';
import type { MemoryGauge, Message } from './message.js';
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { type DeathReason, Queue, type QueueHost } from './queue.js';
import { assertEquivalent, inVhost, type QueueFlags, readQueueSettings } from './queue-settings.js';
import { checkLastingQueue, StreamQueue } from './stream-queue.js';
import { asText, EMPTY_TABLE, type FieldTable } from './wire/field-table.js';
import { HEADERS_FLAG } from './wire/properties.js';

export interface ExchangeDeclaration extends ExchangeSettings {
  readonly name: string;
  readonly type: string;
}
export interface QueueDeclaration extends QueueFlags {
  readonly name: string;
  readonly arguments: FieldTable;
}
export interface BindingRequest {
  readonly source: string;
  readonly destination: Queue | Exchange;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

const PREDECLARED: readonly (readonly [name: string, type: ExchangeType])[] = [
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
];
/** Routes remembered per exchange before starting anew: bounds what a publisher with endless keys can take. */
const MAX_CACHED_ROUTES = 4096;

const NO_QUEUES: readonly Queue[] = [];

export class VirtualHost implements QueueHost {
  readonly name: string;
  readonly gauge: MemoryGauge;
  readonly exchanges: Map<string, Exchange> = new Map();
  readonly queues: Map<string, Queue> = new Map();
  /** Messages that died (expired, rejected, over a limit), dead-lettered or not. */
  deadCount = 0;
  #routes = new Map<Exchange, Map<string, readonly Queue[]>>();

  constructor(name: string, gauge: MemoryGauge) {
    this.name = name;
    this.gauge = gauge;
    for (const [exchange, type] of PREDECLARED) {
      const settings = { durable: true, autoDelete: false, internal: false, arguments: EMPTY_TABLE };
      this.exchanges.set(exchange, new Exchange(exchange, type, settings));
    }
  }

  exchange(name: string): Exchange {
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) throw this.#notFound('exchange', name);
    return exchange;
  }

  /** The queue, if `user` (a connection) may use it: 404 if there is none, 405 if it is another's. */
  queue(name: string, user: object): Queue {
    const queue = this.queues.get(name);
    if (queue === undefined) throw this.#notFound('queue', name);
    if (queue.owner !== undefined && queue.owner !== user) {
      throw new ProtocolError(
        ReplyCode.resourceLocked,
        `cannot obtain exclusive access to locked ${inVhost('queue', name, this.name)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
      );
    }
    return queue;
  }

  declareExchange(declaration: ExchangeDeclaration): void {
    const { name, durable, autoDelete, internal } = declaration;
    this.#refuseDefaultExchange(name);
    const type = EXCHANGE_TYPES.find((known) => known === declaration.type);
    if (type === undefined) {
      throw new ProtocolError(ReplyCode.commandInvalid, `unknown exchange type '${declaration.type}'`);
    }
    const current = this.exchanges.get(name);
    if (current !== undefined) {
      const { settings } = current;
      assertEquivalent(
        inVhost('exchange', name, this.name),
        {
          properties: {
            type: current.type,
            durable: settings.durable,
            auto_delete: settings.autoDelete,
            internal: settings.internal,
          },
          arguments: settings.arguments,
        },
        {
          properties: { type, durable, auto_delete: autoDelete, internal },
          arguments: declaration.arguments,
          compared: ['alternate-exchange'],
        },
      );
      return;
    }
    this.#refuseReserved('exchange', name);
    const alternate = declaration.arguments.get('alternate-exchange');
    if (alternate !== undefined && asText(alternate) === undefined) {
      const what = inVhost('exchange', name, this.name);
      throw new ProtocolError(ReplyCode.preconditionFailed, `invalid type for arg 'alternate-exchange' in ${what}`);
    }
    const settings = { durable, autoDelete, internal, arguments: declaration.arguments };
    this.exchanges.set(name, new Exchange(name, type, settings));
    this.#changed();
  }

  deleteExchange(name: string, ifUnused: boolean): void {
    this.#refuseDefaultExchange(name);
    if (name.startsWith('amq.')) {
      const system = inVhost('exchange', name, this.name);
      throw new ProtocolError(ReplyCode.accessRefused, `deletion of system ${system} not allowed`);
    }
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) return;
    if (ifUnused && exchange.bindingCount > 0) {
      throw new ProtocolError(ReplyCode.preconditionFailed, `${inVhost('exchange', name, this.name)} in use`);
    }
    this.exchanges.delete(name);
    this.#forget(exchange);
  }

  /** Declares for `user`; an empty name asks for a generated one. */
  declareQueue(declaration: QueueDeclaration, user: object): Queue {
    const { exclusive, autoDelete } = declaration;
    // A queue that goes with its connection survives no restart, whatever was asked (as in RabbitMQ).
    const durable = declaration.durable && !exclusive;
    const name = declaration.name === '' ? `amq.gen-${randomBytes(16).toString('base64url')}` : declaration.name;
    if (declaration.name !== '') this.#refuseReserved('queue', name);
    const current = this.queues.get(name);
    if (current !== undefined) {
      this.queue(name, user);
      const { settings } = current;
      assertEquivalent(
        inVhost('queue', name, this.name),
        {
          properties: { durable: settings.durable, auto_delete: settings.autoDelete, exclusive: settings.exclusive },
          arguments: settings.arguments,
        },
        { properties: { durable, auto_delete: autoDelete, exclusive }, arguments: declaration.arguments },
      );
      current.touch();
      return current;
    }
    checkLastingQueue(name, this.name, declaration, declaration.arguments);
    const settings = readQueueSettings(name, this.name, { durable, exclusive, autoDelete }, declaration.arguments);
    const queue =
      asText(settings.arguments.get('x-queue-type')) === 'stream'
        ? new StreamQueue(this.name, name, settings, undefined, this)
        : new Queue(name, settings, exclusive ? user : undefined, this);
    this.queues.set(name, queue);
    this.#changed();
    return queue;
  }

  /** Returns how many ready messages went with it. */
  deleteQueue(queue: Queue): number {
    this.queues.delete(queue.name);
    const count = queue.delete();
    this.#forget(queue);
    return count;
  }

  bind({ source, destination, routingKey, arguments: args }: BindingRequest): void {
    this.#refuseDefaultExchange(source);
    this.exchange(source).bind(destination, routingKey, args);
    this.#changed();
  }

  /** Removing what is not there is no error (as in RabbitMQ since 3.2). */
  unbind({ source, destination, routingKey, arguments: args }: BindingRequest): void {
    this.#refuseDefaultExchange(source);
    const exchange = this.exchanges.get(source);
    if (exchange?.unbind(destination, routingKey, args)) this.#afterUnbinding(exchange);
    this.#changed();
  }

  /** The queues a message goes to, each once. Throws {@link ProtocolError} 404, or 403 for an internal exchange. */
  route(message: Message): readonly Queue[] {
    const { exchange: name, routingKey } = message;
    if (name === '') return this.#direct(routingKey);
    const exchange = this.exchange(name);
    if (exchange.settings.internal) {
      const what = inVhost('exchange', name, this.name);
      throw new ProtocolError(ReplyCode.accessRefused, `cannot publish to internal ${what}`);
    }
    return this.#routeFrom(exchange, routingKey, message);
  }

  deadLetter(queue: Queue, message: Message, reason: DeathReason): void {
    this.deadCount++;
    const name = queue.settings.deadLetterExchange;
    if (name === undefined) return;
    const letter = asDeadLetter(message, queue, reason, name);
    const { routingKey } = letter;
    const exchange = this.exchanges.get(name);
    if (exchange === undefined && name !== '') return;
    const targets = exchange === undefined ? this.#direct(routingKey) : this.#routeFrom(exchange, routingKey, letter);
    for (const target of targets) {
      if (reason === 'rejected' || !isCycle(letter, target)) target.publish(letter);
    }
  }

  unused(queue: Queue): void {
    this.deleteQueue(queue);
  }

  /** Deletes the exclusive queues of a connection that closed. */
  releaseOwner(owner: object): void {
    for (const queue of this.queues.values()) if (queue.owner === owner) this.deleteQueue(queue);
  }

  close(): void {
    for (const queue of this.queues.values()) queue.delete();
    this.queues.clear();
  }

  #direct(routingKey: string): readonly Queue[] {
    const queue = this.queues.get(routingKey);
    return queue === undefined ? NO_QUEUES : [queue];
  }

  #routeFrom(exchange: Exchange, routingKey: string, message: Message): readonly Queue[] {
    let routes = this.#routes.get(exchange);
    const known = routes?.get(routingKey);
    if (known !== undefined) return known;
    const { queues, byHeaders } = this.#traverse(exchange, routingKey, message);
    if (byHeaders) return queues;
    if (routes === undefined || routes.size >= MAX_CACHED_ROUTES) {
      routes = new Map();
      this.#routes.set(exchange, routes);
    }
    routes.set(routingKey, queues);
    return queues;
  }

  /** Follows bindings from exchange to exchange; `byHeaders` if the result depends on more than the routing key. */
  #traverse(start: Exchange, routingKey: string, message: Message): { queues: Queue[]; byHeaders: boolean } {
    const queues = new Set<Queue>();
    const seen = new Set<Exchange>([start]);
    let byHeaders = false;
    // Sets are walked in insertion order, additions included: the set is its own work list.
    for (const exchange of seen) {
      byHeaders ||= exchange.type === 'headers';
      const headers = exchange.type === 'headers' ? headersOf(message) : EMPTY_TABLE;
      let matched = false;
      exchange.match(routingKey, headers, (destination) => {
        matched = true;
        if (destination instanceof Exchange) seen.add(destination);
        else queues.add(destination);
      });
      const alternate = matched ? undefined : asText(exchange.settings.arguments.get('alternate-exchange'));
      const next = alternate === undefined ? undefined : this.exchanges.get(alternate);
      if (next !== undefined) seen.add(next);
    }
    return { queues: [...queues], byHeaders };
  }

  #forget(gone: Queue | Exchange): void {
    for (const exchange of this.exchanges.values()) {
      if (exchange.forget(gone)) this.#afterUnbinding(exchange);
    }
    this.#changed();
  }

  #afterUnbinding(exchange: Exchange): void {
    if (!exchange.settings.autoDelete || exchange.bindingCount > 0) return;
    this.exchanges.delete(exchange.name);
    this.#forget(exchange);
  }

  #changed(): void {
    this.#routes = new Map();
  }

  #notFound(kind: 'exchange' | 'queue', name: string): ProtocolError {
    return new ProtocolError(ReplyCode.notFound, `no ${inVhost(kind, name, this.name)}`);
  }

  #refuseDefaultExchange(name: string): void {
    if (name === '') {
      throw new ProtocolError(ReplyCode.accessRefused, 'operation not permitted on the default exchange');
    }
  }

  #refuseReserved(kind: 'exchange' | 'queue', name: string): void {
    if (name.startsWith('amq.')) {
      throw new ProtocolError(ReplyCode.accessRefused, `${kind} name '${name}' contains reserved prefix 'amq.*'`);
    }
  }
}

function headersOf(message: Message): FieldTable {
  return (message.propertyFlags & HEADERS_FLAG) === 0 ? EMPTY_TABLE : (message.properties().headers ?? EMPTY_TABLE);
}
