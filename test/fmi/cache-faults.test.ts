/** What goes wrong around the cache: who is killed, what is tampered with, where nothing can be written. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CachedFmu, cacheStatus, clearCache, openCachedFmu, readFmuModel } from '#tb/fmi/index.js';
import { askElsewhere, type CacheUser, openElsewhere } from '../support/cache-users.js';
import { exampleEntries, exampleFmu, keepingDate, temporaryFolder, writeFmu } from '../support/fmus.js';

const folder = realpathSync(temporaryFolder());
// Other users come to the FMUs in it.
chmodSync(folder, 0o755);
const monitor = exampleFmu(folder, 'monitor');
const dahlquist = exampleFmu(folder, 'dahlquist');
const isRoot = process.geteuid?.() === 0;
/** Of nobody in particular. */
const STRANGER = 65_534;

let root = '';
let tests = 0;
const { TWINBRIDGE_CACHE: before } = process.env;
beforeEach(() => {
  tests += 1;
  root = join(folder, `cache-${tests}`);
  process.env.TWINBRIDGE_CACHE = root;
});

const open: CachedFmu[] = [];
const users: CacheUser[] = [];
afterEach(async () => {
  for (const fmu of open.splice(0)) fmu.release();
  for (const user of users.splice(0)) await user.end();
  process.env.TWINBRIDGE_CACHE = before;
});

async function use(file: string): Promise<CachedFmu> {
  const fmu = await openCachedFmu(file);
  open.push(fmu);
  return fmu;
}

function useElsewhere(file: string, env: NodeJS.ProcessEnv = {}): CacheUser {
  const user = openElsewhere(file, env);
  users.push(user);
  return user;
}

/** Of an FMU that was opened, and is not in use: the entry in the cache, and the FMU's folder in it. */
async function unpacked(file: string = monitor): Promise<{ entry: string; directory: string }> {
  const { directory, release } = await openCachedFmu(file);
  release();
  return { entry: dirname(directory), directory };
}

const isWhole = (directory: string, entries = exampleEntries('monitor')) =>
  entries.every(({ name, content }) => Buffer.from(content).equals(readFileSync(join(directory, name))));
/** Names may go while they are looked at: other processes are at work. */
const foldersIn = (entry: string) =>
  readdirSync(entry).filter((name) => lstatSync(join(entry, name), { throwIfNoEntry: false })?.isDirectory() === true);

