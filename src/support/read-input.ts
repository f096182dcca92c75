/** Files that the user named: one that cannot be read is the input's fault, not the run's. */
import { readFile } from 'node:fs/promises';
import { InvalidInputError } from './errors.js';

/** Throws {@link InvalidInputError} if there is no such file, or no right to read it. */
export async function readInput(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new InvalidInputError(`cannot read ${file}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, {
      cause,
      location: { file },
      remedy: 'check the path',
    });
  });
}
