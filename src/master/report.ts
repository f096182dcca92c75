/** What a run tells while it goes on and when it is over: plain data. */
import type { FmuLogMessage } from '../fmi/index.js';

export type VariableValue = number | boolean | string;

export interface Progress {
  /** Communication point reached, s. */
  readonly time: number;
  readonly steps: number;
  readonly overruns: number;
  /** Of the variables that are watched, in their order. */
  readonly values: readonly VariableValue[];
}

/** A log message with the communication point it was sent at, s. */
export interface RunLogMessage extends FmuLogMessage {
  readonly time: number;
}

export interface HistogramBucket {
  /** Upper end, inclusive, ms; `Infinity` in the last one (`null` as JSON). */
  readonly upToMs: number;
  readonly count: number;
}

export interface Overruns {
  /** Steps that ended after their due time. */
  readonly count: number;
  /** Greatest lateness, ms. */
  readonly maxMs: number;
  readonly histogram: readonly HistogramBucket[];
}

/** How long `fmi2DoStep` of one component took. */
export interface ComponentReport {
  readonly name: string;
  readonly steps: number;
  readonly totalMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Calls that returned `fmi2Warning`. */
  readonly warnings: number;
  /** Log messages lost inside the FMU's queue. */
  readonly lostMessages: number;
}

/**
 * `finished`: the stop time was reached; `stopped`: by request; `ended`: by an FMU that asked for it; `failed`: by an
 * error; `killed`: the thread of the run did not react.
 */
export type Outcome = 'finished' | 'stopped' | 'ended' | 'failed' | 'killed';

export interface RunReport {
  readonly outcome: Outcome;
  /** The component whose FMU asked for the end, when that is the outcome. */
  readonly endedBy?: string;
  readonly steps: number;
  /** Last communication point, s. */
  readonly time: number;
  readonly simulatedSeconds: number;
  /** Of the steps, without loading and initialization. */
  readonly wallSeconds: number;
  readonly initializationSeconds: number;
  /** Simulated over wall clock time of the steps. */
  readonly realTimeFactor: number;
  readonly overruns: Overruns;
  readonly components: readonly ComponentReport[];
  /** By `component.variable`: what was recorded, at the last communication point. */
  readonly finalValues: Readonly<Record<string, VariableValue>>;
  readonly resultFile?: string;
  /** Log messages that were not delivered because the receiver was behind. */
  readonly droppedLogMessages: number;
  /** The columns asked for, one element a communication point. */
  readonly captured?: Captured;
}

export interface Captured {
  /** s */
  readonly time: Float64Array;
  /** Booleans as 0 and 1. */
  readonly columns: Readonly<Record<string, Float64Array>>;
}
