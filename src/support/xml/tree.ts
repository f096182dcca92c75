/**
 * XML as a tree of elements that know their place in the file.
 *
 * No DTD is read: a DOCTYPE is refused and only the predefined entities and character references are known, so a file
 * cannot make the reader open other files or expand without bound.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { InvalidFileError, type Problem, type SourceLocation } from '../errors.js';

export interface XmlElement {
  /** As written, prefix and all. */
  readonly name: string;
  /** Without the prefix. */
  readonly localName: string;
  /** The URI that the prefix, or its absence, stands for here; '' for none. */
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All text right inside of the element, '' if it is blank. */
  readonly text: string;
  readonly location: SourceLocation;
}

/** Deeper files are refused; modelDescription.xml needs 6 levels and its vendor annotations few more. */
const MAX_DEPTH = 100;

const parser = new XMLParser({
  preserveOrder: true,
  captureMetaData: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  removeNSPrefix: false,
  cdataPropName: '#cdata',
  maxNestedTags: MAX_DEPTH,
});
const METADATA = XMLParser.getMetaDataSymbol() as unknown as keyof ParsedNode;

/** What the parser makes of an element: the tag's name is the key beside `:@`. */
type ParsedNode = { readonly ':@'?: Readonly<Record<string, string>> } & Readonly<Record<string, unknown>>;

export interface ParseOptions {
  /** Whether a prefix that is bound to no namespace is a problem; otherwise it counts as part of the name. */
  readonly namespaces?: boolean;
}

/** The root element. `file` names the document in problems. Throws {@link InvalidFileError} if it is not well-formed. */
export function parseXml(file: string, bytes: Uint8Array, options: ParseOptions = {}): XmlElement {
  const text = decodeXml(bytes);
  refuseDoctype(file, text);
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw notWellFormed(file, verdict.err);
  const [root, extra] = parseElements(file, text, options);
  const fail = (message: string, location: SourceLocation) => new InvalidFileError(file, [{ message, location }]);
  if (root === undefined) throw fail('there is no root element', { file, line: 1, column: 1 });
  if (extra !== undefined) throw fail(`a second root element <${extra.name}>`, extra.location);
  return root;
}

/** {@link parseXml} of a file that is not XML as a whole, but a row of elements. */
export function parseXmlRoots(file: string, bytes: Uint8Array, options: ParseOptions = {}): readonly XmlElement[] {
  // A declaration may stand at the very beginning only, and the validator wants one root.
  const text = decodeXml(bytes).replace(/^\uFEFF?<\?xml[^>]*\?>/, (declaration) => ' '.repeat(declaration.length));
  refuseDoctype(file, text);
  const verdict = XMLValidator.validate(`<end-of-file>\n${text}\n</end-of-file>`);
  if (verdict !== true) {
    const { msg, line, col } = verdict.err;
    const own = msg
      .replace(
        /Expected closing tag 'end-of-file' \(.*?\) instead of closing tag '(.*?)'/,
        "closing tag '$1' has not been opened",
      )
      .replace(/\bline (\d+)/g, (_, number) => `line ${number - 1}`);
    throw notWellFormed(file, { msg: own, line: line - 1, col });
  }
  return parseElements(file, text, options);
}

function notWellFormed(file: string, { msg, line, col }: { msg: string; line: number; col: number }): InvalidFileError {
  const location = { file, line, ...(Number.isFinite(col) ? { column: col } : {}) };
  return new InvalidFileError(file, [{ message: `not well-formed XML: ${msg}`, location }]);
}

function parseElements(file: string, text: string, options: ParseOptions): readonly XmlElement[] {
  let nodes: readonly ParsedNode[];
  try {
    nodes = parser.parse(text) as readonly ParsedNode[];
  } catch (cause) {
    throw new InvalidFileError(file, [
      { message: `not readable as XML: ${(cause as Error).message}`, location: { file } },
    ]);
  }

  const at = locator(file, text);
  const problems: Problem[] = [];
  const toElement = (node: ParsedNode, outer: Prefixes): XmlElement | undefined => {
    const name = Object.keys(node).find((key) => key !== ':@' && !key.startsWith('#') && !key.startsWith('?'));
    if (name === undefined) return undefined;
    const location = at((node[METADATA] as { startIndex: number }).startIndex);
    const attributes = new Map<string, string>();
    for (const [attribute, raw] of Object.entries(node[':@'] ?? {})) {
      attributes.set(attribute, decodeReferences(normalise(raw), location, problems));
    }
    const prefixes = withDeclared(outer, attributes);
    const qualified = resolveName(name, prefixes);
    if (qualified.unbound && options.namespaces === true) {
      const message = `<${name}> has a prefix that stands for no namespace`;
      problems.push({ message, location, remedy: `declare it: xmlns:${name.slice(0, name.indexOf(':'))}="…"` });
    }
    const inside = node[name] as readonly ParsedNode[];
    return {
      name,
      localName: qualified.localName,
      namespace: qualified.namespace,
      attributes,
      children: elements(inside, prefixes),
      text: textOf(inside, location, problems),
      location,
    };
  };
  const elements = (list: readonly ParsedNode[], prefixes: Prefixes) =>
    list.map((node) => toElement(node, prefixes)).filter((element): element is XmlElement => element !== undefined);

  const roots = elements(nodes, PREDEFINED_PREFIXES);
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  return roots;
}

