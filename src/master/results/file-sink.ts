/** What sinks of one file are told, and what they tell of it, so that a new one can be begun in time. */
import type { ResultSink } from './rows.js';

export interface SinkOptions {
  /** For those who look at the file during a paced run: what is written is there soon, as far as the format allows. */
  readonly unbuffered?: boolean;
  /** What the run tells of itself (its system, versions), for formats that have a place for it: Parquet, MCAP. */
  readonly about?: Readonly<Record<string, string>>;
  /** Names of the system's components, which may have dots; MCAP has a topic for each. */
  readonly components?: readonly string[];
  /** MCAP: wall clock at simulated time 0, ns since 1970, which log times count from; left out: they are simulated. */
  readonly originNs?: bigint;
}

/** How long a format that is written in pieces keeps rows in memory only, ms. */
export function saveIntervalMs({ unbuffered }: SinkOptions): number {
  return unbuffered === true ? 1000 : 10_000;
}

export interface FileSink extends ResultSink {
  /** Of the file so far. What is still in memory counts, if need be as if it compressed like what came before. */
  readonly bytes: number;
  /** Where `bytes` is an estimate: finds out, which may cost as much as a flush. */
  measure?(): void;
}
