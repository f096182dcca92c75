/** The bytes of a recording, chunk by chunk, pulled: a slow reader leaves them on the disk or in the pipe. */
import { createReadStream } from 'node:fs';
import { RecordingUnreadableError } from './errors.js';

// Small enough that the rows of a chunk are parsed in about a millisecond: while that runs, no row goes out.
const CHUNK_BYTES = 32 * 1024;

/** Throws {@link RecordingUnreadableError}. */
export async function* readFileBytes(file: string): AsyncIterable<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new RecordingUnreadableError(file, error as NodeJS.ErrnoException);
    throw error;
  }
}
