/** Median, 99th percentile and maximum of a series; all 0 when it is empty. */
export interface Summary {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

export function summarise(values: Iterable<number>): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return { median: at(0.5), p99: at(0.99), max: sorted[sorted.length - 1] ?? 0 };
}

export function scale({ median, p99, max }: Summary, factor: number): Summary {
  return { median: median * factor, p99: p99 * factor, max: max * factor };
}
