/** YAML files checked against a JSON Schema, every problem with its line and column. */
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { InvalidFileError, type SourceLocation } from './errors.js';
import { checkLocated, type LocatedFile } from './located-file.js';
import { readInput } from './read-input.js';
import type { Validator } from './validator.js';

/** Reads and checks a file. Throws {@link InvalidFileError} with every problem, `InvalidInputError` if unreadable. */
export async function readYamlFile<T>(file: string, validator: Validator<T>): Promise<LocatedFile<T>> {
  return parseYaml(file, (await readInput(file)).toString('utf8'), validator);
}

/** {@link readYamlFile} for text at hand; `file` only names it in messages. */
export function parseYaml<T>(file: string, text: string, validator: Validator<T>): LocatedFile<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): SourceLocation => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  if (document.errors.length > 0) {
    throw new InvalidFileError(
      file,
      document.errors.map((error) => ({ message: error.message, location: at(error.pos[0]) })),
    );
  }
  return checkLocated<T>(
    {
      file,
      value: document.toJS() as unknown,
      locate: (path) => at(offsetOf(document, path, false)),
      locateKey: (path) => at(offsetOf(document, path, true)),
      written: (path) => {
        const node = document.getIn(path, true);
        return isScalar(node) ? node.source : undefined;
      },
      keys: (path) => {
        const node = path.length === 0 ? document.contents : document.getIn(path, true);
        return isMap(node) ? node.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
      },
    },
    validator,
  );
}

function offsetOf(document: Document.Parsed, path: readonly (string | number)[], ofKey: boolean): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const [depth, step] of path.entries()) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) return offset;
      next = pair.value;
      const key = pair.key as { range?: [number, number, number] };
      if (ofKey && depth === path.length - 1) return key.range?.[0] ?? offset;
      offset = (isNode(next) ? next.range?.[0] : undefined) ?? key.range?.[0] ?? offset;
    } else {
      next = document.getIn(path.slice(0, depth + 1), true);
      if (!isNode(next)) return offset;
      offset = next.range?.[0] ?? offset;
    }
    node = next;
  }
  return offset;
}
