/**
 * A modelDescription.xml of FMI 2.0 or 3.0 as that of the wrapped FMU of the same version: nothing is lost that this program
 * does not know. Its text stays as it is, but for the token, what the FMU promises of itself, and what is not for
 * co-simulation.
 */
import { decodeXml } from '../../support/xml/tree.js';
import { element } from '../../support/xml/writer.js';
import { type Promises, promised } from './promises.js';

/**
 * Of a well-formed document without DOCTYPE: comments, CDATA sections and processing instructions, which are passed over, and
 * tags.
 */
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(?<close>\/?)(?<name>[^\s/>]+)(?<attributes>(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(?<empty>\/?)>/g;
const ATTRIBUTE = /([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/g;

interface Tag {
  readonly name: string;
  readonly attributes: string;
  readonly closes: boolean;
  readonly isEmpty: boolean;
  readonly from: number;
  readonly to: number;
}

/** `path`: the elements around a tag, from the root. Answers its new text, or undefined: it stays. */
type Edit = (tag: Tag, path: readonly string[]) => string | undefined;

/** The description has been read before, and is one. */
export function adaptXml(xml: Uint8Array, fmi: 2 | 3, token: string, promises: Promises): Buffer {
  const text = decodeXml(xml).replace(/^\uFEFF/, '');
  const without = removeElements(text, isNotForCoSimulation);
  const changed = editTags(without, (tag, path) => {
    if (path.length === 0) return startTag(tag, fmi === 2 ? { guid: token } : { instantiationToken: token });
    if (path.length === 1 && tag.name === 'CoSimulation') {
      const attributes = promised(fmi, attributesOf(tag), promises);
      const written = element(tag.name, attributes);
      return tag.isEmpty ? written : `${written.slice(0, -2)}>`;
    }
    // Intervals go over the wire in seconds.
    const isClock = fmi === 3 && tag.name === 'Clock' && path[1] === 'ModelVariables';
    return isClock && 'supportsFraction' in attributesOf(tag)
      ? startTag(tag, { supportsFraction: 'false' })
      : undefined;
  });
  const [declaration = ''] = /^\s*<\?xml[^>]*\?>/.exec(changed) ?? [];
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${changed.slice(declaration.length)}`);
}

/** Other interfaces, the files to compile them from, and what only model exchange asks for. */
function isNotForCoSimulation({ name }: Tag, path: readonly string[]): boolean {
  if (path.length === 1) return name === 'ModelExchange' || name === 'ScheduledExecution';
  if (path.length !== 2) return false;
  return (
    (path[1] === 'CoSimulation' && name === 'SourceFiles') ||
    (path[1] === 'ModelStructure' && name === 'EventIndicator')
  );
}

function* tags(text: string): Generator<{ tag: Tag; path: readonly string[] }> {
  const path: string[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const { name, attributes = '', close, empty } = match.groups ?? {};
    if (name === undefined) continue;
    if (close === '/') path.pop();
    const tag: Tag = {
      name,
      attributes,
      closes: close === '/',
      isEmpty: empty === '/',
      from: match.index,
      to: match.index + match[0].length,
    };
    yield { tag, path: [...path] };
    if (close !== '/' && empty !== '/') path.push(name);
  }
}

function removeElements(text: string, isUnwanted: (tag: Tag, path: readonly string[]) => boolean): string {
  let kept = '';
  let at = 0;
  let inside: { readonly from: number; readonly depth: number } | undefined;
  for (const { tag, path } of tags(text)) {
    if (inside === undefined) {
      if (tag.closes || !isUnwanted(tag, path)) continue;
      // With the blanks in front of it, so that no empty line is left.
      kept += text
        .slice(at, tag.from)
        .replace(/[ \t]*$/, '')
        .replace(/\r?\n$/, '');
      if (tag.isEmpty) at = tag.to;
      else inside = { from: tag.from, depth: path.length };
    } else if (tag.closes && path.length === inside.depth) {
      at = tag.to;
      inside = undefined;
    }
  }
  return kept + text.slice(at);
}

function editTags(text: string, edit: Edit): string {
  let changed = '';
  let at = 0;
  for (const { tag, path } of tags(text)) {
    const replaced = tag.closes ? undefined : edit(tag, path);
    if (replaced === undefined) continue;
    changed += text.slice(at, tag.from) + replaced;
    at = tag.to;
  }
  return changed + text.slice(at);
}

/** Values as they are written, with their references. */
function attributesOf({ attributes }: Tag): Record<string, string> {
  return Object.fromEntries([...attributes.matchAll(ATTRIBUTE)].map(([, name, value]) => [name, value!.slice(1, -1)]));
}

/** The tag with other values, where they stand. */
function startTag({ name, attributes, isEmpty }: Tag, values: Readonly<Record<string, string>>): string {
  const written = attributes.replace(ATTRIBUTE, (whole, key: string) =>
    values[key] === undefined ? whole : `${key}="${values[key]}"`,
  );
  return `<${name}${written}${isEmpty ? '/' : ''}>`;
}
