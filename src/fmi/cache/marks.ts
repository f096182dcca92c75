/**
 * Marks beside an unpacked FMU that say which processes use it, and who wants to remove it: empty files that hold all they
 * say in their names, so that there is never half a mark.
 *
 * A process that uses a folder places its mark first and then looks whether somebody wants to remove it; one that removes
 * it places its mark first and then looks whether somebody uses it. Each sees the other's mark, or its own is seen: no
 * folder goes away under a process, with no lock to be left behind by one that is killed. Marks of dead processes count
 * for nothing.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { FILE_MODE } from './root.js';

export type MarkKind = 'use' | 'evict';

export interface Mark {
  readonly name: string;
  readonly folder: string;
  readonly kind: MarkKind;
  /** The process is on this machine (and in this container), so that `pid` names one of ours. */
  readonly isHere: boolean;
  readonly pid: number;
  /** Its process is alive, as far as can be told. */
  readonly isLive: boolean;
}

const MARK = /^([0-9a-f]+)\.(use|evict)-([0-9a-f]+)-(\d+)-(\d+)-\d+-\d+$/;
/** A home folder may be shared with machines whose processes cannot be seen from here: their marks are kept fresh. */
const REFRESH_MS = 3_600_000;
const FRESH_MS = 24 * REFRESH_MS;

export function readMarks(entry: string): Mark[] {
  const here = thisProcess();
  return readdirSync(entry).flatMap((name): Mark[] => {
    const [, folder, kind, machine, pid, start] = MARK.exec(name) ?? [];
    if (folder === undefined) return [];
    const isHere = machine === here.machine;
    const age = () => Date.now() - (lstatSync(join(entry, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
    const isLive = isHere ? isRunning(Number(pid), start!, age) : age() < FRESH_MS;
    return [{ name, folder, kind: kind as MarkKind, isHere, pid: Number(pid), isLive }];
  });
}

/** Marks that this thread has placed. */
let placed = 0;

export function placeMark(entry: string, folder: string, kind: MarkKind): string {
  const { machine, start } = thisProcess();
  placed += 1;
  const name = `${folder}.${kind}-${machine}-${process.pid}-${start}-${threadId}-${placed}`;
  const path = join(entry, name);
  closeSync(openSync(path, 'wx', FILE_MODE));
  return path;
}

export function removeMark(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone with its folder.
  }
}

interface Holding {
  readonly mark: string;
  count: number;
}

/** By folder: what this process uses. */
const holdings = new Map<string, Holding>();
let refresher: NodeJS.Timeout | undefined;
let removesOnExit = false;

/** Marks the folder as used by this process until the answer is called, once or more often. */
export function hold(entry: string, folder: string): () => void {
  const key = join(entry, folder);
  const known = holdings.get(key);
  const holding = known ?? { mark: placeMark(entry, folder, 'use'), count: 0 };
  if (known === undefined) holdings.set(key, holding);
  holding.count += 1;
  keepMarks();
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    holding.count -= 1;
    if (holding.count > 0) return;
    holdings.delete(key);
    removeMark(holding.mark);
    if (holdings.size === 0) clearInterval(refresher);
  };
}

function keepMarks(): void {
  if (holdings.size === 1) {
    clearInterval(refresher);
    refresher = setInterval(() => {
      for (const { mark } of holdings.values()) touch(mark);
    }, REFRESH_MS).unref();
  }
  if (removesOnExit) return;
  removesOnExit = true;
  process.once('exit', () => {
    for (const { mark } of holdings.values()) removeMark(mark);
  });
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Gone with its folder.
  }
}

// -- Processes --------------------------------------------------------------------------------------------------------

let own: { machine: string; start: string } | undefined;

function thisProcess(): { machine: string; start: string } {
  own ??= { machine: machineName(), start: startOf(process.pid) ?? '0' };
  return own;
}

/** Two containers, or two runs of one machine, are two machines: their process numbers are not the same processes. */
export function machineName(): string {
  const parts = [hostname(), bootId(), ignoreErrors(() => readlinkSync('/proc/self/ns/pid')) ?? ''];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 8);
}

/** Changes when the machine starts anew; empty where the system does not tell. */
export function bootId(): string {
  return ignoreErrors(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '';
}

/** A process number is given again, but not with the same time of start. */
function isRunning(pid: number, start: string, age: () => number): boolean {
  if (start !== '0') return startOf(pid) === start;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return age() < uptime() * 1000;
}

/** In ticks since the machine started (proc(5), field 22); undefined: not running, or the system does not tell. */
function startOf(pid: number): string | undefined {
  const status = ignoreErrors(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the program's name, in brackets, and may hold anything.
  const [state, ...fields] = status?.slice(status.lastIndexOf(')') + 2).split(' ') ?? [];
  return state === undefined || state === 'Z' || state === 'X' ? undefined : fields[18];
}

function ignoreErrors<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
