/** What a sink tells of its one file, so that a new one can be begun in time. */
import type { ResultSink } from './rows.js';

export interface FileSink extends ResultSink {
  /** Of the file so far. What is still in memory counts, if need be as if it compressed like what came before. */
  readonly bytes: number;
  /** Where `bytes` is an estimate: finds out, which may cost as much as a flush. */
  measure?(): void;
}
