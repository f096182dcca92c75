/** `twinbridge wrap`: a remote FMU as an FMU for any tool. */
import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PLATFORM_TUPLES } from '../fmi/index.js';
import type { WrapOptions, WrapReport } from '../remote/wrap/index.js';
import { parsePlatforms } from './platforms-option.js';

interface WrapFlags {
  readonly output?: string;
  readonly fmi?: '2' | '3';
  readonly platforms?: NonNullable<WrapOptions['platforms']>;
  readonly program?: string;
  readonly startTimeout?: number;
  readonly stepTimeout?: number;
  readonly json?: true;
}

const HELP = `
Sources:
  proxyfmu://localhost?file=a.fmu        in a process of its own, which the wrapped FMU starts: a.fmu and the program
  a.fmu                                  that runs it are in it, and nothing has to be installed
  proxyfmu://host:port?file=a.fmu        by the booter at host:port: a.fmu is in it, and sent when it is not there yet
  fmu-proxy://host:port?file=|url=|guid= by the FMU-proxy at host:port; with url and guid, what the FMU is is asked now

Examples:
  an FMU that crashes, or that allows one instance a process, for any tool
    $ twinbridge wrap plant.fmu -o plant-apart.fmu
  an FMU of Windows in a tool on Linux, by a booter on a Windows machine: twinbridge proxyfmu boot --port 9090
    $ twinbridge wrap 'proxyfmu://10.0.0.5:9090?file=plant.fmu' -o plant-there.fmu
  an FMU of FMI 3.0 in a tool that knows 2.0 only: arrays become a variable each element
    $ twinbridge wrap modern.fmu --fmi 2 -o older.fmu
  what an FMU-proxy has loaded
    $ twinbridge wrap 'fmu-proxy://plant.local:9090?guid={8c4e810f-3df3-4a00-8276-176fa3c9f9e0}' -o plant.fmu

Platforms: ${PLATFORM_TUPLES.join(', ')}.
'npm run build:platforms' compiles their libraries.

Where the wrapped FMU runs, the environment may say otherwise:
  TWINBRIDGE_REMOTE       another place: 'host', 'host:port' or ':port', or 'wanted:port=host:port', several with commas
  TWINBRIDGE_PROXY_TOKEN  for servers that ask for one; no secret is ever in the FMU
  TWINBRIDGE_PROXYFMU     another program than that of --program

Exit codes: 0 wrapped; 1 it cannot be written; 3 the source is wrong.`;

export function registerWrap(program: Command): void {
  program
    .command('wrap')
    .summary('make a remote FMU an FMU for any tool')
    .description(
      'Builds an FMU (FMI 2.0 or 3.0, co-simulation) that stands for one on a server, or in a process of its own.',
    )
    .argument('<source>', 'URI of a remote FMU, or an FMU of this machine')
    .option('-o, --output <file>', 'the FMU; default: <modelIdentifier>-remote.fmu here')
    .addOption(
      new Option('--fmi <version>', 'version of FMI; default: that of the FMU behind, 2 for one of FMI 1.0').choices([
        '2',
        '3',
      ]),
    )
    .option(
      '--platforms <list>',
      "'all', 'host', or platforms with commas between; default: all that there are libraries for",
      parsePlatforms,
    )
    .option(
      '--program <file>',
      "another proxyfmu, for this platform, that goes into the FMU of 'proxyfmu://localhost?file='",
    )
    .option(
      '--start-timeout <seconds>',
      'for connecting, loading, instantiation, initialisation each (default: 30)',
      parseSeconds,
    )
    .option('--step-timeout <seconds>', 'for any call after; 0: none (default: 0)', parseSeconds)
    .option('--json', 'the report as JSON on standard output')
    .addHelpText('after', HELP)
    .action(wrap);
}

async function wrap(source: string, flags: WrapFlags): Promise<void> {
  const { wrapRemoteFmu } = await import('../remote/wrap/index.js');
  const { output, fmi, platforms, program, startTimeout, stepTimeout } = flags;
  const report = await wrapRemoteFmu(source, output ?? `${stemOf(source)}-remote.fmu`, {
    ...(fmi === undefined ? {} : { fmi: fmi === '3' ? 3 : 2 }),
    ...(platforms === undefined ? {} : { platforms }),
    ...(program === undefined ? {} : { program }),
    ...(startTimeout === undefined ? {} : { startTimeout }),
    ...(stepTimeout === undefined ? {} : { stepTimeout }),
  });
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stderr.write(`${formatReport(report)}\n`);
}

/** Of the file that is named, or of what names it. */
function stemOf(source: string): string {
  const named = /\?(?:file|url|guid)=(.*)$/s.exec(source)?.[1] ?? source;
  return (
    basename(named.replaceAll('\\', '/'))
      .replace(/\.fmu$/i, '')
      .replace(/[^\w.-]/g, '') || 'fmu'
  );
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1e8))
    throw new InvalidArgumentError('expected a number of seconds.');
  return value;
}

function formatReport({ file, bytes, fmi, theirFmi, platforms, variables, source, needsServer }: WrapReport): string {
  const where = needsServer ? `runs at ${source}` : 'runs in a process of its own';
  const version = theirFmi === `${fmi}.0` ? `FMI ${theirFmi}` : `FMI ${fmi}.0 for one of FMI ${theirFmi}`;
  return `${file}: ${variables} variables; ${version}; ${where}; ${platforms.join(', ')}; ${(bytes / 1024).toFixed(0)} KiB`;
}
