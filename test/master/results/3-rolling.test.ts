import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type ResultColumn } from '#tb/master/results/index.js';
import type { RollSettings } from '#tb/system/index.js';
import { batchOf, type Cell } from './batch.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-rolling-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const columns: ResultColumn[] = [
  { name: 'a.x', kind: 'float', type: 'Float64' },
  { name: 'a.t', kind: 'text', type: 'String' },
];

/** Rows `step` apart, in batches of `batch`. Returns the sink, closed. */
async function record(
  roll: RollSettings,
  times: readonly number[],
  batch = 7,
  texts: (row: number) => string = String,
) {
  const sink = await openSink({ file: join(folder, 'results.csv'), format: 'csv', roll }, columns);
  const rows = times.map((time, i): Cell[] => [time, i, texts(i)]);
  for (let i = 0; i < rows.length; i += batch) sink.write(batchOf(columns, rows.slice(i, i + batch)));
  sink.close();
  return sink;
}

const times = (rows: number, step: number) => Array.from({ length: rows }, (_, i) => i * step);
/** Of each file the number of its first row and how many it has. */
const contents = (files: readonly string[]) =>
  files.map((file) => {
    const [header, ...rows] = readFileSync(file, 'utf8').trimEnd().split('\r\n');
    expect(header).toBe('time,a.x,a.t');
    const numbers = rows.map((row) => Number(row.split(',')[1]));
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    return [numbers[0], numbers.length];
  });
const names = () => readdirSync(folder).sort();

describe('results in several files', () => {
  it('are numbered from 1, oldest first', async () => {
    const { files } = await record({ rows: 10 }, times(25, 0.1));
    expect(files).toEqual(['1', '2', '3'].map((n) => join(folder, `results-00000${n}.csv`)));
    expect(names()).toEqual(['results-000001.csv', 'results-000002.csv', 'results-000003.csv']);
  });

  it.each([1, 7, 10, 100])('have so many rows each, in batches of %i', async (batch) => {
    expect(contents((await record({ rows: 10 }, times(25, 0.1), batch)).files)).toEqual([
      [0, 10],
      [10, 10],
      [20, 5],
    ]);
  });

  it('have no last one without a row', async () => {
    expect(contents((await record({ rows: 5 }, times(10, 0.1))).files)).toHaveLength(2);
  });

  it.each([1, 7, 100])('cover so much simulated time each, from the first row on, in batches of %i', async (batch) => {
    // 0.1 * 3 is more than 0.3, 0.7 / 0.1 is less than 7: binary fractions must not shift a row.
    const late = times(100, 0.1).map((time) => 5 + time);
    for (const all of [times(100, 0.1), late]) {
      expect(contents((await record({ seconds: 0.7 }, all, batch)).files).map(([, rows]) => rows)).toEqual([
        ...Array(14).fill(7),
        2,
      ]);
    }
  });

  it('are begun at a multiple of the time, also after a gap or with a step that does not divide it', async () => {
    expect(contents((await record({ seconds: 1 }, [0, 0.4, 0.8, 1.2, 1.6, 2, 5.5, 5.9, 6.3])).files)).toEqual([
      [0, 3],
      [3, 2],
      [5, 1],
      [6, 2],
      [8, 1],
    ]);
  });

  it.each([1, 50, 100_000])('have about so many bytes each, whatever the rows, in batches of %i', async (batch) => {
    const growing = (row: number) => 'x'.repeat(row / 100);
    const { files } = await record({ bytes: 20_000 }, times(10_000, 0.01), batch, growing);
    expect(contents(files).reduce((sum, [, rows]) => sum + rows!, 0)).toBe(10_000);
    for (const file of files.slice(0, -1)) {
      expect(statSync(file).size).toBeLessThan(20_400);
      expect(statSync(file).size).toBeGreaterThan(19_600);
    }
  });

  it('are begun at the first of several limits', async () => {
    expect(contents((await record({ rows: 6, seconds: 1, bytes: 1e9 }, times(20, 0.1))).files)).toEqual([
      [0, 6],
      [6, 4],
      [10, 6],
      [16, 4],
    ]);
  });

  it('have at least a row each, however narrow the limits', async () => {
    expect(contents((await record({ bytes: 1 }, times(4, 1))).files)).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it('are deleted but for the newest', async () => {
    const { files } = await record({ rows: 3, keep: 2 }, times(20, 1));
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual(names());
    expect(names()).toEqual(['results-000006.csv', 'results-000007.csv']);
    expect(contents(files)).toEqual([
      [15, 3],
      [18, 2],
    ]);
  });

  it('take the place of those of an earlier run, and of nothing else', async () => {
    await record({ rows: 1 }, times(8, 1));
    const others = ['results.csv', 'results-1.csv', 'results-0000001x.csv', 'results-000001.parquet', 'x-000001.csv'];
    for (const other of others) writeFileSync(join(folder, other), '');
    await record({ rows: 4 }, times(8, 1));
    expect(names()).toEqual([...others, 'results-000001.csv', 'results-000002.csv'].sort());
  });

  it('are one file where no limit is set', async () => {
    const sink = await openSink({ file: join(folder, 'results.csv'), format: 'csv' }, columns);
    sink.write(batchOf(columns, [[0, 0, '']]));
    sink.flush();
    sink.close();
    expect(sink.files).toEqual([join(folder, 'results.csv')]);
    expect(names()).toEqual(['results.csv']);
  });

  it('that cannot be begun end the run, with what was written before', async () => {
    mkdirSync(join(folder, 'results-000002.csv', 'in the way'), { recursive: true });
    await expect(record({ rows: 3 }, times(20, 1))).rejects.toThrow(
      expect.objectContaining({ code: 'TB_MASTER_RESULTS' }),
    );
    rmSync(join(folder, 'results-000002.csv'), { recursive: true });
    expect(existsSync(join(folder, 'results-000001.csv'))).toBe(false);

    const sink = await openSink({ file: join(folder, 'results.csv'), format: 'csv', roll: { rows: 3 } }, columns);
    mkdirSync(join(folder, 'results-000002.csv'));
    const rows = times(20, 1).map((time, i): Cell[] => [time, i, '']);
    expect(() => sink.write(batchOf(columns, rows))).toThrow(/results-000002\.csv/);
    sink.close();
    expect(contents([join(folder, 'results-000001.csv')])).toEqual([[0, 3]]);
  });
});
