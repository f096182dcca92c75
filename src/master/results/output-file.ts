/** A file of results that is written from beginning to end; what goes wrong names it. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ResultsError } from '../errors.js';

export class OutputFile {
  readonly path: string;
  /** Written so far. */
  bytes = 0;
  #descriptor: number | undefined;

  /** Creates or empties the file, with its folder. Throws {@link ResultsError}. */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#descriptor = openSync(path, 'w');
    } catch (cause) {
      throw cannotWrite(path, cause, 'choose another file with --results');
    }
  }

  /** All of `bytes`. Throws {@link ResultsError}, for instance when the disk is full. */
  write(bytes: Uint8Array): void {
    let rest = bytes;
    try {
      while (rest.length > 0) {
        if (this.#descriptor === undefined) throw new Error('it is closed');
        const done = writeSync(this.#descriptor, rest);
        this.bytes += done;
        rest = rest.subarray(done);
      }
    } catch (cause) {
      throw cannotWrite(this.path, cause, 'make room, or choose another file with --results');
    }
  }

  /** May be called again. Throws {@link ResultsError}: some file systems tell only now that the disk is full. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor === undefined) return;
    try {
      closeSync(descriptor);
    } catch (cause) {
      throw cannotWrite(this.path, cause, 'make room, or choose another file with --results');
    }
  }
}

function cannotWrite(file: string, cause: unknown, remedy: string): ResultsError {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new ResultsError(`cannot write the results to ${file}: ${message}`, {
    cause,
    details: { file, code },
    location: { file },
    remedy,
  });
}
