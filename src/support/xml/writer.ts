/** Elements and attributes as XML text. */

type AttributeValue = string | number | bigint | boolean | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export function xmlDocument(root: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`;
}

/** The schema allows no empty lists. */
export function list(name: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [element(name, {}, items)];
}

/**
 * Attributes that are undefined are left out. Throws a `RangeError` for a text that XML cannot hold (a control character).
 */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => (value === undefined ? '' : ` ${key}="${escapeAttribute(lexical(value))}"`))
    .join('');
  if (children.length === 0) return `<${name}${written}/>`;
  const indented = children.map((child) => `\n${child}`.replaceAll('\n', '\n  ')).join('');
  return `<${name}${written}>${indented}\n</${name}>`;
}

/** XML Schema spells the numbers that are not finite in its own way. */
export function lexical(value: string | number | bigint | boolean): string {
  if (value === Number.POSITIVE_INFINITY) return 'INF';
  if (value === Number.NEGATIVE_INFINITY) return '-INF';
  return Object.is(value, -0) ? '-0' : String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** White space other than blanks is written as a reference, or reading it would make it a blank (XML 1.0, 3.3.3). */
function escapeAttribute(text: string): string {
  const forbidden = NOT_XML.exec(text);
  if (forbidden !== null) {
    const code = text.codePointAt(forbidden.index) ?? 0;
    throw new RangeError(`the text ${JSON.stringify(text)} has the character U+${hex(code)}, which XML does not allow`);
  }
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`);
}

/** What `Char` of XML 1.0 leaves out: most control characters, halves of surrogate pairs, U+FFFE and U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/u;

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, '0');
}
