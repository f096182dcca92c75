/** What a queue is declared with: flags, and RabbitMQ's optional arguments, validated as RabbitMQ does. */
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { asInteger, asText, type Field, type FieldTable, sameField } from './wire/field-table.js';

export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

export interface QueueSettings {
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  readonly messageTtlMs: number | undefined;
  /** Deleted after this long without consumers and without use. */
  readonly expiresMs: number | undefined;
  readonly maxLength: number;
  readonly maxLengthBytes: number;
  readonly overflow: Overflow;
  readonly deadLetterExchange: string | undefined;
  readonly deadLetterRoutingKey: string | undefined;
}

export interface QueueFlags {
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
}

/** The arguments that two declarations of one queue must agree on. */
const COMPARED = [
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-max-length',
  'x-max-length-bytes',
  'x-overflow',
  'x-max-priority',
  'x-queue-type',
  'x-max-age',
] as const;

export const inVhost = (kind: string, name: string, vhost: string): string => `${kind} '${name}' in vhost '${vhost}'`;

export function readQueueSettings(name: string, vhost: string, flags: QueueFlags, args: FieldTable): QueueSettings {
  const fail = (argument: string, why: string): never => {
    const queue = inVhost('queue', name, vhost);
    throw new ProtocolError(ReplyCode.preconditionFailed, `invalid arg '${argument}' for ${queue}: ${why}`);
  };
  const count = (argument: string, minimum = 0): number | undefined => {
    const field = args.get(argument);
    if (field === undefined) return undefined;
    const value = asInteger(field);
    if (value === undefined) return fail(argument, `"expected integer, got ${typeName(field)}"`);
    return value < minimum ? fail(argument, `${value} is below ${minimum}`) : value;
  };
  const word = (argument: string): string | undefined => {
    const field = args.get(argument);
    if (field === undefined) return undefined;
    return asText(field) ?? fail(argument, `"expected string, got ${typeName(field)}"`);
  };

  const type = word('x-queue-type') ?? 'classic';
  // A quorum queue's contract on one machine is a durable queue's; replication is what is missing.
  if (type !== 'classic' && type !== 'quorum' && type !== 'stream')
    fail('x-queue-type', `unknown queue type '${type}'`);

  const overflow = word('x-overflow') ?? 'drop-head';
  if (overflow !== 'drop-head' && overflow !== 'reject-publish' && overflow !== 'reject-publish-dlx') {
    return fail('x-overflow', `unknown policy '${overflow}'`);
  }
  const deadLetterExchange = word('x-dead-letter-exchange');
  const deadLetterRoutingKey = word('x-dead-letter-routing-key');
  if (deadLetterRoutingKey !== undefined && deadLetterExchange === undefined) {
    fail('x-dead-letter-routing-key', 'routing_key_but_no_dlx_defined');
  }
  return {
    ...flags,
    arguments: args,
    messageTtlMs: count('x-message-ttl'),
    expiresMs: count('x-expires', 1),
    maxLength: count('x-max-length') ?? Number.POSITIVE_INFINITY,
    maxLengthBytes: count('x-max-length-bytes') ?? Number.POSITIVE_INFINITY,
    overflow,
    deadLetterExchange,
    deadLetterRoutingKey,
  };
}

/** Throws {@link ProtocolError} 406 unless a second declaration says the same as the first. */
export function assertEquivalent(kind: string, current: Declared, received: Declared): void {
  for (const [property, value] of Object.entries(received.properties)) {
    const was = current.properties[property];
    if (was !== value) throw inequivalent(kind, property, `'${value}'`, `'${was}'`);
  }
  for (const argument of received.compared ?? COMPARED) {
    const was = current.arguments.get(argument);
    const value = received.arguments.get(argument);
    if (!sameField(was, value)) throw inequivalent(kind, argument, describe(value), describe(was));
  }
}

export interface Declared {
  readonly properties: Readonly<Record<string, boolean | string>>;
  readonly arguments: FieldTable;
  readonly compared?: readonly string[];
}

function inequivalent(kind: string, argument: string, received: string, current: string): ProtocolError {
  const how = `received ${received} but current is ${current}`;
  return new ProtocolError(ReplyCode.preconditionFailed, `inequivalent arg '${argument}' for ${kind}: ${how}`);
}

function describe(field: Field | undefined): string {
  if (field === undefined) return 'none';
  return `the value '${asText(field) ?? asInteger(field) ?? typeName(field)}' of type '${typeName(field)}'`;
}

function typeName(field: Field): string {
  if (asInteger(field) !== undefined) return 'integer';
  return (
    { S: 'longstr', x: 'bytearray', t: 'bool', f: 'float', d: 'double', A: 'array', F: 'table' }[field.type as 'S'] ??
    field.type
  );
}
