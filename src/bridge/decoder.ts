/**
 * From the body of a message to a sample: which signals it has, their values, its time, or why it is none.
 *
 * This is the specification of message decoding, and the slow path: plain messages are read in C
 * (`fmu-shim/src/decode`), which accepts a subset of what is accepted here, with the same bits, and hands everything
 * else over. A value that is refused costs its signal, not the message: the others are used.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { didYouMean } from '../support/nearest.js';
import { END_OF_STREAM, END_OF_STREAM_KEY, WATERMARK_KEY } from '../support/stream-marks.js';
import { parseEpoch, parseRfc3339, type TimeFormat, wallClock } from '../support/time.js';
import type { PayloadKind } from './config-sources.js';
import { FAILED, type JsonKind, type Scanner, scanMessage, unquote } from './json-scanner.js';
import { compileMapping, labelOf, type MappingNode, timePath } from './mapping.js';
import { formatPointer } from './pointer.js';
import { type MessageProperties, rawTime } from './raw-payload.js';
import { type FieldReason, Refusal, readValue, shorten, tooLong, wrongType } from './read-value.js';
import { type Compat, SKIPPED_KEY } from './rmqfmu/contract.js';
import { parseLenientTime } from './rmqfmu/lenient.js';
import { RowWriter, type SampleRow } from './sample-row.js';
import { DEFAULT_MAX_BINARY_BYTES, pathOf, type Signal, type Value } from './signals.js';

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

export { FIELD_REASONS, type FieldReason } from './read-value.js';

export interface FieldProblem {
  /** A key of the message; what lies deeper, as JSON pointer. */
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
  readonly values: readonly (Value | undefined)[];
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

/** No sample: it tells how far the stream is. */
export interface DecodedWatermark {
  readonly kind: 'watermark';
  /** No later message has a time that is not later; {@link END_OF_STREAM}: none comes. */
  readonly timeNs: bigint;
}

export type Decoded = DecodedSample | DecodedWatermark | RejectedMessage;

export interface TimeSettings {
  /** Key of the member that holds the time of a message, or a JSON pointer; of raw payloads, a header, or none. */
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
  /** Default: `json`. */
  readonly payload?: PayloadKind;
  /** Messages of RMQFMU's peers are understood; see `rmqfmu/lenient.ts`. */
  readonly compat?: Compat;
}

/** Is told where the value of a signal stands in a message, usable or not. */
export type Trace = (signal: Signal, text: string) => void;

export interface Decoder {
  /** `properties` are asked for raw payloads only. */
  decode(content: Buffer, properties?: MessageProperties, trace?: Trace): Decoded;
  /** Names of the signals that the message has no usable value of: all of them if it is no sample. */
  missingFrom(content: Buffer): readonly string[];
}

/** A message made to be wrong does not fill the log. */
export const MAX_PROBLEMS = 32;

/** `signals` in the order of their slots, of which messages of `source` carry some. */
export function createDecoder(signals: readonly Signal[], options: DecoderOptions, source = 0): Decoder {
  const own = signals.filter((signal) => signal.source === source);
  const writer = new RowWriter(signals);
  const decode = options.payload === 'raw' ? rawDecoder(own[0], writer, options) : jsonDecoder(own, writer, options);
  const missingFrom = (content: Buffer) => {
    const decoded = decode(content);
    const missing = decoded.kind === 'sample' ? own.filter(({ slot }) => decoded.values[slot] === undefined) : own;
    return missing.map((signal) => signal.name);
  };
  return { decode, missingFrom };
}

type Decode = Decoder['decode'];

const LETTER_T = 0x74; // of true

function checkSize(content: Buffer, { maxMessageBytes }: DecoderOptions): RejectedMessage | undefined {
  if (content.length === 0) return reject('empty_body', 'the body is empty');
  if (content.length <= maxMessageBytes) return undefined;
  return reject('too_large', `the body has ${content.length} bytes, the limit is ${maxMessageBytes}`);
}

