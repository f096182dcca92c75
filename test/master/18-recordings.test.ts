/** What a run keeps: rows in files and in memory, none of them lost, however it ends. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { McapStreamReader } from '@mcap/core';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { Recording, System } from '#tb/system/index.js';
import { master } from './support.js';

const { run, read, failure, folder } = master(
  'arrays3',
  'clocks3',
  'counter',
  'dahlquist',
  'enumer',
  'feedthrough',
  'feedthrough3',
  'gain',
  'misbehave',
  'slow',
  'vector',
);

const zstd = createRequire(import.meta.url)('@foxglove/wasm-zstd') as typeof import('@foxglove/wasm-zstd');

/** Cells of a file without quoted texts, by row. */
function rowsOf(file: string): { header: string[]; rows: string[][] } {
  const [header = '', ...rows] = readFileSync(join(folder, file), 'utf8').trimEnd().split('\r\n');
  return { header: header.split(','), rows: rows.map((row) => row.split(',')) };
}

async function withRecordings(text: string, recordings: (system: System) => Recording[]): Promise<System> {
  const system = await read(text);
  return { ...system, recordings: recordings(system) };
}

describe('rows', () => {
  it('are of the first communication point and of each after it', async () => {
    await run('components: { d: { fmu: dahlquist.fmu } }\nstep: 0.25\nstart: 1\nstop: 2\nrecord: { file: a.csv }\n');
    expect(rowsOf('a.csv')).toEqual({
      header: ['time', 'd.x'],
      rows: [
        ['1', '1'],
        ['1.25', '0.75'],
        ['1.5', '0.5625'],
        ['1.75', '0.421875'],
        ['2', '0.31640625'],
      ],
    });
  });

  it('are as many as there were steps, in their order, however many', async () => {
    const steps = 100_000;
    await run(
      `components: { c: { fmu: counter.fmu }, d: { fmu: dahlquist.fmu, start: { k: 0.001 } } }
step: 0.125
stop: ${steps / 8}
record: { file: many.csv, variables: [c.count, c.odd, c.text, d.x] }
`,
    );
    const { rows } = rowsOf('many.csv');
    expect(rows).toHaveLength(steps + 1);
    for (const [n, [time, count, odd, text]] of rows.entries()) {
      if (
        time === String(n / 8) &&
        count === String(n) &&
        odd === String(n % 2 === 1) &&
        text === `"${n} step${n === 1 ? '' : 's'}"`
      )
        continue;
      expect([n, time, count, odd, text]).toBeUndefined();
    }
  });

  it('of several recordings, each with variables and a distance of its own', async () => {
    await run(`
components: { c: { fmu: counter.fmu }, d: { fmu: dahlquist.fmu } }
step: 0.5
stop: 6
record:
  - { file: all.csv }
  - { file: some.csv, variables: [c.count], every: 3 }
  - { file: few.csv, variables: ['d.*', c.odd], every: 5 }
`);
    expect(rowsOf('all.csv').rows).toHaveLength(13);
    expect(rowsOf('all.csv').header).toEqual([
      'time',
      'c.count',
      'c.odd',
      'c.text',
      'c.last_time',
      'c.last_step',
      'd.x',
    ]);
    expect(rowsOf('some.csv').rows).toEqual([0, 3, 6, 9, 12].map((n) => [String(n / 2), String(n)]));
    expect(rowsOf('few.csv').rows.map(([time]) => time)).toEqual(['0', '2.5', '5']);
  });

  it('of inputs, parameters and locals, where they are asked for', async () => {
    await run(`
components: { c: { fmu: counter.fmu }, g: { fmu: gain.fmu, start: { k: 3 } } }
connections: [ c.count -> g.u ]
step: 1
stop: 3
record: { file: inputs.csv, variables: [g.u, g.k, g.y] }
`);
    expect(rowsOf('inputs.csv').rows).toEqual([
      ['0', '0', '3', '0'],
      ['1', '0', '3', '0'],
      ['2', '1', '3', '3'],
      ['3', '2', '3', '6'],
    ]);
  });

  it('of arrays have a column for each element', async () => {
    await run(`
components: { a: { fmu: arrays3.fmu, start: { n: 2, k: 1, u3: [1, 2, 3], u: [1, 10], matrix_in: [1, 2, 3, 4] } } }
step: 1
stop: 1
record: { file: arrays.csv, variables: ['a.y*', a.matrix_out, 'a.u3[1]'] }
`);
    expect(rowsOf('arrays.csv')).toEqual({
      header: [
        'time',
        'a.y3[0]',
        'a.y3[1]',
        'a.y3[2]',
        'a.y[0]',
        'a.y[1]',
        'a.matrix_out[0]',
        'a.matrix_out[1]',
        'a.matrix_out[2]',
        'a.matrix_out[3]',
        'a.u3[1]',
      ],
      rows: ['0', '1'].map((time) => [time, '1', '2', '3', '21', '10', '1', '2', '3', '4', '2']),
    });
  });

  it('of all types, with the same values in CSV, Parquet and MCAP', async () => {
    const start =
      'float32_in: 0.1, float64_in: -0.0, int8_in: -128, uint8_in: 255, int16_in: -32768, uint16_in: 65535, int32_in: -2147483648, uint32_in: 4294967295, int64_in: -9223372036854775807, uint64_in: 18446744073709551615, boolean_in: true, string_in: "a b", binary_in: "00ff", choice_in: 2';
    const formats = ['csv', 'parquet', 'mcap'] as const;
    await run(`
components: { t: { fmu: feedthrough3.fmu, start: { ${start} } }, f: { fmu: feedthrough.fmu, start: { choice_in: second, boolean_in: true } } }
step: 0.5
stop: 1
record: [ ${formats.map((format) => `{ file: types.${format} }`).join(', ')} ]
`);
    const { header, rows } = rowsOf('types.csv');
    expect(rows).toHaveLength(3);
    expect(Object.fromEntries(header.map((name, i) => [name, rows[2]![i]]))).toMatchObject({
      time: '1',
      't.float64_out': '-0',
      't.int64_out': '-9223372036854775807',
      't.uint64_out': '18446744073709551615',
      't.boolean_out': 'true',
      't.string_out': '"a b"',
      't.binary_out': '"00ff"',
      't.choice_out': '2',
      'f.choice_out': '2',
    });
    const parquet = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder, 'types.parquet')) });
    expect(parquet).toHaveLength(3);
    expect(parquet[2]).toMatchObject({
      time: 1,
      't.float32_out': Math.fround(0.1),
      't.int64_out': -9223372036854775807n,
      't.uint64_out': 18446744073709551615n,
      't.boolean_out': true,
      't.string_out': 'a b',
      'f.choice_out': 2n,
    });
    await zstd.isLoaded;
    const reader = new McapStreamReader({
      decompressHandlers: { zstd: (bytes, size) => zstd.decompress(bytes, Number(size)) },
    });
    reader.append(readFileSync(join(folder, 'types.mcap')));
    const messages: string[] = [];
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === 'Message') messages.push(Buffer.from(record.data).toString());
    }
    // One of each component at each communication point.
    expect(messages).toHaveLength(2 * 3);
    expect(messages.at(-2)).toContain('"string_out":"a b"');
  });

  it('of slower components repeat what they have', async () => {
    await run(
      'components: { c: { fmu: counter.fmu, step: 0.3 } }\nstep: 0.1\nstop: 0.7\nrecord: { file: slow.csv, variables: [c.count] }\n',
    );
    expect(rowsOf('slow.csv').rows.map(([, count]) => count)).toEqual(['0', '0', '0', '1', '1', '1', '2', '2']);
  });

  it('of clocks are true where they tick', async () => {
    const { captured } = await run('components: { a: { fmu: clocks3.fmu, start: { n: 3 } } }\nstep: 0.1\nstop: 0.7\n', {
      capture: ['a.reached_clock', 'a.counter'],
    });
    expect([...captured!.columns['a.reached_clock']!]).toEqual([0, 0, 0, 1, 0, 0, 1, 0]);
  });
});

