/** `twinbridge broker`: the embedded broker as a process of its own. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EmbeddedBroker } from '../amqp/embedded/index.js';
import { InvalidInputError, TwinbridgeError } from '../support/errors.js';
import { interrupted } from './interrupted.js';
import { collect, parsePort } from './option-values.js';

interface BrokerFlags {
  readonly host: string;
  readonly port: number;
  readonly vhost?: readonly string[];
  readonly user?: string;
  readonly passwordFile?: string;
  readonly json?: true;
}

const PASSWORD_VARIABLE = 'TWINBRIDGE_BROKER_PASSWORD';

class CannotListenError extends TwinbridgeError {
  override readonly code = 'TB_BROKER_CANNOT_LISTEN';
}

export function registerBroker(program: Command): void {
  program
    .command('broker')
    .summary('run a broker for this machine')
    .description('Runs an AMQP 0-9-1 broker for this machine, in memory, until Ctrl-C.')
    .option('--host <address>', 'interface to listen on', '127.0.0.1')
    .option('--port <number>', 'TCP port, 0 for any free one', parsePort, 5672)
    .option('--vhost <name>', 'virtual host; repeat for several (default: "/")', collect)
    .option('--user <name>', `user; the password comes from ${PASSWORD_VARIABLE} or --password-file`)
    .option('--password-file <path>', 'file whose first line is the password')
    .option('--json', 'print where it listens as JSON on stdout')
    .addHelpText(
      'after',
      `
Without --user, 'guest' with password 'guest' may log in, from this machine only.

Examples:
  $ twinbridge broker
  $ twinbridge broker --port 0 --json
  $ ${PASSWORD_VARIABLE}=... twinbridge broker --host 0.0.0.0 --user robot --vhost / --vhost lab

Exit codes: 0 stopped with Ctrl-C; 1 it cannot listen there; 2 usage; 3 there is no password.`,
    )
    .action(runBroker);
}

async function runBroker(flags: BrokerFlags): Promise<void> {
  const vhosts = flags.vhost ?? ['/'];
  const users = flags.user === undefined ? { guest: 'guest' } : { [flags.user]: await readPassword(flags) };
  const broker = await EmbeddedBroker.listen({ host: flags.host, port: flags.port, users, vhosts }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw cannotListen(flags, cause);
    },
  );
  const { host, port, url } = broker;
  process.stderr.write(`broker ready at ${url} (vhosts ${vhosts.join(', ')}; Ctrl-C ends it)\n`);
  if (flags.json) {
    process.stdout.write(
      `${JSON.stringify({ url, host, port, vhosts, user: Object.keys(users)[0], pid: process.pid })}\n`,
    );
  }
  await interrupted();
  await broker.close();
}

async function readPassword({ passwordFile }: BrokerFlags): Promise<string> {
  const password = passwordFile === undefined ? process.env[PASSWORD_VARIABLE] : await firstLine(passwordFile);
  if (password === undefined || password === '') {
    throw new InvalidInputError('--user needs a password', {
      remedy: `set ${PASSWORD_VARIABLE}, or give --password-file`,
    });
  }
  return password;
}

async function firstLine(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new InvalidInputError(`cannot read the password file: ${cause.message}`, { cause, location: { file } });
  });
  return text.split(/\r?\n/, 1)[0];
}

function cannotListen({ host, port }: BrokerFlags, cause: NodeJS.ErrnoException): CannotListenError {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another broker may be running: use it, stop it, or choose --port 0',
    EACCES: 'ports below 1024 need privileges: choose another --port',
    EADDRNOTAVAIL: 'no interface of this machine has that address: check --host',
    ENOTFOUND: 'check --host',
  };
  return new CannotListenError(`cannot listen on ${host}:${port} (${cause.code ?? cause.message})`, {
    cause,
    details: { host, port },
    remedy: remedies[cause.code ?? ''] ?? 'check --host and --port',
  });
}
