/**
 * Time stamps of samples: signed 64-bit nanoseconds since 1970-01-01T00:00:00Z, as `bigint`.
 *
 * RFC 3339 is read strictly (a zone is required: a stamp without one could be hours off, silently), with any number
 * of fraction digits; digits past nanoseconds are cut off.
 */

export const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** How a time field spells an instant. */
export const TIME_FORMATS = ['rfc3339', 'epoch-s', 'epoch-ms', 'epoch-us', 'epoch-ns'] as const;
export type TimeFormat = (typeof TIME_FORMATS)[number];

/** Why a text is no RFC 3339 time; the reason is a stable word used as a counter label. */
export type TimeRejection = 'time_without_zone' | 'time_malformed' | 'time_out_of_range';

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:([Zz])|([+-])(\d{2}):?(\d{2}))?$/;

/** RFC 3339 → nanoseconds since the epoch, or why not. A leap second (`:60`) is the first instant after it. */
export function parseRfc3339(text: string): bigint | TimeRejection {
  const match = RFC3339.exec(text);
  if (match === null) return 'time_malformed';
  const [, year, month, day, hour, minute, second, fraction = '', zulu, sign, offsetHours, offsetMinutes] = match;
  if (zulu === undefined && sign === undefined) return 'time_without_zone';
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return 'time_malformed';
  if (Number(offsetHours ?? 0) > 23 || Number(offsetMinutes ?? 0) > 59) return 'time_malformed';
  const monthIndex = Number(month) - 1;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), monthIndex, Number(day));
  if (date.getUTCMonth() !== monthIndex || date.getUTCDate() !== Number(day)) return 'time_malformed';
  const offsetSeconds = (sign === '-' ? -1 : 1) * (Number(offsetHours ?? 0) * 3600 + Number(offsetMinutes ?? 0) * 60);
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offsetSeconds;
  const nanoseconds = BigInt(seconds) * NANOSECONDS_PER_SECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return inInt64(nanoseconds) ? nanoseconds : 'time_out_of_range';
}

const DIGITS_BEFORE_POINT = { 'epoch-s': 9, 'epoch-ms': 6, 'epoch-us': 3, 'epoch-ns': 0 } as const;

/**
 * A decimal epoch time (`1311868163.8697`) → nanoseconds, exactly: the text is shifted, not multiplied, since a
 * double holds a present-day epoch time to 256 ns only.
 */
export function parseEpoch(text: string, format: Exclude<TimeFormat, 'rfc3339'>): bigint | TimeRejection {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (match === null) return 'time_malformed';
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = DIGITS_BEFORE_POINT[format] + Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point > 40) return 'time_out_of_range';
  const integer = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0');
  const nanoseconds = BigInt(sign + integer);
  return inInt64(nanoseconds) ? nanoseconds : 'time_out_of_range';
}

/** Nanoseconds → `2011-07-28T15:49:23.869700Z`, with 3, 6 or 9 fraction digits, as few as keep the value. */
export function formatRfc3339(nanoseconds: bigint): string {
  let seconds = nanoseconds / NANOSECONDS_PER_SECOND;
  let rest = nanoseconds % NANOSECONDS_PER_SECOND;
  if (rest < 0n) {
    rest += NANOSECONDS_PER_SECOND;
    seconds -= 1n;
  }
  const digits = rest % 1_000_000n === 0n ? 3 : rest % 1_000n === 0n ? 6 : 9;
  const fraction = rest.toString().padStart(9, '0').slice(0, digits);
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
}

/** The wall clock, in nanoseconds since the epoch (resolution: about a microsecond). */
export function wallClock(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}

function inInt64(value: bigint): boolean {
  return value >= -(2n ** 63n) && value < 2n ** 63n;
}
