/** What a connection or a mapping does to values (SSP 2.0, section 4.5.2). */
import type { SourceLocation } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftTable } from '../../draft.js';
import { expectOnly, type Findings, SSC } from './document.js';

export type Transformation =
  | { readonly kind: 'linear'; readonly factor: number; readonly offset: number; readonly location: SourceLocation }
  | { readonly kind: 'table'; readonly table: DraftTable; readonly location: SourceLocation };

const TABLES: Readonly<Record<string, DraftTable['of']>> = {
  BooleanMappingTransformation: 'Boolean',
  IntegerMappingTransformation: 'Integer',
  EnumerationMappingTransformation: 'Enumeration',
};
export const TRANSFORMATIONS: readonly string[] = ['LinearTransformation', ...Object.keys(TABLES)];

/** That of `element`, if it has one. */
export function readTransformation(element: XmlElement, findings: Findings): Transformation | undefined {
  const found = element.children.filter(({ namespace, localName }) => {
    return namespace === SSC && TRANSFORMATIONS.includes(localName);
  });
  for (const extra of found.slice(1)) {
    const message = `<${element.name}> has a second transformation, <${extra.name}>`;
    findings.problems.push({ message, location: extra.location });
  }
  const [transformation] = found;
  if (transformation === undefined) return undefined;
  const { location, localName } = transformation;
  const of = TABLES[localName];
  if (of !== undefined) return { kind: 'table', table: readTable(transformation, of, findings), location };
  expectOnly(transformation, { attributes: ['factor', 'offset'] }, findings);
  const attributes = new AttributeReader(transformation, findings.problems);
  return { kind: 'linear', factor: attributes.real('factor') ?? 1, offset: attributes.real('offset') ?? 0, location };
}

function readTable(element: XmlElement, of: DraftTable['of'], findings: Findings): DraftTable {
  const { problems } = findings;
  expectOnly(element, { children: { [SSC]: ['MapEntry'] } }, findings);
  const entries = childrenIn(element, SSC, 'MapEntry').flatMap((entry): DraftTable['entries'] => {
    expectOnly(entry, { attributes: ['source', 'target'] }, findings);
    const attributes = new AttributeReader(entry, problems);
    const read = (name: 'source' | 'target') => {
      if (attributes.required(name) === undefined) return undefined;
      if (of === 'Boolean') return attributes.boolean(name);
      return of === 'Enumeration' ? attributes.string(name) : attributes.bigints(name, MIN, MAX)?.[0];
    };
    const [source, target] = [read('source'), read('target')];
    return source === undefined || target === undefined ? [] : [{ source, target, location: entry.location }];
  });
  if (entries.length === 0 && childrenIn(element, SSC, 'MapEntry').length === 0) {
    problems.push({ message: `<${element.name}> has no <MapEntry>`, location: element.location });
  }
  return { of, entries };
}

/** `TGenericInteger` of the schema. */
const MIN = -(2n ** 63n);
const MAX = 2n ** 64n - 1n;
