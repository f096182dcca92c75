/**
 * Rows of results as the step plan's executor leaves them in native memory, and where they go.
 *
 * A cell has 8 bytes, a row is the time and then one cell a column: a double; a whole number as int64 or uint64; a truth
 * value as int64 0 or 1; a text or bytes as two uint32, offset and length in the batch's `texts`.
 */
import type { NativeRows } from '../../native/index.js';

export const CELL_KINDS = ['float', 'integer', 'unsigned', 'boolean', 'text', 'bytes'] as const;
export type CellKind = (typeof CELL_KINDS)[number];

export interface ResultColumn {
  /** `component.variable`; elements of arrays have their index in brackets. */
  readonly name: string;
  readonly kind: CellKind;
  /** As the FMU's version of FMI calls it. */
  readonly type: string;
  readonly unit?: string;
  readonly description?: string;
}

/** Valid until the next batch of the same recording is asked for: whoever keeps values copies them. */
export type RowBatch = NativeRows;

/** A file of results, or several. Methods throw {@link ResultsError}, for instance when the disk is full. */
export interface ResultSink {
  /** Written so far and still there, oldest first. */
  readonly files: readonly string[];
  write(batch: RowBatch): void;
  /** What was written survives a crash of this process from here on, as far as the format allows. */
  flush(): void;
  /** The files are complete. May be called again. */
  close(): void;
}
