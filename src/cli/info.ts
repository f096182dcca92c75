/** `twinbridge info`: what an FMU says of itself. */
import type { Command } from 'commander';
import {
  type AnyFmuSummary,
  type AnyModelDescription,
  effectiveInitial,
  type Fmi3Variable,
  isFmi1,
  isFmi3,
  readAnyFmu,
  type ScalarVariable,
} from '../fmi/index.js';
import { alignLeft } from './columns.js';

interface InfoFlags {
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  what is in an FMU
    $ twinbridge info robot.fmu
  names of its inputs
    $ twinbridge info robot.fmu --json | jq -r '.description.variables[] | select(.causality == "input") | .name'

Exit codes: 0 shown; 3 it is no FMU, or not one that can be read.`;

export function registerInfo(program: Command): void {
  program
    .command('info')
    .summary('show what is in an FMU')
    .description('Shows name, platforms, capabilities and variables of an FMU, without loading its library.')
    .argument('<fmu>', 'FMU file')
    .option('--json', 'the complete model description as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: InfoFlags) => {
      const fmu = await readAnyFmu(file);
      process.stdout.write(flags.json ? `${JSON.stringify(fmu, withBigints)}\n` : formatSummary(fmu));
    });
}

/** JSON has numbers of any size, its parsers have not: those of 64 bits are texts. */
function withBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function formatSummary({ file, description, platforms, warnings }: AnyFmuSummary): string {
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
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(15)} ${value}`]));
  const header = ['variable', 'type', 'causality', 'variability', 'start', 'unit', 'range', 'description'];
  const rows = isFmi3(description) ? description.variables.map(toFmi3Row) : description.variables.map(toRow);
  return `${[...lines, '', ...alignLeft([header, ...rows])].join('\n')}\n`;
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
    min === undefined && max === undefined ? '' : `${min ?? ''}..${max ?? ''}`,
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
    min === undefined && max === undefined ? '' : `${min ?? ''}..${max ?? ''}`,
    description ?? '',
  ];
}
