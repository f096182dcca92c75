/**
 * YAML files checked against a JSON Schema, every problem with its line and column.
 *
 * ajv names a problem by JSON pointer; the YAML document knows where in the text each node stands, and so the two
 * together give `file:line:column: what was expected (did you mean …?)`.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { InvalidFileError, type Problem, type SourceLocation } from './errors.js';
import { didYouMean } from './nearest.js';
import { readInput } from './read-input.js';

/** A parsed file that can say where each of its values stands. */
export interface LocatedFile<T> {
  readonly file: string;
  readonly value: T;
  /** The place of the value at `path` (object keys and array indices); the nearest enclosing one if it is absent. */
  locate(path: readonly (string | number)[]): SourceLocation;
  /** The place of the *key* at `path`, for problems about a name. */
  locateKey(path: readonly (string | number)[]): SourceLocation;
  /** The scalar at `path` as it is written; undefined if there is none. */
  written(path: readonly (string | number)[]): string | undefined;
  /** Keys of the mapping at `path` in the order of the file, which in JavaScript whole numbers do not keep. */
  keys(path: readonly (string | number)[]): readonly string[];
}

const OPTIONS = { allErrors: true, allowUnionTypes: true, verbose: true, useDefaults: true, strict: true } as const;
const ajv = new Ajv2020(OPTIONS);

export interface SchemaOptions {
  /** Whether `.inf` and `.nan` are numbers; default no. */
  readonly allowsInfinity?: boolean;
}

/** Compiles a schema once; `T` is what a value is known to be after it passed. */
export function compileSchema<T>(schema: object, { allowsInfinity = false }: SchemaOptions = {}): ValidateFunction<T> {
  const compiler = allowsInfinity ? new Ajv2020({ ...OPTIONS, strictNumbers: false }) : ajv;
  return compiler.compile<T>(schema);
}

/** Reads and checks a file. Throws {@link InvalidFileError} with every problem, `InvalidInputError` if unreadable. */
export async function readYamlFile<T>(file: string, validate: ValidateFunction<T>): Promise<LocatedFile<T>> {
  return parseYaml(file, (await readInput(file)).toString('utf8'), validate);
}

/** {@link readYamlFile} for text at hand; `file` only names it in messages. */
export function parseYaml<T>(file: string, text: string, validate: ValidateFunction<T>): LocatedFile<T> {
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
    validate,
  );
}

/** The file, known to be a `T`. Throws {@link InvalidFileError} with every problem. */
export function checkLocated<T>(located: LocatedFile<unknown>, validate: ValidateFunction<T>): LocatedFile<T> {
  const { file, value, locate, locateKey } = located;
  if (!validate(value)) {
    throw new InvalidFileError(file, toProblems(validate.errors ?? [], locate, locateKey));
  }
  return { ...located, value };
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

type Locate = (path: readonly (string | number)[]) => SourceLocation;

function toProblems(errors: readonly ErrorObject[], locate: Locate, locateKey: Locate): Problem[] {
  // `oneOf` and `anyOf` repeat what their branches said; the branches say it better.
  const telling = errors.filter((error) => error.keyword !== 'if');
  const problems = (telling.length > 0 ? telling : errors).map((error): Problem => {
    const path = error.instancePath
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const where = path.length === 0 ? 'the file' : `'${path.join('.')}'`;
    const params = error.params as Record<string, unknown>;
    switch (error.keyword) {
      case 'additionalProperties':
      case 'unevaluatedProperties': {
        const name = String(params.additionalProperty ?? params.unevaluatedProperty);
        const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
        return {
          message: `unknown key '${name}' in ${where}${didYouMean(name, known)}`,
          location: locateKey([...path, name]),
          ...(known.length > 0 ? { remedy: `known keys: ${known.join(', ')}` } : {}),
        };
      }
      case 'required':
        return { message: `${where} lacks the key '${String(params.missingProperty)}'`, location: locate(path) };
      case 'enum': {
        const allowed = (params.allowedValues as unknown[]).map(String);
        return {
          message: `${where} is ${describe(error.data)}, expected ${allowed.length > 1 ? 'one of ' : ''}${allowed.join(', ')}${typeof error.data === 'string' ? didYouMean(error.data, allowed) : ''}`,
          location: locate(path),
        };
      }
      case 'type':
        return {
          message: `${where} is ${describe(error.data)}, expected ${[params.type].flat().join(' or ')}`,
          location: locate(path),
        };
      default:
        return {
          message: `${where} ${error.message ?? 'is invalid'} (it is ${describe(error.data)})`,
          location: locate(path),
        };
    }
  });
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const id = `${problem.location.line}:${problem.location.column}:${problem.message}`;
    return !seen.has(id) && seen.add(id) !== undefined;
  });
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? `'${value.slice(0, 60)}'` : String(value);
}
