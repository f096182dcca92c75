// @ts-nocheck
/**
 * Results as CSV (RFC 4180): `time` and one column a variable, one row a communication point.
 *
 * Numbers are written with the fewest digits that read back as the same double, Booleans as true and false, texts in
 * quotes. Rows go to the file itself, not to a temporary one, so that they survive a crash: at once in a paced run, else
 * at the latest after `FLUSH_MS` or `MAX_BUFFERED` when the next row comes.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ResultsError } from './errors.js';
import type { VariableValue } from './report.js';

/** ms */
const FLUSH_MS = 20;
/** Characters. */
const MAX_BUFFERED = 64 * 1024;
const LINE_END = '\r\n';

export class CsvResults {
  readonly file: string;
  readonly #descriptor: number;
  readonly #readers: readonly (() => VariableValue)[];
  readonly #unbuffered: boolean;
  #buffered = '';
  #flushedMs = 0;

  /** Creates or empties `file`, with its folder. `names` and `readers` belong together. Throws {@link ResultsError}. */
  constructor(
    file: string,
    names: readonly string[],
    readers: readonly (() => VariableValue)[],
    options: { readonly unbuffered: boolean },
  ) {
    this.file = file;
    this.#readers = readers;
    this.#unbuffered = options.unbuffered;
    try {
      mkdirSync(dirname(file), { recursive: true });
      this.#descriptor = openSync(file, 'w');
    } catch (cause) {
      throw new ResultsError(`cannot write the results to ${file}: ${(cause as Error).message}`, {
        cause,
        location: { file },
        remedy: 'choose another file with --results',
      });
    }
    this.#buffered = ['time', ...names].map(quoteIfNeeded).join(',') + LINE_END;
  }

  /** Adds the row of a communication point. */
  write(time: number): void {
    let row = formatNumber(time);
    for (const read of this.#readers) row += `,${formatValue(read())}`;
    this.#buffered += row + LINE_END;
    const now = performance.now();
    if (this.#unbuffered || this.#buffered.length > MAX_BUFFERED || now - this.#flushedMs > FLUSH_MS) {
      this.flush();
      this.#flushedMs = now;
    }
  }

  /** Throws {@link ResultsError}, for instance when the disk is full. */
  flush(): void {
    let bytes = Buffer.from(this.#buffered, 'utf8');
    this.#buffered = '';
    try {
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(this.#descriptor, bytes));
    } catch (cause) {
      throw new ResultsError(`cannot write the results to ${this.file}: ${(cause as Error).message}`, {
        cause,
        location: { file: this.file },
        remedy: 'make room, or choose another file with --results',
      });
    }
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }
}

function formatValue(value: VariableValue): string {
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'string' ? quote(value) : String(value);
}

/** `String` writes the shortest digits that read back the same, but drops the sign of zero. */
function formatNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function quoteIfNeeded(name: string): string {
  return /[",\r\n]/.test(name) ? quote(name) : name;
}