describe('columns in memory', () => {
  it('are of every communication point, of all numeric types, arrays element by element, more than memory is set aside for', async () => {
    const { captured, steps } = await run(
      `
components: { c: { fmu: counter.fmu }, a: { fmu: arrays3.fmu, start: { k: 1, u3: [1, 2, 3] } }, t: { fmu: feedthrough3.fmu, start: { uint64_in: 18446744073709551615, int64_in: -5 } } }
connections: [ 'c.count -> a.u3[1]' ]
step: 1
stop: 5000
record: { file: beside.csv, every: 1000, variables: [c.count] }
`,
      { capture: ['c.count', 'c.odd', 'a.y3', 't.uint64_out', 't.int64_out'] },
    );
    expect(steps).toBe(5000);
    const { time, columns } = captured!;
    expect(Object.keys(columns)).toEqual([
      'c.count',
      'c.odd',
      'a.y3[0]',
      'a.y3[1]',
      'a.y3[2]',
      't.uint64_out',
      't.int64_out',
    ]);
    expect(time).toEqual(Float64Array.from({ length: 5001 }, (_, n) => n));
    expect(columns['c.count']).toEqual(time);
    expect(columns['c.odd']).toEqual(Float64Array.from(time, (n) => n % 2));
    expect(columns['a.y3[1]']).toEqual(Float64Array.from(time, (n) => Math.max(0, n - 1)));
    expect(columns['t.uint64_out']!.at(-1)).toBe(2 ** 64);
    expect(columns['t.int64_out']!.at(-1)).toBe(-5);
    expect(rowsOf('beside.csv').rows).toHaveLength(6);
  });

  it('of a recording without a file, the report has the last values', async () => {
    const { finalValues, resultFiles } = await run('components: { c: { fmu: counter.fmu } }\nstep: 1\nstop: 7\n');
    expect(finalValues).toEqual({
      'c.count': 7,
      'c.odd': true,
      'c.text': '7 steps',
      'c.last_time': 6,
      'c.last_step': 1,
    });
    expect(resultFiles).toEqual([]);
  });
});

