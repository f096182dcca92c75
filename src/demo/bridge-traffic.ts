/** What a bridge took in during a run, read from its diagnostic outputs. */
import type { Captured, RunReport } from '../master/index.js';

const COUNTERS = ['received', 'used', 'skipped', 'late', 'duplicate', 'dropped', 'rejected', 'queue_depth'] as const;

/** Messages and samples, counted; at the end of a run received = the sum of the others. */
export interface BridgeTraffic {
  readonly received: number;
  readonly used: number;
  readonly skipped: number;
  readonly late: number;
  /** Of the time of a sample that was there before. */
  readonly duplicate: number;
  readonly dropped: number;
  readonly rejected: number;
  /** Still in the ring when the run ended. */
  readonly pending: number;
}

/** The outputs of the bridge `component` that have to be captured for {@link readTraffic}. */
export function trafficOutputs(component: string): string[] {
  return COUNTERS.map((counter) => `${component}.${counter}`);
}

export function readTraffic(captured: Captured, component: string): BridgeTraffic {
  const last = (counter: (typeof COUNTERS)[number]): number => captured.columns[`${component}.${counter}`]?.at(-1) ?? 0;
  return {
    received: last('received'),
    used: last('used'),
    skipped: last('skipped'),
    late: last('late'),
    duplicate: last('duplicate'),
    dropped: last('dropped'),
    rejected: last('rejected'),
    pending: last('queue_depth'),
  };
}

export type RunSummary = Pick<RunReport, 'outcome' | 'steps' | 'simulatedSeconds' | 'wallSeconds' | 'overruns'>;

export function summariseRun(run: RunReport): RunSummary {
  const { outcome, steps, simulatedSeconds, wallSeconds, overruns } = run;
  return { outcome, steps, simulatedSeconds, wallSeconds, overruns };
}
