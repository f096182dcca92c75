/**
 * Files whose values know their places, checked against a JSON Schema: every problem with its line and column.
 *
 * ajv names a problem by JSON pointer; the file knows where in its text each value stands, and so the two together give
 * `file:line:column: what was expected (did you mean …?)`.
 */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { InvalidFileError, type Problem, type SourceLocation } from './errors.js';
import { didYouMean } from './nearest.js';
import type { Validator } from './validator.js';

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

/** The file, known to be a `T`. Throws {@link InvalidFileError} with every problem. */
export function checkLocated<T>(located: LocatedFile<unknown>, { validate }: Validator<T>): LocatedFile<T> {
  const { file, value, locate, locateKey } = located;
  if (!validate(value)) {
    throw new InvalidFileError(file, toProblems(validate.errors ?? [], locate, locateKey));
  }
  return { ...located, value };
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
