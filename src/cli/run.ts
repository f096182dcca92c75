/** `twinbridge run`: a co-simulation, from its system file. */
import { Presets, SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { createColors } from 'picocolors';
import { FmiStatus } from '../fmi/index.js';
import { exitNow, formatReport, type Progress, RunError, type RunLogMessage, runSystem } from '../master/index.js';
import { formatProblem } from '../support/errors.js';
import { type Pace, readSystemYaml, type System } from '../system/index.js';

interface RunFlags {
  readonly stop?: number | 'never';
  readonly pace?: Pace;
  readonly results?: string;
  readonly json?: true;
  readonly quiet?: true;
}

const EXAMPLES = `
Examples:
  run a system as its file says
    $ twinbridge run system.yaml
  the first 5 seconds at real time, results to another file
    $ twinbridge run system.yaml --stop 5 --pace realtime --results /tmp/first.csv
  until Ctrl-C, the report as JSON
    $ twinbridge run system.yaml --stop never --json > report.json

Ctrl-C ends the run after the present step, with the results written; a second Ctrl-C gives it up after 5 s.
Exit codes: 0 finished or stopped; 1 an FMU failed; 3 the system or an FMU is wrong; 5 a step was discarded (a bridge
got no valid data in time).`;

export function registerRun(program: Command): void {
  program
    .command('run')
    .summary('run a co-simulation')
    .description('Runs the co-simulation that a system file describes. The report goes to standard error.')
    .argument('<system>', 'system file (YAML)')
    .option('--stop <seconds>', "stop time, or 'never'", parseStop)
    .option('--pace <pace>', "'fast', 'realtime', or simulated seconds per second", parsePace)
    .option('--results <file>', 'write the results (CSV) to this file')
    .option('--json', 'the report as JSON on standard output')
    .option('--quiet', 'no progress and no report')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(file: string, flags: RunFlags): Promise<void> {
  const { json, quiet, ...settings } = flags;
  const system = await readSystemYaml(file);
  const screen = new Screen(system, settings.stop, quiet === true);
  for (const problem of system.warnings) screen.say(`warning: ${formatProblem(problem)}`);

  const stop = new AbortController();
  const kill = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) kill.abort();
    else screen.say('stopping after this step (Ctrl-C again to give up)');
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const report = await runSystem(system, {
      ...settings,
      signal: stop.signal,
      kill: kill.signal,
      onLog: (message) => screen.log(message),
      ...(screen.showsProgress && { onProgress: (progress) => screen.progress(progress) }),
    });
    screen.end();
    if (!quiet) screen.say(formatReport(report));
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  } catch (error) {
    screen.end();
    if (!(error instanceof RunError)) throw error;
    if (error.report !== undefined) {
      if (!quiet) screen.say(formatReport(error.report));
      if (json) process.stdout.write(`${JSON.stringify(error.report)}\n`);
    }
    if (error.code === 'TB_MASTER_KILLED') {
      screen.say(`error: ${error.message}${error.remedy === undefined ? '' : ` (${error.remedy})`}`);
      exitNow(error.exitCode);
    }
    throw error;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Standard error: messages, and below them a line of progress if a person is looking. */
class Screen {
  readonly showsProgress: boolean;
  readonly #colors = createColors(process.stderr.isTTY === true && !process.env.NO_COLOR);
  readonly #verbose: ReadonlySet<string>;
  readonly #bar: SingleBar | undefined;

  constructor(system: System, stop: RunFlags['stop'], quiet: boolean) {
    this.showsProgress = process.stderr.isTTY === true && !quiet;
    this.#verbose = new Set(system.components.filter(({ logging }) => logging !== undefined).map(({ name }) => name));
    if (!this.showsProgress) return;
    const end = stop ?? system.stop ?? 'never';
    const format = end === 'never' ? '{time} s, {overruns} overruns' : '{bar} {time} of {total} s, {overruns} overruns';
    this.#bar = new SingleBar(
      { format, stream: process.stderr, hideCursor: true, clearOnComplete: true },
      Presets.rect,
    );
    this.#bar.start(end === 'never' ? 0 : end, 0, { time: '0.0', overruns: 0 });
  }

  progress({ time, overruns }: Progress): void {
    this.#bar?.update(time, { time: time.toFixed(1), overruns });
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
