/**
 * TypeDefinitions and ModelVariables of an FMI 1.0 modelDescription.xml (FMI 1.0 for Model Exchange, section 3),
 * translated to the words of FMI 2.0 as `model-description.ts` says.
 */
import type { Problem } from '../../support/errors.js';
import { didYouMean } from '../../support/nearest.js';
import { AttributeReader, defined } from '../../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../../support/xml/tree.js';
import type { EnumerationType, ScalarVariable, Unknown, VariableType } from '../model-description.js';
import { type Findings, findDeclaredType, noteName } from '../read-parts.js';
import { readLimits, readStart, type SimpleType, typeElement, VARIABLE_TYPES } from '../read-variables.js';

const CAUSALITIES = ['input', 'output', 'internal', 'none'] as const;
const VARIABILITIES = ['continuous', 'discrete', 'parameter', 'constant'] as const;
const ALIASES = ['noAlias', 'alias', 'negatedAlias'] as const;
const DIRECT_DEPENDENCY = 'DirectDependency';

type Fmi1Causality = (typeof CAUSALITIES)[number];
type Fmi1Variability = (typeof VARIABILITIES)[number];

export function readFmi1Types(element: XmlElement | undefined, { problems }: Findings): Map<string, SimpleType> {
  const types = new Map<string, SimpleType>();
  for (const node of children(element, 'Type')) {
    const name = new AttributeReader(node, problems).required('name');
    const details = node.children.find((child) => VARIABLE_TYPES.some((type) => child.name === `${type}Type`));
    if (name === undefined) continue;
    if (details === undefined) {
      const expected = VARIABLE_TYPES.map((type) => `${type}Type`).join(', ');
      problems.push({ message: `type '${name}' has none of ${expected}`, location: node.location });
      continue;
    }
    const type = details.name.slice(0, -'Type'.length) as VariableType;
    const attributes = new AttributeReader(details, problems, `type '${name}'`);
    const enumeration = type === 'Enumeration' ? { name, items: readItems(details, name, problems) } : undefined;
    types.set(name, { name, type, defaults: readLimits(attributes, type), ...defined({ enumeration }) });
  }
  return types;
}

/** The first item has the value 1, the second 2, and so on. */
function readItems(element: XmlElement, typeName: string, problems: Problem[]): EnumerationType['items'] {
  return children(element, 'Item').map((item, index) => {
    const attributes = new AttributeReader(item, problems, `an item of type '${typeName}'`);
    const name = attributes.required('name') ?? '';
    return { name, value: index + 1, ...defined({ description: attributes.string('description') }) };
  });
}

/** A variable as it stands in the file. */
interface Entry {
  readonly node: XmlElement;
  readonly given: { readonly causality: Fmi1Causality; readonly variability: Fmi1Variability };
  readonly variable: ScalarVariable;
}

/** The variables in the file's order but those that could not be read, and what the outputs depend on. */
export function readFmi1Variables(
  element: XmlElement | undefined,
  types: ReadonlyMap<string, SimpleType>,
  findings: Findings,
): { variables: ScalarVariable[]; outputs: Unknown[] } {
  const byName = new Map<string, ScalarVariable>();
  const unreadable = new Set<string | undefined>();
  const entries = children(element, 'ScalarVariable').flatMap((node): Entry[] => {
    const entry = readVariable(node, types, findings);
    if (entry === undefined) {
      unreadable.add(node.attributes.get('name'));
      return [];
    }
    noteName(byName, entry.variable, node.location, findings.problems);
    return [entry];
  });
  return { variables: entries.map(({ variable }) => variable), outputs: readOutputs(entries, unreadable, findings) };
}

