/** A file of results; what goes wrong names it. Either it is written from beginning to end, or its end is replaced. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ResultsError } from '../errors.js';

export class OutputFile {
  readonly path: string;
  #descriptor: number | undefined;
  #bytes = 0;

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

  /** Its length. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds `bytes` at the end; the file may be a pipe. Throws {@link ResultsError}, for instance when the disk is full. */
  write(bytes: Uint8Array): void {
    this.#writeAll(bytes, undefined);
  }

  /** Has the file end in `bytes`, in place of all from `position` on. Throws {@link ResultsError}. */
  replaceEnd(position: number, bytes: Uint8Array): void {
    const before = this.#bytes;
    this.#writeAll(bytes, position);
    const end = position + bytes.length;
    if (end >= before) return;
    this.#try(() => ftruncateSync(this.#open, end));
    this.#bytes = end;
  }

  /** May be called again. Throws {@link ResultsError}: some file systems tell only now that the disk is full. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) this.#try(() => closeSync(descriptor));
  }

  /** Without a position: behind what was written last. */
  #writeAll(bytes: Uint8Array, position: number | undefined): void {
    const begin = position ?? this.#bytes;
    let done = 0;
    this.#try(() => {
      while (done < bytes.length) {
        const at = position === undefined ? null : begin + done;
        done += writeSync(this.#open, bytes, done, bytes.length - done, at);
        this.#bytes = Math.max(this.#bytes, begin + done);
      }
    });
  }

  get #open(): number {
    if (this.#descriptor === undefined) throw new Error('it is closed');
    return this.#descriptor;
  }

  #try(action: () => void): void {
    try {
      action();
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
