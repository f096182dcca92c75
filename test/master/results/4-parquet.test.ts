import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type ResultColumn } from '#tb/master/results/index.js';
import { ParquetSink } from '#tb/master/results/parquet.js';
import { pythonCommand, pythonPackages } from '../../interop/python.js';
import { batchOf, type Cell } from './batch.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-parquet-'));
  file = join(folder, 'results.parquet');
});
afterEach(() => rmSync(folder, { recursive: true }));

const column = (name: string, kind: ResultColumn['kind'], type: string, more = {}): ResultColumn => ({
  name,
  kind,
  type,
  ...more,
});

/** One of each type of FMI 2.0 and 3.0. */
const EVERY_TYPE: ResultColumn[] = [
  column('a.real', 'float', 'Real', { unit: 'm/s', description: 'speed, "forward"' }),
  column('a.float32', 'float', 'Float32'),
  column('a.integer', 'integer', 'Integer'),
  column('a.enumeration', 'integer', 'Enumeration'),
  column('a.int8', 'integer', 'Int8'),
  column('a.int64', 'integer', 'Int64'),
  column('a.uint16', 'unsigned', 'UInt16'),
  column('a.uint32', 'unsigned', 'UInt32'),
  column('a.uint64', 'unsigned', 'UInt64'),
  column('a.boolean', 'boolean', 'Boolean'),
  column('a.string', 'text', 'String'),
  column('a.binary', 'bytes', 'Binary'),
];
const EVERY_VALUE: Cell[][] = [
  [
    0,
    -0,
    Math.fround(0.1),
    -(2 ** 31),
    3,
    -128,
    -(2n ** 63n),
    65535,
    2 ** 32 - 1,
    2n ** 64n - 1n,
    true,
    'a "ü"\n',
    Uint8Array.of(0, 255),
  ],
  [0.1, 5e-324, Number.NaN, 2 ** 31 - 1, 2n ** 40n, 127, 2n ** 63n - 1n, 0, 0, 0, false, '', new Uint8Array(0)],
  [0.2, Number.POSITIVE_INFINITY, -1.5, 0, 0, 0, 0, 1, 1, 2n ** 63n, false, '😀', Uint8Array.of(0x22)],
];

async function read(path = file): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(path), utf8: false });
}

const metadata = async () => parquetMetadataAsync(await asyncBufferFromFile(file));

const COUNTER = [column('c.n', 'integer', 'Int64'), column('c.x', 'float', 'Float64')];
const counting = (from: number, to: number): Cell[][] =>
  Array.from({ length: to - from }, (_, i) => [(from + i) * 0.1, from + i, Math.sin(from + i)]);

/** The rows of {@link counting} from 0 on; returns how many. */
function expectCounted(rows: readonly Record<string, unknown>[]): number {
  const wrong = rows.findIndex(
    (row, i) => row.time !== i * 0.1 || row['c.n'] !== BigInt(i) || row['c.x'] !== Math.sin(i),
  );
  expect(wrong).toBe(-1);
  return rows.length;
}

