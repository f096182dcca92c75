/** Results from files of any format that the master writes; several files follow one another, as those of one run do. */
import { access } from 'node:fs/promises';
import { extname } from 'node:path';
import { PlotInputError } from './errors.js';
import { readCsv } from './read-csv.js';
import type { PlotColumn, PlotTable, TableSelection } from './table.js';

const READERS: Readonly<Record<string, (file: string, selection: TableSelection) => Promise<PlotTable>>> = {
  '.csv': readCsv,
  '.parquet': async (...args) => (await import('./read-parquet.js')).readParquet(...args),
  '.mcap': async (...args) => (await import('./read-mcap.js')).readMcap(...args),
};

/** Throws {@link PlotInputError} or UnknownColumnError. */
export async function readResults(files: readonly string[], selection: TableSelection): Promise<PlotTable> {
  const tables: PlotTable[] = [];
  for (const file of files) {
    await access(file).catch((cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
      throw new PlotInputError(`cannot read ${file}: ${reason}`, { cause, location: { file } });
    });
    // What has another name is taken for text.
    tables.push(await (READERS[extname(file).toLowerCase()] ?? readCsv)(file, selection));
  }
  const table = tables.length === 1 ? tables[0]! : joined(files, tables);
  if (table.time.length === 0) {
    const { from, to } = selection;
    const within = from === undefined && to === undefined ? '' : ' in the time asked for';
    throw new PlotInputError(`${files.join(', ')}: no row${within}`, { location: { file: files[0]! } });
  }
  if (table.columns.length === 0) {
    throw new PlotInputError(`${files.join(', ')}: no variable that can be plotted`, { location: { file: files[0]! } });
  }
  return table;
}

/** In order of time. */
function joined(files: readonly string[], tables: readonly PlotTable[]): PlotTable {
  const order = tables
    .map((table, i) => ({ table, file: files[i]! }))
    .filter(({ table }) => table.time.length > 0)
    .sort((a, b) => a.table.time[0]! - b.table.time[0]!);
  const first = order[0]?.table ?? tables[0]!;
  const columns = first.columns.map((column): PlotColumn => {
    const texts = [...column.texts];
    const parts = order.map(({ table, file }) => {
      const part = table.columns.find(({ name }) => name === column.name);
      if (part === undefined) {
        throw new PlotInputError(`${file} has no column '${column.name}'`, {
          location: { file },
          remedy: 'name files of one run only',
        });
      }
      if (part === column || column.kind !== 'text') return part.values;
      const places = part.texts.map((text) => {
        if (!texts.includes(text)) texts.push(text);
        return texts.indexOf(text);
      });
      return part.values.map((value) => (Number.isNaN(value) ? value : places[value]!));
    });
    return { ...column, texts, values: concatenated(parts) };
  });
  return { time: concatenated(order.map(({ table }) => table.time)), columns };
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
