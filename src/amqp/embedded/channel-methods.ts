/** The methods a client calls on a channel, as a table from method to what it does and replies. */
import { randomBytes } from 'node:crypto';
import type { Channel } from './channel.js';
import { Consumer } from './consumer.js';
import { ProtocolError, ReplyCode } from './protocol-error.js';
import type { Queue } from './queue.js';
import { inVhost } from './queue-settings.js';
import { checkStreamConsumer } from './stream-queue.js';
import type { BindingRequest } from './virtual-host.js';
import { asInteger } from './wire/field-table.js';
import type { Method, MethodArgs, MethodName } from './wire/methods.js';

type Handler<N extends MethodName> = (channel: Channel, args: MethodArgs<N>) => void;

const HANDLERS: { readonly [N in MethodName]?: Handler<N> } = {
  'channel.open': () => {
    throw new ProtocolError(ReplyCode.channelError, "second 'channel.open' seen");
  },
  'channel.flow': (channel, { active }) => {
    reply(channel, 'channel.flow-ok', { active });
    channel.setFlow(active);
  },

  'exchange.declare': (channel, args) => {
    const { vhost } = channel.host;
    if (args.passive) vhost.exchange(args.exchange);
    else vhost.declareExchange({ ...args, name: args.exchange });
    if (!args.noWait) reply(channel, 'exchange.declare-ok', {});
  },
  'exchange.delete': (channel, args) => {
    channel.host.vhost.deleteExchange(args.exchange, args.ifUnused);
    if (!args.noWait) reply(channel, 'exchange.delete-ok', {});
  },
  'exchange.bind': (channel, args) => {
    channel.host.vhost.bind(exchangeBinding(channel, args));
    if (!args.noWait) reply(channel, 'exchange.bind-ok', {});
  },
  'exchange.unbind': (channel, args) => {
    const { vhost } = channel.host;
    if (vhost.exchanges.has(args.destination)) vhost.unbind(exchangeBinding(channel, args));
    if (!args.noWait) reply(channel, 'exchange.unbind-ok', {});
  },

  'queue.declare': (channel, args) => {
    const { vhost } = channel.host;
    const queue = args.passive
      ? namedQueue(channel, args.queue)
      : vhost.declareQueue({ ...args, name: args.queue }, channel.host);
    queue.touch();
    channel.lastQueue = queue.name;
    if (args.noWait) return;
    const { name, readyCount, consumerCount } = queue;
    reply(channel, 'queue.declare-ok', { queue: name, messageCount: readyCount, consumerCount });
  },
  'queue.bind': (channel, args) => {
    channel.host.vhost.bind(queueBinding(channel, args, namedQueue(channel, args.queue)));
    if (!args.noWait) reply(channel, 'queue.bind-ok', {});
  },
  'queue.unbind': (channel, args) => {
    const { vhost } = channel.host;
    if (args.queue === '' || vhost.queues.has(args.queue)) {
      vhost.unbind(queueBinding(channel, args, namedQueue(channel, args.queue)));
    }
    reply(channel, 'queue.unbind-ok', {});
  },
  'queue.purge': (channel, args) => {
    const messageCount = namedQueue(channel, args.queue).purge();
    if (!args.noWait) reply(channel, 'queue.purge-ok', { messageCount });
  },
  'queue.delete': (channel, args) => {
    const messageCount = deleteQueue(channel, args);
    if (!args.noWait) reply(channel, 'queue.delete-ok', { messageCount });
  },

  'basic.qos': (channel, args) => {
    if (args.prefetchSize !== 0) {
      throw new ProtocolError(ReplyCode.notImplemented, `prefetch_size!=0 (${args.prefetchSize})`);
    }
    if (args.global) channel.setChannelPrefetch(args.prefetchCount);
    else channel.consumerPrefetch = args.prefetchCount;
    reply(channel, 'basic.qos-ok', {});
  },
  'basic.consume': (channel, args) => {
    const queue = namedQueue(channel, args.queue);
    const tag = args.consumerTag === '' ? `amq.ctag-${randomBytes(16).toString('base64url')}` : args.consumerTag;
    if (channel.consumers.has(tag)) {
      throw new ProtocolError(ReplyCode.notAllowed, `attempt to reuse consumer tag '${tag}'`);
    }
    const priority = args.arguments.get('x-priority');
    if (priority !== undefined && asInteger(priority) === undefined) {
      const what = inVhost('queue', queue.name, channel.host.vhost.name);
      throw new ProtocolError(ReplyCode.preconditionFailed, `invalid arg 'x-priority' for ${what}: expected integer`);
    }
    if (queue.hasExclusiveConsumer || (args.exclusive && queue.consumerCount > 0)) {
      const what = inVhost('queue', queue.name, channel.host.vhost.name);
      throw new ProtocolError(ReplyCode.accessRefused, `${what} in exclusive use`);
    }
    checkStreamConsumer(queue, args.noAck, channel.consumerPrefetch);
    if (!args.noWait) reply(channel, 'basic.consume-ok', { consumerTag: tag });
    channel.addConsumer(new Consumer(channel, tag, queue, args));
  },
  'basic.cancel': (channel, { consumerTag, noWait }) => {
    const consumer = channel.consumers.get(consumerTag);
    if (consumer !== undefined) channel.removeConsumer(consumer);
    if (!noWait) reply(channel, 'basic.cancel-ok', { consumerTag });
  },
  'basic.cancel-ok': () => {},
  'basic.get': (channel, args) => channel.get(namedQueue(channel, args.queue), args.noAck),
  'basic.reject': (channel, args) => channel.reject(channel.take(args.deliveryTag, false), args.requeue),
  'basic.nack': (channel, args) => channel.reject(channel.take(args.deliveryTag, args.multiple), args.requeue),
  'basic.recover': (channel, { requeue }) => {
    recover(channel, requeue);
    reply(channel, 'basic.recover-ok', {});
  },
  'basic.recover-async': (channel, { requeue }) => recover(channel, requeue),

  'confirm.select': (channel, { noWait }) => {
    channel.confirm();
    if (!noWait) reply(channel, 'confirm.select-ok', {});
  },
  'tx.select': noTransactions,
  'tx.commit': noTransactions,
  'tx.rollback': noTransactions,
};

