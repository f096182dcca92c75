/**
 * The archive that an FMU is (FMI 2.0.4, section 2.3), checked before a byte of it is written.
 *
 * An FMU is a zip file from anywhere. Its directory is checked against names that lead out of the folder, symbolic links
 * and sizes that no FMU has; while writing, each entry is held to its declared size and checksum.
 */
import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import * as yauzl from 'yauzl';
import { FmuIncompleteError, FmuTooLargeError, FmuUnreadableError, FmuUnsafeEntryError } from './errors.js';

export interface ArchiveLimits {
  /** Files and folders in the archive; default 50,000. */
  readonly entries?: number;
  /** Bytes of all files unpacked; default 4 GiB. */
  readonly totalBytes?: number;
  /** Unpacked size over packed size of a file larger than 1 MiB; default 1,000. */
  readonly ratio?: number;
}

/** An archive whose directory is in order. */
export interface Archive {
  readonly file: string;
  /** What it is called in messages. */
  readonly kind: string;
  readonly zip: yauzl.ZipFile;
  /** By name. */
  readonly entries: ReadonlyMap<string, yauzl.Entry>;
}

const DEFAULT_LIMITS: Required<ArchiveLimits> = { entries: 50_000, totalBytes: 4 * 2 ** 30, ratio: 1000 };
/** Small files may compress as well as they like. */
const RATIO_APPLIES_FROM_BYTES = 2 ** 20;
const MODEL_DESCRIPTION = 'modelDescription.xml';
const MAX_DESCRIPTION_BYTES = 2 ** 28;
/** Nobody else may write to it, whatever the user's umask allows. */
const FOLDER = { recursive: true, mode: 0o700 } as const;

/** Opens a file that is to be an FMU. Throws {@link FmuUnreadableError}. */
export async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const refuse = (cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new FmuUnreadableError(`cannot read ${file}: ${reason}`, { cause, location: { file } });
  };
  // Before it is opened: what is no file might wait for a writer.
  const found = await stat(file).catch(refuse);
  if (!found.isFile()) throw new FmuUnreadableError(`${file} is no file`, { location: { file } });
  const handle = await open(file).catch(refuse);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Checks the directory of the archive in `handle`, which is `file`. */
export async function checkArchive(
  file: string,
  handle: FileHandle,
  limits: ArchiveLimits,
  kind: string = 'FMU',
): Promise<Archive> {
  // The archive does not close what it did not open.
  const zip = await yauzl.fromFdPromise(handle.fd, { autoClose: false }).catch((cause: Error) => {
    throw unreadable(file, cause, kind);
  });
  return { file, kind, zip, entries: await checkedEntries(file, zip, { ...DEFAULT_LIMITS, ...limits }, kind) };
}

export async function withArchive<T>(
  file: string,
  limits: ArchiveLimits,
  use: (archive: Archive) => Promise<T>,
  kind?: string,
): Promise<T> {
  return withFile(file, async (handle) => use(await checkArchive(file, handle, limits, kind)));
}

async function checkedEntries(
  file: string,
  zip: yauzl.ZipFile,
  limits: Required<ArchiveLimits>,
  kind: string,
): Promise<Map<string, yauzl.Entry>> {
  const entries = new Map<string, yauzl.Entry>();
  const tooLarge = (what: string, limit: keyof ArchiveLimits, value: number) =>
    new FmuTooLargeError(`${file}: ${what}, the limit is ${limits[limit].toLocaleString('en')}`, {
      location: { file },
      details: { limit, allowed: limits[limit], value },
      remedy: `if the ${kind} is to be trusted, unpack it with a higher limit`,
    });
  if (zip.entryCount > limits.entries) throw tooLarge(`${zip.entryCount} entries`, 'entries', zip.entryCount);
  let totalBytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      refuseUnsafe(file, entry, entries, kind);
      const { fileName, uncompressedSize, compressedSize } = entry;
      entries.set(fileName, entry);
      totalBytes += uncompressedSize;
      if (totalBytes > limits.totalBytes) {
        throw tooLarge(`more than ${totalBytes.toLocaleString('en')} bytes unpacked`, 'totalBytes', totalBytes);
      }
      const ratio = uncompressedSize / Math.max(compressedSize, 1);
      if (uncompressedSize > RATIO_APPLIES_FROM_BYTES && ratio > limits.ratio) {
        throw tooLarge(`entry '${fileName}' is packed ${Math.round(ratio)} to 1`, 'ratio', ratio);
      }
    }
  } catch (error) {
    throw error instanceof FmuUnsafeEntryError || error instanceof FmuTooLargeError
      ? error
      : unreadable(file, error as Error, kind);
  }
  return entries;
}

