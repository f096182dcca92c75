/** UnitDefinitions, TypeDefinitions and ModelVariables of a modelDescription.xml (FMI 2.0.4, sections 2.2.2 to 2.2.7). */
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { AttributeReader, defined } from '../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../support/xml/tree.js';
import type {
  BaseUnitExponent,
  EnumerationType,
  ScalarVariable,
  StartValue,
  UnitDefinition,
  VariableType,
} from './model-description.js';
import { type Findings, findDeclaredType, noteName } from './read-parts.js';
import { CAUSALITIES, combinationFault, defaultVariability, INITIALS, VARIABILITIES } from './variable-rules.js';

export const VARIABLE_TYPES: readonly VariableType[] = ['Real', 'Integer', 'Boolean', 'String', 'Enumeration'];
const BASE_UNITS: readonly BaseUnitExponent[] = ['kg', 'm', 's', 'A', 'K', 'mol', 'cd', 'rad'];

/** What a `SimpleType` gives to the variables that name it, unless they say otherwise. */
export interface SimpleType {
  readonly name: string;
  readonly type: VariableType;
  readonly defaults: Pick<ScalarVariable, 'unit' | 'min' | 'max' | 'nominal'>;
  readonly enumeration?: EnumerationType;
}

export function readUnits(element: XmlElement | undefined, { problems }: Findings): UnitDefinition[] {
  return children(element, 'Unit').flatMap((unit) => {
    const name = new AttributeReader(unit, problems).required('name');
    if (name === undefined) return [];
    const base = unit.children.find((child) => child.name === 'BaseUnit');
    if (base === undefined) return [{ name }];
    const attributes = new AttributeReader(base, problems, `unit '${name}'`);
    const exponents = BASE_UNITS.map((symbol) => [symbol, attributes.integer(symbol)] as const);
    const scale = { factor: attributes.real('factor'), offset: attributes.real('offset') };
    return [{ name, baseUnit: defined({ ...Object.fromEntries(exponents), ...scale }) }];
  });
}

export function readSimpleTypes(element: XmlElement | undefined, { problems }: Findings): Map<string, SimpleType> {
  const types = new Map<string, SimpleType>();
  for (const simple of children(element, 'SimpleType')) {
    const name = new AttributeReader(simple, problems).required('name');
    const details = simple.children.find((child) => (VARIABLE_TYPES as readonly string[]).includes(child.name));
    if (name === undefined) continue;
    if (details === undefined) {
      problems.push({ message: `type '${name}' has none of ${VARIABLE_TYPES.join(', ')}`, location: simple.location });
      continue;
    }
    const type = details.name as VariableType;
    const attributes = new AttributeReader(details, problems, `type '${name}'`);
    types.set(name, {
      name,
      type,
      defaults: readLimits(attributes, type),
      ...(type === 'Enumeration' ? { enumeration: { name, items: readItems(details, name, problems) } } : {}),
    });
  }
  return types;
}

function readItems(element: XmlElement, typeName: string, problems: Problem[]): EnumerationType['items'] {
  return children(element, 'Item').flatMap((item) => {
    const attributes = new AttributeReader(item, problems, `an item of type '${typeName}'`);
    const name = attributes.required('name');
    attributes.required('value');
    const value = attributes.integer('value');
    const description = attributes.string('description');
    return name === undefined || value === undefined ? [] : [{ name, value, ...defined({ description }) }];
  });
}

/** What both a type and a variable may say of the values. */
export function readLimits(attributes: AttributeReader, type: VariableType): SimpleType['defaults'] {
  if (type === 'Real') {
    return defined({
      unit: attributes.string('unit'),
      min: attributes.real('min'),
      max: attributes.real('max'),
      nominal: attributes.real('nominal'),
    });
  }
  if (type === 'Integer' || type === 'Enumeration') {
    return defined({ min: attributes.integer('min'), max: attributes.integer('max') });
  }
  return {};
}

/** The variables in the file's order; one that could not be read leaves a gap, since ModelStructure counts them. */
export function readVariables(
  element: XmlElement | undefined,
  types: ReadonlyMap<string, SimpleType>,
  findings: Findings,
): (ScalarVariable | undefined)[] {
  const byName = new Map<string, ScalarVariable>();
  return children(element, 'ScalarVariable').map((node) => {
    const variable = readVariable(node, types, findings);
    if (variable === undefined) return undefined;
    noteName(byName, variable, node.location, findings.problems);
    return variable;
  });
}

function readVariable(
  node: XmlElement,
  types: ReadonlyMap<string, SimpleType>,
  { problems, warnings }: Findings,
): ScalarVariable | undefined {
  const name = new AttributeReader(node, problems, 'a variable').required('name');
  const owner = `variable '${name ?? '?'}'`;
  const attributes = new AttributeReader(node, problems, owner);
  attributes.required('valueReference');
  const valueReference = attributes.unsigned('valueReference');
  const causality = attributes.oneOf('causality', CAUSALITIES) ?? 'local';
  const givenVariability = attributes.oneOf('variability', VARIABILITIES);
  const initial = attributes.oneOf('initial', INITIALS);

  const details = typeElement(node, owner, problems);
  if (details === undefined || name === undefined || valueReference === undefined) return undefined;
  const type = details.name as VariableType;
  const typed = new AttributeReader(details, problems, owner);
  const declared = findDeclaredType(typed, type, types, owner, problems);
  const variable: ScalarVariable = {
    name,
    valueReference,
    type,
    causality,
    variability: givenVariability ?? defaultVariability(type, causality),
    ...declared?.defaults,
    ...readLimits(typed, type),
    ...defined({
      initial,
      declaredType: typed.string('declaredType'),
      start: readStart(typed, type),
      description: attributes.string('description'),
    }),
    location: node.location,
  };
  const fault = combinationFault(variable);
  if (fault !== undefined) warnings.push({ message: `${owner}: ${fault}`, location: node.location });
  return variable;
}

/** The one child that gives the type; `besides` names the children that do not. */
export function typeElement(
  node: XmlElement,
  owner: string,
  problems: Problem[],
  besides: string = 'Annotations',
): XmlElement | undefined {
  const known = (child: XmlElement) => (VARIABLE_TYPES as readonly string[]).includes(child.name);
  const [first, second] = node.children.filter(known);
  if (first !== undefined && second === undefined) return first;
  const other = node.children.find((child) => !known(child) && child.name !== besides);
  const message =
    second !== undefined
      ? `${owner} has several types`
      : other === undefined
        ? `${owner} has no type, expected one of ${VARIABLE_TYPES.join(', ')}`
        : `${owner} has the unknown type '${other.name}'${didYouMean(other.name, VARIABLE_TYPES)}, expected one of ${VARIABLE_TYPES.join(', ')}`;
  problems.push({ message, location: (second ?? other ?? node).location });
  return undefined;
}

export function readStart(attributes: AttributeReader, type: VariableType): StartValue | undefined {
  switch (type) {
    case 'Real':
      return attributes.real('start');
    case 'Boolean':
      return attributes.boolean('start');
    case 'String':
      return attributes.string('start');
    default:
      return attributes.integer('start');
  }
}
