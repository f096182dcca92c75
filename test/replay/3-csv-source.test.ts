import { describe, expect, it } from 'vitest';
import { parseColumns } from '#tb/replay/columns.js';
import { type CsvSourceOptions, csvSource } from '#tb/replay/csv-source.js';
import { readAll, temporaryFile } from './support.js';

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

const source = (text: string, options: Partial<CsvSourceOptions> = {}) =>
  csvSource({ file: 'a.csv', bytes: once(text), ...options });

const members = async (text: string, options: Partial<CsvSourceOptions> = {}) =>
  (await readAll(source(text, options))).rows.map((row) => row.members);

/** What ends the reading, as `line:column: message`. */
async function failure(text: string, options: Partial<CsvSourceOptions> = {}) {
  const error: unknown = await readAll(source(text, options)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error as { code: string; message: string; remedy: string; location: object; exitCode: number };
}

describe('rows become JSON members', () => {
  it('with the digits of the file, the types of the columns and no key for an empty cell', async () => {
    const text = 'timestamp,x,n,ok,name\n1,1.4220,9007199254740993,True,"a ""b"""\n2,,-1,false,\n3,2,,,z\n';
    expect(await members(text)).toEqual([
      '"x":1.4220,"n":9007199254740993,"ok":true,"name":"a \\"b\\""',
      '"n":-1,"ok":false',
      '"x":2,"name":"z"',
    ]);
  });

  it('of the columns asked for, in that order, under the keys asked for', async () => {
    const text = 'timestamp,tx,ty,tz\n1,10,20,30\n';
    expect(await members(text, { columns: parseColumns('y:=ty,tx') })).toEqual(['"y":20,"tx":10']);
    expect(await members(text, { columns: parseColumns('t:=timestamp') })).toEqual(['"t":1']);
  });

  it('a column without a name (the row numbers of pandas) is left out', async () => {
    expect(await members(',timestamp,x\n0,1,5\n')).toEqual(['"x":5']);
  });

  it('types can be declared', async () => {
    const text = 'timestamp,flag,id\n1,1,7\n';
    expect(await members(text, { types: { flag: 'Boolean', id: 'String' } })).toEqual(['"flag":true,"id":"7"']);
  });

  it('another delimiter', async () => {
    expect(await members('timestamp;x\n1;5\n', { delimiter: ';' })).toEqual(['"x":5']);
  });

  it('blanks around names, numbers and times do not count', async () => {
    const { rows } = await readAll(source('timestamp , x\n 1 , 5\n 2 ,   \n'));
    expect(rows).toEqual([
      { time: 1_000_000_000n, members: '"x":5' },
      { time: 2_000_000_000n, members: '' },
    ]);
  });
});

describe('a cell that does not fit its column is left out, counted and told with its place', () => {
  const lines = Array.from({ length: 200 }, (_, index) => `${index},${index}.5,${index}`);

  it('the row goes out without it', async () => {
    const changed = lines.with(149, '149,ERR,149').with(159, '159,nan,159');
    const { rows, log, problems } = await readAll(source(`timestamp,x,n\n${changed.join('\n')}`));
    expect(rows).toHaveLength(200);
    expect(rows[149]!.members).toBe('"n":149');
    expect(Object.fromEntries(log.cellErrors)).toEqual({ not_a_number: 1, not_finite: 1 });
    expect(problems[0]).toContain("151:5: 'ERR' does not fit column 'x' (Real): not a number");
    expect(problems[1]).toContain('161:5: ');
  });

  it('an Integer column that turns out to be Real later loses nothing', async () => {
    const { rows, log, notices } = await readAll(
      source(`timestamp,x,n\n${lines.with(149, '149,1.5,0.25').join('\n')}`),
    );
    expect(rows[149]!.members).toBe('"x":1.5,"n":0.25');
    expect(log.cellErrors.size).toBe(0);
    expect(notices).toContain("column 'n' is Real, not Integer, from line 151 on");
  });

  it('unless Integer was declared', async () => {
    const { log } = await readAll(source('timestamp,n\n1,0.25\n', { types: { n: 'Integer' } }));
    expect(Object.fromEntries(log.cellErrors)).toEqual({ not_an_integer: 1 });
  });

  it('a column that is empty at first gets its type from its first cell', async () => {
    const empty = lines.map((line, index) => `${line},${index < 120 ? '' : 'true'}`);
    const { rows, notices } = await readAll(source(`timestamp,x,n,late\n${empty.join('\n')}`));
    expect(rows[120]!.members).toBe('"x":120.5,"n":120,"late":true');
    expect(notices).toContain("column 'late' is Boolean, from line 122");
  });

  it('a word among the first numbers makes the column a String one, and that is said', async () => {
    const { rows, notices } = await readAll(source('timestamp,x\n1,1.5\n2,ERR\n'));
    expect(rows.map((row) => row.members)).toEqual(['"x":"1.5"', '"x":"ERR"']);
    expect(notices.join()).toContain("column 'x' is String because of 'ERR' on line 3; --types x=Real leaves");
  });

  it('only the first twenty are told', async () => {
    const bad = lines.map((line, index) => (index < 100 ? line : `${index},bad,${index}`));
    const { log, problems, notices } = await readAll(source(`timestamp,x,n\n${bad.join('\n')}`));
    expect(log.cellErrors.get('not_a_number')).toBe(100);
    expect(problems).toHaveLength(20);
    expect(notices).toContain('further bad rows and cells are counted, not told');
  });
});

describe('times', () => {
  const nanoseconds = 1_311_868_163_869_700_000n;

  it.each([
    { cell: '1311868163.8697', format: 'epoch-s' },
    { cell: '1311868163869.7', format: 'epoch-ms' },
    { cell: '1311868163869700', format: 'epoch-us' },
    { cell: '1311868163869700000', format: 'epoch-ns' },
    { cell: '2011-07-28T15:49:23.8697Z', format: 'rfc3339' },
    { cell: '2011-07-28T17:49:23.8697+02:00', format: 'rfc3339' },
  ])('$cell is read as $format', async ({ cell, format }) => {
    const { rows, notices } = await readAll(source(`timestamp,x\n${cell},1\n`));
    expect(rows[0]!.time).toBe(nanoseconds);
    expect(notices).toContain(`times are read as ${format}, since the first one is ${cell}`);
  });

  it('the format can be said', async () => {
    const { rows } = await readAll(source('timestamp,x\n1500,1\n', { timeFormat: 'epoch-ms' }));
    expect(rows[0]!.time).toBe(1_500_000_000n);
  });

  it("a column 'time' is found too, or any that is named", async () => {
    expect((await readAll(source('x,time\n5,1\n'))).rows).toEqual([{ time: 1_000_000_000n, members: '"x":5' }]);
    expect((await readAll(source('x,t\n5,1\n', { timeColumn: 't' }))).rows[0]!.time).toBe(1_000_000_000n);
  });

  it('at a fixed interval, rows follow the first one whatever their times', async () => {
    const { rows } = await readAll(source('timestamp,x\n10,1\n99,2\n,3\n', { interval: 20_000_000n }));
    expect(rows.map((row) => row.time)).toEqual([10_000_000_000n, 10_020_000_000n, 10_040_000_000n]);
  });

  it('at a fixed interval no time column is needed', async () => {
    const { rows, notices } = await readAll(source('x\n1\n2\n', { interval: 20_000_000n }));
    expect(rows[1]!.time - rows[0]!.time).toBe(20_000_000n);
    expect(notices).toContain('no time column: the first row counts as now');
  });
});

describe('a file that cannot be replayed as asked says where and why', () => {
  it.each<[string, string, Partial<CsvSourceOptions>, string, object]>([
    ['empty', '', {}, 'a.csv is empty', { line: 1 }],
    ['no time column', 'timestmp,x\n1,2\n', {}, "no column 'timestamp' (did you mean 'timestmp'?)", { line: 1 }],
    [
      'unknown column',
      'timestamp,tx\n1,2\n',
      { columns: [{ column: 'tz' }] },
      "no column 'tz' (did you mean",
      { line: 1 },
    ],
    ['unknown typed column', 'timestamp,x\n1,2\n', { types: { y: 'Real' } }, "no column 'y'", { line: 1 }],
    ['a column twice', 'timestamp,x,x\n1,2,3\n', {}, "several columns 'x'", { line: 1 }],
    [
      'a key twice',
      'timestamp,x\n1,2\n',
      { columns: parseColumns('x,x') },
      "two columns have the key 'x'",
      { line: 1 },
    ],
    ['the key of the time', 'timestamp,time\n1,2\n', {}, "column 'time' would take the key 'time'", { line: 1 }],
    ['short row', 'timestamp,x,y\n1,2,3\n2,3\n', {}, '2 cells where the header has 3', { line: 3, column: 4 }],
    ['long row', 'timestamp,x\n1,2\n2,3,4\n', {}, '3 cells where the header has 2', { line: 3, column: 5 }],
    ['no time', 'x,timestamp\n1,1\n2,\n', {}, 'the time is missing', { line: 3, column: 3 }],
    ['bad time', 'x,timestamp\n1,1\n2,soon\n', {}, "'soon' is no number of seconds", { line: 3, column: 3 }],
    [
      'bad first time',
      'timestamp,x\nsoon,1\n',
      {},
      "'soon' is no RFC 3339 time or epoch number",
      { line: 2, column: 1 },
    ],
    ['no zone', 'timestamp,x\n2011-07-28T15:49:23,1\n', {}, 'has no zone', { line: 2, column: 1 }],
    ['out of range', 'timestamp,x\n1,1\n1e30,1\n', {}, 'not between the years 1678 and 2261', { line: 3, column: 1 }],
    ['bad quotes', 'timestamp,x\n1,1\n2,"a\n', {}, 'a quote that is never closed', { line: 3, column: 3 }],
  ])('%s', async (_name, text, options, message, location) => {
    const error = await failure(text, options);
    expect(error.message).toContain(message);
    expect(error.location).toEqual({ file: 'a.csv', ...location });
    expect(error.exitCode).toBe(3);
    expect(error.code).toMatch(/^TB_REPLAY_/);
  });

  it('and what to do', async () => {
    expect((await failure('t;x\n1;2\n')).remedy).toContain("--delimiter ';'");
    expect((await failure('1.5,2\n1,2\n')).remedy).toContain('the first line must name the columns');
    expect((await failure('t,x\n1,2\n')).remedy).toContain('--time-column, one of t, x');
    expect((await failure('timestamp,x\n1\n')).remedy).toContain('--bad-rows skip');
  });

  it('a missing file, and a folder', async () => {
    await expect(readAll(csvSource({ file: '/no/such.csv' }))).rejects.toMatchObject({
      code: 'TB_REPLAY_UNREADABLE',
      message: 'cannot read /no/such.csv: no such file',
    });
    await expect(readAll(csvSource({ file: '/' }))).rejects.toThrow('cannot read /: it is a folder');
  });

  it('the rows before the fault come first', async () => {
    const file = temporaryFile('a.csv', `timestamp,x\n${'1,2\n'.repeat(5000)}oops\n`);
    let rows = 0;
    const reading = (async () => {
      const { SourceLog } = await import('#tb/replay/source.js');
      for await (const batch of csvSource({ file }).read(new SourceLog({ badRows: 'stop' }))) rows += batch.length;
    })();
    await expect(reading).rejects.toMatchObject({ reason: 'ragged_row', location: { line: 5002 } });
    expect(rows).toBe(5000);
  });
});

it('bad rows can be skipped: they are counted by reason and told with their place', async () => {
  const text = 'timestamp,x\n1,1\n2\nsoon,3\n,4\n5,5\n';
  const { rows, log, problems } = await readAll(source(text), 'skip');
  expect(rows.map((row) => row.members)).toEqual(['"x":1', '"x":5']);
  expect(log.rowsRead).toBe(5);
  expect(Object.fromEntries(log.rowsSkipped)).toEqual({ ragged_row: 1, time_malformed: 1, time_missing: 1 });
  expect(problems[0]).toBe('3:2: 1 cell where the header has 2 columns');
});
