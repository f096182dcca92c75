/** A row of the report. Throws when the samples are not what a measurement gives: no row is better than a wrong one. */
export function summarise(id, unit, samples) {
  if (samples.length === 0) throw new Error(`${id}: nothing was measured`);
  if (!samples.every(Number.isFinite)) throw new Error(`${id}: a sample is no number`);
  const sorted = Float64Array.from(samples).sort();
  const quantile = (q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]; // nearest rank
  const median = (quantile(0.5) + sorted[Math.floor(sorted.length / 2)]) / 2;
  return { id, unit, min: sorted[0], median, p99: quantile(0.99), max: sorted[sorted.length - 1] };
}

/** Four significant digits tell all that a repetition would confirm. */
export function rounded(value) {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