export function handleMethod(channel: Channel, method: Method): void {
  const handler = HANDLERS[method.name] as ((channel: Channel, args: Method['args']) => void) | undefined;
  if (handler === undefined) {
    throw new ProtocolError(ReplyCode.commandInvalid, `${method.name} is not a client's to send on a channel`);
  }
  handler(channel, method.args);
}

function reply<N extends MethodName>(channel: Channel, name: N, args: MethodArgs<N>): void {
  channel.host.outbox.method(channel.number, name, args);
}

/** The queue of that name; an empty one stands for the queue this channel declared last. */
function namedQueue(channel: Channel, name: string): Queue {
  const known = name === '' ? channel.lastQueue : name;
  if (known === undefined) throw new ProtocolError(ReplyCode.notFound, 'no previously declared queue');
  return channel.host.vhost.queue(known, channel.host);
}

function queueBinding(
  channel: Channel,
  args: { queue: string; exchange: string; routingKey: string; arguments: BindingRequest['arguments'] },
  destination: Queue,
): BindingRequest {
  // With neither queue nor key named, the key is the name of the channel's last queue (queue.bind, rule 2).
  const lastQueue = args.queue === '' && args.routingKey === '' ? channel.lastQueue : undefined;
  return {
    source: args.exchange,
    destination,
    routingKey: lastQueue ?? args.routingKey,
    arguments: args.arguments,
  };
}

function exchangeBinding(channel: Channel, args: MethodArgs<'exchange.bind'>): BindingRequest {
  const { source, destination, routingKey } = args;
  if (destination === '') {
    throw new ProtocolError(ReplyCode.accessRefused, 'operation not permitted on the default exchange');
  }
  return { source, destination: channel.host.vhost.exchange(destination), routingKey, arguments: args.arguments };
}

function deleteQueue(channel: Channel, args: MethodArgs<'queue.delete'>): number {
  const { vhost } = channel.host;
  // Deleting what is not there is no error (as in RabbitMQ since 3.2).
  if (args.queue !== '' && !vhost.queues.has(args.queue)) return 0;
  const queue = namedQueue(channel, args.queue);
  const what = inVhost('queue', queue.name, vhost.name);
  if (args.ifUnused && queue.consumerCount > 0) {
    throw new ProtocolError(ReplyCode.preconditionFailed, `${what} in use`);
  }
  if (args.ifEmpty && queue.readyCount > 0) throw new ProtocolError(ReplyCode.preconditionFailed, `${what} not empty`);
  return vhost.deleteQueue(queue);
}

function recover(channel: Channel, requeue: boolean): void {
  if (!requeue)
    throw new ProtocolError(ReplyCode.notImplemented, 'recover of an unacknowledged message without requeue');
  channel.recover();
}

function noTransactions(): never {
  throw new ProtocolError(ReplyCode.notImplemented, 'transactions; publisher confirms are');
}
