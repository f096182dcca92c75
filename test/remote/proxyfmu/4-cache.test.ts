/**
 * An FMU that lies unpacked in the cache is served without Node.js, and only if all is as the cache has left it: else Node.js
 * looks into it. Whether it was asked is seen by putting another program in its place.
 */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheStatus, clearCache, openCachedFmu } from '#tb/fmi/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../../support/fmus.js';
import { childrenOf, isRunning } from '../../support/processes.js';
import { until } from '../../support/until.js';
import { Connection, initialised, type Served, serve, start, t } from './support.js';

const folder = realpathSync(temporaryFolder());
chmodSync(folder, 0o755);
const isRoot = process.geteuid?.() === 0;
const onLinux = process.platform === 'linux';

let root = '';
let fmu = '';
let tests = 0;
const { TWINBRIDGE_CACHE: before } = process.env;
beforeEach(async () => {
  tests += 1;
  root = join(folder, `cache-${tests}`);
  process.env.TWINBRIDGE_CACHE = root;
  fmu = join(folder, `dahlquist-${tests}.fmu`);
  copyFileSync(original, fmu);
  // A file that changed just now is not remembered: it may change again within a tick of its file system's clock.
  utimesSync(fmu, new Date(), new Date(Date.now() - 10_000));
  await new Promise((resolve) => setTimeout(resolve, 150));
});
afterEach(() => {
  process.env.TWINBRIDGE_CACHE = before;
});
const original = exampleFmu(folder, 'dahlquist');

/** In place of Node.js: says that it was asked, and fails. */
const noNode = join(folder, 'no-node');
writeFileSync(noNode, '#!/bin/sh\necho "Node.js was asked" >&2\nexit 9\n', { mode: 0o755 });

const args = (file: string) => ['--fmu', file, '--instanceName', 'slave'];
const withoutNode = { TWINBRIDGE_NODE: noNode };

/** Whether it is served without Node.js. */
async function isFast(file = fmu, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  try {
    const served = await serve(args(file), { ...withoutNode, ...env });
    await (await initialised(served.port)).call('freeInstance');
    await served.ended;
    return true;
  } catch (error) {
    expect((error as Error).message).toContain('Node.js was asked');
    return false;
  }
}

/** The folder of the FMU's content, that of the FMU itself, and the record for programs. */
function entry(): { entry: string; directory: string; native: string } {
  const [{ content } = { content: '' }] = cacheStatus().entries;
  const path = join(root, 'fmus', content);
  const { folder: name } = JSON.parse(readFileSync(join(path, 'current.json'), 'utf8')) as { folder: string };
  const [native = ''] = readdirSync(join(root, 'native'));
  return { entry: path, directory: join(path, name), native: join(root, 'native', native) };
}

async function opened(): Promise<ReturnType<typeof entry>> {
  (await openCachedFmu(fmu)).release();
  return entry();
}

const marks = () => readdirSync(entry().entry).filter((name) => name.includes('.use-'));
const helpers = (served: Served) => childrenOf(served.pid, 'open-fmu');

