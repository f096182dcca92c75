/** Parameter sets: values by name (SSP 2.0, section 6). */

import { INTEGER_RANGE, type UnitDefinition } from '../../../fmi/index.js';
import type { SourceLocation } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import { expectOnly, type Findings, SSC, SSV } from './document.js';
import { readSize, SSP_TYPES, toFmiType } from './types.js';
import { findUnit, readUnits, type Units } from './units.js';

/** number, bigint, boolean or string: an item of an Enumeration by its name, a Binary in hexadecimal. */
export type ParameterValue = number | bigint | boolean | string;

export interface Parameter {
  readonly name: string;
  /** Of an array a list, row by row. */
  readonly value: ParameterValue | readonly ParameterValue[];
  readonly unit?: UnitDefinition;
  readonly nameLocation: SourceLocation;
  readonly valueLocation: SourceLocation;
}

export interface ParameterSet {
  readonly name: string;
  readonly parameters: readonly Parameter[];
}

/** `root` is a `ParameterSet`. */
export function readParameterSet(root: XmlElement, findings: Findings): ParameterSet {
  const { problems } = findings;
  expectOnly(root, { isRoot: true, children: { [SSV]: ['Parameters', 'Enumerations', 'Units'] } }, findings);
  const name = new AttributeReader(root, problems).required('name') ?? '';
  const units = readUnits(root, SSV, findings);
  const parameters = new Map<string, Parameter>();
  for (const list of childrenIn(root, SSV, 'Parameters')) {
    expectOnly(list, { children: { [SSV]: ['Parameter'] } }, findings);
    for (const element of childrenIn(list, SSV, 'Parameter')) {
      const parameter = readParameter(element, units, findings);
      if (parameter === undefined) continue;
      if (parameters.has(parameter.name)) {
        problems.push({ message: `a second parameter '${parameter.name}' in this set`, location: element.location });
      }
      parameters.set(parameter.name, parameter);
    }
  }
  return { name, parameters: [...parameters.values()] };
}

function readParameter(element: XmlElement, units: Units, findings: Findings): Parameter | undefined {
  const { problems } = findings;
  expectOnly(element, { attributes: ['name'], children: { [SSV]: SSP_TYPES, [SSC]: ['Dimension'] } }, findings);
  const name = new AttributeReader(element, problems).required('name');
  const [typed, extra] = element.children.filter(({ namespace, localName }) => {
    return namespace === SSV && SSP_TYPES.includes(localName);
  });
  if (typed === undefined || extra !== undefined) {
    const fault = typed === undefined ? 'has no value' : `has a second value, <${extra!.name}>`;
    const location = (extra ?? element).location;
    problems.push({
      message: `parameter '${name ?? ''}' ${fault}`,
      location,
      remedy: 'one of <ssv:Real>, <ssv:Integer>, …',
    });
    return undefined;
  }
  const values = readValues(typed, findings);
  const size = readSize(element, findings);
  if (name === undefined || values === undefined) return undefined;
  if (values.length === 0 && size === undefined) {
    problems.push({ message: `parameter '${name}' has no value`, location: typed.location });
    return undefined;
  }
  if (size !== undefined && size !== values.length) {
    const message = `parameter '${name}' has ${size} elements by its dimensions, but ${values.length} values`;
    problems.push({ message, location: typed.location });
    return undefined;
  }
  const unit = findUnit(typed.attributes.get('unit'), units, typed, findings);
  return {
    name,
    value: size === undefined && values.length === 1 ? values[0]! : values,
    ...(unit === undefined ? {} : { unit }),
    nameLocation: element.location,
    valueLocation: typed.location,
  };
}

/** The attribute `value`, or the children `Value` that String, Enumeration and Binary may have in its place. */
function readValues(typed: XmlElement, findings: Findings): readonly ParameterValue[] | undefined {
  const { problems } = findings;
  const type = toFmiType(typed.localName);
  const attributes = new AttributeReader(typed, problems);
  const isFloat = type === 'Float64' || type === 'Float32';
  const isText = type === 'String' || type === 'Enumeration' || type === 'Binary';
  const known = isFloat ? ['unit'] : type === 'Enumeration' ? ['name'] : type === 'Binary' ? ['mime-type'] : [];
  expectOnly(typed, { attributes: ['value', ...known], children: isText ? { [SSV]: ['Value'] } : {} }, findings);
  if (isFloat) return attributes.required('value') === undefined ? undefined : attributes.reals('value');
  if (type === 'Boolean') return attributes.required('value') === undefined ? undefined : attributes.booleans('value');
  if (type === 'Clock') {
    problems.push({ message: 'a clock has no value', location: typed.location });
    return undefined;
  }
  if (!isText) {
    const [low, high] = INTEGER_RANGE[type]!;
    return attributes.required('value') === undefined ? undefined : attributes.bigints('value', low, high);
  }
  const children = childrenIn(typed, SSV, 'Value').map((child) => new AttributeReader(child, problems));
  if (children.length > 0 && attributes.has('value')) {
    const message = `<${typed.name}> has both a value and <Value>s: one of them is too much`;
    problems.push({ message, location: typed.location });
    return undefined;
  }
  const values = (children.length > 0 ? children : [attributes]).map((reader) => reader.required('value'));
  return values.some((value) => value === undefined) ? undefined : (values as string[]);
}
