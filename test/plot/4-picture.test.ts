import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { afterAll, describe, expect, it } from 'vitest';
import { drawPicture, type PlotColumn, type PlotTable } from '#tb/plot/index.js';
import { runCli } from '../support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'tb-plot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const real = (name: string, values: Float64Array, unit?: string): PlotColumn => ({
  name,
  kind: 'real',
  ...(unit !== undefined && { unit }),
  values,
  texts: [],
});

function table(rows: number): PlotTable {
  const time = Float64Array.from({ length: rows }, (_, i) => (i * 10) / rows);
  return {
    time,
    columns: [
      real('robot.x', time.map(Math.sin), 'm'),
      real(
        'robot.speed',
        time.map((t) => 1e6 * t),
        'm/s',
      ),
      { name: 'n', kind: 'integer', values: time.map(Math.floor), texts: [] },
      { name: 'stop', kind: 'boolean', values: time.map((t) => (t > 5 ? 1 : 0)), texts: [] },
      { name: 'mode', kind: 'text', values: time.map((t) => (t > 5 ? 1 : 0)), texts: ['go <1>', 'stop & wait'] },
    ],
  };
}

/** All elements of a name. */
function elements(svg: string, name: string): Record<string, string>[] {
  const parsed = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    textNodeName: 'content',
    trimValues: false,
  }).parse(svg);
  return [parsed.svg[name]].flat();
}
const texts = (svg: string) => elements(svg, 'text').map(({ content }) => String(content));

