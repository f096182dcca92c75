/** Unpacked FMUs are kept, and shared by all that open them. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadModel, type StoredModel, storeModel } from '#tb/fmi/cache/stored-model.js';
import {
  type CachedFmu,
  cacheStatus,
  clearCache,
  type FmuModel,
  modelOf,
  openCachedFmu,
  readAnyFmu,
  readFmuModel,
} from '#tb/fmi/index.js';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import { askElsewhere, openElsewhere } from '../support/cache-users.js';
import { runCli } from '../support/cli.js';
import { describedAs, exampleEntries, exampleFmu, keepingDate, temporaryFolder, writeFmu } from '../support/fmus.js';

const folder = realpathSync(temporaryFolder());
const monitor = exampleFmu(folder, 'monitor');

/** Each test has a cache of its own. */
let root = '';
let tests = 0;
const before = { ...process.env };
beforeEach(() => {
  tests += 1;
  root = join(folder, `cache-${tests}`);
  process.env.TWINBRIDGE_CACHE = root;
});

const open: CachedFmu[] = [];
afterEach(() => {
  for (const fmu of open.splice(0)) fmu.release();
  for (const name of ['TWINBRIDGE_CACHE', 'TWINBRIDGE_CACHE_MAX']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

async function use(file: string): Promise<CachedFmu> {
  const fmu = await openCachedFmu(file);
  open.push(fmu);
  return fmu;
}

const contentOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const entryOf = (file: string) => join(root, 'fmus', contentOf(file));
const marksIn = (entry: string) => readdirSync(entry).filter((name) => name.includes('.use-'));
/** An FMU of about so many bytes unpacked, and packed to little. */
const fmuOf = (name: string, bytes: number) =>
  writeFmu(join(folder, `${name}.fmu`), [
    ...describedAs('monitor', (xml) => xml.replace('modelName="monitor"', `modelName="${name}"`)),
    { name: 'resources/data', content: Buffer.alloc(bytes) },
  ]);
/** What a file holds is not remembered by its path if it changed just now: see cache/content.ts. */
const settled = async (file: string) => {
  while (Date.now() - statSync(file).ctimeMs < 200) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('an FMU', () => {
  it('is unpacked into a folder that only this user can enter', async () => {
    const { directory, file } = await use(monitor);
    expect(file).toBe(monitor);
    expect(directory.startsWith(`${entryOf(monitor)}/`)).toBe(true);
    for (const { name, content } of exampleEntries('monitor')) {
      expect(readFileSync(join(directory, name))).toEqual(Buffer.from(content));
    }
    // In any case: FMI 2.0 has the FMU told where it is.
    expect(statSync(join(directory, 'resources')).isDirectory()).toBe(true);
    expect(lstatSync(root).mode & 0o777).toBe(0o700);
    expect(lstatSync(directory).mode & 0o777).toBe(0o700);
  });

  it('says the same of itself as without a cache', async () => {
    const odd = writeFmu(
      join(folder, 'odd.fmu'),
      describedAs('monitor', (xml) => xml.replace(/ start="2"/, '')),
    );
    const { description, warnings, platforms } = await readAnyFmu(odd);
    expect(warnings.length).toBeGreaterThan(0);
    for (const time of ['cold', 'warm']) {
      const cached = await use(odd);
      expect([time, cached.model]).toEqual([time, modelOf(description)]);
      expect(cached.warnings).toEqual(warnings);
      expect(cached.platforms).toEqual(platforms);
      expect((await readFmuModel(odd)).warnings).toEqual(warnings);
    }
    // Warnings name the archive that was asked for, whichever was unpacked.
    const copy = join(folder, 'copy.fmu');
    copyFileSync(odd, copy);
    expect(formatProblem((await use(copy)).warnings[0]!)).toContain(`${copy}/modelDescription.xml:`);
  });

  it('is unpacked once, whatever it is called and whoever opens it', async () => {
    const copy = join(folder, 'another name.fmu');
    copyFileSync(monitor, copy);
    const first = await use(monitor);
    const second = await use(copy);
    const other = openElsewhere(copy);
    expect(second.directory).toBe(first.directory);
    expect((await other.opened).directory).toBe(first.directory);
    expect(second.file).toBe(copy);
    await other.end();
  });

  it('is unpacked once by a hundred that open it at the same time', async () => {
    const fmus = await Promise.all(Array.from({ length: 100 }, () => use(monitor)));
    expect(new Set(fmus.map(({ directory }) => directory)).size).toBe(1);
    const entry = entryOf(monitor);
    expect(readdirSync(entry).filter((name) => lstatSync(join(entry, name)).isDirectory())).toHaveLength(1);
    // One process, one mark.
    expect(marksIn(entry)).toHaveLength(1);
  });

  it('with a wrong description is refused each time, and leaves nothing behind', async () => {
    const wrong = writeFmu(
      join(folder, 'wrong.fmu'),
      describedAs('monitor', (xml) => xml.replace('causality="input"', 'causality="inptu"')),
    );
    for (let i = 0; i < 2; i++) await expect(openCachedFmu(wrong)).rejects.toThrow(InvalidFileError);
    await expect(readFmuModel(wrong)).rejects.toThrow(/did you mean 'input'/);
    await expect(openCachedFmu(join(folder, 'none.fmu'))).rejects.toThrow(/no such file/);
    expect(readdirSync(join(root, 'fmus'))).toEqual([]);
  });

  it('that another took the place of, of the same name and size, is another', async () => {
    const file = join(folder, 'replaced.fmu');
    const [one, two] = ['tank1', 'tank2'].map((name) => fmuOf(name, 100));
    expect(statSync(one!).size).toBe(statSync(two!).size);
    for (const [source, name] of [
      [one!, 'tank1'],
      [two!, 'tank2'],
      [one!, 'tank1'],
    ] as const) {
      const beside = `${file}.new`;
      copyFileSync(source, beside);
      renameSync(beside, file);
      await settled(file);
      expect((await use(file)).model.modelName).toBe(name);
      expect((await readFmuModel(file)).model.modelName).toBe(name);
    }
    // Written over in place, and its date put back: the inode, the size and the date are the same.
    const look = () => {
      const { ino, size, mtimeNs } = statSync(file, { bigint: true });
      return { ino, size, mtimeNs };
    };
    const was = look();
    keepingDate(file, () => writeFileSync(file, readFileSync(two!)));
    expect(look()).toEqual(was);
    expect((await use(file)).model.modelName).toBe('tank2');
  });
});

describe('what an FMU says of itself', () => {
  it('is kept as JSON: of a warm cache neither archive nor XML is read', async () => {
    const file = fmuOf('kept', 10);
    await use(file);
    const entry = entryOf(file);
    const [name] = readdirSync(entry).filter((one) => one.startsWith('model-'));
    const kept = readFileSync(join(entry, name!), 'utf8');
    // Nobody but a reader of this file can know that.
    writeFileSync(join(entry, name!), kept.replace('"modelName":"kept"', '"modelName":"from the cache"'));
    expect(await askElsewhere(['read', file])).toContain("modelName: 'from the cache'");
    // Of another format, or of another build of twinbridge: read anew.
    for (const change of [/"schema":\d+/, /"build":"\w+"/]) {
      writeFileSync(
        join(entry, name!),
        kept.replace(change, (text) => text.replace(/[^:]+$/, '99')),
      );
      expect(await askElsewhere(['read', file])).toContain("modelName: 'kept'");
      expect(readFileSync(join(entry, name!), 'utf8')).toBe(kept);
    }
    writeFileSync(join(entry, name!), kept.slice(0, 100));
    expect(await askElsewhere(['read', file])).toContain("modelName: 'kept'");
  });

  it('is what is read back, to the last bit', () => {
    const entry = join(folder, 'stored');
    mkdirSync(entry);
    const value = fc.oneof(fc.double(), fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n), fc.boolean(), fc.string());
    const plain = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        value,
        fc.array(tie('tree')),
        fc.dictionary(fc.stringMatching(/^\w+$/), tie('tree')),
      ),
    })).tree;
    let key = 0;
    fc.assert(
      fc.property(plain, (variables) => {
        const stored = { model: { variables } as unknown as FmuModel, warnings: [], platforms: ['linux64'] };
        key += 1;
        storeModel(entry, `written ${key}`, stored satisfies StoredModel);
        // By another key: what this process remembers is not meant.
        expect(loadModel(entry, `read ${key}`)).toEqual(stored);
      }),
    );
  });

  it('is known from its content, before it was ever unpacked', async () => {
    await readFmuModel(monitor);
    const [entry] = cacheStatus().entries;
    expect(entry).toMatchObject({ content: contentOf(monitor), model: { name: 'monitor', fmi: '2.0' } });
    expect(
      readdirSync(entryOf(monitor)).filter((name) => lstatSync(join(entryOf(monitor), name)).isDirectory()),
    ).toEqual([]);
  });
});

