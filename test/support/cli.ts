/** The command line in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** As it is installed. */
export const MAIN: string = fileURLToPath(new URL('../../dist/bin/twinbridge.cjs', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What it has said so far. */
  stderr(): string;
  /** Resolves when standard error has said so. */
  said(pattern: RegExp): Promise<void>;
  /** Resolves when the file is there. */
  wrote(file: string): Promise<void>;
}

/** `detached`: in a process group of its own, as a shell starts it on a terminal. */
export function startCli(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; detached?: boolean } = {},
): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached ?? false,
  });
  const out = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    out.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    out.stderr += String(chunk);
    for (const listener of listeners) listener();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...out }));
  });
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!pattern.test(out.stderr)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void finished.then(() => reject(new Error(`never said ${pattern}: ${out.stderr}`)));
    });
  const wrote = async (file: string) => {
    while (!existsSync(file)) {
      if (child.exitCode !== null) throw new Error(`never wrote ${file}: ${out.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { process: child, finished, stderr: () => out.stderr, said, wrote };
}

export function runCli(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return startCli(args, options).finished;
}
