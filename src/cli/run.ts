/** `twinbridge run`: a co-simulation, from its system file. */
import type { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createColors } from 'picocolors';
import { FmiStatus } from '../fmi/index.js';
import {
  exitNow,
  formatReport,
  openRunFolder,
  type Progress,
  RunControl,
  RunError,
  type RunFolder,
  type RunLogMessage,
  type RunReport,
  RunThread,
  runSystem,
} from '../master/index.js';
import { formatProblem, TwinbridgeError } from '../support/errors.js';
import {
  type LatePolicy,
  type Pace,
  readSystemDraft,
  resolveSystem,
  type System,
  withRecording,
} from '../system/index.js';
import { collect } from './option-values.js';
import { parseCommand } from './run-commands.js';
import { addSystemOptions, type SystemFlags, toSystemOptions } from './system-options.js';

interface RunFlags extends SystemFlags {
  readonly stop?: number | 'never';
  readonly pace?: Pace;
  readonly late?: LatePolicy;
  readonly threads?: number;
  readonly results?: string;
  readonly record?: readonly string[];
  readonly every?: number;
  readonly folder?: string;
  readonly profile?: true;
  readonly paused?: true;
  readonly interactive?: true;
  readonly json?: true;
  readonly quiet?: true;
}

const EXAMPLES = `
Examples:
  run a system as its file says
    $ twinbridge run system.yaml
  systems of other tools run as they are
    $ twinbridge run multimodel.json simulation.json
    $ twinbridge run OspSystemStructure.xml --scenario scenario.json
    $ twinbridge run plant.ssp --step-size 0.01
  FMUs on other machines: a component with fmu: proxyfmu://host:port?file=a.fmu (docs/remote.md)
    $ twinbridge run system.yaml
  the first 5 seconds at real time, some variables to a file for Foxglove
    $ twinbridge run system.yaml --stop 5 --pace realtime --results first.mcap --record 'robot.*'
  keep everything of the run in a folder: configuration, versions, log, results, report
    $ twinbridge run system.yaml --folder runs
  see where the time goes
    $ twinbridge run system.yaml --profile
  pause, make single steps and change parameters by lines on standard input
    $ printf 'step 10\\nset monitor.safe_distance 2\\nresume\\n' | twinbridge run system.yaml --interactive --paused
  until Ctrl-C, the report as JSON
    $ twinbridge run system.yaml --stop never --json > report.json

Ctrl-C ends the run after the present step, with the results written; a second Ctrl-C gives it up after 5 s.
Lines of --interactive: pause, resume, step [n], set <variable> <value>…, get <variable>, stop.
Exit codes: 0 finished or stopped; 1 an FMU failed, or its server was lost; 3 the system or an FMU is wrong; 4 a broker
or the server of a remote FMU cannot be reached; 5 a step was discarded (a bridge got no valid data in time), took
longer than its deadline, or was late with --late fail.`;

export function registerRun(program: Command): void {
  const command = program
    .command('run')
    .summary('run a co-simulation')
    .description('Runs the co-simulation that a file describes. The report goes to standard error.')
    .argument('<system...>', 'system file (YAML), or that of another tool: see twinbridge convert --help')
    .option('--stop <seconds>', "stop time, or 'never'", parseStop)
    .option('--pace <pace>', "'fast', 'realtime', or simulated seconds per second", parsePace)
    .addOption(
      new Option('--late <policy>', 'what a paced run does when a step ends late').choices([
        'catch-up',
        'slip',
        'skip',
        'fail',
      ]),
    )
    .option('--threads <count>', 'threads that make steps', parseCount)
    .option('--results <file>', 'write the results to this file: .csv, .parquet or .mcap')
    .option('--record <pattern>', "variables to write, '*' for any characters; several times", collect)
    .option('--every <count>', 'write every so many communication points', parseCount)
    .option('--folder <folder>', 'make a folder for this run in it: configuration, versions, log, results, report')
    .option('--profile', 'time every step, and say where the time went')
    .option('--paused', 'wait at the first communication point (with --interactive)')
    .option('--interactive', 'obey lines on standard input')
    .option('--json', 'the report as JSON on standard output')
    .option('--quiet', 'no progress and no report');
  addSystemOptions(command).addHelpText('after', EXAMPLES).action(run);
}

