/** Rows as a table for people. */
import { rounded } from './statistics.mjs';

const COLUMNS = ['id', 'unit', 'min', 'median', 'p99', 'max', 'target'];

/** `targets`: by id, `{median: 0.5, p99: 10}` at most, or `{median: 30000, atLeast: true}`. */
export function table(rows, targets) {
  const lines = rows.map((row) => [
    row.id,
    row.unit,
    ...['min', 'median', 'p99', 'max'].map((key) =>
      rounded(row[key]).toLocaleString('en', { maximumFractionDigits: 3 }),
    ),
    describeTarget(row, targets.get(row.id)),
  ]);
  const widths = COLUMNS.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i].length)));
  const format = (cells) =>
    cells
      .map((cell, i) => (i >= 2 && i <= 5 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return `${[format(COLUMNS), ...lines.map(format)].join('\n')}\n`;
}

function describeTarget(row, target) {
  if (target === undefined) return '';
  const { atLeast = false, ...limits } = target;
  const met = Object.entries(limits).every(([key, limit]) => (atLeast ? row[key] >= limit : row[key] <= limit));
  const text = Object.entries(limits).map(
    ([key, limit]) => `${key} ${atLeast ? '>=' : '<='} ${limit.toLocaleString('en')}`,
  );
  return `${text.join(', ')}: ${met ? 'met' : 'MISSED'}`;
}
