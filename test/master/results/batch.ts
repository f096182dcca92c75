/** Rows as the step plan's executor leaves them in memory, from plain values. */
import type { ResultColumn, RowBatch } from '#tb/master/results/rows.js';

export type Cell = number | bigint | boolean | string | Uint8Array;

/** Each row is its time and then one cell a column. */
export function batchOf(columns: readonly ResultColumn[], rows: readonly (readonly Cell[])[]): RowBatch {
  const cellsPerRow = columns.length + 1;
  const cells = new DataView(new ArrayBuffer(8 * rows.length * cellsPerRow));
  const texts: Uint8Array[] = [];
  let textBytes = 0;
  rows.forEach((row, r) => {
    if (row.length !== cellsPerRow) throw new RangeError(`row ${r} has ${row.length} cells, not ${cellsPerRow}`);
    row.forEach((cell, c) => {
      const at = 8 * (r * cellsPerRow + c);
      const kind = c === 0 ? 'float' : columns[c - 1]!.kind;
      if (kind === 'float') cells.setFloat64(at, Number(cell), true);
      else if (typeof cell === 'string' || cell instanceof Uint8Array) {
        const bytes = typeof cell === 'string' ? new TextEncoder().encode(cell) : cell;
        cells.setUint32(at, textBytes, true);
        cells.setUint32(at + 4, bytes.length, true);
        texts.push(bytes);
        textBytes += bytes.length;
      } else cells.setBigInt64(at, BigInt.asIntN(64, BigInt(cell)), true);
    });
  });
  return {
    rows: rows.length,
    cellsPerRow,
    floats: new Float64Array(cells.buffer),
    integers: new BigInt64Array(cells.buffer),
    texts: Buffer.concat(texts),
  };
}
