/**
 * FMU archives (FMI 2.0.4, section 2.3): checked, then unpacked into a private temporary folder.
 *
 * An FMU is a zip file from anywhere. Before a byte is written its directory is checked against names that lead out of
 * the folder, symbolic links and sizes that no FMU has; while writing, each entry is held to its declared size and
 * checksum.
 */
import { createWriteStream, rmSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import * as yauzl from 'yauzl';
import type { Problem } from '../support/errors.js';
import { FmuIncompleteError, FmuTooLargeError, FmuUnreadableError, FmuUnsafeEntryError } from './errors.js';
import { type AnyModelDescription, type FmuModel, modelIdentifierOf, modelOf } from './fmu-model.js';
import type { ModelDescription } from './model-description.js';
import { platformsOf } from './platform.js';
import { readAnyModelDescription, readModelDescription } from './read-model-description.js';

export interface ArchiveLimits {
  /** Files and folders in the archive; default 50,000. */
  readonly entries?: number;
  /** Bytes of all files unpacked; default 4 GiB. */
  readonly totalBytes?: number;
  /** Unpacked size over packed size of a file larger than 1 MiB; default 1,000. */
  readonly ratio?: number;
}

/** Where an FMU lies unpacked: plain data, to be handed to another thread. */
export interface FmuFolder {
  /** The archive it came from. */
  readonly file: string;
  readonly directory: string;
  readonly description: ModelDescription;
}

export interface UnpackedFmu extends FmuFolder {
  readonly warnings: readonly Problem[];
  /** Removes the folder. Free all instances before. */
  close(): Promise<void>;
}

/** What an archive says of itself without being unpacked. */
export interface FmuSummary {
  readonly file: string;
  readonly description: ModelDescription;
  readonly warnings: readonly Problem[];
  /** Folders of `binaries/` with a library of this FMU, e.g. `linux64`. */
  readonly platforms: readonly string[];
}

const DEFAULT_LIMITS: Required<ArchiveLimits> = { entries: 50_000, totalBytes: 4 * 2 ** 30, ratio: 1000 };
/** Small files may compress as well as they like. */
const RATIO_APPLIES_FROM_BYTES = 2 ** 20;
const MODEL_DESCRIPTION = 'modelDescription.xml';
const MAX_DESCRIPTION_BYTES = 2 ** 28;

/** Folders to remove if the process ends before they were closed. */
const openFolders = new Set<string>();
let removesOnExit = false;

/** Unpacks `file`. Throws a typed error (errors.ts) or `InvalidFileError` for its modelDescription.xml. */
export async function openFmu(file: string, limits: ArchiveLimits = {}): Promise<UnpackedFmu> {
  return open(file, limits, readModelDescription);
}

/** {@link UnpackedFmu} of whatever version of FMI can be read. */
export interface AnyUnpackedFmu extends Omit<UnpackedFmu, 'description'> {
  readonly description: AnyModelDescription;
}

/** {@link openFmu} for FMUs of FMI 1.0, 2.0 and 3.0. */
export async function openAnyFmu(file: string, limits: ArchiveLimits = {}): Promise<AnyUnpackedFmu> {
  return open<AnyModelDescription>(file, limits, readAnyModelDescription);
}

async function open<Description>(
  file: string,
  limits: ArchiveLimits,
  read: (file: string, xml: Uint8Array) => { description: Description; warnings: readonly Problem[] },
) {
  return withArchive(file, limits, async (zip, entries) => {
    const { description, warnings } = await describe(file, zip, entries, read);
    const directory = await createFolder();
    const close = async () => {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
      openFolders.delete(directory);
    };
    try {
      for (const entry of entries.values()) await unpack(file, zip, entry, directory);
      await mkdir(join(directory, 'resources'), { recursive: true });
    } catch (error) {
      await close();
      throw error;
    }
    return { file, directory, description, warnings, close };
  });
}

/** {@link FmuSummary} of an FMU of whatever version of FMI can be read. */
export interface AnyFmuSummary extends Omit<FmuSummary, 'description'> {
  readonly description: AnyModelDescription;
}

/** {@link readFmu} for FMUs of FMI 1.0, 2.0 and 3.0. */
export async function readAnyFmu(file: string, limits: ArchiveLimits = {}): Promise<AnyFmuSummary> {
  return withArchive(file, limits, async (zip, entries) => {
    const { description, warnings } = await describe(file, zip, entries, readAnyModelDescription);
    const platforms = platformsOf(modelIdentifierOf(description), [...entries.keys()]);
    return { file, description, warnings, platforms };
  });
}

/** {@link AnyFmuSummary} in the words that all versions of FMI share. */
export interface FmuModelSummary extends Omit<FmuSummary, 'description'> {
  readonly model: FmuModel;
}

/** {@link readAnyFmu} for whoever runs the FMU, of whatever version. */
export async function readFmuModel(file: string, limits: ArchiveLimits = {}): Promise<FmuModelSummary> {
  const { description, ...summary } = await readAnyFmu(file, limits);
  return { ...summary, model: modelOf(description) };
}

/** Reads the description of `file` and looks what platforms it has, without unpacking it; same errors. */
export async function readFmu(file: string, limits: ArchiveLimits = {}): Promise<FmuSummary> {
  return withArchive(file, limits, async (zip, entries) => {
    const { description, warnings } = await describe(file, zip, entries, readModelDescription);
    return {
      file,
      description,
      warnings,
      platforms: platformsOf(description.coSimulation?.modelIdentifier, [...entries.keys()]),
    };
  });
}

/** What {@link readArchive} shows of an archive that is no FMU. */
export interface ArchiveContent {
  /** Paths of the files in it, in the archive's order. */
  readonly names: readonly string[];
  read(name: string): Promise<Buffer>;
  /** Unpacks one file; answers where it lies, until the process ends. */
  unpack(name: string): Promise<string>;
}

/**
 * Opens an archive that is no FMU but holds some, under the same rules; `kind` names it in messages. Throws the same
 * errors as {@link openFmu}.
 */
export async function readArchive<T>(
  file: string,
  kind: string,
  use: (content: ArchiveContent) => Promise<T>,
  limits: ArchiveLimits = {},
): Promise<T> {
  return withArchive(
    file,
    limits,
    async (zip, entries) => {
      let directory: string | undefined;
      const find = (name: string) => {
        const entry = entries.get(name);
        if (entry === undefined) throw new Error(`${file} holds no '${name}'`);
        return entry;
      };
      return use({
        names: [...entries.keys()].filter((name) => !name.endsWith('/')),
        read: (name) => readEntry(file, zip, find(name), kind),
        unpack: async (name) => {
          const entry = find(name);
          directory ??= await createFolder();
          await unpack(file, zip, entry, directory, kind);
          return join(directory, name);
        },
      });
    },
    kind,
  );
}

async function withArchive<T>(
  file: string,
  limits: ArchiveLimits,
  use: (zip: yauzl.ZipFile, entries: Map<string, yauzl.Entry>) => Promise<T>,
  kind: string = 'FMU',
): Promise<T> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new FmuUnreadableError(`cannot read ${file}: ${reason}`, { cause, location: { file } });
  });
  if (!found.isFile()) throw new FmuUnreadableError(`${file} is no file`, { location: { file } });
  const zip = await yauzl.openPromise(file, { autoClose: false }).catch((cause: Error) => {
    throw unreadable(file, cause, kind);
  });
  try {
    return await use(zip, await checkedEntries(file, zip, { ...DEFAULT_LIMITS, ...limits }, kind));
  } finally {
    zip.close();
  }
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

