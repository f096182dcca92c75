/** Rows as a table for people. */
import { rounded } from './statistics.mjs';

/** `targets`: by id, `{median: 0.5, p99: 10}` at most, or `{median: 30000, atLeast: true}`. */
export function table(rows, targets) {
  const figures = ['min', 'median', 'p99', 'max', 'ratio'].filter((key) => rows.some((row) => row[key] !== undefined));
  const columns = ['id', 'unit', ...figures, 'target'];
  const lines = rows.map((row) => [
    row.id,
    row.unit,
    ...figures.map((key) => describeFigure(row[key])),
    describeTarget(row, targets.get(row.id)),
  ]);
  const widths = columns.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i].length)));
  const format = (cells) =>
    cells
      .map((cell, i) => (figures.includes(columns[i]) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return `${[format(columns), ...lines.map(format)].join('\n')}\n`;
}

function describeFigure(value) {
  return value === undefined ? '' : rounded(value).toLocaleString('en', { maximumFractionDigits: 3 });
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
