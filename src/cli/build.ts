/** `twinbridge build`: a bridge FMU from its configuration. */
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import {
  type BridgeConfig,
  type BuildOptions,
  type BuildReport,
  buildBridgeFmu,
  COMPAT_LEVELS,
  type Compat,
  parseBridgeConfig,
  readBridgeConfig,
  readRmqfmu,
} from '../bridge/index.js';
import { PLATFORM_TUPLES, type PlatformTuple } from '../fmi/index.js';
import { ExitCode, formatProblem } from '../support/errors.js';
import { parsePlatforms, parseTuples } from './platforms-option.js';
import {
  collectSample,
  formatSampleReport,
  SAMPLE_HELP,
  SAMPLE_OPTION,
  type SampleOption,
  trySamples,
} from './samples.js';

interface BuildFlags {
  readonly output?: string;
  readonly fmi?: '2' | '3';
  readonly platforms?: NonNullable<BuildOptions['platforms']>;
  readonly bundleRuntime?: true | readonly PlatformTuple[];
  readonly json?: true;
  readonly rmqfmu?: boolean;
  readonly compat?: Compat;
  readonly sample?: readonly SampleOption[];
}

const EXAMPLES = `
Examples:
  build robot.fmu beside a bridge.yaml that says 'name: robot'
    $ twinbridge build bridge.yaml
  to another place, with the report as JSON
    $ twinbridge build bridge.yaml -o fmus/robot.fmu --json
  only if recorded messages give every signal a value
    $ twinbridge build bridge.yaml --sample message.json
  as an FMU of FMI 3.0
    $ twinbridge build bridge.yaml --fmi 3
  to take the place of an RMQFMU: from its modelDescription.xml or .fmu, from a bridge.yaml, or one to put a
  modelDescription.xml into
    $ twinbridge build --rmqfmu modelDescription.xml -o rmqfmu.fmu
    $ twinbridge build --rmqfmu -o rmqfmu.fmu
  for every platform, with a Node.js inside for those where there is none
    $ twinbridge build bridge.yaml --platforms all --bundle-runtime x86_64-windows,aarch64-linux

Platforms: ${PLATFORM_TUPLES.join(', ')}.
'npm run build:platforms' compiles their libraries.

The FMU holds no credentials. Where it runs it needs Node.js 20 or newer: TWINBRIDGE_NODE, else the one inside, else
'node' in the PATH. It takes user and password from AMQP_URL, from a secret file, or from its parameters
config.username and config.password.

Exit codes: 0 built; 1 it cannot be written; 3 the configuration is wrong.`;

export function registerBuild(program: Command): void {
  program
    .command('build')
    .summary('build a bridge FMU')
    .description('Builds an FMU (FMI 2.0 or 3.0, co-simulation) that carries data between a co-simulation and AMQP.')
    .argument('[config]', 'configuration (bridge.yaml); with --rmqfmu also modelDescription.xml or .fmu, or none')
    .option('-o, --output <file>', 'the FMU; default: <name>.fmu beside the configuration')
    .addOption(
      new Option('--fmi <version>', "version of FMI; default: what the configuration's fmi says, or 2").choices([
        '2',
        '3',
      ]),
    )
    .option('--rmqfmu', 'make it stand in for an RMQFMU: its value references, parameters, exchanges and messages')
    .addOption(
      new Option(
        '--compat <level>',
        'rmqfmu: read what its peers send; strict: also send byte by byte what it sent',
      ).choices(COMPAT_LEVELS),
    )
    .option(
      '--platforms <list>',
      "'all', 'host', or platforms with commas between; default: all that there are libraries for",
      parsePlatforms,
    )
    .option(
      '--bundle-runtime [list]',
      'put a Node.js into the FMU, some 40 MB each; without a list for every platform of the FMU',
      parseTuples,
    )
    .option(SAMPLE_OPTION, SAMPLE_HELP, collectSample)
    .option('--json', 'the report as JSON on standard output')
    .addHelpText('after', EXAMPLES)
    .action(build);
}

async function build(file: string | undefined, flags: BuildFlags, command: Command): Promise<void> {
  const { config, options } = await configure(file, flags, command);
  const samples = await trySamples(config, flags.sample ?? []);
  for (const sample of samples) process.stderr.write(formatSampleReport(sample));
  if (!samples.every(({ right }) => right)) {
    process.stderr.write('not built: the configuration and the messages do not fit\n');
    process.exitCode = ExitCode.invalidInput;
    return;
  }
  const output = flags.output ?? join(dirname(file ?? '.'), `${fileName(config.name)}.fmu`);
  const report = await buildBridgeFmu(config, output, {
    ...options,
    ...(flags.platforms === undefined ? {} : { platforms: flags.platforms }),
    ...(flags.bundleRuntime === undefined ? {} : { bundleRuntime: flags.bundleRuntime }),
  });
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : '');
  if (!flags.json) process.stderr.write(`${formatReport(report)}\n`);
}

async function configure(
  file: string | undefined,
  { rmqfmu = false, compat, fmi }: BuildFlags,
  command: Command,
): Promise<{ config: BridgeConfig; options: BuildOptions }> {
  const over = compat === undefined ? {} : { compat };
  if (rmqfmu && fmi === '3') command.error('error: RMQFMU is of FMI 2.0', { exitCode: ExitCode.usage });
  const version = fmi === undefined ? {} : { fmi: fmi === '3' ? (3 as const) : (2 as const) };
  if (file === undefined) {
    if (!rmqfmu) command.error("error: missing required argument 'config'", { exitCode: ExitCode.usage });
    return { config: parseBridgeConfig(ANY_RMQFMU, '', { rmqfmu, ...over }), options: {} };
  }
  if (!/\.(xml|fmu)$/i.test(file))
    return { config: await readBridgeConfig(file, { rmqfmu, ...over, ...version }), options: {} };
  if (!rmqfmu) {
    command.error(`error: ${file} is no bridge.yaml; build --rmqfmu takes an RMQFMU's description`, {
      exitCode: ExitCode.usage,
    });
  }
  const { config, description, warnings } = await readRmqfmu(file, over);
  for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
  return { config: { ...config, guid: description.guid }, options: { like: description } };
}

/** The variables that RMQFMU itself names, for an FMU to put a description into. */
const ANY_RMQFMU = 'twinbridge: bridge\nname: RabbitMq\noutputs: { seqno: Integer }\n';

/** The model's name, without the characters that one or another file system refuses. */
function fileName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name.replace(/[\0-\x1f/\\:*?"<>|]/g, '_');
}

function formatReport({ file, bytes, fmi, platforms, variables }: BuildReport): string {
  const { outputs, inputs, diagnostics, parameters } = variables;
  const counts = [
    `${outputs} outputs`,
    `${inputs} inputs`,
    ...(diagnostics === 0 ? [] : [`${diagnostics} diagnostics`]),
    `${parameters} parameters`,
  ];
  return `${file}: ${counts.join(', ')}; FMI ${fmi}.0; ${platforms.join(', ')}; ${(bytes / 1024).toFixed(0)} KiB`;
}