async function describe<Description>(
  file: string,
  zip: yauzl.ZipFile,
  entries: ReadonlyMap<string, yauzl.Entry>,
  read: (file: string, xml: Uint8Array) => Description,
): Promise<Description> {
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
  return read(`${file}/${MODEL_DESCRIPTION}`, await readEntry(file, zip, entry));
}

async function readEntry(file: string, zip: yauzl.ZipFile, entry: yauzl.Entry, kind?: string): Promise<Buffer> {
  if (entry.uncompressedSize > MAX_DESCRIPTION_BYTES) {
    throw new FmuTooLargeError(`${file}: ${entry.fileName} has ${entry.uncompressedSize} bytes`, {
      location: { file },
      details: { allowed: MAX_DESCRIPTION_BYTES },
    });
  }
  const chunks: Buffer[] = [];
  const collect = async (source: Transform) => {
    for await (const chunk of source) chunks.push(chunk as Buffer);
  };
  await transfer(file, zip, entry, collect, kind);
  return Buffer.concat(chunks);
}

/** Whether the file lies where an archive was unpacked: it is gone when the process ends, or before. */
export function isTemporary(file: string): boolean {
  return [...openFolders].some((folder) => file.startsWith(`${folder}${sep}`));
}

async function createFolder(): Promise<string> {
  // mkdtemp makes the folder accessible to its owner only.
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'twinbridge-fmu-')));
  openFolders.add(directory);
  if (!removesOnExit) {
    removesOnExit = true;
    process.once('exit', () => {
      for (const folder of openFolders) rmSync(folder, { recursive: true, force: true });
    });
  }
  return directory;
}

async function unpack(
  file: string,
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  directory: string,
  kind?: string,
): Promise<void> {
  const path = join(directory, entry.fileName);
  if (entry.fileName.endsWith('/')) {
    await mkdir(path, { recursive: true });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  const mode = fileMode(entry).executable ? 0o700 : 0o600;
  // `wx`: names that differ in the archive may be one file for the file system.
  const write = (source: Transform) => pipeline(source, createWriteStream(path, { flags: 'wx', mode }));
  await transfer(file, zip, entry, write, kind);
}

/** Node before 20.15 has no crc32; there the checksums are not looked at. */
const crc32 = (zlib as { crc32?: (data: Uint8Array, value: number) => number }).crc32;

/** Hands the entry's bytes to `consume`, checked against the size and checksum that the archive's directory states. */
async function transfer(
  file: string,
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  consume: (source: Transform) => Promise<void>,
  kind: string = 'FMU',
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
