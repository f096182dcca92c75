/** The booter of proxyfmu, with real FMUs in real processes: by its service, as clients see it. */
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Booter, type BooterOptions, type RemoteEvent } from '#tb/remote/server/index.js';
import { BOOT_SERVICE, type BOOT_SERVICE_SHAPE, FMU_SERVICE, ThriftClient } from '#tb/remote/thrift/index.js';
import {
  describedAs,
  exampleFmu,
  privateTemporaryFiles,
  temporaryFolder,
  testFmu,
  writeFmu,
} from '../../support/fmus.js';
import { childrenOf, isRunning } from '../../support/processes.js';
import { until } from '../../support/until.js';

const folder = temporaryFolder();
const temporaryFiles = privateTemporaryFiles();
const dahlquist = readFileSync(exampleFmu(folder, 'dahlquist'));
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

const cleanup: (() => unknown)[] = [];
let events: RemoteEvent[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
});

async function start(options: Partial<BooterOptions> = {}): Promise<Booter> {
  events = [];
  const booter = await Booter.listen({ port: 0, onEvent: (event) => events.push(event), ...options });
  cleanup.push(() => booter.close());
  return booter;
}

async function connect(port: number): Promise<ThriftClient<typeof BOOT_SERVICE_SHAPE>> {
  const client = await ThriftClient.connect(BOOT_SERVICE, { host: '127.0.0.1', port, deadlineMs: 10_000 });
  cleanup.push(() => client.close());
  return client;
}

async function instanceAt(port: number, token?: string) {
  const instance = await ThriftClient.connect(FMU_SERVICE, { host: '127.0.0.1', port, deadlineMs: 10_000 });
  cleanup.push(() => instance.close());
  if (token !== undefined) await instance.call('tb_authenticate', { token });
  return instance;
}

const told = <E extends RemoteEvent['event']>(event: E) =>
  events.filter((one): one is Extract<RemoteEvent, { event: E }> => one.event === event);

/** der(x) = -x by Euler from 1, over as many steps of 0.1 s. */
async function run(instance: Awaited<ReturnType<typeof instanceAt>>, steps: number): Promise<number> {
  await instance.call('instantiate', {});
  expect(await instance.call('setup_experiment', { start: 0, stop: 0, tolerance: 0 })).toBe(0);
  expect(await instance.call('enter_initialization_mode', {})).toBe(0);
  expect(await instance.call('exit_initialization_mode', {})).toBe(0);
  for (let k = 0; k < steps; k++) {
    expect(await instance.call('step', { currentTime: k * 0.1, stepSize: 0.1 })).toBe(0);
  }
  const { value, status } = await instance.call('read_real', { vr: [0] });
  expect(status).toBe(0);
  return value[0]!;
}

describe('an FMU that is sent', () => {
  it('runs in a process of its own, at the port that is answered, until it is freed', async () => {
    const booter = await start();
    const client = await connect(booter.port);
    const port = await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'a', data: dahlquist });
    expect(port).toBeGreaterThan(1024);
    const { pid } = told('started')[0]!;
    expect(isRunning(pid)).toBe(true);
    const instance = await instanceAt(port);
    const x = await run(instance, 10);
    expect(x).toBeCloseTo(0.9 ** 10, 12);
    expect(await instance.call('terminate', {})).toBe(0);
    await instance.call('freeInstance', {});
    await until(() => told('ended').length === 1);
    expect(told('ended')).toMatchObject([{ instance: 'a', fmu: 'dahlquist', pid, code: 0, signal: null }]);
    expect(booter.running).toBe(0);
  });

  it('is unpacked once, however many instances it has, and they do not know of one another', async () => {
    const booter = await start();
    const ports = await Promise.all(
      ['a', 'b', 'c'].map(async (instanceName) => {
        const client = await connect(booter.port);
        return client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName, data: dahlquist });
      }),
    );
    expect(new Set(ports).size).toBe(3);
    expect(told('loaded')).toHaveLength(1);
    const values = await Promise.all(ports.map(async (port, index) => run(await instanceAt(port), index)));
    expect(values).toEqual([1, 0.9, 0.9 * 0.9]);
  });

  it('need not be sent again: by its hash it is known, also to the next booter', async () => {
    // One that no other test has put into the cache.
    const entries = describedAs('dahlquist', (xml) => xml.replace('</fmi', `<!-- ${randomUUID()} --></fmi`));
    const data = readFileSync(writeFmu(join(folder, 'fresh.fmu'), entries));
    const first = await start();
    const client = await connect(first.port);
    const known = { fmuName: 'dahlquist', instanceName: 'a', sha256: sha256(data) };
    expect(await client.call('tb_load_known', known)).toBe(-1);
    await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'a', data });
    expect(await client.call('tb_load_known', { ...known, instanceName: 'b' })).toBeGreaterThan(1024);
    await first.close();
    const second = await connect((await start()).port);
    const port = await second.call('tb_load_known', known);
    expect(await run(await instanceAt(port), 0)).toBe(1);
    for (const odd of ['', '..', 'F'.repeat(64), `${known.sha256}/`, '0'.repeat(64)]) {
      expect(await second.call('tb_load_known', { ...known, sha256: odd })).toBe(-1);
    }
  });

  it('may be of FMI 1.0 or 3.0', async () => {
    const client = await connect((await start()).port);
    for (const name of ['dahlquist1', 'dahlquist3'] as const) {
      const data = readFileSync(testFmu(folder, name));
      const port = await client.call('loadFromBinaryData', { fmuName: name, instanceName: name, data });
      const instance = await instanceAt(port);
      await instance.call('instantiate', {});
      await instance.call('setup_experiment', { start: 0, stop: 1, tolerance: 0 });
      expect(await instance.call('enter_initialization_mode', {})).toBe(0);
      expect(await instance.call('exit_initialization_mode', {})).toBe(0);
      expect(await instance.call('step', { currentTime: 0, stepSize: 0.1 })).toBe(0);
    }
  });
});

