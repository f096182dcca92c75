/** The picture: panels below one another over the same time, as SVG that follows the viewer's light or dark scheme. */
import { type Panel, panelsOf } from './panels.js';
import { dotsPath, type LineOptions, linePath, type Span, spansOf } from './paths.js';
import { dashOf, PALETTE_SIZE, styleSheet } from './style.js';
import type { PlotColumn, PlotTable } from './table.js';
import { fitted, textWidth } from './text-width.js';
import { powerOfTen, type Ticks, ticksBetween } from './ticks.js';

export interface PictureOptions {
  readonly title?: string;
  /** Below the title. */
  readonly subtitle?: string;
  /** Pixels. */
  readonly width?: number;
  /** Pixels; default: as the panels need. */
  readonly height?: number;
  /** Ends of the time axis, s; default: those of the rows. */
  readonly from?: number;
  readonly to?: number;
}

export interface Picture {
  readonly svg: string;
  readonly panels: readonly Panel[];
  readonly width: number;
  readonly height: number;
}

const DEFAULT_WIDTH = 960;
const LINES_HEIGHT = 150;
const LEAST_LINES_HEIGHT = 60;
const LANE_HEIGHT = 34;
const LANE_BAR = 14;
const GAP = 18;
const MARGIN = { top: 18, right: 22, bottom: 30 } as const;
const FONT = { title: 16, subtitle: 12, legend: 12, tick: 11 } as const;
const LEGEND_ROW = 19;
const SWATCH = 16;
/** So few rows that each may be seen. */
const FEW_ROWS = 60;

export function drawPicture(table: PlotTable, options: PictureOptions = {}): Picture {
  const panels = panelsOf(table.columns);
  const width = options.width ?? DEFAULT_WIDTH;
  const time = timeRange(table, options);

  // Labels of the panels decide how wide the margin is, and that decides how the legends wrap.
  const ticksOf = (panel: Panel, height: number) => (panel.kind === 'lines' ? valueTicks(panel, height) : undefined);
  const widest = Math.max(
    ...panels.map((panel) => {
      const ticks = ticksOf(panel, LINES_HEIGHT);
      return Math.max(
        0,
        ...(ticks?.labels ?? []).map((label) => textWidth(label, FONT.tick)),
        panel.kind === 'lines' ? textWidth(axisName(panel.unit, ticks?.exponent ?? 0), FONT.tick) : 0,
      );
    }),
  );
  const left = Math.ceil(Math.max(34, widest + 20));
  const right = width - MARGIN.right;
  const heading = (options.title ? 24 : 0) + (options.subtitle ? 18 : 0);
  const top = MARGIN.top + heading;

  const legends = panels.map((panel) => (panel.kind === 'lines' ? layOutLegend(panel.columns, left, right) : []));
  const fixed = panels.reduce(
    (sum, panel, i) =>
      sum + GAP + (panel.kind === 'lanes' ? panel.columns.length * LANE_HEIGHT : legendHeight(legends[i]!)),
    top + MARGIN.bottom,
  );
  const lines = panels.filter(({ kind }) => kind === 'lines').length;
  const linesHeight =
    options.height === undefined || lines === 0
      ? LINES_HEIGHT
      : Math.max(LEAST_LINES_HEIGHT, Math.floor((options.height - fixed) / lines));
  const height = Math.max(options.height ?? 0, fixed + lines * linesHeight);

  const x = scale(time.min, time.max, left, right);
  const xOfRow = (row: number) => x(table.time[row]!);
  const timeTicks = ticksBetween(time.min, time.max, Math.max(2, (right - left) / 95));

  const parts: string[] = [];
  let y = top;
  /** Colours go on from panel to panel: lines of one colour are not thought to belong together. */
  let colour = 0;
  panels.forEach((panel, i) => {
    const isLast = i === panels.length - 1;
    const legend = legends[i]!;
    const frame = {
      left,
      right,
      top: y + (panel.kind === 'lines' ? legendHeight(legend) : 0),
      bottom: 0,
    };
    frame.bottom = frame.top + (panel.kind === 'lines' ? linesHeight : panel.columns.length * LANE_HEIGHT);
    parts.push(timeGrid(timeTicks, x, frame));
    if (panel.kind === 'lines') {
      parts.push(
        drawLegend(legend, y, colour),
        drawLines(panel, frame, valueTicks(panel, linesHeight), xOfRow, colour),
      );
    } else {
      parts.push(drawLanes(panel.columns, frame, xOfRow, colour));
    }
    colour += panel.columns.length;
    if (isLast) parts.push(timeAxis(timeTicks, x, frame, panel.kind === 'lines'));
    y = frame.bottom + GAP;
  });

  const description = `${table.columns.map(({ name }) => name).join(', ')} over time`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escapeXml(options.title ?? 'Results')}</title>
