/** `twinbridge broker` as a user runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterEach, describe, expect, it } from 'vitest';
import { MAIN } from '../support/cli.js';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly exit: Promise<number | null>;
}

function run(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [MAIN, 'broker', ...args], { env: { ...process.env, ...env } });
  running.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, output, exit };
}

async function ready({ output, exit }: Run): Promise<{ port: number; url: string; pid: number; user: string }> {
  let ended = false;
  void exit.then(() => {
    ended = true;
  });
  while (!output.stdout.includes('\n')) {
    if (ended) throw new Error(output.stderr);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return JSON.parse(output.stdout);
}

describe('twinbridge broker', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('serves until %s, then says goodbye and exits with 0', async (signal) => {
    const started = run(['--port', '0', '--json']);
    const { url, port, pid } = await ready(started);
    expect(url).toBe(`amqp://127.0.0.1:${port}`);
    expect(pid).toBe(started.child.pid);
    expect(started.output.stderr).toContain(`ready at ${url}`);
    const model = await connect(url);
    const closed = once(model, 'close');
    model.on('error', () => {});
    started.child.kill(signal);
    expect(String((await closed)[0])).toContain('CONNECTION_FORCED');
    expect(await started.exit).toBe(0);
    expect(started.output.stdout.trim().split('\n')).toHaveLength(1);
  });

  it('takes the password from the environment or a file, and shows it to nobody', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tb-broker-'));
    await writeFile(join(folder, 'password'), 'from-file\n');
    const cases = [
      { args: [], env: { TWINBRIDGE_BROKER_PASSWORD: 'from-env' }, password: 'from-env' },
      { args: ['--password-file', join(folder, 'password')], env: {}, password: 'from-file' },
    ];
    for (const { args, env, password } of cases) {
      const started = run(['--port', '0', '--json', '--user', 'robot', '--vhost', 'lab', ...args], env);
      const { port, user } = await ready(started);
      expect(user).toBe('robot');
      await (await connect(`amqp://robot:${password}@127.0.0.1:${port}/lab`)).close();
      started.child.kill('SIGINT');
      expect(await started.exit).toBe(0);
      expect(started.output.stdout + started.output.stderr).not.toContain(password);
    }
    await rm(folder, { recursive: true });
  });

  it('a user without a password is invalid input', async () => {
    const { exit, output } = run(['--port', '0', '--user', 'robot'], { TWINBRIDGE_BROKER_PASSWORD: '' });
    expect(await exit).toBe(3);
    expect(output.stderr).toContain('TWINBRIDGE_BROKER_PASSWORD');
  });

  it('a port in use, and a port that is none, are told apart', async () => {
    const first = run(['--port', '0', '--json']);
    const { port } = await ready(first);
    const second = run(['--port', String(port)]);
    expect(await second.exit).toBe(1);
    expect(second.output.stderr).toMatch(/cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/);
    expect(await run(['--port', '70000']).exit).toBe(2);
    first.child.kill('SIGINT');
    await first.exit;
  });
});
