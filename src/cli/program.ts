/** The `twinbridge` command. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ExitCode, formatLocation, InvalidFileError, TwinbridgeError } from '../support/errors.js';

/** In the order of the help. Each is loaded when it is asked for: all of them take a third of a second. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import('./demo.js')).registerDemo,
  init: async () => (await import('./init.js')).registerInit,
  build: async () => (await import('./build.js')).registerBuild,
  wrap: async () => (await import('./wrap.js')).registerWrap,
  run: async () => (await import('./run.js')).registerRun,
  plan: async () => (await import('./plan.js')).registerPlan,
  plot: async () => (await import('./plot.js')).registerPlot,
  replay: async () => (await import('./replay.js')).registerReplay,
  broker: async () => (await import('./broker.js')).registerBroker,
  serve: async () => (await import('./serve.js')).registerServe,
  'amqp-proxyfmu': async () => (await import('./amqp-proxyfmu.js')).registerAmqpProxyfmu,
  convert: async () => (await import('./convert.js')).registerConvert,
  doctor: async () => (await import('./doctor.js')).registerDoctor,
  tap: async () => (await import('./tap.js')).registerTap,
  info: async () => (await import('./info.js')).registerInfo,
  validate: async () => (await import('./validate.js')).registerValidate,
  proxyfmu: async () => (await import('./proxyfmu.js')).registerProxyfmu,
  'fmu-proxy': async () => (await import('./fmu-proxy.js')).registerFmuProxy,
  cache: async () => (await import('./cache.js')).registerCache,
  'open-fmu': async () => (await import('./open-fmu.js')).registerOpenFmu,
};

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('twinbridge')
  .description('Data broker FMU and digital-twin bridge over AMQP.')
  .version(version)
  .showHelpAfterError("(see 'twinbridge help <command>')")
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 ok, 1 run failed, 2 usage, 3 invalid input, 4 broker unreachable, 5 deadline missed.`,
  );

// `| head` has had enough: no failure, and nobody is left to tell. A command that has something to save has its own listener.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.stdout.listenerCount('error') === 1) process.exit(ExitCode.ok);
});

void main();

async function main(): Promise<void> {
  const [asked = ''] = process.argv.slice(2);
  const isVersion = asked === '--version' || asked === '-V';
  const wanted = Object.hasOwn(COMMANDS, asked) ? [asked] : isVersion ? [] : Object.keys(COMMANDS);
  for (const name of wanted) (await COMMANDS[name]?.())?.(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (!(error instanceof TwinbridgeError)) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return ExitCode.runFailed;
  }
  // A file's problems already name their places.
  const location =
    error instanceof InvalidFileError || error.location === undefined ? '' : `${formatLocation(error.location)}: `;
  const text = error.message.startsWith(location) ? error.message : `${location}${error.message}`;
  process.stderr.write(`${text}${error.remedy === undefined ? '' : `\n  ${error.remedy}`}\n`);
  return error.exitCode;
}