function readVariable(
  node: XmlElement,
  types: ReadonlyMap<string, SimpleType>,
  { problems, warnings }: Findings,
): Entry | undefined {
  const name = new AttributeReader(node, problems, 'a variable').required('name');
  const owner = `variable '${name ?? '?'}'`;
  const attributes = new AttributeReader(node, problems, owner);
  attributes.required('valueReference');
  const valueReference = attributes.unsigned('valueReference');
  const causality = attributes.oneOf('causality', CAUSALITIES) ?? 'internal';
  const variability = attributes.oneOf('variability', VARIABILITIES) ?? 'continuous';
  const alias = attributes.oneOf('alias', ALIASES) ?? 'noAlias';

  const details = typeElement(node, owner, problems, DIRECT_DEPENDENCY);
  if (details === undefined || name === undefined || valueReference === undefined) return undefined;
  const type = details.name as VariableType;
  const typed = new AttributeReader(details, problems, owner);
  const declared = findDeclaredType(typed, type, types, owner, problems);
  const start = readStart(typed, type);
  const fixed = typed.boolean('fixed');

  const warn = (message: string) => warnings.push({ message: `${owner}${message}`, location: node.location });
  if (alias === 'negatedAlias') {
    warn(
      ` is a negated alias: what is got and set is the value of value reference ${valueReference}, of opposite sign`,
    );
  }
  if (fixed !== undefined && start === undefined) warn(': fixed goes with a start value only');
  if (variability === 'constant' && start === undefined) warn(': a start value is missing');
  if (attributes.has('variability') && variability === 'continuous' && type !== 'Real') {
    warn(`: variability continuous needs type Real, not ${type}`);
  }

  const given = { causality, variability };
  const variable: ScalarVariable = {
    name,
    valueReference,
    type,
    ...translate(given, type, start === undefined ? 'none' : fixed === false ? 'guess' : 'fixed'),
    ...declared?.defaults,
    ...readLimits(typed, type),
    ...defined({
      declaredType: typed.string('declaredType'),
      start,
      description: attributes.string('description'),
    }),
    location: node.location,
  };
  return { node, given, variable };
}

/**
 * Causality and variability in the words of FMI 2.0. A parameter without a start value, or with one that is a guess, is
 * computed from others in the initialisation: a calculated parameter.
 */
function translate(
  { causality, variability }: Entry['given'],
  type: VariableType,
  start: 'none' | 'guess' | 'fixed',
): Pick<ScalarVariable, 'causality' | 'variability' | 'initial'> {
  const initial = { none: 'calculated', guess: 'approx', fixed: 'exact' } as const;
  if (variability === 'constant') {
    return { causality: causality === 'output' ? 'output' : 'local', variability: 'constant', initial: 'exact' };
  }
  if (variability === 'parameter') {
    if (causality === 'output') return { causality, variability: 'fixed', initial: initial[start] };
    const isGiven = start === 'fixed' || causality === 'input';
    return isGiven
      ? { causality: 'parameter', variability: 'fixed', initial: 'exact' }
      : { causality: 'calculatedParameter', variability: 'fixed', initial: initial[start] };
  }
  // The default is continuous, which only a Real can be.
  const changes = { variability: type === 'Real' ? variability : 'discrete' } as const;
  if (causality === 'input') return { causality, ...changes };
  return { causality: causality === 'output' ? 'output' : 'local', ...changes, initial: initial[start] };
}

/** Without a `DirectDependency` an output depends on all inputs; one that is empty says that it depends on none. */
function readOutputs(
  entries: readonly Entry[],
  unreadable: ReadonlySet<string | undefined>,
  { problems, warnings }: Findings,
): Unknown[] {
  const indices = new Map(entries.map(({ variable }, index) => [variable.name, index]));
  return entries.flatMap(({ node, given, variable }, index): Unknown[] => {
    const [list] = children(node, DIRECT_DEPENDENCY);
    if (given.causality !== 'output') {
      if (list !== undefined) {
        const message = `variable '${variable.name}' is no output, its <${DIRECT_DEPENDENCY}> says nothing`;
        warnings.push({ message, location: list.location });
      }
      return [];
    }
    if (list === undefined) return [{ index }];
    const dependencies = children(list, 'Name').flatMap(({ text, location }) => {
      const name = text.trim();
      const dependency = indices.get(name);
      if (dependency === undefined) {
        if (unreadable.has(name)) return []; // Its own problem is reported.
        const message = `output '${variable.name}' depends on '${name}', which no variable is named${didYouMean(name, indices.keys())}`;
        problems.push({ message, location });
        return [];
      }
      if (entries[dependency]!.given.causality !== 'input') {
        const message = `output '${variable.name}' depends on '${name}', which is no input`;
        warnings.push({ message, location });
      }
      return [dependency];
    });
    return [{ index, dependencies }];
  });
}
