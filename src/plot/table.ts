/** Results in memory, as far as they are plotted. */

export type PlotKind = 'real' | 'integer' | 'boolean' | 'text';

export interface PlotColumn {
  readonly name: string;
  readonly kind: PlotKind;
  readonly unit?: string;
  /** One a row; NaN: no value. A Boolean is 0 or 1, a text its place in `texts`. */
  readonly values: Float64Array;
  /** Those that occur, in the order in which they do. */
  readonly texts: readonly string[];
}

export interface PlotTable {
  /** Simulated, s; one a row. */
  readonly time: Float64Array;
  readonly columns: readonly PlotColumn[];
}

/** What is read of the files. */
export interface TableSelection {
  /** Names of columns; `*` stands for any characters. Default: all. */
  readonly variables?: readonly string[];
  /** Rows from this time on, s. */
  readonly from?: number;
  /** Rows up to this time, s. */
  readonly to?: number;
}

/** Numbers that become more. */
export class Numbers {
  #values = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const more = new Float64Array(2 * this.#length);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#length++] = value;
  }

  /** Changes those that are there already. */
  map(change: (value: number) => number): void {
    for (let i = 0; i < this.#length; i++) this.#values[i] = change(this.#values[i]!);
  }

  /** The same memory. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** A column with more different texts than these cannot be shown. */
const MAX_TEXTS = 200;

/** A column while its rows are being read. */
export class ColumnBuilder {
  readonly name: string;
  readonly unit: string | undefined;
  #kind: PlotKind | undefined;
  readonly #numbers = new Numbers();
  #texts = new Map<string, number>();

  /** Without a kind it is inferred from the values. */
  constructor(name: string, more: { unit?: string | undefined; kind?: PlotKind | undefined } = {}) {
    this.name = name;
    this.unit = more.unit;
    this.#kind = more.kind;
  }

  get rows(): number {
    return this.#numbers.length;
  }

  /** Of the kind of the column; `undefined`: none. */
  push(value: number | bigint | boolean | string | undefined): void {
    if (typeof value === 'string') this.#pushText(value);
    else this.#numbers.push(value === undefined ? Number.NaN : Number(value));
  }

  /** A cell of a text file; an empty one has no value. */
  pushCell(cell: string): void {
    if (cell === '') {
      this.#numbers.push(Number.NaN);
      return;
    }
    if (this.#kind !== 'text') {
      const value = numberOf(cell);
      const kind = value === undefined ? 'text' : kindOf(cell);
      const common = this.#kind === undefined ? kind : commonKind(this.#kind, kind);
      if (common !== 'text') {
        this.#kind = common;
        this.#numbers.push(value!);
        return;
      }
      this.#becomeText();
    }
    this.#pushText(cell);
  }

  /** Undefined: it has too many different texts to be shown. */
  build(): PlotColumn | undefined {
    if (this.#texts.size > MAX_TEXTS) return undefined;
    const { name, unit } = this;
    return {
      name,
      kind: this.#kind ?? 'real',
      ...(unit !== undefined && { unit }),
      values: this.#numbers.values,
      texts: [...this.#texts.keys()],
    };
  }

  #pushText(text: string): void {
    const known = this.#texts.get(text);
    const place = known ?? this.#texts.size;
    // Beyond, they are counted no more: the column is not shown.
    if (known === undefined && place <= MAX_TEXTS) this.#texts.set(text, place);
    this.#numbers.push(place);
  }

  #becomeText(): void {
    const wasBoolean = this.#kind === 'boolean';
    this.#kind = 'text';
    this.#texts = new Map();
    this.#numbers.map((value) => {
      if (Number.isNaN(value)) return value;
      const text = wasBoolean ? String(value === 1) : String(value);
      if (!this.#texts.has(text) && this.#texts.size <= MAX_TEXTS) this.#texts.set(text, this.#texts.size);
      return this.#texts.get(text) ?? MAX_TEXTS;
    });
  }
}

function commonKind(before: PlotKind, next: PlotKind): PlotKind {
  if (before === next) return before;
  return before === 'boolean' || next === 'boolean' || next === 'text' ? 'text' : 'real';
}

function kindOf(cell: string): PlotKind {
  if (cell === 'true' || cell === 'false' || cell === 'True' || cell === 'False') return 'boolean';
  return /^[+-]?\d+$/.test(cell) ? 'integer' : 'real';
}

function numberOf(cell: string): number | undefined {
  switch (cell) {
    case 'true':
    case 'True':
      return 1;
    case 'false':
    case 'False':
      return 0;
    case 'NaN':
    case 'nan':
      return Number.NaN;
    case 'inf':
      return Number.POSITIVE_INFINITY;
    case '-inf':
      return Number.NEGATIVE_INFINITY;
    default: {
      const value = Number(cell);
      return Number.isNaN(value) || cell.trim() === '' ? undefined : value;
    }
  }
}
