/** `twinbridge demo`: the main job, end to end, on one machine. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type DemoOptions, formatEstop, formatShadow, runEstop, runShadow } from '../demo/index.js';
import { FmiStatus } from '../fmi/index.js';
import type { Progress } from '../master/index.js';

interface DemoFlags {
  readonly duration?: number;
  readonly broker?: string;
  readonly json?: true;
  readonly headless?: true;
}

const EXAMPLES = `
Demos:
  estop    a field robot drives among obstacles; a monitor in the co-simulation stops it before it hits one (20 s)
  shadow   a motion-capture recording is replayed beside a model that predicts it (31 s)

Examples:
  $ twinbridge demo
  $ twinbridge demo shadow --json > report.json
  $ twinbridge demo --broker amqp://guest:guest@localhost:5672 --duration 10

Ctrl-C ends the run after the present step, with its report.
Exit codes: 0 finished or stopped; 1 the run failed; 2 usage; 3 the broker's address is none; 4 the broker cannot be
reached; 5 no data came in time.`;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .summary('see it work: an emergency stop, or a digital shadow')
    .description('Runs a demonstration in real time and prints a short report.')
    .argument('[name]', 'estop or shadow', 'estop')
    .option('--duration <seconds>', 'simulated time, at real time', parseSeconds)
    .addOption(new Option('--broker <url>', 'use this broker instead of the embedded one').env('TWINBRIDGE_BROKER'))
    .option('--headless', 'no page in a browser')
    .option('--json', 'the report as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(demo);
}

async function demo(name: string, flags: DemoFlags, command: Command): Promise<void> {
  if (name !== 'estop' && name !== 'shadow')
    command.error(`error: there is no demo '${name}'; there are estop and shadow`);
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const ticker = new Ticker();
  const options: DemoOptions = {
    signal: abort.signal,
    ...(flags.duration === undefined ? {} : { duration: flags.duration }),
    ...(flags.broker === undefined ? {} : { broker: flags.broker }),
    say: (text) => ticker.say(text),
    onProgress: (progress) => ticker.show(describe(name, progress)),
    onLog: ({ status, instance, message }) => {
      if (status !== FmiStatus.ok) ticker.say(`${instance}: ${message}`);
    },
  };
  try {
    const [report, text] = await (name === 'shadow'
      ? runShadow(options).then((r) => [r, formatShadow(r)] as const)
      : runEstop(options).then((r) => [r, formatEstop(r)] as const));
    ticker.end();
    process.stdout.write(`${flags.json ? JSON.stringify(report) : text}\n`);
  } finally {
    ticker.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function describe(name: string, { time, values }: Progress): string {
  const [first, age] = values.map(Number) as [number, number];
  const seen = `data ${(age * 1000).toFixed(0)} ms old`;
  if (name === 'shadow') return `${time.toFixed(1)} s   prediction off by ${(first * 1000).toFixed(1)} mm   ${seen}`;
  return `${time.toFixed(1)} s   ${first.toFixed(2)} m to the nearest obstacle   ${seen}${values[2] ? '   STOP' : ''}`;
}

/** How far it is, on one line of a terminal, or else a line every few seconds. */
class Ticker {
  readonly #tty = process.stderr.isTTY === true;
  #lastShown = Number.NEGATIVE_INFINITY;

  show(text: string): void {
    const now = performance.now();
    if (now - this.#lastShown < (this.#tty ? 100 : 5000)) return;
    this.#lastShown = now;
    process.stderr.write(this.#tty ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  say(text: string): void {
    process.stderr.write(`${this.#tty ? '\r\u001b[2K' : ''}${text}\n`);
  }

  end(): void {
    if (this.#tty) process.stderr.write('\r\u001b[2K');
  }
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('expected a number of seconds.');
  return value;
}
