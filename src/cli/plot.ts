/** `twinbridge plot`: a picture of results. */
import { writeFile } from 'node:fs/promises';
import { basename, join, parse } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { drawPicture, type PlotColumn, PlotOutputError, type PlotTable, rangeOf, readResults } from '../plot/index.js';

interface PlotFlags {
  readonly output?: string;
  readonly variables?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly title?: string;
  readonly width?: number;
  readonly height?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  everything that was recorded, beside the results: results.svg
    $ twinbridge plot results.csv
  some of it, for a few seconds
    $ twinbridge plot results.parquet --variables 'robot.*' monitor.stop --from 2 --to 5 -o stop.svg
  the files of one run
    $ twinbridge plot results-*.csv --title 'A long night'
  what is drawn, without a file
    $ twinbridge plot results.csv -o - --json

Lines of one unit and of alike size share a panel; whole numbers are drawn as steps, Booleans and texts as lanes.
Units stand in Parquet and MCAP files, and in CSV files where a column is called 'speed [m/s]'.
The picture follows the light or dark scheme of who looks at it.
Exit codes: 0 drawn; 3 the results cannot be read, or have no such variable.`;

/** More lines make no picture: the others are to be named. */
const MAX_COLUMNS = 60;

export function registerPlot(program: Command): void {
  program
    .command('plot')
    .summary('draw results as a picture (SVG)')
    .description('Draws the results of a run, CSV, Parquet or MCAP, as a picture (SVG).')
    .argument('<file...>', 'results; several are of one run')
    .option('-o, --output <file>', "the picture; '-' for standard output (default: beside the results)")
    .option('--variables <names...>', "'component.variable'; * stands for any characters (default: all)")
    .option('--from <seconds>', 'first time that is shown', parseSeconds)
    .option('--to <seconds>', 'last time that is shown', parseSeconds)
    .option('--title <text>', 'title of the picture (default: name of the file)')
    .option('--width <pixels>', 'width (default: 960)', parsePixels)
    .option('--height <pixels>', 'height (default: what the panels need)', parsePixels)
    .option('--json', 'what is drawn as JSON on standard output')
    .addHelpText('after', EXAMPLES)
    .action(plot);
}

async function plot(files: readonly string[], flags: PlotFlags): Promise<void> {
  const { variables, from, to, title, width, height, json } = flags;
  const read = await readResults(files, pick({ variables, from, to }));
  const left = read.columns.slice(MAX_COLUMNS).map(({ name }) => name);
  const table = { ...read, columns: read.columns.slice(0, MAX_COLUMNS) };
  const picture = drawPicture(table, {
    title: title ?? basename(files[0]!),
    subtitle: describe(table),
    ...pick({ width, height, from, to }),
  });
  const output = flags.output ?? beside(files[0]!);
  if (output !== '-') await write(output, picture.svg);
  else if (!json) process.stdout.write(picture.svg);
  if (json) {
    const panels = picture.panels.map((panel) => ({
      ...(panel.kind === 'lines' && panel.unit !== undefined && { unit: panel.unit }),
      variables: panel.columns.map(summaryOf),
    }));
    const { min, max } = rangeOf(table.time);
    const file = output === '-' ? null : output;
    const told = { file, rows: table.time.length, from: min, to: max, panels, left };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  }
  if (left.length > 0) {
    process.stderr.write(`${left.length} more variables are not drawn: name those you want with --variables\n`);
  }
  if (output !== '-') process.stderr.write(`${output}: ${describe(table)}\n`);
}

/** Without what was not given. */
function pick<T extends object>(values: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}

function beside(file: string): string {
  const { dir, name } = parse(file);
  return join(dir, `${name}.svg`);
}

async function write(output: string, svg: string): Promise<void> {
  await writeFile(output, svg).catch((cause: Error) => {
    throw new PlotOutputError(`cannot write ${output}: ${cause.message}`, {
      cause,
      location: { file: output },
      remedy: 'name another file with --output',
    });
  });
}

function describe({ time, columns }: PlotTable): string {
  const { min, max } = rangeOf(time);
  const short = (value: number) => String(Number(value.toPrecision(6)));
  const variables = columns.length === 1 ? '1 variable' : `${columns.length} variables`;
  const rows = time.length === 1 ? '1 row' : `${time.length} rows`;
  return `${variables}, ${rows}, ${short(min)} to ${short(max)} s`;
}

function summaryOf({ name, kind, values, texts }: PlotColumn): object {
  const gaps = values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0);
  if (kind === 'text') return { name, kind, texts, gaps };
  return { name, kind, ...rangeOf(values), gaps };
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected seconds.');
  return value;
}

function parsePixels(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 200 || value > 20_000) {
    throw new InvalidArgumentError('expected a whole number of pixels from 200 to 20000.');
  }
  return value;
}
