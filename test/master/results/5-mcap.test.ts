import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { McapIndexedReader, McapStreamReader, type McapTypes, TempBuffer } from '@mcap/core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type ResultColumn, type SinkOptions } from '#tb/master/results/index.js';
import { pythonCommand, pythonPackages } from '../../interop/python.js';
import { batchOf, type Cell } from './batch.js';

const zstd = createRequire(import.meta.url)('@foxglove/wasm-zstd') as typeof import('@foxglove/wasm-zstd');
const decompressHandlers = { zstd: (bytes: Uint8Array, size: bigint) => zstd.decompress(bytes, Number(size)) };
beforeAll(async () => {
  await zstd.isLoaded;
});

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-mcap-'));
  file = join(folder, 'results.mcap');
});
afterEach(() => rmSync(folder, { recursive: true }));

const column = (name: string, kind: ResultColumn['kind'], type: string, more = {}): ResultColumn => ({
  name,
  kind,
  type,
  ...more,
});

const ROBOT: ResultColumn[] = [
  column('robot.x', 'float', 'Float64', { unit: 'm', description: 'position' }),
  column('robot.q[0]', 'float', 'Float64', { unit: 'rad' }),
  column('robot.q[1]', 'float', 'Float64', { unit: 'rad' }),
  column('robot.stopped', 'boolean', 'Boolean'),
  column('cell.arm.count', 'unsigned', 'UInt64'),
  column('cell.arm.state', 'text', 'String'),
  column('cell.arm.raw', 'bytes', 'Binary'),
  column('robot.mode', 'integer', 'Enumeration'),
];
const ROWS: Cell[][] = [
  [0, 1.5, 0.1, -0, true, 2n ** 64n - 1n, 'a "text"\n', Uint8Array.of(1, 2, 255), 3],
  [0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e-7, false, 0, 'ü😀', new Uint8Array(0), -(2n ** 63n)],
];
const COMPONENTS = { components: ['robot', 'cell.arm'] };

async function record(columns: readonly ResultColumn[], rows: readonly Cell[][], options: SinkOptions = {}) {
  const sink = await openSink({ file, format: 'mcap' }, columns, options);
  sink.write(batchOf(columns, rows));
  sink.close();
}

interface Contents {
  readonly reader: McapIndexedReader;
  readonly messages: readonly (readonly [topic: string, time: bigint, text: string])[];
  readonly metadata: readonly McapTypes.Metadata[];
}

/** By the index; all checksums are looked at. */
async function read(path = file): Promise<Contents> {
  const reader = await McapIndexedReader.Initialize({
    readable: new TempBuffer(readFileSync(path)),
    decompressHandlers,
  });
  const messages: [string, bigint, string][] = [];
  for await (const { channelId, logTime, data } of reader.readMessages()) {
    messages.push([reader.channelsById.get(channelId)!.topic, logTime, Buffer.from(data).toString()]);
  }
  const metadata: McapTypes.Metadata[] = [];
  for await (const each of reader.readMetadata()) metadata.push(each);
  return { reader, messages, metadata };
}

/** From beginning to end, as far as it goes: what is left of a file without a summary. */
function readStream(path: string): McapTypes.TypedMcapRecord[] {
  const reader = new McapStreamReader({ decompressHandlers, validateCrcs: true });
  reader.append(readFileSync(path));
  const records: McapTypes.TypedMcapRecord[] = [];
  for (let next = reader.nextRecord(); next !== undefined; next = reader.nextRecord()) records.push(next);
  return records;
}

const COUNTER = [column('c.n', 'integer', 'Int64'), column('c.x', 'float', 'Float64')];
const counting = (from: number, to: number): Cell[][] =>
  Array.from({ length: to - from }, (_, i) => [(from + i) * 0.1, from + i, Math.sin(from + i)]);

