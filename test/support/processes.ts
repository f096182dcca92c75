/** What the kernel knows about processes (Linux). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes whose parent is `pid` and whose command line contains `part`. */
export function childrenOf(pid: number, part = ''): number[] {
  return all().filter((candidate) => parentOf(candidate) === pid && read(candidate, 'cmdline').includes(part));
}

/** Processes with this variable in the environment they were started with, whoever their parent is by now. */
export function processesWith(variable: string, value: string): number[] {
  return all().filter((candidate) => read(candidate, 'environ').split('\0').includes(`${variable}=${value}`));
}

/** Bridge backends that this process started. */
export function backends(pid: number = process.pid): number[] {
  return childrenOf(pid, 'backend.cjs');
}

/** Neither gone nor a zombie that only waits to be reaped. */
export function isRunning(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** What the open file descriptors of a process are, sorted. */
export function openFiles(pid: number = process.pid): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)];
      } catch {
        return []; // the one that readdir itself used
      }
    })
    .sort();
}

/** Resident memory, in bytes. */
export function residentBytes(pid: number = process.pid): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** The fields behind the name, which is in parentheses and may hold anything: state, parent, … */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function all(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A file of the kernel about a process; empty when it is gone, or not ours. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