describe('processes', () => {
  /** Unpacking it takes some tenths of a second. */
  const many = [
    ...exampleEntries('monitor'),
    ...Array.from({ length: 600 }, (_, i) => ({ name: `resources/${i % 40}/${i}`, content: `file ${i}` })),
  ];
  const large = writeFmu(join(folder, 'large.fmu'), many);

  it('that unpack the same FMU at the same time get the same folder, or one that is as good', async () => {
    const all = await Promise.all(Array.from({ length: 3 }, () => useElsewhere(large).opened));
    for (const { directory } of all) expect(isWhole(directory, many)).toBe(true);
    // From then on it is one.
    const { directory } = await use(large);
    expect((await useElsewhere(large).opened).directory).toBe(directory);
    for (const user of users.splice(0)) await user.end();
    await clearCache();
    expect(foldersIn(dirname(directory))).toEqual([basename(directory)]);
  });

  it.each([0, 20, 60, 120])(
    'that are killed %i ms after they began to unpack leave nothing that is used',
    async (ms) => {
      const entries = join(root, 'fmus');
      const user = useElsewhere(large);
      const began = () =>
        existsSync(entries) && readdirSync(entries).some((name) => foldersIn(join(entries, name)).length);
      while (!began()) {
        expect(user.process.exitCode).toBe(null);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await new Promise((resolve) => setTimeout(resolve, ms));
      user.process.kill('SIGKILL');
      await user.end();
      const [entry] = readdirSync(entries).map((name) => join(entries, name));
      const [rubbish] = foldersIn(entry!);
      const wasCutOff = !existsSync(join(entry!, 'current.json'));
      const { directory } = await use(large);
      expect(isWhole(directory, many)).toBe(true);
      if (!wasCutOff) return;
      expect(basename(directory)).not.toBe(rubbish);
      expect(foldersIn(entry!)).toEqual([basename(directory)]);
    },
  );

  it('never see a folder go that they use, whatever others clear', async () => {
    const file = writeFmu(join(folder, 'churned.fmu'), many.slice(0, 8));
    const counts = await Promise.all(
      [1, 2, 3].map((seed) => askElsewhere(['churn', file, '4000', String(seed)], { TWINBRIDGE_CACHE_MAX: '0' })),
    );
    for (const count of counts) expect(Number(count)).toBeGreaterThan(20);
  });
});

describe('a folder that is not as it was unpacked is unpacked anew', () => {
  const library = exampleEntries('monitor').find(({ name }) => name.startsWith('binaries/'))!.name;
  const byteOf = (file: string, change: number) => {
    const bytes = readFileSync(file);
    bytes[100]! ^= change;
    return bytes;
  };

  it.each<[string, (directory: string) => void]>([
    ['a file is missing', (directory) => unlinkSync(join(directory, 'modelDescription.xml'))],
    ['a file is longer', (directory) => appendFileSync(join(directory, library), 'x')],
    [
      'a file has other content of the same size',
      (directory) => {
        const file = join(directory, library);
        writeFileSync(file, byteOf(file, 1));
      },
    ],
    [
      'a file has other content of the same size and date',
      (directory) => {
        const file = join(directory, library);
        keepingDate(file, () => writeFileSync(file, byteOf(file, 1)));
      },
    ],
    [
      'a file is a link to another',
      (directory) => {
        const file = join(directory, library);
        renameSync(file, `${directory}.so`);
        symlinkSync(`${directory}.so`, file);
      },
    ],
    ['a file can be written to by others', (directory) => chmodSync(join(directory, library), 0o722)],
    ['a folder can be written to by others', (directory) => chmodSync(join(directory, dirname(library)), 0o777)],
    ['there is another file', (directory) => writeFileSync(join(directory, 'resources', 'state'), 'of another run')],
    ['a folder is missing', (directory) => rmSync(join(directory, 'resources'), { recursive: true })],
    [
      'it is a link to another',
      (directory) => {
        renameSync(directory, `${directory}-away`);
        symlinkSync(`${directory}-away`, directory);
      },
    ],
    ['it is gone', (directory) => rmSync(directory, { recursive: true })],
  ])('%s', async (_, spoil) => {
    const { directory } = await unpacked();
    spoil(directory);
    const anew = await use(monitor);
    expect(anew.directory).not.toBe(directory);
    expect(isWhole(anew.directory)).toBe(true);
    expect(readdirSync(join(anew.directory, 'resources'))).toEqual([]);
    expect((await use(monitor)).directory).toBe(anew.directory);
  });

  it('while processes go on in the old one', async () => {
    // Such an FMU writes to its resources.
    const first = await use(monitor);
    writeFileSync(join(first.directory, 'resources', 'state'), 'of this run');
    const second = await use(monitor);
    expect(second.directory).not.toBe(first.directory);
    expect(readdirSync(join(second.directory, 'resources'))).toEqual([]);
    const other = useElsewhere(monitor);
    expect((await other.opened).directory).toBe(second.directory);
    expect(readdirSync(join(first.directory, 'resources'))).toEqual(['state']);
    first.release();
    await clearCache();
    expect(existsSync(first.directory)).toBe(false);
    expect(isWhole(second.directory)).toBe(true);
  });

  it.each<[string, (entry: string) => void]>([
    [
      'cut off',
      (entry) => writeFileSync(join(entry, 'current.json'), readFileSync(join(entry, 'current.json')).subarray(0, 80)),
    ],
    ['of a later version', (entry) => edit(entry, (record) => ({ ...record, schema: 99 }))],
    ['naming a folder elsewhere', (entry) => edit(entry, (record) => ({ ...record, folder: '../../..' }))],
  ])('when its record is %s', async (_, spoil) => {
    const { entry, directory } = await unpacked();
    spoil(entry);
    const anew = await use(monitor);
    expect(anew.directory).not.toBe(directory);
    expect(isWhole(anew.directory)).toBe(true);
  });

  it('when the power may have gone before it was on the disk', async () => {
    const { entry, directory } = await unpacked();
    const earlier = Date.now() - 3_600_000;
    const usedAt = (ms: number) => utimesSync(join(entry, 'used'), new Date(ms), new Date(ms));
    // In an earlier run of the machine, and used an hour after it was unpacked: then it was on the disk.
    edit(entry, (record) => ({ ...record, boot: 'another', unpackedAt: earlier }));
    expect((await unpacked()).directory).toBe(directory);
    usedAt(earlier + 1000);
    expect((await unpacked()).directory).not.toBe(directory);
  });

  function edit(entry: string, change: (record: object) => object): void {
    const file = join(entry, 'current.json');
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as object)));
  }
});

describe('an entry in the cache', () => {
  it('that is a link to elsewhere is replaced, and what it leads to stays', async () => {
    const { entry } = await unpacked();
    const elsewhere = join(folder, `elsewhere-${tests}`);
    cpSync(entry, elsewhere, { recursive: true, preserveTimestamps: true });
    rmSync(entry, { recursive: true });
    symlinkSync(elsewhere, entry);
    const { directory } = await use(monitor);
    expect(lstatSync(entry).isSymbolicLink()).toBe(false);
    expect(realpathSync(directory)).toBe(directory);
    expect(isWhole(directory)).toBe(true);
    expect(readdirSync(elsewhere).length).toBeGreaterThan(3);
  });

  it('that others can write to is replaced', async () => {
    const { entry, directory } = await unpacked();
    chmodSync(entry, 0o777);
    const anew = await use(monitor);
    expect(anew.directory).not.toBe(directory);
    expect(lstatSync(entry).mode & 0o777).toBe(0o700);
  });

  it.runIf(isRoot)('that belongs to another user is replaced', async () => {
    const { entry, directory } = await unpacked();
    chownSync(entry, STRANGER, STRANGER);
    expect((await use(monitor)).directory).not.toBe(directory);
    expect(lstatSync(entry).uid).toBe(0);
  });

  it.runIf(isRoot)('with a file of another user is unpacked anew', async () => {
    const { directory } = await unpacked();
    lchownSync(join(directory, 'modelDescription.xml'), STRANGER, STRANGER);
    expect((await use(monitor)).directory).not.toBe(directory);
  });
});

