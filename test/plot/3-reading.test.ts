import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSink, type ResultColumn } from '#tb/master/results/index.js';
import { readResults, type TableSelection } from '#tb/plot/index.js';
import { batchOf, type Cell } from '../master/results/batch.js';

const folder = mkdtempSync(join(tmpdir(), 'tb-plot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const COLUMNS: ResultColumn[] = [
  { name: 'robot.x', kind: 'float', type: 'Float64', unit: 'm' },
  { name: 'robot.q[0]', kind: 'float', type: 'Float64', unit: 'rad' },
  { name: 'robot.q[1]', kind: 'float', type: 'Float64', unit: 'rad' },
  { name: 'robot.n', kind: 'integer', type: 'Int32' },
  { name: 'monitor.stop', kind: 'boolean', type: 'Boolean' },
  { name: 'monitor.mode', kind: 'text', type: 'String' },
];
const ROWS: Cell[][] = [
  [0, 1.5, 0.1, -0.1, 3, false, 'go'],
  [0.5, Number.NaN, 0.2, -0.2, 4, true, 'a "stop", now'],
  [1, -2, 0.3, -0.3, 5, true, 'go'],
];

async function written(name: string, roll?: { rows: number }): Promise<readonly string[]> {
  const format = name.split('.').at(-1) as 'csv' | 'parquet' | 'mcap';
  const recording = { file: join(folder, name), format, ...(roll && { roll }) };
  const sink = await openSink(recording, COLUMNS, { components: ['robot', 'monitor'] });
  sink.write(batchOf(COLUMNS, ROWS));
  sink.close();
  return sink.files;
}

async function read(files: readonly string[], selection: TableSelection = {}) {
  const { time, columns } = await readResults(files, selection);
  return {
    time: [...time],
    columns: columns.map(({ name, kind, unit, values, texts }) => [name, kind, unit, [...values], texts]),
  };
}

const expected = (units: boolean) => ({
  time: [0, 0.5, 1],
  columns: [
    ['robot.x', 'real', units ? 'm' : undefined, [1.5, Number.NaN, -2], []],
    ['robot.q[0]', 'real', units ? 'rad' : undefined, [0.1, 0.2, 0.3], []],
    ['robot.q[1]', 'real', units ? 'rad' : undefined, [-0.1, -0.2, -0.3], []],
    ['robot.n', 'integer', undefined, [3, 4, 5], []],
    ['monitor.stop', 'boolean', undefined, [0, 1, 1], []],
    ['monitor.mode', 'text', undefined, [0, 1, 0], ['go', 'a "stop", now']],
  ],
});

describe('results are read', () => {
  it.each([
    ['results.csv', false],
    ['results.parquet', true],
    ['results.mcap', true],
  ])('from %s', async (name, units) => {
    expect(await read(await written(name))).toEqual(expected(units));
  });

  it.each(['csv', 'parquet', 'mcap'])(
    'from several files of one run, in whatever order they are named: %s',
    async (format) => {
      const files = await written(`rolled.${format}`, { rows: 1 });
      expect(files).toHaveLength(3);
      expect(await read([...files].reverse())).toEqual(expected(format !== 'csv'));
    },
  );

  it.each(['csv', 'parquet', 'mcap'])('as far as they are wanted: %s', async (format) => {
    const files = await written(`chosen.${format}`);
    const chosen = await read(files, { variables: ['monitor.*', 'robot.q[1]', '*.mode'], from: 0.5, to: 0.9 });
    expect(chosen.time).toEqual([0.5]);
    expect(chosen.columns.map(([name, , , values]) => [name, values])).toEqual([
      ['monitor.stop', [1]],
      ['monitor.mode', [0]],
      ['robot.q[1]', [-0.2]],
    ]);
  });

  it('from CSV of others: units in the header, empty cells, whatever is in a column', async () => {
    const file = join(folder, 'others.csv');
    writeFileSync(
      file,
      'Time,v [m/s],"q [1]",n,mixed,flag,late\n0,1e3,7,1,1,True,\n1,,8,2.5,two,False,5\n2,-inf,9,3,true,,6\n3,0x,9,3\n',
    );
    expect(await read([file])).toEqual({
      time: [0, 1, 2],
      columns: [
        ['v', 'real', 'm/s', [1000, Number.NaN, Number.NEGATIVE_INFINITY], []],
        ['q', 'integer', '1', [7, 8, 9], []],
        ['n', 'real', undefined, [1, 2.5, 3], []],
        ['mixed', 'text', undefined, [0, 1, 2], ['1', 'two', 'true']],
        ['flag', 'boolean', undefined, [1, 0, Number.NaN], []],
        ['late', 'integer', undefined, [Number.NaN, 5, 6], []],
      ],
    });
  });

  it('without columns of which nothing could be shown: bytes, and texts that are all different', async () => {
    const file = join(folder, 'texts.csv');
    const rows = Array.from({ length: 1000 }, (_, i) => `${i},message ${i},${i}`);
    writeFileSync(file, `time,text,n\n${rows.join('\n')}\n`);
    expect((await read([file])).columns.map(([name]) => name)).toEqual(['n']);
  });
});

describe('results that cannot be read', () => {
  const refused = (message: RegExp, more = {}) =>
    expect.objectContaining({ exitCode: 3, message: expect.stringMatching(message), ...more });

  it('because there is no such file', async () => {
    await expect(read([join(folder, 'nothing.csv')])).rejects.toEqual(refused(/no such file/));
  });

  it('because there is no such variable', async () => {
    const files = await written('names.csv');
    await expect(read(files, { variables: ['robot.y'] })).rejects.toEqual(
      refused(/no variable in .*names\.csv is named 'robot\.y' \(did you mean 'robot\.[xn]'\?\)/, {
        remedy: expect.stringContaining('robot.x, robot.q[0]'),
      }),
    );
    await expect(read(files, { variables: ['arm.*'] })).rejects.toEqual(refused(/matches 'arm\.\*'/));
  });

  it('because there are no rows in the time', async () => {
    await expect(read(await written('time.csv'), { from: 5 })).rejects.toEqual(refused(/no row in the time asked for/));
  });

  it('because there is no time', async () => {
    const file = join(folder, 'notime.csv');
    writeFileSync(file, 'a,b\n1,2\nx,3\n');
    await expect(read([file])).rejects.toEqual(refused(/'x' is no time/, { location: { file, line: 3 } }));
    writeFileSync(file, '');
    await expect(read([file])).rejects.toEqual(refused(/is empty/));
  });

  it('because a row has too few cells, unless it is the last, which may be being written', async () => {
    const file = join(folder, 'ragged.csv');
    writeFileSync(file, 'time,a,b\n0,1,2\n1,2\n2,3,4\n');
    await expect(read([file])).rejects.toEqual(refused(/a row of 2 cells/, { location: { file, line: 3 } }));
    writeFileSync(file, 'time,a,b\n0,1,2\n1,2');
    expect((await read([file])).time).toEqual([0]);
  });

  it.each(['parquet', 'mcap'])('because the end of the file is missing: %s', async (format) => {
    const [file] = await written(`cut.${format}`);
    truncateSync(file!, readFileSync(file!).length - 20);
    await expect(read([file!])).rejects.toEqual(refused(/is no whole (Parquet|MCAP) file/));
  });

  it('because the files are of different runs', async () => {
    const [one] = await written('one.csv');
    const two = join(folder, 'two.csv');
    writeFileSync(two, 'time,robot.y\n9,1\n');
    await expect(read([one!, two])).rejects.toEqual(refused(/two\.csv has no column 'robot\.x'/));
  });
});