describe('however a run ends', () => {
  const rows = (file: string) => rowsOf(file).rows.map(([time]) => Number(time));

  it('by an error, rows are there up to the last communication point', async () => {
    const error = await failure(`
components: { m: { fmu: misbehave.fmu, start: { mode: error, at: 100.505 } }, c: { fmu: counter.fmu } }
step: 0.01
stop: 1000
record: { file: error.csv, variables: [c.count] }
`);
    expect(error.report?.time).toBeCloseTo(100.5, 1);
    expect(rows('error.csv')).toHaveLength(error.report!.steps + 1);
  });

  it('by a request, without pacing and with', async () => {
    for (const [pace, file] of [
      ['fast', 'fast.csv'],
      [1, 'paced.csv'],
    ] as const) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 700);
      const report = await run(
        `components: { c: { fmu: counter.fmu } }\nstep: 0.001\nstop: never\nrecord: { file: ${file}, variables: [c.count] }\n`,
        { signal: stop.signal, pace },
      );
      expect(report.outcome).toBe('stopped');
      const { rows: all } = rowsOf(file);
      expect(all).toHaveLength(report.steps + 1);
      expect(all.at(-1)![1]).toBe(String(report.steps));
    }
  });

  it('by a step that takes long, a request is heeded when it is over', async () => {
    const stop = new AbortController();
    const report = await run(
      'components: { s: { fmu: slow.fmu, start: { cost_us: 100000 } } }\nstep: 1\nstop: never\nrecord: { file: stopped.csv }\n',
      {
        signal: stop.signal,
        progressMs: 0,
        onProgress: ({ steps }) => {
          if (steps === 2) stop.abort();
        },
      },
    );
    expect(report.steps).toBeLessThan(10);
    expect(rows('stopped.csv')).toHaveLength(report.steps + 1);
  });

  it('by steps that were fast and become slow, a request is heeded as soon', async () => {
    // After 5,000 steps each takes a millisecond more than the one before it.
    const stop = new AbortController();
    let asked = 0;
    const waiting = setTimeout(() => {
      asked = performance.now();
      stop.abort();
    }, 2000);
    const report = await run(
      `
components: { m: { fmu: misbehave.fmu }, c: { fmu: counter.fmu } }
connections: [ { from: c.count, to: m.delay, factor: 0.001, offset: -5 } ]
step: 1
stop: never
record: { file: slower.csv, variables: [c.count] }
`,
      { signal: stop.signal },
    );
    clearTimeout(waiting);
    expect(report.steps).toBeGreaterThan(5000);
    // Two seconds are gone after some 60 of the slow ones, each of which takes up to 60 ms.
    expect(performance.now() - asked).toBeLessThan(700);
    expect(rows('slower.csv')).toHaveLength(report.steps + 1);
  });

  it('by an FMU that asks for the end', async () => {
    const report = await run(`
components: { m: { fmu: misbehave.fmu, start: { mode: end, at: 5 } } }
step: 0.1
record: { file: ended.csv }
`);
    expect(rows('ended.csv')).toHaveLength(report.steps + 1);
  });
});

describe('with a variable step', () => {
  it('rows are of steps that stand', async () => {
    const { steps, plan } = await run(`
components: { v: { fmu: vector.fmu, start: { "force[0]": 1 } } }
step: { min: 1e-4, max: 1, initial: 1, constraints: { b: { type: bounded-difference, ports: ['v.position[0]'], absolute: 0.01 } } }
stop: 1
record: { file: variable.csv, variables: ['v.position[0]'] }
`);
    expect(plan.rejectedSteps).toBeGreaterThan(0);
    const { rows: all } = rowsOf('variable.csv');
    expect(all).toHaveLength(steps + 1);
    const times = all.map(([time]) => Number(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const [time, x] of all) expect(Number(x)).toBeCloseTo(Number(time) ** 2 / 2, 9);
  });
});

describe('columns', () => {
  it('have names, units and types of their variables in Parquet', async () => {
    const system = await withRecordings(
      'components: { v: { fmu: vector.fmu } }\nstep: 1\nstop: 1\n',
      ({ recordings }) => [{ ...recordings[0]!, file: join(folder, 'units.parquet'), format: 'parquet' }],
    );
    await run(system);
    const [row] = await parquetReadObjects({ file: await asyncBufferFromFile(join(folder, 'units.parquet')) });
    expect(Object.keys(row!)).toEqual([
      'time',
      ...['position', 'velocity'].flatMap((name) => [0, 1, 2].map((i) => `v.${name}[${i}]`)),
    ]);
  });
});
