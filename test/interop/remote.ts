/**
 * Thrift's own code as a third party: what Debian's `thrift` makes of support/thrift, in Python, on both ends of our wires.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { mustNotSkip } from '../support/rabbitmq.js';
import { PYTHON, python, pythonPackages } from './python.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const REMOTE = join(HERE, 'remote');
/** The services of proxyfmu and FMU-proxy, and what twinbridge adds to them, in Thrift's language. */
const DESCRIPTIONS = fileURLToPath(new URL('../support/thrift/', import.meta.url));

/** The version of Thrift's compiler, or why there is no third party here. Throws where there must be one. */
export function thirdParty(): { version: string } | { missing: string } {
  const packages = pythonPackages('thrift', 'fmpy');
  if ('missing' in packages) return packages;
  try {
    return { version: execFileSync('thrift', ['--version'], { encoding: 'utf8' }).trim().replace(/^\D*/, '') };
  } catch (error) {
    const missing = `no Thrift compiler: ${(error as Error).message}`;
    if (!mustNotSkip) return { missing };
    throw new Error(`${missing}; apt-get install thrift-compiler`);
  }
}

/** Environment in which Python finds what the compiler makes of the services; the code is put into `folder`. */
export function thriftEnvironment(folder: string): NodeJS.ProcessEnv {
  const generated = join(folder, 'thrift-code');
  mkdirSync(generated, { recursive: true });
  for (const service of ['proxyfmu', 'fmuproxy', 'twinbridge']) {
    execFileSync('thrift', ['--strict', '--gen', 'py', '-out', generated, join(DESCRIPTIONS, `${service}.thrift`)]);
  }
  return { PYTHONPATH: [generated, HERE, REMOTE].join(delimiter), PYTHONDONTWRITEBYTECODE: '1' };
}

export type Argument =
  | string
  | number
  | boolean
  | readonly (string | number | boolean)[]
  | { readonly hex: string }
  | { readonly file: string }
  | { readonly result: number; readonly field?: string };

export type Answer = { result: unknown } | { thrown: string; code: number | null; message: string };

export interface Conversation {
  readonly service:
    | 'proxyfmu.FmuService'
    | 'proxyfmu.StatelessFmuService'
    | 'proxyfmu.BootService'
    | 'fmuproxy.FmuService'
    | 'twinbridge.InstanceService'
    | 'twinbridge.BooterService';
  readonly port: number;
  readonly http?: boolean;
  readonly calls: readonly (readonly [method: string, ...Argument[]])[];
}

/** By call what was answered; none after the connection was lost (remote/client.py). */
export function converse(conversation: Conversation, env: NodeJS.ProcessEnv): Promise<Answer[]> {
  return python<Answer[]>('remote/client.py', conversation, env);
}

/** An executable that is called as proxyfmu is (remote/server.py). */
export function thirdPartyProgram(folder: string, env: NodeJS.ProcessEnv, name: string = 'third-party'): string {
  const program = join(folder, name);
  const set = Object.entries(env).map(([key, value]) => `${key}=${quoted(value ?? '')}`);
  const script = quoted(join(REMOTE, 'server.py'));
  writeFileSync(program, `#!/bin/sh\nexec env ${set.join(' ')} ${quoted(PYTHON)} ${script} "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export interface Server {
  readonly process: ChildProcess;
  readonly port: number;
  /** Lines on standard output so far. */
  readonly lines: readonly string[];
  readonly said: () => string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

/** Starts a program that prints `[proxyfmu] port=N`; it ends with the test. Throws with what it said instead. */
export function startServer(
  program: string,
  args: readonly string[],
  {
    env = {},
    cwd,
    announces = /^\[proxyfmu\] port=(\d+)$/,
  }: { env?: NodeJS.ProcessEnv; cwd?: string; announces?: RegExp } = {},
): Promise<Server> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const lines: string[] = [];
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal!);
    });
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const port = announces.exec(line)?.[1];
      if (port !== undefined) resolve({ process: child, port: Number(port), lines, said: () => said, ended });
    });
    void ended.then((how) => reject(new Error(`${program} ended with ${how}: ${said}${lines.join('\n')}`)));
  });
}

const running = new Set<ChildProcess>();

/** To be called once by a test file that starts servers: what is left of them after a test is ended. */
export function endServersAfterEach(): void {
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });
}