describe('a Parquet file of results', () => {
  it('has a column of its type for each variable, and reads back exactly', async () => {
    const sink = await openSink({ file, format: 'parquet' }, EVERY_TYPE);
    sink.write(batchOf(EVERY_TYPE, EVERY_VALUE));
    sink.close();
    expect(sink.files).toEqual([file]);
    const names = ['time', ...EVERY_TYPE.map(({ name }) => name)];
    const expected = EVERY_VALUE.map((row) =>
      row.map((cell, i) => (/int64|enumeration/.test(names[i]!) ? BigInt(cell as number) : cell)),
    );
    expect((await read()).map((row) => names.map((name) => row[name]))).toEqual(expected);
    const types = (await metadata()).schema.slice(1).map(({ type, converted_type }) => converted_type ?? type);
    expect(types).toEqual([
      ...['DOUBLE', 'DOUBLE', 'FLOAT', 'INT32', 'INT64', 'INT_8', 'INT64', 'UINT_16', 'UINT_32', 'UINT_64'],
      ...['BOOLEAN', 'UTF8', 'BYTE_ARRAY'],
    ]);
  });

  it('tells of its columns and of the run', async () => {
    const about = { system: 'estop', node: process.version };
    (await openSink({ file, format: 'parquet' }, EVERY_TYPE, { about })).close();
    const { key_value_metadata, created_by, num_rows } = await metadata();
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(num_rows).toBe(0n);
    expect(created_by).toBe(`twinbridge version ${version}`);
    expect(key_value_metadata?.map(({ key }) => key)).toEqual(['twinbridge']);
    expect(JSON.parse(key_value_metadata![0]!.value!)).toEqual({
      version,
      ...about,
      columns: [
        { name: 'time', kind: 'float', type: 'Float64', unit: 's', description: 'simulated time' },
        ...EVERY_TYPE,
      ],
    });
  });

  it('has row groups of bounded size, whatever the batches', async () => {
    const sink = new ParquetSink(file, COUNTER);
    for (let at = 0; at < 400_000; at += 50_000) sink.write(batchOf(COUNTER, counting(at, at + 50_000)));
    sink.close();
    expect((await metadata()).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([
      131072, 131072, 131072, 6784,
    ]);
    expect(expectCounted(await read())).toBe(400_000);
  });

  it('has smaller row groups where rows are wide, or texts long', async () => {
    const wide = Array.from({ length: 2000 }, (_, i) => column(`w.x${i}`, 'float', 'Float64'));
    const sink = new ParquetSink(file, wide);
    sink.write(
      batchOf(
        wide,
        Array.from({ length: 300 }, (_, r) => [r, ...wide.map((_, c) => r + c)]),
      ),
    );
    sink.close();
    expect((await metadata()).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([262, 38]);

    const long = [column('t.text', 'text', 'String')];
    const second = new ParquetSink(file, long);
    for (let row = 0; row < 10; row++) second.write(batchOf(long, [[row, `${row}`.repeat(1_000_000)]]));
    second.close();
    expect((await metadata()).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([5, 5]);
    expect((await read()).map((row) => (row['t.text'] as string).slice(-3))).toEqual(
      Array.from({ length: 10 }, (_, row) => `${row}`.repeat(3)),
    );
  });

  it('is whole from the beginning, and after each flush', async () => {
    const sink = new ParquetSink(file, COUNTER);
    expect(await read()).toEqual([]);
    let at = 0;
    for (const rows of [1, 10, 200_000, 5, 100_000, 1]) {
      sink.write(batchOf(COUNTER, counting(at, at + rows)));
      at += rows;
      sink.flush();
      sink.flush();
      expect(expectCounted(await read())).toBe(at);
    }
    sink.close();
    sink.close();
    expect(expectCounted(await read())).toBe(at);
    // Row groups that were saved before they were full are not left behind.
    expect((await metadata()).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([131072, 131072, 37873]);
    const straight = new ParquetSink(join(folder, 'straight.parquet'), COUNTER);
    straight.write(batchOf(COUNTER, counting(0, at)));
    straight.close();
    expect(readFileSync(file).equals(readFileSync(join(folder, 'straight.parquet')))).toBe(true);
  });

  it('is whole after the process was killed, with all but what came last', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('endless.mjs', import.meta.url)), 'parquet', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let reached = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      reached = Number(text.trim().split('\n').at(-1));
    });
    await new Promise((resolve) => setTimeout(resolve, 4000));
    child.kill('SIGKILL');
    await once(child, 'close');
    const kept = expectCounted(await read());
    expect(kept).toBeGreaterThan(0);
    // Saved every second.
    expect(reached - kept).toBeLessThan(0.6 * reached);
  });

  it('takes turns with others of its kind', async () => {
    const sink = await openSink({ file, format: 'parquet', roll: { rows: 1000, keep: 3 } }, COUNTER);
    for (let at = 0; at < 5500; at += 500) sink.write(batchOf(COUNTER, counting(at, at + 500)));
    sink.close();
    const names = ['results-000004.parquet', 'results-000005.parquet', 'results-000006.parquet'];
    expect(readdirSync(folder)).toEqual(names);
    const read1 = await Promise.all(names.map((name) => read(join(folder, name))));
    expect(read1.map((rows) => [rows[0]!['c.n'], rows.length])).toEqual([
      [3000n, 1000],
      [4000n, 1000],
      [5000n, 500],
    ]);
  });

  it('ends at about so many bytes, as compressed, where that is the limit', async () => {
    const flat = [column('f.x', 'float', 'Float64'), column('f.s', 'text', 'String')];
    const sink = await openSink({ file, format: 'parquet', roll: { bytes: 500_000 } }, flat);
    const texts = ['one', 'two', 'three'];
    for (let at = 0; at < 1_000_000; at += 10_000) {
      sink.write(
        batchOf(
          flat,
          Array.from({ length: 10_000 }, (_, i) => [(at + i) / 1024, 7, texts[i % 3]!]),
        ),
      );
    }
    sink.close();
    const sizes = sink.files.map((each) => statSync(each).size);
    expect(sizes.length).toBeGreaterThan(3);
    for (const size of sizes.slice(0, -1)) {
      expect(size).toBeGreaterThan(400_000);
      expect(size).toBeLessThan(550_000);
    }
  });
});

