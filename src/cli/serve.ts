/** `twinbridge serve`: offers FMUs on a broker. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { describeAddress } from '../amqp/index.js';
import { accessOf, BrokerClient, type FmuToServe, Worker, type WorkerEvent } from '../remote/broker/index.js';
import { InvalidInputError } from '../support/errors.js';
import { interrupted } from './interrupted.js';
import { addSandboxOptions, parseCount, type SandboxFlags, sandboxOf } from './sandbox-options.js';
import { parsePositive } from './target-options.js';

interface ServeFlags extends SandboxFlags {
  readonly amqp?: string;
  readonly external?: true;
  readonly instances: number;
  readonly linger: number;
  readonly startTimeout: number;
  readonly host?: string;
  readonly list?: true;
  readonly json?: true;
}

const HELP = `
A system uses such an FMU by amqp-fmu://broker/name as its source; by twinbridge amqp-proxyfmu, libcosim does, too.
Workers that offer the same FMU (name and guid) share its requests, however many there are and wherever they run. No
port is opened: a worker needs a way to the broker, and nothing else. Each instance runs in a process of its own.

The broker: --amqp, else the environment variable AMQP_URL. A URL without user and password takes them from AMQP_URL or
from the file that TWINBRIDGE_SECRET_FILE names: what stands on the command line, other users of the machine can read.
TLS: amqps:// with TWINBRIDGE_TLS_CA, TWINBRIDGE_TLS_CERT, TWINBRIDGE_TLS_KEY, TWINBRIDGE_TLS_SERVERNAME.

Ctrl-C: no new instances, those that run may finish. A second one ends them; what can be restored elsewhere is.

Examples:
  $ twinbridge serve --amqp amqps://broker.example.org motor.fmu controller.fmu
  under another name, eight at a time, as another user, with limits
    $ twinbridge serve --amqp amqp://localhost --instances 8 --user fmu --max-memory 2G pump=pump-v2.fmu
  who offers what
    $ twinbridge serve --amqp amqp://localhost --list

Exit codes: 0 ended with Ctrl-C; 2 usage; 3 an FMU is wrong or not for this machine; 4 the broker cannot be reached, or
refuses.`;

export function registerServe(program: Command): void {
  const command = program
    .command('serve')
    .summary('offer FMUs on a broker, for systems on any machine')
    .description('Offers FMUs on an AMQP broker, and runs the instances that are asked for, until Ctrl-C.')
    .argument('[fmus...]', 'FMU files; name=file offers it under another name than that of the file')
    .option('--amqp <url>', 'amqp:// or amqps:// address of the broker')
    .option('--external', 'log in by client certificate (SASL EXTERNAL)')
    .option('--instances <number>', 'at most so many at a time', parseCount, availableParallelism())
    .option(
      '--linger <seconds>',
      'how long an instance is kept whose client is gone: it may come back',
      parsePositive,
      10,
    )
    .option('--start-timeout <seconds>', 'how long an instance may take to start', parsePositive, 30)
    .option('--host <name>', 'how this machine is called in messages (default: its host name)')
    .option('--list', 'show what is offered at the broker, and end')
    .option('--json', 'what happens as JSON lines on standard output');
  addSandboxOptions(command).addHelpText('after', HELP).action(serve);
}

async function serve(fmus: readonly string[], flags: ServeFlags): Promise<void> {
  const url = flags.amqp ?? process.env.AMQP_URL;
  if (url === undefined || url === '') {
    throw new InvalidInputError('no broker is named', { remedy: 'give --amqp amqp://broker, or set AMQP_URL' });
  }
  const warn = (text: string): boolean => process.stderr.write(`warning: ${text}\n`);
  const access = await accessOf(url, { warn, ...(flags.external ? { external: true } : {}) });
  if (flags.list) {
    await list(access, flags.json === true);
    return;
  }
  if (fmus.length === 0) {
    throw new InvalidInputError('no FMU is named', { remedy: 'twinbridge serve --amqp … a.fmu b.fmu' });
  }
  const print = flags.json
    ? (line: object) => process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
    : () => {};
  const worker = await Worker.start({
    access,
    fmus: fmus.map(fmuToServe),
    limit: flags.instances,
    sandbox: sandboxOf(flags),
    lingerMs: flags.linger * 1000,
    startMs: flags.startTimeout * 1000,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    onEvent: (event) => {
      tell(event);
      print(event.type === 'link' ? { type: `link-${event.event.type}`, ...without(event.event) } : event);
    },
  });
  const offers = worker.offers.map(
    ({ name, guid, restorable }) => `${name} ${guid}${restorable ? '' : ' (not restorable)'}`,
  );
  process.stderr.write(
    `offers ${offers.join(', ')} at ${describeAddress(access.address)}, ${flags.instances} at a time (Ctrl-C ends)\n`,
  );
  print({ type: 'serving', worker: worker.id, host: worker.host, pid: process.pid, fmus: worker.offers });
  await interrupted();
  const drained = worker.drain();
  if (worker.running > 0) {
    const again = interrupted();
    process.stderr.write(`waits for ${worker.running} to finish (Ctrl-C again ends them)\n`);
    await Promise.race([drained, again]);
  }
  await worker.close();
}

function without<T extends { readonly type: string }>({ type: _, ...rest }: T): Omit<T, 'type'> {
  return rest;
}

function tell(event: WorkerEvent): void {
  const line = describe(event);
  if (line !== undefined) process.stderr.write(`${line}\n`);
}

function describe(event: WorkerEvent): string | undefined {
  switch (event.type) {
    case 'link':
      if (event.event.type === 'lost') return `connection lost (${event.event.reason}); waiting for the broker`;
      if (event.event.type === 'connected') return undefined;
      return event.event.type === 'blocked' ? `the broker takes no messages: ${event.event.reason}` : undefined;
    case 'taken':
      return `${event.instance}: an instance of ${event.fmu} for ${event.from}; ${event.running} running`;
    case 'ready':
      return `${event.instance}: runs as process ${event.pid}`;
    case 'ended':
      return `${event.instance}: ${event.how}, after ${event.calls} calls (${event.reason}); ${event.running} running`;
    case 'draining':
      return 'takes no more instances';
  }
}

async function list(access: Awaited<ReturnType<typeof accessOf>>, asJson: boolean): Promise<void> {
  const client = await BrokerClient.open({ access });
  try {
    const offers = await client.offers();
    if (asJson) {
      process.stdout.write(`${JSON.stringify(offers)}\n`);
      return;
    }
    if (offers.length === 0) process.stderr.write(`nobody offers FMUs at ${client.broker}\n`);
    for (const { worker, fmus } of offers) {
      const draining = worker.isDraining ? ', about to leave' : '';
      process.stdout.write(
        `${worker.host} (${worker.pid}): ${worker.instances} of ${worker.limit} instances${draining}\n`,
      );
      for (const { name, fmi, guid, restorable } of fmus) {
        process.stdout.write(`  ${name}  FMI ${fmi}  ${guid}${restorable ? '' : '  not restorable'}\n`);
      }
    }
  } finally {
    await client.close();
  }
}

/** `name=file`, or a file; one that has a = in its name is taken as it is. */
function fmuToServe(text: string): FmuToServe {
  const at = text.indexOf('=');
  return at <= 0 || existsSync(text) ? { file: text } : { name: text.slice(0, at), file: text.slice(at + 1) };
}
