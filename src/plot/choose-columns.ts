/** Which columns are wanted. */
import { didYouMean } from '../support/nearest.js';
import { UnknownColumnError } from './errors.js';

/** Those of `names` that one of the patterns matches, in the order of the patterns; without patterns all. */
export function chooseColumns(
  file: string,
  names: readonly string[],
  patterns: readonly string[] | undefined,
): readonly string[] {
  if (patterns === undefined) return names;
  const chosen = new Set<string>();
  for (const pattern of patterns) {
    const matches = names.filter((name) => name === pattern || isMatch(name, pattern));
    if (matches.length === 0) {
      throw new UnknownColumnError(
        pattern.includes('*')
          ? `no variable in ${file} matches '${pattern}'`
          : `no variable in ${file} is named '${pattern}'${didYouMean(pattern, names)}`,
        { location: { file }, remedy: `it has ${listOf(names)}` },
      );
    }
    for (const match of matches) chosen.add(match);
  }
  return [...chosen];
}

function isMatch(name: string, pattern: string): boolean {
  if (!pattern.includes('*')) return false;
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown || 'none';
}
