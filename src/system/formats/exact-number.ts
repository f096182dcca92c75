/** Numbers of a file that JavaScript's numbers do not hold. */
import type { LocatedFile } from '../../support/located-file.js';

/** The value at the path; whole numbers beyond 2^53, of which the last digits are lost, as they are written. */
export function exactly(source: LocatedFile<unknown>, value: unknown, path: readonly (string | number)[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => exactly(source, item, [...path, index]));
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  const text = source.written(path) ?? '';
  return /^[-+]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : value;
}
