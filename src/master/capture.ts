// @ts-nocheck
/** Values kept in memory, a column a variable, growing with the run. */
import type { Captured } from './report.js';

const FIRST_CAPACITY = 1024;

export class Capture {
  readonly #names: readonly string[];
  readonly #readers: readonly (() => number)[];
  /** The time first, then the columns. */
  #columns: Float64Array[];
  #rows = 0;

  constructor(names: readonly string[], readers: readonly (() => number)[], expectedRows: number = FIRST_CAPACITY) {
    this.#names = names;
    this.#readers = readers;
    this.#columns = Array.from({ length: names.length + 1 }, () => new Float64Array(expectedRows));
  }

  add(time: number): void {
    if (this.#rows === this.#columns[0]!.length) this.#grow();
    this.#columns[0]![this.#rows] = time;
    for (let i = 0; i < this.#readers.length; i++) this.#columns[i + 1]![this.#rows] = this.#readers[i]!();
    this.#rows += 1;
  }

  columns(): Captured {
    const [time, ...columns] = this.#columns.map((column) => column.slice(0, this.#rows));
    return { time: time!, columns: Object.fromEntries(this.#names.map((name, i) => [name, columns[i]!])) };
  }

  #grow(): void {
    this.#columns = this.#columns.map((column) => {
      const larger = new Float64Array(column.length * 2);
      larger.set(column);
      return larger;
    });
  }
}
