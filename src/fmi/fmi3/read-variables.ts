/** TypeDefinitions and ModelVariables of an FMI 3.0 modelDescription.xml (FMI 3.0.2, sections 2.4.4 and 2.4.7). */

import type { Problem } from '../../support/errors.js';
import { didYouMean } from '../../support/nearest.js';
import { AttributeReader, defined } from '../../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../../support/xml/tree.js';
import { INTEGER_RANGE } from '../integer-range.js';
import type { Variability } from '../model-description.js';
import { type Findings, findDeclaredType, noteName } from '../read-parts.js';
import { INITIALS, VARIABILITIES } from '../variable-rules.js';
import {
  type Dimension,
  FMI3_TYPES,
  type Fmi3Causality,
  type Fmi3EnumerationType,
  type Fmi3StartValue,
  type Fmi3Type,
  type Fmi3Variable,
  INTERVAL_VARIABILITIES,
} from './model-description.js';

const FMI3_CAUSALITIES: readonly Fmi3Causality[] = [
  'structuralParameter',
  'parameter',
  'calculatedParameter',
  'input',
  'output',
  'local',
  'independent',
];

const INTEGER_RANGES: typeof INTEGER_RANGE = { ...INTEGER_RANGE, Enumeration: INTEGER_RANGE.Int64! };

/** What a type definition gives to the variables that name it, unless they say otherwise. */
export interface Fmi3TypeDefinition {
  readonly name: string;
  readonly type: Fmi3Type;
  readonly defaults: Pick<Fmi3Variable, 'unit' | 'min' | 'max' | 'nominal' | 'mimeType' | 'maxSize'>;
  readonly enumeration?: Fmi3EnumerationType;
}

export function readEnumerations(
  element: XmlElement | undefined,
  { problems }: Findings,
): Map<string, Fmi3TypeDefinition> {
  const types = new Map<string, Fmi3TypeDefinition>();
  for (const node of element?.children ?? []) {
    const type = FMI3_TYPES.find((known) => node.name === `${known}Type`);
    if (type === undefined) continue;
    const name = new AttributeReader(node, problems).required('name');
    if (name === undefined) continue;
    const attributes = new AttributeReader(node, problems, `type '${name}'`);
    const items = type === 'Enumeration' ? { enumeration: { name, items: readItems(node, name, problems) } } : {};
    types.set(name, { name, type, defaults: readLimits(attributes, type), ...items });
  }
  return types;
}

function readItems(element: XmlElement, typeName: string, problems: Problem[]): Fmi3EnumerationType['items'] {
  return children(element, 'Item').flatMap((item) => {
    const attributes = new AttributeReader(item, problems, `an item of type '${typeName}'`);
    const name = attributes.required('name');
    attributes.required('value');
    const value = attributes.bigints('value', ...INTEGER_RANGES.Enumeration!)?.[0];
    const description = attributes.string('description');
    return name === undefined || value === undefined ? [] : [{ name, value, ...defined({ description }) }];
  });
}

function readLimits(attributes: AttributeReader, type: Fmi3Type): Fmi3TypeDefinition['defaults'] {
  const range = INTEGER_RANGES[type];
  if (range !== undefined) {
    return defined({
      min: narrow(type, attributes.bigints('min', ...range)?.[0]),
      max: narrow(type, attributes.bigints('max', ...range)?.[0]),
    });
  }
  if (type === 'Float32' || type === 'Float64') {
    return defined({
      unit: attributes.string('unit'),
      min: attributes.real('min'),
      max: attributes.real('max'),
      nominal: attributes.real('nominal'),
    });
  }
  if (type === 'Binary') {
    return defined({ mimeType: attributes.string('mimeType'), maxSize: attributes.unsigned('maxSize') });
  }
  return {};
}

/** The variables in the file's order, but those that could not be read. */
export function readFmi3Variables(
  element: XmlElement | undefined,
  types: ReadonlyMap<string, Fmi3TypeDefinition>,
  findings: Findings,
): Fmi3Variable[] {
  const byName = new Map<string, Fmi3Variable>();
  return (element?.children ?? []).flatMap((node): Fmi3Variable[] => {
    const type = FMI3_TYPES.find((known) => known === node.name);
    if (type === undefined) {
      const hint = didYouMean(node.name, FMI3_TYPES);
      findings.problems.push({ message: `<${node.name}> is no type of variable${hint}`, location: node.location });
      return [];
    }
    const variable = readVariable(node, type, types, findings);
    if (variable === undefined) return [];
    noteName(byName, variable, node.location, findings.problems);
    return [variable];
  });
}

