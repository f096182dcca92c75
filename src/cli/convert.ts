/** `twinbridge convert`: systems from one file format into another, and a bridge.yaml from an existing RMQFMU. */
import { stat, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Command } from 'commander';
import { readRmqfmu } from '../bridge/index.js';
import { ExitCode, formatProblem, type Problem, TwinbridgeError } from '../support/errors.js';
import {
  checkSystemOutput,
  formatSystemYaml,
  hasTemporaryFmus,
  readSystem,
  type System,
  systemFormatOf,
  writeSystem,
} from '../system/index.js';
import { addSystemOptions, type SystemFlags, toSystemOptions } from './system-options.js';

interface ConvertFlags extends SystemFlags {
  readonly output?: string;
  readonly force?: true;
  readonly json?: true;
}

/** There is a file already where one is to be written. */
class OutputExistsError extends TwinbridgeError {
  override readonly code = 'TB_CLI_OUTPUT_EXISTS';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

class OutputError extends TwinbridgeError {
  override readonly code: string = 'TB_CLI_OUTPUT';
}

/** What was asked for makes no sense. */
class OutputUsageError extends OutputError {
  override readonly exitCode: ExitCode = ExitCode.usage;
}

const EXAMPLES = `
Examples:
  a system of another tool, to go on with in YAML
    $ twinbridge convert multimodel.json simulation.json -o system.yaml
    $ twinbridge convert OspSystemStructure.xml system.yaml
    $ twinbridge convert plant.ssp system.yaml
    $ twinbridge convert container.csv --step-size 0.1
  a package of a system and its FMUs that other tools read
    $ twinbridge convert system.yaml system.ssp
  the configuration of an RMQFMU (fmu-rabbitmq), from its description or its FMU
    $ twinbridge convert modelDescription.xml -o bridge.yaml
    $ twinbridge convert rmqfmu.fmu
  only look
    $ twinbridge convert plant.json -o -

Without --output the last of several files is the output, unless it is a .json file.
FMUs stay where they are, and those in an archive are put into the folder fmus beside the output.
Exit codes: 0 written; 2 the output exists, or its format is unknown; 3 the input cannot be used.`;

export function registerConvert(program: Command): void {
  const command = program
    .command('convert')
    .summary('turn systems from one format into another, RMQFMUs into bridges')
    .description(
      'Reads a system in any format that can be run (YAML, multi-models of Maestro, system structures of the Open ' +
        'Simulation Platform, SSP, descriptions of container FMUs) and writes it in that of the output; makes the ' +
        'bridge.yaml of an RMQFMU.',
    )
    .argument('<files...>', 'the input; of Maestro all its JSON files')
    .option(
      '-o, --output <file>',
      "what is written; '-' for standard output (default: system.yaml, of an RMQFMU bridge.yaml)",
    )
    .option('--force', 'replace the output if it exists')
    .option('--json', 'what is odd about the input as JSON on standard output');
  addSystemOptions(command).addHelpText('after', EXAMPLES).action(convert);
}

async function convert(files: readonly string[], flags: ConvertFlags): Promise<void> {
  const { inputs, output } = parted(files, flags.output);
  const [first = ''] = inputs;
  const isRmqfmu = inputs.length === 1 && /\.(xml|fmu)$/i.test(first) && (await systemFormatOf(first)) === undefined;
  if (isRmqfmu) await convertRmqfmu(first, output ?? 'bridge.yaml', flags);
  else await convertSystem(inputs, output ?? 'system.yaml', flags);
}

/** Of several files the last is the output if it looks like one. */
function parted(files: readonly string[], output: string | undefined): { inputs: readonly string[]; output?: string } {
  if (output !== undefined) return { inputs: files, output };
  const last = files.at(-1)!;
  if (files.length === 1 || extname(last).toLowerCase() === '.json') return { inputs: files };
  return { inputs: files.slice(0, -1), output: last };
}

async function convertRmqfmu(file: string, output: string, flags: ConvertFlags): Promise<void> {
  const { yaml, warnings } = await readRmqfmu(file);
  if (output === '-') process.stdout.write(yaml);
  else {
    await checkFree(output, flags);
    await writing(output, () => writeFile(output, yaml));
  }
  tell(output, warnings, flags, `twinbridge build ${output}`);
}

async function convertSystem(inputs: readonly string[], output: string, flags: ConvertFlags): Promise<void> {
  if (output !== '-') {
    checkSystemOutput(output);
    await checkFree(output, flags);
  }
  const system = await readSystem(inputs, toSystemOptions(flags));
  const { warnings } = output === '-' ? print(system) : await writing(output, () => writeSystem(system, output));
  tell(output, [...system.warnings, ...warnings], flags, `twinbridge run ${output}`);
}

function print(system: System): { warnings: readonly Problem[] } {
  if (hasTemporaryFmus(system)) {
    throw new OutputUsageError('the FMUs are in the archive: a text cannot hold them', {
      remedy: 'name a file with --output',
    });
  }
  process.stdout.write(formatSystemYaml(system, 'system.yaml'));
  return { warnings: [] };
}

async function checkFree(output: string, { force }: ConvertFlags): Promise<void> {
  const exists = await stat(output).then(
    () => true,
    () => false,
  );
  if (!exists || force) return;
  throw new OutputExistsError(`${output} exists`, { remedy: 'name another with --output, or replace it with --force' });
}

async function writing<T>(output: string, write: () => Promise<T>): Promise<T> {
  return write().catch((cause: unknown) => {
    if (cause instanceof TwinbridgeError) throw cause;
    throw new OutputError(`cannot write ${output}: ${(cause as Error).message}`, { cause });
  });
}

function tell(output: string, warnings: readonly Problem[], { json }: ConvertFlags, next: string): void {
  if (json && output !== '-') process.stdout.write(`${JSON.stringify({ file: output, warnings })}\n`);
  else for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
  if (output !== '-') process.stderr.write(`${output}: written; then: ${next}\n`);
}
