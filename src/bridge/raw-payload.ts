/** Messages whose whole body is one Binary value: images, point clouds, whatever is not JSON. */
import { parseEpoch, parseRfc3339 } from '../support/time.js';
import type { RejectedMessage, TimeSettings } from './decoder.js';

/** What a broker delivers beside the body. */
export interface MessageProperties {
  /** AMQP's property: seconds since the epoch. */
  readonly timestamp?: number | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** Wall clock when it came, ns since the epoch. */
  readonly arrivedNs: bigint;
}

/** Whoever publishes sets it: it may be anything. */
function epochTime(what: string, stamp: number | bigint, format: 'epoch-s' | 'epoch-ms'): bigint | RejectedMessage {
  const parsed = parseEpoch(String(stamp), format);
  if (typeof parsed === 'bigint') return parsed;
  return { kind: 'rejected', reason: parsed, message: `${what} is ${stamp}: ${parsed.replaceAll('_', ' ')}` };
}

/** Set by RabbitMQ's message-timestamp plugin: when the broker got the message, ms since the epoch. */
const BROKER_STAMP = 'timestamp_in_ms';

/**
 * The time of a raw message: the header that `time.key` names; without one, the broker's stamp in ms, the publisher's in
 * whole seconds (AMQP knows no finer), or else the arrival.
 */
export function rawTime(time: TimeSettings, properties: MessageProperties): bigint | RejectedMessage {
  const { timestamp, headers = {}, arrivedNs } = properties;
  if (time.key === '') {
    const stamp = headers[BROKER_STAMP];
    if (typeof stamp === 'number' || typeof stamp === 'bigint')
      return epochTime(`header '${BROKER_STAMP}'`, stamp, 'epoch-ms');
    return timestamp === undefined ? arrivedNs : epochTime('the timestamp', timestamp, 'epoch-s');
  }
  const value = Object.hasOwn(headers, time.key) ? headers[time.key] : undefined;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') {
    return { kind: 'rejected', reason: 'time_missing', message: `the message has no header '${time.key}' with a time` };
  }
  const text = String(value);
  const assumed = time.assumeUtc && parseRfc3339(text) === 'time_without_zone' ? `${text}Z` : text;
  const parsed = time.format === 'rfc3339' ? parseRfc3339(assumed) : parseEpoch(text, time.format);
  if (typeof parsed === 'bigint') return parsed;
  return {
    kind: 'rejected',
    reason: parsed,
    message: `header '${time.key}' is ${text.slice(0, 60)}: ${parsed.replaceAll('_', ' ')}`,
  };
}
