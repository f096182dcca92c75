/** The program around an instance: how it is started, whom it lets in, and that it never stays behind. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCachedFmu, openedRecord } from '#tb/fmi/index.js';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { describedAs, exampleFmu, temporaryFolder, testFmu, writeFmu } from '../../support/fmus.js';
import { childrenOf, isRunning, openFiles, residentBytes } from '../../support/processes.js';
import { until } from '../../support/until.js';
import {
  bytes,
  Connection,
  callBytes,
  initialised,
  Refusal,
  type Served,
  serve,
  serveFmu,
  start,
  t,
  type Value,
} from './support.js';

const folder = temporaryFolder();
const feedthrough = exampleFmu(folder, 'feedthrough');
const crash = testFmu(folder, 'crash');
const modelExchange = testFmu(folder, 'me2');
const isRoot = process.geteuid?.() === 0;

const opened = await openCachedFmu(feedthrough);
const record = join(folder, 'opened.txt');
writeFileSync(record, openedRecord(opened));

const CRASH = { mode: 0, where: 1, LOOP: 4, IN_STEP: 0 } as const;

/** An instance whose first step does not end. */
async function looping(...args: string[]): Promise<[Connection, Served]> {
  const served = await serveFmu(crash, ...args);
  const client = await Connection.to(served.port);
  await client.call('instantiate');
  await client.call('write_integer', t.i64s(CRASH.mode, CRASH.where), t.i32s(CRASH.LOOP, CRASH.IN_STEP));
  await client.call('setup_experiment', t.double(0), t.double(0), t.double(0));
  await client.call('enter_initialization_mode');
  await client.call('exit_initialization_mode');
  client.send(callBytes('step', 99, [t.double(0), t.double(1)]));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return [client, served];
}

async function outcome(...args: Parameters<typeof start>): Promise<{ code: number | null; said: string; out: string }> {
  const started = start(...args);
  const { code } = await started.ended;
  return { code, said: started.said(), out: started.lines.join('\n') };
}

describe('proxyfmu is started', () => {
  it('with -v, which costs nothing', async () => {
    const { code, out } = await outcome(['-v']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^proxyfmu of twinbridge \d+\.\d+\.\d+$/)]);
  });

  it('with --help, which says how', async () => {
    const { code, out } = await outcome(['--help']);
    expect(code).toBe(0);
    for (const option of ['--fmu', '--opened', '--once', '--idle', '--allow', '--user', 'TWINBRIDGE_PROXY_TOKEN']) {
      expect(out).toContain(option);
    }
  });

  it.each([
    [[], '--fmu FILE.fmu is missing'],
    [['--fmu', 'a', '--opened', 'b'], 'exclude one another'],
    [['--fmu'], '--fmu wants a value'],
    [['--nonsense'], "there is no option '--nonsense'"],
    [['--fmu', 'a', '--port', '65536'], "--port cannot be '65536'"],
    [['--fmu', 'a', '--idle', '-1'], "--idle cannot be '-1'"],
    [['--fmu', 'a', '--allow', '10.0.0.0/33'], "--allow cannot be '10.0.0.0/33'"],
    [['--fmu', 'a', '--max-cpu', '0'], "--max-cpu cannot be '0'"],
    [['--fmu', 'a', '--address', '0.0.0.0'], 'say who may (--allow), or set TWINBRIDGE_PROXY_TOKEN'],
  ])('wrongly: %j', async (args, reason) => {
    const { code, said, out } = await outcome(args);
    expect([code, out]).toEqual([2, '']);
    expect(said).toContain(reason);
  });

  it.each([
    [['--fmu', join(folder, 'none.fmu')], 'none.fmu'],
    [['--fmu', modelExchange], 'offers model exchange only'],
    [['--fmu', record], 'opened.txt'],
    [['--opened', join(folder, 'none.txt')], 'No such file'],
    [['--opened', feedthrough], 'is no opened record'],
  ])('with what cannot be opened: exit code 3, and no port: %j', async (args, reason) => {
    const { code, said, out } = await outcome(args);
    expect([code, out]).toEqual([3, '']);
    expect(said).toContain(reason);
  });

  it('with a record whose library is none', async () => {
    const file = join(folder, 'no-library.txt');
    writeFileSync(file, openedRecord(opened).replace(/^library .*$/m, `library ${record}`));
    const { code, said, out } = await outcome(['--opened', file]);
    expect([code, out]).toEqual([3, '']);
    expect(said).toContain(`[proxyfmu] cannot load ${record}`);
  });

  it('with an FMU that refuses to be instantiated, or ends its process with it', async () => {
    const other = writeFmu(
      join(folder, 'other.fmu'),
      describedAs('feedthrough', (xml) => xml.replace(/guid="[^"]*"/, 'guid="{another}"')),
    );
    const refused = await outcome(['--fmu', other, '--instanceName', 'slave']);
    expect([refused.code, refused.out]).toEqual([3, '']);
    expect(refused.said).toContain('the FMU feedthrough cannot be instantiated; it said: fmi2Instantiate: the GUID');
    const exited = await outcome(['--fmu', crash, '--instanceName', 'instantiate_exit']);
    expect([exited.code, exited.out]).toEqual([3, '']);
    expect(exited.said).toContain('the FMU ended its process in fmi2Instantiate: exit');
    const crashed = start(['--fmu', crash, '--instanceName', 'instantiate_segfault']);
    expect(await crashed.ended).toEqual({ code: null, signal: 'SIGSEGV' });
    expect(crashed.said()).toContain('the FMU ended its process in fmi2Instantiate: segmentation fault');
  });

  it('with the record of an FMU that somebody else has opened, and with options as --option=value', async () => {
    const client = await initialised((await serve([`--opened=${record}`, '--instanceName=a b'])).port);
    expect(await client.call('read_real', t.i64s(5))).toEqual({ 1: [0], 2: 0 });
  });

  it('within milliseconds, when the FMU is in the cache', async () => {
    await serveFmu(feedthrough);
    const took: number[] = [];
    for (let k = 0; k < 10; k++) took.push((await serveFmu(feedthrough)).tookMs);
    // Measured with `until`, which looks every 5 ms; a start of Node alone takes more than this.
    expect(Math.min(...took)).toBeLessThan(30);
  });
});

