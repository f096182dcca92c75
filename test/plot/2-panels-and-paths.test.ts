import { describe, expect, it } from 'vitest';
import { panelsOf } from '#tb/plot/panels.js';
import { linePath, spansOf } from '#tb/plot/paths.js';
import type { PlotColumn, PlotKind } from '#tb/plot/table.js';

const column = (name: string, values: readonly number[], kind: PlotKind = 'real', unit?: string): PlotColumn => ({
  name,
  kind,
  ...(unit !== undefined && { unit }),
  values: Float64Array.from(values),
  texts: [],
});
const groups = (...columns: PlotColumn[]) => panelsOf(columns).map((panel) => panel.columns.map(({ name }) => name));

describe('a panel', () => {
  it('is shared by lines of one unit and of alike size', () => {
    expect(groups(column('a', [0, 1]), column('b', [-1, 0.5]), column('c', [0.2, 0.4]))).toEqual([['a', 'b', 'c']]);
  });

  it('is another one for another unit or type', () => {
    expect(
      groups(
        column('x', [0, 1], 'real', 'm'),
        column('n', [0, 1], 'integer'),
        column('v', [0, 1], 'real', 'm/s'),
        column('y', [0, 1], 'real', 'm'),
        column('m', [0, 1], 'integer'),
      ),
    ).toEqual([['x', 'y'], ['n', 'm'], ['v']]);
  });

  it('is another one for what would be a straight line beside the others', () => {
    expect(groups(column('small', [0, 1]), column('big', [0, 100]), column('bigger', [-100, 500]))).toEqual([
      ['small'],
      ['big', 'bigger'],
    ]);
    // Each of them is high enough, but they are far apart.
    expect(groups(column('low', [0, 1]), column('high', [1000, 1001]))).toEqual([['low'], ['high']]);
  });

  it('takes constants in as long as they leave room for the others', () => {
    expect(groups(column('a', [0, 1]), column('zero', [0, 0]), column('far', [1e6, 1e6]))).toEqual([
      ['a', 'zero'],
      ['far'],
    ]);
  });

  it('looks at finite values only, and knows its range', () => {
    const [panel] = panelsOf([
      column('a', [Number.NaN, 1, Number.POSITIVE_INFINITY, 3]),
      column('none', [Number.NaN, Number.NaN, Number.NaN, Number.NaN]),
    ]);
    expect(panel).toMatchObject({ min: 0, max: 3, columns: { length: 2 } });
  });

  it('of lanes comes last: Booleans and texts', () => {
    const columns = [column('b', [0, 1], 'boolean'), column('x', [0, 1]), column('t', [0, 1], 'text')];
    expect(panelsOf(columns).map(({ kind }) => kind)).toEqual(['lines', 'lanes']);
    expect(groups(...columns)).toEqual([['x'], ['b', 't']]);
  });

  it('has at most ten lines', () => {
    const many = Array.from({ length: 23 }, (_, i) => column(`x${i}`, [0, 1]));
    expect(groups(...many).map(({ length }) => length)).toEqual([10, 10, 3]);
  });
});

/** The points of a path, and where a line begins. */
function pointsOf(path: string): [x: number, y: number, begins: boolean][] {
  const points: [number, number, boolean][] = [];
  let [x, y] = [0, 0];
  for (const [, command, text = ''] of path.matchAll(/([Mlhv])([^Mlhv]*)/g)) {
    const [first = 0, second = 0] = text.split(',').map(Number);
    if (command === 'M') [x, y] = [first, second];
    if (command === 'l') [x, y] = [x + first, y + second];
    if (command === 'h') x += first;
    if (command === 'v') y += first;
    points.push([Math.round(10 * x) / 10, Math.round(10 * y) / 10, command === 'M']);
  }
  return points;
}

