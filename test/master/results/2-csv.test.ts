import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CsvSink } from '#tb/master/results/csv.js';
import type { CellKind, ResultColumn } from '#tb/master/results/rows.js';
import { CsvTokenizer } from '#tb/replay/index.js';
import { batchOf, type Cell } from './batch.js';

const folder = mkdtempSync(join(tmpdir(), 'tb-csv-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'results.csv');

const column = (name: string, kind: CellKind): ResultColumn => ({ name, kind, type: kind });
const text = () => readFileSync(file, 'utf8');

/** The records of the file, by the reader of recordings. */
function records(): string[][] {
  const tokenizer = new CsvTokenizer({ file, maxRecordLength: 1 << 26 });
  const found = [...tokenizer.push(readFileSync(file)), ...tokenizer.end()].map(({ cells }) => [...cells]);
  expect(tokenizer.fault).toBeUndefined();
  return found;
}

function record(columns: readonly ResultColumn[], ...batches: readonly (readonly Cell[])[][]): void {
  const sink = new CsvSink(file, columns);
  for (const rows of batches) sink.write(batchOf(columns, rows));
  sink.close();
}

describe('a CSV file of results', () => {
  it('has a header and a row a communication point, with CRLF', () => {
    record([column('a.x', 'float'), column('a.n', 'integer')], [[0, 1.5, -3]], [[0.1, -0, 2n ** 62n]]);
    expect(text()).toBe('time,a.x,a.n\r\n0,1.5,-3\r\n0.1,-0,4611686018427387904\r\n');
  });

  it('has every kind of value', () => {
    const kinds = ['float', 'integer', 'unsigned', 'boolean', 'text', 'bytes'] as const;
    record(
      kinds.map((kind) => column(kind, kind)),
      [
        [0, Number.NaN, -(2n ** 63n), 2n ** 64n - 1n, true, 'a "text", ü\n', Uint8Array.of(0, 0x12, 0xe4)],
        [1, Number.NEGATIVE_INFINITY, 0, 0, false, '', new Uint8Array(0)],
      ],
    );
    expect(text()).toBe(
      'time,float,integer,unsigned,boolean,text,bytes\r\n' +
        '0,NaN,-9223372036854775808,18446744073709551615,true,"a ""text"", ü\n","0012e4"\r\n' +
        '1,-Infinity,0,0,false,"",""\r\n',
    );
  });

  it('quotes names that need it', () => {
    record([column('a.q[1,2]', 'float'), column('b."odd"\r\n', 'float'), column('c d', 'float')], []);
    expect(text()).toBe('time,"a.q[1,2]","b.""odd""\r\n",c d\r\n');
  });

  it('has no column but the time where nothing is recorded', () => {
    record([], [[0], [0.5]]);
    expect(text()).toBe('time\r\n0\r\n0.5\r\n');
  });

  it('holds texts of every shape, whatever their length', () => {
    const columns = [column('t', 'text'), column('x', 'float')];
    const texts = [
      'x'.repeat(3_000_000),
      '"'.repeat(1_200_000),
      'short',
      '\r\n'.repeat(500_000),
      'ü€😀'.repeat(100_000),
    ];
    record(
      columns,
      texts.map((each, i) => [i, each, i]),
      [[9, 'end', 9]],
    );
    expect(records()).toEqual([
      ['time', 't', 'x'],
      ...texts.map((each, i) => [`${i}`, each, `${i}`]),
      ['9', 'end', '9'],
    ]);
  });

  it('is valid whatever bytes an FMU gives as text: what is no UTF-8 is replaced as browsers do', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      // Mostly what begins or goes on with a sequence, and quotes and line ends.
      fc
        .array(
          fc.constantFrom(
            0x22,
            0x0d,
            0x0a,
            0x2c,
            0x41,
            0x80,
            0x90,
            0xa0,
            0xbf,
            0xc1,
            0xc3,
            0xe0,
            0xed,
            0xef,
            0xf0,
            0xf4,
            0xff,
          ),
          { maxLength: 40 },
        )
        .map((list) => Uint8Array.from(list)),
      fc.string({ unit: 'binary', maxLength: 20 }).map((each) => new TextEncoder().encode(each)),
    );
    const columns = [column('t', 'text'), column('b', 'bytes')];
    const decode = (each: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(each);
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 20 }), (pairs) => {
        record(
          columns,
          pairs.map(([t, b]) => [0, t, b]),
        );
        expect(records().slice(1)).toEqual(pairs.map(([t, b]) => ['0', decode(t), Buffer.from(b).toString('hex')]));
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same however the rows are cut into batches', () => {
    const columns = [column('x', 'float'), column('t', 'text')];
    const rows = Array.from({ length: 60_000 }, (_, i) => [i * 0.1, Math.sin(i), `row ${i}`]);
    record(columns, rows);
    const whole = text();
    record(columns, ...Array.from({ length: 60 }, (_, i) => rows.slice(i * 1000, (i + 1) * 1000)));
    expect(text()).toBe(whole);
    expect(records()).toHaveLength(60_001);
  });

  it('is empty no longer once a batch of a paced run is written', () => {
    const columns = [column('x', 'float')];
    const sink = new CsvSink(file, columns, { unbuffered: true });
    expect(text()).toBe('time,x\r\n');
    sink.write(batchOf(columns, [[0, 1]]));
    expect(text()).toBe('time,x\r\n0,1\r\n');
    sink.close();
  });

  it('has its rows a moment later in a run at full speed, or when they are asked for', async () => {
    const columns = [column('x', 'float')];
    const sink = new CsvSink(file, columns);
    sink.write(batchOf(columns, [[0, 1]]));
    sink.flush();
    expect(text()).toContain('0,1\r\n');
    await new Promise((resolve) => setTimeout(resolve, 30));
    sink.write(batchOf(columns, [[1, 2]]));
    expect(text()).toContain('1,2\r\n');
    sink.close();
    sink.close();
    expect(sink.files).toEqual([file]);
  });

  it('is made with its folder, and replaces one that is there', () => {
    const deep = join(folder, 'a', 'b', 'r.csv');
    new CsvSink(deep, []).close();
    expect(readFileSync(deep, 'utf8')).toBe('time\r\n');
    writeFileSync(deep, 'something older and longer');
    new CsvSink(deep, []).close();
    expect(readFileSync(deep, 'utf8')).toBe('time\r\n');
  });
});

describe('a CSV file that cannot be written', () => {
  const refused = { code: 'TB_MASTER_RESULTS', exitCode: 1, remedy: expect.stringContaining('--results') };

  it('because there is a folder of its name', () => {
    expect(() => new CsvSink(folder, [])).toThrow(
      expect.objectContaining({ ...refused, message: expect.stringContaining('EISDIR'), location: { file: folder } }),
    );
  });

  it('because a file stands where its folder should be', () => {
    writeFileSync(join(folder, 'plain'), '');
    expect(() => new CsvSink(join(folder, 'plain', 'r.csv'), [])).toThrow(expect.objectContaining(refused));
  });

  it.runIf(existsSync('/dev/full'))('because the disk is full', () => {
    expect(() => new CsvSink('/dev/full', [])).toThrow(
      expect.objectContaining({ ...refused, message: expect.stringContaining('ENOSPC') }),
    );
  });
});
