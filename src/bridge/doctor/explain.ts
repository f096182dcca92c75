/** What a bridge would make of a message: signal by signal, with the reason where a value is not used. */
import type { Delivery } from '../../amqp/index.js';
import { wallClock } from '../../support/time.js';
import type { BridgeConfig } from '../config.js';
import { createExplainer, type Explain, type SignalReport } from '../explain.js';

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
  return config.sources.map((_, place) => {
    const explain = createExplainer(config, place);
    return (delivery) => toExplanation(delivery, explain);
  });
}

function toExplanation(delivery: Delivery, explain: Explain): Explanation {
  const { content, exchange, routingKey, timestamp, headers } = delivery;
  const now = wallClock();
  const { source, accepted, time, timeNs, reason, message, signals, unknownFields } = explain(content, {
    timestamp,
    headers,
    arrivedNs: now,
  });
  const about = { source, exchange, routingKey, bytes: content.length };
  const rejected = accepted ? {} : { rejected: `${reason}: ${message}` };
  if (time === undefined || timeNs === undefined) {
    return { ...about, ...rejected, signals: [], unknown: [], body: beginningOf(content) };
  }
  const ageS = Number(now - timeNs) / 1e9;
  return { ...about, ...rejected, time, ageS, signals: signals.map(toSignal), unknown: unknownFields };
}

function toSignal({ name, type, unit, outcome, value, message }: SignalReport): ExplainedSignal {
  const described = { name, type, ...(unit === undefined ? {} : { unit }) };
  if (outcome === 'value') return { ...described, state: 'taken', value };
  if (outcome === 'missing') return { ...described, state: 'missing' };
  return { ...described, state: 'refused', ...(message === undefined ? {} : { reason: message }) };
}

/** Enough to recognise a message by. */
function beginningOf(content: Buffer): string {
  const text = content.toString('utf8', 0, 200).replace(/[\p{Cc}\p{Cf}]/gu, ' ');
  return content.length > 200 ? `${text}…` : text;
}
