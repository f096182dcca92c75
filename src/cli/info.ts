/** `twinbridge info`: what an FMU says of itself. */
import type { Command } from 'commander';
import {
  type AnyFmuSummary,
  type AnyModelDescription,
  effectiveInitial,
  type Fmi3Variable,
  type FmuModel,
  isFmi1,
  isFmi3,
  readAnyFmu,
  type ScalarVariable,
} from '../fmi/index.js';
import { isRemoteScheme, localFileOf, type RemoteSource, resolveRemoteSource, schemeOf } from '../remote/index.js';
import { InvalidInputError } from '../support/errors.js';
import { alignLeft } from './columns.js';

interface InfoFlags {
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  what is in an FMU
    $ twinbridge info robot.fmu
  of one that a server runs
    $ twinbridge info 'fmu-proxy://10.0.0.5:9090?guid={8c4e810f-3df3-4a00-8276-176fa3c9f9e0}'
  names of its inputs
    $ twinbridge info robot.fmu --json | jq -r '.description.variables[] | select(.causality == "input") | .name'

Exit codes: 0 shown; 3 it is no FMU, or not one that can be read; 4 the server cannot be reached.`;

export function registerInfo(program: Command): void {
  program
    .command('info')
    .summary('show what is in an FMU')
    .description('Shows name, platforms, capabilities and variables of an FMU, without loading its library.')
    .argument('<fmu>', 'FMU file, or the URI of a remote FMU')
    .option('--json', 'the complete model description as JSON')
    .addHelpText('after', EXAMPLES)
    .action(info);
}

async function info(text: string, { json }: InfoFlags): Promise<void> {
  const remote = isRemoteScheme(schemeOf(text)) ? remoteOf(text) : undefined;
  const file = remote === undefined ? text : localFileOf(remote);
  if (remote !== undefined && file === undefined) {
    const { describeRemote } = await import('../remote/client/index.js');
    const model = await describeRemote(remote);
    process.stdout.write(json ? `${JSON.stringify({ remote, model }, withBigints)}\n` : formatModel(model, remote));
    return;
  }
  const fmu = await readAnyFmu(file!);
  const found = remote === undefined ? fmu : { ...fmu, remote };
  process.stdout.write(json ? `${JSON.stringify(found, withBigints)}\n` : formatSummary(found));
}

function remoteOf(text: string): RemoteSource {
  const source = resolveRemoteSource(text, '.');
  if (!('fault' in source)) return source;
  throw new InvalidInputError(`the argument ${source.fault}`, { remedy: source.remedy });
}

/** What an FMU says that is not on this machine. */
function formatModel(model: FmuModel, { uri }: RemoteSource): string {
  const { fmi, modelName, token, modelIdentifier, capabilities: can, defaultExperiment, variables } = model;
  const known = Object.entries(can).flatMap(([name, value]) =>
    value === true ? [name] : value ? [`${name} ${value}`] : [],
  );
  const lines = aligned([
    ['model', modelName],
    ['runs at', uri],
    ['FMI', fmi],
    ['identifier', modelIdentifier],
    [fmi === '3.0' ? 'token' : 'GUID', token],
    ['capabilities', known.join(', ') || 'none'],
    ['step size', defaultExperiment?.stepSize === undefined ? undefined : `${defaultExperiment.stepSize} s`],
  ]);
  const rows = variables.map(({ name, type, causality, variability, start, unit, min, max, description }) => [
    name,
    type,
    causality,
    variability,
    (start ?? []).map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value))).join(' '),
    unit ?? '',
    rangeOf(min, max),
    description ?? '',
  ]);
  return `${[...lines, '', ...alignLeft([HEADER, ...rows])].join('\n')}\n`;
}

const HEADER = ['variable', 'type', 'causality', 'variability', 'start', 'unit', 'range', 'description'];

function aligned(facts: readonly (readonly [string, string | undefined])[]): string[] {
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(15)} ${value}`]));
}

function rangeOf(min: unknown, max: unknown): string {
  return min === undefined && max === undefined ? '' : `${min ?? ''}..${max ?? ''}`;
}