describe.runIf(onLinux)('An FMU in the cache is served without Node.js', () => {
  it('once it was opened, by whatever', async () => {
    expect(await isFast()).toBe(false);
    await opened();
    expect(await isFast()).toBe(true);
  });

  it('by the path under which it was opened, however that is written', async () => {
    await opened();
    expect(await isFast(`${folder}/./x/..//${basename(fmu)}`)).toBe(true);
    expect(await isFast(relative(process.cwd(), fmu))).toBe(true);
    const other = join(folder, `other-${tests}.fmu`);
    copyFileSync(fmu, other);
    expect(await isFast(other)).toBe(false);
  });

  it('and is held as long as it is served: nobody removes it', async () => {
    await opened();
    const served = await serve(args(fmu), withoutNode);
    expect(marks()).toHaveLength(1);
    expect(cacheStatus().entries).toMatchObject([{ users: 1 }]);
    expect(await clearCache()).toMatchObject({ entries: 0 });
    const client = await initialised(served.port);
    expect(await client.call('step', t.double(0), t.double(1))).toBe(0);
    await client.call('freeInstance');
    await served.ended;
    expect(cacheStatus().entries).toMatchObject([{ users: 0 }]);
    expect(marks()).toEqual([]);
    expect(await clearCache()).toMatchObject({ entries: 1 });
    expect(await isFast()).toBe(false);
  });

  it('and is not held by a program that was killed', async () => {
    await opened();
    const served = await serve(args(fmu), withoutNode);
    served.child.kill('SIGKILL');
    await served.ended;
    expect(marks()).toHaveLength(1);
    expect(await clearCache()).toMatchObject({ entries: 1 });
  });

  it('which counts as a use of it', async () => {
    const { entry: path } = await opened();
    const used = join(path, 'used');
    utimesSync(used, new Date(0), new Date(0));
    expect(await isFast()).toBe(true);
    expect(Date.now() - statSync(used).mtimeMs).toBeLessThan(60_000);
  });

  it('of all versions of FMI', async () => {
    for (const name of ['dahlquist1', 'feedthrough3'] as const) {
      const file = testFmu(folder, name);
      utimesSync(file, new Date(), new Date(Date.now() - 10_000));
      await new Promise((resolve) => setTimeout(resolve, 150));
      (await openCachedFmu(file)).release();
      expect(await isFast(file)).toBe(true);
    }
  });

  it('whose record goes with it', async () => {
    const { native } = await opened();
    rmSync(fmu);
    await clearCache();
    expect(existsSync(native)).toBe(false);
  });
});

describe.runIf(onLinux)('It is not served so when', () => {
  const changes: Record<string, (of: ReturnType<typeof entry>) => void> = {
    'the archive is another': () => appendFileSync(fmu, 'x'),
    'the archive is another of the same size and date': () => {
      const { atime, mtime } = statSync(fmu);
      renameSync(fmu, `${fmu}.old`);
      copyFileSync(original, fmu);
      utimesSync(fmu, atime, mtime);
    },
    'a file in its folder was written to': ({ directory }) =>
      appendFileSync(join(directory, 'binaries/linux64/dahlquist.so'), 'x'),
    'a file was written to, and its date set back': ({ directory }) => {
      const library = join(directory, 'binaries/linux64/dahlquist.so');
      const { atime, mtime } = statSync(library);
      writeFileSync(library, readFileSync(library));
      utimesSync(library, atime, mtime);
    },
    'a file came into its folder': ({ directory }) => writeFileSync(join(directory, 'binaries/linux64/more.so'), ''),
    'a file went': ({ directory }) => unlinkSync(join(directory, 'modelDescription.xml')),
    'a file is a link': ({ directory }) => {
      const library = join(directory, 'binaries/linux64/dahlquist.so');
      renameSync(library, join(folder, `moved-${tests}.so`));
      symlinkSync(join(folder, `moved-${tests}.so`), library);
    },
    'others can write to a file': ({ directory }) => chmodSync(join(directory, 'modelDescription.xml'), 0o666),
    'others can write to its folder': ({ directory }) => chmodSync(directory, 0o777),
    'others can write to the folder of its content': ({ entry: path }) => chmodSync(path, 0o777),
    'others can write to the cache': () => chmodSync(root, 0o777),
    'others can write to a folder above it': () => chmodSync(folder, 0o777),
    'others can write to the record': ({ native }) => chmodSync(native, 0o666),
    'others can write to the folder of records': () => chmodSync(join(root, 'native'), 0o777),
    'the record is of another run of the machine': ({ native }) =>
      change(native, /^boot .*$/m, `boot ${'0'.repeat(36)}`),
    'the record is of another machine': ({ native }) => change(native, /^host .*$/m, 'host elsewhere'),
    'the record is of another container': ({ native }) => change(native, /^pids .*$/m, 'pids pid:[1]'),
    'the record is of another path': ({ native }) => change(native, /^path .*$/m, 'path /other.fmu'),
    'the record names a library elsewhere': ({ native }) => change(native, /^library .*$/m, 'library /tmp/x.so'),
    'the record names a folder elsewhere': ({ native }) =>
      change(native, /^folder [0-9a-f]{12}$/m, 'folder ../../../../'),
    'the record is cut off': ({ native }) => writeFileSync(native, readFileSync(native, 'utf8').slice(0, -20)),
    'the record is none': ({ native }) => writeFileSync(native, 'x'),
    'the folder was replaced by another': ({ entry: path }) => {
      const current = join(path, 'current.json');
      writeFileSync(current, readFileSync(current));
    },
    'somebody is about to remove it': ({ entry: path, directory }) =>
      writeFileSync(join(path, `${basename(directory)}.evict-00000000-1-1-0-1`), ''),
  };

  function change(file: string, pattern: RegExp, by: string): void {
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(pattern);
    writeFileSync(file, text.replace(pattern, by));
  }

  it.each(Object.entries(changes))('%s', async (_, tamper) => {
    const made = await opened();
    tamper(made);
    try {
      expect(await isFast()).toBe(false);
      // Nothing is left behind.
      expect(readdirSync(made.entry).filter((name) => name.includes('.use-'))).toEqual([]);
    } finally {
      chmodSync(folder, 0o755);
    }
  });

  it.runIf(isRoot)('it belongs to another user', async () => {
    const { directory } = await opened();
    chownSync(join(directory, 'modelDescription.xml'), 65_534, 65_534);
    expect(await isFast()).toBe(false);
  });
});

