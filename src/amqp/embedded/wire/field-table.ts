/**
 * Field tables: the typed key-value lists of headers and arguments (section 4.2.5.5).
 *
 * A value keeps the type letter it came with, so that a table that is only passed on (a dead-lettered message's
 * headers) comes out as it went in. The letters are the ones RabbitMQ and its clients use, which differ from the
 * printed grammar (https://www.rabbitmq.com/amqp-0-9-1-errata, section 3).
 */
import { ProtocolError, ReplyCode } from '../protocol-error.js';
import type { OctetReader, OctetWriter } from './octets.js';

/** int8, uint8, int16, uint16, int32, uint32, float, double */
type NumberType = 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd';

interface NumberCodec {
  readonly octets: number;
  readonly read: (buffer: Buffer, at: number) => number;
  readonly write: (buffer: Buffer, value: number, at: number) => number;
}

const NUMBERS: Readonly<Record<NumberType, NumberCodec>> = {
  b: { octets: 1, read: (b, at) => b.readInt8(at), write: (b, value, at) => b.writeInt8(value, at) },
  B: { octets: 1, read: (b, at) => b.readUInt8(at), write: (b, value, at) => b.writeUInt8(value, at) },
  s: { octets: 2, read: (b, at) => b.readInt16BE(at), write: (b, value, at) => b.writeInt16BE(value, at) },
  u: { octets: 2, read: (b, at) => b.readUInt16BE(at), write: (b, value, at) => b.writeUInt16BE(value, at) },
  I: { octets: 4, read: (b, at) => b.readInt32BE(at), write: (b, value, at) => b.writeInt32BE(value, at) },
  i: { octets: 4, read: (b, at) => b.readUInt32BE(at), write: (b, value, at) => b.writeUInt32BE(value, at) },
  f: { octets: 4, read: (b, at) => b.readFloatBE(at), write: (b, value, at) => b.writeFloatBE(value, at) },
  d: { octets: 8, read: (b, at) => b.readDoubleBE(at), write: (b, value, at) => b.writeDoubleBE(value, at) },
};
const isNumberType = (type: string): type is NumberType => Object.hasOwn(NUMBERS, type);

export type Field =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: NumberType; readonly value: number }
  /** int64, and a POSIX time in seconds */
  | { readonly type: 'l' | 'T'; readonly value: bigint }
  /** a decimal: `unscaled * 10^-scale` */
  | { readonly type: 'D'; readonly scale: number; readonly unscaled: number }
  /** long string, byte array */
  | { readonly type: 'S' | 'x'; readonly value: Buffer }
  | { readonly type: 'A'; readonly value: readonly Field[] }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'V' };

export type FieldTable = ReadonlyMap<string, Field>;

export const EMPTY_TABLE: FieldTable = new Map();

/** Tables in tables in tables: deeper than this is an attack on the stack. */
const MAX_DEPTH = 64;

export function readTable(reader: OctetReader, depth = 0): FieldTable {
  const length = reader.long();
  if (length === 0) return EMPTY_TABLE;
  const outerEnd = confine(reader, length, depth);
  const table = new Map<string, Field>();
  while (reader.at < reader.end) {
    const key = reader.shortstr();
    table.set(key, readField(reader, depth));
  }
  reader.end = outerEnd;
  return table;
}

/** Narrows the reader to the next `length` octets; returns the end to restore. */
function confine(reader: OctetReader, length: number, depth: number): number {
  if (depth >= MAX_DEPTH) throw new ProtocolError(ReplyCode.syntaxError, `field table nested over ${MAX_DEPTH} deep`);
  const outerEnd = reader.end;
  const start = reader.skip(length);
  reader.at = start;
  reader.end = start + length;
  return outerEnd;
}

