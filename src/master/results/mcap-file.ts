/**
 * A file of MCAP (https://mcap.dev/spec), written from beginning to end: chunks with an index each, a summary at its end.
 * The records are made by @mcap/core; its own writer is asynchronous, and a sink of results is not.
 *
 * The file grows only. One that a crash has cut off lacks its summary; what is in its whole chunks can be read from the
 * beginning to the end, and `mcap recover` makes a whole file of it.
 */
import { createRequire } from 'node:module';
import { crc32, crc32Final, crc32Init, crc32Update } from '@foxglove/crc';
import { McapChunkBuilder, McapRecordBuilder, type McapTypes, Opcode } from '@mcap/core';
import type { OutputFile } from './output-file.js';

type Zstd = typeof import('@foxglove/wasm-zstd');

let zstd: Zstd | undefined;

/** To be awaited once before a file is begun: WebAssembly is compiled asynchronously. */
export async function loadMcap(): Promise<void> {
  const loading = createRequire(import.meta.url)('@foxglove/wasm-zstd') as Zstd;
  await loading.isLoaded;
  zstd = loading;
}

/** Uncompressed; it takes 10 ms to compress. */
const CHUNK_BYTES = 1 << 20;
/** Of zstd: the fastest. */
const LEVEL = 1;
/** Of a message, behind its chunk. */
const INDEX_BYTES = 16;

