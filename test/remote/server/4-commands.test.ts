/** The commands: `proxyfmu`, `proxyfmu_booter`, `twinbridge proxyfmu` and `twinbridge fmu-proxy`, as processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { BOOT_SERVICE, FMU_PROXY, FMU_SERVICE, ThriftClient } from '#tb/remote/thrift/index.js';
import { MAIN, runCli } from '../../support/cli.js';
import { exampleFmu, temporaryFolder } from '../../support/fmus.js';
import { childrenOf, isRunning } from '../../support/processes.js';
import { until } from '../../support/until.js';

const bin = (name: string) => fileURLToPath(new URL(`../../../bin/${name}`, import.meta.url));
const folder = temporaryFolder();
const dahlquist = exampleFmu(folder, 'dahlquist');
const version = (
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
});

interface Listening {
  readonly process: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** What it said where it listens. */
  readonly told: Readonly<Record<string, unknown>>;
}

async function listen(command: string, args: string[], stdin: 'ignore' | 'pipe' = 'ignore'): Promise<Listening> {
  const child = spawn(command, args, { stdio: [stdin, 'pipe', 'ignore'] });
  cleanup.push(() => child.kill('SIGKILL'));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as Record<string, unknown>;
    if (event.event === 'listening') {
      child.stdout!.resume();
      return { process: child, ended, told: event };
    }
  }
  throw new Error(`${command} ended before it listened`);
}

function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (part) => (said.stdout += String(part)));
    child.stderr.on('data', (part) => (said.stderr += String(part)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...said }));
  });
}

async function bootInstance(port: number): Promise<number> {
  const client = await ThriftClient.connect(BOOT_SERVICE, { host: '127.0.0.1', port });
  cleanup.push(() => client.close());
  return client.call('loadFromBinaryData', { fmuName: 'd', instanceName: 'a b', data: readFileSync(dahlquist) });
}

describe('proxyfmu', () => {
  it('says its version without starting Node.js', async () => {
    const env = { PATH: '/usr/bin:/bin', TWINBRIDGE_NODE: '/nowhere/node' };
    for (const name of ['proxyfmu', 'proxyfmu_booter']) {
      const { code, stdout } = await run(bin(name), ['-v'], { env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: `proxyfmu of twinbridge ${version}\n` });
    }
  });

  it.each([
    ['proxyfmu', ['boot', '--port', '0', '--json']],
    ['proxyfmu_booter', ['--port', '0', '--json']],
  ])('as %s serves FMUs until it is asked to end, and its instances end with it', async (name, args) => {
    const { process: booter, ended, told } = await listen(bin(name), args);
    expect(told.host).toBe('127.0.0.1');
    const port = await bootInstance(told.port as number);
    const instance = await ThriftClient.connect(FMU_SERVICE, { host: '127.0.0.1', port });
    cleanup.push(() => instance.close());
    await instance.call('instantiate', {});
    const children = childrenOf(told.pid as number, 'proxyfmu');
    expect(children).toHaveLength(1);
    booter.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(children.filter(isRunning)).toEqual([]);
  });

  it('leaves no instance behind when it is killed', async () => {
    const { process: booter, ended, told } = await listen(bin('proxyfmu'), ['boot', '--port', '0', '--json']);
    await bootInstance(told.port as number);
    const children = childrenOf(told.pid as number, 'proxyfmu');
    expect(children).toHaveLength(1);
    booter.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    await until(() => children.filter(isRunning).length === 0);
  });

  it('neither ends nor spins when its standard input is at its end, nor minds what comes there', async () => {
    const { process: booter, told } = await listen(bin('proxyfmu'), ['boot', '--port', '0', '--json'], 'pipe');
    booter.stdin!.end('\n\n');
    const ticks = () => {
      const stat = readFileSync(`/proc/${told.pid}/stat`, 'utf8').split(' ');
      return Number(stat[13]) + Number(stat[14]);
    };
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = ticks();
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Of 50 in that time.
    expect(ticks() - before).toBeLessThan(10);
    expect(await bootInstance(told.port as number)).toBeGreaterThan(1024);
  });

  it.each([
    ['a line', (booter: ChildProcess) => booter.stdin!.write('\n')],
    ['its end', (booter: ChildProcess) => booter.stdin!.end()],
  ])('ends by %s on standard input where it is told so', async (_, action) => {
    const args = ['boot', '--port', '0', '--json', '--quit-on-input'];
    const { process: booter, ended } = await listen(bin('proxyfmu'), args, 'pipe');
    action(booter);
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('says why nobody else may use it, and who can', async () => {
    const { code, stderr } = await run(bin('proxyfmu'), ['boot', '--port', '0', '--host', '0.0.0.0']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/an FMU that they send is native code/);
    expect(stderr).toMatch(/--allow .* TWINBRIDGE_PROXY_TOKEN or --token-file/);
    const wrong = await run(bin('proxyfmu'), ['boot', '--port', '0', '--max-fmu', 'large']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/expected is a size/);
  });

  it('takes its token from a file', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'secret\n');
    const args = ['boot', '--port', '0', '--json', '--token-file', file];
    const { told } = await listen(bin('proxyfmu'), args);
    await expect(bootInstance(told.port as number)).rejects.toThrow();
    const client = await ThriftClient.connect(BOOT_SERVICE, { host: '127.0.0.1', port: told.port as number });
    cleanup.push(() => client.close());
    expect(await client.call('tb_authenticate', { token: 'secret' })).toBe(true);
    const missing = await run(bin('proxyfmu'), ['boot', '--port', '0', '--token-file', '/nowhere']);
    expect(missing.code).toBe(3);
  });

  it('is put where libcosim looks for it, and works from there', async () => {
    const place = join(folder, 'case');
    const { code } = await runCli(['proxyfmu', 'install', place]);
    expect(code).toBe(0);
    expect(readlinkSync(join(place, 'proxyfmu'))).toBe(bin('proxyfmu'));
    expect((await run('./proxyfmu', ['-v'], { cwd: place })).stdout).toMatch(/^proxyfmu of twinbridge/);
    expect((await runCli(['proxyfmu', 'install'], { cwd: place })).code).toBe(0);
    const taken = join(folder, 'taken');
    mkdirSync(taken);
    writeFileSync(join(taken, 'proxyfmu'), 'the real one');
    const refused = await runCli(['proxyfmu', 'install', taken]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/is there already, and no link/);
    expect(readFileSync(join(taken, 'proxyfmu'), 'utf8')).toBe('the real one');
  });
});

