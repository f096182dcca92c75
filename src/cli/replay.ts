/** `twinbridge replay`: a recording onto a broker, at its own pace. */
import { type Command, Option } from 'commander';
import type { LinkEvent } from '../amqp/index.js';
import {
  type AmqpTarget,
  type BadRowPolicy,
  formatReport,
  LinesSink,
  parseColumns,
  parseColumnTypes,
  parseSeconds,
  parseTimeBound,
  RECORDING_FORMATS,
  type RecordingFormat,
  type ReplayFileOptions,
  ReplayOptionError,
  type ReplayReport,
  replayFile,
} from '../replay/index.js';
import { ExitCode, formatProblem } from '../support/errors.js';
import { TIME_FORMATS, type TimeFormat } from '../support/time.js';

interface ReplayFlags {
  readonly broker: string;
  readonly exchange: string;
  readonly exchangeType: NonNullable<AmqpTarget['exchangeType']>;
  readonly key: string;
  readonly declare: 'active' | 'passive' | 'none';
  readonly durable?: true;
  readonly mandatory?: true;
  readonly persistent?: true;
  readonly maxUnconfirmed?: string;
  readonly rate: string;
  readonly interval?: string;
  readonly unpaced?: true;
  readonly loop?: string | true;
  readonly start?: string;
  readonly until?: string;
  readonly time: 'keep' | 'now';
  readonly watermark?: string;
  readonly endOfStream?: true;
  readonly timeColumn?: string;
  readonly timeFormat: TimeFormat | 'auto';
  readonly timeKey: string;
  readonly columns?: string;
  readonly types?: string;
  readonly delimiter?: string;
  readonly format?: RecordingFormat;
  readonly badRows: BadRowPolicy;
  readonly dryRun?: true;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  look at the first messages, without a broker
    $ twinbridge replay robot.csv --dry-run --until 1
  send a recording at its own pace, with its own time stamps
    $ twinbridge replay robot.csv --exchange robot --key robot.state
  as if it happened now, twice as fast, again and again
    $ twinbridge replay robot.csv --exchange robot --key robot.state --time now --rate 2 --loop
  three columns under other names, from 10 s to 20 s after the first row
    $ twinbridge replay robot.csv --exchange robot --key robot.state --columns x:=tx,y:=ty,qw --start 10 --until 20
  so that a bridge with behaviour 'complete' outputs the same in every run, to the last row and beyond
    $ twinbridge replay robot.csv --exchange robot --key robot.state --unpaced --end-of-stream
  a compressed file, one row every 2 ms
    $ zcat robot.csv.gz | twinbridge replay - --exchange robot --key robot.state --interval 0.002

A user name and password may stand in TWINBRIDGE_BROKER (amqp://user:password@host), where other users of the machine
do not see them.
Exit codes: 0 all sent (or stopped with Ctrl-C) and confirmed; 1 some messages unconfirmed, or with --mandatory
unroutable; 2 usage; 3 the recording is wrong; 4 the broker cannot be reached.`;

export function registerReplay(program: Command): void {
  program
    .command('replay')
    .summary('send a recording (CSV, JSON Lines) to a broker at its own pace')
    .description(
      'Sends each row of a recording as a JSON message when it is due: {"x":1.5,…,"time":"2011-07-28T15:49:23.869700Z"}.',
    )
    .argument('<file>', 'CSV with a header line (.csv, .tsv) or JSON Lines (.jsonl, .ndjson); - for standard input')
    .optionsGroup('Where to:')
    .addOption(
      new Option('--broker <url>', 'amqp:// or amqps:// address')
        .env('TWINBRIDGE_BROKER')
        .default('amqp://127.0.0.1:5672'),
    )
    .option('--exchange <name>', 'exchange to publish to', 'fmi_digital_twin')
    .addOption(
      new Option('--exchange-type <type>', 'type the exchange is declared with')
        .choices(['direct', 'fanout', 'topic', 'headers'])
        .default('direct'),
    )
    .option('--key <routing key>', 'routing key of every message', 'data.to_cosim')
    .addOption(
      new Option(
        '--declare <how>',
        'active: create the exchange if it is absent; passive: it must exist; none: do not ask',
      )
        .choices(['active', 'passive', 'none'])
        .default('active'),
    )
    .option('--durable', 'declare the exchange durable')
    .option('--persistent', 'messages survive a restart of the broker (in durable queues)')
    .option('--mandatory', 'have messages returned, and count them, that no queue is bound for')
    .option('--max-unconfirmed <n>', 'messages on their way to the broker before reading waits (default: 2000)')
    .option('--dry-run', 'print the messages on standard output instead')
    .optionsGroup('When:')
    .option('--rate <factor>', 'times the recorded speed', '1')
    .option('--interval <seconds>', 'rows lie this far apart, whatever their times say')
    .option('--unpaced', 'as fast as the broker takes them')
    .option('--loop [n]', 'play n times; without n until stopped; time goes on from pass to pass')
    .option('--start <when>', 'from: seconds from the first row, or an RFC 3339 time')
    .option('--until <when>', 'to (exclusive): seconds from the first row, or an RFC 3339 time')
    .addOption(
      new Option('--time <stamp>', 'keep the recorded time stamps, or map them to the present')
        .choices(['keep', 'now'])
        .default('keep'),
    )
    .option(
      '--watermark <seconds>',
      'in longer gaps, a message every so often says how far the stream is (bridges: complete)',
    )
    .option('--end-of-stream', 'after the last row, a message says that nothing more comes (bridges: complete)')
    .optionsGroup('What:')
    .option('--time-column <name>', "column of the times (default: 'timestamp', or else 'time')")
    .addOption(
      new Option('--time-format <format>', 'auto: by the first row').choices([...TIME_FORMATS, 'auto']).default('auto'),
    )
    .option('--time-key <key>', 'key of the time in the messages', 'time')
    .option('--columns <list>', 'a,b or key:=column; default all, under their own names')
    .option('--types <list>', 'column=type with Real, Integer, Boolean or String; default by the first 100 rows')
    .option('--delimiter <character>', 'between the cells (default: comma; tab for .tsv)')
    .addOption(new Option('--format <format>', 'default: by the name of the file').choices(RECORDING_FORMATS))
    .addOption(
      new Option(
        '--bad-rows <policy>',
        'rows without a valid time or of another width: end, or leave them out and count',
      )
        .choices(['stop', 'skip'])
        .default('stop'),
    )
    .optionsGroup('Output:')
    .option('--json', 'the report as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: ReplayFlags) => {
      process.exitCode = await replay(file, flags);
    });
}

async function replay(file: string, flags: ReplayFlags): Promise<ExitCode> {
  const options = toOptions(file, flags);
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(130);
    tell('stopping: waiting for confirmations (Ctrl-C again to leave at once)');
    abort.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // Whoever reads our output (head, say) may have enough of it: that ends a dry run, and is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    abort.abort();
  });
  try {
    const report = await replayFile({
      ...options,
      signal: abort.signal,
      onNotice: tell,
      onProblem: (problem) => tell(formatProblem(problem)),
      ...(process.stderr.isTTY ? { onProgress: showProgress } : {}),
    });
    process.stderr.write(clearLine());
    const text = flags.json ? JSON.stringify(report) : formatReport(report);
    (flags.dryRun ? process.stderr : process.stdout).write(`${text}\n`);
    return judge(report, flags);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    // A pipe that was left before its end would keep the process alive.
    if (file === '-') process.stdin.destroy();
  }
}

function judge(report: ReplayReport, flags: ReplayFlags): ExitCode {
  if (flags.dryRun) return ExitCode.ok;
  if (report.unconfirmed > 0) {
    tell(`${report.unconfirmed} messages are unconfirmed: the broker may not have them`);
    return ExitCode.runFailed;
  }
  if (flags.mandatory && report.returned > 0) {
    tell(`${report.returned} messages came back: no queue is bound to '${flags.exchange}' for '${flags.key}'`);
    return ExitCode.runFailed;
  }
  return ExitCode.ok;
}

function toOptions(file: string, flags: ReplayFlags): ReplayFileOptions {
  const { start, until, interval, columns, types, timeColumn, delimiter, format, maxUnconfirmed } = flags;
  if (delimiter !== undefined && (delimiter.length !== 1 || /["\r\n]/.test(delimiter))) {
    throw new ReplayOptionError(`--delimiter: '${delimiter}' is not one character`, {
      remedy: "write for example --delimiter ';', or $'\\t' for a tab",
    });
  }
  const target: AmqpTarget = {
    broker: flags.broker,
    exchange: flags.exchange,
    exchangeType: flags.exchangeType,
    declare: flags.declare,
    durable: flags.durable === true,
    routingKey: flags.key,
    persistent: flags.persistent === true,
    mandatory: flags.mandatory === true,
    ...(maxUnconfirmed === undefined ? {} : { maxUnconfirmed: parseNumber(maxUnconfirmed, '--max-unconfirmed') }),
    onEvent: tellBrokerEvent,
  };
  return {
    file: file === '-' ? 'stdin' : file,
    ...(file === '-' ? { bytes: process.stdin } : {}),
    ...(format === undefined ? {} : { format }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(timeColumn === undefined ? {} : { timeColumn }),
    ...(columns === undefined ? {} : { columns: parseColumns(columns) }),
    ...(types === undefined ? {} : { types: parseColumnTypes(types) }),
    ...(interval === undefined ? {} : { interval: parseSeconds(interval, '--interval') }),
    ...(start === undefined ? {} : { start: parseTimeBound(start, '--start') }),
    ...(until === undefined ? {} : { until: parseTimeBound(until, '--until') }),
    ...(flags.watermark === undefined
      ? {}
      : { watermarkInterval: BigInt(Math.max(1, Math.round(parseNumber(flags.watermark, '--watermark') * 1e9))) }),
    endOfStream: flags.endOfStream === true,
    timeFormat: flags.timeFormat,
    timeKey: flags.timeKey,
    badRows: flags.badRows,
    rate: parseNumber(flags.rate, '--rate'),
    paced: flags.unpaced !== true,
    passes: parsePasses(flags.loop),
    stamp: flags.time,
    target: flags.dryRun ? new LinesSink(process.stdout) : target,
  };
}

function parsePasses(loop: string | true | undefined): number {
  if (loop === undefined) return 1;
  return loop === true ? Number.POSITIVE_INFINITY : parseNumber(loop, '--loop');
}

function parseNumber(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0))
    throw new ReplayOptionError(`${option}: '${text}' is no number greater than 0`);
  return value;
}

function tellBrokerEvent(event: LinkEvent): void {
  if (event.type === 'lost') tell(`connection lost (${event.reason}); waiting for the broker`);
  else if (event.type === 'connected') tell('connected to the broker');
  else if (event.type === 'blocked') tell(`the broker takes no messages for now: ${event.reason}`);
  else if (event.type === 'unblocked') tell('the broker takes messages again');
}

function tell(text: string): void {
  process.stderr.write(`${clearLine()}${text}\n`);
}

function showProgress(report: ReplayReport): void {
  const { messagesSent, unconfirmed, lagMs, messagesPerSecond, passes } = report;
  const lag = lagMs === null ? '' : `, lag p99 ${lagMs.p99.toFixed(1)} max ${lagMs.max.toFixed(1)} ms`;
  const rate = Math.round(messagesPerSecond);
  process.stderr.write(
    `${clearLine()}pass ${passes}: ${messagesSent} sent, ${unconfirmed} unconfirmed, ${rate} a second${lag}`,
  );
}

/** Removes the progress line, where there may be one. */
function clearLine(): string {
  return process.stderr.isTTY ? '\r\u001b[2K' : '';
}