function jsonDecoder(own: readonly Signal[], writer: RowWriter, options: DecoderOptions): Decode {
  const { time, unknownFields: policy, compat } = options;
  const { root, size } = compileMapping(own, timePath(time));
  const knownNames = [...own.map((signal) => labelOf(pathOf(signal))), labelOf(timePath(time))];
  const suggest = memoize((field: string) => didYouMean(field, knownNames));

  return (content, _properties, trace) => {
    const wrong = checkSize(content, options);
    if (wrong !== undefined) return wrong;
    if (!isUtf8(content)) return malformed(firstInvalidByte(content), 'expected UTF-8');
    const text = content.toString(isAscii(content) ? 'latin1' : 'utf8');
    if (text.startsWith('\ufeff')) return malformed(0, 'a byte order mark, which JSON must not begin with');

    const values = new Array<Value | undefined>(writer.slots).fill(undefined);
    const seen = new Uint8Array(size);
    const problems: FieldProblem[] = [];
    let known = 0;
    let used = 0;
    let unknownFields = 0;
    let refusedValues = 0;
    let firstUnknown = '';
    let timeText: { kind: JsonKind; text: string } | undefined;
    let isWatermark = false;
    let isEnd = false;

    const note = (field: string, reason: FieldReason, message: string) => {
      if (problems.length < MAX_PROBLEMS) problems.push({ field, reason, message });
    };
    const refuse = (label: string, { reason, message }: Refusal) => {
      refusedValues += 1;
      note(label, reason, `'${label}' ${message}`);
    };

    const readMembers = (scanner: Scanner, node: MappingNode, key: string, kind: JsonKind, start: number): number => {
      const child = node.children.get(key);
      if (child !== undefined) return readPlace(scanner, child, kind, start);
      if (node === root && kind === 'boolean' && text.charCodeAt(start) === LETTER_T) {
        isWatermark ||= key === WATERMARK_KEY;
        isEnd ||= key === END_OF_STREAM_KEY;
      }
      if (compat !== undefined && node === root && SKIPPED_KEY.test(key)) return scanner.value(start);
      unknownFields += 1;
      const label = node === root ? key : formatPointer([...node.tokens, key]);
      if (unknownFields === 1) firstUnknown = label;
      if (policy === 'warn' && problems.length < MAX_PROBLEMS) {
        note(label, 'unknown_field', `'${shorten(label)}' is no signal${suggest(label)}`);
      }
      return scanner.value(start);
    };

    const readPlace = (scanner: Scanner, node: MappingNode, kind: JsonKind, start: number): number => {
      if (seen[node.id] === 1) {
        refuse(node.label, new Refusal('duplicate_key', 'is there twice: the first value counts'));
        return scanner.value(start);
      }
      seen[node.id] = 1;
      if (node.signal !== undefined) return readSignal(scanner, node, node.signal, kind, start);
      if (node.isTime !== true) {
        if (kind === 'object') {
          return scanner.members(start, (key, of, at) => readMembers(scanner, node, key, of, at));
        }
        if (kind === 'array')
          return scanner.elements(start, (index, of, at) => readElement(scanner, node, index, of, at));
      }
      const end = scanner.value(start);
      if (end === FAILED) return end;
      if (node.isTime === true) {
        timeText = { kind, text: text.slice(start, end) };
      } else {
        known += 1;
        refuse(node.label, wrongType(kind, text.slice(start, end), 'the signals in it need an object'));
      }
      return end;
    };

    /** Elements without a name are no fields that could be unknown. */
    const readElement = (scanner: Scanner, node: MappingNode, index: number, kind: JsonKind, start: number): number => {
      const child = node.children.get(String(index));
      return child === undefined ? scanner.value(start) : readPlace(scanner, child, kind, start);
    };

    const readSignal = (scanner: Scanner, node: MappingNode, signal: Signal, kind: JsonKind, start: number): number => {
      known += 1;
      if (signal.size !== undefined && kind === 'array') return readArray(scanner, node, signal, signal.size, start);
      const end = scanner.value(start);
      if (end === FAILED) return end;
      trace?.(signal, text.slice(start, end));
      const value =
        signal.size === undefined
          ? readValue(signal, kind, text, start, end, compat)
          : wrongType(kind, text.slice(start, end), `the signal is an array of ${signal.size}`);
      if (value instanceof Refusal) {
        refuse(node.label, value);
      } else {
        values[signal.slot] = value;
        used += 1;
      }
      return end;
    };

    /** All elements or none: half of a vector is no vector. */
    const readArray = (scanner: Scanner, node: MappingNode, signal: Signal, length: number, start: number): number => {
      let count = 0;
      let refusal: Refusal | undefined;
      const end = scanner.elements(start, (index, kind, at) => {
        count += 1;
        const child = node.children.get(String(index));
        const behind = child === undefined ? scanner.value(at) : readPlace(scanner, child, kind, at);
        if (behind === FAILED || index >= length || refusal !== undefined) return behind;
        const value = readValue(signal, kind, text, at, behind, compat);
        if (value instanceof Refusal) refusal = new Refusal(value.reason, `at ${index} ${value.message}`);
        else values[signal.slot + index] = value;
        return behind;
      });
      if (end === FAILED) return end;
      trace?.(signal, text.slice(start, end));
      if (count !== length) {
        refusal = new Refusal(
          'wrong_size',
          `has ${count} ${count === 1 ? 'element' : 'elements'}, the signal has ${length}`,
        );
      }
      if (refusal === undefined) {
        used += 1;
      } else {
        values.fill(undefined, signal.slot, signal.slot + length);
        refuse(node.label, refusal);
      }
      return end;
    };

    const fault = scanMessage(text, (scanner, key, kind, start) => readMembers(scanner, root, key, kind, start));
    if (fault !== undefined) {
      const position = Buffer.byteLength(text.slice(0, fault.position));
      if (fault.reason === 'not_an_object') return reject('not_an_object', 'the body is no JSON object');
      return { ...malformed(position, `expected ${fault.expected}`), reason: fault.reason };
    }
    if (known === 0 && isEnd) return { kind: 'watermark', timeNs: END_OF_STREAM };
    const stamp = readTime(time, timeText, compat, (message) => note(time.key, 'time_taken_as_utc', message));
    if (typeof stamp !== 'bigint') return stamp;
    if (known === 0 && isWatermark) return { kind: 'watermark', timeNs: stamp };
    if (policy === 'reject' && unknownFields > 0) {
      return reject('unknown_fields', `'${shorten(firstUnknown)}' is no signal${suggest(firstUnknown)}`);
    }
    if (known === 0) return reject('no_known_signal', 'the message has none of the signals');
    if (used === 0) return reject('no_usable_value', problems[0]?.message ?? 'no value could be used');
    const complete = used === own.length;
    const row = writer.write(values);
    return { kind: 'sample', timeNs: stamp, values, row, complete, unknownFields, refusedValues, problems };
  };
}

