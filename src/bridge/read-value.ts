/** From a value as JSON writes it to what its signal takes, or why that cannot use it. */
import { didYouMean } from '../support/nearest.js';
import { exactInteger } from './decimal.js';
import { type JsonKind, unquote } from './json-scanner.js';
import type { Compat } from './rmqfmu/contract.js';
import { booleanOfNumber, cutToInteger } from './rmqfmu/lenient.js';
import {
  DEFAULT_MAX_BINARY_BYTES,
  DEFAULT_MAX_STRING_BYTES,
  INTEGER_RANGES,
  is64Bit,
  isFloat,
  type Signal,
  type SignalType,
  type Value,
} from './signals.js';

/** What is wrong with one member of a message. Stable words. */
export const FIELD_REASONS = [
  'wrong_type',
  'null',
  'not_an_integer',
  'integer_out_of_range',
  'number_out_of_range',
  'string_too_long',
  'string_with_nul',
  'not_base64',
  'binary_too_long',
  'unknown_item',
  'wrong_size',
  'duplicate_key',
  'unknown_field',
  'time_taken_as_utc',
] as const;
export type FieldReason = (typeof FIELD_REASONS)[number];

export class Refusal {
  readonly reason: FieldReason;
  /** A sentence without its subject: `is null`. */
  readonly message: string;

  constructor(reason: FieldReason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

/** A single value, or an element of an array; the text is `text.slice(start, end)`. */
export function readValue(
  signal: Signal,
  kind: JsonKind,
  text: string,
  start: number,
  end: number,
  compat?: Compat,
): Value | Refusal {
  const { type } = signal;
  if (compat !== undefined && kind === 'number' && type === 'Boolean') {
    const value = booleanOfNumber(text.slice(start, end));
    if (value !== undefined) return value;
  }
  if (kind === 'null') return new Refusal('null', 'is null');
  if (kind !== KIND_OF[type] && !(type === 'Enumeration' && kind === 'number')) {
    return wrongType(kind, text.slice(start, end), `the signal is ${withArticle(type)}`);
  }
  switch (type) {
    case 'Boolean':
      return text.charCodeAt(start) === 0x74;
    case 'String':
      return readString(signal, unquote(text, start, end));
    case 'Binary':
      return readBinary(signal, unquote(text, start, end));
    case 'Enumeration':
      return readItem(signal, kind === 'string' ? unquote(text, start, end) : Number(text.slice(start, end)));
    default:
      return isFloat(type)
        ? readFloat(signal, text.slice(start, end))
        : readInteger(signal, text.slice(start, end), compat);
  }
}

export function wrongType(kind: JsonKind, text: string, expected: string): Refusal {
  if (kind === 'null') return new Refusal('null', 'is null');
  const is = kind === 'array' || kind === 'object' ? `an ${kind}` : `the ${kind} ${shorten(text)}`;
  return new Refusal('wrong_type', `is ${is}, ${expected}`);
}

const KIND_OF: Readonly<Record<SignalType, JsonKind>> = {
  Real: 'number',
  Integer: 'number',
  Boolean: 'boolean',
  String: 'string',
  Binary: 'string',
  Enumeration: 'string',
  Float32: 'number',
  Int8: 'number',
  UInt8: 'number',
  Int16: 'number',
  UInt16: 'number',
  UInt32: 'number',
  Int64: 'number',
  UInt64: 'number',
};

export function withArticle(type: SignalType): string {
  return `${/^[IE]/.test(type) ? 'an' : 'a'} ${type}`;
}

function readFloat({ type, scale, offset }: Signal, text: string): number | Refusal {
  const written = Number(text);
  // Rounded after each operation, as in C.
  const value = scale === undefined ? written : written * scale + (offset ?? 0);
  const rounded = type === 'Float32' ? Math.fround(value) : value;
  if (Number.isFinite(rounded)) return rounded;
  return new Refusal(
    'number_out_of_range',
    `is ${shorten(text)}, more than a ${type === 'Float32' ? 'Float32' : 'double'} holds`,
  );
}

function readInteger(signal: Signal, text: string, compat: Compat | undefined): number | bigint | Refusal {
  const { type, scale, offset } = signal;
  if (scale !== undefined || is64Bit(type)) return readExactly(signal, text, scale, offset);
  const written = Number(text);
  const value = type === 'Integer' && compat !== undefined ? cutToInteger(written) : written;
  if (!Number.isInteger(value) && Number.isFinite(value)) {
    return new Refusal('not_an_integer', `is ${shorten(text)}, the signal is ${withArticle(type)}`);
  }
  const { min, max } = INTEGER_RANGES[type]!;
  if (value < Number(min) || value > Number(max)) return outOfRange(type, text);
  return value + 0; // -0 is 0
}

/** From the digits as written: a double would lose some of them. */
function readExactly({ type }: Signal, text: string, scale?: number, offset?: number): number | bigint | Refusal {
  const value = exactInteger(text, scale, offset);
  const { min, max } = INTEGER_RANGES[type]!;
  if (value === undefined) {
    const scaled = scale === undefined ? '' : `, times ${scale} plus ${offset ?? 0} no whole number`;
    return new Refusal('not_an_integer', `is ${shorten(text)}${scaled}, the signal is ${withArticle(type)}`);
  }
  if (value === 'out of range' || value < min || value > max) return outOfRange(type, text);
  return is64Bit(type) ? value : Number(value);
}

function outOfRange(type: SignalType, text: string): Refusal {
  const what = type === 'Integer' ? 'an FMI Integer (32 bits)' : withArticle(type);
  return new Refusal('integer_out_of_range', `is ${shorten(text)}, more than ${what} holds`);
}

function readItem({ items = [] }: Signal, written: string | number): number | Refusal {
  const item = items.find(({ name, value }) => (typeof written === 'string' ? name === written : value === written));
  if (item !== undefined) return item.value;
  const names = items.map(({ name }) => name);
  const known = names.length > 8 ? `${names.slice(0, 8).join(', ')} …` : names.join(', ');
  const guess = typeof written === 'string' ? didYouMean(written.slice(0, 100), names) : '';
  return new Refusal('unknown_item', `is ${shorten(JSON.stringify(written))}, expected one of ${known}${guess}`);
}

function readString({ maxLength: limit = DEFAULT_MAX_STRING_BYTES }: Signal, value: string): string | Refusal {
  const bytes = Buffer.byteLength(value);
  if (bytes > limit) return new Refusal('string_too_long', `has ${bytes} bytes, the limit is ${limit}`);
  // FMI strings end at the first NUL: the rest would be lost without a word.
  if (value.includes('\0')) return new Refusal('string_with_nul', 'has a NUL character in it');
  return value;
}

/** RFC 4648, section 4, with or without the padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function readBinary({ maxLength: limit = DEFAULT_MAX_BINARY_BYTES }: Signal, text: string): Buffer | Refusal {
  if (!BASE64.test(text)) return new Refusal('not_base64', `is ${shorten(JSON.stringify(text))}, which is no base64`);
  const value = Buffer.from(text, 'base64');
  return value.length <= limit ? value : tooLong(value.length, limit);
}

export function tooLong(bytes: number, limit: number): Refusal {
  return new Refusal('binary_too_long', `has ${bytes} bytes, the limit is ${limit}`);
}

export function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
