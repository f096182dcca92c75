/**
 * Which columns share a panel: those of one unit and one type, as long as each of them can be told from a straight line
 * beside the others. Booleans and texts have lanes, all in one panel.
 */
import type { PlotColumn } from './table.js';

export type Panel =
  | {
      readonly kind: 'lines';
      readonly columns: readonly PlotColumn[];
      readonly unit?: string;
      /** Of all finite values; equal where there is but one. */
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'lanes'; readonly columns: readonly PlotColumn[] };

/** Of the panel's height, what each of its columns must take up. */
const LEAST_SHARE = 0.06;
/** More lines cannot be told apart. */
const MAX_LINES = 10;

export function panelsOf(columns: readonly PlotColumn[]): Panel[] {
  const lanes = columns.filter(isLane);
  const groups = new Map<string, PlotColumn[]>();
  for (const column of columns) {
    if (isLane(column)) continue;
    const key = JSON.stringify([column.unit ?? '', column.kind]);
    groups.set(key, [...(groups.get(key) ?? []), column]);
  }
  const panels: Panel[] = [...groups.values()].flatMap(byMagnitude);
  return lanes.length === 0 ? panels : [...panels, { kind: 'lanes', columns: lanes }];
}

function isLane({ kind }: PlotColumn): boolean {
  return kind === 'boolean' || kind === 'text';
}

interface Range {
  readonly min: number;
  readonly max: number;
}

interface Draft {
  readonly columns: PlotColumn[];
  range: Range;
}

function byMagnitude(columns: readonly PlotColumn[]): Panel[] {
  const ranges = new Map(columns.map((column) => [column, rangeOf(column.values)]));
  // The widest first, so that what is small beside it comes apart; in their order where they are alike.
  const widthOf = (column: PlotColumn) => ranges.get(column)!.max - ranges.get(column)!.min;
  const drafts: Draft[] = [];
  for (const column of [...columns].sort((a, b) => widthOf(b) - widthOf(a))) {
    const range = ranges.get(column)!;
    const draft = drafts.find((each) => each.columns.length < MAX_LINES && fits(each, range, ranges));
    if (draft === undefined) drafts.push({ columns: [column], range });
    else {
      draft.columns.push(column);
      draft.range = union(draft.range, range);
    }
  }
  const place = (column: PlotColumn) => columns.indexOf(column);
  for (const draft of drafts) draft.columns.sort((a, b) => place(a) - place(b));
  drafts.sort((a, b) => place(a.columns[0]!) - place(b.columns[0]!));
  const { unit } = columns[0]!;
  return drafts.map((draft) => ({
    kind: 'lines',
    columns: draft.columns,
    ...(unit !== undefined && { unit }),
    ...draft.range,
  }));
}

/** Constants take up nothing wherever they are: they must only leave room for the others. */
function fits(draft: Draft, range: Range, ranges: ReadonlyMap<PlotColumn, Range>): boolean {
  const all = union(draft.range, range);
  const height = all.max - all.min;
  const isVisible = ({ min, max }: Range) => max === min || max - min >= LEAST_SHARE * height;
  return isVisible(range) && draft.columns.every((column) => isVisible(ranges.get(column)!));
}

function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

/** Of the value: differences so small are of rounding, and would be all that is seen. */
const ROUNDING = 1e-12;

/** Of the finite values; 0 where there is none. */
export function rangeOf(values: Float64Array): Range {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max) return { min: 0, max: 0 };
  return max - min <= ROUNDING * Math.max(Math.abs(min), Math.abs(max)) ? { min, max: min } : { min, max };
}
