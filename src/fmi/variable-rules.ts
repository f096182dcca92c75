/** Which combinations of causality, variability, `initial` and `start` FMI 2.0.4 allows (section 2.2.7). */
import type { Causality, Initial, ScalarVariable, Variability, VariableType } from './model-description.js';

export const CAUSALITIES: readonly Causality[] = [
  'parameter',
  'calculatedParameter',
  'input',
  'output',
  'local',
  'independent',
];
export const VARIABILITIES: readonly Variability[] = ['constant', 'fixed', 'tunable', 'discrete', 'continuous'];
export const INITIALS: readonly Initial[] = ['exact', 'approx', 'calculated'];

type Combination = Pick<ScalarVariable, 'causality' | 'variability'>;

/** The table of page 50: what `initial` may be, its default first; `[]` when it must be absent. */
const INITIAL_OF: Readonly<Record<Causality, Readonly<Partial<Record<Variability, readonly Initial[]>>>>> = {
  parameter: { fixed: ['exact'], tunable: ['exact'] },
  calculatedParameter: { fixed: ['calculated', 'approx'], tunable: ['calculated', 'approx'] },
  input: { discrete: [], continuous: [] },
  output: {
    constant: ['exact'],
    discrete: ['calculated', 'exact', 'approx'],
    continuous: ['calculated', 'exact', 'approx'],
  },
  local: {
    constant: ['exact'],
    fixed: ['calculated', 'approx'],
    tunable: ['calculated', 'approx'],
    discrete: ['calculated', 'exact', 'approx'],
    continuous: ['calculated', 'exact', 'approx'],
  },
  independent: { continuous: [] },
};

/** `continuous` by the schema, which only a Real can be; so the others are taken as discrete. */
export function defaultVariability(type: VariableType, causality: Causality): Variability {
  if (causality === 'parameter' || causality === 'calculatedParameter') return 'fixed';
  return type === 'Real' ? 'continuous' : 'discrete';
}

/** `initial`, or its default; undefined for inputs and the independent variable. */
export function effectiveInitial(variable: Combination & Pick<ScalarVariable, 'initial'>): Initial | undefined {
  return variable.initial ?? INITIAL_OF[variable.causality][variable.variability]?.[0];
}

/**
 * Whether an importer may set the variable before or in initialization mode: inputs, and what is not constant and
 * starts with a given value (superscripts 1 and 3 of the table in section 4.2.4).
 */
export function isSettableAtStart(variable: ScalarVariable): boolean {
  if (variable.causality === 'input') return true;
  const initial = effectiveInitial(variable);
  return variable.variability !== 'constant' && (initial === 'exact' || initial === 'approx');
}

/** What is wrong with the combination, in the standard's terms; nothing if it is allowed. */
export function combinationFault(variable: ScalarVariable): string | undefined {
  const { causality, variability, type } = variable;
  const allowed = INITIAL_OF[causality][variability];
  if (allowed === undefined) return `causality ${causality} does not go with variability ${variability}`;
  if (variability === 'continuous' && type !== 'Real') return `variability continuous needs type Real, not ${type}`;
  if (variable.initial !== undefined && !allowed.includes(variable.initial)) {
    const choice = allowed.length === 0 ? 'no initial' : `initial ${allowed.join(' or ')}`;
    return `${causality}, ${variability} goes with ${choice}, not with ${variable.initial}`;
  }
  const initial = effectiveInitial(variable);
  const needsStart = causality === 'input' || initial === 'exact' || initial === 'approx';
  if (needsStart && variable.start === undefined) return 'a start value is missing';
  if (!needsStart && variable.start !== undefined) {
    return causality === 'independent' || initial === 'calculated' ? 'a start value is not allowed' : undefined;
  }
  return undefined;
}
