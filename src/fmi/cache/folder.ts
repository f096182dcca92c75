/**
 * The folder with an unpacked FMU: made in private, published by one rename, and used only if all is there as it was
 * unpacked.
 *
 * A folder has a random name and `current.json` names the one to use, so that a spoilt folder is replaced while processes
 * still use it. What no process uses and `current.json` does not name is rubbish: unpacking was cut off, or the folder
 * was replaced.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Archive } from '../checked-archive.js';
import { readObject, replaceFile } from './files.js';
import { bootId, hold, placeMark, readMarks, removeMark } from './marks.js';
import { FILE_MODE, FOLDER_MODE, folderFault, makeFolder, ownerFault, UnusableCacheError } from './root.js';

/** `current.json`. Paths are relative to the folder, '' is the folder itself. */
export interface FolderRecord {
  readonly schema: typeof SCHEMA;
  readonly folder: string;
  /** The run of the machine in which it was unpacked. */
  readonly boot: string;
  /** ms since 1970 */
  readonly unpackedAt: number;
  readonly bytes: number;
  readonly files: readonly (readonly [path: string, bytes: number, modifiedMs: number, changedMs: number])[];
  readonly folders: readonly (readonly [path: string, modifiedMs: number])[];
}

const SCHEMA = 1;
export const RECORD: string = 'current.json';
const USED = 'used';
export const FOLDER_NAME: RegExp = /^[0-9a-f]{12}$/;
const MODEL = /^model-[0-9a-f]+\.json$/;
/** By then the system has written to the disk what it was given (Linux: after 30 s). */
const ON_DISK_MS = 60_000;

/** A folder in use by this process. */
export interface HeldFolder {
  readonly directory: string;
  release(): void;
}

export function readRecord(entry: string): FolderRecord | undefined {
  const record = readObject(join(entry, RECORD));
  const { schema, folder } = record ?? {};
  if (schema !== SCHEMA || typeof folder !== 'string' || !FOLDER_NAME.test(folder)) return undefined;
  return record as unknown as FolderRecord;
}

/** Whether the file goes with the entry: no mark, no folder. */
export function isOfEntry(name: string): boolean {
  return name === RECORD || name === USED || MODEL.test(name);
}

/** Makes the entry's folder. What lies there in its place and cannot be trusted goes, unless a process uses it. */
export function prepareEntry(entry: string): void {
  const found = lstatSync(entry, { throwIfNoEntry: false });
  const fault = found === undefined ? undefined : folderFault(found);
  if (fault !== undefined) {
    if (found?.isDirectory() && readMarks(entry).some(({ isLive }) => isLive)) {
      throw new UnusableCacheError(`${entry} ${fault}`);
    }
    const aside = join(dirname(entry), `.${randomBytes(6).toString('hex')}.tmp`);
    renameSync(entry, aside);
    rmSync(aside, { recursive: true, force: true });
  }
  makeFolder(entry);
}

/** The folder that the entry names, marked as used; undefined if it is not as it was unpacked, or about to be removed. */
export function holdFolder(entry: string, record: FolderRecord): HeldFolder | undefined {
  const found = lstatSync(entry, { throwIfNoEntry: false });
  if (found === undefined || folderFault(found) !== undefined) return undefined;
  // In this order; see marks.ts.
  const release = hold(entry, record.folder);
  try {
    const isRemoved = readMarks(entry).some(
      ({ folder, kind, isLive }) => kind === 'evict' && folder === record.folder && isLive,
    );
    const directory = join(entry, record.folder);
    if (!isRemoved && isAsUnpacked(entry, record)) {
      noteUse(entry);
      return { directory, release };
    }
  } catch (error) {
    release();
    throw error;
  }
  release();
  return undefined;
}