export class McapFile {
  readonly #file: OutputFile;
  readonly #records = new McapRecordBuilder();
  readonly #chunk = new McapChunkBuilder({});
  readonly #schemas: McapTypes.Schema[] = [];
  readonly #channels: McapTypes.Channel[] = [];
  readonly #chunks: McapTypes.ChunkIndex[] = [];
  readonly #metadata: McapTypes.MetadataIndex[] = [];
  readonly #statistics: McapTypes.Statistics = {
    messageCount: 0n,
    schemaCount: 0,
    channelCount: 0,
    attachmentCount: 0,
    metadataCount: 0,
    chunkCount: 0,
    messageStartTime: 0n,
    messageEndTime: 0n,
    channelMessageCounts: new Map(),
  };
  /** Of all that is written before the summary. */
  #dataCrc = crc32Init();
  /** Of the last chunk. */
  #compression = 1;

  constructor(file: OutputFile, header: McapTypes.Header) {
    this.#file = file;
    this.#records.writeMagic();
    this.#records.writeHeader(header);
    this.#writeData();
  }

  /** With what is in memory, as if it compressed like the last chunk. */
  get bytes(): number {
    const { byteLength, numMessages } = this.#chunk;
    return this.#file.bytes + Math.round(byteLength * this.#compression) + numMessages * INDEX_BYTES;
  }

  /** Schemas and channels stand before the chunks, so that each of these can be read without another. */
  addChannel(
    schema: Pick<McapTypes.Schema, 'name' | 'encoding' | 'data'>,
    channel: Pick<McapTypes.Channel, 'topic' | 'messageEncoding' | 'metadata'>,
  ): number {
    const id = this.#channels.length + 1;
    this.#schemas.push({ id, ...schema });
    this.#channels.push({ id, schemaId: id, ...channel });
    this.#statistics.schemaCount = id;
    this.#statistics.channelCount = id;
    this.#statistics.channelMessageCounts.set(id, 0n);
    this.#records.writeSchema(this.#schemas.at(-1)!);
    this.#records.writeChannel(this.#channels.at(-1)!);
    this.#writeData();
    return id;
  }

  addMetadata(metadata: McapTypes.Metadata): void {
    const offset = BigInt(this.#file.bytes);
    const length = this.#records.writeMetadata(metadata);
    this.#metadata.push({ offset, length, name: metadata.name });
    this.#statistics.metadataCount += 1;
    this.#writeData();
  }

  /** The times of messages never go down. */
  addMessage(channelId: number, time: bigint, data: Uint8Array): void {
    const statistics = this.#statistics;
    const sequence = statistics.channelMessageCounts.get(channelId)! + 1n;
    statistics.channelMessageCounts.set(channelId, sequence);
    if (statistics.messageCount === 0n) statistics.messageStartTime = time;
    statistics.messageEndTime = time;
    statistics.messageCount += 1n;
    this.#chunk.addMessage({
      channelId,
      sequence: Number(sequence & 0xffffffffn),
      logTime: time,
      publishTime: time,
      data,
    });
    if (this.#chunk.byteLength >= CHUNK_BYTES) this.endChunk();
  }

  endChunk(): void {
    const chunk = this.#chunk;
    if (chunk.numMessages === 0) return;
    const raw = chunk.buffer;
    const compressed = zstd === undefined ? raw : zstd.compress(raw, LEVEL);
    const compression = zstd === undefined ? '' : 'zstd';
    const { messageStartTime, messageEndTime } = chunk;
    const uncompressedSize = BigInt(raw.length);
    this.#compression = compressed.length / raw.length;

    const start = BigInt(this.#file.bytes);
    const chunkLength = this.#records.writeChunk({
      messageStartTime,
      messageEndTime,
      uncompressedSize,
      uncompressedCrc: crc32(raw),
      compression,
      records: compressed,
    });
    const messageIndexOffsets = new Map<number, bigint>();
    let messageIndexLength = 0n;
    for (const index of chunk.indices) {
      messageIndexOffsets.set(index.channelId, start + chunkLength + messageIndexLength);
      messageIndexLength += this.#records.writeMessageIndex(index);
    }
    chunk.reset();
    this.#writeData();
    this.#statistics.chunkCount += 1;
    this.#chunks.push({
      messageStartTime,
      messageEndTime,
      chunkStartOffset: start,
      chunkLength,
      messageIndexOffsets,
      messageIndexLength,
      compression,
      compressedSize: BigInt(compressed.length),
      uncompressedSize,
    });
  }

  /** The summary: what is in the file, and where. */
  end(): void {
    this.endChunk();
    this.#records.writeDataEnd({ dataSectionCrc: crc32Final(this.#dataCrc) });
    this.#flush();

    const records = this.#records;
    const summaryStart = BigInt(this.#file.bytes);
    const groups = [
      [Opcode.SCHEMA, () => this.#schemas.forEach((schema) => void records.writeSchema(schema))],
      [Opcode.CHANNEL, () => this.#channels.forEach((channel) => void records.writeChannel(channel))],
      [Opcode.STATISTICS, () => void records.writeStatistics(this.#statistics)],
      [Opcode.METADATA_INDEX, () => this.#metadata.forEach((index) => void records.writeMetadataIndex(index))],
      [Opcode.CHUNK_INDEX, () => this.#chunks.forEach((index) => void records.writeChunkIndex(index))],
    ] as const;
    const offsets = groups.map(([groupOpcode, write]) => {
      const start = records.length;
      write();
      return { groupOpcode, groupStart: summaryStart + BigInt(start), groupLength: BigInt(records.length - start) };
    });
    const summaryOffsetStart = summaryStart + BigInt(records.length);
    for (const offset of offsets) if (offset.groupLength > 0n) records.writeSummaryOffset(offset);
    // The checksum covers the footer up to itself, its last four bytes.
    const footerStart = records.length;
    records.writeFooter({ summaryStart, summaryOffsetStart, summaryCrc: 0 });
    const summaryCrc = crc32(records.buffer.subarray(0, records.length - 4));
    const summary = records.buffer.slice(0, footerStart);
    records.reset();
    this.#file.write(summary);
    records.writeFooter({ summaryStart, summaryOffsetStart, summaryCrc });
    records.writeMagic();
    this.#flush();
  }

  /** Writes the records made since the last call, which are not of the summary. */
  #writeData(): void {
    this.#dataCrc = crc32Update(this.#dataCrc, this.#records.buffer);
    this.#flush();
  }

  #flush(): void {
    const bytes = this.#records.buffer;
    this.#records.reset();
    this.#file.write(bytes);
  }
}
