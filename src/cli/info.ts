/** `twinbridge info`: what an FMU says of itself. */
import type { Command } from 'commander';
import { type CoSimulation, effectiveInitial, type FmuSummary, readFmu, type ScalarVariable } from '../fmi/index.js';

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
      const fmu = await readFmu(file);
      process.stdout.write(flags.json ? `${JSON.stringify(fmu)}\n` : formatSummary(fmu));
    });
}

function formatSummary({ file, description, platforms, warnings }: FmuSummary): string {
  const { coSimulation, hasModelExchange, defaultExperiment: experiment } = description;
  const kinds = [
    ...(coSimulation === undefined ? [] : ['co-simulation']),
    ...(hasModelExchange ? ['model exchange'] : []),
  ];
  const facts: [string, string | undefined][] = [
    ['model', description.modelName],
    ['description', description.description],
    ['file', file],
    ['FMI', `${description.fmiVersion}, ${kinds.join(' and ')}`],
    ['GUID', description.guid],
    [
      'made by',
      [description.generationTool, description.author].filter((part) => part !== undefined).join(', ') || undefined,
    ],
    ['version', description.version],
    ['license', description.license],
    ['platforms', platforms.join(', ') || 'none'],
    ['capabilities', coSimulation && (capabilities(coSimulation).join(', ') || 'none')],
    ['step size', experiment?.stepSize === undefined ? undefined : `${experiment.stepSize} s`],
    ['log categories', description.logCategories.map(({ name }) => name).join(', ') || undefined],
    ['warnings', warnings.length === 0 ? undefined : `${warnings.length}, see: twinbridge validate ${file}`],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(15)} ${value}`]));
  const header = ['variable', 'type', 'causality', 'variability', 'start', 'unit', 'range', 'description'];
  const rows = description.variables.map(toRow);
  return `${[...lines, '', ...alignLeft([header, ...rows])].join('\n')}\n`;
}

/** What is true of it, in the standard's words, without the first letters that all share. */
function capabilities(coSimulation: CoSimulation): string[] {
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

function alignLeft(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
