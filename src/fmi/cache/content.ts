/**
 * What a file holds, as a SHA-256. A file that was hashed before is not read again as long as it is the same file: same
 * inode, size and times of change.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readObject, replaceFile } from './files.js';
import { type CacheRoot, pathsOf } from './root.js';

const CHUNK_BYTES = 2 ** 20;
/** A file may change twice within one tick of the clock of its file system: one that changed just now is not remembered. */
const TICK_MS = 100;
/** Of a file system whose dates are whole seconds (FAT: every other second). */
const COARSE_TICK_MS = 2000;
const SHA256 = /^[0-9a-f]{64}$/;

/** What is the same as long as a file was not written to and not replaced, whatever its name, size and date. */
export function identityOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** The SHA-256 of the file's content, if it is known; `found` is what the file is now. */
export function knownContent(
  root: CacheRoot,
  file: string,
  found: BigIntStats | undefined = look(file),
): string | undefined {
  if (found === undefined) return undefined;
  const path = resolve(file);
  const known = readObject(pathFile(root, path));
  const isSame = known?.path === path && known.identity === identityOf(found);
  return isSame && typeof known.content === 'string' && SHA256.test(known.content) ? known.content : undefined;
}

function look(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // Who opens it says why it cannot be read.
  }
}

export async function hashContent(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** `found` is what the file was before and after it was hashed. */
export function rememberContent(root: CacheRoot, file: string, found: BigIntStats, content: string): void {
  const changed = found.mtimeNs > found.ctimeNs ? found.mtimeNs : found.ctimeNs;
  const tick = changed % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
  if (Date.now() - Number(changed / 1_000_000n) < tick) return;
  const path = resolve(file);
  replaceFile(pathFile(root, path), JSON.stringify({ path, identity: identityOf(found), content }));
}

function pathFile(root: CacheRoot, path: string): string {
  return join(pathsOf(root), `${createHash('sha256').update(path).digest('hex')}.json`);
}

/** What `rememberContent` wrote, for whoever lists or clears the cache. */
export function readPathFile(file: string): { path: string; content: string } | undefined {
  const { path, content } = readObject(file) ?? {};
  return typeof path === 'string' && typeof content === 'string' ? { path, content } : undefined;
}