describe('a picture', () => {
  it('is well-formed SVG, needs nothing else, and knows light and dark', () => {
    const { svg, width, height } = drawPicture(table(1000), { title: 'A <title> & "more"\u0000', subtitle: 'below' });
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).toContain(`viewBox="0 0 ${width} ${height}"`);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg.match(/https?:[^"]*/g)).toEqual(['http://www.w3.org/2000/svg']);
    expect(svg).not.toMatch(/<script|<image|@import|url\(/);
    expect(texts(svg).slice(0, 2)).toEqual(['A <title> & "more"\ufffd', 'below']);
  });

  it('is the same each time', () => {
    expect(drawPicture(table(5000)).svg).toBe(drawPicture(table(5000)).svg);
  });

  it('is small, whatever the number of rows', () => {
    expect(drawPicture(table(1_000_000)).svg.length).toBeLessThan(60_000);
  });

  it('names variables, units, powers of ten and time', () => {
    const found = texts(drawPicture(table(100)).svg);
    expect(found).toEqual(
      expect.arrayContaining([
        'robot.x',
        'm',
        'robot.speed',
        '×10⁶ m/s',
        'n',
        'stop',
        'mode',
        'go <1>',
        'stop & wait',
        'time [s]',
      ]),
    );
  });

  it('draws whole numbers as steps, and Booleans and texts as lanes', () => {
    const { svg } = drawPicture(table(100));
    const paths = elements(svg, 'path');
    const steps = paths.find(({ title }) => title === 'n')!;
    expect(steps.d).toMatch(/^M[\d.,]+([hv]-?[\d.]+)+$/);
    const line = paths.find(({ title }) => title === 'robot.x')!;
    expect(line.d).toContain('l');
    expect(paths.filter((path) => path.class?.startsWith('bar'))).toHaveLength(1);
    expect(paths.filter((path) => path.class?.startsWith('band'))).toHaveLength(2);
  });

  it.each([
    ['one row', 1],
    ['few rows', 5],
  ])('of %s shows where they are', (_, rows) => {
    const dots = elements(drawPicture(table(rows)).svg, 'path').filter((path) => path.class?.startsWith('dots'));
    expect(dots.map(({ d }) => d!.match(/M/g)!.length)).toEqual([rows, rows, rows]);
  });

  it('of values that are not there, or all the same, is a picture still', () => {
    const time = Float64Array.of(0, 1, 2);
    const nothing = real('nothing', Float64Array.of(Number.NaN, Number.NaN, Number.NaN));
    const { svg } = drawPicture({ time, columns: [nothing, real('same', Float64Array.of(1e9, 1e9, 1e9))] });
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('lies within its own edges', () => {
    const { svg, width, height } = drawPicture(table(50), { width: 400, from: 0, to: 20 });
    for (const { d = '' } of elements(svg, 'path')) {
      for (const [, x, y] of d.matchAll(/M([\d.-]+),([\d.-]+)/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(0);
        expect(Number(x)).toBeLessThanOrEqual(width);
        expect(Number(y)).toBeGreaterThanOrEqual(0);
        expect(Number(y)).toBeLessThanOrEqual(height);
      }
    }
  });

  it('has the size that was asked for, if the panels can be seen then', () => {
    expect(drawPicture(table(50), { width: 700, height: 900 })).toMatchObject({ width: 700, height: 900 });
    expect(drawPicture(table(50), { height: 200 }).height).toBeGreaterThan(300);
  });
});

describe('twinbridge plot', () => {
  const results = join(folder, 'results.csv');
  writeFileSync(
    results,
    `time,a.x [m],a.on\n${Array.from({ length: 50 }, (_, i) => `${i / 10},${i * i},${i > 20}\n`).join('')}`,
  );

  it('draws beside the results', async () => {
    const { code, stdout, stderr } = await runCli(['plot', results]);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toBe(`${join(folder, 'results.svg')}: 2 variables, 50 rows, 0 to 4.9 s\n`);
    const svg = readFileSync(join(folder, 'results.svg'), 'utf8');
    expect(XMLValidator.validate(svg)).toBe(true);
    expect(texts(svg)).toEqual(expect.arrayContaining(['results.csv', 'a.x', 'a.on', 'm']));
  });

  it('draws what is asked for, to standard output', async () => {
    const args = ['--variables', 'a.o*', '--from', '1', '--to', '3', '--title', 'On', '--width', '500', '-o', '-'];
    const { code, stdout } = await runCli(['plot', results, ...args]);
    expect(code).toBe(0);
    expect(stdout).toContain('width="500"');
    expect(texts(stdout)).toEqual(expect.arrayContaining(['On', 'a.on', '1 variable, 21 rows, 1 to 3 s']));
    expect(texts(stdout)).not.toContain('a.x');
  });

  it('tells what it draws as JSON', async () => {
    const { code, stdout } = await runCli(['plot', results, '-o', '-', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      file: null,
      rows: 50,
      from: 0,
      to: 4.9,
      panels: [
        { unit: 'm', variables: [{ name: 'a.x', kind: 'integer', min: 0, max: 2401, gaps: 0 }] },
        { variables: [{ name: 'a.on', kind: 'boolean', min: 0, max: 1, gaps: 0 }] },
      ],
      left: [],
    });
  });

  it('draws no more variables than can be seen, and says so', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `c.x${i}`);
    const wide = join(folder, 'wide.csv');
    writeFileSync(wide, `time,${names.join(',')}\n0,${names.map((_, i) => i).join(',')}\n`);
    const { code, stderr } = await runCli(['plot', wide]);
    expect(code).toBe(0);
    expect(stderr).toContain('40 more variables are not drawn: name those you want with --variables');
  });

  it.each([
    ['no such file', ['nothing.csv'], 3, /no such file/],
    [
      'no such variable',
      [results, '--variables', 'a.y'],
      3,
      /named 'a\.y' \(did you mean 'a\.x'\?\)\n {2}it has a\.x, a\.on/,
    ],
    ['no number', [results, '--from', 'early'], 2, /expected seconds/],
    ['a size too small', [results, '--width', '10'], 2, /pixels from 200/],
    ['nowhere to write', [results, '-o', join(folder, 'in-the-way')], 1, /cannot write .*in-the-way/],
  ])('fails for %s', async (_, args, expected, message) => {
    mkdirSync(join(folder, 'in-the-way'), { recursive: true });
    const { code, stderr } = await runCli(['plot', ...args]);
    expect(code).toBe(expected);
    expect(stderr).toMatch(message);
  });
});
