/**
 * What the cache leaves for programs in C (fmu-shim/proxyfmu/cached.c), so that one that serves an FMU starts within
 * milliseconds, without Node.js: for the path of an archive, all that has to be so for its unpacked folder to be used, and
 * the opened record. A text without JSON, in `native/<hash of the path>`.
 *
 * Every line is what was true when the FMU was opened here and found to be good; C compares it with what is there now, and
 * leaves whatever differs to `openCachedFmu`. Times are whole nanoseconds, of which JSON has no more than a part.
 */
import { type BigIntStats, lstatSync, readlinkSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { FmuModel } from '../fmu-model.js';
import { openedRecord } from '../opened-record.js';
import { identityOf, knownContent } from './content.js';
import { readWhole, replaceFile } from './files.js';
import { type FolderRecord, isAsUnpacked, RECORD } from './folder.js';
import { bootId, machineName } from './marks.js';
import { type CacheRoot, entriesOf, nativeOf } from './root.js';

export interface OpenedEntry {
  /** The archive. */
  readonly file: string;
  /** Its SHA-256. */
  readonly content: string;
  /** `current.json`, of which the folder is held. */
  readonly record: FolderRecord;
  readonly model: FmuModel;
}

/** Unless it is there; `anew`: in any case. An FMU of which there can be no such record has none. */
export function leaveNativeRecord(root: CacheRoot, opened: OpenedEntry, anew: boolean): void {
  // Only there a program knows without Node.js what a mark has to say, and only such a folder is there tomorrow.
  if (process.platform !== 'linux' || root.temporary !== undefined) return;
  const path = resolve(opened.file);
  const to = join(nativeOf(root), nameOf(path));
  if (!anew && lstatSync(to, { throwIfNoEntry: false }) !== undefined) return;
  try {
    const text = describe(root, path, opened);
    if (text !== undefined) replaceFile(to, text);
  } catch {
    // No library for this machine, no room on the disk: whoever opens the FMU says so.
  }
}

function describe(root: CacheRoot, path: string, { content, record, model, file }: OpenedEntry): string | undefined {
  const archive = statSync(path, { bigint: true });
  // A file that changed just now may change again and stay the same by its dates: then nothing is remembered of it.
  if (knownContent(root, path, archive) !== content) return undefined;
  const entry = join(entriesOf(root), content);
  const directory = join(entry, record.folder);
  const current = lstatSync(join(entry, RECORD), { bigint: true });
  const [boot, pids] = [bootId(), readlinkSync('/proc/self/ns/pid')];
  const lines = [
    'twinbridge-native 1',
    `path ${path}`,
    `identity ${identityOf(archive)}`,
    `host ${hostname()}`,
    `boot ${boot}`,
    `pids ${pids}`,
    `machine ${machineName()}`,
    `content ${content}`,
    `folder ${record.folder}`,
    `current ${identityOf(current)}`,
    ...record.folders.map(([name]) => `folder ${look(directory, name).mtimeNs} ${name}`),
    ...record.files.map(([name]) => {
      const { size, mtimeNs, ctimeNs } = look(directory, name);
      return `file ${size} ${mtimeNs} ${ctimeNs} ${name}`;
    }),
    'opened',
  ];
  // A name with a line break in it would be two lines.
  if (boot === '' || lines.some((line) => /[\n\r\0]/.test(line))) return undefined;
  // What was looked at is what `record` says, to the digit that it knows; and `record` is still the one that counts.
  if (!isAsUnpacked(entry, record) || readWhole(join(entry, RECORD)) !== JSON.stringify(record)) return undefined;
  return `${lines.join('\n')}\n${openedRecord({ file, directory, model })}end\n`;
}

function look(directory: string, name: string): BigIntStats {
  return lstatSync(join(directory, name), { bigint: true });
}

const FNV_PRIME = 0x01000193;

/** Two 32-bit FNV-1a of its UTF-8: only a name; the record itself says which path it is about. */
function nameOf(path: string): string {
  let first = 0x811c9dc5;
  let second = 0x9dc5811c;
  for (const byte of Buffer.from(path)) {
    first = Math.imul(first ^ byte, FNV_PRIME);
    second = Math.imul(second ^ byte, FNV_PRIME);
  }
  return [first, second].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** The archive that a record is about; undefined: it is none. */
export function pathOfNative(file: string): string | undefined {
  return /^twinbridge-native 1\npath (.*)\n/.exec(readWhole(file) ?? '')?.[1];
}
