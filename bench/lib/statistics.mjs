/** A row of the report. Throws when the samples are not what a measurement gives: no row is better than a wrong one. */
export function summarise(id, unit, samples) {
  if (samples.length === 0) throw new Error(`${id}: nothing was measured`);
  if (!samples.every(Number.isFinite)) throw new Error(`${id}: a sample is no number`);
  const sorted = Float64Array.from(samples).sort();
  return { id, unit, min: sorted[0], median: middle(sorted), p99: quantile(sorted, 0.99), max: sorted.at(-1) };
}

const quantile = (sorted, q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]; // nearest rank
const middle = (sorted) => (quantile(sorted, 0.5) + sorted[Math.floor(sorted.length / 2)]) / 2;

export const median = (samples) => middle(Float64Array.from(samples).sort());

/** Four significant digits tell all that a repetition would confirm. */
export function rounded(value) {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
