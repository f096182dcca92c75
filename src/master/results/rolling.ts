/**
 * Results in several files, `results-000001.csv` and so on: the next one is begun at the first limit of
 * {@link RollSettings} that is reached, and only the newest are kept.
 *
 * A file has at most `rows` rows. It covers at most `seconds` of simulated time, counted from the first row of the run,
 * so that limits do not drift. Of `bytes` it has about so many, never many more: a row or two with CSV; with formats that
 * are written in pieces, up to the size of a piece.
 */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, parse } from 'node:path';
import type { RollSettings } from '../../system/index.js';
import { ResultsError } from '../errors.js';
import type { FileSink } from './file-sink.js';
import type { ResultSink, RowBatch } from './rows.js';

const DIGITS = 6;
/** Of an interval of time: a row so little before its end is one of the next, whatever binary fractions do. */
const TIME_TOLERANCE = 1e-9;
/** What a cell is thought to take, until there are rows to go by. */
const BYTES_OF_A_CELL = 26;
/** Of a limit: near enough not to measure again and again. */
const NEARLY = 0.9;

export class RollingSink implements ResultSink {
  readonly #file: string;
  readonly #settings: RollSettings;
  readonly #open: (file: string) => FileSink;
  readonly #files: string[] = [];
  #current: FileSink;
  #number = 0;
  /** In the current file. */
  #rows = 0;
  /** Of the current file before its first row. */
  #emptyBytes = 0;
  /** Time of the first row of the run. */
  #origin: number | undefined;
  /** Number of the interval of `seconds` that the current file is of. */
  #interval = 0;

  /**
   * Deletes the files of an earlier run of the same name, and begins the first. `open` makes a sink of one file. Throws
   * {@link ResultsError}.
   */
  constructor(file: string, settings: RollSettings, open: (file: string) => FileSink) {
    this.#file = file;
    this.#settings = settings;
    this.#open = open;
    for (const stale of numberedFiles(file)) remove(stale);
    this.#current = this.#next();
  }

  get files(): readonly string[] {
    return this.#files;
  }

  write(batch: RowBatch): void {
    const { cellsPerRow } = batch;
    let done = 0;
    while (done < batch.rows) {
      if (this.#isFull(batch, done)) {
        this.#current.close();
        this.#current = this.#next();
      }
      const end = done + this.#fitting(batch, done);
      if (this.#rows === 0) this.#interval = this.#intervalOf(batch.floats[done * cellsPerRow]!);
      this.#current.write(rowsOf(batch, done, end));
      this.#rows += end - done;
      done = end;
    }
  }

  flush(): void {
    this.#current.flush();
  }

  close(): void {
    this.#current.close();
  }

  #next(): FileSink {
    this.#number += 1;
    const { dir, name, ext } = parse(this.#file);
    const file = join(dir, `${name}-${String(this.#number).padStart(DIGITS, '0')}${ext}`);
    const sink = this.#open(file);
    this.#files.push(file);
    const { keep = Number.POSITIVE_INFINITY } = this.#settings;
    while (this.#files.length > keep) remove(this.#files.shift()!);
    this.#rows = 0;
    this.#emptyBytes = sink.bytes;
    return sink;
  }

  /** Whether row `at` is one of the next file. No file is without a row. */
  #isFull({ floats, cellsPerRow }: RowBatch, at: number): boolean {
    const { rows = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = this.#settings;
    if (this.#rows === 0) return false;
    if (this.#rows >= rows || this.#intervalOf(floats[at * cellsPerRow]!) !== this.#interval) return true;
    if (!this.#reaches(bytes, cellsPerRow)) return false;
    if (this.#current.measure === undefined) return true;
    this.#current.measure();
    return this.#reaches(bytes * NEARLY, cellsPerRow);
  }

  #reaches(bytes: number, cellsPerRow: number): boolean {
    return this.#current.bytes + this.#bytesOfARow(cellsPerRow) > bytes;
  }

  /** How many rows from `at` on, at least one, are surely of the same file. */
  #fitting({ rows, floats, cellsPerRow }: RowBatch, at: number): number {
    const { rows: mostRows = Number.POSITIVE_INFINITY, bytes, seconds } = this.#settings;
    let fitting = Math.min(rows - at, mostRows - this.#rows);
    if (bytes !== undefined) {
      // Rows may grow: half of the way at a time.
      const room = (bytes - this.#current.bytes) / this.#bytesOfARow(cellsPerRow);
      fitting = Math.min(fitting, Math.floor(room / 2));
    }
    if (seconds !== undefined) {
      const interval = this.#intervalOf(floats[at * cellsPerRow]!);
      let same = 1;
      while (same < fitting && this.#intervalOf(floats[(at + same) * cellsPerRow]!) === interval) same++;
      fitting = same;
    }
    return Math.max(fitting, 1);
  }

  #bytesOfARow(cellsPerRow: number): number {
    if (this.#rows === 0) return cellsPerRow * BYTES_OF_A_CELL;
    return (this.#current.bytes - this.#emptyBytes) / this.#rows;
  }

  #intervalOf(time: number): number {
    const { seconds } = this.#settings;
    if (seconds === undefined) return 0;
    this.#origin ??= time;
    return Math.floor((time - this.#origin) / seconds + TIME_TOLERANCE);
  }
}

/** The same memory. */
function rowsOf(batch: RowBatch, from: number, to: number): RowBatch {
  if (from === 0 && to === batch.rows) return batch;
  const { cellsPerRow, floats, integers, texts } = batch;
  return {
    rows: to - from,
    cellsPerRow,
    floats: floats.subarray(from * cellsPerRow, to * cellsPerRow),
    integers: integers.subarray(from * cellsPerRow, to * cellsPerRow),
    texts,
  };
}

/** Those that are there already. */
function numberedFiles(file: string): string[] {
  const { name, ext } = parse(file);
  let entries: string[];
  try {
    entries = readdirSync(dirname(file));
  } catch {
    // The folder is made with the first file, or is none, which that will tell.
    return [];
  }
  return entries
    .filter((entry) => {
      const number = entry.slice(name.length + 1, entry.length - ext.length);
      return entry === `${name}-${number}${ext}` && new RegExp(`^\\d{${DIGITS},}$`).test(number);
    })
    .map((entry) => join(dirname(file), entry));
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (cause) {
    throw new ResultsError(`cannot delete ${basename(file)}, results of before: ${(cause as Error).message}`, {
      cause,
      location: { file },
      remedy: 'choose another file with --results, or keep more files',
    });
  }
}
