/**
 * Writes FMU archives (FMI 2.0.4, section 2.3): the same entries give the same bytes, on any machine and on any day.
 *
 * An archive is written beside its target and renamed when it is whole, so that nobody opens half an FMU and a failed
 * build leaves the last good one.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipArchive } from 'archiver';
import { TwinbridgeError } from '../support/errors.js';

export interface ArchiveEntry {
  /** Path in the archive, with `/`: `binaries/linux64/robot.so`. */
  readonly name: string;
  /** The bytes, or the file that holds them. */
  readonly content: Buffer | { readonly path: string };
}

/** The archive cannot be written, or a file that belongs in it cannot be read. */
export class ArchiveWriteError extends TwinbridgeError {
  override readonly code = 'TB_FMI_ARCHIVE_WRITE';
}

/** The earliest time that a zip file can state. */
const MODIFIED = new Date('1980-01-01T00:00:00Z');
const MODE = 0o644;

/** Creates `file`, and its folder if need be, or replaces it. Throws {@link ArchiveWriteError}. */
export async function packArchive(file: string, entries: readonly ArchiveEntry[]): Promise<void> {
  // By code units, not by locale.
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  checkNames(file, sorted);
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeArchive(temporary, sorted);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new ArchiveWriteError(`cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      location: { file },
    });
  }
}

async function writeArchive(file: string, entries: readonly ArchiveEntry[]): Promise<void> {
  const archive = new ZipArchive({ zlib: { level: 9 } });
  const written = pipeline(archive, createWriteStream(file, { flags: 'wx' }));
  // Where the disk fails, no further entry is announced: whoever waits for one waits for this too.
  written.catch(() => {});
  for (const { name, content } of entries) {
    const bytes = Buffer.isBuffer(content) ? content : await readFile(content.path);
    // One after the other: archiver reads files side by side, in whatever order they come.
    const packed = once(archive, 'entry');
    archive.append(bytes, { name, date: MODIFIED, mode: MODE });
    await Promise.race([packed, written]);
  }
  await Promise.all([archive.finalize(), written]);
}

/** archiver would correct such names silently, and write two entries of one name. */
function checkNames(file: string, sorted: readonly ArchiveEntry[]): void {
  for (const [index, { name }] of sorted.entries()) {
    const steps = name.split('/');
    const fault =
      name === sorted[index + 1]?.name
        ? 'is given twice'
        : steps.some((step) => step === '' || step === '.' || step === '..') || /[\\\0]|^[A-Za-z]:/.test(name)
          ? 'is no relative path with single slashes'
          : undefined;
    if (fault !== undefined) {
      throw new ArchiveWriteError(`cannot write ${file}: the entry '${name}' ${fault}`, {
        location: { file },
        details: { entry: name },
      });
    }
  }
}
