/** Text files that someone named: a missing one is the user's mistake, and is told as one. */
import { readFile } from 'node:fs/promises';
import { InvalidInputError } from './errors.js';

/** UTF-8; throws {@link InvalidInputError} if the file cannot be read. */
export async function readTextFile(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new InvalidInputError(`cannot read ${file}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, {
      cause,
      location: { file },
      remedy: 'check the path',
    });
  });
}
