/** `twinbridge convert`: a bridge.yaml from an existing RMQFMU. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readRmqfmu } from '../bridge/index.js';
import { ExitCode, formatProblem, TwinbridgeError } from '../support/errors.js';

interface ConvertFlags {
  readonly output: string;
  readonly force?: true;
  readonly json?: true;
}

/** There is a file already where one is to be written. */
class OutputExistsError extends TwinbridgeError {
  override readonly code = 'TB_CLI_OUTPUT_EXISTS';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

class OutputError extends TwinbridgeError {
  override readonly code = 'TB_CLI_OUTPUT';
}

const EXAMPLES = `
Examples:
  from the description that was written for RMQFMU, or from its FMU
    $ twinbridge convert modelDescription.xml -o bridge.yaml
    $ twinbridge convert rmqfmu.fmu -o bridge.yaml
  only look
    $ twinbridge convert modelDescription.xml -o -

Exit codes: 0 written; 2 the output exists; 3 the description cannot be used.`;

export function registerConvert(program: Command): void {
  program
    .command('convert')
    .summary('write a bridge.yaml from an RMQFMU')
    .description('Writes a bridge.yaml from a modelDescription.xml made for RMQFMU (fmu-rabbitmq), or from its .fmu.')
    .argument('<file>', 'modelDescription.xml or .fmu')
    .option('-o, --output <file>', "the configuration; '-' for standard output", 'bridge.yaml')
    .option('--force', 'replace the output if it exists')
    .option('--json', 'what is odd about the description as JSON on standard output')
    .addHelpText('after', EXAMPLES)
    .action(convert);
}

async function convert(file: string, { output, force, json }: ConvertFlags): Promise<void> {
  const { yaml, warnings } = await readRmqfmu(file);
  if (output === '-') {
    process.stdout.write(yaml);
  } else {
    await writeFile(output, yaml, { flag: force ? 'w' : 'wx' }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw new OutputError(`cannot write ${output}: ${cause.message}`, { cause });
      throw new OutputExistsError(`${output} exists`, {
        remedy: 'name another with --output, or replace it with --force',
      });
    });
  }
  if (json && output !== '-') process.stdout.write(`${JSON.stringify({ file: output, warnings })}\n`);
  else for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
  if (output !== '-') process.stderr.write(`${output}: written; then: twinbridge build ${output}\n`);
}