describe('twinbridge fmu-proxy', () => {
  it.each([[['-thrift/tcp', '0']], [['--thrift/tcp', '0']], [['-thrift/tcp=0']]])(
    '%s serves the FMUs that it is given',
    async (port) => {
      const {
        process: server,
        ended,
        told,
      } = await listen(process.execPath, [MAIN, 'fmu-proxy', ...port, '--json', dahlquist]);
      const client = await ThriftClient.connect(FMU_PROXY, { host: '127.0.0.1', port: told.tcpPort as number });
      cleanup.push(() => client.close());
      const [{ id }] = told.fmus as [{ id: string }];
      expect(await client.call('create_instance', { fmuId: id })).toMatch(/^[0-9a-f]+$/);
      const children = childrenOf(told.pid as number, 'proxyfmu');
      expect(children).toHaveLength(1);
      server.kill('SIGTERM');
      expect((await ended).code).toBe(0);
      expect(children.filter(isRunning)).toEqual([]);
    },
  );

  it('serves over HTTP, too', async () => {
    const args = [MAIN, 'fmu-proxy', '-thrift/tcp', '0', '-thrift/http', '0', '--json'];
    const { told } = await listen(process.execPath, args);
    const response = await fetch(`http://127.0.0.1:${told.httpPort}/thrift`, {
      method: 'POST',
      body: '[1,"ping",1,1,{}]',
    });
    expect(await response.text()).toContain('has no method');
  });

  it('says what it is, what it can, and what is missing', async () => {
    expect((await runCli(['fmu-proxy', '-v'])).stdout).toBe(`${version}\n`);
    const help = await runCli(['fmu-proxy', '-h']);
    expect(help.code).toBe(0);
    expect(help.stdout).toMatch(/An FMU is native code/);
    expect(help.stdout).toMatch(/-thrift\/tcp 9090 robot.fmu field.fmu/);
    const none = await runCli(['fmu-proxy', dahlquist]);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/give -thrift\/tcp PORT/);
    const prefix = await runCli(['fmu-proxy', '-thrift/tcp', '0', '--allow-url', 'https://a.b/fmus']);
    expect(prefix.code).toBe(2);
    expect(prefix.stderr).toMatch(/a folder, with a slash at its end/);
  });

  it('does not begin without an FMU that it was to serve', async () => {
    const { code, stderr } = await runCli(['fmu-proxy', '-thrift/tcp', '0', join(folder, 'nothing.fmu')]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/nothing.fmu: no such file/);
  });
});
