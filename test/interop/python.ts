/**
 * Scripts that drive other people's tools: FMPy as the importer of FMUs, pika as the peer on the broker.
 *
 * `TWINBRIDGE_PYTHON` names the interpreter that has both (`pip install fmpy pika`); without them the tests are skipped,
 * but in CI that is a failure.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { mustNotSkip } from '../support/rabbitmq.js';

export const PYTHON: string = process.env.TWINBRIDGE_PYTHON ?? 'python3';

/** Why the tests cannot run here; undefined if they can. Throws where they must. */
function missing(): string | undefined {
  const { status, error, stderr } = spawnSync(PYTHON, ['-c', 'import fmpy, pika'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1);
  const text = `${PYTHON} cannot run FMPy and pika: ${reason}`;
  if (mustNotSkip) throw new Error(`${text}; pip install fmpy pika, and name the interpreter in TWINBRIDGE_PYTHON`);
  return text;
}

export function describeWithPython(name: string, tests: () => void): void {
  const reason = missing();
  if (reason === undefined) describe(name, tests);
  else describe.skip(`${name} (${reason})`, tests);
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

export function pythonCommand(
  args: readonly string[],
  input = '',
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, args, {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8', ...env },
    });
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
    child.stdin.end(input);
  });
}
