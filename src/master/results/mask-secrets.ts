/**
 * Configurations without their secrets: the text stays as it is, comments and all, but for values of what is named
 * *password* and credentials in URLs, which become `***`.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, parseDocument } from 'yaml';

export type TextFormat = 'yaml' | 'xml';

const MASK = '***';
const SECRET_NAME = /pass(word|wort|phrase|wd)|secret|credential/i;
/** Up to the last @: a password may have one. A slash may be escaped, as in JSON. */
const URL_CREDENTIALS = /([a-z][a-z0-9+.-]*:(?:\\?\/){2})[^\s"'<>]*@/gi;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

export function maskUrls(text: string): string {
  return text.includes('@') ? text.replace(URL_CREDENTIALS, `$1${MASK}@`) : text;
}

/** `more` are names that are secret for another reason. JSON is YAML. */
export function maskSecrets(text: string, format: TextFormat, more: ReadonlySet<string> = new Set()): string {
  const isSecret = (name: string) => isSecretName(name) || more.has(name);
  return maskUrls(format === 'yaml' ? maskYaml(text, isSecret) : maskXml(text, isSecret));
}

/** Sources of parameter mappings (SSP) whose target is secret: values stand under these names. */
export function secretSources(xml: string): string[] {
  return [...xml.matchAll(TAG)].flatMap(([tag]) => {
    const attributes = attributesOf(tag);
    const target = attributes.get('target');
    const source = attributes.get('source');
    return target !== undefined && source !== undefined && isSecretName(target) ? [source] : [];
  });
}

/* -- YAML and JSON -------------------------------------------------------------------------------------------------- */

type IsSecret = (name: string) => boolean;

function maskYaml(text: string, isSecret: IsSecret): string {
  const document = parseDocument(text, { uniqueKeys: false });
  const masked: [start: number, end: number][] = [];

  const mask = (node: unknown): void => {
    if (isAlias(node)) mask(node.resolve(document));
    else if (isSeq(node)) for (const item of node.items) mask(item);
    else if (isMap(node)) for (const { value } of node.items) mask(value);
    else if (isScalar(node) && node.range) masked.push([node.range[0], node.range[1]]);
  };
  const look = (node: unknown): void => {
    if (isSeq(node)) for (const item of node.items) look(item);
    if (!isMap(node)) return;
    // `{ variable: robot.password, value: … }`
    const namesSecret = node.items.some(({ value }) => isScalar(value) && isSecret(String(value.value)));
    for (const { key, value } of node.items) {
      const name = isNode(key) ? String((key as Node & { value?: unknown }).value) : String(key);
      if (isSecret(name) || (namesSecret && /^(value|start|default)$/i.test(name))) mask(value);
      else look(value);
    }
  };
  look(document.contents);

  let result = '';
  let at = 0;
  for (const [start, end] of masked.sort(([a], [b]) => a - b)) {
    if (start < at || end === start) continue;
    // A text over several lines ends with a line.
    result += `${text.slice(at, start)}"${MASK}"${text[end - 1] === '\n' ? '\n' : ''}`;
    at = end;
  }
  return result + text.slice(at);
}

/* -- XML ------------------------------------------------------------------------------------------------------------ */

/** What is no element comes first, so that it is passed over. */
const TAG = /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<\/?[^\s<>/!?](?:[^"'<>]|"[^"]*"|'[^']*')*>/g;
const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*')/g;

function attributesOf(tag: string): Map<string, string> {
  if (/^<[!?]/.test(tag)) return new Map();
  return new Map([...tag.matchAll(ATTRIBUTE)].map(([, name, , value]) => [name!, value!.slice(1, -1)]));
}

/** Values of elements that name something secret, in these or in what they hold; of attributes and elements so named. */
function maskXml(text: string, isSecret: IsSecret): string {
  /** Of the open elements: how many of them are secret. */
  const open: boolean[] = [];
  let secrets = 0;
  let result = '';
  let at = 0;
  for (const { 0: tag, index } of text.matchAll(TAG)) {
    const between = text.slice(at, index);
    result += secrets > 0 && between.trim() !== '' ? MASK : between;
    at = index + tag.length;
    if (tag.startsWith('<![CDATA[') && secrets > 0) {
      result += MASK;
    } else if (/^<[!?]/.test(tag)) {
      result += tag;
    } else if (tag.startsWith('</')) {
      if (open.pop()) secrets -= 1;
      result += tag;
    } else {
      const element = /^<([^\s>/]+)/.exec(tag)![1]!;
      const named = [...attributesOf(tag)].some(
        ([name, value]) => /^(name|variable|id)$/i.test(name) && isSecret(value),
      );
      const secret = named || isSecret(element);
      const within = secret || secrets > 0;
      result += tag.replace(ATTRIBUTE, (written, name: string, equals: string) =>
        isSecret(name) || (within && /^(value|start|default)$/i.test(name)) ? `${name}${equals}"${MASK}"` : written,
      );
      if (!tag.endsWith('/>')) {
        open.push(secret);
        if (secret) secrets += 1;
      }
    }
  }
  return result + text.slice(at);
}