describe('where there can be no cache, the FMUs run from a temporary folder', () => {
  /** In a process of its own, which ends: then the folder is gone. */
  async function elsewhere(env: NodeJS.ProcessEnv): Promise<string> {
    const user = useElsewhere(monitor, env);
    const { directory, root: used, temporary } = await user.opened;
    expect(isWhole(directory)).toBe(true);
    expect(basename(used)).toMatch(/^twinbridge-cache-/);
    expect(directory.startsWith(`${used}/`)).toBe(true);
    await user.end();
    expect(existsSync(used)).toBe(false);
    return temporary!;
  }

  it('no home that can be written to', async () => {
    const env = { TWINBRIDGE_CACHE: '', XDG_CACHE_HOME: '', HOME: '/proc/nobody' };
    expect(await elsewhere(env)).toMatch(/ENOENT.*\/proc\/nobody/);
  });

  it('a file in the place of the folder', async () => {
    writeFileSync(root, '');
    expect(await elsewhere({})).toMatch(/ENOTDIR/);
  });

  it.each<[string, () => void, RegExp]>([
    ['a root that others can write to', () => mkdirRoot(0o777), /cache-\d+ can be written to by other users$/],
    [
      'a folder above it that others can write to',
      () => {
        mkdirSync(join(folder, `open-${tests}`));
        chmodSync(join(folder, `open-${tests}`), 0o777);
        root = join(folder, `open-${tests}`, 'cache');
      },
      /open-\d+ can be written to by other users$/,
    ],
    [
      'a folder in it that is a link',
      () => {
        mkdirRoot(0o700);
        mkdirSync(join(folder, `real-${tests}`));
        symlinkSync(join(folder, `real-${tests}`), join(root, 'fmus'));
      },
      /fmus is no folder$/,
    ],
  ])('%s', async (_, make, reason) => {
    make();
    expect(await elsewhere({ TWINBRIDGE_CACHE: root })).toMatch(reason);
  });

  it.runIf(isRoot)('a root of another user', async () => {
    mkdirRoot(0o700);
    chownSync(root, STRANGER, STRANGER);
    expect(await elsewhere({})).toMatch(/belongs to another user$/);
  });

  /** Of this process, which is ended by force when its tests are over. */
  let temporary = '';
  afterAll(() => rmSync(temporary, { recursive: true, force: true }));

  /** What is forbidden to all but root is tried as somebody else. */
  async function asUser<T>(run: () => Promise<T>): Promise<T> {
    if (!isRoot) return run();
    chownTree(root);
    process.seteuid!(STRANGER);
    try {
      return await run();
    } finally {
      process.seteuid!(0);
    }
  }

  function chownTree(path: string): void {
    lchownSync(path, STRANGER, STRANGER);
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) chownTree(join(path, name));
  }

  it('a root that cannot be written to', async () => {
    mkdirRoot(0o500);
    await asUser(async () => {
      const status = cacheStatus();
      expect(status.temporary).toMatch(/EACCES/);
      temporary = status.directory;
      const { directory, release } = await openCachedFmu(monitor);
      expect(isWhole(directory)).toBe(true);
      expect(directory.startsWith(root)).toBe(false);
      release();
    });
    expect(readdirSync(root)).toEqual([]);
  });

  it('a root that can no longer be written to', async () => {
    mkdirRoot(0o700);
    await asUser(async () => {
      const first = await openCachedFmu(monitor);
      expect(first.directory.startsWith(root)).toBe(true);
      first.release();
      // Neither the entry, where marks are placed, nor the cache, where others are made.
      chmodSync(dirname(first.directory), 0o500);
      chmodSync(join(root, 'fmus'), 0o500);
      const second = await openCachedFmu(monitor);
      expect(second.directory.startsWith(root)).toBe(false);
      expect(isWhole(second.directory)).toBe(true);
      second.release();
      expect((await readFmuModel(dahlquist)).model.modelName).toMatch(/dahlquist/i);
      chmodSync(join(root, 'fmus'), 0o700);
      chmodSync(dirname(first.directory), 0o700);
    });
  });

  function mkdirRoot(mode: number): void {
    mkdirSync(root);
    chmodSync(root, mode);
  }
});
