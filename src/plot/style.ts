/**
 * Colours and fonts. The palette is Okabe and Ito's, which those see apart who do not see all colours, darker on white and
 * lighter on black. Colours stand in rules of their own, not in custom properties, which some converters do not know.
 */

interface Scheme {
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly axis: string;
  readonly zero: string;
  readonly series: readonly string[];
}

export const LIGHT: Scheme = {
  background: '#ffffff',
  text: '#1c2530',
  muted: '#64707d',
  grid: '#e9ecf0',
  axis: '#b4bcc6',
  zero: '#c9cfd6',
  series: ['#0068ad', '#d1500a', '#00875f', '#b8528f', '#c78500', '#2f9bd6', '#6a51a3', '#7a6a4f'],
};

export const DARK: Scheme = {
  background: '#12161c',
  text: '#e6ebf1',
  muted: '#98a3b0',
  grid: '#222932',
  axis: '#4b5663',
  zero: '#3a444f',
  series: ['#4aa8ec', '#ff8a4c', '#2fc394', '#ec8cc6', '#f2b53c', '#86d0fa', '#ab94e6', '#c4b394'],
};

export const PALETTE_SIZE: number = LIGHT.series.length;

/** Lines that have a colour once more are dashed. */
export function dashOf(index: number): string | undefined {
  return [undefined, '6 3', '2 3'][Math.floor(index / PALETTE_SIZE) % 3];
}

const FIXED = `text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:11px}
.title{font-size:16px;font-weight:600}.subtitle,.legend{font-size:12px}.unit{font-style:italic}
.middle{text-anchor:middle}.end{text-anchor:end}
path{fill:none}.grid,.axis,.zero{stroke-width:1}
.line{stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}.dots{stroke-width:4;stroke-linecap:round}
.bar{stroke:none;fill-opacity:.85}.band{stroke:none;fill-opacity:.3}.mixed{fill-opacity:.45}`;

export function styleSheet(): string {
  return `${FIXED}
${colours(LIGHT)}
@media(prefers-color-scheme:dark){${colours(DARK)}}`;
}

function colours({ background, text, muted, grid, axis, zero, series }: Scheme): string {
  return [
    `.background{fill:${background}}text{fill:${text}}.tick,.subtitle,.unit,.lane{fill:${muted}}`,
    `.grid{stroke:${grid}}.axis{stroke:${axis}}.zero{stroke:${zero}}`,
    ...series.map((colour, i) => `.s${i}{stroke:${colour}}.f${i}{fill:${colour}}`),
  ].join('');
}