describe('a Parquet file that cannot be written', () => {
  const refused = { code: 'TB_MASTER_RESULTS', exitCode: 1 };

  it('because there is a folder of its name', () => {
    mkdirSync(file);
    expect(() => new ParquetSink(file, COUNTER)).toThrow(expect.objectContaining(refused));
  });

  const disk = smallDisk();
  it.skipIf(disk === undefined)('because the disk is full keeps its complete row groups', async () => {
    const path = join(disk!.mount(folder), 'r.parquet');
    try {
      const sink = new ParquetSink(path, COUNTER);
      expect(() => {
        for (let at = 0; at < 1_000_000; at += 10_000) sink.write(batchOf(COUNTER, counting(at, at + 10_000)));
      }).toThrow(expect.objectContaining({ ...refused, message: expect.stringContaining('ENOSPC') }));
      expect(() => sink.write(batchOf(COUNTER, counting(0, 1)))).toThrow(expect.objectContaining(refused));
      expect(() => sink.close()).toThrow(expect.objectContaining(refused));
      copyFileSync(path, file);
    } finally {
      disk!.unmount();
    }
    const kept = expectCounted(await read());
    expect([kept % 131072, kept > 0]).toEqual([0, true]);
  });
});

/** A file system of 5 MB in memory, where one may be mounted. */
function smallDisk(): { mount(at: string): string; unmount(): void } | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  let mounted: string;
  return {
    mount(at) {
      mounted = join(at, 'disk');
      mkdirSync(mounted);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=5m', 'none', mounted]);
      return mounted;
    },
    unmount: () => execFileSync('umount', [mounted]),
  };
}

const found = pythonPackages('pyarrow', 'duckdb');
describe.skipIf('missing' in found)('a Parquet file read elsewhere', () => {
  it('has the same types, values and metadata in pyarrow and DuckDB', async () => {
    const sink = new ParquetSink(file, EVERY_TYPE, { about: { system: 'estop' } });
    sink.write(batchOf(EVERY_TYPE, EVERY_VALUE));
    sink.flush();
    for (let i = 0; i < 50; i++) sink.write(batchOf(EVERY_TYPE, EVERY_VALUE));
    sink.close();
    const script = fileURLToPath(new URL('read_parquet.py', import.meta.url));
    const { code, stdout, stderr } = await pythonCommand([script], JSON.stringify({ file }));
    expect([code, stderr]).toEqual([0, '']);
    const answer = JSON.parse(stdout);
    expect(answer.types).toEqual({
      time: 'double',
      'a.real': 'double',
      'a.float32': 'float',
      'a.integer': 'int32',
      'a.enumeration': 'int64',
      'a.int8': 'int8',
      'a.int64': 'int64',
      'a.uint16': 'uint16',
      'a.uint32': 'uint32',
      'a.uint64': 'uint64',
      'a.boolean': 'bool',
      'a.string': 'string',
      'a.binary': 'binary',
    });
    expect(answer.nullable).toEqual([]);
    expect(answer.duckdbTypes).toMatchObject({ 'a.uint64': 'UBIGINT', 'a.boolean': 'BOOLEAN', 'a.string': 'VARCHAR' });
    expect(answer.metadata).toMatchObject({ system: 'estop', columns: { length: 13 } });
    const names = Object.keys(answer.types);
    const bits = (value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(value);
      return bytes.toString('hex');
    };
    const rows = EVERY_VALUE.map((row) =>
      Object.fromEntries(
        row.map((cell, i) => {
          if (i < 3) return [names[i], bits(cell as number)];
          if (cell instanceof Uint8Array) return [names[i], Buffer.from(cell).toString('hex')];
          return [names[i], typeof cell === 'boolean' || i === 11 ? cell : String(cell)];
        }),
      ),
    );
    const all = Array.from({ length: 51 }, () => rows).flat();
    expect(answer.groups).toEqual([153]);
    expect(answer.arrow).toEqual(all);
    expect(answer.duckdb).toEqual(all);
  });
});
