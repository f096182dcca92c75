/** A whole run in the thread of the caller: initialisation, paced steps, commands, results, progress, report. */
import { basename } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { FmuLogMessage, ModelFolder, RemoteOptions } from '../fmi/index.js';
import { didYouMean } from '../support/nearest.js';
import { formatRfc3339, wallClock } from '../support/time.js';
import { twinbridgeVersion } from '../support/version.js';
import {
  findPort,
  type LatePolicy,
  matchPorts,
  type Pace,
  type Port,
  portName,
  type Recording,
  type System,
  sizeOf,
  variableAt,
} from '../system/index.js';
import { Bell } from './bell.js';
import { CommandError, toErrorRecord, UnknownVariableError } from './errors.js';
import { percentileNs } from './histogram.js';
import { Pacer } from './pacer.js';
import { Recorder, withCapture } from './recorder.js';
import type { ComponentReport, Outcome, Progress, RunLogMessage, RunReport, VariableValue } from './report.js';
import type { SinkOptions } from './results/index.js';
import { type Answer, type Command, CommandQueue } from './run-control.js';
import { ScenarioPlayer } from './scenario.js';
import { isReachedByPlan, Simulation, toVariableValue } from './simulation.js';
import { DataStepper } from './stepping/data.js';
import { FixedStepper } from './stepping/fixed.js';
import type { Stepper } from './stepping/stepper.js';
import { canGoBack, VariableStepper } from './stepping/variable.js';

/** What changes how a system runs; plain data. */
export interface RunSettings {
  /** Stop time, s; instead of the system's. `'never'`: until stopped. */
  readonly stop?: number | 'never';
  readonly pace?: Pace;
  readonly late?: LatePolicy;
  readonly threads?: number;
  /** File of the first recording; instead of the system's. Its format is that of its extension, else as it was. */
  readonly results?: string;
  /** Variables (`component.variable`) to keep in memory and return. */
  readonly capture?: readonly string[];
  /** Variables whose values come with every progress message. */
  readonly watch?: readonly string[];
  /** ms between progress messages; default 100. */
  readonly progressMs?: number;
  /** Has every step timed, instead of as many as cost next to nothing. */
  readonly profile?: boolean;
  /** Waits at the first communication point. */
  readonly paused?: boolean;
  /** For formats of results that have a place for it. */
  readonly about?: Readonly<Record<string, string>>;
}

export interface RunHooks {
  readonly onProgress?: (progress: Progress) => void;
  readonly onLog?: (message: RunLogMessage) => void;
  /** Where remote components are, by index. */
  readonly remotes?: ReadonlyMap<number, RemoteOptions>;
  /** Is told the number of each process that is started for a component. */
  readonly onProcess?: (process: number) => void;
  /** By it other threads reach the run. */
  readonly bell?: Int32Array;
  /** Where commands come from. */
  readonly commands?: MessagePort;
}

export interface LoopResult {
  readonly report: RunReport;
  /** What ended the run, if it failed. */
  readonly error?: unknown;
}

const DEFAULT_PROGRESS_MS = 100;
/** How long the executor runs before it is asked what else there is to do, ms. */
const BUDGET_MS = 20;
/** How long a paused run waits before it looks for commands by itself, ms. */
const PAUSED_MS = 100;

/**
 * Runs until the stop time, a stop request, the wish of an FMU, or an error. What fails before the first communication
 * point is thrown; a later error comes with the report, results written and FMUs freed in any case.
 */
export async function runLoop(
  original: System,
  folders: ReadonlyMap<string, ModelFolder>,
  settings: RunSettings,
  hooks: RunHooks,
): Promise<LoopResult> {
  const plain = withSettings(original, settings);
  const watched = (settings.watch ?? []).map((name) => requirePort(plain, name));
  const captured = (settings.capture ?? []).map((name) => requireNumber(plain, name));
  const system = withCapture(plain, captured);
  const bell = new Bell(hooks.bell);
  let simulation: Simulation | undefined;
  const onLog = (message: FmuLogMessage & { time?: number }) =>
    hooks.onLog?.({ ...message, time: message.time ?? system.start });

  const loadedMs = performance.now();
  simulation = new Simulation(system, folders, {
    observe: watched,
    onLog,
    ...(hooks.remotes === undefined ? {} : { remotes: hooks.remotes }),
    ...(hooks.onProcess === undefined ? {} : { onProcess: hooks.onProcess }),
    ...(settings.profile === undefined ? {} : { profile: settings.profile }),
    mayGoBack: system.stepping.kind === 'variable' && canGoBack({ system }),
  });
  let run: Run | undefined;
  try {
    simulation.initialize();
    const sinks: SinkOptions = {
      unbuffered: system.pace !== 'fast',
      components: system.components.map(({ name }) => name),
      about: { system: basename(system.file), twinbridge: twinbridgeVersion(), ...settings.about },
    };
    const recorder = await Recorder.open(simulation, sinks);
    run = new Run(simulation, recorder, bell, watched, settings, hooks);
    return run.toEnd(performance.now() - loadedMs);
  } finally {
    simulation.close();
  }
}

