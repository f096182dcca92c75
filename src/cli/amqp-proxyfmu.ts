/**
 * `twinbridge amqp-proxyfmu`: started as libcosim and wrapped FMUs start `proxyfmu`, it announces a port of this machine;
 * the FMU behind it runs on a worker at a broker.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { readFmuModel } from '../fmi/index.js';
import { type GatewayEvent, openGateway } from '../remote/broker/index.js';
import { InvalidInputError } from '../support/errors.js';
import { twinbridgeVersion } from '../support/version.js';
import { interrupted } from './interrupted.js';
import { parsePositive } from './target-options.js';

interface ProxyFlags {
  readonly fmu?: string;
  readonly instanceName?: string;
  readonly broker?: string;
  readonly name?: string;
  readonly checkpoint: number;
  readonly startTimeout: number;
  readonly idle: number;
  readonly install?: string;
}

const BROKER_VARIABLE = 'TWINBRIDGE_FMU_BROKER';

const HELP = `
libcosim looks for a program 'proxyfmu' in its working directory, then beside the program that runs: --install puts one
there. A system with proxyfmu://localhost?file=motor.fmu then uses what 'twinbridge serve motor.fmu' offers at the
broker; the file here is read for its description and guid only, and need not have a library for this machine.

The broker: --broker, ${BROKER_VARIABLE}, or AMQP_URL, which also says user and password, as does
TWINBRIDGE_SECRET_FILE.

Examples:
  $ twinbridge amqp-proxyfmu --install . --broker amqps://broker.example.org
  what libcosim then does
    $ ./proxyfmu --fmu motor.fmu --instanceName left

Exit codes: 0 the instance was freed; 1 it was lost, or no worker took it; 2 usage; 3 nobody offers such an FMU; 4 the
broker cannot be reached, or refuses.`;

export function registerAmqpProxyfmu(program: Command): void {
  program
    .command('amqp-proxyfmu')
    .summary('a proxyfmu for libcosim whose FMUs run on workers at a broker')
    .description(
      'Announces a port as proxyfmu does, behind which is an instance of an FMU that is offered at a broker.',
    )
    .option('--fmu <file>', 'its name, without .fmu, is what the FMU is offered as')
    .option('--instanceName <name>', 'how the instance is called')
    .option('--broker <url>', 'amqp:// or amqps:// address of the broker')
    .option('--name <name>', 'what the FMU is offered as, if not the name of the file')
    .option('--checkpoint <seconds>', 'between states that are kept for a restoration; 0: none', parseSeconds, 5)
    .option(
      '--start-timeout <seconds>',
      'how long it may take until a worker has the instance ready',
      parsePositive,
      30,
    )
    .option('--idle <seconds>', 'end if nobody has connected for so long', parsePositive, 60)
    .option('--install <folder>', `write a program 'proxyfmu' there that does this`)
    .addHelpText('after', HELP)
    .action(run);
}

async function run(flags: ProxyFlags): Promise<void> {
  const broker = flags.broker ?? process.env[BROKER_VARIABLE] ?? process.env.AMQP_URL;
  if (broker === undefined || broker === '') {
    throw new InvalidInputError('no broker is named', {
      remedy: `give --broker amqp://broker, or set ${BROKER_VARIABLE}`,
    });
  }
  if (flags.install !== undefined) await install(flags.install, broker);
  else await serveOne(broker, flags);
}

async function serveOne(broker: string, flags: ProxyFlags): Promise<void> {
  const { fmu: file, instanceName } = flags;
  if (file === undefined || instanceName === undefined) {
    throw new InvalidInputError(`${file === undefined ? '--fmu' : '--instanceName'} is missing`, {
      remedy: 'twinbridge amqp-proxyfmu --fmu motor.fmu --instanceName left',
    });
  }
  const { model } = await readFmuModel(file);
  const stopped = interrupted();
  let wasFreed = false;
  let failure: Error | undefined;
  const opening = openGateway(
    { broker, name: flags.name ?? basename(file).replace(/\.fmu$/i, ''), guid: model.token },
    {
      instanceName,
      // Who starts it knows of no tokens; the port is open to this machine only, and for one connection.
      token: false,
      checkpointSeconds: flags.checkpoint,
      startMs: flags.startTimeout * 1000,
      warn: (text) => process.stderr.write(`warning: ${text}\n`),
      onEvent: (event) => {
        tell(event);
        if (event.type === 'left') wasFreed ||= event.freed;
        else if (event.type === 'failed') failure = event.error;
      },
    },
  );
  const gateway = await Promise.race([opening, stopped]);
  if (gateway === undefined) {
    // What is being opened goes as well, whatever becomes of it.
    await opening.then(
      (opened) => opened.close(),
      () => {},
    );
    return;
  }
  // Whoever started it is gone: so is its pipe.
  const orphaned = new Promise<void>((done) => process.stdout.on('error', () => done()));
  process.stdout.write(`[proxyfmu] port=${gateway.port}\n`);
  await Promise.race([gateway.used, orphaned, stopped, idle(gateway.connected, flags.idle)]);
  await gateway.close();
  if (wasFreed && failure === undefined) process.stdout.write('[proxyfmu] freed\n');
  process.exitCode = failure === undefined ? 0 : 1;
}

/** Resolves if nobody connects in time. */
function idle(connected: Promise<void>, seconds: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000).unref();
    void connected.then(() => clearTimeout(timer));
  });
}

function tell(event: GatewayEvent): void {
  const { instance } = event;
  const text =
    event.type === 'lost'
      ? `lost ${event.lastCall}: ${event.reason}`
      : event.type === 'restored'
        ? `restored on ${event.worker.host} within ${event.tookMs.toFixed(0)} ms`
        : event.type === 'failed'
          ? event.error.message
          : event.type === 'notRestorable'
            ? `cannot be restored elsewhere: ${event.reason}`
            : undefined;
  if (text !== undefined) process.stderr.write(`${instance}: ${text}\n`);
}

/** `-v` is answered by the shell: libcosim asks for it first, and node need not start twice. */
async function install(folder: string, broker: string): Promise<void> {
  const url = new URL(broker);
  if (url.password !== '') {
    throw new InvalidInputError('the password would stand in the program', {
      remedy:
        'give the address without it, and the password in AMQP_URL or in the file that TWINBRIDGE_SECRET_FILE names',
    });
  }
  const file = join(resolve(folder), 'proxyfmu');
  const command = fileURLToPath(new URL('../../dist/bin/twinbridge.cjs', import.meta.url));
  const words = [process.execPath, command, 'amqp-proxyfmu', '--broker', broker].map(quoted);
  const text = `#!/bin/sh
# Written by twinbridge amqp-proxyfmu --install
case "$1" in
  -v | --version) echo ${quoted(`proxyfmu of twinbridge ${twinbridgeVersion()}, at a broker`)}; exit 0 ;;
esac
exec ${words.join(' ')} "$@"
`;
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
  await chmod(file, 0o755);
  process.stderr.write(`wrote ${file}\n`);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function parseSeconds(text: string): number {
  return text === '0' ? 0 : parsePositive(text);
}
