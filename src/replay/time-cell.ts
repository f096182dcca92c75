/** From the text of a time cell to nanoseconds since the epoch; what format the text is in, if nobody said. */
import { parseEpoch, parseRfc3339, type TimeFormat } from '../support/time.js';
import type { RowRejection } from './errors.js';

export type TimeReader = (text: string) => bigint | RowRejection;

export function timeReader(format: TimeFormat): TimeReader {
  const parse = format === 'rfc3339' ? parseRfc3339 : (text: string) => parseEpoch(text, format);
  return (text) => (text.trim() === '' ? 'time_missing' : parse(text.trim()));
}

/**
 * The format of a first time stamp, or why it has none. A number counts as seconds, milliseconds, microseconds or
 * nanoseconds by its magnitude: from 1973 to the year 5138 the four ranges do not meet. Seconds counted from the
 * beginning of a recording (0, 0.01, ...) come out as seconds.
 */
export function detectTimeFormat(text: string): TimeFormat | RowRejection {
  const trimmed = text.trim();
  if (trimmed === '') return 'time_missing';
  const magnitude = Math.abs(Number(trimmed));
  if (Number.isNaN(magnitude)) {
    const parsed = parseRfc3339(trimmed);
    return typeof parsed === 'bigint' ? 'rfc3339' : parsed;
  }
  if (magnitude < 1e11) return 'epoch-s';
  if (magnitude < 1e14) return 'epoch-ms';
  return magnitude < 1e17 ? 'epoch-us' : 'epoch-ns';
}

/** What to say about a time that cannot be read. */
export function describeTimeRejection(reason: RowRejection, text: string, format: TimeFormat | 'auto'): string {
  const shown = `'${text.length > 60 ? `${text.slice(0, 60)}…` : text}'`;
  switch (reason) {
    case 'time_missing':
      return 'the time is missing';
    case 'time_without_zone':
      return `the time ${shown} has no zone, so it could be hours off; write ${shown.slice(1, -1)}Z for UTC`;
    case 'time_out_of_range':
      return `the time ${shown} is not between the years 1678 and 2261`;
    default:
      return `the time ${shown} is no ${format === 'auto' ? 'RFC 3339 time or epoch number' : SPELLED[format]}`;
  }
}

const SPELLED: Record<TimeFormat, string> = {
  rfc3339: 'RFC 3339 time such as 2011-07-28T15:49:23.8697Z',
  'epoch-s': 'number of seconds since 1970',
  'epoch-ms': 'number of milliseconds since 1970',
  'epoch-us': 'number of microseconds since 1970',
  'epoch-ns': 'number of nanoseconds since 1970',
};
