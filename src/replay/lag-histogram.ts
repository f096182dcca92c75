/**
 * Percentiles of lags in constant memory: buckets that grow by 2 % from 1 us to over an hour. The maximum is exact.
 */
const GROWTH = Math.log(1.02);
const BUCKETS = 1152;

export class LagHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  record(milliseconds: number): void {
    const microseconds = milliseconds * 1000;
    const bucket = microseconds <= 1 ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(microseconds) / GROWTH));
    this.#counts[bucket]! += 1;
    this.#total += 1;
    if (milliseconds > this.#max) this.#max = milliseconds;
  }

  /** In milliseconds; 0 when nothing was recorded. */
  get max(): number {
    return this.#max;
  }

  /** In milliseconds, at most 2 % (or 1 us) above the true value; `fraction` from 0 to 1. */
  percentile(fraction: number): number {
    const rank = Math.ceil(fraction * this.#total);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen > 0 && seen >= rank) return Math.min(this.#max, Math.exp(bucket * GROWTH) / 1000);
    }
    return 0;
  }
}