describe('the cache', () => {
  const MB = 2 ** 20;
  const names = () => cacheStatus().entries.map(({ model }) => model!.name);
  /** As if it had been used so many minutes ago. */
  const usedAgo = (file: string, minutes: number) => {
    const then = new Date(Date.now() - minutes * 60_000);
    utimesSync(join(entryOf(file), 'used'), then, then);
  };

  it('holds no more than TWINBRIDGE_CACHE_MAX megabytes: what was longest not used goes', async () => {
    process.env.TWINBRIDGE_CACHE_MAX = '2.5';
    const [a, b, c] = ['a', 'b', 'c'].map((name) => fmuOf(name, MB));
    for (const file of [a!, b!]) (await openCachedFmu(file)).release();
    expect(names().sort()).toEqual(['a', 'b']);
    usedAgo(a!, 10);
    usedAgo(b!, 20);
    (await openCachedFmu(c!)).release();
    expect(names()).toEqual(['c', 'a']);
    expect(existsSync(entryOf(b!))).toBe(false);
    // To use it is what counts: a stays when b comes back.
    usedAgo(c!, 5);
    (await openCachedFmu(a!)).release();
    (await openCachedFmu(b!)).release();
    expect(names()).toEqual(['b', 'a']);
  });

  it('keeps what a process uses, as long as it does', async () => {
    const file = fmuOf('used', MB);
    const user = openElsewhere(file);
    const { directory } = await user.opened;
    process.env.TWINBRIDGE_CACHE_MAX = '0';
    (await openCachedFmu(monitor)).release();
    expect(names()).toContain('used');
    expect(cacheStatus().entries.find(({ model }) => model?.name === 'used')).toMatchObject({ users: 1 });
    await clearCache();
    expect(names()).toEqual(['used']);
    expect(existsSync(join(directory, 'modelDescription.xml'))).toBe(true);
    await user.end();
    expect(await clearCache()).toMatchObject({ entries: 1 });
    expect(existsSync(directory)).toBe(false);
    expect(names()).toEqual([]);
  });

  it('does not keep what a process used that was killed', async () => {
    const user = openElsewhere(monitor);
    const { directory } = await user.opened;
    user.process.kill('SIGKILL');
    await user.end();
    expect(marksIn(entryOf(monitor))).toHaveLength(1);
    await clearCache();
    expect(existsSync(directory)).toBe(false);
    expect(readdirSync(join(root, 'fmus'))).toEqual([]);
  });

  it('lets go once, however often it is told', async () => {
    const [first, second] = [await use(monitor), await use(monitor)];
    first.release();
    first.release();
    await clearCache();
    expect(existsSync(join(second.directory, 'modelDescription.xml'))).toBe(true);
    expect(marksIn(entryOf(monitor))).toHaveLength(1);
    second.release();
    expect(marksIn(entryOf(monitor))).toEqual([]);
    await clearCache();
    expect(existsSync(second.directory)).toBe(false);
  });

  it.each(['much', '-1'])('has no limit of %s megabytes', async (limit) => {
    process.env.TWINBRIDGE_CACHE_MAX = limit;
    await expect(openCachedFmu(monitor)).rejects.toThrow(`TWINBRIDGE_CACHE_MAX is '${limit}', expected a number`);
  });
});

