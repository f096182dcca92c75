/** `twinbridge build`: a bridge FMU from its configuration. */
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { type BuildReport, buildBridgeFmu, readBridgeConfig } from '../bridge/index.js';

interface BuildFlags {
  readonly output?: string;
  readonly fmi?: '2' | '3';
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  build robot.fmu beside a bridge.yaml that says 'name: robot'
    $ twinbridge build bridge.yaml
  to another place, with the report as JSON
    $ twinbridge build bridge.yaml -o fmus/robot.fmu --json
  as an FMU of FMI 3.0
    $ twinbridge build bridge.yaml --fmi 3

The FMU holds no credentials. Where it runs it needs Node.js 20 or newer, and takes user and password from AMQP_URL,
from a secret file, or from its parameters config.username and config.password.

Exit codes: 0 built; 1 it cannot be written; 3 the configuration is wrong.`;

export function registerBuild(program: Command): void {
  program
    .command('build')
    .summary('build a bridge FMU')
    .description('Builds an FMU (FMI 2.0 or 3.0, co-simulation) that carries data between a co-simulation and AMQP.')
    .argument('<config>', 'configuration (bridge.yaml)')
    .option('-o, --output <file>', 'the FMU; default: <name>.fmu beside the configuration')
    .addOption(
      new Option('--fmi <version>', "version of FMI; default: what the configuration's fmi says, or 2").choices([
        '2',
        '3',
      ]),
    )
    .option('--json', 'the report as JSON on standard output')
    .addHelpText('after', EXAMPLES)
    .action(build);
}

async function build(file: string, flags: BuildFlags): Promise<void> {
  const fmi = flags.fmi === undefined ? {} : { fmi: flags.fmi === '3' ? (3 as const) : (2 as const) };
  const config = await readBridgeConfig(file, fmi);
  const report = await buildBridgeFmu(config, flags.output ?? join(dirname(file), `${fileName(config.name)}.fmu`));
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : '');
  if (!flags.json) process.stderr.write(`${formatReport(report)}\n`);
}

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