describe('what cannot be run', () => {
  const failure = async (data: Uint8Array, options: Partial<BooterOptions> = {}) => {
    const client = await connect((await start(options)).port);
    const call = client.call('loadFromBinaryData', { fmuName: 'robot', instanceName: 'left arm', data });
    return call.then(
      () => new Error('it was started'),
      (error: Error) => error,
    );
  };

  it('is answered by the reason, which clients show: no FMU', async () => {
    const { message } = await failure(Buffer.from('no zip'));
    expect(message).toMatch(/^instance 'left arm' cannot be started: robot is no intact FMU/);
    // Where it was unpacked is nobody's business.
    expect(message).not.toContain('/');
    expect(told('failed')).toMatchObject([{ what: 'robot' }]);
    expect(temporaryFiles().filter((name) => name.includes('fmus-')).length).toBe(1);
  });

  it('is answered by the reason: not for co-simulation, not for this machine', async () => {
    expect((await failure(readFileSync(testFmu(folder, 'me2')))).message).toMatch(/model exchange/);
    const elsewhere = describedAs('gain', (xml) => xml).map((entry) => ({
      ...entry,
      name: entry.name.replace(/^binaries\/[^/]*/, 'binaries/mars64'),
    }));
    expect((await failure(readFileSync(writeFmu(join(folder, 'mars.fmu'), elsewhere)))).message).toMatch(/mars64/);
  });

  it('is answered by the reason: its library cannot be loaded', async () => {
    const broken = describedAs('gain', (xml) => xml).map((entry) =>
      entry.name.startsWith('binaries/') ? { ...entry, content: Buffer.from('no library') } : entry,
    );
    const { message } = await failure(readFileSync(writeFmu(join(folder, 'broken.fmu'), broken)));
    expect(message).toMatch(/^instance 'left arm' cannot be started: cannot load robot\/binaries\/.*gain/);
  });

  it('is refused by its size', async () => {
    const { message } = await failure(dahlquist, { maxFmuBytes: 5000 });
    expect(message).toMatch(/bytes, the limit here is 5000|closed the connection/);
  });

  it('is one instance too many, or has no port', async () => {
    const booter = await start({ maxInstances: 1, ports: { from: 47_310, to: 47_311 } });
    const client = await connect(booter.port);
    const load = (instanceName: string) =>
      client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName, data: dahlquist });
    expect(await load('a')).toBe(47_310);
    await expect(load('b')).rejects.toThrow(/1 instances are running, and more may not/);
    const narrow = await start({ ports: { from: 47_320, to: 47_321 } });
    const other = await connect(narrow.port);
    const loads = ['a', 'b', 'c'].map((instanceName) =>
      other.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName, data: dahlquist }),
    );
    expect(await Promise.all(loads.slice(0, 2))).toEqual([47_320, 47_321]);
    await expect(loads[2]).rejects.toThrow(/all ports from 47320 to 47321 are in use/);
    // Once one has ended its port is free.
    const first = await instanceAt(47_320);
    await first.call('freeInstance', {});
    await until(() => told('ended').length === 1);
    expect(await other.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'd', data: dahlquist })).toBe(
      47_320,
    );
  });
});