<desc id="desc">${escapeXml(description)}</desc>
<style>${styleSheet()}</style>
<rect class="background" width="${width}" height="${height}"/>
${drawHeading(options, left, right)}${parts.join('\n')}
</svg>
`;
  return { svg, panels, width, height };
}

/* -- Axes ----------------------------------------------------------------------------------------------------------- */

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function scale(min: number, max: number, from: number, to: number): (value: number) => number {
  const factor = (to - from) / (max - min);
  return (value) => from + (value - min) * factor;
}

function timeRange({ time }: PlotTable, { from, to }: PictureOptions): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const each of time) {
    if (each < min) min = each;
    if (each > max) max = each;
  }
  min = from ?? min;
  max = to ?? max;
  return max > min ? { min, max } : { min: min - 0.5, max: min + 0.5 };
}

type Lines = Extract<Panel, { kind: 'lines' }>;

/** With some room above and below; a constant lies in the middle. */
function valueRange({ min, max }: Lines): { min: number; max: number } {
  const half = max > min ? 0.06 * (max - min) : Math.abs(max) * 0.1 || 1;
  return { min: min - half, max: max + half };
}

function valueTicks(panel: Lines, height: number): Ticks {
  const { min, max } = valueRange(panel);
  const ticks = ticksBetween(min, max, Math.max(2, height / 38));
  const areWhole = panel.columns.every(({ kind }) => kind === 'integer');
  if (!areWhole || ticks.exponent !== 0) return ticks;
  // Between whole numbers there is nothing.
  const kept = ticks.values.flatMap((value, i) => (Number.isInteger(value) ? [i] : []));
  const label = (i: number) => ticks.labels[i]!.replace(/\.0+$/, '');
  return { exponent: 0, values: kept.map((i) => ticks.values[i]!), labels: kept.map(label) };
}

/** `10³ m/s` */
function axisName(unit: string | undefined, exponent: number): string {
  const power = exponent === 0 ? '' : `×${powerOfTen(exponent)}`;
  return [power, unit].filter(Boolean).join(' ');
}

function timeGrid({ values }: Ticks, x: (time: number) => number, { top, bottom }: Frame): string {
  return `<path class="grid" d="${values.map((time) => `M${sharp(x(time))},${top}V${bottom}`).join('')}"/>`;
}

function timeAxis(
  { values, labels, exponent }: Ticks,
  x: (time: number) => number,
  { left, right, bottom }: Frame,
  hasLine: boolean,
): string {
  const ticks = values.map((time, i) => text(x(time), bottom + 16, labels[i]!, 'tick middle'));
  const line = hasLine ? `<path class="axis" d="M${left},${sharp(bottom)}H${right}"/>` : '';
  return `${line}${ticks.join('')}
${text((left + right) / 2, bottom + 34, `time [${axisName('s', exponent)}]`, 'tick middle')}`;
}

function drawHeading({ title, subtitle }: PictureOptions, left: number, right: number): string {
  const lines: string[] = [];
  const width = right - left;
  if (title) lines.push(text(left, MARGIN.top + 12, fitted(title, width, FONT.title), 'title'));
  if (subtitle) {
    const y = MARGIN.top + (title ? 31 : 10);
    lines.push(text(left, y, fitted(subtitle, width, FONT.subtitle), 'subtitle'));
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/* -- Lines ---------------------------------------------------------------------------------------------------------- */

interface LegendEntry {
  readonly name: string;
  readonly index: number;
  readonly x: number;
  readonly row: number;
}

function layOutLegend(columns: readonly PlotColumn[], left: number, right: number): LegendEntry[] {
  let x = left;
  let row = 0;
  return columns.map(({ name }, index) => {
    const shown = fitted(name, right - left - SWATCH - 6, FONT.legend);
    const width = SWATCH + 6 + textWidth(shown, FONT.legend);
    if (x + width > right && x > left) {
      x = left;
      row += 1;
    }
    const entry = { name: shown, index, x, row };
    x += width + 18;
    return entry;
  });
}

function legendHeight(legend: readonly LegendEntry[]): number {
  return legend.length === 0 ? 0 : (legend.at(-1)!.row + 1) * LEGEND_ROW + 5;
}

function drawLegend(legend: readonly LegendEntry[], top: number, colour: number): string {
  return legend
    .map(({ name, index, x, row }) => {
      const y = top + row * LEGEND_ROW + 10;
      const swatch = `<path class="line ${seriesClass(colour + index)}"${dashAttribute(index)} d="M${pixels(x)},${y}h${SWATCH}"/>`;
      return swatch + text(x + SWATCH + 6, y + 4, name, 'legend');
    })
    .join('');
}

function drawLines(panel: Lines, frame: Frame, ticks: Ticks, x: (row: number) => number, colour: number): string {
  const { left, right, top, bottom } = frame;
  const { min, max } = valueRange(panel);
  const y = scale(min, max, bottom, top);
  const grid = ticks.values.map((value) => `M${left},${sharp(y(value))}H${right}`).join('');
  const labels = ticks.values.map((value, i) => text(left - 8, y(value) + 4, ticks.labels[i]!, 'tick end'));
  const zero = min < 0 && max > 0 ? `<path class="zero" d="M${left},${sharp(y(0))}H${right}"/>` : '';
  const name = axisName(panel.unit, ticks.exponent);
  const unit = name === '' ? '' : text(left - 8, top - 10, name, 'unit end');
  const lines = panel.columns.map((column, index) => {
    const options: LineOptions = { x, y, steps: column.kind === 'integer' };
    const line = linePath(column.values, options);
    const tooltip = `<title>${escapeXml(column.name)}</title>`;
    const path = `<path class="line ${seriesClass(colour + index)}"${dashAttribute(index)} d="${line}">${tooltip}</path>`;
    const dots = column.values.length > FEW_ROWS ? '' : dotsPath(column.values, options);
    return dots === '' ? path : `${path}<path class="dots ${seriesClass(colour + index)}" d="${dots}"/>`;
  });
  return `<path class="grid" d="${grid}"/>${zero}
