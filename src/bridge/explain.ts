/** What a bridge makes of one message, signal by signal, without a run: for `validate --sample`, `tap` and `doctor`. */
import { InvalidInputError } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { formatRfc3339, wallClock } from '../support/time.js';
import type { BridgeConfig } from './config.js';
import {
  createDecoder,
  type Decoded,
  type DecodedSample,
  type FieldReason,
  type RejectedMessage,
  type RejectionReason,
} from './decoder.js';
import { labelOf } from './mapping.js';
import type { MessageProperties } from './raw-payload.js';
import { shorten } from './read-value.js';
import { elementsOf, pathOf, type Signal, type SignalType, type SignalValue, type Value } from './signals.js';

export interface SignalReport {
  readonly name: string;
  readonly type: SignalType;
  /** Where it should stand: a key of the message, or a JSON pointer; empty: the whole body. */
  readonly place: string;
  readonly outcome: 'value' | 'refused' | 'missing';
  /** What stands there, as written, cut to {@link MAX_RAW_CHARACTERS}. */
  readonly raw?: string;
  /** Scaled; 64-bit integers as texts of digits, Binary in base64. */
  readonly value?: SignalValue | readonly SignalValue[];
  readonly unit?: string;
  readonly reason?: FieldReason;
  /** Why there is no value. */
  readonly message?: string;
}

export interface MessageReport {
  readonly source: string;
  /** It would become a sample. */
  readonly accepted: boolean;
  /** RFC 3339, UTC; and in ns since the epoch. */
  readonly time?: string;
  readonly timeNs?: bigint;
  /** Why it is no sample. */
  readonly reason?: RejectionReason;
  readonly message?: string;
  /** All signals of the source. */
  readonly signals: readonly SignalReport[];
  /** What is said of fields that are no signals. */
  readonly unknownFields: readonly string[];
}

export type Explain = (body: Buffer, properties?: MessageProperties) => MessageReport;

export const MAX_RAW_CHARACTERS = 200;

/** `source`: by name or place; default: the only one, or the first. Throws {@link InvalidInputError} if there is none such. */
export function createExplainer(config: BridgeConfig, source: string | number = 0): Explain {
  const { sources, outputs, compat } = config;
  const index = typeof source === 'number' ? source : sources.findIndex(({ name }) => name === source);
  const found = sources[index];
  if (found === undefined) {
    const names = sources.map(({ name }) => name);
    throw new InvalidInputError(`there is no source '${source}'${didYouMean(String(source), names)}`, {
      remedy: `sources: ${names.join(', ')}`,
    });
  }
  // Unknown fields are wanted here, whatever the run does with them.
  const decoder = createDecoder(
    outputs,
    { ...found, unknownFields: 'warn', ...(compat === undefined ? {} : { compat }) },
    index,
  );
  const own = outputs.filter((signal) => signal.source === index);

  return (body, properties = { arrivedNs: wallClock() }) => {
    const raw = new Map<Signal, string>();
    const decoded = decoder.decode(body, properties, (signal, text) => raw.set(signal, text));
    const accepted = decoded.kind === 'sample';
    const problems = accepted ? decoded.problems : [];
    const unknown = problems.filter(({ reason }) => reason === 'unknown_field');
    const isRefused = found.unknownFields === 'reject' && unknown.length > 0;
    const places = new Lazy(() => placesOf(body));
    const signals = own.map((signal): SignalReport => {
      const place = labelOf(pathOf(signal));
      const text = raw.get(signal);
      const value = accepted ? plainValue(signal, decoded.values) : undefined;
      const problem = problems.find(({ field, reason }) => isAbove(field, signal) && reason !== 'duplicate_key');
      const common = {
        name: signal.name,
        type: signal.type,
        place,
        ...(text === undefined ? {} : { raw: cut(text) }),
        ...(signal.unit === undefined ? {} : { unit: signal.unit }),
      };
      if (value !== undefined) return { ...common, outcome: 'value', value };
      if (problem !== undefined) {
        const { reason, message } = problem;
        return { ...common, outcome: 'refused', reason, message };
      }
      if (text !== undefined) return { ...common, outcome: 'refused' };
      return { ...common, outcome: 'missing', message: `there is no '${place}'${didYouMean(place, places.value)}` };
    });
    return {
      source: found.name,
      accepted: accepted && !isRefused,
      ...(accepted ? { time: formatRfc3339(decoded.timeNs), timeNs: decoded.timeNs } : whyNoSample(decoded)),
      ...(isRefused ? { reason: 'unknown_fields' as const, message: unknown[0]!.message } : {}),
      signals,
      unknownFields: unknown.map(({ message }) => message),
    };
  };
}

function whyNoSample(decoded: Exclude<Decoded, DecodedSample>): Pick<RejectedMessage, 'reason' | 'message'> {
  if (decoded.kind === 'rejected') return { reason: decoded.reason, message: decoded.message };
  return { reason: 'no_known_signal', message: 'no sample: the message says how far the stream is' };
}

/** {@link createExplainer} for one message. */
export function explainMessage(
  config: BridgeConfig,
  source: string | number | undefined,
  body: Buffer,
  properties?: MessageProperties,
): MessageReport {
  return createExplainer(config, source)(body, properties);
}

/** A problem is told of the place where it is, which may be an object around the signal. */
function isAbove(field: string, signal: Signal): boolean {
  const path = pathOf(signal);
  return path.some((_, depth) => labelOf(path.slice(0, depth + 1)) === field);
}

function plainValue(
  signal: Signal,
  values: readonly (Value | undefined)[],
): SignalValue | readonly SignalValue[] | undefined {
  const own = values.slice(signal.slot, signal.slot + elementsOf(signal));
  if (own.some((value) => value === undefined)) return undefined;
  const plain = own.map((value) => toPlain(value as Value));
  return signal.size === undefined ? plain[0] : plain;
}

function toPlain(value: Value): SignalValue {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return typeof value === 'bigint' ? String(value) : value;
}

function cut(text: string): string {
  return text.length > MAX_RAW_CHARACTERS ? `${text.slice(0, MAX_RAW_CHARACTERS)}…` : text;
}

/** Places of a message, for suggestions: the first {@link MAX_PLACES}. */
function placesOf(body: Buffer): string[] {
  const places: string[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    if (places.length >= MAX_PLACES || path.length > MAX_DEPTH) return;
    if (path.length > 0) places.push(shorten(labelOf(path)));
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
  };
  try {
    walk(JSON.parse(body.toString('utf8')), []);
  } catch {
    // It is no JSON: there is nothing to suggest.
  }
  return places;
}

const MAX_PLACES = 1000;
const MAX_DEPTH = 16;

class Lazy<T> {
  readonly #compute: () => T;
  #value: T | undefined;

  constructor(compute: () => T) {
    this.#compute = compute;
  }

  get value(): T {
    this.#value ??= this.#compute();
    return this.#value;
  }
}
