/**
 * Scripts that drive other people's tools, and peers on the broker written with pika.
 *
 * `TWINBRIDGE_PYTHON` names the interpreter that has the packages of `requirements.txt`. Where one is missing the tests
 * that need it are skipped, but in CI that is a failure.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { mustNotSkip } from '../support/rabbitmq.js';

export const PYTHON: string = process.env.TWINBRIDGE_PYTHON ?? 'python3';

const VERSION = `
import importlib, importlib.metadata, sys
for package in sys.argv[1:]:
    importlib.import_module(package)
print(importlib.metadata.version(sys.argv[1]))`;

/** The version of the first of these packages, or why they cannot be used. Throws where they must be there. */
export function pythonPackages(...packages: string[]): { version: string } | { missing: string } {
  const { status, error, stdout, stderr } = spawnSync(PYTHON, ['-c', VERSION, ...packages], { encoding: 'utf8' });
  if (status === 0) return { version: stdout.trim().split('\n').at(-1)! };
  const reason = error?.message ?? stderr.trim().split('\n').at(-1);
  const missing = `${PYTHON} cannot use ${packages.join(', ')}: ${reason}`;
  if (!mustNotSkip) return { missing };
  throw new Error(
    `${missing}; pip install -r test/interop/requirements.txt, name the interpreter in TWINBRIDGE_PYTHON`,
  );
}

export function describeWithPython(name: string, tests: () => void): void {
  const found = pythonPackages('fmpy', 'pika');
  if ('missing' in found) describe.skip(`${name} (${found.missing})`, tests);
  else describe(name, tests);
}

/** Runs a script of this folder, which reads one JSON value and writes one. */
export async function python<Answer>(script: string, question: unknown, env: NodeJS.ProcessEnv = {}): Promise<Answer> {
  const { code, stdout, stderr } = await pythonCommand(
    [fileURLToPath(new URL(script, import.meta.url))],
    JSON.stringify(question),
    env,
  );
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stderr}${stdout}`);
  return JSON.parse(stdout) as Answer;
}

export function pythonCommand(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runCommand(PYTHON, args, {
    input,
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8', ...env },
  });
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Any program, in this environment and `env`, until it ends. */
export function runCommand(
  program: string,
  args: readonly string[],
  { input = '', env = {}, cwd }: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, cwd });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => {}); // it ended without having read all
    child.stdin.end(input);
  });
}