/** Unpacks the archive and publishes the folder, unless `check` throws when all is unpacked. */
export async function unpackFolder(entry: string, archive: Archive, check: () => Promise<void>): Promise<HeldFolder> {
  const folder = randomBytes(6).toString('hex');
  const directory = join(entry, folder);
  // Before the folder: one without a mark would be taken for rubbish.
  const release = hold(entry, folder);
  try {
    mkdirSync(directory, FOLDER_MODE);
    const { unpackTo } = await import('../checked-archive.js');
    await unpackTo(directory, archive);
    await check();
    const other = readRecord(entry);
    const held = other === undefined ? undefined : holdFolder(entry, other);
    if (held !== undefined) {
      // Another process was faster.
      await rm(directory, { recursive: true, force: true });
      release();
      return held;
    }
    replaceFile(join(entry, RECORD), JSON.stringify(describeFolder(directory, folder)));
    noteUse(entry);
    return { directory, release };
  } catch (error) {
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    release();
    throw error;
  }
}

/** Removes one folder, which the entry names or has no more use for; false if a process uses it. */
export async function removeFolder(entry: string, folder: string): Promise<boolean> {
  // In this order; see marks.ts.
  const mark = placeMark(entry, folder, 'evict');
  try {
    const marks = readMarks(entry).filter((one) => one.folder === folder);
    if (marks.some(({ kind, isLive }) => kind === 'use' && isLive)) return false;
    // First, so that half a folder is never named. Another folder that was published just now loses its name: it is
    // unpacked once more.
    if (readRecord(entry)?.folder === folder) unlinkSync(join(entry, RECORD));
    await rm(join(entry, folder), { recursive: true, force: true });
    for (const { name, isLive } of marks) if (!isLive) removeMark(join(entry, name));
    return true;
  } finally {
    removeMark(mark);
  }
}

export function noteUse(entry: string): void {
  const now = new Date();
  try {
    utimesSync(join(entry, USED), now, now);
  } catch {
    writeFileSync(join(entry, USED), '', { mode: FILE_MODE });
  }
}

/** ms since 1970; 0: never. */
export function lastUse(entry: string): number {
  return lstatSync(join(entry, USED), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Whether the entry's folder holds what was unpacked there. */
export function isAsUnpacked(entry: string, record: FolderRecord): boolean {
  return isOnDisk(entry, record) && isUnchanged(join(entry, record.folder), record);
}

/**
 * Whether the files survived the machine: of a folder that was unpacked in an earlier run, this is known if it was used
 * when all had been on the disk for some time. After a power cut, sizes and dates may be right and the content not.
 */
function isOnDisk(entry: string, { boot, unpackedAt }: FolderRecord): boolean {
  return boot === bootId() || lastUse(entry) - unpackedAt > ON_DISK_MS;
}

/** A folder changes its date when an entry comes or goes, a file with its content: so nothing has to be read. */
function isUnchanged(directory: string, { files, folders }: FolderRecord): boolean {
  return (
    folders.every(([path, modifiedMs]) => {
      const found = lstatSync(join(directory, path), { throwIfNoEntry: false });
      return found !== undefined && folderFault(found) === undefined && found.mtimeMs === modifiedMs;
    }) &&
    files.every(([path, bytes, modifiedMs, changedMs]) => {
      const found = lstatSync(join(directory, path), { throwIfNoEntry: false });
      if (found === undefined || !found.isFile() || ownerFault(found) !== undefined) return false;
      return found.size === bytes && found.mtimeMs === modifiedMs && found.ctimeMs === changedMs;
    })
  );
}

function describeFolder(directory: string, folder: string): FolderRecord {
  const files: FolderRecord['files'][number][] = [];
  const folders: FolderRecord['folders'][number][] = [];
  const visit = (path: string) => {
    for (const child of readdirSync(join(directory, path), { withFileTypes: true })) {
      const below = path === '' ? child.name : `${path}/${child.name}`;
      if (child.isDirectory()) visit(below);
      else {
        const { size, mtimeMs, ctimeMs } = lstatSync(join(directory, below));
        files.push([below, size, mtimeMs, ctimeMs]);
      }
    }
    folders.push([path, lstatSync(join(directory, path)).mtimeMs]);
  };
  visit('');
  const bytes = files.reduce((sum, [, size]) => sum + size, 0);
  return { schema: SCHEMA, folder, boot: bootId(), unpackedAt: Date.now(), bytes, files, folders };
}