describe('a line', () => {
  const plain = { x: (row: number) => 10 * row, y: (value: number) => 100 - value, steps: false };

  it('goes from point to point', () => {
    expect(linePath(Float64Array.of(0, 10, 10, 5.06), plain)).toBe('M0,100l10,-10h10l10,4.9');
  });

  it('goes in steps where values hold', () => {
    expect(linePath(Float64Array.of(0, 1, 1, 3), { ...plain, steps: true })).toBe('M0,100h10v-1h10h10v-2');
  });

  it('has gaps where there is no finite value, and a dot for a value between two gaps', () => {
    const values = Float64Array.of(Number.NaN, 1, 2, Number.NaN, 5, Number.POSITIVE_INFINITY, 3, 4, Number.NaN);
    expect(linePath(values, plain)).toBe('M10,99l10,-1M40,95h0M60,97l10,-1');
    expect(linePath(Float64Array.of(Number.NaN), plain)).toBe('');
    expect(linePath(new Float64Array(0), plain)).toBe('');
  });

  it('does not drift, however small the differences', () => {
    const values = Float64Array.from({ length: 1000 }, (_, row) => row * 0.033);
    const points = pointsOf(linePath(values, { ...plain, x: (row) => row * 1.0333 }));
    expect(points.at(-1)).toEqual([Math.round(999 * 10.333) / 10, Math.round(1000 - 999 * 0.33) / 10, false]);
  });

  it('of a million rows is drawn with few points, which have the extremes of every pixel', () => {
    const rows = 1_000_000;
    const width = 800;
    let state = 1;
    const values = Float64Array.from({ length: rows }, (_, row) => {
      state = (state * 48271) % 2147483647;
      return 50 * Math.sin(row / 30_000) + (state % 1000) / 100 + (row === 654_321 ? 40 : 0);
    });
    const x = (row: number) => (row * width) / rows;
    const path = linePath(values, { ...plain, x });
    expect(path.length).toBeLessThan(35_000);
    const points = pointsOf(path);
    expect(points.length).toBeLessThanOrEqual(4 * width);
    let wrong = 0;
    for (let pixel = 0; pixel < width; pixel++) {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let row = Math.ceil((pixel * rows) / width); row < ((pixel + 1) * rows) / width; row++) {
        low = Math.min(low, 100 - values[row]!);
        high = Math.max(high, 100 - values[row]!);
      }
      // Coordinates are rounded to tenths.
      const drawn = points.filter(([px]) => px >= pixel - 0.05 && px <= pixel + 1.05).map(([, py]) => py);
      const has = (value: number) => drawn.some((py) => Math.abs(py - value) <= 0.0501);
      if (!has(low) || !has(high)) wrong += 1;
    }
    expect(wrong).toBe(0);
  });
});

describe('a lane', () => {
  const x = (row: number) => 10 * row;

  it('has a stretch for each value that holds, up to the end', () => {
    expect(spansOf(Float64Array.of(0, 0, 1, 1, 0), x, 60)).toEqual([
      { from: 0, to: 20, value: 0 },
      { from: 20, to: 40, value: 1 },
      { from: 40, to: 60, value: 0 },
    ]);
  });

  it('has none where there is no value', () => {
    expect(spansOf(Float64Array.of(1, Number.NaN, Number.NaN, 2), x, 40)).toEqual([
      { from: 0, to: 10, value: 1 },
      { from: 30, to: 40, value: 2 },
    ]);
    expect(spansOf(new Float64Array(0), x, 40)).toEqual([]);
  });

  it('puts together what is too short to be seen', () => {
    const toggling = Float64Array.from({ length: 100_000 }, (_, row) => row % 2);
    const spans = spansOf(toggling, (row) => row / 100, 1000);
    expect(spans.length).toBeLessThan(2500);
    expect(spans.every(({ value }) => Number.isNaN(value))).toBe(true);
    const single = Float64Array.from({ length: 1000 }, (_, row) => (row === 500 ? 1 : 0));
    expect(spansOf(single, (row) => row / 100, 10)).toEqual([
      { from: 0, to: 5, value: 0 },
      { from: 5, to: 5.01, value: 1 },
      { from: 5.01, to: 10, value: 0 },
    ]);
  });
});