describe('Standard output', () => {
  it('is not the FMU’s', async () => {
    const [client, served] = await looping();
    // Its C library has a buffer of its own for what is no terminal; lines go out by themselves.
    await until(() => served.said().includes('crash: loop, as asked'), 'what the FMU prints');
    expect(served.lines).toEqual([`[proxyfmu] port=${served.port}`]);
    client.socket.destroy();
  });
});

describe('It is let in', () => {
  const TWINBRIDGE_PROXY_TOKEN = 'a long and secret token';
  const withToken = (...args: string[]) => serve(['--opened', record, ...args], { TWINBRIDGE_PROXY_TOKEN });

  it('who knows the token, on each connection', async () => {
    const served = await withToken();
    const client = await Connection.to(served.port);
    expect(await client.call('tb_authenticate', t.text(TWINBRIDGE_PROXY_TOKEN))).toBe(true);
    await client.call('instantiate');
    client.socket.destroy();
    const next = await Connection.to(served.port);
    const error = await next.call('terminate').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).message).toBe('this server wants to know a token: call tb_authenticate first');
    expect(await next.isClosed()).toBe(true);
  });

  it.each(['', 'a', 'a long and secret tokem', 'a long and secret token '])('not with the token %j', async (token) => {
    const served = await withToken();
    const client = await Connection.to(served.port);
    expect(await client.call('tb_authenticate', t.text(token))).toBe(false);
    expect(await client.isClosed()).toBe(true);
    expect(served.said()).toContain('the token is another one; the connection is closed');
    expect(served.said()).not.toContain(TWINBRIDGE_PROXY_TOKEN);
  });

  it('nor with a large message before it', async () => {
    const served = await withToken();
    const client = await Connection.to(served.port);
    client.send(bytes('00 00 10 01'));
    expect(await client.isClosed()).toBe(true);
    expect(served.said()).toContain('a message of 4097 bytes, more than 4096');
  });

  it('once, and those who were refused do not count', async () => {
    const served = await withToken('--once');
    const stranger = await Connection.to(served.port);
    await stranger.call('tb_authenticate', t.text('?'));
    expect(await stranger.isClosed()).toBe(true);
    const client = await Connection.to(served.port);
    expect(await client.call('tb_authenticate', t.text(TWINBRIDGE_PROXY_TOKEN))).toBe(true);
    client.socket.destroy();
    expect(await served.ended).toEqual({ code: 0, signal: null });
  });

  it('and the FMU does not see the token', async () => {
    const { pid } = await withToken();
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain(TWINBRIDGE_PROXY_TOKEN);
  });

  it('where --allow names its network, IPv4 and IPv6', async () => {
    const here = await serve(['--opened', record, '--address', '::', '--allow', '10.0.0.0/8,127.0.0.0/31']);
    expect(await (await Connection.to(here.port, '127.0.0.1')).call('instantiate')).toBeUndefined();
    const elsewhere = await serve([
      '--opened',
      record,
      '--address',
      '0.0.0.0',
      '--allow',
      '10.0.0.0/8,::1,126.0.0.0/8',
    ]);
    const refused = await Connection.to(elsewhere.port);
    expect(await refused.isClosed()).toBe(true);
    expect(elsewhere.said()).toMatch(/127\.0\.0\.1:\d+ may not connect \(--allow\)/);
  });
});

