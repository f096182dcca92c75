/** Counting durations without keeping them. */
import type { ComponentTimes } from '../native/index.js';
import type { HistogramBucket } from './report.js';

/** Buckets a doubling, as the executor counts (tb_bucket in fmu-shim/src/plan): linear to 8 ns, then within 6 %. */
const SUB_BUCKETS = 8;

function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const low = (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift;
  return low + 2 ** shift / 2;
}

/** The duration, ns, that `fraction` (0 to 1) of the timed steps do not exceed; 0 when there are none. */
export function percentileNs({ histogram, steps, maxNs }: ComponentTimes, fraction: number): number {
  const wanted = Math.ceil(fraction * steps);
  let seen = 0;
  for (const [bucket, count] of histogram.entries()) {
    seen += count;
    if (count > 0 && seen >= wanted) return Math.min(middleOf(bucket), maxNs);
  }
  return 0;
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
