/**
 * Messages of RMQFMU's peers: what it made something sensible of, and a bridge refuses. Nothing here is guessed that
 * could be off unnoticed, but for the times without a zone, which are told.
 */
import { parseRfc3339, type TimeRejection } from '../../support/time.js';
import type { Compat } from './contract.js';

export interface LenientTime {
  readonly timeNs: bigint | TimeRejection;
  /** It named no zone and was taken as UTC. */
  readonly assumed: boolean;
}

const PARTS = /^(\d{4})-(\d{1,2})-(\d{1,2})[Tt ](\d{1,2}):(\d{2}):(\d{2}(?:[.,]\d+)?)\s*(|[Zz]|UTC|[+-]\d{2}:?\d{2})$/;

/**
 * Month, day and hour of one digit, `UTC` for Z, no zone at all. `strict`: an offset counts for nothing, as with RMQFMU,
 * so that peers which learnt to live with it stay where they are.
 */
export function parseLenientTime(text: string, compat: Compat): LenientTime {
  const match = PARTS.exec(text);
  if (match === null) return { timeNs: parseRfc3339(text), assumed: false };
  const [, year, month, day, hour, minute, second, zone = ''] = match;
  const two = (digits = '') => digits.padStart(2, '0');
  const local = `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}`;
  const isUtc = zone === '' || zone === 'UTC' || compat === 'strict';
  return { timeNs: parseRfc3339(`${local}${isUtc ? 'Z' : zone}`), assumed: zone === '' };
}

/** 2.9 → 2, -2.9 → -2: RMQFMU cut off what an Integer cannot hold. */
export function cutToInteger(value: number): number {
  return Math.trunc(value) + 0;
}

/** 0 and 1, which is how RMQFMU itself writes a Boolean; `undefined`: neither. */
export function booleanOfNumber(text: string): boolean | undefined {
  const value = Number(text);
  return value === 0 || value === 1 ? value === 1 : undefined;
}
