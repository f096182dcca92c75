/** From the records of a CSV file to timed JSON members: columns found, typed and compiled once per pass. */
import type { SourceLocation } from '../support/errors.js';
import { type ColumnType, cellRejection, encodeCell, inferType } from './cells.js';
import { type ColumnChoice, findColumn, findTimeColumn, type Header } from './columns.js';
import { type CsvRecord, locateCell } from './csv-tokenizer.js';
import { ColumnError, type RowRejection } from './errors.js';
import { RowTimes, type RowTimesOptions } from './row-times.js';
import type { RecordedRow, SourceLog } from './source.js';
import { describeTimeRejection } from './time-cell.js';

export interface TableOptions extends RowTimesOptions {
  /** Default: `timestamp`, or else `time`. */
  readonly timeColumn?: string;
  /** Default: all columns but the time column, under their own names. */
  readonly columns?: readonly ColumnChoice[];
  /** Types of columns by name; those not named are inferred from the first rows. */
  readonly types?: Readonly<Record<string, ColumnType>>;
  /** Key under which the player adds the time; no column may have it. Default `time`. */
  readonly timeKey?: string;
}

/** From how many rows the types of the columns are inferred. */
export const ROWS_TO_INFER_FROM = 100;

interface Field {
  readonly index: number;
  readonly column: string;
  /** `"tx":` */
  readonly keyText: string;
  /** Undefined until the first cell that is not empty. */
  type: ColumnType | undefined;
  readonly declared: boolean;
}

export class CsvRows {
  readonly #file: string;
  readonly #delimiter: string;
  readonly #log: SourceLog;
  readonly #width: number;
  readonly #fields: readonly Field[];
  readonly #timeIndex: number | undefined;
  readonly #times: RowTimes;

  /** `firstRecords` are read for the types only. Throws {@link ColumnError}. */
  constructor(
    header: CsvRecord,
    firstRecords: readonly CsvRecord[],
    source: { file: string; delimiter: string; log: SourceLog },
    options: TableOptions,
  ) {
    this.#file = source.file;
    this.#delimiter = source.delimiter;
    this.#log = source.log;
    const names: Header = { file: source.file, line: header.line, names: header.cells.map((cell) => cell.trim()) };
    this.#width = names.names.length;
    this.#timeIndex = findTimeColumn(names, options.timeColumn, options.interval !== undefined);
    this.#fields = chooseFields(names, this.#timeIndex, options);
    this.#times = new RowTimes(options, source.log);
    if (this.#timeIndex === undefined) this.#log.notice('no time column: the first row counts as now');
    for (const field of this.#fields) this.#infer(field, firstRecords);
    this.#log.notice(
      `columns: ${this.#fields.map(({ column, type }) => `${column} ${type ?? '(empty so far)'}`).join(', ')}`,
    );
  }

  /** The row, or undefined where it was rejected and such rows are skipped. */
  encode(record: CsvRecord): RecordedRow | undefined {
    const { cells } = record;
    this.#log.rowsRead += 1;
    if (cells.length !== this.#width) {
      this.#rejectRow('ragged_row', record, Math.min(cells.length, this.#width), raggedMessage(cells, this.#width));
      return undefined;
    }
    const timeCell = this.#timeIndex === undefined ? undefined : cells[this.#timeIndex]!;
    const time = this.#times.next(timeCell);
    if (typeof time !== 'bigint') {
      const message = describeTimeRejection(time, timeCell ?? '', this.#times.format);
      this.#rejectRow(time, record, this.#timeIndex ?? 0, message);
      return undefined;
    }
    let members = '';
    for (const field of this.#fields) {
      const cell = cells[field.index]!;
      if (cell === '') continue;
      const json = (field.type !== undefined && encodeCell(cell, field.type)) || this.#encodeOddCell(record, field);
      if (json === undefined) continue;
      members += members === '' ? field.keyText + json : `,${field.keyText}${json}`;
    }
    return { time, members };
  }

  /** Cells off the fast path: blank, of a column not yet typed, wider than its inferred type, or wrong. */
  #encodeOddCell(record: CsvRecord, field: Field): string | undefined {
    const cell = record.cells[field.index]!;
    if (cell.trim() === '') return undefined;
    if (field.type === undefined) {
      field.type = inferType(cell, undefined)!;
      this.#log.notice(`column '${field.column}' is ${field.type}, from line ${record.line}`);
      const json = encodeCell(cell, field.type);
      if (json !== undefined) return json;
    }
    if (field.type === 'Integer' && !field.declared) {
      const json = encodeCell(cell, 'Real');
      if (json !== undefined) {
        field.type = 'Real';
        this.#log.notice(`column '${field.column}' is Real, not Integer, from line ${record.line} on`);
        return json;
      }
    }
    const { type } = field;
    const reason = cellRejection(cell, type);
    if (reason === undefined) return undefined;
    this.#log.rejectCell(reason, () => ({
      message: `'${cell.slice(0, 60)}' does not fit column '${field.column}' (${type}): ${reason.replaceAll('_', ' ')}`,
      location: this.#locate(record, field.index),
      remedy: `the message goes out without the key; use --types ${field.column}=String to send such cells as text`,
    }));
    return undefined;
  }

  #infer(field: Field, records: readonly CsvRecord[]): void {
    if (field.declared) return;
    for (const record of records) {
      const cell = record.cells[field.index];
      if (cell === undefined) continue;
      const before = field.type;
      field.type = inferType(cell, before);
      if (field.type === 'String' && before !== undefined && before !== 'String') {
        const others = before === 'Integer' ? 'Real' : before;
        this.#log.notice(
          `column '${field.column}' is String because of '${cell.slice(0, 60)}' on line ${record.line}; ` +
            `--types ${field.column}=${others} leaves such cells out instead`,
        );
      }
    }
  }

  #rejectRow(reason: RowRejection, record: CsvRecord, cell: number, message: string): void {
    this.#log.rejectRow(reason, { message, location: this.#locate(record, cell) });
  }

  #locate(record: CsvRecord, cell: number): SourceLocation {
    return locateCell(this.#file, record, cell, this.#delimiter);
  }
}

function chooseFields(header: Header, timeIndex: number | undefined, options: TableOptions): Field[] {
  const { types = {}, timeKey = 'time' } = options;
  for (const name of Object.keys(types)) findColumn(header, name);
  // A column without a name is most often the row number that pandas writes: there is no key to send it under.
  const choices: readonly ColumnChoice[] =
    options.columns ??
    header.names.filter((name, index) => index !== timeIndex && name !== '').map((column) => ({ column }));
  const keys = new Set([timeKey]);
  return choices.map(({ column, key = column }) => {
    const index = findColumn(header, column);
    if (keys.has(key)) {
      throw new ColumnError(
        key === timeKey
          ? `column '${column}' would take the key '${key}' of the time`
          : `two columns have the key '${key}'`,
        {
          location: { file: header.file, line: header.line },
          remedy: `rename one with --columns other_name:=${column}, or the time with --time-key`,
        },
      );
    }
    keys.add(key);
    const type = Object.hasOwn(types, column) ? types[column] : undefined;
    return { index, column, keyText: `${JSON.stringify(key)}:`, type, declared: type !== undefined };
  });
}

function raggedMessage(cells: readonly string[], width: number): string {
  return `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'} where the header has ${width} columns`;
}
