/** Parts of a modelDescription.xml that FMI 1.0, 2.0 and 3.0 have in common. */
import { formatLocation, type Problem, type SourceLocation } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { AttributeReader, defined } from '../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../support/xml/tree.js';
import type { DefaultExperiment, Heading, LogCategory, Unknown } from './model-description.js';

export interface Findings {
  /** What makes the file unusable. */
  readonly problems: Problem[];
  /** What breaks the standard but does not keep the FMU from running. */
  readonly warnings: Problem[];
}

/** What the root element says of the model besides its names. */
export function readHeading(attributes: AttributeReader): Heading {
  return defined({
    description: attributes.string('description'),
    author: attributes.string('author'),
    version: attributes.string('version'),
    copyright: attributes.string('copyright'),
    license: attributes.string('license'),
    generationTool: attributes.string('generationTool'),
    generationDateAndTime: attributes.string('generationDateAndTime'),
    variableNamingConvention: attributes.oneOf('variableNamingConvention', ['flat', 'structured'] as const),
  });
}

/** It becomes a file name: anything but a C identifier could also lead out of the FMU's folder. */
export function readModelIdentifier(attributes: AttributeReader, problems: Problem[]): string {
  const modelIdentifier = attributes.required('modelIdentifier');
  if (modelIdentifier !== undefined && !/^[A-Za-z_]\w*$/.test(modelIdentifier)) {
    const { location } = attributes.element;
    problems.push({ message: `modelIdentifier '${modelIdentifier}' is no C identifier`, location });
  }
  return modelIdentifier ?? '';
}

/** The type definition that a variable of `type` names, if it is one of that type; an enumeration has to name one. */
export function findDeclaredType<T extends { readonly type: string }>(
  attributes: AttributeReader,
  type: string,
  types: ReadonlyMap<string, T>,
  owner: string,
  problems: Problem[],
): T | undefined {
  const name = attributes.string('declaredType');
  if (type === 'Enumeration') attributes.required('declaredType');
  if (name === undefined) return undefined;
  const declared = types.get(name);
  if (declared?.type !== type) {
    const fault = declared === undefined ? 'is not defined' : `is a type of ${declared.type}, not of ${type}`;
    const hint = declared === undefined ? didYouMean(name, types.keys()) : '';
    problems.push({
      message: `declaredType '${name}' of ${owner} ${fault}${hint}`,
      location: attributes.element.location,
    });
  }
  return declared;
}

/** `byName` has the variables before it, and then this one. */
export function noteName<V extends { readonly name: string; readonly location?: SourceLocation }>(
  byName: Map<string, V>,
  variable: V,
  location: SourceLocation,
  problems: Problem[],
): void {
  const earlier = byName.get(variable.name);
  if (earlier !== undefined) {
    const first = formatLocation(earlier.location ?? location);
    problems.push({ message: `a second variable named '${variable.name}', the first is at ${first}`, location });
  }
  byName.set(variable.name, variable);
}

const DEPENDENCY_KINDS = ['dependent', 'constant', 'fixed', 'tunable', 'discrete'] as const;

/** The kinds of `dependencies`, as many as there are of these. */
export function readDependencyKinds(
  attributes: AttributeReader,
  dependencies: readonly number[] | undefined,
  problems: Problem[],
): Unknown['dependenciesKind'] {
  const kinds = attributes.wordList('dependenciesKind');
  const { location } = attributes.element;
  const wrongKind = kinds?.find((kind) => !(DEPENDENCY_KINDS as readonly string[]).includes(kind));
  if (wrongKind !== undefined) {
    problems.push({ message: `dependenciesKind '${wrongKind}' is none of ${DEPENDENCY_KINDS.join(', ')}`, location });
  }
  const count = dependencies?.length ?? 0;
  if (kinds !== undefined && kinds.length !== count) {
    problems.push({ message: `dependenciesKind has ${kinds.length} entries, dependencies ${count}`, location });
  }
  return kinds as Unknown['dependenciesKind'];
}

export function readLogCategories(element: XmlElement | undefined, problems: Problem[]): LogCategory[] {
  return children(element, 'Category').flatMap((category): LogCategory[] => {
    const entry = new AttributeReader(category, problems);
    const name = entry.required('name');
    return name === undefined ? [] : [{ name, ...defined({ description: entry.string('description') }) }];
  });
}

export function readExperiment(element: XmlElement, problems: Problem[]): DefaultExperiment {
  const attributes = new AttributeReader(element, problems);
  return defined({
    startTime: attributes.real('startTime'),
    stopTime: attributes.real('stopTime'),
    tolerance: attributes.real('tolerance'),
    stepSize: attributes.real('stepSize'),
  });
}
