/** Results from CSV: a column of times, and the others by what stands in them. A header may say `name [unit]`. */
import { createReadStream } from 'node:fs';
import { type CsvRecord, CsvTokenizer } from '../replay/index.js';
import { chooseColumns } from './choose-columns.js';
import { PlotInputError } from './errors.js';
import { ColumnBuilder, Numbers, type PlotTable, type TableSelection } from './table.js';

export async function readCsv(file: string, selection: TableSelection): Promise<PlotTable> {
  const tokenizer = new CsvTokenizer({ file });
  let reader: Rows | undefined;
  const take = (records: readonly CsvRecord[]) => {
    for (const record of records) {
      if (reader === undefined) reader = new Rows(file, record, selection);
      else reader.take(record);
    }
    if (tokenizer.fault !== undefined) throw tokenizer.fault;
  };
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) take(tokenizer.push(chunk as Buffer));
  take(tokenizer.end());
  if (reader === undefined) throw new PlotInputError(`${file} is empty`, { location: { file, line: 1 } });
  return reader.table();
}

class Rows {
  readonly #file: string;
  readonly #from: number;
  readonly #to: number;
  readonly #timeIndex: number;
  readonly #width: number;
  readonly #time = new Numbers();
  /** Only the last row may be: that of a run which is still going on, or was killed. */
  #cutOff: { readonly cells: number; readonly line: number } | undefined;
  readonly #columns: readonly { readonly index: number; readonly builder: ColumnBuilder }[];

  constructor(file: string, header: CsvRecord, selection: TableSelection) {
    this.#file = file;
    this.#from = selection.from ?? Number.NEGATIVE_INFINITY;
    this.#to = selection.to ?? Number.POSITIVE_INFINITY;
    this.#width = header.cells.length;
    const fields = header.cells.map((cell) => splitUnit(cell.trim()));
    this.#timeIndex = Math.max(
      0,
      fields.findIndex(({ name }) => /^time$/i.test(name)),
    );
    const others = fields.filter((_, index) => index !== this.#timeIndex);
    const chosen = chooseColumns(
      file,
      others.map(({ name }) => name),
      selection.variables,
    );
    this.#columns = chosen.map((wanted) => {
      const index = fields.findIndex(({ name }, i) => name === wanted && i !== this.#timeIndex);
      return { index, builder: new ColumnBuilder(wanted, { unit: fields[index]!.unit }) };
    });
  }

  take({ cells, line }: CsvRecord): void {
    if (this.#cutOff !== undefined) {
      throw new PlotInputError(`a row of ${this.#cutOff.cells} cells, where the header has ${this.#width}`, {
        location: { file: this.#file, line: this.#cutOff.line },
        remedy: 'mend or remove the row',
      });
    }
    if (cells.length !== this.#width) {
      this.#cutOff = { cells: cells.length, line };
      return;
    }
    const time = Number(cells[this.#timeIndex]);
    if (Number.isNaN(time) || cells[this.#timeIndex] === '') {
      throw new PlotInputError(`'${cells[this.#timeIndex]}' is no time in seconds`, {
        location: { file: this.#file, line },
        remedy: "a column 'time', or else the first one, must have the time of each row",
      });
    }
    if (time < this.#from || time > this.#to) return;
    this.#time.push(time);
    for (const { index, builder } of this.#columns) builder.pushCell(cells[index]!);
  }

  table(): PlotTable {
    const columns = this.#columns.flatMap(({ builder }) => builder.build() ?? []);
    return { time: this.#time.values, columns };
  }
}

/** `speed [m/s]`; `q[1]` is an element. */
function splitUnit(header: string): { name: string; unit?: string } {
  const [, name, unit] = /^(.*\S)\s+\[([^\]]+)\]$/.exec(header) ?? [];
  return name === undefined ? { name: header } : { name, unit: unit! };
}
