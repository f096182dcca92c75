/**
 * An XML file of SSP: its namespaces, its version, and what else stands where.
 *
 * SSP 2.0 has the namespaces of SSP 1.0; the `version` tells them apart. What 2.0 added is read in files of 1.0 too.
 */
import { InvalidFileError, type Problem } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { isNamed, parseXml, type XmlElement } from '../../../support/xml/tree.js';

export const SSC = 'http://ssp-standard.org/SSP1/SystemStructureCommon';
export const SSD = 'http://ssp-standard.org/SSP1/SystemStructureDescription';
export const SSV = 'http://ssp-standard.org/SSP1/SystemStructureParameterValues';
export const SSM = 'http://ssp-standard.org/SSP1/SystemStructureParameterMapping';
export const SSB = 'http://ssp-standard.org/SSP1/SystemStructureSignalDictionary';

export interface Findings {
  /** What makes the system unusable. */
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

export type SspNamespace = typeof SSD | typeof SSV | typeof SSM | typeof SSB;

/** The root of each kind of file. */
const ROOTS: Readonly<Record<SspNamespace, string>> = {
  [SSD]: 'SystemStructureDescription',
  [SSV]: 'ParameterSet',
  [SSM]: 'ParameterMapping',
  [SSB]: 'SignalDictionary',
};

/** The root element; undefined, and reported, if the file is of another kind. `file` names it in messages. */
export function parseDocument(
  file: string,
  bytes: Uint8Array,
  namespace: SspNamespace,
  findings: Findings,
): XmlElement | undefined {
  try {
    const root = parseXml(file, bytes, { namespaces: true });
    return checkRoot(root, namespace, findings);
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    findings.problems.push(...error.problems);
    return undefined;
  }
}

/** The same for an element that stands inside of another file. */
export function checkRoot(element: XmlElement, namespace: SspNamespace, findings: Findings): XmlElement | undefined {
  const { location } = element;
  const name = ROOTS[namespace];
  if (!isNamed(element, namespace, name)) {
    const fault =
      element.localName === name ? `<${element.name}> is of the namespace '${element.namespace}'` : `<${element.name}>`;
    findings.problems.push({ message: `${fault}, expected <${name}> of '${namespace}'`, location });
    return undefined;
  }
  const version = new AttributeReader(element, findings.problems).required('version');
  if (version !== undefined && !/^[12]\.\d+(-.*)?$/.test(version.trim())) {
    findings.problems.push({ message: `<${element.name}> is of version '${version}', expected 1.0 or 2.0`, location });
  }
  return element;
}

const TOP_LEVEL = ['author', 'fileversion', 'copyright', 'license', 'generationTool', 'generationDateAndTime'];

export interface Shape {
  readonly attributes?: readonly string[];
  /** Local names by namespace. */
  readonly children?: Readonly<Record<string, readonly string[]>>;
  readonly isRoot?: boolean;
}

/** Warns of what SSP does not know at this place: a misspelt name would be passed over without a word. */
export function expectOnly(element: XmlElement, shape: Shape, { warnings }: Findings): void {
  const { attributes = [], children = {}, isRoot = false } = shape;
  const known = ['id', 'description', ...attributes, ...(isRoot ? ['version', 'name', ...TOP_LEVEL] : [])];
  for (const name of element.attributes.keys()) {
    if (known.includes(name) || name === 'xmlns' || name.includes(':')) continue;
    const message = `<${element.name}> has no attribute '${name}', it is ignored${didYouMean(name, known)}`;
    warnings.push({ message, location: element.location });
  }
  for (const child of element.children) {
    const { namespace, localName, location } = child;
    if (children[namespace]?.includes(localName) === true || COMMON[namespace]?.includes(localName) === true) continue;
    const expected = Object.values(children).flat();
    // Right by its name: the namespace is wrong.
    const home = Object.keys(children).find((candidate) => children[candidate]!.includes(localName));
    const hint = home === undefined ? didYouMean(localName, expected) : `, expected it in '${home}'`;
    warnings.push({ message: `<${child.name}> has no meaning in <${element.name}>, it is ignored${hint}`, location });
  }
}

/** Everywhere. */
const COMMON: Readonly<Record<string, readonly string[]>> = {
  [SSC]: ['MetaData', 'Signature'],
  [SSD]: ['Annotations'],
  [SSV]: ['Annotations'],
  [SSM]: ['Annotations'],
  [SSB]: ['Annotations'],
};

/** The content of all annotations of a type at an element. */
export function annotationsOf(element: XmlElement | undefined, type: string): XmlElement[] {
  return (element?.children ?? [])
    .filter(({ localName }) => localName === 'Annotations')
    .flatMap((list) => list.children.filter((child) => isNamed(child, SSC, 'Annotation')))
    .filter((annotation) => annotation.attributes.get('type') === type)
    .flatMap((annotation) => annotation.children);
}