describe('An FMU that is not in the cache as it was', () => {
  it('is unpacked by Node.js, which is gone again when the program holds it', async () => {
    const served = await serve(args(fmu));
    const client = await initialised(served.port);
    expect(await client.call('step', t.double(0), t.double(1))).toBe(0);
    if (!onLinux) return;
    await until(() => helpers(served).length === 0, 'the end of the helper');
    expect(marks()).toHaveLength(1);
    expect(await isFast()).toBe(true);
  });

  it('is put right for the next time', async () => {
    const { native } = await opened();
    writeFileSync(native, 'x');
    await serve(args(fmu));
    if (onLinux) expect(await isFast()).toBe(true);
  });

  it('and cannot be kept there, is held by Node.js until the program ends', async () => {
    // No folder can be made in a file.
    process.env.TWINBRIDGE_CACHE = join(fmu, 'cache');
    const served = await serve(args(fmu));
    const [helper] = helpers(served);
    expect(helper).toBeGreaterThan(0);
    const client = await initialised(served.port);
    expect(await client.call('step', t.double(0), t.double(1))).toBe(0);
    served.child.kill('SIGKILL');
    await until(() => !isRunning(helper!), 'the end of the helper');
  });

  it('cannot be served without Node.js, and the program says what to do', async () => {
    const started = start(args(fmu), { TWINBRIDGE_NODE: join(folder, 'nowhere') });
    expect((await started.ended).code).toBe(3);
    expect(started.said()).toContain("is not in twinbridge's cache, and cannot be unpacked: there is no");
    expect(started.said()).toContain('which TWINBRIDGE_NODE names');
  });

  it('and is no FMU: its reason is that of Node.js', async () => {
    writeFileSync(fmu, 'no archive');
    const started = start(args(fmu));
    expect(await started.ended).toMatchObject({ code: 3 });
    expect(started.said()).toMatch(/dahlquist-\d+\.fmu.*\n[\s\S]*\[proxyfmu\] .* cannot be opened/);
    expect(started.lines).toEqual([]);
  });
});

describe.runIf(onLinux)('Sixteen at the same time', () => {
  it('start without one another, and hold the folder each for itself', async () => {
    await opened();
    const all = await Promise.all(Array.from({ length: 16 }, () => serve(args(fmu), withoutNode)));
    expect(marks()).toHaveLength(16);
    const clients = await Promise.all(all.map(({ port }) => Connection.to(port)));
    await Promise.all(clients.map((client) => client.call('freeInstance')));
    await Promise.all(all.map(({ ended }) => ended));
    expect(marks()).toEqual([]);
  });

  it('also when none of them finds it unpacked', async () => {
    mkdirSync(root);
    const all = await Promise.all(Array.from({ length: 4 }, () => serve(args(fmu))));
    for (const { port } of all) {
      const client = await initialised(port);
      expect(await client.call('step', t.double(0), t.double(1))).toBe(0);
    }
  }, 30_000);
});
