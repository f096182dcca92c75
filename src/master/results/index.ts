/** Where the results of a run go: files of a format, one or several after one another. */
import type { RecordFormat, Recording } from '../../system/index.js';
import { ResultsError } from '../errors.js';
import { CsvSink } from './csv.js';
import type { FileSink } from './file-sink.js';
import { RollingSink } from './rolling.js';
import type { ResultColumn, ResultSink } from './rows.js';

export { CELL_KINDS, type CellKind, type ResultColumn, type ResultSink, type RowBatch } from './rows.js';

export interface SinkOptions {
  /** For those who look at the file during a paced run: what is written is there at once, as far as the format allows. */
  readonly unbuffered?: boolean;
}

/** A recording that has a file. */
export type FileRecording = Pick<Recording, 'format' | 'roll'> & { readonly file: string };

/** Opens the file, or the first of several. Throws {@link ResultsError}. */
export function openSink(
  recording: FileRecording,
  columns: readonly ResultColumn[],
  options: SinkOptions = {},
): ResultSink {
  const opener = OPENERS[recording.format];
  if (opener === undefined) {
    throw new ResultsError(`results cannot be written as ${recording.format} by this version`, { remedy: 'use csv' });
  }
  const open = (file: string) => opener(file, columns, options);
  const { file, roll } = recording;
  return roll === undefined ? open(file) : new RollingSink(file, roll, open);
}

const OPENERS: Readonly<
  Partial<Record<RecordFormat, (file: string, columns: readonly ResultColumn[], options: SinkOptions) => FileSink>>
> = {
  csv: (file, columns, { unbuffered = false }) => new CsvSink(file, columns, { unbuffered }),
};
