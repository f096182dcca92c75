/**
 * Where in a message the values of signals stand: the paths of a source's signals, and that of the time, as a tree.
 */
import type { TimeConfig } from './config.js';
import { arrayIndex, formatPointer, parsePointer } from './pointer.js';
import { pathOf, type Signal } from './signals.js';

/** A place in messages: a value, or an object or array with places in it. */
export interface MappingNode {
  /** As problems name it: the key of a member of the message, the pointer of what lies deeper. */
  readonly label: string;
  readonly tokens: readonly string[];
  /** By reference token. */
  readonly children: Map<string, MappingNode>;
  /** Its value is this signal's. An array's elements may be those of others besides. */
  signal?: Signal;
  isTime?: boolean;
  /** From 0, through the whole tree. */
  readonly id: number;
}

export interface Mapping {
  readonly root: MappingNode;
  /** Places in it. */
  readonly size: number;
}

/** Two signals, or a signal and the time, that cannot both be where they are said to be. */
export interface MappingConflict {
  readonly signal: Signal;
  /** What is wrong with its path, to be put behind its name. */
  readonly problem: string;
}

/** The time's place; with a slash in front, the key is a JSON pointer. */
export function timePath({ key }: Pick<TimeConfig, 'key'>): readonly string[] {
  const tokens = key.startsWith('/') ? parsePointer(key) : [key];
  return 'problem' in tokens ? [key] : tokens;
}

/** `signals` of one source; what is in conflict with something before it is left out and told. */
export function compileMapping(
  signals: readonly Signal[],
  time?: readonly string[],
): Mapping & { readonly conflicts: readonly MappingConflict[] } {
  let size = 0;
  const create = (tokens: readonly string[]): MappingNode => ({
    label: labelOf(tokens),
    tokens,
    children: new Map(),
    id: size++,
  });
  const root = create([]);
  const conflicts: MappingConflict[] = [];
  if (time !== undefined) placeAt(root, time, create).isTime = true;
  for (const signal of signals) {
    const tokens = pathOf(signal);
    const problem = conflictOf(root, tokens, signal);
    if (problem === undefined) placeAt(root, tokens, create).signal = signal;
    else conflicts.push({ signal, problem });
  }
  return { root, size, conflicts };
}

/** A place as problems name it. */
export function labelOf(tokens: readonly string[]): string {
  return tokens.length === 1 ? tokens[0]! : formatPointer(tokens);
}

function placeAt(
  root: MappingNode,
  tokens: readonly string[],
  create: (tokens: readonly string[]) => MappingNode,
): MappingNode {
  let node = root;
  for (const [depth, token] of tokens.entries()) {
    const next = node.children.get(token) ?? create(tokens.slice(0, depth + 1));
    node.children.set(token, next);
    node = next;
  }
  return node;
}

/** The problem of a signal that stands where the time does. */
export const IS_TIME = 'is the field that holds the time';

function conflictOf(root: MappingNode, tokens: readonly string[], signal: Signal): string | undefined {
  let node = root;
  for (const [depth, token] of tokens.entries()) {
    const rest = tokens.slice(depth);
    if (node.isTime) return `lies in '${node.label}', which holds the time`;
    if (node.signal !== undefined && !isElement(node.signal, rest)) {
      return `lies in '${node.label}', which is the value of '${node.signal.name}'`;
    }
    const next = node.children.get(token);
    if (next === undefined) return undefined;
    node = next;
  }
  if (node.isTime) return IS_TIME;
  if (node.signal !== undefined) return `is that of '${node.signal.name}', too`;
  for (const [token, child] of node.children) {
    if (child.children.size > 0 || !isElement(signal, [token])) {
      return `is that of a value, but '${firstBelow(child)}' lies in it`;
    }
  }
  return undefined;
}

/** Of an array, a single element may be a signal of its own. */
function isElement({ size = 0 }: Signal, tokens: readonly string[]): boolean {
  const index = tokens.length === 1 ? arrayIndex(tokens[0]!) : undefined;
  return index !== undefined && index < size;
}

function firstBelow(node: MappingNode): string {
  if (node.isTime) return 'the time';
  if (node.signal !== undefined) return node.signal.name;
  return firstBelow([...node.children.values()][0]!);
}
