/** The source for a file, by its name's ending. */
import { extname } from 'node:path';
import type { CsvSourceOptions } from './csv-source.js';
import { csvSource } from './csv-source.js';
import { ReplayOptionError } from './errors.js';
import { jsonLinesSource } from './jsonl-source.js';
import type { ReplaySource } from './source.js';

export const RECORDING_FORMATS = ['csv', 'jsonl'] as const;
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];

export interface RecordingOptions extends CsvSourceOptions {
  /** Default: JSON Lines for `.jsonl` and `.ndjson`, else CSV. */
  readonly format?: RecordingFormat;
}

/** Throws {@link ReplayOptionError} for options that the format does not have. */
export function openRecording(options: RecordingOptions): ReplaySource {
  const ending = extname(options.file).toLowerCase();
  const format = options.format ?? (ending === '.jsonl' || ending === '.ndjson' ? 'jsonl' : 'csv');
  if (format === 'jsonl') {
    if (options.types !== undefined || options.delimiter !== undefined) {
      throw new ReplayOptionError('types and a delimiter are for CSV, and the recording is JSON Lines', {
        remedy: 'JSON values go out as they are; leave --types and --delimiter away',
      });
    }
    return jsonLinesSource(options);
  }
  return csvSource(ending === '.tsv' ? { delimiter: '\t', ...options } : options);
}
