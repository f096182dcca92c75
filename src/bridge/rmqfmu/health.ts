/**
 * Health data: a peer says which of the co-simulation's times it has last seen, and what time it is for itself.
 *
 *   {"rtime":"2019-01-04T16:41:24.500Z","cosimtime":"2019-01-04T16:41:24.250Z"}
 */
import type { Compat } from './contract.js';
import { parseLenientTime } from './lenient.js';

export interface Health {
  readonly cosimNs: bigint;
  /** By how much the co-simulation is ahead of the peer. */
  readonly aheadNs: bigint;
}

const MAX_BYTES = 65_536;

/** The other keys of the message are the peer's own affair. A text: why it is no health message. */
export function readHealth(content: Buffer, compat: Compat): Health | string {
  if (content.length > MAX_BYTES) return `the body has ${content.length} bytes`;
  let body: unknown;
  try {
    body = JSON.parse(content.toString('utf8'));
  } catch {
    return 'the body is no JSON';
  }
  if (typeof body !== 'object' || body === null) return 'the body is no JSON object';
  const { rtime, cosimtime } = body as { rtime?: unknown; cosimtime?: unknown };
  const own = readTime('rtime', rtime, compat);
  if (typeof own === 'string') return own;
  const cosim = readTime('cosimtime', cosimtime, compat);
  return typeof cosim === 'string' ? cosim : { cosimNs: cosim, aheadNs: cosim - own };
}

function readTime(key: string, value: unknown, compat: Compat): bigint | string {
  if (typeof value !== 'string') return value === undefined ? `it has no '${key}'` : `'${key}' is no text`;
  const { timeNs } = parseLenientTime(value, compat);
  return typeof timeNs === 'bigint' ? timeNs : `'${key}' is ${JSON.stringify(value.slice(0, 60))}: ${timeNs}`;
}
