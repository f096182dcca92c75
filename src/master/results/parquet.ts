/**
 * Results as Parquet: a column `time` and one of its own type for each variable, none of them nullable.
 *
 * Rows are gathered in memory and written as a row group when there are enough of them. A Parquet file can be read only
 * if its footer is there, so behind each row group a footer is written, over which the next one goes: the file is whole
 * at any time but during the write itself. Every now and then (see {@link saveIntervalMs}), and on `flush`, the rows in memory
 * are saved as a row group that is not yet full; the next, with more rows, takes its place. A crash loses what came after.
 *
 * What the columns are is in the footer, key `twinbridge`: JSON with what the run told of itself and of each column the
 * name, the type in words of FMI, unit and description.
 */
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { twinbridgeVersion } from '../../support/version.js';
import { type FileSink, type SinkOptions, saveIntervalMs } from './file-sink.js';
import { OutputFile } from './output-file.js';
import type { ResultColumn, RowBatch } from './rows.js';
import { decodeText, textAt } from './texts.js';

/** Of a row group: 4 MB, which take 25 ms to encode. */
const CELLS_OF_A_GROUP = 1 << 19;
const ROWS_OF_A_GROUP = 1 << 17;
const TEXT_BYTES_OF_A_GROUP = 1 << 22;
/** Rows stay in memory only for longer where saving takes more than a twentieth of the time. */
const SAVE_SHARE = 20;
/** Larger than any row group: a page for each of its columns. */
const PAGE_BYTES = 1 << 30;

export class ParquetSink implements FileSink {
  readonly #file: OutputFile;
  readonly #columns: readonly Column[];
  readonly #rowsOfAGroup: number;
  readonly #saveMs: number;
  readonly #writer = new ByteWriter();
  readonly #parquet: ParquetWriter;
  /** Where the next row group begins; the footer is behind it now. */
  #end = 0;
  /** In memory. */
  #rows = 0;
  #textBytes = 0;
  /** Those of `#rows` that are in the file as well. */
  #savedRows = 0;
  #nextSaveMs: number;
  /** Of the last row group. */
  #compression = 1;
  #footerBytes = 0;
  #closed = false;

  /** Creates or empties `file`, with its folder. Throws {@link ResultsError}. */
  constructor(file: string, columns: readonly ResultColumn[], options: SinkOptions = {}) {
    const cellsPerRow = columns.length + 1;
    this.#rowsOfAGroup = Math.max(1, Math.min(ROWS_OF_A_GROUP, Math.floor(CELLS_OF_A_GROUP / cellsPerRow)));
    this.#saveMs = saveIntervalMs(options);
    this.#nextSaveMs = performance.now() + this.#saveMs;
    this.#columns = [TIME, ...columns].map((column) => createColumn(column, this.#rowsOfAGroup));
    this.#file = new OutputFile(file);
    const version = twinbridgeVersion();
    const described = { version, ...options.about, columns: [TIME, ...columns] };
    this.#parquet = new ParquetWriter({
      writer: this.#writer,
      schema: [{ name: 'results', num_children: cellsPerRow }, ...this.#columns.map(({ element }) => element)],
      kvMetadata: [{ key: 'twinbridge', value: JSON.stringify(described) }],
      createdBy: `twinbridge version ${version}`,
    });
    this.#writeEnd({ full: true });
  }

  get files(): readonly string[] {
    return [this.#file.path];
  }

  /** What is in memory counts as if it compressed like what was written last. */
  get bytes(): number {
    const inMemory = this.#rows * 8 * this.#columns.length + this.#textBytes;
    return this.#end + Math.round(inMemory * this.#compression) + this.#footerBytes;
  }

  measure(): void {
    this.flush();
  }

  write(batch: RowBatch): void {
    for (let done = 0; done < batch.rows; ) {
      // Still, when the disk was full.
      if (this.#isFull) this.#save({ full: true });
      const rows = Math.min(batch.rows - done, this.#rowsOfAGroup - this.#rows);
      this.#columns.forEach((column, cell) => {
        this.#textBytes += column.take(batch, cell, done, rows, this.#rows);
      });
      done += rows;
      this.#rows += rows;
      if (this.#isFull) this.#save({ full: true });
    }
    if (performance.now() >= this.#nextSaveMs) this.flush();
  }

  flush(): void {
    if (this.#rows > this.#savedRows) this.#save({ full: false });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.flush();
    } finally {
      this.#file.close();
    }
  }

  get #isFull(): boolean {
    return this.#rows === this.#rowsOfAGroup || this.#textBytes >= TEXT_BYTES_OF_A_GROUP;
  }

  /** Full, a row group stays as it is. */
  #save({ full }: { full: boolean }): void {
    const begun = performance.now();
    this.#writeEnd({ full });
    this.#savedRows = this.#rows;
    if (full) {
      this.#rows = 0;
      this.#savedRows = 0;
      this.#textBytes = 0;
    }
    const now = performance.now();
    this.#nextSaveMs = now + Math.max(this.#saveMs, SAVE_SHARE * (now - begun));
  }

  /** The rows in memory, if there are any, and a footer, from `#end` on. */
  #writeEnd({ full }: { full: boolean }): void {
    const writer = this.#writer;
    const parquet = this.#parquet;
    const groups = parquet.row_groups.length;
    const rowsBefore = parquet.num_rows;
    const rows = this.#rows;
    if (groups > 0 || this.#end > 0) {
      writer.index = 0;
      writer.offset = this.#end;
    }
    if (rows > 0) {
      parquet.write({
        columnData: this.#columns.map((column) => ({
          name: column.element.name,
          data: column.values(rows),
          offsetIndex: false,
        })),
        rowGroupSize: rows,
        pageSize: PAGE_BYTES,
      });
      this.#compression = writer.index / (rows * 8 * this.#columns.length + this.#textBytes);
    }
    const bodyBytes = writer.index;
    const forget = () => {
      parquet.row_groups.length = groups;
      parquet.pendingIndexes.length = 0;
      parquet.num_rows = rowsBefore;
    };
    try {
      parquet.finish();
      this.#file.replaceEnd(this.#end, writer.getBytes());
      this.#footerBytes = writer.index - bodyBytes;
    } catch (error) {
      // The footer of before is gone: what it told of is lost, unless it is written again. It fits where it was.
      forget();
      if (this.#end > 0) {
        writer.index = 0;
        writer.offset = this.#end;
        parquet.finish();
        this.#file.replaceEnd(this.#end, writer.getBytes());
      }
      throw error;
    }
    if (full) {
      this.#end += bodyBytes;
      parquet.pendingIndexes.length = 0;
    } else forget();
  }
}

