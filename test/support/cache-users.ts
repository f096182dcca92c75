/** Processes that use the cache; see cache-user.mjs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const USER = fileURLToPath(new URL('cache-user.mjs', import.meta.url));

export interface Opened {
  readonly directory: string;
  readonly modelName: string;
  /** Where its cache is. */
  readonly root: string;
  readonly temporary?: string;
}

export interface CacheUser {
  readonly process: ChildProcess;
  readonly opened: Promise<Opened>;
  /** Lets go of the FMU and ends. */
  end(): Promise<void>;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [USER, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** A process that opens the FMU and holds it. */
export function openElsewhere(file: string, env: NodeJS.ProcessEnv = {}): CacheUser {
  const child = start(['open', file], env);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const opened = new Promise<Opened>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line) as Opened));
    child.once('exit', (code, signal) => reject(new Error(`ended with ${code ?? signal}`)));
  });
  // Of one that is to be killed nobody asks.
  opened.catch(() => {});
  return {
    process: child,
    opened,
    end: async () => {
      child.stdin!.end();
      await ended;
    },
  };
}

/** What a process of its own answers; throws if it fails. */
export async function askElsewhere(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = start(args, env);
  let answer = '';
  child.stdout!.on('data', (chunk) => {
    answer += String(chunk);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`ended with ${code}`);
  return answer;
}
