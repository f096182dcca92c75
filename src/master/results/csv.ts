/**
 * Results as CSV (RFC 4180): `time` and one column a variable, one row a communication point.
 *
 * Numbers are written with the fewest digits that read back as the same double, Booleans as true and false, texts in
 * quotes, bytes in quotes as hexadecimal digits; the native library formats them. Rows go to the file itself, not to a
 * temporary one, so that they survive a crash: at once in a paced run, else at the latest after `FLUSH_MS` or when the
 * buffer is full, when the next batch comes.
 */
import { csvRows } from '../../native/index.js';
import type { FileSink, SinkOptions } from './file-sink.js';
import { OutputFile } from './output-file.js';
import { CELL_KINDS, type ResultColumn, type RowBatch } from './rows.js';

/** ms */
const FLUSH_MS = 20;
const BUFFER_BYTES = 1 << 20;
const LINE_END = '\r\n';

export class CsvSink implements FileSink {
  readonly #file: OutputFile;
  readonly #kinds: Uint8Array;
  readonly #unbuffered: boolean;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #buffered = 0;
  #flushedMs = performance.now();

  /** Creates or empties `file`, with its folder. Throws {@link ResultsError}. */
  constructor(file: string, columns: readonly ResultColumn[], options: SinkOptions = {}) {
    this.#kinds = Uint8Array.from(['float', ...columns.map(({ kind }) => kind)] as const, (kind) =>
      CELL_KINDS.indexOf(kind),
    );
    this.#unbuffered = options.unbuffered ?? false;
    this.#file = new OutputFile(file);
    this.#file.write(Buffer.from(csvHeader(columns)));
  }

  get files(): readonly string[] {
    return [this.#file.path];
  }

  /** Of the file, with what is still in the buffer. */
  get bytes(): number {
    return this.#file.bytes + this.#buffered;
  }

  write(batch: RowBatch): void {
    let done = 0;
    while (done < batch.rows) {
      const { rows, bytes } = csvRows(batch, this.#kinds, done, this.#buffer.subarray(this.#buffered));
      done += rows;
      this.#buffered += bytes;
      if (done === batch.rows) break;
      // The row did not fit: into the whole buffer it does, or else, with very long texts, into a larger one.
      if (this.#buffered > 0) this.flush();
      else this.#buffer = Buffer.allocUnsafeSlow(2 * this.#buffer.length);
    }
    if (this.#unbuffered || performance.now() - this.#flushedMs > FLUSH_MS) this.flush();
  }

  flush(): void {
    const bytes = this.#buffer.subarray(0, this.#buffered);
    this.#buffered = 0;
    this.#flushedMs = performance.now();
    this.#file.write(bytes);
  }

  close(): void {
    try {
      this.flush();
    } finally {
      this.#file.close();
    }
  }
}

function csvHeader(columns: readonly ResultColumn[]): string {
  return ['time', ...columns.map(({ name }) => name)].map(quoteIfNeeded).join(',') + LINE_END;
}

function quoteIfNeeded(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
