/** Counting durations without keeping them. */
import type { HistogramBucket } from './report.js';

const SUB_BITS = 3;
const SUB_BUCKETS = 1 << SUB_BITS;
const MAX_NS = 2 ** 31 - 1;

/** The bucket of a duration: linear up to 8 ns, then 8 buckets a doubling, so within 6 % of the value. */
function bucketOf(ns: number): number {
  if (ns < SUB_BUCKETS) return ns;
  const exponent = 31 - Math.clz32(ns);
  return (exponent - SUB_BITS + 1) * SUB_BUCKETS + ((ns >> (exponent - SUB_BITS)) & (SUB_BUCKETS - 1));
}

function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const low = (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift;
  return low + 2 ** shift / 2;
}

/** Durations from nanoseconds to two seconds; longer ones count as two seconds, but for the total and the maximum. */
export class DurationHistogram {
  readonly #counts = new Uint32Array(bucketOf(MAX_NS) + 1);
  count = 0;
  totalMs = 0;
  maxMs = 0;

  add(ms: number): void {
    const bucket = bucketOf(Math.min(MAX_NS, Math.max(0, Math.round(ms * 1e6))));
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.count += 1;
    this.totalMs += ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** The duration that `fraction` (0 to 1) of all do not exceed, ms; 0 when there are none. */
  percentileMs(fraction: number): number {
    const wanted = Math.ceil(fraction * this.count);
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= wanted) return Math.min(middleOf(bucket) / 1e6, this.maxMs);
    }
    return 0;
  }
}

const LATENESS_MS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, Number.POSITIVE_INFINITY];

/** How late steps ended. */
export class LatenessHistogram {
  readonly #counts = new Uint32Array(LATENESS_MS.length);
  count = 0;
  maxMs = 0;

  add(ms: number): void {
    const bucket = LATENESS_MS.findIndex((limit) => ms <= limit);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.count += 1;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  buckets(): HistogramBucket[] {
    return LATENESS_MS.map((upToMs, index) => ({ upToMs, count: this.#counts[index]! }));
  }
}