/** `signal` is the only one of its source. */
function rawDecoder(signal: Signal | undefined, writer: RowWriter, options: DecoderOptions): Decode {
  return (content, properties = { arrivedNs: wallClock() }) => {
    const wrong = checkSize(content, options);
    if (wrong !== undefined) return wrong;
    if (signal === undefined) return reject('no_known_signal', 'no signal takes the payload');
    const timeNs = rawTime(options.time, properties);
    if (typeof timeNs !== 'bigint') return timeNs;
    const { maxLength = DEFAULT_MAX_BINARY_BYTES } = signal;
    if (content.length > maxLength) {
      return reject('no_usable_value', `'${signal.name}' ${tooLong(content.length, maxLength).message}`);
    }
    const values = new Array<Value | undefined>(writer.slots).fill(undefined);
    values[signal.slot] = content;
    const row = writer.write(values);
    return { kind: 'sample', timeNs, values, row, complete: true, unknownFields: 0, refusedValues: 0, problems: [] };
  };
}

function reject(reason: RejectionReason, message: string): RejectedMessage {
  return { kind: 'rejected', reason, message };
}

function malformed(position: number, what: string): RejectedMessage {
  return { kind: 'rejected', reason: 'malformed_json', message: `byte ${position}: ${what}`, position };
}

function readTime(
  time: TimeSettings,
  written: { kind: JsonKind; text: string } | undefined,
  compat: Compat | undefined,
  warn: (message: string) => void,
): bigint | RejectedMessage {
  const label = labelOf(timePath(time));
  if (written === undefined) return reject('time_missing', `the message has no '${label}'`);
  const { kind, text } = written;
  const shown = `'${label}' is ${shorten(text)}`;
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
