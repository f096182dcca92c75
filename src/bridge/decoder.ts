/**
 * From the body of a message to a sample: which signals it has, their values, its time, or why it is none.
 *
 * This is the specification of message decoding, and the slow path: plain messages are read in C
 * (`fmu-shim/src/decode`), which accepts a subset of what is accepted here, with the same bits, and hands everything
 * else over. A value that is refused costs its signal, not the message: the others are used.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { didYouMean } from '../support/nearest.js';
import { parseEpoch, parseRfc3339, type TimeFormat } from '../support/time.js';
import { type JsonKind, scanMembers, unquote } from './json-scanner.js';
import { type Compat, SKIPPED_KEY } from './rmqfmu/contract.js';
import { booleanOfNumber, cutToInteger, parseLenientTime } from './rmqfmu/lenient.js';
import { RowWriter, type SampleRow } from './sample-row.js';
import { DEFAULT_MAX_STRING_BYTES, INTEGER_MAX, INTEGER_MIN, type Signal, type SignalValue } from './signals.js';

/** Why a message is no sample. Stable words: they are the labels of counters. */
export const REJECTION_REASONS = [
  'empty_body',
  'too_large',
  'malformed_json',
  'not_an_object',
  'nesting_too_deep',
  'time_missing',
  'time_not_a_string',
  'time_not_a_number',
  'time_malformed',
  'time_without_zone',
  'time_out_of_range',
  'unknown_fields',
  'no_known_signal',
  'no_usable_value',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** What is wrong with one member of a message. Stable words. */
export const FIELD_REASONS = [
  'wrong_type',
  'null',
  'not_an_integer',
  'integer_out_of_range',
  'number_out_of_range',
  'string_too_long',
  'string_with_nul',
  'duplicate_key',
  'unknown_field',
  'time_taken_as_utc',
] as const;
export type FieldReason = (typeof FIELD_REASONS)[number];

export interface FieldProblem {
  readonly field: string;
  readonly reason: FieldReason;
  /** A whole sentence, with the value that broke the rule. */
  readonly message: string;
}

export interface DecodedSample {
  readonly kind: 'sample';
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
  /** By slot; `undefined` where the message has no usable value. */
  readonly values: readonly (SignalValue | undefined)[];
  /** The same values as a row of the ring; valid until the next message is decoded. */
  readonly row: SampleRow;
  /** Every signal of the source has a value. */
  readonly complete: boolean;
  /** Members that are neither a signal nor the time, whatever the policy says about them. */
  readonly unknownFields: number;
  /** Values of signals that could not be used, second ones for the same signal included. */
  readonly refusedValues: number;
  /** At most {@link MAX_PROBLEMS}. */
  readonly problems: readonly FieldProblem[];
}

export interface RejectedMessage {
  readonly kind: 'rejected';
  readonly reason: RejectionReason;
  /** A whole sentence, with the values that broke the rule. */
  readonly message: string;
  /** Of `malformed_json` and `nesting_too_deep`: where in the body, in bytes from 0. */
  readonly position?: number;
}

export type Decoded = DecodedSample | RejectedMessage;

export interface TimeSettings {
  /** Key of the member that holds the time of a message. */
  readonly key: string;
  readonly format: TimeFormat;
  /** RFC 3339 only: a time without a zone counts as UTC instead of being refused. */
  readonly assumeUtc: boolean;
}

export const UNKNOWN_FIELD_POLICIES = ['ignore', 'warn', 'reject'] as const;
export type UnknownFieldPolicy = (typeof UNKNOWN_FIELD_POLICIES)[number];

export interface DecoderOptions {
  readonly time: TimeSettings;
  /** `ignore`: not reported; `warn`: reported as problems; `reject`: the message is rejected. */
  readonly unknownFields: UnknownFieldPolicy;
  /** Longer bodies are rejected unread. */
  readonly maxMessageBytes: number;
  /** Messages of RMQFMU's peers are understood; see `rmqfmu/lenient.ts`. */
  readonly compat?: Compat;
}

export interface Decoder {
  decode(content: Buffer): Decoded;
  /** Names of the signals that the message has no usable value of: all of them if it is no sample. */
  missingFrom(content: Buffer): readonly string[];
}

/** A message made to be wrong does not fill the log. */
export const MAX_PROBLEMS = 32;

/** `signals` by slot, of which messages of `source` carry some. */
export function createDecoder(signals: readonly Signal[], options: DecoderOptions, source = 0): Decoder {
  const { time, unknownFields: policy, maxMessageBytes, compat } = options;
  const own = signals.filter((signal) => signal.source === source);
  const slots = new Map(own.map(({ name, slot }) => [name, slot]));
  const knownNames = [...slots.keys(), time.key];
  const writer = new RowWriter(signals);
  const suggest = memoize((field: string) => didYouMean(field, knownNames));

  const decode = (content: Buffer): Decoded => {
    if (content.length === 0) return reject('empty_body', 'the body is empty');
    if (content.length > maxMessageBytes) {
      return reject('too_large', `the body has ${content.length} bytes, the limit is ${maxMessageBytes}`);
    }
    if (!isUtf8(content)) return malformed(firstInvalidByte(content), 'expected UTF-8');
    const text = content.toString(isAscii(content) ? 'latin1' : 'utf8');
    if (text.startsWith('\ufeff')) return malformed(0, 'a byte order mark, which JSON must not begin with');

    const values = new Array<SignalValue | undefined>(signals.length).fill(undefined);
    const seen = new Uint8Array(signals.length);
    const problems: FieldProblem[] = [];
    const note = (field: string, reason: FieldReason, message: string) => {
      if (problems.length < MAX_PROBLEMS) problems.push({ field, reason, message });
    };
    let known = 0;
    let used = 0;
    let unknownFields = 0;
    let refusedValues = 0;
    let firstUnknown = '';
    let timeText: { kind: JsonKind; text: string } | undefined;

    const fault = scanMembers(text, (key, kind, start, end) => {
      const slot = slots.get(key);
      const again = slot === undefined ? key === time.key && timeText !== undefined : seen[slot] === 1;
      if (again) {
        refusedValues += 1;
        note(key, 'duplicate_key', `'${key}' is there twice: the first value counts`);
      } else if (slot !== undefined) {
        seen[slot] = 1;
        known += 1;
        const value = readValue(signals[slot]!, kind, text, start, end, compat);
        if (typeof value !== 'object') {
          values[slot] = value;
          used += 1;
        } else {
          refusedValues += 1;
          note(key, value.reason, `'${key}' ${value.message}`);
        }
      } else if (key === time.key) {
        timeText = { kind, text: text.slice(start, end) };
      } else if (compat === undefined || !SKIPPED_KEY.test(key)) {
        unknownFields += 1;
        if (unknownFields === 1) firstUnknown = key;
        if (policy === 'warn' && problems.length < MAX_PROBLEMS) {
          note(key, 'unknown_field', `'${shorten(key)}' is no signal${suggest(key)}`);
        }
      }
    });
    if (fault !== undefined) {
      const position = Buffer.byteLength(text.slice(0, fault.position));
      if (fault.reason === 'not_an_object') return reject('not_an_object', 'the body is no JSON object');
      return { ...malformed(position, `expected ${fault.expected}`), reason: fault.reason };
    }
    const stamp = readTime(time, timeText, compat, (message) => note(time.key, 'time_taken_as_utc', message));
    if (typeof stamp !== 'bigint') return stamp;
    if (policy === 'reject' && unknownFields > 0) {
      return reject('unknown_fields', `'${shorten(firstUnknown)}' is no signal${suggest(firstUnknown)}`);
    }
    if (known === 0) return reject('no_known_signal', 'the message has none of the signals');
    if (used === 0) return reject('no_usable_value', problems[0]?.message ?? 'no value could be used');
    const complete = used === own.length;
    const row = writer.write(values);
    return { kind: 'sample', timeNs: stamp, values, row, complete, unknownFields, refusedValues, problems };
  };
  const missingFrom = (content: Buffer) => {
    const decoded = decode(content);
    const missing = decoded.kind === 'sample' ? own.filter(({ slot }) => decoded.values[slot] === undefined) : own;
    return missing.map((signal) => signal.name);
  };
  return { decode, missingFrom };
}

function reject(reason: RejectionReason, message: string): RejectedMessage {
  return { kind: 'rejected', reason, message };
}

function malformed(position: number, what: string): RejectedMessage {
  return { kind: 'rejected', reason: 'malformed_json', message: `byte ${position}: ${what}`, position };
}

type Refusal = { readonly reason: FieldReason; readonly message: string };

function readValue(
  signal: Signal,
  kind: JsonKind,
  text: string,
  start: number,
  end: number,
  compat: Compat | undefined,
): SignalValue | Refusal {
  if (compat !== undefined && kind === 'number' && signal.type === 'Boolean') {
    const value = booleanOfNumber(text.slice(start, end));
    if (value !== undefined) return value;
  }
  if (kind === 'null') return { reason: 'null', message: 'is null' };
  if (kind !== KIND_OF[signal.type]) {
    const is = kind === 'array' || kind === 'object' ? `an ${kind}` : `the ${kind} ${shorten(text.slice(start, end))}`;
    return { reason: 'wrong_type', message: `is ${is}, the signal is ${ARTICLES[signal.type]} ${signal.type}` };
  }
  switch (signal.type) {
    case 'Boolean':
      return text.charCodeAt(start) === 0x74;
    case 'String':
      return readString(signal, unquote(text, start, end));
    default:
      return readNumber(signal.type, text.slice(start, end), compat);
  }
}

const ARTICLES = { Real: 'a', Integer: 'an', Boolean: 'a', String: 'a' } as const;
const KIND_OF = { Real: 'number', Integer: 'number', Boolean: 'boolean', String: 'string' } as const;

function readNumber(type: 'Real' | 'Integer', text: string, compat: Compat | undefined): number | Refusal {
  const written = Number(text);
  const value = type === 'Integer' && compat !== undefined ? cutToInteger(written) : written;
  if (type === 'Real') {
    if (Number.isFinite(value)) return value;
    return { reason: 'number_out_of_range', message: `is ${shorten(text)}, more than a double holds` };
  }
  if (!Number.isInteger(value) && Number.isFinite(value)) {
    return { reason: 'not_an_integer', message: `is ${shorten(text)}, the signal is an Integer` };
  }
  if (value < INTEGER_MIN || value > INTEGER_MAX) {
    return { reason: 'integer_out_of_range', message: `is ${shorten(text)}, more than an FMI Integer (32 bits) holds` };
  }
  return value + 0; // -0 is 0
}

function readString(signal: Signal, value: string): string | Refusal {
  const limit = signal.maxLength ?? DEFAULT_MAX_STRING_BYTES;
  const bytes = Buffer.byteLength(value);
  if (bytes > limit) return { reason: 'string_too_long', message: `has ${bytes} bytes, the limit is ${limit}` };
  // FMI strings end at the first NUL: the rest would be lost without a word.
  if (value.includes('\0')) return { reason: 'string_with_nul', message: 'has a NUL character in it' };
  return value;
}

function readTime(
  time: TimeSettings,
  written: { kind: JsonKind; text: string } | undefined,
  compat: Compat | undefined,
  warn: (message: string) => void,
): bigint | RejectedMessage {
  if (written === undefined) return reject('time_missing', `the message has no '${time.key}'`);
  const { kind, text } = written;
  const shown = `'${time.key}' is ${shorten(text)}`;
  if (time.format === 'rfc3339') {
    if (kind !== 'string') return reject('time_not_a_string', `${shown}, expected an RFC 3339 time`);
    const stamp = unquote(text, 0, text.length);
    const lenient = compat === undefined ? undefined : parseLenientTime(stamp, compat);
    if (lenient?.assumed === true && !time.assumeUtc) warn(`${shown}: it has no zone and is taken as UTC`);
    let parsed = lenient?.timeNs ?? parseRfc3339(stamp);
    if (parsed === 'time_without_zone' && time.assumeUtc) parsed = parseRfc3339(`${stamp}Z`);
    return typeof parsed === 'bigint' ? parsed : reject(parsed, `${shown}: ${TIME_FAULTS[parsed]}`);
  }
  if (kind !== 'number') return reject('time_not_a_number', `${shown}, expected a number (${time.format})`);
  const parsed = parseEpoch(text, time.format);
  return typeof parsed === 'bigint' ? parsed : reject(parsed, `${shown}: ${TIME_FAULTS[parsed]}`);
}

const TIME_FAULTS = {
  time_malformed: 'no RFC 3339 time such as 2019-01-04T16:41:24.123Z',
  time_without_zone: 'it has no zone and could be hours off; send it with Z or an offset, or set time.assumeUtc',
  time_out_of_range: 'not between the years 1678 and 2261',
} as const;

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** `content` is not UTF-8. */
function firstInvalidByte(content: Buffer): number {
  const text = content.toString('utf8');
  // Each U+FFFD stands for invalid bytes, or was in the body itself (EF BF BD).
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', at + 1)) {
    const byte = Buffer.byteLength(text.slice(0, at));
    if (content.toString('hex', byte, byte + 3) !== 'efbfbd') return byte;
  }
  return content.length;
}

/** Names come from outside, so the memory of them is bounded. */
function memoize(compute: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= 1000) known.clear();
    const computed = compute(name.slice(0, 200));
    known.set(name, computed);
    return computed;
  };
}
