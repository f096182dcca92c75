/** `twinbridge plan`: what the master does in a step, without running it. */
import type { Command } from 'commander';
import { compilePlan, describePlan, type PlanDescription } from '../master/index.js';
import { formatProblem } from '../support/errors.js';
import { readSystem } from '../system/index.js';
import { addSystemOptions, type SystemFlags, toSystemOptions } from './system-options.js';

interface PlanFlags extends SystemFlags {
  readonly code?: true;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  in what order components make their steps, which loops there are, what is converted
    $ twinbridge plan system.yaml
  with every instruction of a step
    $ twinbridge plan OspSystemStructure.xml --code
  for programs
    $ twinbridge plan system.yaml --json | jq '.loops[] | select(.iterated | not)'

Exit codes: 0 shown; 3 the system or an FMU is wrong.`;

export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .summary('show what a step of a system does')
    .description('Compiles a system to its step plan and shows it; no FMU is loaded.')
    .argument('<system...>', 'system file (YAML), or that of another tool')
    .option('--code', 'every instruction of a step')
    .option('--json', 'as JSON on standard output');
  addSystemOptions(command).addHelpText('after', EXAMPLES).action(plan);
}

async function plan(files: readonly string[], flags: PlanFlags): Promise<void> {
  const system = await readSystem(files, toSystemOptions(flags));
  for (const problem of system.warnings) process.stderr.write(`warning: ${formatProblem(problem)}\n`);
  const description = describePlan(system, compilePlan(system));
  process.stdout.write(flags.json ? `${JSON.stringify(description)}\n` : format(description, flags.code === true));
}

function format(plan: PlanDescription, withCode: boolean): string {
  const { elsewhere, order, loops, conversions, code } = plan;
  const isParallel = plan.threads > 1 ? `, ${plan.threads} threads` : '';
  const lines = [
    `${plan.components} components, ${plan.connections} connections, ${plan.instructions} instructions a step, ${plan.arenaBytes} bytes of values`,
    `algorithm: ${plan.algorithm}${isParallel}; step size: ${plan.stepping}`,
    '',
    'order of steps:',
    ...order.map((names, index) => `  ${index + 1}. ${names.join(' and ')}${names.length > 1 ? ', iterated' : ''}`),
  ];
  if (elsewhere.length > 0) {
    lines.push('', 'elsewhere:', ...elsewhere.map(({ component, place }) => `  ${component}: ${place}`));
  }
  for (const { path, iterated, reason } of loops) {
    const fate = iterated ? 'iterated at each step' : `not iterated at steps, one value is a step old: ${reason}`;
    lines.push('', `algebraic loop, ${fate}:`, ...path.map((wire) => `  ${wire}`));
  }
  if (conversions.length > 0) lines.push('', 'converted on the way:', ...conversions.map((text) => `  ${text}`));
  if (withCode) lines.push('', 'a step:', ...code.map((text) => `  ${text}`));
  return `${lines.join('\n')}\n`;
}
