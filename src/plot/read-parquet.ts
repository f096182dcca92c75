/** Results from Parquet, as the master writes it; other files with a column of times and flat columns do as well. */
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  type SchemaElement,
} from 'hyparquet';
import { chooseColumns } from './choose-columns.js';
import { PlotInputError } from './errors.js';
import { ColumnBuilder, Numbers, type PlotKind, type PlotTable, type TableSelection } from './table.js';

export async function readParquet(file: string, selection: TableSelection): Promise<PlotTable> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer).catch((cause: Error) => {
    throw new PlotInputError(`${file} is no whole Parquet file: ${cause.message}`, {
      cause,
      location: { file },
      remedy: 'its footer is missing if it was cut off while it was written',
    });
  });
  const fields = metadata.schema.slice(1).filter(({ num_children }) => !num_children);
  const names = fields.map(({ name }) => name);
  const timeName = names.find((name) => /^time$/i.test(name)) ?? names[0];
  if (timeName === undefined) throw new PlotInputError(`${file} has no columns`, { location: { file } });
  const plottable = fields.filter((field) => field.name !== timeName && kindOf(field) !== undefined);
  const chosen = chooseColumns(
    file,
    plottable.map(({ name }) => name),
    selection.variables,
  );
  const units = unitsOf(metadata);

  const time = new Numbers();
  const builders = new Map(
    chosen.map((name) => {
      const field = fields.find((each) => each.name === name)!;
      return [name, new ColumnBuilder(name, { unit: units.get(name), kind: kindOf(field) })];
    }),
  );
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = selection;
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const chunks = await readColumns({ buffer, metadata, columns: [timeName, ...chosen], rowStart, rowEnd });
    const times = chunks.get(timeName)!.map(Number);
    const wanted = times.map((value) => value >= from && value <= to);
    times.forEach((value, row) => {
      if (wanted[row]) time.push(value);
    });
    for (const [name, builder] of builders) {
      chunks.get(name)!.forEach((value, row) => {
        if (wanted[row]) builder.push((value ?? undefined) as number | undefined);
      });
    }
    rowStart = rowEnd;
  }
  return { time: time.values, columns: [...builders.values()].flatMap((builder) => builder.build() ?? []) };
}

interface ReadRange {
  readonly buffer: Awaited<ReturnType<typeof asyncBufferFromFile>>;
  readonly metadata: FileMetaData;
  readonly columns: string[];
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function readColumns({
  buffer,
  metadata,
  columns,
  rowStart,
  rowEnd,
}: ReadRange): Promise<Map<string, unknown[]>> {
  const read = new Map<string, unknown[]>(columns.map((name) => [name, []]));
  await parquetRead({
    file: buffer,
    metadata,
    columns,
    rowStart,
    rowEnd,
    onChunk: ({ columnName, columnData, rowStart: first, rowEnd: end }) => {
      // A chunk may begin before the rows that were asked for, and end behind them.
      const values = read.get(columnName)!;
      for (let row = Math.max(first, rowStart); row < Math.min(end, rowEnd); row++) {
        values[row - rowStart] = columnData[row - first];
      }
    },
  });
  return read;
}

/** Undefined: it cannot be plotted. */
function kindOf({ type, converted_type, logical_type }: SchemaElement): PlotKind | undefined {
  if (type === 'BOOLEAN') return 'boolean';
  if (type === 'BYTE_ARRAY') return converted_type === 'UTF8' || logical_type?.type === 'STRING' ? 'text' : undefined;
  if (type === 'INT32' || type === 'INT64') {
    return /DECIMAL|DATE|TIME/.test(converted_type ?? logical_type?.type ?? '') ? undefined : 'integer';
  }
  return type === 'DOUBLE' || type === 'FLOAT' ? 'real' : undefined;
}

/** As the master tells them in the footer. */
function unitsOf({ key_value_metadata }: FileMetaData): Map<string, string> {
  const text = key_value_metadata?.find(({ key }) => key === 'twinbridge')?.value;
  const { columns = [] } = (text === undefined ? {} : JSON.parse(text)) as {
    columns?: readonly { readonly name: string; readonly unit?: string }[];
  };
  return new Map(columns.flatMap(({ name, unit }) => (unit === undefined ? [] : [[name, unit] as const])));
}