/** JSON has numbers of any size, its parsers have not: those of 64 bits are texts. */
function withBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function formatSummary({
  file,
  description,
  platforms,
  warnings,
  remote,
}: AnyFmuSummary & { readonly remote?: RemoteSource }): string {
  const { coSimulation, hasModelExchange, defaultExperiment: experiment } = description;
  const kinds = [
    ...(coSimulation === undefined ? [] : [needsTool(description) ? 'co-simulation with its tool' : 'co-simulation']),
    ...(hasModelExchange ? ['model exchange'] : []),
    ...(isFmi3(description) && description.hasScheduledExecution ? ['scheduled execution'] : []),
  ];
  const facts: [string, string | undefined][] = [
    ['model', description.modelName],
    ['description', description.description],
    ['file', file],
    ['runs at', remote?.uri],
    ['FMI', `${description.fmiVersion}, ${kinds.join(' and ')}`],
    isFmi3(description) ? ['token', description.instantiationToken] : ['GUID', description.guid],
    [
      'made by',
      [description.generationTool, description.author].filter((part) => part !== undefined).join(', ') || undefined,
    ],
    ['version', description.version],
    ['license', description.license],
    ['platforms', platforms.join(', ') || 'none'],
    ['capabilities', coSimulation && (capabilities(coSimulation).join(', ') || 'none')],
    ['step size', experiment?.stepSize === undefined ? undefined : `${experiment.stepSize} s`],
    ['log categories', isFmi1(description) ? undefined : namesOf(description.logCategories)],
    ['warnings', warnings.length === 0 ? undefined : `${warnings.length}, see: twinbridge validate ${file}`],
  ];
  const rows = isFmi3(description) ? description.variables.map(toFmi3Row) : description.variables.map(toRow);
  return `${[...aligned(facts), '', ...alignLeft([HEADER, ...rows])].join('\n')}\n`;
}

/** Of FMI 1.0 the element says so, later an attribute, which stands among the capabilities. */
function needsTool(description: AnyModelDescription): boolean {
  return isFmi1(description) && description.coSimulation?.kind === 'tool';
}

function namesOf(list: readonly { readonly name: string }[]): string | undefined {
  return list.map(({ name }) => name).join(', ') || undefined;
}

/** What is true of it, in the standard's words, without the first letters that all share. */
function capabilities(coSimulation: object): string[] {
  return Object.entries(coSimulation).flatMap(([name, value]) =>
    value === true ? [name] : typeof value === 'number' && value > 0 ? [`${name} ${value}`] : [],
  );
}

function toRow(variable: ScalarVariable): string[] {
  const { name, type, declaredType, causality, variability, start, unit, min, max, description } = variable;
  const calculated = start === undefined && effectiveInitial(variable) === 'calculated' ? '(calculated)' : '';
  return [
    name,
    declaredType === undefined ? type : `${type} ${declaredType}`,
    causality,
    variability,
    start === undefined ? calculated : typeof start === 'string' ? JSON.stringify(start) : String(start),
    unit ?? '',
    rangeOf(min, max),
    description ?? '',
  ];
}

function toFmi3Row(variable: Fmi3Variable): string[] {
  const { type, declaredType, causality, variability, initial, start, dimensions, intervalVariability } = variable;
  const sizes = dimensions.map((size) => ('start' in size ? `[${size.start}]` : `[#${size.valueReference}]`)).join('');
  const quoted = type === 'String' || type === 'Binary' ? start?.map((value) => JSON.stringify(value)) : start;
  const { name, unit, min, max, description } = variable;
  return [
    name,
    `${type}${sizes}${declaredType === undefined ? '' : ` ${declaredType}`}`,
    causality,
    type === 'Clock' ? (intervalVariability ?? '') : variability,
    quoted === undefined ? (initial === 'calculated' ? '(calculated)' : '') : quoted.join(' '),
    unit ?? '',
    rangeOf(min, max),
    description ?? '',
  ];
}
