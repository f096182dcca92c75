/** A CSV file with a header line as a {@link ReplaySource}, in constant memory whatever its size. */
import { readFileBytes } from './byte-stream.js';
import { CsvRows, ROWS_TO_INFER_FROM, type TableOptions } from './csv-rows.js';
import { type CsvRecord, CsvTokenizer } from './csv-tokenizer.js';
import { NothingToReplayError } from './errors.js';
import { encodeBatch, type RecordedRow, type ReplaySource, type SourceLog } from './source.js';

export interface CsvSourceOptions extends TableOptions {
  /** Path; with `bytes`, only the name in messages. */
  readonly file: string;
  /** Where the bytes come from if not from the file, e.g. a pipe; such a source can be read once. */
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** Default `,`. */
  readonly delimiter?: string;
}

export function csvSource(options: CsvSourceOptions): ReplaySource {
  const { file, bytes } = options;
  return {
    name: file,
    ...(bytes === undefined ? {} : { onlyOnce: 'it is a pipe' }),
    read: (log) => readCsv(options, bytes ?? readFileBytes(file), log),
  };
}

async function* readCsv(
  options: CsvSourceOptions,
  bytes: AsyncIterable<Uint8Array>,
  log: SourceLog,
): AsyncIterable<readonly RecordedRow[]> {
  const { file, delimiter = ',' } = options;
  let header: CsvRecord | undefined;
  let rows: CsvRows | undefined;
  const encode = (record: CsvRecord) => rows!.encode(record);
  /** Records held back until there are enough of them to infer types from. */
  let waiting: CsvRecord[] = [];
  for await (const { records, last } of tokenize(options, bytes)) {
    if (rows !== undefined) {
      yield* encodeBatch(records, encode);
      continue;
    }
    waiting = waiting.concat(records);
    header ??= waiting.shift();
    if (header === undefined || (waiting.length < ROWS_TO_INFER_FROM && !last)) continue;
    rows = new CsvRows(header, waiting.slice(0, ROWS_TO_INFER_FROM), { file, delimiter, log }, options);
    yield* encodeBatch(waiting, encode);
    waiting = [];
  }
  if (header === undefined) {
    throw new NothingToReplayError(`${file} is empty`, {
      location: { file, line: 1 },
      remedy: 'the first line must name the columns',
    });
  }
}

/** Batches of records; the fault that ends a file is thrown behind the records before it. */
async function* tokenize(
  { file, delimiter = ',' }: CsvSourceOptions,
  bytes: AsyncIterable<Uint8Array>,
): AsyncIterable<{ records: readonly CsvRecord[]; last: boolean }> {
  const tokenizer = new CsvTokenizer({ file, delimiter });
  for await (const chunk of bytes) {
    const records = tokenizer.push(chunk);
    if (tokenizer.fault !== undefined) yield { records, last: true };
    else if (records.length > 0) yield { records, last: false };
    if (tokenizer.fault !== undefined) throw tokenizer.fault;
  }
  yield { records: tokenizer.end(), last: true };
  if (tokenizer.fault !== undefined) throw tokenizer.fault;
}
