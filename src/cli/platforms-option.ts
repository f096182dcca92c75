/** `--platforms` of the commands that build FMUs. */
import { InvalidArgumentError } from 'commander';
import { PLATFORM_TUPLES, type PlatformTuple } from '../fmi/index.js';

export function parsePlatforms(text: string): 'all' | 'host' | readonly PlatformTuple[] {
  return text === 'all' || text === 'host' ? text : parseTuples(text);
}

export function parseTuples(text: string): readonly PlatformTuple[] {
  return text.split(',').map((name) => {
    const tuple = PLATFORM_TUPLES.find((known) => known === name.trim());
    if (tuple === undefined) {
      throw new InvalidArgumentError(`'${name}' is none of ${PLATFORM_TUPLES.join(', ')}.`);
    }
    return tuple;
  });
}
