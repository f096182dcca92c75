/** Durations in files: `300 ms`, `1.5 s`, `2 min`, or a plain number of milliseconds. */

export type DurationFile = string | number;

const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h)\s*$/;
const UNIT_MS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, min: 6e4, h: 3.6e6 };

/** The importer can set durations as FMI Integers, in ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds; or what is wrong with the value, to be put behind its name. */
export function parseDuration(value: DurationFile): number | { readonly problem: string } {
  const match = typeof value === 'number' ? undefined : DURATION.exec(value);
  if (match === null) return { problem: `is '${value}', expected a duration such as 300 ms, 1.5 s or 2 min` };
  const ms = typeof value === 'number' ? value : Number(match![1]) * UNIT_MS[match![2]!]!;
  return ms <= LONGEST_MS ? ms : { problem: `is '${value}', the longest duration is ${LONGEST_MS} ms (24 days)` };
}
