/**
 * What a recording is to the player: batches of timed rows, whatever the file format.
 *
 * A format takes part by implementing {@link ReplaySource}: one pass over its file per call of `read`, in file order,
 * pulled by the player, so that memory holds a batch and not the file.
 */
import type { Problem } from '../support/errors.js';
import type { CellRejection } from './cells.js';
import { RowError, type RowRejection } from './errors.js';

export interface RecordedRow {
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
  /** The members of the JSON object but for the time, as JSON text: `"tx":-0.1357,"ty":-1.4217`. May be empty. */
  readonly members: string;
}

export interface ReplaySource {
  /** For messages: a path or a URL. */
  readonly name: string;
  /** Why this source can be read once only, so that it cannot be looped; undefined if it can be read again. */
  readonly onlyOnce?: string;
  /** One pass from the beginning. What could not be used goes to `log`. */
  read(log: SourceLog): AsyncIterable<readonly RecordedRow[]>;
}

/** What to do with a row that cannot be replayed: end with its error, or leave it out and count it. */
export type BadRowPolicy = 'stop' | 'skip';

export interface SourceLogOptions {
  readonly badRows: BadRowPolicy;
  /** What was found out about the recording: its time column, the types of its columns. */
  readonly onNotice?: (text: string) => void;
  /** Each bad row that was skipped and each bad cell, the first {@link MAX_PROBLEMS_TOLD} of them. */
  readonly onProblem?: (problem: Problem) => void;
}

/** After this many the problems are only counted: a broken file of 10 GB must not fill the terminal or the log. */
export const MAX_PROBLEMS_TOLD = 20;

/** Counts what a source read and what it could not use, over all passes. */
export class SourceLog {
  rowsRead = 0;
  readonly rowsSkipped: Map<RowRejection, number> = new Map();
  readonly cellErrors: Map<CellRejection, number> = new Map();
  readonly #options: SourceLogOptions;
  #problemsTold = 0;
  #noticesTold = new Set<string>();

  constructor(options: SourceLogOptions) {
    this.#options = options;
  }

  /** Told once, also when a loop meets it again. */
  notice(text: string): void {
    if (this.#noticesTold.has(text)) return;
    this.#noticesTold.add(text);
    this.#options.onNotice?.(text);
  }

  /** Throws {@link RowError} unless bad rows are to be skipped. */
  rejectRow(reason: RowRejection, problem: Problem): void {
    if (this.#options.badRows === 'stop') {
      throw new RowError(reason, problem.message, problem.location, problem.remedy);
    }
    this.rowsSkipped.set(reason, (this.rowsSkipped.get(reason) ?? 0) + 1);
    this.#tell(() => problem);
  }

  /** The problem is a function since a place in the file costs more to work out than to count. */
  rejectCell(reason: CellRejection, problem: () => Problem): void {
    this.cellErrors.set(reason, (this.cellErrors.get(reason) ?? 0) + 1);
    this.#tell(problem);
  }

  #tell(problem: () => Problem): void {
    if (this.#problemsTold === MAX_PROBLEMS_TOLD || this.#options.onProblem === undefined) return;
    this.#problemsTold += 1;
    this.#options.onProblem(problem());
    if (this.#problemsTold === MAX_PROBLEMS_TOLD) this.notice('further bad rows and cells are counted, not told');
  }
}

/**
 * The rows of one batch, without those that `encode` rejected. Where a row ends the replay with an error, the rows
 * before it come first: where a replay stops must not depend on how the bytes were cut into batches.
 */
export function* encodeBatch<T>(
  items: readonly T[],
  encode: (item: T) => RecordedRow | undefined,
): Iterable<readonly RecordedRow[]> {
  const rows: RecordedRow[] = [];
  try {
    for (const item of items) {
      const row = encode(item);
      if (row !== undefined) rows.push(row);
    }
  } catch (error) {
    yield rows;
    throw error;
  }
  yield rows;
}
