/** Where the results of a run go: files of a format, one or several after one another. */
import type { RecordFormat, Recording } from '../../system/index.js';
import type { FileSink, SinkOptions } from './file-sink.js';
import { RollingSink } from './rolling.js';
import type { ResultColumn, ResultSink } from './rows.js';

export type { SinkOptions } from './file-sink.js';
export { CELL_KINDS, type CellKind, type ResultColumn, type ResultSink, type RowBatch } from './rows.js';

/** A recording that has a file. */
export type FileRecording = Pick<Recording, 'format' | 'roll'> & { readonly file: string };

/** Opens the file, or the first of several. Throws {@link ResultsError}. */
export async function openSink(
  recording: FileRecording,
  columns: readonly ResultColumn[],
  options: SinkOptions = {},
): Promise<ResultSink> {
  const create = await OPENERS[recording.format]();
  const { file, roll } = recording;
  const open = (path: string) => create(path, columns, options);
  return roll === undefined ? open(file) : new RollingSink(file, roll, open);
}

type CreateSink = (file: string, columns: readonly ResultColumn[], options: SinkOptions) => FileSink;

/** Each is loaded when it is asked for, with the libraries it needs. */
const OPENERS: Readonly<Record<RecordFormat, () => Promise<CreateSink>>> = {
  csv: async () => {
    const { CsvSink } = await import('./csv.js');
    return (...args) => new CsvSink(...args);
  },
  parquet: async () => {
    const { ParquetSink } = await import('./parquet.js');
    return (...args) => new ParquetSink(...args);
  },
  mcap: async () => {
    const { LogClock, loadMcap, McapSink } = await import('./mcap.js');
    await loadMcap();
    let clock: InstanceType<typeof LogClock>;
    return (file, columns, options) => {
      clock ??= new LogClock(options.originNs);
      return new McapSink(file, columns, options, clock);
    };
  },
};
