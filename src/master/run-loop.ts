// @ts-nocheck
/** A whole run in the thread of the caller: initialization, paced steps, results, progress, report. */
import type { FmuFolder, FmuLogMessage } from '../fmi/index.js';
import { didYouMean } from '../support/nearest.js';
import { findPort, matchPorts, type Pace, type Port, portName, type System } from '../system/index.js';
import { Capture } from './capture.js';
import { CsvResults } from './csv-results.js';
import { UnknownVariableError } from './errors.js';
import { Pacer } from './pacer.js';
import type { ComponentReport, Outcome, Progress, RunLogMessage, RunReport, VariableValue } from './report.js';
import { Simulation } from './simulation.js';

/** What changes how a system runs; plain data. */
export interface RunSettings {
  /** Stop time, s; instead of the system's. `'never'`: until stopped. */
  readonly stop?: number | 'never';
  readonly pace?: Pace;
  /** Results file; instead of the system's. */
  readonly results?: string;
  /** Variables (`component.variable`) to keep in memory and return. */
  readonly capture?: readonly string[];
  /** Variables whose values come with every progress message. */
  readonly watch?: readonly string[];
  /** ms between progress messages; default 100. */
  readonly progressMs?: number;
}

export interface RunHooks {
  readonly onProgress?: (progress: Progress) => void;
  readonly onLog?: (message: RunLogMessage) => void;
  /** One shared cell: not 0 when the run is to stop after the present step. */
  readonly stopFlag?: Int32Array;
}

export interface LoopResult {
  readonly report: RunReport;
  /** What ended the run, if it failed. */
  readonly error?: unknown;
}

const DEFAULT_PROGRESS_MS = 100;
/** Fraction of a step by which the last one may miss the stop time: decimal fractions are not exact in binary. */
const STEP_TOLERANCE = 1e-6;
const MAX_EXPECTED_ROWS = 1_000_000;

/**
 * Runs until the stop time, a stop request, the wish of an FMU, or an error. What fails before the first communication
 * point is thrown; a later error comes with the report, results written and FMUs freed in any case.
 */
export function runLoop(
  original: System,
  folders: ReadonlyMap<string, FmuFolder>,
  settings: RunSettings,
  hooks: RunHooks,
): LoopResult {
  const system = withSettings(original, settings);
  const stopFlag = hooks.stopFlag ?? new Int32Array(new SharedArrayBuffer(4));
  const watched = (settings.watch ?? []).map((name) => requirePort(system, name));
  const captured = (settings.capture ?? []).map((name) => requirePort(system, name));
  let simulation: Simulation | undefined;
  const onLog = (message: FmuLogMessage) => hooks.onLog?.({ ...message, time: simulation?.time ?? system.start });

  const loadedMs = performance.now();
  simulation = new Simulation(system, folders, { observe: [...watched, ...captured], onLog });
  const run = new Run(simulation, new Pacer(system.pace, stopFlag), watched, captured, settings);
  try {
    simulation.initialize();
    run.begin(loadedMs);
    return run.toEnd(stopFlag, hooks.onProgress);
  } finally {
    run.close();
  }
}

function withSettings(system: System, { stop, pace, results }: RunSettings): System {
  const { stop: ownStop, ...rest } = system;
  const wanted = stop ?? ownStop ?? 'never';
  return {
    ...rest,
    ...(wanted === 'never' ? {} : { stop: wanted }),
    pace: pace ?? system.pace,
    record: { ...system.record, ...(results === undefined ? {} : { file: results }) },
  };
}

function requirePort(system: System, name: string): Port {
  const port = findPort(system, name);
  if (port !== undefined) return port;
  const names = matchPorts(system, '*').map((candidate) => portName(system, candidate));
  throw new UnknownVariableError(`no variable is named '${name}'${didYouMean(name, names)}`);
}

class Run {
  readonly #simulation: Simulation;
  readonly #pacer: Pacer;
  readonly #watchers: readonly (() => VariableValue)[];
  readonly #recorders: readonly (readonly [string, () => VariableValue])[];
  readonly #capture: Capture | undefined;
  readonly #progressMs: number;
  readonly #maxSteps: number;
  #results: CsvResults | undefined;
  #initializationMs = 0;
  #beganMs = 0;
  #progressedMs = 0;