function withSettings(system: System, settings: RunSettings): System {
  const { stop: ownStop, ...rest } = system;
  const { stop, pace, late, threads, results } = settings;
  const wanted = stop ?? ownStop ?? 'never';
  return {
    ...rest,
    ...(wanted === 'never' ? {} : { stop: wanted }),
    pace: pace ?? system.pace,
    late: late ?? system.late,
    threads: threads ?? system.threads,
    recordings: results === undefined ? system.recordings : redirected(system.recordings, results),
  };
}

function redirected([first, ...others]: readonly Recording[], file: string): Recording[] {
  const extension = /\.(csv|parquet|mcap)$/i.exec(file)?.[1]?.toLowerCase() as Recording['format'] | undefined;
  const { format = 'csv', variables = [], every = 1, ...roll } = first ?? {};
  return [{ ...roll, variables, every, file, format: extension ?? format }, ...others];
}

function requirePort(system: System, name: string): Port {
  const port = findPort(system, name);
  if (port !== undefined) return port;
  const names = matchPorts(system, '*').map((candidate) => portName(system, candidate));
  throw new UnknownVariableError(`no variable is named '${name}'${didYouMean(name, names)}`);
}

function requireNumber(system: System, name: string): Port {
  const port = requirePort(system, name);
  const { type } = variableAt(system, port);
  if (type === 'String' || type === 'Binary') {
    throw new UnknownVariableError(`'${name}' is a ${type} and cannot be captured as numbers`);
  }
  return port;
}

class Run {
  readonly #simulation: Simulation;
  readonly #recorder: Recorder;
  readonly #stepper: Stepper;
  readonly #fixed: FixedStepper | undefined;
  readonly #scenario: ScenarioPlayer;
  readonly #pacer: Pacer;
  readonly #bell: Bell;
  readonly #commands: CommandQueue;
  readonly #hooks: RunHooks;
  readonly #watchers: readonly (() => VariableValue)[];
  readonly #final: readonly (readonly [string, () => VariableValue])[];
  readonly #progressMs: number;
  readonly #end: number;
  /** Steps to make before the run pauses again; `undefined`: it does not. */
  #allowed: number | undefined;
  /** Answers to commands whose steps are being made. */
  readonly #stepping: ((answer: Answer) => void)[] = [];
  #initializationMs = 0;
  #beganMs = 0;
  #beganAtNs = 0n;
  #pausedMs = 0;
  #progressedMs = 0;

