/** Our programs for remote FMUs, started as a user does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { MAIN } from '../support/cli.js';
import { isRunning, processesWith } from '../support/processes.js';
import { freePort } from '../support/rabbitmq.js';
import { until } from '../support/until.js';

/** In the environment of a server and of all that it starts. */
export const MARK = 'TWINBRIDGE_TEST_MARK';

/** Those that are left of the processes with this mark. */
export function marked(mark: string): number[] {
  return processesWith(MARK, mark).filter(isRunning);
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface Started {
  readonly port: number;
  readonly pid: number;
  readonly said: () => string;
  /** By the signal that Ctrl-C is, and waits. */
  stop(): Promise<void>;
}

/** `twinbridge` with these arguments and a port, until it listens there. */
export async function startTwinbridge(
  args: (port: number) => readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Started> {
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN, ...args(port)], {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'], // standard input stays open: some end with it
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const closed = once(child, 'close');
  await until(
    async () => {
      if (child.exitCode !== null)
        throw new Error(`twinbridge ${args(port).join(' ')} ended with ${child.exitCode}: ${said}`);
      return listens(port);
    },
    `twinbridge ${args(port).join(' ')} to listen`,
  );
  return {
    port,
    pid: child.pid!,
    said: () => said,
    stop: async () => {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** libcosim looks for `proxyfmu` in its working directory. */
export function linkProxyfmu(folder: string, program: string): string {
  const link = join(folder, 'proxyfmu');
  symlinkSync(program, link);
  return link;
}
