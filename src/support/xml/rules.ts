/**
 * What an element may hold, as data: the part of a format's schema that is the same for every format. The values of
 * attributes and texts are for the format's own reader.
 */
import type { Problem } from '../errors.js';
import { didYouMean } from '../nearest.js';
import type { XmlElement } from './tree.js';

export interface ElementRule {
  /** The attributes that it may have; those with a prefix, and declarations of namespaces, are not looked at. */
  readonly attributes?: readonly string[];
  /** The elements that may stand in it, by local name, in this order. */
  readonly children?: Readonly<Record<string, ChildRule>>;
  /** The children may stand in any order. */
  readonly unordered?: boolean;
  /** One of the children stands there, and once. */
  readonly choice?: boolean;
  /** It holds text. */
  readonly text?: boolean;
}

export interface ChildRule {
  readonly rule: ElementRule;
  /** Default: that of the parent. */
  readonly namespace?: string;
  /** How often it stands there at least; default 0. */
  readonly min?: number;
  /** How often at most; default: as often as one likes. */
  readonly max?: number;
}

/** Reports all in `element` that the rule does not allow. What is not known is not looked into. */
export function checkElement(element: XmlElement, rule: ElementRule, problems: Problem[]): void {
  checkAttributes(element, rule, problems);
  if (element.text !== '' && rule.text !== true) {
    const expected = rule.children === undefined ? 'nothing' : 'elements';
    problems.push({
      message: `<${element.name}> holds the text '${element.text.trim().slice(0, 40)}', expected ${expected}`,
      location: element.location,
    });
  }
  checkChildren(element, rule, problems);
}

function checkAttributes(element: XmlElement, { attributes = [] }: ElementRule, problems: Problem[]): void {
  for (const name of element.attributes.keys()) {
    if (name === 'xmlns' || name.includes(':') || attributes.includes(name)) continue;
    problems.push({
      message: `<${element.name}> has the unknown attribute '${name}'${didYouMean(name, attributes)}`,
      location: element.location,
      ...(attributes.length === 0 ? {} : { remedy: `known are ${attributes.join(', ')}` }),
    });
  }
}

function checkChildren(element: XmlElement, rule: ElementRule, problems: Problem[]): void {
  const names = Object.keys(rule.children ?? {});
  const counts = new Map<string, number>();
  let last = -1;
  for (const child of element.children) {
    const { localName, location } = child;
    const childRule = names.includes(localName) ? rule.children?.[localName] : undefined;
    if (childRule === undefined || child.namespace !== (childRule.namespace ?? element.namespace)) {
      problems.push({ ...unknownChild(element, child, names), location });
      continue;
    }
    counts.set(localName, (counts.get(localName) ?? 0) + 1);
    const place = names.indexOf(localName);
    if (place < last && rule.unordered !== true && rule.choice !== true) {
      const message = `<${child.name}> stands behind <${names[last]}>`;
      problems.push({ message, location, remedy: `the order is ${names.join(', ')}` });
    }
    last = Math.max(last, place);
    checkElement(child, childRule.rule, problems);
  }
  checkCounts(element, rule, counts, problems);
}

function unknownChild(element: XmlElement, child: XmlElement, names: readonly string[]): Omit<Problem, 'location'> {
  if (names.includes(child.localName)) {
    return { message: `<${child.name}> in <${element.name}> is of the namespace '${child.namespace}', not of its own` };
  }
  return {
    message: `<${child.name}> is not known in <${element.name}>${didYouMean(child.localName, names)}`,
    remedy: names.length === 0 ? 'no elements stand there' : `known are ${names.join(', ')}`,
  };
}

function checkCounts(
  { name, location }: XmlElement,
  { children = {}, choice }: ElementRule,
  counts: ReadonlyMap<string, number>,
  problems: Problem[],
): void {
  if (choice === true) {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const names = Object.keys(children).join(', ');
    if (total !== 1) problems.push({ message: `<${name}> holds ${total} values, expected one of ${names}`, location });
    return;
  }
  for (const [child, { min = 0, max = Number.POSITIVE_INFINITY }] of Object.entries(children)) {
    const count = counts.get(child) ?? 0;
    if (count >= min && count <= max) continue;
    const expected = min === max ? String(min) : count < min ? `at least ${min}` : `at most ${max}`;
    const message =
      count === 0 ? `<${name}> lacks <${child}>` : `<${name}> has ${count} <${child}>, expected ${expected}`;
    problems.push({ message, location });
  }
}
