/** What `doctor` and `tap` have in common: the broker they look at. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readTarget, type Target } from '../bridge/index.js';

export interface TargetFlags {
  readonly exchange?: string;
  readonly exchangeType?: 'direct' | 'fanout' | 'topic' | 'headers';
  readonly key?: string;
  readonly external?: true;
}

export const TARGET_HELP = `
A URL without user and password takes them from the file that TWINBRIDGE_SECRET_FILE names: what stands on the command
line, other users of the machine can read. Without a target, it is the environment variable AMQP_URL.
TLS: TWINBRIDGE_TLS_CA, TWINBRIDGE_TLS_CERT, TWINBRIDGE_TLS_KEY, TWINBRIDGE_TLS_SERVERNAME.`;

export function addTargetOptions(command: Command): Command {
  return command
    .argument('[target]', 'amqp:// or amqps:// address of a broker, or a bridge.yaml')
    .option('--exchange <name>', 'with an address: the exchange that messages come from')
    .addOption(
      new Option('--exchange-type <type>', 'with an address: the type it is to have').choices([
        'direct',
        'fanout',
        'topic',
        'headers',
      ]),
    )
    .option('--key <routing key>', 'with an address: binding key (default: "#")')
    .option('--external', 'with an address: log in by client certificate (SASL EXTERNAL)');
}

export function targetOf(target: string | undefined, flags: TargetFlags): Promise<Target> {
  const { exchange, exchangeType, key, external } = flags;
  return readTarget(target ?? process.env.AMQP_URL ?? 'amqp://127.0.0.1:5672', {
    ...(exchange === undefined ? {} : { exchange }),
    ...(exchangeType === undefined ? {} : { type: exchangeType }),
    ...(key === undefined ? {} : { key }),
    ...(external === undefined ? {} : { external }),
    warn: (text) => process.stderr.write(`warning: ${text}\n`),
  });
}

export function parsePositive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0)) throw new InvalidArgumentError('expected a number greater than 0.');
  return value;
}