const TIME: ResultColumn = { name: 'time', kind: 'float', type: 'Float64', unit: 's', description: 'simulated time' };

/** The rows in memory of one column. */
interface Column {
  readonly element: SchemaElement;
  /** Takes `count` rows of a batch from `first` on, to row `to`; returns the bytes of their texts. */
  take(batch: RowBatch, cell: number, first: number, count: number, to: number): number;
  values(rows: number): ColumnValues;
}

type ColumnValues = Float64Array | Float32Array | Int32Array | BigInt64Array | BigUint64Array | unknown[];

function createColumn(column: ResultColumn, capacity: number): Column {
  const element: SchemaElement = { name: column.name, repetition_type: 'REQUIRED', ...physicalType(column) };
  switch (element.type) {
    case 'DOUBLE':
      return numbers(element, new Float64Array(capacity), ({ floats }, at) => floats[at]!);
    case 'FLOAT':
      return numbers(element, new Float32Array(capacity), ({ floats }, at) => floats[at]!);
    case 'INT32':
      return numbers(element, new Array<number>(capacity), ({ integers }, at) => Number(integers[at]!));
    case 'INT64':
      return column.kind === 'unsigned'
        ? numbers(element, new BigUint64Array(capacity), ({ integers }, at) => BigInt.asUintN(64, integers[at]!))
        : numbers(element, new BigInt64Array(capacity), ({ integers }, at) => integers[at]!);
    case 'BOOLEAN':
      return numbers(element, new Array<boolean>(capacity), ({ integers }, at) => integers[at] !== 0n);
    default:
      return texts(element, column.kind === 'text' ? decodeText : (bytes) => bytes.slice());
  }
}

function numbers<Value>(
  element: SchemaElement,
  values: ColumnValues & { [index: number]: Value },
  read: (batch: RowBatch, at: number) => Value,
): Column {
  return {
    element,
    take(batch, cell, first, count, to) {
      let at = first * batch.cellsPerRow + cell;
      for (let i = 0; i < count; i++, at += batch.cellsPerRow) values[to + i] = read(batch, at);
      return 0;
    },
    values: (rows) => values.slice(0, rows),
  };
}

function texts(element: SchemaElement, read: (bytes: Uint8Array) => string | Uint8Array): Column {
  const values: (string | Uint8Array)[] = [];
  return {
    element,
    take(batch, cell, first, count, to) {
      let taken = 0;
      values.length = to;
      for (let row = first; row < first + count; row++) {
        const bytes = textAt(batch, row * batch.cellsPerRow + cell);
        taken += bytes.length;
        values.push(read(bytes));
      }
      return taken;
    },
    values: (rows) => values.slice(0, rows),
  };
}

/** Widths of whole numbers, by the names of both versions of FMI. An Enumeration of FMI 3.0 has 64 bits. */
const SMALL_INTEGERS: Readonly<Record<string, Pick<SchemaElement, 'type' | 'converted_type'>>> = {
  Integer: { type: 'INT32' },
  Int8: { type: 'INT32', converted_type: 'INT_8' },
  Int16: { type: 'INT32', converted_type: 'INT_16' },
  Int32: { type: 'INT32' },
  UInt8: { type: 'INT32', converted_type: 'UINT_8' },
  UInt16: { type: 'INT32', converted_type: 'UINT_16' },
  UInt32: { type: 'INT32', converted_type: 'UINT_32' },
};

function physicalType({ kind, type }: ResultColumn): Pick<SchemaElement, 'type' | 'converted_type'> {
  switch (kind) {
    case 'float':
      return { type: type === 'Float32' ? 'FLOAT' : 'DOUBLE' };
    case 'integer':
      return SMALL_INTEGERS[type] ?? { type: 'INT64' };
    case 'unsigned':
      return SMALL_INTEGERS[type] ?? { type: 'INT64', converted_type: 'UINT_64' };
    case 'boolean':
      return { type: 'BOOLEAN' };
    case 'text':
      return { type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    case 'bytes':
      return { type: 'BYTE_ARRAY' };
  }
}
