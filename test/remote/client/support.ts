/** Systems whose components are run by servers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCachedFmu, openedRecord } from '#tb/fmi/index.js';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { resolveRemoteSource } from '#tb/remote/index.js';
import { isElsewhere, type System } from '#tb/system/index.js';
import { childrenOf } from '../../support/processes.js';

/** Processes of servers that this process started for components. */
export function servers(pid: number = process.pid): number[] {
  return childrenOf(pid, 'twinbridge-proxyfmu');
}

/** The system with components at `place`, such as `proxyfmu://localhost`: all, or those of these names. */
export function remotely(system: System, place: string, ...names: readonly string[]): System {
  const isMeant = (name: string) => names.length === 0 || names.includes(name);
  return {
    ...system,
    components: system.components.map((component) => {
      if (!isMeant(component.name) || isElsewhere(component)) return component;
      const remote = resolveRemoteSource(`${place}?file=${encodeURIComponent(component.fmu)}`, '/');
      if ('fault' in remote) throw new Error(remote.fault);
      return { ...component, remote };
    }),
  };
}

/**
 * A server of TCP in a process of its own, on a port of this machine: `onConnection` is the text of a function of the
 * socket. It goes with `end`.
 */
export async function listenApart(onConnection: string): Promise<{ port: number; end(): void }> {
  const script = `const server = require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    (${onConnection})(socket);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line), end: () => void child.kill('SIGKILL') };
}

/** A port that nobody listens to. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The program that serves one instance, started by nobody who uses it, until `end`. */
export async function instanceServer(fmu: string): Promise<{ pid: number; port: number; end(): Promise<void> }> {
  const opened = await openCachedFmu(fmu);
  const folder = mkdtempSync(join(tmpdir(), 'twinbridge-record-'));
  const record = join(folder, 'opened');
  writeFileSync(record, openedRecord({ file: fmu, directory: opened.directory, model: opened.model }));
  const child = spawn(proxyfmuProgramPath(), ['--opened', record, '--instanceName', 'c'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const end = async () => {
    child.kill('SIGKILL');
    await ended;
    opened.release();
    rmSync(folder, { recursive: true });
  };
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { pid: child.pid!, port: Number(/port=(\d+)/.exec(String(line))?.[1]), end };
}