function readVariable(
  node: XmlElement,
  type: Fmi3Type,
  types: ReadonlyMap<string, Fmi3TypeDefinition>,
  { problems, warnings }: Findings,
): Fmi3Variable | undefined {
  const name = new AttributeReader(node, problems, 'a variable').required('name');
  const owner = `variable '${name ?? '?'}'`;
  const attributes = new AttributeReader(node, problems, owner);
  attributes.required('valueReference');
  const valueReference = attributes.unsigned('valueReference');
  const causality = attributes.oneOf('causality', FMI3_CAUSALITIES) ?? 'local';
  const variability = attributes.oneOf('variability', VARIABILITIES) ?? defaultVariability(type, causality);
  const declared = findDeclaredType(attributes, type, types, owner, problems);
  const intervalVariability =
    type === 'Clock' ? attributes.oneOf('intervalVariability', INTERVAL_VARIABILITIES) : undefined;
  if (type === 'Clock') attributes.required('intervalVariability');
  if (name === undefined || valueReference === undefined) return undefined;
  const variable: Fmi3Variable = {
    name,
    valueReference,
    type,
    causality,
    variability,
    ...declared?.defaults,
    ...readLimits(attributes, type),
    ...defined({
      initial: attributes.oneOf('initial', INITIALS),
      declaredType: attributes.string('declaredType'),
      start: readStart(node, attributes, type, problems),
      description: attributes.string('description'),
      clocks: attributes.unsignedList('clocks'),
      intervalVariability,
      ...(type === 'Clock' ? readTicks(attributes) : {}),
    }),
    dimensions: children(node, 'Dimension').flatMap((dimension) => readDimension(dimension, owner, problems)),
    location: node.location,
  };
  if (variability === 'continuous' && type !== 'Float32' && type !== 'Float64') {
    warnings.push({
      message: `${owner}: variability continuous needs type Float32 or Float64, not ${type}`,
      location: node.location,
    });
  }
  return variable;
}

/** As decimal numbers, or as fractions with one denominator (FMI 3.0.2, section 2.4.7.7). */
function readTicks(attributes: AttributeReader): { interval: number | undefined; shift: number | undefined } {
  const resolution = attributes.real('resolution');
  const fraction = (counter: number | undefined) =>
    counter === undefined || resolution === undefined ? undefined : counter / resolution;
  return {
    interval: attributes.real('intervalDecimal') ?? fraction(attributes.real('intervalCounter')),
    shift: attributes.real('shiftDecimal') ?? fraction(attributes.real('shiftCounter')),
  };
}

function defaultVariability(type: Fmi3Type, causality: Fmi3Causality): Variability {
  if (/parameter$/i.test(causality)) return 'fixed';
  return type === 'Float32' || type === 'Float64' ? 'continuous' : 'discrete';
}

function readDimension(node: XmlElement, owner: string, problems: Problem[]): Dimension[] {
  const attributes = new AttributeReader(node, problems, `a dimension of ${owner}`);
  const valueReference = attributes.unsigned('valueReference');
  if (valueReference !== undefined) return [{ valueReference }];
  attributes.required('start');
  const start = attributes.bigints('start', ...INTEGER_RANGES.UInt64!)?.[0];
  return start === undefined ? [] : [{ start }];
}

function readStart(
  node: XmlElement,
  attributes: AttributeReader,
  type: Fmi3Type,
  problems: Problem[],
): readonly Fmi3StartValue[] | undefined {
  if (type === 'Clock') return undefined;
  if (type === 'String' || type === 'Binary') {
    const starts = children(node, 'Start').map((start) => {
      const value = start.attributes.get('value') ?? '';
      if (type === 'Binary' && !/^(?:[0-9A-Fa-f]{2})*$/.test(value)) {
        problems.push({ message: `start '${value}' is no list of bytes in hexadecimal`, location: start.location });
      }
      return value;
    });
    return starts.length === 0 ? undefined : starts;
  }
  if (type === 'Boolean') return attributes.booleans('start');
  const range = INTEGER_RANGES[type];
  if (range === undefined) return attributes.reals('start');
  return attributes.bigints('start', ...range)?.map((value) => narrow(type, value)!);
}

/** Types of 64 bits stay `bigint`. */
function narrow(type: Fmi3Type, value: bigint | undefined): number | bigint | undefined {
  return value === undefined || type === 'Int64' || type === 'UInt64' || type === 'Enumeration' ? value : Number(value);
}
