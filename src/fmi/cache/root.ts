/**
 * Where unpacked FMUs are kept: in a folder of this user that nobody else can write to, since libraries are loaded from it.
 *
 *   fmus/<sha256 of the archive>/current.json       which folder beside it is the FMU, and what has to be in it
 *                               /model-<build>.json what its modelDescription.xml says to this build of twinbridge
 *                               /used               when it was last used: its time of modification
 *                               /<folder>/          the FMU, unpacked
 *                               /<folder>.use-…     a process uses the folder (marks.ts)
 *   paths/<sha256 of a path>.json                   what the file at that path holds, as long as it stays the same file
 *   native/<name of a path>                         the same for programs in C (native-record.ts)
 */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, realpathSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { InvalidInputError } from '../../support/errors.js';
import { makeTemporaryFolder } from '../temporary-folder.js';

export interface CacheRoot {
  readonly directory: string;
  /** Why it is a temporary folder of this process, which is gone when the process ends. */
  readonly temporary?: string;
}

/** Not for users: a temporary root takes the place of the one that is not as it has to be. */
export class UnusableCacheError extends Error {}

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
const BYTES_PER_MB = 2 ** 20;
const DEFAULT_LIMIT_MB = 2048;

export function entriesOf({ directory }: CacheRoot): string {
  return join(directory, 'fmus');
}

export function pathsOf({ directory }: CacheRoot): string {
  return join(directory, 'paths');
}

export function nativeOf({ directory }: CacheRoot): string {
  return join(directory, 'native');
}

/** Bytes that all FMUs may take; those in use count, but stay. Throws {@link InvalidInputError}. */
export function cacheLimit(): number {
  const given = process.env.TWINBRIDGE_CACHE_MAX;
  if (given === undefined || given === '') return DEFAULT_LIMIT_MB * BYTES_PER_MB;
  const value = Number(given);
  if (!(value >= 0)) {
    throw new InvalidInputError(`TWINBRIDGE_CACHE_MAX is '${given}', expected a number of megabytes`, {
      remedy: `leave it out for ${DEFAULT_LIMIT_MB}`,
    });
  }
  return value * BYTES_PER_MB;
}

const roots = new Map<string, CacheRoot>();
let temporaryRoot: CacheRoot | undefined;

/** The root as the environment says; a temporary one where that cannot be made, written to or trusted. Checked once. */
export function cacheRoot(): CacheRoot {
  const wanted = wantedRoot();
  const known = roots.get(wanted);
  if (known !== undefined) return known;
  const root = prepare(wanted);
  roots.set(wanted, root);
  return root;
}

/** Shared by all that this process opens. */
export function temporaryCacheRoot(reason: string): CacheRoot {
  if (temporaryRoot === undefined) {
    const { directory } = makeTemporaryFolder('twinbridge-cache-');
    temporaryRoot = { directory, temporary: reason };
    for (const folder of foldersOf(temporaryRoot)) mkdirSync(folder, FOLDER_MODE);
  }
  return temporaryRoot;
}

function foldersOf(root: CacheRoot): string[] {
  return [entriesOf(root), pathsOf(root), nativeOf(root)];
}

/** As other programs of the system choose it; empty if there is no home. */
function wantedRoot(): string {
  const { TWINBRIDGE_CACHE: given, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (given) return resolve(given);
  // XDG Base Directory Specification: a relative path is to be ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, 'twinbridge');
  if (process.platform === 'win32' && local) return join(local, 'twinbridge', 'cache');
  try {
    return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'twinbridge');
  } catch {
    return '';
  }
}

function prepare(wanted: string): CacheRoot {
  if (wanted === '') return temporaryCacheRoot('this user has no home folder');
  try {
    makeFolder(wanted);
    // From here on without symbolic links, which somebody might turn elsewhere.
    const root = { directory: realpathSync.native(wanted) };
    const folders = [root.directory, ...foldersOf(root)];
    for (const folder of folders) makeFolder(folder);
    for (let above = dirname(root.directory); ; above = dirname(above)) {
      const fault = faultAbove(above);
      if (fault !== undefined) return temporaryCacheRoot(`${above} ${fault}`);
      if (above === dirname(above)) break;
    }
    for (const folder of folders) {
      const fault = folderFault(lstatSync(folder));
      if (fault !== undefined) return temporaryCacheRoot(`${folder} ${fault}`);
      accessSync(folder, constants.W_OK | constants.X_OK);
    }
    return root;
  } catch (error) {
    return temporaryCacheRoot((error as Error).message);
  }
}

/**
 * With the folders above it. Not by the option `recursive`: Node tries for ever where a folder cannot be made in one that
 * is there, and the system says ENOENT (`/proc`).
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, FOLDER_MODE);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return; // Whatever it is: it is looked at before it is used.
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    makeFolder(path);
  }
}

/** Why libraries must not be loaded from such a folder. */
export function folderFault(found: Stats): string | undefined {
  return found.isDirectory() ? ownerFault(found) : 'is no folder';
}

/** Why nobody should rely on a file or folder to stay as it is. */
export function ownerFault({ uid, mode }: Stats): string | undefined {
  const user = process.geteuid?.();
  if (user === undefined) return undefined; // Windows: what lies below the user's profile is the user's.
  if (uid !== user) return 'belongs to another user';
  return (mode & 0o022) === 0 ? undefined : 'can be written to by other users';
}

/** Whoever can rename a folder above the root can put another in its place. */
function faultAbove(path: string): string | undefined {
  const { uid, gid, mode } = lstatSync(path);
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  if (uid !== user && uid !== 0) return 'belongs to another user';
  const isSticky = (mode & 0o1000) !== 0;
  // A group with the number of its owner has no other members.
  const byOthers = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== uid);
  return byOthers && !isSticky ? 'can be written to by other users' : undefined;
}