describe('It ends', () => {
  it('with its one connection, however that ends', async () => {
    const served = await serve(['--opened', record, '--once']);
    const client = await initialised(served.port);
    // Nobody else gets in.
    const other = connect(served.port, '127.0.0.1');
    await new Promise((resolve) => other.once('error', resolve));
    client.socket.resetAndDestroy();
    expect(await served.ended).toEqual({ code: 0, signal: null });
  });

  it('after nobody has been connected for the time it was told', async () => {
    const served = await serve(['--opened', record, '--idle', '0.3']);
    const client = await initialised(served.port);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(isRunning(served.pid)).toBe(true);
    const before = performance.now();
    client.socket.destroy();
    expect(await served.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeGreaterThan(250);
    expect(served.said()).toContain('nobody has been connected for 0.3 s: it ends');
  });

  it('with whoever has started it, whatever the FMU does', async () => {
    // A parent that is killed: it cannot clean up.
    const script = `
      const { spawn } = require('node:child_process');
      const child = spawn(${JSON.stringify(proxyfmuProgramPath())}, ${JSON.stringify(['--fmu', crash])}, { stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.pipe(process.stdout);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    parent.stdout.on('data', (data) => {
      out += String(data);
    });
    await until(() => /port=\d+\n/.test(out), 'a port');
    const [pid] = childrenOf(parent.pid!, 'twinbridge-proxyfmu');
    const client = await Connection.to(Number(/port=(\d+)/.exec(out)?.[1]));
    await client.call('instantiate');
    await client.call('write_integer', t.i64s(CRASH.mode, CRASH.where), t.i32s(CRASH.LOOP, CRASH.IN_STEP));
    await client.call('enter_initialization_mode');
    await client.call('exit_initialization_mode');
    client.send(callBytes('step', 99, [t.double(0), t.double(1)]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    parent.kill('SIGKILL');
    await until(() => !isRunning(pid!), 'its end', 2000);
  });

  it('when nobody reads its standard output any more', async () => {
    const served = await serveFmu(feedthrough);
    const client = await initialised(served.port);
    served.child.stdout!.destroy();
    expect(await served.ended).toEqual({ code: 0, signal: null });
    expect(await client.isClosed()).toBe(true);
  });

  it('when its one client is gone and the FMU does not come back', async () => {
    const [client, served] = await looping('--once');
    client.socket.destroy();
    expect(await served.ended).toEqual({ code: 1, signal: null });
    expect(served.said()).toContain('the client is gone, and the FMU does not come back from fmi2DoStep: it is ended');
  }, 20_000);
});

describe('What the FMU may do', () => {
  it('is that of another user, and that for root only', async () => {
    if (!isRoot) {
      expect((await outcome(['--opened', record, '--user', 'root'])).said).toContain('that is no restriction');
      return;
    }
    // The cache is for its owner only.
    const said = await outcome(['--opened', record, '--user', 'nobody']);
    expect([said.code, said.out]).toEqual([3, '']);
    expect(said.said).toContain('ermission denied');
    expect((await outcome(['--opened', record, '--user', 'no-such-user'])).said).toContain('there is no such user');
  });

  it('is limited by what the system knows', async () => {
    const args = ['--no-new-privileges', '--max-memory', '1000000000', '--max-cpu', '60', '--max-files', '64'];
    const { pid } = await serve(['--opened', record, ...args]);
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    expect(limits).toMatch(/Max address space +1000000000 +1000000000/);
    expect(limits).toMatch(/Max cpu time +60 +60/);
    expect(limits).toMatch(/Max open files +64 +64/);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/NoNewPrivs:\s+1/);
  });

  it('ends with its processor time', async () => {
    const [, served] = await looping('--max-cpu', '1');
    expect((await served.ended).signal).toMatch(/SIGXCPU|SIGKILL/);
  }, 20_000);
});

describe('Many calls', () => {
  it('leave nothing behind: memory and files stay as they were', async () => {
    const served = await serve(['--opened', record]);
    const client = await initialised(served.port);
    const round = async (n: number) => {
      for (let k = 0; k < n; k += 100) {
        const calls = Array.from({ length: 100 }, (_, i) => [
          callBytes('write_string', 1, [t.i64s(3), t.texts('x'.repeat(i))]),
          callBytes('step', 2, [t.double(k + i), t.double(1)]),
          callBytes('read_string', 3, [t.i64s(8)]),
        ]);
        client.send(Buffer.concat(calls.flat()));
        for (let i = 0; i < 300; i++) await client.frame();
      }
    };
    await round(1000);
    const before = [residentBytes(served.pid), openFiles(served.pid).length] as const;
    await round(10_000);
    expect(openFiles(served.pid)).toHaveLength(before[1]);
    expect(residentBytes(served.pid)).toBeLessThanOrEqual(before[0] + 64 * 1024);
  }, 60_000);

  it('with large lists go through whole', async () => {
    const client = await initialised((await serve(['--opened', record])).port);
    const n = 1_000_000;
    const zeros: Value = { type: 15, bytes: Buffer.alloc(5 + 8 * n) };
    zeros.bytes[0] = 10;
    zeros.bytes.writeInt32BE(n, 1);
    client.send(callBytes('read_real', 1, [zeros]));
    // RealRead around n doubles and the status.
    expect(await client.frame()).toHaveLength(21 + 3 + 3 + 5 + 8 * n + 3 + 4 + 2);
  });
});
