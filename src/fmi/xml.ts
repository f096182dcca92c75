/**
 * XML as a tree of elements that know their place in the file.
 *
 * No DTD is read: a DOCTYPE is refused and only the predefined entities and character references are known, so a file
 * cannot make the reader open other files or expand without bound.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { InvalidFileError, type Problem, type SourceLocation } from '../support/errors.js';

export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Its own character data, without the white space around it. */
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
  maxNestedTags: MAX_DEPTH,
});
const METADATA = XMLParser.getMetaDataSymbol() as unknown as keyof ParsedNode;

/** What the parser makes of an element: the tag's name is the key beside `:@`. */
type ParsedNode = { readonly ':@'?: Readonly<Record<string, string>> } & Readonly<Record<string, unknown>>;

/** The root element. `file` names the document in problems. Throws {@link InvalidFileError} if it is not well-formed. */
export function parseXml(file: string, bytes: Uint8Array): XmlElement {
  const text = decode(bytes);
  const at = locator(file, text);
  const fail = (message: string, location: SourceLocation) => new InvalidFileError(file, [{ message, location }]);

  const doctype = /<!DOCTYPE/.exec(prolog(text));
  if (doctype !== null) throw fail('a DOCTYPE is not allowed here', at(doctype.index));
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) {
    const { msg, line, col } = verdict.err;
    throw fail(`not well-formed XML: ${msg}`, { file, line, ...(Number.isFinite(col) ? { column: col } : {}) });
  }
  let nodes: readonly ParsedNode[];
  try {
    nodes = parser.parse(text) as readonly ParsedNode[];
  } catch (cause) {
    throw fail(`not readable as XML: ${(cause as Error).message}`, { file });
  }

  const problems: Problem[] = [];
  const toElement = (node: ParsedNode): XmlElement | undefined => {
    const name = Object.keys(node).find((key) => key !== ':@' && key !== '#text' && !key.startsWith('?'));
    if (name === undefined) return undefined;
    const location = at((node[METADATA] as { startIndex: number }).startIndex);
    const attributes = new Map<string, string>();
    for (const [attribute, raw] of Object.entries(node[':@'] ?? {})) {
      // Attribute value normalisation (XML 1.0, section 3.3.3).
      attributes.set(attribute, decodeReferences(raw.replace(/[\t\n\r]/g, ' '), location, problems));
    }
    const content = node[name] as readonly ParsedNode[];
    const text = decodeReferences(textOf(content).trim(), location, problems);
    return { name, attributes, children: elements(content), text, location };
  };
  const elements = (list: readonly ParsedNode[]) =>
    list.map(toElement).filter((element): element is XmlElement => element !== undefined);

  const roots = elements(nodes);
  for (const extra of roots.slice(1)) {
    problems.push({ message: `a second root element <${extra.name}>`, location: extra.location });
  }
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  const root = roots[0];
  if (root === undefined) throw fail('there is no root element', { file, line: 1, column: 1 });
  return root;
}

function textOf(content: readonly ParsedNode[]): string {
  return content.map((node) => ('#text' in node ? String(node['#text']) : '')).join('');
}

/** All before the root element, comments blanked out. */
function prolog(text: string): string {
  const withoutComments = text.replace(/<!--[\s\S]*?-->/g, (comment) => ' '.repeat(comment.length));
  const root = /<[A-Za-z_:]/.exec(withoutComments);
  return withoutComments.slice(0, root?.index);
}

/** UTF-8 unless the declaration says otherwise: FMI demands UTF-8, but older tools wrote ISO-8859-1. */
function decode(bytes: Uint8Array): string {
  const declaration = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const encoding = /^[^<]*<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(declaration)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return new TextDecoder('utf-8').decode(bytes);
  }
}

const PREDEFINED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

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