describe('twinbridge cache', () => {
  it('shows where the FMUs are, how much room they take and when they were used', async () => {
    await settled(monitor);
    const { directory } = await use(monitor);
    const { code, stdout } = await runCli(['cache']);
    expect(code).toBe(0);
    expect(stdout).toContain(`folder  ${root}\n`);
    expect(stdout).toMatch(/^size +[\d.]+ kB of 2,048 MB, 1 FMU$/m);
    expect(stdout).toMatch(new RegExp(`^monitor +2\\.0 +[\\d.]+ kB +20[\\d:TZ-]+ +1 process +${monitor}$`, 'm'));
    const json = JSON.parse((await runCli(['cache', 'info', '--json'])).stdout) as ReturnType<typeof cacheStatus>;
    expect(json).toMatchObject({
      directory: root,
      limit: 2 ** 31,
      entries: [{ content: contentOf(monitor), model: { name: 'monitor', fmi: '2.0' }, users: 1, paths: [monitor] }],
    });
    const bytes = exampleEntries('monitor').reduce((sum, { content }) => sum + content.length, 0);
    expect(json.entries[0]!.bytes).toBeGreaterThan(bytes);
    expect(existsSync(directory)).toBe(true);
  });

  it('clears it, but for what is in use', async () => {
    const held = await use(monitor);
    (await openCachedFmu(fmuOf('idle', 2 ** 20))).release();
    const first = await runCli(['cache', 'clear']);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^removed 1 FMU, 1 MB; in use: 1 FMU\n$/);
    held.release();
    const { stdout } = await runCli(['cache', 'clear', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ directory: root, removed: { entries: 1 }, kept: 0 });
    expect((await runCli(['cache'])).stdout).toMatch(/^size +0 kB of 2,048 MB, 0 FMUs$/m);
  });
});
