/**
 * Lines as SVG paths, with no more points than can be seen: of all points in a column of pixels the first, the last and
 * those between them that are lowest and highest (U. Jugel and others, M4, VLDB 2014). The picture is the same to the
 * pixel, whatever the number of rows.
 */

/** Coordinates are written in tenths of a pixel, relative to the point before. */
class PathText {
  text = '';
  #x = 0;
  #y = 0;

  moveTo(x: number, y: number): void {
    this.#x = tenths(x);
    this.#y = tenths(y);
    this.text += `M${written(this.#x)},${written(this.#y)}`;
  }

  lineTo(x: number, y: number): void {
    const dx = tenths(x) - this.#x;
    const dy = tenths(y) - this.#y;
    if (dx === 0 && dy === 0) return;
    if (dy === 0) this.text += `h${written(dx)}`;
    else if (dx === 0) this.text += `v${written(dy)}`;
    else this.text += `l${written(dx)},${written(dy)}`;
    this.#x += dx;
    this.#y += dy;
  }

  /** A dot, with round ends of lines. */
  dot(): void {
    this.text += 'h0';
  }
}

function tenths(coordinate: number): number {
  return Math.round(coordinate * 10);
}

function written(inTenths: number): string {
  return String(inTenths / 10);
}

export interface LineOptions {
  /** From rows and values to pixels. */
  readonly x: (row: number) => number;
  readonly y: (value: number) => number;
  /** The value holds until the next one. */
  readonly steps: boolean;
}

/** Where there is no finite value, the line has a gap. */
export function linePath(values: Float64Array, { x, y, steps }: LineOptions): string {
  const path = new PathText();
  /** Rows of the present column of pixels; -1: none. */
  let first = -1;
  let last = -1;
  let lowest = -1;
  let highest = -1;
  let pixel = 0;
  let isFirstOfLine = true;
  let points = 0;

  const add = (row: number) => {
    const [px, py] = [x(row), y(values[row]!)];
    if (isFirstOfLine) path.moveTo(px, py);
    else {
      if (steps) path.lineTo(px, y(values[before]!));
      path.lineTo(px, py);
    }
    isFirstOfLine = false;
    before = row;
    points += 1;
  };
  let before = 0;
  const endPixel = () => {
    if (first < 0) return;
    for (const row of [...new Set([first, lowest, highest, last])].sort((a, b) => a - b)) add(row);
    first = -1;
  };
  const endLine = () => {
    endPixel();
    if (points === 1) path.dot();
    points = 0;
    isFirstOfLine = true;
  };
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    if (!Number.isFinite(value)) {
      endLine();
      continue;
    }
    const at = Math.floor(x(row));
    if (first < 0 || at !== pixel) {
      endPixel();
      first = row;
      lowest = row;
      highest = row;
      pixel = at;
    }
    last = row;
    if (value < values[lowest]!) lowest = row;
    if (value > values[highest]!) highest = row;
  }
  endLine();
  return path.text;
}

/** Dots where rows are so few that it shows where they are. */
export function dotsPath(values: Float64Array, { x, y }: LineOptions): string {
  const path = new PathText();
  values.forEach((value, row) => {
    if (!Number.isFinite(value)) return;
    path.moveTo(x(row), y(value));
    path.dot();
  });
  return path.text;
}

/** A stretch of rows with the same value, from pixel to pixel. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** NaN: several, too short to be told apart. */
  readonly value: number;
}

/** What is shorter than this cannot be seen, pixels. */
const SHORTEST = 0.5;

/** Each value holds until the next row; the last one to `end`. Without a value there is no span. */
export function spansOf(values: Float64Array, x: (row: number) => number, end: number): Span[] {
  const spans: Span[] = [];
  let row = 0;
  while (row < values.length) {
    const value = values[row]!;
    const from = x(row);
    do row += 1;
    while (row < values.length && values[row] === value);
    const to = row < values.length ? x(row) : end;
    if (Number.isNaN(value)) continue;
    const before = spans.at(-1);
    const isShort = to - from < SHORTEST;
    // Short ones are gathered until they can be seen.
    if (before !== undefined && before.to === from && isShort && before.to - before.from < SHORTEST) {
      spans[spans.length - 1] = { from: before.from, to, value: before.value === value ? value : Number.NaN };
    } else if (before !== undefined && before.to === from && isShort && Number.isNaN(before.value)) {
      spans[spans.length - 1] = { ...before, to };
    } else spans.push({ from, to, value });
  }
  return spans;
}