function readField(reader: OctetReader, depth: number): Field {
  const type = String.fromCharCode(reader.octet());
  if (isNumberType(type)) {
    const { octets, read } = NUMBERS[type];
    return { type, value: read(reader.buffer, reader.skip(octets)) };
  }
  switch (type) {
    case 't':
      return { type, value: reader.octet() !== 0 };
    case 'l':
      return { type, value: reader.buffer.readBigInt64BE(reader.skip(8)) };
    case 'T':
      return { type, value: reader.buffer.readBigUInt64BE(reader.skip(8)) };
    case 'D':
      return { type, scale: reader.octet(), unscaled: reader.buffer.readInt32BE(reader.skip(4)) };
    case 'S':
    case 'x':
      return { type, value: reader.longstr() };
    case 'A': {
      const outerEnd = confine(reader, reader.long(), depth);
      const value: Field[] = [];
      while (reader.at < reader.end) value.push(readField(reader, depth + 1));
      reader.end = outerEnd;
      return { type, value };
    }
    case 'F':
      return { type, value: readTable(reader, depth + 1) };
    case 'V':
      return { type };
    default:
      throw new ProtocolError(ReplyCode.syntaxError, `unknown field type '${type}' in a table`);
  }
}

export function writeTable(writer: OctetWriter, table: FieldTable): void {
  const lengthAt = writer.advance(4);
  for (const [key, field] of table) {
    writer.shortstr(key);
    writeField(writer, field);
  }
  writer.buffer.writeUInt32BE(writer.at - lengthAt - 4, lengthAt);
}

function writeField(writer: OctetWriter, field: Field): void {
  const { type } = field;
  writer.octet(type.charCodeAt(0));
  switch (type) {
    case 't':
      writer.octet(field.value ? 1 : 0);
      break;
    case 'l': {
      const at = writer.advance(8);
      writer.buffer.writeBigInt64BE(field.value, at);
      break;
    }
    case 'T': {
      const at = writer.advance(8);
      writer.buffer.writeBigUInt64BE(field.value, at);
      break;
    }
    case 'D':
      writer.octet(field.scale);
      writer.long(field.unscaled >>> 0);
      break;
    case 'S':
    case 'x':
      writer.longstr(field.value);
      break;
    case 'A': {
      const lengthAt = writer.advance(4);
      for (const item of field.value) writeField(writer, item);
      writer.buffer.writeUInt32BE(writer.at - lengthAt - 4, lengthAt);
      break;
    }
    case 'F':
      writeTable(writer, field.value);
      break;
    case 'V':
      break;
    default: {
      const { octets, write } = NUMBERS[type];
      const at = writer.advance(octets);
      write(writer.buffer, field.value, at);
    }
  }
}

export const text = (value: string): Field => ({ type: 'S', value: Buffer.from(value) });
export const flag = (value: boolean): Field => ({ type: 't', value });
export const int64 = (value: number | bigint): Field => ({ type: 'l', value: BigInt(value) });

/** The string of a text field, else undefined. */
export function asText(field: Field | undefined): string | undefined {
  return field?.type === 'S' || field?.type === 'x' ? field.value.toString('utf8') : undefined;
}

/** The value of a field of any integer width, else undefined. */
export function asInteger(field: Field | undefined): number | undefined {
  switch (field?.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
      return field.value;
    case 'l':
    case 'T':
      return Number(field.value);
    default:
      return undefined;
  }
}

/** Whether two fields mean the same: numbers of any width compare by value, everything else by type and value. */
export function sameField(a: Field | undefined, b: Field | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const left = comparable(a);
  const right = comparable(b);
  return left !== undefined && left === right;
}

function comparable(field: Field): string | undefined {
  const integer = field.type === 'T' ? undefined : asInteger(field);
  if (integer !== undefined) return `n${integer}`;
  switch (field.type) {
    case 't':
      return `t${field.value}`;
    case 'f':
    case 'd':
      return `n${field.value}`;
    case 'S':
    case 'x':
      return `s${field.value.toString('latin1')}`;
    case 'T':
      return `T${field.value}`;
    case 'D':
      return `D${field.unscaled}e-${field.scale}`;
    case 'V':
      return 'V';
    case 'A':
      return `[${field.value.map(comparable).join()}]`;
    case 'F':
      return `{${[...field.value].map(([key, value]) => `${key}=${comparable(value)}`).join()}}`;
    default:
      return undefined;
  }
}