async function run(files: readonly string[], flags: RunFlags): Promise<void> {
  // It gets ready while the system is read.
  RunThread.startAhead();
  const { stop: stopTime, pace, late, threads, profile, paused } = flags;
  const draft = await readSystemDraft(files, toSystemOptions(flags));
  const system = await resolveSystem(
    withRecording(draft, {
      ...(flags.record === undefined ? {} : { variables: flags.record }),
      ...(flags.every === undefined ? {} : { every: flags.every }),
      ...(flags.results === undefined ? {} : { file: flags.results }),
    }),
  );
  const screen = await Screen.open(system, stopTime, flags.quiet === true);
  for (const problem of system.warnings) screen.say(`warning: ${formatProblem(problem)}`);
  const folder = flags.folder === undefined ? undefined : await openRunFolder(flags.folder, files, system);
  if (folder !== undefined) screen.say(`run folder: ${folder.path}`);

  const stop = new AbortController();
  const kill = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) kill.abort();
    else screen.say('stopping after this step (Ctrl-C again to give up)');
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const control = flags.interactive === true ? await listen(screen, () => stop.abort()) : undefined;
  const settings = {
    ...(stopTime === undefined ? {} : { stop: stopTime }),
    ...(pace === undefined ? {} : { pace }),
    ...(late === undefined ? {} : { late }),
    ...(threads === undefined ? {} : { threads }),
    ...(profile === undefined ? {} : { profile }),
    ...(paused === undefined ? {} : { paused }),
    ...(control === undefined ? {} : { control }),
  };
  try {
    const report = await runSystem(folder?.system ?? system, {
      ...settings,
      signal: stop.signal,
      kill: kill.signal,
      onLog: (message) => {
        folder?.log(message);
        screen.log(message);
      },
      ...(screen.showsProgress && { onProgress: (progress) => screen.progress(progress) }),
    });
    tell(report, screen, folder, flags);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    tell(error.report, screen, folder, flags, error);
    if (error.code === 'TB_MASTER_KILLED') {
      screen.say(`error: ${error.message}${error.remedy === undefined ? '' : ` (${error.remedy})`}`);
      exitNow(error.exitCode);
    }
    throw error;
  } finally {
    screen.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    // An open standard input would keep the process alive.
    if (control !== undefined) process.stdin.destroy();
  }
}

function tell(
  report: RunReport | undefined,
  screen: Screen,
  folder: RunFolder | undefined,
  { quiet, json }: RunFlags,
  error?: RunError,
): void {
  screen.end();
  folder?.close(report, error);
  if (report === undefined) return;
  if (!quiet) screen.say(formatReport(report));
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** Lines on standard input, obeyed one after the other. */
async function listen(screen: Screen, stop: () => void): Promise<RunControl> {
  const { createInterface } = await import('node:readline');
  const control = new RunControl();
  let before = Promise.resolve();
  createInterface({ input: process.stdin }).on('line', (line) => {
    before = before.then(async () => {
      try {
        const command = parseCommand(line);
        if (command === undefined) return;
        if (command.kind === 'stop') {
          stop();
          return;
        }
        const { time, steps, paused, values } = await control.ask(command);
        const state = `${paused ? 'paused' : 'running'} at ${Number(time.toPrecision(12))} s after ${steps} steps`;
        screen.say(values === undefined ? state : `${values.join(' ')}    (${state})`);
      } catch (error) {
        screen.say(
          `${(error as Error).message}${error instanceof TwinbridgeError && error.remedy !== undefined ? ` (${error.remedy})` : ''}`,
        );
      }
    });
  });
  return control;
}

/** Standard error: messages, and below them a line of progress if a person is looking. */
class Screen {
  readonly showsProgress: boolean;
  readonly #colors = createColors(process.stderr.isTTY === true && !process.env.NO_COLOR);
  readonly #verbose: ReadonlySet<string>;
  readonly #bar: SingleBar | undefined;

  static async open(system: System, stop: RunFlags['stop'], quiet: boolean): Promise<Screen> {
    const showsProgress = process.stderr.isTTY === true && !quiet;
    return new Screen(system, showsProgress ? await openBar(stop ?? system.stop ?? 'never') : undefined);
  }

  private constructor(system: System, bar: SingleBar | undefined) {
    this.showsProgress = bar !== undefined;
    this.#bar = bar;
    this.#verbose = new Set(system.components.filter(({ logging }) => logging !== undefined).map(({ name }) => name));
  }

  progress({ time, overruns, paused }: Progress): void {
    this.#bar?.update(time, { time: time.toFixed(1), overruns, paused: paused ? ' (paused)' : '' });
  }

  /** Warnings and worse of all FMUs; everything of those whose logging is switched on. */
  log({ time, instance, status, message }: RunLogMessage): void {
    if (status === FmiStatus.ok && !this.#verbose.has(instance)) return;
    const { dim, yellow, red } = this.#colors;
    const color = status === FmiStatus.ok ? (text: string) => text : status === FmiStatus.warning ? yellow : red;
    this.say(`${dim(`[${Number(time.toFixed(6))} s] ${instance}:`)} ${color(message)}`);
  }

  say(text: string): void {
    const clear = this.showsProgress ? '\r\u001b[2K' : '';
    process.stderr.write(`${clear}${text}\n`);
  }

  end(): void {
    this.#bar?.stop();
  }
}

async function openBar(end: number | 'never'): Promise<SingleBar> {
  const { Presets, SingleBar } = await import('cli-progress');
  const format =
    end === 'never'
      ? '{time} s{paused}, {overruns} overruns'
      : '{bar} {time} of {total} s{paused}, {overruns} overruns';
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true }, Presets.rect);
  bar.start(end === 'never' ? 0 : end, 0, { time: '0.0', overruns: 0, paused: '' });
  return bar;
}

function parseStop(text: string): number | 'never' {
  const value = Number(text);
  if (text === 'never') return 'never';
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError("expected seconds or 'never'.");
  return value;
}

function parsePace(text: string): Pace {
  if (text === 'fast') return 'fast';
  if (text === 'realtime') return 1;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError("expected 'fast', 'realtime' or a number greater than 0.");
  }
  return value;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1.');
  return value;
}
