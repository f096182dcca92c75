/** `twinbridge doctor`: why a bridge and a broker do not come together. */
import type { Command } from 'commander';
import { createColors } from 'picocolors';
import { type CheckupStep, checkBroker } from '../bridge/index.js';
import { addTargetOptions, parsePositive, TARGET_HELP, type TargetFlags, targetOf } from './target-options.js';

interface DoctorFlags extends TargetFlags {
  readonly timeout: number;
  readonly connectTimeout: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  everything a bridge needs, up to its first message
    $ twinbridge doctor bridge.yaml
  a broker alone; then an exchange of it, waiting 30 s for a message
    $ twinbridge doctor amqps://broker.example.org
    $ twinbridge doctor amqp://broker.example.org --exchange robot --exchange-type topic --key robot.# --timeout 30
${TARGET_HELP}

It makes nothing that stays, and takes nobody's messages.
Exit codes: 0 all is well (there may be warnings); 1 a right, an exchange, a queue or a message is missing; 2 usage;
3 the configuration is wrong; 4 the broker cannot be reached or lets nobody in.`;

export function registerDoctor(program: Command): void {
  addTargetOptions(
    program
      .command('doctor')
      .summary('find out why a bridge and a broker do not come together')
      .description(
        'Walks from the name of the host over TCP, TLS, login, virtual host, rights, exchange and queue to the first message, and says what to do where it fails.',
      ),
  )
    .option('--timeout <seconds>', 'how long to wait for the first message', parsePositive, 5)
    .option('--connect-timeout <seconds>', 'for each step of connecting', parsePositive, 5)
    .option('--json', 'the report as JSON on standard output')
    .addHelpText('after', EXAMPLES)
    .action(doctor);
}

async function doctor(named: string | undefined, flags: DoctorFlags): Promise<void> {
  const target = await targetOf(named, flags);
  const report = await checkBroker({
    ...target,
    connectTimeoutMs: flags.connectTimeout * 1000,
    messageTimeoutMs: flags.timeout * 1000,
    ...(flags.json ? {} : { onStep: (step) => process.stdout.write(`${formatStep(step)}\n`) }),
  });
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exitCode = report.exitCode;
}

const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);
const MARKS = {
  ok: colors.green('ok     '),
  warning: colors.yellow('warning'),
  failed: colors.red('failed '),
  skipped: colors.dim('skipped'),
};

function formatStep({ name, state, durationMs, message, remedy }: CheckupStep): string {
  const time = state === 'skipped' ? '' : `${durationMs.toFixed(1)} ms`;
  const line = `${MARKS[state]}  ${name.padEnd(9)}  ${time.padStart(10)}  ${message}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(32)}→ ${remedy}`;
}