describe('an MCAP file of results', () => {
  it('has a topic for each component and a message of JSON for each row', async () => {
    await record(ROBOT, ROWS, COMPONENTS);
    const { messages } = await read();
    expect(messages).toEqual([
      ['/robot', 0n, '{"x":1.5,"q":[0.1,-0.0],"stopped":true,"mode":3}'],
      ['/cell.arm', 0n, '{"count":18446744073709551615,"state":"a \\"text\\"\\n","raw":"AQL/"}'],
      ['/robot', 100_000_000n, '{"x":null,"q":[null,1e-7],"stopped":false,"mode":-9223372036854775808}'],
      ['/cell.arm', 100_000_000n, '{"count":0,"state":"ü😀","raw":""}'],
    ]);
  });

  it('has a JSON Schema for each component', async () => {
    await record(ROBOT, ROWS, COMPONENTS);
    const { reader } = await read();
    const schemas = [...reader.schemasById.values()];
    expect(schemas.map(({ name, encoding }) => [name, encoding])).toEqual([
      ['robot', 'jsonschema'],
      ['cell.arm', 'jsonschema'],
    ]);
    expect([...reader.channelsById.values()].map(({ messageEncoding }) => messageEncoding)).toEqual(['json', 'json']);
    expect(schemas.map(({ data }) => JSON.parse(Buffer.from(data).toString()))).toEqual([
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: 'robot',
        type: 'object',
        properties: {
          x: { type: 'number', description: 'position [m]', unit: 'm', fmiType: 'Float64' },
          q: { type: 'array', items: { type: 'number' }, description: '[rad]', unit: 'rad', fmiType: 'Float64' },
          stopped: { type: 'boolean', fmiType: 'Boolean' },
          mode: { type: 'integer', fmiType: 'Enumeration' },
        },
      },
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: 'cell.arm',
        type: 'object',
        properties: {
          count: { type: 'integer', fmiType: 'UInt64' },
          state: { type: 'string', fmiType: 'String' },
          raw: { type: 'string', contentEncoding: 'base64', fmiType: 'Binary' },
        },
      },
    ]);
  });

  it.each([
    ['elements in their order, from 0 or 1', ['q[0]', 'q[1]', 'p[1]', 'p[2]', 'p[3]'], '{"q":[1,2],"p":[3,4,5]}'],
    ['no others', ['q[0]', 'q[2]', 'p[1,1]', 'p[1,2]', 's[5]'], '{"q[0]":1,"q[2]":2,"p[1,1]":3,"p[1,2]":4,"s[5]":5}'],
    ['none of two arrays', ['a[0]', 'b[0]', 'b[1]', 'a[1]', 'x'], '{"a[0]":1,"b":[2,3],"a[1]":4,"x":5}'],
  ])('makes arrays of %s', async (_, names, expected) => {
    await record(
      names.map((name) => column(`c.${name}`, 'float', 'Float64')),
      [[0, 1, 2, 3, 4, 5]],
    );
    expect((await read()).messages).toEqual([['/c', 0n, expected]]);
  });

  it('tells of the run, and counts log times from its wall clock if asked to', async () => {
    const originNs = 1_767_544_884_250_000_000n;
    await record(COUNTER, counting(0, 3), { originNs, about: { system: 'estop', node: process.version } });
    const { reader, messages, metadata } = await read();
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(reader.header).toMatchObject({ profile: '', library: `twinbridge ${version}` });
    expect(metadata.map(({ name, metadata: map }) => [name, Object.fromEntries(map)])).toEqual([
      ['twinbridge', { version, system: 'estop', node: process.version, origin: `${originNs}` }],
    ]);
    expect(messages.map(([, time]) => time - originNs)).toEqual([0n, 100_000_000n, 200_000_000n]);
  });

  it('has its log times from 0 on where the run begins before, in all of its files', async () => {
    const sink = await openSink({ file, format: 'mcap', roll: { rows: 2 } }, COUNTER);
    sink.write(
      batchOf(
        COUNTER,
        [-1.5, -0.5, 0.5].map((time, n) => [time, n, 0]),
      ),
    );
    sink.close();
    expect(readdirSync(folder)).toEqual(['results-000001.mcap', 'results-000002.mcap']);
    const both = await Promise.all(sink.files.map(read));
    expect(both.flatMap(({ messages }) => messages.map(([, time]) => time))).toEqual([
      0n,
      1_000_000_000n,
      2_000_000_000n,
    ]);
    expect(both.map(({ metadata }) => metadata[0]!.metadata.get('origin'))).toEqual(['1500000000', '1500000000']);
  });

  it('is cut into compressed chunks with an index, and counts what is in it', async () => {
    const rows = counting(0, 60_000);
    await record(COUNTER, rows);
    const { reader, messages } = await read();
    expect(messages.map(([, , text]) => text)).toEqual(rows.map(([, n, x]) => JSON.stringify({ n, x })));
    expect(reader.chunkIndexes.length).toBeGreaterThan(3);
    expect(new Set(reader.chunkIndexes.map(({ compression }) => compression))).toEqual(new Set(['zstd']));
    for (const { uncompressedSize } of reader.chunkIndexes)
      expect(Number(uncompressedSize)).toBeLessThan(1.1 * 2 ** 20);
    expect(statSync(file).size).toBeLessThan(60_000 * 45);
    expect(reader.statistics).toMatchObject({
      messageCount: 60_000n,
      channelCount: 1,
      schemaCount: 1,
      metadataCount: 1,
      chunkCount: reader.chunkIndexes.length,
      messageStartTime: 0n,
      messageEndTime: 5_999_900_000_000n,
    });
    const part: bigint[] = [];
    for await (const { logTime } of reader.readMessages({
      startTime: 1_000_000_000_000n,
      endTime: 1_000_200_000_000n,
    })) {
      part.push(logTime);
    }
    expect(part).toEqual([1_000_000_000_000n, 1_000_100_000_000n, 1_000_200_000_000n]);
  });

  it('is whole where nothing was recorded', async () => {
    (await openSink({ file, format: 'mcap' }, [])).close();
    (await openSink({ file, format: 'mcap' }, COUNTER)).close();
    const { reader, messages, metadata } = await read();
    expect([messages.length, metadata.length, reader.channelsById.size]).toEqual([0, 1, 1]);
  });

  it('begins a new file at its limit of bytes, as compressed', async () => {
    const sink = await openSink({ file, format: 'mcap', roll: { bytes: 200_000, keep: 4 } }, COUNTER);
    for (let at = 0; at < 100_000; at += 1000) sink.write(batchOf(COUNTER, counting(at, at + 1000)));
    sink.close();
    expect(sink.files).toHaveLength(4);
    const sizes = sink.files.map((each) => statSync(each).size);
    for (const size of sizes.slice(0, -1)) {
      expect(size).toBeGreaterThan(160_000);
      expect(size).toBeLessThan(230_000);
    }
  });

  it('can be read after the process was killed, up to a moment before', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('endless.mjs', import.meta.url)), 'mcap', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let reached = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      reached = Number(text.trim().split('\n').at(-1));
    });
    await new Promise((resolve) => setTimeout(resolve, 4000));
    child.kill('SIGKILL');
    await once(child, 'close');
    const records = readStream(file);
    const numbers = records.flatMap((each) =>
      each.type === 'Message' ? [JSON.parse(Buffer.from(each.data).toString()).n] : [],
    );
    expect(numbers.findIndex((n, i) => n !== i)).toBe(-1);
    expect(numbers.length).toBeGreaterThan(0);
    expect(reached - numbers.length).toBeLessThan(0.6 * reached);
    expect(records.filter(({ type }) => type === 'Channel' || type === 'Schema' || type === 'Metadata')).toHaveLength(
      3,
    );
  });

  it.runIf(existsSync('/dev/full'))('for which the disk is full is an error', async () => {
    await expect(openSink({ file: '/dev/full', format: 'mcap' }, COUNTER)).rejects.toMatchObject({
      code: 'TB_MASTER_RESULTS',
      location: { file: '/dev/full' },
    });
  });
});

const found = pythonPackages('mcap');
describe.skipIf('missing' in found)('an MCAP file read by the package for Python', () => {
  it('has the same messages, schemas and metadata', async () => {
    await record(ROBOT, ROWS, { ...COMPONENTS, about: { system: 'estop' } });
    const script = fileURLToPath(new URL('read_mcap.py', import.meta.url));
    const { code, stdout, stderr } = await pythonCommand([script], JSON.stringify({ file }));
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      header: expect.stringMatching(/^twinbridge /),
      messages: [
        ['/robot', 0, { x: 1.5, q: [0.1, -0], stopped: true, mode: 3 }],
        ['/cell.arm', 0, { state: 'a "text"\n', raw: 'AQL/' }],
        ['/robot', 100_000_000, { x: null, q: [null, 1e-7], stopped: false }],
        ['/cell.arm', 100_000_000, { count: 0, state: 'ü😀', raw: '' }],
      ],
      encodings: ['jsonschema'],
      compression: ['zstd'],
      count: 4,
      metadata: { twinbridge: { system: 'estop', origin: '0' } },
    });
  });
});
