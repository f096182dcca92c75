/**
 * The properties of a message (class basic, section 1.8.1 of the reference): a word of flags, then the present ones.
 *
 * The broker passes them on as bytes; it looks inside only to route by headers, to expire, or to dead-letter.
 */
import { type FieldTable, readTable, writeTable } from './field-table.js';
import type { OctetReader, OctetWriter } from './octets.js';

/** In wire order: the first has the highest flag bit. */
const PROPERTIES = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'longlong'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
  ['clusterId', 'shortstr'],
] as const;

export interface BasicProperties {
  contentType?: string;
  contentEncoding?: string;
  headers?: FieldTable;
  /** 2 is persistent */
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  /** milliseconds, as decimal text */
  expiration?: string;
  messageId?: string;
  /** seconds since the epoch */
  timestamp?: number;
  type?: string;
  userId?: string;
  appId?: string;
  clusterId?: string;
}

export const HEADERS_FLAG: number = 1 << 13;
export const EXPIRATION_FLAG: number = 1 << 8;
export const USER_ID_FLAG: number = 1 << 4;

export function readProperties(reader: OctetReader): BasicProperties {
  const flags = reader.short();
  const properties: Record<string, unknown> = {};
  let mask = 0x8000;
  for (const [name, domain] of PROPERTIES) {
    if ((flags & mask) !== 0) properties[name] = domain === 'table' ? readTable(reader) : reader[domain]();
    mask >>= 1;
  }
  return properties;
}

export function writeProperties(writer: OctetWriter, properties: BasicProperties): void {
  const flagsAt = writer.advance(2);
  let flags = 0;
  let mask = 0x8000;
  for (const [name, domain] of PROPERTIES) {
    const value = properties[name];
    if (value !== undefined) {
      flags |= mask;
      if (domain === 'table') writeTable(writer, value as FieldTable);
      else if (domain === 'shortstr') writer.shortstr(value as string);
      else writer[domain](value as number);
    }
    mask >>= 1;
  }
  writer.buffer.writeUInt16BE(flags, flagsAt);
}