describe('instances', () => {
  it('end with the booter', async () => {
    const booter = await start();
    const client = await connect(booter.port);
    await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'a', data: dahlquist });
    const children = childrenOf(process.pid, 'proxyfmu');
    expect(children.length).toBe(1);
    await booter.close();
    expect(children.filter(isRunning)).toEqual([]);
  });

  it('end when their client is gone, and when none comes', async () => {
    const booter = await start({ idleMs: 300 });
    const client = await connect(booter.port);
    const port = await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'a', data: dahlquist });
    const instance = await instanceAt(port);
    await run(instance, 1);
    instance.close();
    await until(() => told('ended').length === 1);
    await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'b', data: dahlquist });
    await until(() => told('ended').length === 2);
    expect(told('said').at(-1)).toMatchObject({ instance: 'b', line: /nobody has been connected for 0.3 s/ });
  });

  it('may crash: the booter tells of it, and goes on', async () => {
    const booter = await start();
    const client = await connect(booter.port);
    const data = readFileSync(testFmu(folder, 'crash'));
    const port = await client.call('loadFromBinaryData', { fmuName: 'crash', instanceName: 'a', data });
    const { pid } = told('started')[0]!;
    const instance = await instanceAt(port);
    await instance.call('instantiate', {});
    const step = instance.call('setup_experiment', { start: 0, stop: 0, tolerance: 0 });
    process.kill(pid, 'SIGSEGV');
    await step.catch(() => {});
    await instance.closed;
    await until(() => told('ended').length === 1);
    expect(told('ended')).toMatchObject([{ instance: 'a' }]);
    const other = await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'b', data: dahlquist });
    expect(await run(await instanceAt(other), 0)).toBe(1);
  });

  it.skipIf(process.getuid?.() !== 0)('run as another user, who can read the FMU and not the cache', async () => {
    // The tests' own folders are for their owner only.
    for (const path of [tmpdir(), dirname(tmpdir())]) chmodSync(path, 0o711);
    const booter = await start({ sandbox: { user: 'nobody', noNewPrivileges: true, maxFiles: 64 } });
    const client = await connect(booter.port);
    const port = await client.call('loadFromBinaryData', { fmuName: 'dahlquist', instanceName: 'a', data: dahlquist });
    expect(await run(await instanceAt(port), 0)).toBe(1);
    const { pid } = told('started')[0]!;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t65534\t65534/m);
    expect(status).toMatch(/^NoNewPrivs:\t1/m);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max open files +64 /m);
  });
});

describe('who may come', () => {
  it('is this machine only, unless something else is said', async () => {
    const error = await Booter.listen({ host: '0.0.0.0', port: 0 }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'TB_REMOTE_ACCESS',
      exitCode: 2,
      message: 'at 0.0.0.0 others reach this server, and an FMU that they send is native code',
    });
  });

  it('is who knows the token, which each instance wants, too', async () => {
    const booter = await start({ host: '0.0.0.0', token: 'secret' });
    const client = await connect(booter.port);
    const load = { fmuName: 'dahlquist', instanceName: 'a', sha256: sha256(dahlquist) };
    await expect(client.call('tb_load_known', load)).rejects.toThrow(/wants a token/);
    expect(await client.call('tb_authenticate', { token: 'wrong' })).toBe(false);
    await expect(client.call('tb_load_known', load)).rejects.toThrow(/wants a token/);
    // What is no token is not even read.
    const upload = { fmuName: 'dahlquist', instanceName: 'a', data: dahlquist };
    await expect(client.call('loadFromBinaryData', upload)).rejects.toThrow(/closed the connection|ECONN|EPIPE/);
    const friend = await connect(booter.port);
    const [isRight, port] = await Promise.all([
      friend.call('tb_authenticate', { token: 'secret' }),
      friend.call('loadFromBinaryData', upload),
    ]);
    expect(isRight).toBe(true);
    const stranger = await instanceAt(port);
    await expect(stranger.call('instantiate', {})).rejects.toThrow();
    expect(await run(await instanceAt(port, 'secret'), 0)).toBe(1);
  });

  it('is who has one of the addresses', async () => {
    const booter = await start({ host: '0.0.0.0', allow: ['10.0.0.0/8', '::1'] });
    const client = await connect(booter.port);
    await client.closed;
    expect(events).toMatchObject([{ event: 'refused', reason: 'its address is not allowed' }]);
    const open = await start({ host: '0.0.0.0', allow: ['127.0.0.0/8'] });
    const friend = await connect(open.port);
    const port = await friend.call('loadFromBinaryData', { fmuName: 'd', instanceName: 'a', data: dahlquist });
    expect(await run(await instanceAt(port), 0)).toBe(1);
  });

  it.each(['10.0.0.0/33', 'somewhere', '10.0.0.0/8/8', '::1/129', ''])("is not '%s'", async (network) => {
    const error = await Booter.listen({ port: 0, allow: [network] }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'TB_REMOTE_ACCESS', message: /is no address and no network/ });
  });
});