  constructor(
    simulation: Simulation,
    recorder: Recorder,
    bell: Bell,
    watched: readonly Port[],
    { progressMs = DEFAULT_PROGRESS_MS, paused }: RunSettings,
    hooks: RunHooks,
  ) {
    const { system } = simulation;
    this.#simulation = simulation;
    this.#recorder = recorder;
    this.#bell = bell;
    this.#hooks = hooks;
    this.#progressMs = progressMs;
    this.#end = system.stop ?? Number.POSITIVE_INFINITY;
    this.#pacer = new Pacer(system.pace, system.late, bell);
    this.#scenario = new ScenarioPlayer(simulation);
    this.#commands = new CommandQueue(hooks.commands);
    this.#watchers = watched.flatMap((port) => simulation.scalars(port).map((scalar) => simulation.reader(scalar)));
    this.#final = (system.recordings[0]?.variables ?? []).flatMap((port) =>
      simulation.scalars(port).map((scalar) => [portName(system, scalar), simulation.reader(scalar)] as const),
    );
    simulation.watch(bell.cell);
    if (paused === true) this.#allowed = 0;
    const { stepping } = system;
    this.#fixed = stepping.kind === 'fixed' ? new FixedStepper(simulation, stepping.size, this.#pacer) : undefined;
    this.#stepper =
      this.#fixed ??
      (stepping.kind === 'data'
        ? new DataStepper(simulation, stepping.component, stepping.minimum, stepping.maximum)
        : new VariableStepper(simulation, stepping as Extract<typeof stepping, { kind: 'variable' }>));
  }

  /** From the first communication point. */
  toEnd(initializationMs: number): LoopResult {
    this.#initializationMs = initializationMs;
    this.#beganMs = performance.now();
    this.#beganAtNs = wallClock();
    let outcome: Outcome;
    let error: unknown;
    try {
      if (this.#simulation.record()) this.#recorder.drain();
      if (this.#pacer.isPaced) this.#recorder.drain();
      this.#pacer.start(this.#simulation.time);
      outcome = this.#steps();
    } catch (thrown) {
      outcome = 'failed';
      error = thrown;
    }
    const wallMs = performance.now() - this.#beganMs - this.#pausedMs;
    this.#answerSteps();
    try {
      this.#recorder.flush();
    } catch (thrown) {
      if (outcome !== 'failed') error = thrown;
      outcome = 'failed';
    }
    const report = this.#report(outcome, wallMs);
    try {
      this.#recorder.close();
    } catch (thrown) {
      return error === undefined ? { report: { ...report, outcome: 'failed' }, error: thrown } : { report, error };
    }
    return error === undefined ? { report } : { report, error };
  }

  #steps(): Outcome {
    for (;;) {
      this.#bell.answer();
      if (this.#bell.isStopped) return 'stopped';
      this.#obey();
      this.#scenario.apply();
      if (this.#stepper.isAtEnd(this.#end)) return 'finished';
      if (this.#allowed === 0) {
        this.#wait();
        continue;
      }
      const { steps: before } = this.#simulation;
      this.#simulation.callsSeen = this.#bell.seen;
      const end = this.#stepper.advance({
        end: this.#end,
        due: this.#scenario.due,
        steps: this.#pacer.isPaced ? 1 : (this.#allowed ?? Number.MAX_SAFE_INTEGER),
        budgetMs: Math.min(BUDGET_MS, Math.max(1, this.#progressMs)),
      });
      if (this.#allowed !== undefined) {
        this.#allowed = Math.max(0, this.#allowed - (this.#simulation.steps - before));
        if (this.#allowed === 0) this.#answerSteps();
      }
      if (end === 'ended') return 'ended';
      if (end === 'rows' || this.#pacer.isPaced || this.#isProgressDue()) this.#recorder.drain();
      this.#progress();
      if (this.#pacer.isPaced && this.#simulation.steps > before) {
        this.#pacer.reached(this.#simulation.time);
        this.#awaitDue();
      }
    }
  }

  /** Commands are obeyed meanwhile. */
  #awaitDue(): void {
    while (this.#pacer.wait() === 'woken') {
      this.#bell.answer();
      if (this.#bell.isStopped) return;
      this.#obey();
      if (this.#allowed === 0) return;
    }
  }

  // -- Commands -------------------------------------------------------------------------------------------------------

  #obey(): void {
    for (let next = this.#commands.next(); next !== undefined; next = this.#commands.next()) {
      try {
        const values = this.#do(next.command);
        if (next.command.kind === 'step') this.#stepping.push(next.answer);
        else next.answer({ ...this.#state(), ...(values === undefined ? {} : { values }) });
      } catch (error) {
        next.refuse(toErrorRecord(error));
      }
      if (this.#allowed === undefined || this.#allowed <= 0) this.#answerSteps();
    }
  }

  /** Commands to make steps are done when these are made, or when another command says so. */
  #answerSteps(): void {
    for (const answer of this.#stepping.splice(0)) answer(this.#state());
  }

  #state(): Answer {
    return { time: this.#simulation.time, steps: this.#simulation.steps, paused: this.#allowed === 0 };
  }

  #do(command: Command): VariableValue[] | undefined {
    switch (command.kind) {
      case 'pause':
        this.#allowed = 0;
        return undefined;
      case 'resume':
        this.#allowed = undefined;
        return undefined;
      case 'step':
        this.#allowed = command.count;
        return undefined;
      case 'get':
        return this.#get(command.name);
      case 'set':
        this.#set(command.name, command.values);
        return undefined;
    }
  }

  #get(name: string): VariableValue[] {
    return this.#simulation.get(requirePort(this.#simulation.system, name)).map(toVariableValue);
  }

  #set(name: string, values: readonly VariableValue[]): void {
    const { system } = this.#simulation;
    const port = requirePort(system, name);
    const { causality, variability, type } = variableAt(system, port);
    const refuse = (why: string, remedy: string) => {
      throw new CommandError(`'${name}' ${why}`, { details: { name }, remedy });
    };
    if (causality === 'parameter' ? variability !== 'tunable' : causality !== 'input') {
      refuse('cannot be set while the system runs', 'set inputs and tunable parameters');
    }
    if (isReachedByPlan(system, port)) refuse('gets its values from a connection', 'override it in a scenario');
    const size = sizeOf(system, port);
    if (values.length !== size)
      refuse(`has ${size} elements, but is given ${values.length} values`, 'give one for each');
    for (const value of values) {
      const isText = type === 'String' || type === 'Binary';
      if (isText !== (typeof value === 'string'))
        refuse(`is of type ${type}, not ${JSON.stringify(value)}`, 'check the value');
    }
    this.#simulation.set(port, values);
  }

  /** Paused: until a command, the end, or a moment has passed. The clock stands still meanwhile. */
  #wait(): void {
    const before = performance.now();
    this.#recorder.flush();
    this.#progress();
    this.#bell.wait(PAUSED_MS);
    this.#pausedMs += performance.now() - before;
    this.#pacer.start(this.#simulation.time);
  }

  // -- Telling ----------------------------------------------------------------------------------------------------------

  #isProgressDue(): boolean {
    return performance.now() - this.#progressedMs >= this.#progressMs;
  }

  #progress(): void {
    if (!this.#isProgressDue()) return;
    this.#progressedMs = performance.now();
    const { time, steps } = this.#simulation;
    this.#hooks.onProgress?.({
      time,
      steps,
      overruns: this.#pacer.overruns.count,
      paused: this.#allowed === 0,
      values: this.#watchers.map((read) => read()),
    });
  }

  #report(outcome: Outcome, wallMs: number): RunReport {
    const { time, steps, system, endedBy } = this.#simulation;
    const simulatedSeconds = time - system.start;
    const { overruns } = this.#pacer;
    const { timedSteps, overheadNs } = this.#simulation.ownTimes();
    const scale = timedSteps === 0 ? 0 : steps / timedSteps;
    const { files, captured } = this.#recorder;
    return {
      outcome,
      ...(endedBy === undefined ? {} : { endedBy }),
      steps,
      time,
      simulatedSeconds,
      wallSeconds: wallMs / 1000,
      initializationSeconds: this.#initializationMs / 1000,
      beganAt: formatRfc3339((this.#beganAtNs / 1000n) * 1000n),
      realTimeFactor: wallMs > 0 ? simulatedSeconds / (wallMs / 1000) : 0,
      overruns: { count: overruns.count, maxMs: overruns.maxMs, histogram: overruns.buckets() },
      components: this.#componentReports(wallMs),
      plan: {
        timedSteps,
        overheadMs: (overheadNs * scale) / 1e6,
        recordingMs: this.#recorder.spentMs,
        rejectedSteps: this.#stepper.rejected,
        skippedSteps: this.#fixed?.skipped ?? 0,
        openLoops: system.loops.atSteps
          ? this.#simulation.plan.order.open.map(({ loop: { path }, reason }) => ({ path, reason }))
          : [],
        warnings: this.#simulation.planWarnings,
      },
      finalValues: Object.fromEntries(this.#final.map(([name, read]) => [name, read()])),
      ...(files[0] === undefined ? {} : { resultFile: files[0] }),
      resultFiles: files,
      droppedLogMessages: 0,
      ...(captured === undefined ? {} : { captured }),
    };
  }

  #componentReports(wallMs: number): ComponentReport[] {
    const { steps, system, instances } = this.#simulation;
    const { timedSteps } = this.#simulation.ownTimes();
    return this.#simulation.componentTimes().map((times, index): ComponentReport => {
      const { name, warnings, lostMessages } = instances[index]!;
      const own = Math.ceil(steps / system.components[index]!.every);
      const totalMs = times.steps === 0 ? 0 : ((times.stepNs / times.steps) * Math.max(own, times.steps)) / 1e6;
      const accessMs = timedSteps === 0 ? 0 : (times.accessNs * (steps / timedSteps)) / 1e6;
      return {
        name,
        steps: own,
        timedSteps: times.steps,
        totalMs,
        p50Us: percentileNs(times, 0.5) / 1000,
        p99Us: percentileNs(times, 0.99) / 1000,
        maxUs: times.maxNs / 1000,
        accessMs,
        share: wallMs > 0 ? (totalMs + accessMs) / wallMs : 0,
        warnings,
        lostMessages,
      };
    });
  }
}