${labels.join('')}${unit}
${lines.join('\n')}
<path class="axis" d="M${sharp(left)},${top}V${bottom}"/>`;
}

function seriesClass(index: number): string {
  return `s${index % PALETTE_SIZE}`;
}

function dashAttribute(index: number): string {
  const dash = dashOf(index);
  return dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
}

/* -- Lanes ---------------------------------------------------------------------------------------------------------- */

function drawLanes(columns: readonly PlotColumn[], frame: Frame, x: (row: number) => number, colour: number): string {
  return columns
    .map((column, index) => {
      const bottom = frame.top + (index + 1) * LANE_HEIGHT - 2;
      const name = text(
        frame.left + 1,
        bottom - LANE_BAR - 5,
        fitted(column.name, frame.right - frame.left, FONT.tick),
        'lane',
      );
      const spans = spansOf(column.values, x, frame.right);
      const bar =
        column.kind === 'boolean' ? booleanBar(spans, colour + index, bottom) : textBar(spans, column.texts, bottom);
      return `<path class="axis" d="M${frame.left},${sharp(bottom)}H${frame.right}"/>${bar}${name}`;
    })
    .join('\n');
}

function booleanBar(spans: readonly Span[], index: number, bottom: number): string {
  const top = bottom - LANE_BAR;
  // Where it is neither true nor false for long, it is half of each.
  const boxes = (value: number) =>
    spans
      .filter((span) => Object.is(span.value, value))
      .map(({ from, to }) => `M${pixels(from)},${top}H${pixels(to)}V${bottom}H${pixels(from)}Z`)
      .join('');
  const on = boxes(1);
  const mixed = boxes(Number.NaN);
  return [
    on === '' ? '' : `<path class="bar f${index % PALETTE_SIZE}" d="${on}"/>`,
    mixed === '' ? '' : `<path class="bar mixed f${index % PALETTE_SIZE}" d="${mixed}"/>`,
  ].join('');
}

function textBar(spans: readonly Span[], texts: readonly string[], bottom: number): string {
  const top = bottom - LANE_BAR;
  const boxes = new Map<number, string>();
  const labels: string[] = [];
  for (const { from, to, value } of spans) {
    const box = `M${pixels(from)},${top}H${pixels(to)}V${bottom}H${pixels(from)}Z`;
    boxes.set(value, (boxes.get(value) ?? '') + box);
    const label = Number.isNaN(value) ? '' : fitted(texts[value]!, to - from - 8, FONT.tick);
    if (label !== '') labels.push(text(from + 4, bottom - 3.5, label, 'inlane'));
  }
  const paths = [...boxes].map(([value, d]) =>
    Number.isNaN(value)
      ? `<path class="band mixed f0" d="${d}"/>`
      : `<path class="band f${value % PALETTE_SIZE}" d="${d}"><title>${escapeXml(texts[value]!)}</title></path>`,
  );
  return paths.join('') + labels.join('');
}

/* -- Text ----------------------------------------------------------------------------------------------------------- */

function pixels(coordinate: number): string {
  return String(Math.round(coordinate * 10) / 10);
}

/** Where a line of one pixel covers one row of pixels. */
function sharp(coordinate: number): string {
  return String(Math.floor(coordinate) + 0.5);
}

function text(x: number, y: number, content: string, classes: string): string {
  return `<text class="${classes}" x="${pixels(x)}" y="${pixels(y)}">${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return (
    content
      .replace(/[&<>"]/g, (character) => entities[character]!)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 cannot hold
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  );
}
