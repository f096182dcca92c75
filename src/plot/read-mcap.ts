/** Results from MCAP, as the master writes it: messages of JSON, a topic for each component, units in the JSON Schemas. */
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { McapIndexedReader } from '@mcap/core';
import { chooseColumns } from './choose-columns.js';
import { PlotInputError } from './errors.js';
import { ColumnBuilder, Numbers, type PlotKind, type PlotTable, type TableSelection } from './table.js';

export async function readMcap(file: string, selection: TableSelection): Promise<PlotTable> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const zstd = createRequire(import.meta.url)('@foxglove/wasm-zstd') as typeof import('@foxglove/wasm-zstd');
    await zstd.isLoaded;
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(size),
        read: async (offset, length) => {
          const { buffer } = await handle.read(Buffer.alloc(Number(length)), 0, Number(length), Number(offset));
          return buffer;
        },
      },
      decompressHandlers: { zstd: (bytes, length) => zstd.decompress(bytes, Number(length)) },
    }).catch((cause: Error) => {
      throw new PlotInputError(`${file} is no whole MCAP file: ${cause.message}`, {
        cause,
        location: { file },
        remedy: "'mcap recover' makes a whole file of one that was cut off",
      });
    });
    return await readTable(file, reader, selection);
  } finally {
    await handle.close();
  }
}

interface Property {
  readonly type?: string;
  readonly unit?: string;
  readonly items?: { readonly type?: string };
  readonly contentEncoding?: string;
}

async function readTable(file: string, reader: McapIndexedReader, selection: TableSelection): Promise<PlotTable> {
  const properties = new Map<number, [prefix: string, Map<string, Property>]>();
  for (const [id, { schemaId, topic, messageEncoding }] of reader.channelsById) {
    const schema = reader.schemasById.get(schemaId);
    if (messageEncoding !== 'json' || schema?.encoding !== 'jsonschema') continue;
    const { properties: found = {} } = JSON.parse(Buffer.from(schema.data).toString()) as {
      properties?: Readonly<Record<string, Property>>;
    };
    properties.set(id, [topic.replace(/^\//, ''), new Map(Object.entries(found))]);
  }
  let origin = 0n;
  for await (const { metadata } of reader.readMetadata({ name: 'twinbridge' })) {
    origin = BigInt(metadata.get('origin') ?? 0);
  }

  const time = new Numbers();
  /** How long arrays are shows only in the messages. */
  const builders = new Map<string, ColumnBuilder>();
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = selection;
  let row = -1;
  let rowTime: bigint | undefined;
  const put = (name: string, { unit }: Property, kind: PlotKind, value: unknown) => {
    let builder = builders.get(name);
    if (builder === undefined) {
      builder = new ColumnBuilder(name, { unit, kind });
      builders.set(name, builder);
    }
    while (builder.rows < row) builder.push(undefined);
    builder.push((value ?? undefined) as number | undefined);
  };
  for await (const { channelId, logTime, data } of reader.readMessages()) {
    const [prefix, known] = properties.get(channelId) ?? [];
    if (prefix === undefined || known === undefined) continue;
    const seconds = Number(logTime - origin) / 1e9;
    if (seconds < from || seconds > to) continue;
    if (logTime !== rowTime) {
      time.push(seconds);
      rowTime = logTime;
      row += 1;
    }
    const message = JSON.parse(Buffer.from(data).toString()) as Readonly<Record<string, unknown>>;
    for (const [name, property] of known) {
      const kind = kindOf(property.items?.type ?? property.type);
      if (kind === undefined || property.contentEncoding !== undefined) continue;
      const value = message[name];
      if (!Array.isArray(value)) put(`${prefix}.${name}`, property, kind, value);
      else value.forEach((element, i) => void put(`${prefix}.${name}[${i}]`, property, kind, element));
    }
  }
  const chosen = chooseColumns(file, [...builders.keys()], selection.variables);
  const columns = chosen.flatMap((name) => {
    const builder = builders.get(name)!;
    while (builder.rows <= row) builder.push(undefined);
    return builder.build() ?? [];
  });
  return { time: time.values, columns };
}

function kindOf(type: string | undefined): PlotKind | undefined {
  if (type === 'number') return 'real';
  if (type === 'string') return 'text';
  return type === 'integer' || type === 'boolean' ? type : undefined;
}