  constructor(
    simulation: Simulation,
    pacer: Pacer,
    watched: readonly Port[],
    captured: readonly Port[],
    { progressMs = DEFAULT_PROGRESS_MS }: RunSettings,
  ) {
    const { system } = simulation;
    const { start, stop = Number.POSITIVE_INFINITY, step } = system;
    this.#simulation = simulation;
    this.#pacer = pacer;
    this.#progressMs = progressMs;
    this.#maxSteps = Math.floor((stop - start) / step + STEP_TOLERANCE);
    this.#watchers = watched.map((port) => simulation.reader(port));
    this.#recorders = system.record.variables.map((port) => [portName(system, port), simulation.reader(port)]);
    if (captured.length > 0) {
      const names = captured.map((port) => portName(system, port));
      const readers = captured.map((port) => simulation.numberReader(port));
      const rows = this.#maxSteps < MAX_EXPECTED_ROWS ? this.#maxSteps + 1 : undefined;
      this.#capture = new Capture(names, readers, rows);
    }
  }

  /** The first communication point is reached. */
  begin(loadedMs: number): void {
    const { file } = this.#simulation.system.record;
    if (file !== undefined) {
      const names = this.#recorders.map(([name]) => name);
      const readers = this.#recorders.map(([, read]) => read);
      this.#results = new CsvResults(file, names, readers, { unbuffered: this.#pacer.isPaced });
    }
    this.#record();
    this.#beganMs = performance.now();
    this.#initializationMs = this.#beganMs - loadedMs;
    this.#pacer.start(this.#simulation.time);
  }

  toEnd(stopFlag: Int32Array, onProgress: RunHooks['onProgress']): LoopResult {
    const simulation = this.#simulation;
    try {
      let outcome: Outcome = 'finished';
      while (simulation.steps < this.#maxSteps) {
        if (Atomics.load(stopFlag, 0) !== 0) {
          outcome = 'stopped';
          break;
        }
        if (!simulation.step()) {
          outcome = 'ended';
          break;
        }
        this.#record();
        if (onProgress !== undefined) this.#progress(onProgress);
        this.#pacer.reached(simulation.time);
      }
      this.#results?.flush();
      return { report: this.#report(outcome) };
    } catch (error) {
      return { report: this.#report('failed'), error };
    }
  }

  close(): void {
    try {
      this.#results?.close();
    } finally {
      this.#simulation.close();
    }
  }

  #record(): void {
    this.#results?.write(this.#simulation.time);
    this.#capture?.add(this.#simulation.time);
  }

  #progress(onProgress: (progress: Progress) => void): void {
    const now = performance.now();
    if (now - this.#progressedMs < this.#progressMs) return;
    this.#progressedMs = now;
    const { time, steps } = this.#simulation;
    onProgress({ time, steps, overruns: this.#pacer.overruns.count, values: this.#watchers.map((read) => read()) });
  }

  #report(outcome: Outcome): RunReport {
    const { time, steps, system, endedBy } = this.#simulation;
    const wallSeconds = (performance.now() - this.#beganMs) / 1000;
    const simulatedSeconds = time - system.start;
    const { overruns } = this.#pacer;
    return {
      outcome,
      ...(endedBy === undefined ? {} : { endedBy }),
      steps,
      time,
      simulatedSeconds,
      wallSeconds,
      initializationSeconds: this.#initializationMs / 1000,
      realTimeFactor: wallSeconds > 0 ? simulatedSeconds / wallSeconds : 0,
      overruns: { count: overruns.count, maxMs: overruns.maxMs, histogram: overruns.buckets() },
      components: this.#simulation.instances.map((_, index) => this.#componentReport(index)),
      finalValues: Object.fromEntries(this.#recorders.map(([name, read]) => [name, read()])),
      ...(this.#results === undefined ? {} : { resultFile: this.#results.file }),
      droppedLogMessages: 0,
      ...(this.#capture === undefined ? {} : { captured: this.#capture.columns() }),
    };
  }

  #componentReport(index: number): ComponentReport {
    const { name, warnings, lostMessages } = this.#simulation.instances[index]!;
    const times = this.#simulation.stepTimes[index]!;
    return {
      name,
      steps: times.count,
      totalMs: times.totalMs,
      p50Us: times.percentileMs(0.5) * 1000,
      p99Us: times.percentileMs(0.99) * 1000,
      maxUs: times.maxMs * 1000,
      warnings,
      lostMessages,
    };
  }
}
