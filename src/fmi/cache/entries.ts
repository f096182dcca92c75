/** What is in the cache, and how it stays within its limit. */
import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readPathFile } from './content.js';
import { UNFINISHED } from './files.js';
import { FOLDER_NAME, isOfEntry, lastUse, readRecord, removeFolder } from './folder.js';
import { type Mark, readMarks, removeMark } from './marks.js';
import { pathOfNative } from './native-record.js';
import { type CacheRoot, entriesOf, folderFault, nativeOf, pathsOf } from './root.js';
import { loadModel } from './stored-model.js';

export interface CacheEntry {
  /** SHA-256 of the archive. */
  readonly content: string;
  /** Unknown if another version of twinbridge read it. */
  readonly model?: { readonly name: string; readonly fmi: string };
  readonly bytes: number;
  /** ms since 1970 */
  readonly lastUse: number;
  /** Processes that use it. */
  readonly users: number;
  /** Where archives with this content were seen. */
  readonly paths: readonly string[];
}

export interface ClearedCache {
  readonly entries: number;
  readonly bytes: number;
}

const CONTENT = /^[0-9a-f]{64}$/;
/** Nobody takes so long to write a small file. */
const UNFINISHED_MS = 3_600_000;

/** Newest use first. */
export function listEntries(root: CacheRoot): CacheEntry[] {
  const paths = new Map<string, string[]>();
  for (const name of readdirSync(pathsOf(root))) {
    const { path, content } = readPathFile(join(pathsOf(root), name)) ?? {};
    if (path !== undefined && content !== undefined) paths.set(content, [...(paths.get(content) ?? []), path]);
  }
  return contentsOf(root)
    .map((content): CacheEntry => {
      const entry = join(entriesOf(root), content);
      const model = loadModel(entry, content)?.model;
      return {
        content,
        ...(model === undefined ? {} : { model: { name: model.modelName, fmi: model.fmi } }),
        bytes: sizeOf(entry),
        lastUse: lastUse(entry),
        users: usersOf(readMarks(entry)),
        paths: (paths.get(content) ?? []).sort(),
      };
    })
    .sort((a, b) => b.lastUse - a.lastUse);
}

/**
 * Removes what was longest not used until all takes no more than `limit` bytes; what processes use stays. Rubbish goes in
 * any case.
 */
export async function tidy(root: CacheRoot, limit: number): Promise<ClearedCache> {
  removeUnfinished(entriesOf(root));
  removeUnfinished(pathsOf(root));
  removeUnfinished(nativeOf(root));
  const entries: { entry: string; bytes: number; lastUse: number }[] = [];
  for (const content of contentsOf(root)) {
    const entry = join(entriesOf(root), content);
    await ignoreErrors(async () => {
      await sweep(entry);
      entries.push({ entry, bytes: sizeOf(entry), lastUse: lastUse(entry) });
    });
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const removed = { entries: 0, bytes: 0 };
  for (const { entry, bytes } of entries.sort((a, b) => a.lastUse - b.lastUse)) {
    if (total <= limit) break;
    if ((await ignoreErrors(() => removeEntry(entry))) !== true) continue;
    total -= bytes;
    removed.entries += 1;
    removed.bytes += bytes;
  }
  forgetPaths(root);
  return removed;
}

function contentsOf(root: CacheRoot): string[] {
  return readdirSync(entriesOf(root)).filter((name) => {
    const found = lstatSync(join(entriesOf(root), name), { throwIfNoEntry: false });
    return CONTENT.test(name) && found !== undefined && folderFault(found) === undefined;
  });
}

/** Removes folders that no file names and no process uses, and marks of dead processes. */
async function sweep(entry: string): Promise<void> {
  removeUnfinished(entry);
  const marks = readMarks(entry);
  for (const { name, isLive } of marks) if (!isLive) removeMark(join(entry, name));
  const current = readRecord(entry)?.folder;
  for (const folder of foldersOf(entry)) {
    if (folder === current || marks.some((mark) => mark.folder === folder && mark.isLive)) continue;
    await ignoreErrors(() => removeFolder(entry, folder));
  }
}

/** False if a process uses it. */
async function removeEntry(entry: string): Promise<boolean> {
  for (const folder of foldersOf(entry)) {
    if (!(await removeFolder(entry, folder))) return false;
  }
  // Whoever comes to unpack here has placed a mark, which keeps the entry, or finds the entry gone and makes it anew.
  if (readMarks(entry).some(({ isLive }) => isLive)) return false;
  for (const name of readdirSync(entry)) {
    if (isOfEntry(name)) rmSync(join(entry, name), { force: true });
  }
  rmdirSync(entry);
  return true;
}

function foldersOf(entry: string): string[] {
  return readdirSync(entry).filter((name) => FOLDER_NAME.test(name));
}

/** With what belongs to the folder that is in use; of others it is not known. */
function sizeOf(entry: string): number {
  const files = readdirSync(entry).filter((name) => !FOLDER_NAME.test(name));
  const sizes = files.map((name) => lstatSync(join(entry, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, readRecord(entry)?.bytes ?? 0);
}

function usersOf(marks: readonly Mark[]): number {
  return marks.filter(({ kind, isLive }) => kind === 'use' && isLive).length;
}

function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!UNFINISHED.test(name)) continue;
    const path = join(folder, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && Date.now() - found.mtimeMs > UNFINISHED_MS)
      rmSync(path, { recursive: true, force: true });
  }
}

/** Paths whose file, or its content, is no longer here. */
function forgetPaths(root: CacheRoot): void {
  const contents = new Set(contentsOf(root));
  const known = new Set<string>();
  for (const name of readdirSync(pathsOf(root))) {
    if (UNFINISHED.test(name)) continue;
    const path = join(pathsOf(root), name);
    const file = readPathFile(path);
    if (file !== undefined && contents.has(file.content) && existsSync(file.path)) known.add(file.path);
    else rmSync(path, { force: true });
  }
  for (const name of readdirSync(nativeOf(root))) {
    if (UNFINISHED.test(name)) continue;
    const path = join(nativeOf(root), name);
    if (!known.has(pathOfNative(path) ?? '')) rmSync(path, { force: true });
  }
}

/**
 * What cannot be removed now (a library that is loaded, on Windows) is removed another time, and other processes remove
 * things too.
 */
async function ignoreErrors<T>(remove: () => Promise<T>): Promise<T | undefined> {
  try {
    return await remove();
  } catch {
    return undefined;
  }
}
