/**
 * JSON files that can be laid over one another, every value with its place in the file that it came from.
 *
 * JSON is YAML 1.2, whose parser knows where each node stands.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { InvalidFileError, type Problem, type SourceLocation } from './errors.js';
import type { LocatedFile } from './located-file.js';
import { readInput } from './read-input.js';

export type JsonTree = { readonly location: SourceLocation } & (
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonMember> }
  | { readonly kind: 'array'; readonly items: readonly JsonTree[] }
  | { readonly kind: 'scalar'; readonly value: string | number | boolean | null; readonly written: string }
);

export interface JsonMember {
  readonly key: SourceLocation;
  readonly value: JsonTree;
}

type Path = readonly (string | number)[];

/** Throws `InvalidInputError` if the file cannot be read, {@link InvalidFileError} if it is no JSON. */
export async function readJsonTree(file: string): Promise<JsonTree> {
  return parseJsonTree(file, (await readInput(file)).toString('utf8'));
}

/** {@link readJsonTree} for text at hand. */
export function parseJsonTree(file: string, text: string): JsonTree {
  const lines = new LineCounter();
  const at = (offset: number): SourceLocation => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, schema: 'json' });
  // What follows the first error are its consequences.
  const problems = document.errors
    .slice(0, 1)
    .map(({ message, pos }): Problem => ({ message: `this is no JSON: ${message}`, location: at(pos[0]) }));
  if (document.contents === null) problems.push({ message: 'the file is empty', location: { file } });
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  const tree = toTree(document.contents as unknown as Node, at, problems);
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  return tree;
}

function toTree(node: Node, at: (offset: number) => SourceLocation, problems: Problem[]): JsonTree {
  const location = at(node.range?.[0] ?? 0);
  if (isMap<Node, Node>(node)) {
    const members = node.items.map(({ key, value }): [string, JsonMember] => {
      const place = at(key.range?.[0] ?? 0);
      const name = String(isScalar(key) ? key.value : key);
      if (value === null) problems.push({ message: `this is no JSON: '${name}' has no value`, location: place });
      return [name, { key: place, value: toTree(value ?? key, at, problems) }];
    });
    return { kind: 'object', members: new Map(members), location };
  }
  if (isSeq<Node>(node))
    return { kind: 'array', items: node.items.map((item) => toTree(item, at, problems)), location };
  const scalar = isScalar(node) ? node : undefined;
  return {
    kind: 'scalar',
    value: (scalar?.value ?? null) as string | number | boolean | null,
    written: scalar?.source ?? '',
    location,
  };
}

/** Objects key by key, arrays index by index; of two other values the later counts. */
export function mergeJson(trees: readonly [JsonTree, ...JsonTree[]]): JsonTree {
  return trees.reduce(merge);
}

function merge(earlier: JsonTree, later: JsonTree): JsonTree {
  if (earlier.kind === 'object' && later.kind === 'object') {
    const members = new Map(earlier.members);
    for (const [name, member] of later.members) {
      const before = members.get(name);
      members.set(name, before === undefined ? member : { ...member, value: merge(before.value, member.value) });
    }
    return { kind: 'object', members, location: earlier.location };
  }
  if (earlier.kind === 'array' && later.kind === 'array') {
    const items = [...earlier.items];
    for (const [index, item] of later.items.entries()) {
      const before = items[index];
      items[index] = before === undefined ? item : merge(before, item);
    }
    return { kind: 'array', items, location: earlier.location };
  }
  return later;
}

/** The tree as plain values, to be checked against a schema; `file` names all of them. */
export function locateJson(file: string, tree: JsonTree): LocatedFile<unknown> {
  return {
    file,
    value: toValue(tree),
    locate: (path) => walk(tree, path).at(-1)!.value.location,
    locateKey: (path) => {
      const found = walk(tree, path);
      return found.length === path.length + 1 ? found.at(-1)!.key : found.at(-1)!.value.location;
    },
    written: (path) => {
      const found = walk(tree, path);
      const { value } = found.at(-1)!;
      return found.length === path.length + 1 && value.kind === 'scalar' ? value.written : undefined;
    },
    keys: (path) => {
      const found = walk(tree, path);
      const { value } = found.at(-1)!;
      return found.length === path.length + 1 && value.kind === 'object' ? [...value.members.keys()] : [];
    },
  };
}

/** The root and what is below it along the path, as far as there is something. */
function walk(tree: JsonTree, path: Path): JsonMember[] {
  const found: JsonMember[] = [{ key: tree.location, value: tree }];
  for (const step of path) {
    const { value } = found.at(-1)!;
    const item = value.kind === 'array' ? value.items[Number(step)] : undefined;
    const next =
      value.kind === 'object'
        ? value.members.get(String(step))
        : item === undefined
          ? undefined
          : { key: item.location, value: item };
    if (next === undefined) break;
    found.push(next);
  }
  return found;
}

function toValue(tree: JsonTree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'array') return tree.items.map(toValue);
  return Object.fromEntries([...tree.members].map(([name, { value }]) => [name, toValue(value)]));
}
