/** What a sink tells of its one file, so that a new one can be begun in time. */
import type { ResultSink } from './rows.js';

export interface FileSink extends ResultSink {
  /** Of the file so far; what is not yet written to it may be counted as it is, uncompressed. */
  readonly bytes: number;
}
