/** Rows of results formatted by the native library, straight from the memory that they lie in. */
import { loadNative } from './library.js';

/** `rows * cellsPerRow` cells of 8 bytes, row-major; their `texts` in UTF-8, and bytes. */
export interface CellMatrix {
  readonly rows: number;
  readonly cellsPerRow: number;
  readonly integers: BigInt64Array;
  readonly texts: Uint8Array;
}

export interface CsvProgress {
  /** Formatted; 0: the room is too small for one row. */
  readonly rows: number;
  /** Written. */
  readonly bytes: number;
}

const written = new BigUint64Array(1);

/**
 * Formats rows from `first` on as CSV, as many as surely fit into `to`. `kinds`: of each cell in a row, numbers of
 * `tb_cell_kind`. Throws a RangeError when a cell points outside of the matrix or of its texts.
 */
export function csvRows(matrix: CellMatrix, kinds: Uint8Array, first: number, to: Uint8Array): CsvProgress {
  const { rows, cellsPerRow, integers, texts } = matrix;
  if (kinds.length !== cellsPerRow || integers.length < rows * cellsPerRow) {
    throw new RangeError(
      `${rows} rows of ${cellsPerRow} cells, but ${integers.length} cells and ${kinds.length} kinds`,
    );
  }
  const done = Number(
    loadNative().tb_csv_rows(integers, kinds, cellsPerRow, first, rows, texts, texts.length, to, to.length, written),
  );
  if (done < 0) throw new RangeError('a text of the results lies outside of their memory');
  return { rows: done, bytes: Number(written[0]) };
}
