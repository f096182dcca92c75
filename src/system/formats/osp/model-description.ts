/**
 * `<ModelName>_OspModelDescription.xml`: groups of a model's variables that are connected as one.
 *
 * Two namespaces and versions are about, and libcosim looks at neither, nor at the names of groups' elements: so do we.
 */
import type { Problem, SourceLocation } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { parseXml, type XmlElement } from '../../../support/xml/tree.js';
import type { Located } from '../../draft.js';

export interface VariableGroup {
  readonly name: string;
  /** Names of variables of the model. */
  readonly variables: readonly Located<string>[];
  readonly groups: readonly VariableGroup[];
  readonly location: SourceLocation;
}

/** Throws `InvalidFileError` where it is no XML. */
export function parseVariableGroups(
  file: string,
  bytes: Uint8Array,
): { readonly groups: readonly VariableGroup[]; readonly problems: readonly Problem[] } {
  const root = parseXml(file, bytes, { namespaces: true });
  const problems: Problem[] = [];
  if (root.localName !== 'OspModelDescription') {
    const message = `<${root.name}> is the root element, expected <OspModelDescription>`;
    problems.push({ message, location: root.location });
  }
  const lists = root.children.filter(({ localName }) => localName === 'VariableGroups');
  return {
    groups: lists.flatMap((list) => list.children.flatMap((element) => readGroup(element, problems))),
    problems,
  };
}

function readGroup(element: XmlElement, problems: Problem[]): VariableGroup[] {
  const name = new AttributeReader(element, problems).required('name');
  const isVariable = ({ localName }: XmlElement) => localName === 'Variable';
  const variables = element.children.filter(isVariable).flatMap((variable) => {
    const value = new AttributeReader(variable, problems).required('ref');
    return value === undefined ? [] : [{ value, location: variable.location }];
  });
  const groups = element.children.filter((child) => !isVariable(child)).flatMap((child) => readGroup(child, problems));
  return name === undefined ? [] : [{ name, variables, groups, location: element.location }];
}

/** All groups of that name, at whatever depth; those further out first. */
export function findGroups(groups: readonly VariableGroup[], name: string): readonly VariableGroup[] {
  const here = groups.filter((group) => group.name === name);
  return [...here, ...groups.flatMap((group) => findGroups(group.groups, name))];
}

export function groupNames(groups: readonly VariableGroup[]): readonly string[] {
  return groups.flatMap((group) => [group.name, ...groupNames(group.groups)]);
}
