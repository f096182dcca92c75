/** `twinbridge tap`: look at live messages as a bridge would. */
import type { Command } from 'commander';
import { createColors } from 'picocolors';
import type { LinkEvent } from '../amqp/index.js';
import { type ExplainedSignal, type Explanation, formatAge, type PlainMessage, tapMessages } from '../bridge/index.js';
import { addTargetOptions, parsePositive, TARGET_HELP, type TargetFlags, targetOf } from './target-options.js';

interface TapFlags extends TargetFlags {
  readonly number?: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  what a bridge would make of the next three messages
    $ twinbridge tap bridge.yaml -n 3
  all messages of an exchange, as JSON lines
    $ twinbridge tap amqp://broker.example.org --exchange robot --json
${TARGET_HELP}

It listens with a queue of its own, so that nobody misses a message for it; a stream is read as it is. Ctrl-C ends.
Exit codes: 0 ended, or -n messages seen; 2 usage; 3 the configuration is wrong; 4 the broker cannot be reached, or
refuses.`;

export function registerTap(program: Command): void {
  addTargetOptions(
    program
      .command('tap')
      .summary('show live messages and what a bridge would make of them')
      .description(
        'Shows live messages signal by signal: the value that is taken, or why it is refused; time and age.',
      ),
  )
    .option('-n, --number <messages>', 'end after so many', parsePositive)
    .option('--json', 'one JSON object a message')
    .addHelpText('after', EXAMPLES)
    .action(tap);
}

async function tap(named: string | undefined, flags: TapFlags): Promise<void> {
  const target = await targetOf(named, flags);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // `| head` has seen enough.
  process.stdout.on('error', stop);
  await tapMessages(target, {
    signal: abort.signal,
    ...(flags.number === undefined ? {} : { count: flags.number }),
    onMessage: (message) => process.stdout.write(`${flags.json ? JSON.stringify(message) : format(message)}\n`),
    onEvent: tellEvent,
    onWaiting: (exchange) => process.stderr.write(`waiting for exchange '${exchange}', which is not there yet\n`),
  });
}

function tellEvent(event: LinkEvent): void {
  if (event.type === 'connected') process.stderr.write('listening (Ctrl-C ends)\n');
  else if (event.type === 'lost') process.stderr.write(`connection lost (${event.reason}); waiting for the broker\n`);
  else if (event.type === 'missed') process.stderr.write(`${event.reason}\n`);
}

const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

function format(message: Explanation | PlainMessage): string {
  const { exchange, routingKey, bytes } = message;
  const head = `${exchange} ${colors.bold(routingKey)}  ${bytes} bytes`;
  if (!('signals' in message)) return `${head}\n  ${printable(message.body)}`;
  const { time, ageS = 0, rejected, body, signals, unknown } = message;
  const width = Math.max(0, ...signals.map(({ name }) => name.length));
  return [
    time === undefined ? head : `${head}  ${time}  ${formatAge(ageS)}`,
    ...(rejected === undefined ? [] : [colors.red(`  rejected: ${rejected}`)]),
    ...(body === undefined ? [] : [`  ${printable(body)}`]),
    ...signals.map((signal) => `  ${signal.name.padEnd(width)}  ${signal.type.padEnd(7)}  ${formatValue(signal)}`),
    ...unknown.map((text) => colors.yellow(`  unknown: ${text}`)),
  ].join('\n');
}

function formatValue({ state, value, unit, reason }: ExplainedSignal): string {
  if (state === 'taken') {
    const text =
      typeof value === 'string'
        ? JSON.stringify(value)
        : Array.isArray(value)
          ? `[${value.join(', ')}]`
          : String(value);
    return unit === undefined ? text : `${text} ${unit}`;
  }
  return state === 'missing' ? colors.dim('not in this message') : colors.red(`refused: ${reason}`);
}

/** A terminal obeys control characters. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (c) => (c === '\n' || c === '\t' ? ' ' : '\ufffd'));
}
