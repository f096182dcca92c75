/**
 * The methods of AMQP 0-9-1 as data: class id, method id, argument list, in the order of the specification, with
 * RabbitMQ's extensions (basic.nack, confirm, exchange-to-exchange bindings, connection.blocked). One encoder and
 * one decoder walk the table; the argument types follow from it.
 */
import { ProtocolError, ReplyCode } from '../protocol-error.js';
import { type FieldTable, readTable, writeTable } from './field-table.js';
import type { OctetReader, OctetWriter } from './octets.js';

interface DomainTypes {
  bit: boolean;
  octet: number;
  short: number;
  long: number;
  longlong: number;
  shortstr: string;
  longstr: Buffer;
  table: FieldTable;
}
type Domain = keyof DomainTypes;
type ArgumentList = Readonly<Record<string, Domain>>;
interface MethodSpec {
  readonly id: readonly [classId: number, methodId: number];
  readonly args: ArgumentList;
}

export const METHODS = {
  'connection.start': {
    id: [10, 10],
    args: {
      versionMajor: 'octet',
      versionMinor: 'octet',
      serverProperties: 'table',
      mechanisms: 'longstr',
      locales: 'longstr',
    },
  },
  'connection.start-ok': {
    id: [10, 11],
    args: { clientProperties: 'table', mechanism: 'shortstr', response: 'longstr', locale: 'shortstr' },
  },
  'connection.secure': { id: [10, 20], args: { challenge: 'longstr' } },
  'connection.secure-ok': { id: [10, 21], args: { response: 'longstr' } },
  'connection.tune': { id: [10, 30], args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.tune-ok': { id: [10, 31], args: { channelMax: 'short', frameMax: 'long', heartbeat: 'short' } },
  'connection.open': { id: [10, 40], args: { virtualHost: 'shortstr', capabilities: 'shortstr', insist: 'bit' } },
  'connection.open-ok': { id: [10, 41], args: { knownHosts: 'shortstr' } },
  'connection.close': {
    id: [10, 50],
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'connection.close-ok': { id: [10, 51], args: {} },
  'connection.blocked': { id: [10, 60], args: { reason: 'shortstr' } },
  'connection.unblocked': { id: [10, 61], args: {} },
  'connection.update-secret': { id: [10, 70], args: { newSecret: 'longstr', reason: 'shortstr' } },
  'connection.update-secret-ok': { id: [10, 71], args: {} },

  'channel.open': { id: [20, 10], args: { outOfBand: 'shortstr' } },
  'channel.open-ok': { id: [20, 11], args: { channelId: 'longstr' } },
  'channel.flow': { id: [20, 20], args: { active: 'bit' } },
  'channel.flow-ok': { id: [20, 21], args: { active: 'bit' } },
  'channel.close': {
    id: [20, 40],
    args: { replyCode: 'short', replyText: 'shortstr', classId: 'short', methodId: 'short' },
  },
  'channel.close-ok': { id: [20, 41], args: {} },

  'exchange.declare': {
    id: [40, 10],
    args: {
      ticket: 'short',
      exchange: 'shortstr',
      type: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      autoDelete: 'bit',
      internal: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.declare-ok': { id: [40, 11], args: {} },
  'exchange.delete': { id: [40, 20], args: { ticket: 'short', exchange: 'shortstr', ifUnused: 'bit', noWait: 'bit' } },
  'exchange.delete-ok': { id: [40, 21], args: {} },
  'exchange.bind': {
    id: [40, 30],
    args: {
      ticket: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.bind-ok': { id: [40, 31], args: {} },
  'exchange.unbind': {
    id: [40, 40],
    args: {
      ticket: 'short',
      destination: 'shortstr',
      source: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'exchange.unbind-ok': { id: [40, 51], args: {} },

  'queue.declare': {
    id: [50, 10],
    args: {
      ticket: 'short',
      queue: 'shortstr',
      passive: 'bit',
      durable: 'bit',
      exclusive: 'bit',
      autoDelete: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.declare-ok': { id: [50, 11], args: { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' } },
  'queue.bind': {
    id: [50, 20],
    args: {
      ticket: 'short',
      queue: 'shortstr',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'queue.bind-ok': { id: [50, 21], args: {} },
  'queue.purge': { id: [50, 30], args: { ticket: 'short', queue: 'shortstr', noWait: 'bit' } },
  'queue.purge-ok': { id: [50, 31], args: { messageCount: 'long' } },
  'queue.delete': {
    id: [50, 40],
    args: { ticket: 'short', queue: 'shortstr', ifUnused: 'bit', ifEmpty: 'bit', noWait: 'bit' },
  },
  'queue.delete-ok': { id: [50, 41], args: { messageCount: 'long' } },
  'queue.unbind': {
    id: [50, 50],
    args: { ticket: 'short', queue: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr', arguments: 'table' },
  },
  'queue.unbind-ok': { id: [50, 51], args: {} },

  'basic.qos': { id: [60, 10], args: { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' } },
  'basic.qos-ok': { id: [60, 11], args: {} },
  'basic.consume': {
    id: [60, 20],
    args: {
      ticket: 'short',
      queue: 'shortstr',
      consumerTag: 'shortstr',
      noLocal: 'bit',
      noAck: 'bit',
      exclusive: 'bit',
      noWait: 'bit',
      arguments: 'table',
    },
  },
  'basic.consume-ok': { id: [60, 21], args: { consumerTag: 'shortstr' } },
  'basic.cancel': { id: [60, 30], args: { consumerTag: 'shortstr', noWait: 'bit' } },
  'basic.cancel-ok': { id: [60, 31], args: { consumerTag: 'shortstr' } },
  'basic.publish': {
    id: [60, 40],
    args: { ticket: 'short', exchange: 'shortstr', routingKey: 'shortstr', mandatory: 'bit', immediate: 'bit' },
  },
  'basic.return': {
    id: [60, 50],
    args: { replyCode: 'short', replyText: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr' },
  },
  'basic.deliver': {
    id: [60, 60],
    args: {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    },
  },
  'basic.get': { id: [60, 70], args: { ticket: 'short', queue: 'shortstr', noAck: 'bit' } },
  'basic.get-ok': {
    id: [60, 71],
    args: {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    },
  },
  'basic.get-empty': { id: [60, 72], args: { clusterId: 'shortstr' } },
  'basic.ack': { id: [60, 80], args: { deliveryTag: 'longlong', multiple: 'bit' } },
  'basic.reject': { id: [60, 90], args: { deliveryTag: 'longlong', requeue: 'bit' } },
  'basic.recover-async': { id: [60, 100], args: { requeue: 'bit' } },
  'basic.recover': { id: [60, 110], args: { requeue: 'bit' } },
  'basic.recover-ok': { id: [60, 111], args: {} },
  'basic.nack': { id: [60, 120], args: { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' } },

  'tx.select': { id: [90, 10], args: {} },
  'tx.commit': { id: [90, 20], args: {} },
  'tx.rollback': { id: [90, 30], args: {} },

  'confirm.select': { id: [85, 10], args: { noWait: 'bit' } },
  'confirm.select-ok': { id: [85, 11], args: {} },
} as const;

export type MethodName = keyof typeof METHODS;
export type MethodArgs<N extends MethodName> = {
  -readonly [A in keyof (typeof METHODS)[N]['args']]: DomainTypes[(typeof METHODS)[N]['args'][A] & Domain];
};

const SPECS: Readonly<Record<MethodName, MethodSpec>> = METHODS;

/** A method as received: `classId << 16 | methodId` names it in error replies even when it is unknown. */
export type Method = { [N in MethodName]: { readonly name: N; readonly args: MethodArgs<N> } }[MethodName];

export type MethodId = number;
export const methodId = (name: MethodName): MethodId => SPECS[name].id[0] * 0x10000 + SPECS[name].id[1];

interface Compiled {
  readonly name: MethodName;
  readonly args: readonly (readonly [name: string, domain: Domain])[];
}
const BY_ID: ReadonlyMap<MethodId, Compiled> = new Map(
  (Object.keys(SPECS) as MethodName[]).map((name) => [
    methodId(name),
    { name, args: Object.entries(SPECS[name].args) },
  ]),
);

/** Decodes the arguments that follow the method id. Throws {@link ProtocolError} 502, 503 or 540 (unknown class). */
export function readMethod(id: MethodId, reader: OctetReader): Method {
  const spec = BY_ID.get(id);
  if (spec === undefined) {
    throw new ProtocolError(ReplyCode.notImplemented, `unknown method ${id >>> 16}.${id & 0xffff}`);
  }
  const args: Record<string, DomainTypes[Domain]> = {};
  let bits = 0;
  let bitMask = 0x100;
  for (const [name, domain] of spec.args) {
    if (domain === 'bit') {
      // Consecutive bits share octets, the first in the lowest position.
      if (bitMask > 0x80) {
        bits = reader.octet();
        bitMask = 1;
      }
      args[name] = (bits & bitMask) !== 0;
      bitMask <<= 1;
    } else {
      bitMask = 0x100;
      args[name] = domain === 'table' ? readTable(reader) : reader[domain]();
    }
  }
  return { name: spec.name, args } as unknown as Method;
}

/** Appends method id and arguments: the payload of a method frame. */
export function writeMethod<N extends MethodName>(writer: OctetWriter, name: N, args: MethodArgs<N>): void {
  const id = methodId(name);
  writer.long(id);
  const values = args as Record<string, DomainTypes[Domain]>;
  let bitsAt = 0;
  let bitMask = 0x100;
  for (const [argument, domain] of BY_ID.get(id)!.args) {
    const value = values[argument];
    if (domain === 'bit') {
      if (bitMask > 0x80) {
        bitsAt = writer.advance(1);
        writer.buffer[bitsAt] = 0;
        bitMask = 1;
      }
      if (value === true) writer.buffer[bitsAt]! |= bitMask;
      bitMask <<= 1;
      continue;
    }
    bitMask = 0x100;
    writeArgument(writer, domain, value);
  }
}

function writeArgument(writer: OctetWriter, domain: Exclude<Domain, 'bit'>, value: unknown): void {
  switch (domain) {
    case 'shortstr':
      writer.shortstr(value as string);
      break;
    case 'longstr':
      writer.longstr(value as Buffer);
      break;
    case 'table':
      writeTable(writer, value as FieldTable);
      break;
    default:
      writer[domain](value as number);
  }
}
