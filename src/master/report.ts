/** What a run tells while it goes on and when it is over: plain data. */
import type { FmuLogMessage } from '../fmi/index.js';

export type VariableValue = number | boolean | string;

export interface Progress {
  /** Communication point reached, s. */
  readonly time: number;
  readonly steps: number;
  readonly overruns: number;
  readonly paused: boolean;
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

/** Where the time of one component went. Steps are timed as often as costs next to nothing; totals are scaled up. */
export interface ComponentReport {
  readonly name: string;
  readonly steps: number;
  /** Steps that were timed. */
  readonly timedSteps: number;
  /** Of `doStep`. */
  readonly totalMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Of getting and setting its variables. */
  readonly accessMs: number;
  /** Its part of the wall clock time of the steps, 0 to 1. */
  readonly share: number;
  /** Calls that returned a warning, outside of steps. */
  readonly warnings: number;
  /** Log messages lost inside the FMU's queue. */
  readonly lostMessages: number;
}

export interface OpenLoop {
  /** `a.y -> b.u`, one after the other. */
  readonly path: readonly string[];
  readonly reason: string;
}

/** What the master itself took. */
export interface PlanReport {
  readonly timedSteps: number;
  /** Moving and converting values between components. */
  readonly overheadMs: number;
  /** Keeping rows and writing results. */
  readonly recordingMs: number;
  /** Steps that were made and undone, by a variable step size. */
  readonly rejectedSteps: number;
  /** Communication points that were passed over, to catch up. */
  readonly skippedSteps: number;
  /** Loops without a delay that were to be iterated at steps and are not: one value in each is a step late. */
  readonly openLoops: readonly OpenLoop[];
  /** Calls in steps that returned a warning. */
  readonly warnings: number;
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
  /** When all was initialised and the steps began: wall clock, RFC 3339, UTC. */
  readonly beganAt: string;
  /** Simulated over wall clock time of the steps. */
  readonly realTimeFactor: number;
  readonly overruns: Overruns;
  readonly components: readonly ComponentReport[];
  readonly plan: PlanReport;
  /** By `component.variable`: what was recorded, at the last communication point. */
  readonly finalValues: Readonly<Record<string, VariableValue>>;
  /** The first file of results, if there is one. */
  readonly resultFile?: string;
  /** All of them, oldest first. */
  readonly resultFiles: readonly string[];
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
