/** Which field holds the time of a message, and how it spells it. */
import { parseEpoch, parseRfc3339, type TimeFormat } from '../../support/time.js';
import type { SampleField } from './sample.js';

export interface TimeFormatFound {
  readonly format: TimeFormat;
  /** RFC 3339 but for the zone, which has to be taken for UTC. */
  readonly assumeUtc: boolean;
}

/** Names that fields of times have, best first. */
const IN_MESSAGES = ['time', 'timestamp', 'stamp', 'ts', 'datetime', 'date_time', 't', 'rtime'];
/** `twinbridge replay` looks for the first two, in this order. */
const IN_TABLES = ['timestamp', 'time', ...IN_MESSAGES.slice(2)];

/**
 * The field of a first sample that holds its time: one with a name that times have, or else the first that reads as an
 * RFC 3339 time.
 */
export function findTimeField(fields: readonly SampleField[], inTable: boolean): SampleField | undefined {
  const named = (inTable ? IN_TABLES : IN_MESSAGES).flatMap((name) =>
    fields.filter(({ name: full, path }) => (path?.at(-1) ?? full).toLowerCase() === name),
  );
  return [...named, ...fields.filter(({ kind }) => kind === 'string')].find(
    (field) => timeFormatOf(field) !== undefined,
  );
}

/**
 * A number counts as seconds, milliseconds, microseconds or nanoseconds by its magnitude: from 1973 to the year 5138 the
 * four ranges do not meet. Seconds since the beginning of a recording (0, 0.01 …) come out as seconds.
 */
export function timeFormatOf({ kind, text }: SampleField): TimeFormatFound | undefined {
  if (kind === 'string') {
    const time = parseRfc3339(text);
    if (typeof time === 'bigint') return { format: 'rfc3339', assumeUtc: false };
    return time === 'time_without_zone' ? { format: 'rfc3339', assumeUtc: true } : undefined;
  }
  const magnitude = Math.abs(Number(text));
  if (kind !== 'number' || Number.isNaN(magnitude)) return undefined;
  const format =
    magnitude < 1e11 ? 'epoch-s' : magnitude < 1e14 ? 'epoch-ms' : magnitude < 1e17 ? 'epoch-us' : 'epoch-ns';
  return { format, assumeUtc: false };
}

/** Nanoseconds since the epoch; undefined if the text is no time of that format. */
export function readTime({ text }: SampleField, { format, assumeUtc }: TimeFormatFound): bigint | undefined {
  const read = () => {
    if (format !== 'rfc3339') return parseEpoch(text, format);
    const time = parseRfc3339(text);
    return time === 'time_without_zone' && assumeUtc ? parseRfc3339(`${text}Z`) : time;
  };
  const time = read();
  return typeof time === 'bigint' ? time : undefined;
}
