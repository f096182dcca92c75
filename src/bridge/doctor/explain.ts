/** What a bridge would make of a message: signal by signal, with the reason where a value is not used. */
import type { Delivery } from '../../amqp/index.js';
import { formatRfc3339, wallClock } from '../../support/time.js';
import type { BridgeConfig } from '../config.js';
import { createDecoder, type Decoder } from '../decoder.js';
import type { Signal } from '../signals.js';

export interface ExplainedSignal {
  readonly name: string;
  readonly type: string;
  readonly unit?: string;
  readonly state: 'taken' | 'refused' | 'missing';
  readonly value?: unknown;
  /** Of `refused`: a whole sentence. */
  readonly reason?: string;
}

export interface Explanation {
  readonly source: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly bytes: number;
  /** Of a message that is a sample: its time, and how long ago that was. */
  readonly time?: string;
  readonly ageS?: number;
  readonly signals: readonly ExplainedSignal[];
  /** About members that are no signal, with the nearest name. */
  readonly unknown: readonly string[];
  /** Why the message is no sample. */
  readonly rejected?: string;
  /** The body, where it is no sample. */
  readonly body?: string;
}

/** For each source of the configuration: what it would do with a delivery. */
export function createExplainers(config: BridgeConfig): ((delivery: Delivery) => Explanation)[] {
  return config.sources.map((source, place) => {
    const own = config.outputs.filter((signal) => signal.source === place);
    // Members that are ignored in silence by the bridge are shown here all the same.
    const decoder = createDecoder(config.outputs, { ...source, unknownFields: 'warn' }, place);
    const strict = source.unknownFields === 'reject' ? createDecoder(config.outputs, source, place) : undefined;
    return (delivery) => explain(delivery, source.name, own, decoder, strict);
  });
}

function explain(
  { content, exchange, routingKey }: Delivery,
  source: string,
  own: readonly Signal[],
  decoder: Decoder,
  strict: Decoder | undefined,
): Explanation {
  const about = { source, exchange, routingKey, bytes: content.length };
  const decoded = decoder.decode(content);
  const refusal = decoded.kind === 'rejected' ? decoded : strict?.decode(content);
  const rejected = refusal?.kind === 'rejected' ? { rejected: `${refusal.reason}: ${refusal.message}` } : {};
  if (decoded.kind === 'rejected') {
    return { ...about, ...rejected, signals: [], unknown: [], body: beginningOf(content) };
  }
  const ageS = Number(wallClock() - decoded.timeNs) / 1e9;
  const refused = new Map(
    decoded.problems.filter(({ reason }) => reason !== 'unknown_field').map(({ field, message }) => [field, message]),
  );
  const signals = own.map(({ name, type, unit, slot }): ExplainedSignal => {
    const described = { name, type, ...(unit === undefined ? {} : { unit }) };
    const value: unknown = decoded.values[slot];
    if (value !== undefined) return { ...described, state: 'taken', value };
    const reason = refused.get(name);
    return reason === undefined ? { ...described, state: 'missing' } : { ...described, state: 'refused', reason };
  });
  const unknown = decoded.problems.filter(({ reason }) => reason === 'unknown_field').map(({ message }) => message);
  return { ...about, ...rejected, time: formatRfc3339(decoded.timeNs), ageS, signals, unknown };
}

/** Enough to recognise a message by. */
function beginningOf(content: Buffer): string {
  const text = content.toString('utf8', 0, 200).replace(/[\p{Cc}\p{Cf}]/gu, ' ');
  return content.length > 200 ? `${text}…` : text;
}
