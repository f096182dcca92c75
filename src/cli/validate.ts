/** `twinbridge validate`: is a file right? Every problem with its place. */
import { readFile, stat } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { bridgeSchema, readBridgeConfig } from '../bridge/index.js';
import { readAnyFmu } from '../fmi/index.js';
import { ExitCode, formatProblem, InvalidFileError, type Problem, TwinbridgeError } from '../support/errors.js';
import { nearest } from '../support/nearest.js';
import { groupSystemFiles, readSystem, readSystemYaml, SYSTEM_SCHEMA, type SystemOptions } from '../system/index.js';
import {
  collectSample,
  formatSampleReport,
  SAMPLE_HELP,
  SAMPLE_OPTION,
  type SampleOption,
  type SampleReport,
  trySamples,
} from './samples.js';
import { addSystemOptions, type SystemFlags, toSystemOptions } from './system-options.js';

/** A kind of YAML file, named by its key `twinbridge`. */
interface FileKind {
  readonly schema: object;
  /** Throws `InvalidFileError`; answers what is odd but usable. */
  readonly check: (file: string) => Promise<readonly Problem[]>;
}

const KINDS: Readonly<Record<string, FileKind>> = {
  bridge: { schema: bridgeSchema, check: async (file) => readBridgeConfig(file).then(() => []) },
  system: { schema: SYSTEM_SCHEMA, check: async (file) => (await readSystemYaml(file)).warnings },
};

interface ValidateFlags extends SystemFlags {
  readonly json?: true;
  readonly printSchema?: string;
  readonly sample?: readonly SampleOption[];
}

interface Verdict {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Of a bridge: what recorded messages give. */
  readonly samples?: readonly SampleReport[];
}

const EXAMPLES = `
Examples:
  check a system and the FMUs it names, in any format that can be run
    $ twinbridge validate system.yaml
    $ twinbridge validate multimodel.json simulation.json OspSystemStructure.xml plant.ssp container.csv
  check FMUs
    $ twinbridge validate *.fmu
  see what recorded messages give, signal by signal
    $ twinbridge validate bridge.yaml --sample message.json
    $ twinbridge validate bridge.yaml --sample odom=odom.jsonl --sample gps=gps.jsonl
  have an editor complete and check system files
    $ twinbridge validate --print-schema system > system.schema.json

Exit codes: 0 all files are right (there may be warnings); 3 at least one is not.`;

export function registerValidate(program: Command): void {
  const command = program
    .command('validate')
    .summary('check files without running anything')
    .description(
      `Checks FMUs (.fmu), YAML files of the kinds ${Object.keys(KINDS).join(', ')}, and systems in other formats.`,
    )
    .argument('[files...]', 'files to check')
    .option(SAMPLE_OPTION, `bridges: ${SAMPLE_HELP}`, collectSample)
    .option('--json', 'the findings as JSON')
    .option('--print-schema <kind>', `the JSON Schema of a kind of file: ${Object.keys(KINDS).join(', ')}`, parseKind);
  addSystemOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (files: string[], flags: ValidateFlags, command: Command) => {
      if (flags.printSchema !== undefined) {
        process.stdout.write(`${JSON.stringify(KINDS[flags.printSchema]!.schema, undefined, 2)}\n`);
        return;
      }
      if (files.length === 0) command.error('error: name the files to check', { exitCode: ExitCode.usage });
      process.exitCode = await validate(files, flags);
    });
}

async function validate(files: readonly string[], flags: ValidateFlags): Promise<ExitCode> {
  const { json, sample = [] } = flags;
  const verdicts: Verdict[] = [];
  for (const group of await groupSystemFiles(files)) verdicts.push(await judge(group, sample, toSystemOptions(flags)));
  if (json) process.stdout.write(`${JSON.stringify(verdicts)}\n`);
  else for (const verdict of verdicts) process.stdout.write(formatVerdict(verdict));
  return verdicts.every(({ valid }) => valid) ? ExitCode.ok : ExitCode.invalidInput;
}

async function judge(
  files: readonly string[],
  samples: readonly SampleOption[],
  options: SystemOptions,
): Promise<Verdict> {
  const file = files.join(' ');
  try {
    const warnings = await check(files, options);
    if (samples.length === 0) return { file, valid: true, problems: [], warnings };
    const reports = await trySamples(await readBridgeConfig(file), samples);
    return { file, valid: reports.every(({ right }) => right), problems: [], warnings, samples: reports };
  } catch (error) {
    if (error instanceof InvalidFileError) return { file, valid: false, problems: error.problems, warnings: [] };
    if (!(error instanceof TwinbridgeError)) throw error;
    const { message, remedy, location = { file } } = error;
    const problem = { message, location, ...(remedy === undefined ? {} : { remedy }) };
    return { file, valid: false, problems: [problem], warnings: [] };
  }
}

/** Files by which a system is told from a YAML file. */
const OTHER_FORMATS = /\.(json|csv|xml|ssd|ssp)$/i;

async function check(files: readonly string[], options: SystemOptions): Promise<readonly Problem[]> {
  const [file = ''] = files;
  if (/\.fmu$/i.test(file)) return (await readAnyFmu(file)).warnings;
  const isFolder = (await stat(file).catch(() => undefined))?.isDirectory() === true;
  if (isFolder || OTHER_FORMATS.test(file)) return (await readSystem(files, options)).warnings;
  const kind = await kindOf(file);
  const known = KINDS[kind];
  if (known !== undefined) return known.check(file);
  const names = Object.keys(KINDS);
  const guess = nearest(kind, names);
  throw new InvalidFileError(file, [
    {
      message:
        kind === ''
          ? "the file does not say what it is: it lacks the key 'twinbridge'"
          : `unknown kind of file 'twinbridge: ${kind}'${guess === undefined ? '' : ` (did you mean '${guess}'?)`}`,
      location: { file, line: 1, column: 1 },
      remedy: `begin it with one of ${names.map((name) => `'twinbridge: ${name}'`).join(', ')}`,
    },
  ]);
}

/** What the key `twinbridge` says; empty when there is none. Broken YAML is taken for a system, whose reader says where. */
async function kindOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return 'system';
  try {
    const content: unknown = parse(text);
    if (typeof content !== 'object' || content === null || !('twinbridge' in content)) return '';
    return String(content.twinbridge);
  } catch {
    return 'system';
  }
}

function formatVerdict({ file, valid, problems, warnings, samples = [] }: Verdict): string {
  const lines = [
    ...problems.map((problem) => `error: ${formatProblem(problem)}`),
    ...warnings.map((problem) => `warning: ${formatProblem(problem)}`),
  ];
  if (valid) lines.push(`${file}: valid${warnings.length === 0 ? '' : `, ${warnings.length} warnings`}`);
  else if (samples.length > 0) lines.push(`${file}: the messages do not fit`);
  else lines.push(`${file}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
  return `${samples.map(formatSampleReport).join('')}${lines.join('\n')}\n`;
}

function parseKind(text: string): string {
  if (text in KINDS) return text;
  throw new InvalidArgumentError(`expected one of ${Object.keys(KINDS).join(', ')}.`);
}
