/** The stretch of a recording to play: from the first row at or past `start` to the first at or past `until`. */
import { parseEpoch, parseRfc3339 } from '../support/time.js';
import { ReplayOptionError } from './errors.js';

export type TimeBound =
  /** Nanoseconds after the first row of the recording. */
  | { readonly kind: 'relative'; readonly offset: bigint }
  /** Nanoseconds since the epoch. */
  | { readonly kind: 'absolute'; readonly time: bigint };

/** `12.5` (seconds after the first row) or an RFC 3339 time. `option` is named in the error. */
export function parseTimeBound(text: string, option: string): TimeBound {
  const offset = parseEpoch(text, 'epoch-s');
  if (typeof offset === 'bigint' && offset >= 0n) return { kind: 'relative', offset };
  const time = parseRfc3339(text);
  if (typeof time === 'bigint') return { kind: 'absolute', time };
  throw new ReplayOptionError(`${option}: '${text}' is neither seconds from the first row nor an RFC 3339 time`, {
    remedy: `write for example ${option} 12.5 or ${option} 2011-07-28T15:49:36Z`,
  });
}

/** Seconds, with a fraction, to nanoseconds. `option` is named in the error. */
export function parseSeconds(text: string, option: string): bigint {
  const nanoseconds = parseEpoch(text, 'epoch-s');
  if (typeof nanoseconds === 'bigint' && nanoseconds > 0n) return nanoseconds;
  throw new ReplayOptionError(`${option}: '${text}' is no number of seconds greater than 0`, {
    remedy: `write for example ${option} 0.01`,
  });
}

/** Tells row by row where in the stretch it lies; bounds that are relative count from the first row told. */
export class TimeWindow {
  readonly #start: TimeBound | undefined;
  readonly #until: TimeBound | undefined;
  #first: bigint | undefined;
  #last: bigint | undefined;
  #entered = false;

  constructor(start: TimeBound | undefined, until: TimeBound | undefined) {
    this.#start = start;
    this.#until = until;
  }

  /** Once entered, a row that goes back in time before `start` is inside all the same: the stretch is one of rows. */
  place(time: bigint): 'before' | 'inside' | 'past' {
    this.#first ??= time;
    this.#last = time;
    if (this.#until !== undefined && time >= resolve(this.#until, this.#first)) return 'past';
    this.#entered ||= this.#start === undefined || time >= resolve(this.#start, this.#first);
    return this.#entered ? 'inside' : 'before';
  }

  /** Of the rows told so far. */
  get first(): bigint | undefined {
    return this.#first;
  }

  get last(): bigint | undefined {
    return this.#last;
  }
}

function resolve(bound: TimeBound, first: bigint): bigint {
  return bound.kind === 'absolute' ? bound.time : first + bound.offset;
}
