import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ArchiveWriteError, openFmu, packArchive } from '#tb/fmi/index.js';
import { exampleEntries, temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const entries = exampleEntries('monitor').map(({ name, content }) => ({ name, content: Buffer.from(content) }));

describe('an archive', () => {
  it('is an FMU, from bytes and from files', async () => {
    const source = join(folder, 'notes.txt');
    writeFileSync(source, 'x'.repeat(100_000));
    const file = join(folder, 'monitor.fmu');
    await packArchive(file, [...entries, { name: 'resources/a/notes.txt', content: { path: source } }]);
    const fmu = await openFmu(file);
    expect(fmu.description.modelName).toBe('monitor');
    expect(readFileSync(join(fmu.directory, 'resources/a/notes.txt'), 'utf8')).toHaveLength(100_000);
    await fmu.close();
  });

  it('has the same bytes in whatever order and at whatever time', async () => {
    const source = join(folder, 'a.txt');
    writeFileSync(source, 'a');
    const files = [join(folder, '1.fmu'), join(folder, '2.fmu')] as const;
    const more = { name: 'resources/a.txt', content: { path: source } };
    await packArchive(files[0], [...entries, more]);
    utimesSync(source, 1, 1);
    await packArchive(files[1], [more, ...entries.toReversed()]);
    expect(readFileSync(files[0]).equals(readFileSync(files[1]))).toBe(true);
  });

  it('creates its folder', async () => {
    const file = join(folder, 'new/folder/monitor.fmu');
    await packArchive(file, entries);
    expect(existsSync(file)).toBe(true);
  });
});

describe('what goes wrong', () => {
  it('leaves the last good archive, and nothing beside it', async () => {
    const own = join(folder, 'own');
    const file = join(own, 'monitor.fmu');
    await packArchive(file, entries);
    const before = readFileSync(file);
    const missing = { name: 'resources/a', content: { path: join(folder, 'missing') } };
    const error: unknown = await packArchive(file, [...entries, missing]).catch((caught) => caught);
    expect(error).toBeInstanceOf(ArchiveWriteError);
    expect((error as Error).message).toMatch(/^cannot write .*monitor\.fmu: ENOENT.*missing/);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(own)).toEqual(['monitor.fmu']);
  });

  it('a folder where the file is to be', async () => {
    const own = join(folder, 'taken');
    mkdirSync(join(own, 'monitor.fmu'), { recursive: true });
    await expect(packArchive(join(own, 'monitor.fmu'), entries)).rejects.toThrow(ArchiveWriteError);
    expect(readdirSync(own)).toEqual(['monitor.fmu']);
  });

  it.each(['/etc/passwd', '../a', 'a/../../b', 'a//b', 'a/', './a', 'C:/a', 'a\\b', ''])(
    'the name %j',
    async (name) => {
      const file = join(folder, 'unsafe.fmu');
      await expect(packArchive(file, [{ name, content: Buffer.alloc(0) }])).rejects.toThrow(ArchiveWriteError);
      expect(existsSync(file)).toBe(false);
    },
  );

  it('a name given twice', async () => {
    const twice = { name: 'a', content: Buffer.alloc(0) };
    await expect(packArchive(join(folder, 'twice.fmu'), [twice, twice])).rejects.toThrow(
      "the entry 'a' is given twice",
    );
  });
});