/** Namespaces by prefix; '' is the default namespace. */
type Prefixes = ReadonlyMap<string, string>;

const PREDEFINED_PREFIXES: Prefixes = new Map([['xml', 'http://www.w3.org/XML/1998/namespace']]);

/** Namespaces in XML 1.0, section 6: declarations hold for the element itself and all inside. */
function withDeclared(outer: Prefixes, attributes: ReadonlyMap<string, string>): Prefixes {
  let prefixes: Map<string, string> | undefined;
  for (const [name, value] of attributes) {
    if (name !== 'xmlns' && !name.startsWith('xmlns:')) continue;
    prefixes ??= new Map(outer);
    prefixes.set(name.slice('xmlns:'.length), value);
  }
  return prefixes ?? outer;
}

function resolveName(name: string, prefixes: Prefixes): { localName: string; namespace: string; unbound: boolean } {
  const colon = name.indexOf(':');
  if (colon < 0) return { localName: name, namespace: prefixes.get('') ?? '', unbound: false };
  const namespace = prefixes.get(name.slice(0, colon));
  if (namespace === undefined) return { localName: name, namespace: '', unbound: true };
  return { localName: name.slice(colon + 1), namespace, unbound: false };
}

function textOf(inside: readonly ParsedNode[], location: SourceLocation, problems: Problem[]): string {
  let text = '';
  for (const node of inside) {
    if (typeof node['#text'] === 'string') text += decodeReferences(node['#text'], location, problems);
    else if (Array.isArray(node['#cdata'])) for (const part of node['#cdata']) text += String(part['#text'] ?? '');
  }
  return text.trim() === '' ? '' : text;
}

function refuseDoctype(file: string, text: string): void {
  const doctype = /<!DOCTYPE/.exec(prolog(text));
  if (doctype === null) return;
  const location = locator(file, text)(doctype.index);
  throw new InvalidFileError(file, [{ message: 'a DOCTYPE is not allowed here', location }]);
}

/** All before the root element, comments blanked out. */
function prolog(text: string): string {
  const withoutComments = text.replace(/<!--[\s\S]*?-->/g, (comment) => ' '.repeat(comment.length));
  const root = /<[A-Za-z_:]/.exec(withoutComments);
  return withoutComments.slice(0, root?.index);
}

/** UTF-8 unless the declaration says otherwise: FMI demands UTF-8, but older tools wrote ISO-8859-1. */
export function decodeXml(bytes: Uint8Array): string {
  const declaration = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const encoding = /^[^<]*<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(declaration)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return new TextDecoder('utf-8').decode(bytes);
  }
}

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Attribute value normalisation (XML 1.0, section 3.3.3). */
function normalise(raw: string): string {
  return raw.replace(/[\t\n\r]/g, ' ');
}

function decodeReferences(raw: string, location: SourceLocation, problems: Problem[]): string {
  return raw.replace(/&(#x[0-9a-fA-F]+|#[0-9]+|[^;&\s]*);?/g, (reference, name: string) => {
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    const known = name.startsWith('#') && code <= 0x10ffff ? String.fromCodePoint(code) : PREDEFINED[name];
    if (known !== undefined && reference.endsWith(';')) return known;
    problems.push({ message: `unknown entity '${reference}'`, location });
    return reference;
  });
}

/** From an offset in the text to line and column. */
function locator(file: string, text: string): (offset: number) => SourceLocation {
  const lineStarts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lineStarts.push(i + 1);
  return (offset) => {
    let low = 0;
    let high = lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (lineStarts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { file, line: low + 1, column: offset - lineStarts[low]! + 1 };
  };
}

export function children(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** The children of that name, whatever prefix they are written with. */
export function childrenIn(
  element: XmlElement | undefined,
  namespace: string,
  localName: string,
): readonly XmlElement[] {
  return element?.children.filter((child) => isNamed(child, namespace, localName)) ?? [];
}

export function isNamed(element: XmlElement, namespace: string, localName: string): boolean {
  return element.localName === localName && element.namespace === namespace;
}