function refuseUnsafe(file: string, entry: yauzl.Entry, earlier: ReadonlyMap<string, yauzl.Entry>, kind: string): void {
  const refuse = (why: string) => {
    throw new FmuUnsafeEntryError(`${file}: entry '${entry.fileName}' ${why}`, {
      location: { file },
      details: { entry: entry.fileName },
      remedy: `get the ${kind} from its maker again; an exporting tool does not write such entries`,
    });
  };
  if (fileMode(entry).type === 0o120000) refuse('is a symbolic link');
  if (earlier.has(entry.fileName)) refuse('stands in the archive twice');
  if (entry.fileName.includes('\0')) refuse('has a zero byte in its name');
}

/** The upper half of the external attributes is a Unix mode, if the archive was made on Unix. */
function fileMode(entry: yauzl.Entry): { type: number; executable: boolean } {
  const mode = entry.externalFileAttributes >>> 16;
  return { type: mode & 0o170000, executable: (mode & 0o111) !== 0 };
}

/** yauzl checks names itself, by errors that only their text tells apart. */
function unreadable(file: string, cause: Error, kind: string): FmuUnreadableError | FmuUnsafeEntryError {
  const unsafe = /^(absolute path|invalid relative path|invalid characters in fileName): (.*)/s.exec(cause.message);
  if (unsafe !== null) {
    const why = unsafe[1] === 'absolute path' ? 'is an absolute path' : `leads out of the ${kind}`;
    return new FmuUnsafeEntryError(`${file}: entry '${unsafe[2]}' ${why}`, {
      cause,
      location: { file },
      details: { entry: unsafe[2] },
      remedy: `get the ${kind} from its maker again; an exporting tool does not write such entries`,
    });
  }
  return new FmuUnreadableError(`${file} is no intact ${kind} (zip archive): ${cause.message}`, {
    cause,
    location: { file },
    remedy: 'the file may be incomplete: copy or export it again',
  });
}

/** What `read` makes of the archive's modelDescription.xml. */
export async function describe<Description>(
  archive: Archive,
  read: (file: string, xml: Uint8Array) => Description,
): Promise<Description> {
  const { file, entries } = archive;
  const entry = entries.get(MODEL_DESCRIPTION);
  if (entry === undefined) {
    const nested = [...entries.keys()].find((name) => name.endsWith(`/${MODEL_DESCRIPTION}`));
    throw new FmuIncompleteError(`${file} holds no ${MODEL_DESCRIPTION}`, {
      location: { file },
      remedy:
        nested === undefined
          ? 'check that the file is an FMU'
          : `it holds ${nested}: pack the content of the folder '${dirname(nested)}', not the folder`,
    });
  }
  return read(`${file}/${MODEL_DESCRIPTION}`, await readEntry(archive, entry));
}

export async function readEntry(archive: Archive, entry: yauzl.Entry): Promise<Buffer> {
  const { file } = archive;
  if (entry.uncompressedSize > MAX_DESCRIPTION_BYTES) {
    throw new FmuTooLargeError(`${file}: ${entry.fileName} has ${entry.uncompressedSize} bytes`, {
      location: { file },
      details: { allowed: MAX_DESCRIPTION_BYTES },
    });
  }
  const chunks: Buffer[] = [];
  await transfer(archive, entry, async (source) => {
    for await (const chunk of source) chunks.push(chunk as Buffer);
  });
  return Buffer.concat(chunks);
}

/** Writes all entries to `directory`, which is there and empty, and makes the folder `resources` in any case. */
export async function unpackTo(directory: string, archive: Archive): Promise<void> {
  for (const entry of archive.entries.values()) await unpackEntry(archive, entry, directory);
  await mkdir(join(directory, 'resources'), FOLDER);
}

export async function unpackEntry(archive: Archive, entry: yauzl.Entry, directory: string): Promise<void> {
  const path = join(directory, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await mkdir(path, FOLDER);
    return;
  }
  await mkdir(dirname(path), FOLDER);
  const mode = fileMode(entry).executable ? 0o700 : 0o600;
  // `wx`: names that differ in the archive may be one file for the file system.
  await transfer(archive, entry, (source) => pipeline(source, createWriteStream(path, { flags: 'wx', mode })));
}

/** Node before 20.15 has no crc32; there the checksums are not looked at. */
const crc32 = (zlib as { crc32?: (data: Uint8Array, value: number) => number }).crc32;

/** Hands the entry's bytes to `consume`, checked against the size and checksum that the archive's directory states. */
async function transfer(
  { file, kind, zip }: Archive,
  entry: yauzl.Entry,
  consume: (source: Transform) => Promise<void>,
): Promise<void> {
  let checksum = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (crc32 !== undefined) checksum = crc32(chunk, checksum);
      done(null, chunk);
    },
    flush(done) {
      const intact = crc32 === undefined || checksum === entry.crc32;
      done(intact ? null : new Error(`checksum of entry '${entry.fileName}' does not match`));
    },
  });
  try {
    const stream = await zip.openReadStreamPromise(entry);
    await Promise.all([pipeline(stream, check, { end: true }), consume(check)]);
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (cause.syscall !== undefined) throw cause; // of the disk, not of the archive
    throw unreadable(file, new Error(`${cause.message} (entry '${entry.fileName}')`, { cause }), kind);
  }
}
