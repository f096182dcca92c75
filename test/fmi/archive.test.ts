import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  FmuIncompleteError,
  FmuTooLargeError,
  FmuUnreadableError,
  FmuUnsafeEntryError,
  openFmu,
  readFmu,
} from '#tb/fmi/index.js';
import { exampleEntries, exampleFmu, privateTemporaryFiles, temporaryFolder, writeFmu } from '../support/fmus.js';
import { zip } from '../support/zip.js';

const folder = temporaryFolder();
const leftBehind = privateTemporaryFiles();
const description = exampleEntries('dahlquist').find(({ name }) => name === 'modelDescription.xml')!;
const write = (name: string, bytes: Uint8Array) => {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
};

afterEach(() => expect(leftBehind()).toEqual([]));

describe('an FMU', () => {
  it('is unpacked into a folder that close removes', async () => {
    const fmu = await openFmu(exampleFmu(folder, 'dahlquist'));
    expect(fmu.description.modelName).toBe('dahlquist');
    expect(readFileSync(join(fmu.directory, 'modelDescription.xml'), 'utf8')).toContain('dahlquist');
    // The standard promises the FMU this folder, also when the archive has none.
    expect(existsSync(join(fmu.directory, 'resources'))).toBe(true);
    await fmu.close();
    expect(existsSync(fmu.directory)).toBe(false);
  });

  it('is read without being unpacked', async () => {
    const { platforms, description: read } = await readFmu(exampleFmu(folder, 'monitor'));
    expect(platforms).toHaveLength(1);
    expect(read.variables.map(({ name }) => name)).toContain('safe_distance');
    expect(leftBehind()).toEqual([]);
  });

  it('may have backslashes for slashes, as some Windows tools write', async () => {
    const fmu = await openFmu(
      writeFmu(join(folder, 'b.fmu'), [description, { name: 'resources\\a.txt', content: 'a' }]),
    );
    expect(readFileSync(join(fmu.directory, 'resources', 'a.txt'), 'utf8')).toBe('a');
    await fmu.close();
  });
});

describe('a broken archive', () => {
  it('may be missing', async () => {
    await expect(openFmu(join(folder, 'none.fmu'))).rejects.toThrow(/cannot read .*none\.fmu: no such file/);
  });

  it('may be no zip file', async () => {
    const error = await openFmu(write('text.fmu', Buffer.from('hello'))).catch((caught) => caught);
    expect(error).toBeInstanceOf(FmuUnreadableError);
    expect(error.message).toMatch(/text\.fmu is no intact FMU \(zip archive\): end of central directory/i);
    expect(error.exitCode).toBe(3);
  });

  it('may be cut off', async () => {
    const whole = zip([description, { name: 'resources/a', content: 'a'.repeat(1000) }]);
    await expect(openFmu(write('cut.fmu', whole.subarray(0, whole.length - 30)))).rejects.toThrow(FmuUnreadableError);
  });

  it('may have a damaged file', async () => {
    const file = writeFmu(join(folder, 'crc.fmu'), [description, { name: 'resources/a', content: 'abc', crc: 1 }]);
    await expect(openFmu(file)).rejects.toThrow(/checksum of entry 'resources\/a' does not match/);
  });

  it('may lack modelDescription.xml', async () => {
    await expect(openFmu(writeFmu(join(folder, 'empty.fmu'), []))).rejects.toThrow(FmuIncompleteError);
    const nested = writeFmu(join(folder, 'nested.fmu'), [{ ...description, name: 'robot/modelDescription.xml' }]);
    const error = await openFmu(nested).catch((caught) => caught);
    expect(error.remedy).toBe(
      "it holds robot/modelDescription.xml: pack the content of the folder 'robot', not the folder",
    );
  });
});

describe('a hostile archive is refused before anything is written', () => {
  it.each([
    ['a path out of the folder', { name: 'resources/../../evil', content: '' }, /leads out of the FMU/],
    ['the same with backslashes', { name: '..\\evil', content: '' }, /leads out of the FMU/],
    ['an absolute path', { name: '/etc/evil', content: '' }, /is an absolute path/],
    ['a drive letter', { name: 'C:/evil', content: '' }, /is an absolute path/],
    ['a symbolic link', { name: 'resources/link', content: '/etc/passwd', mode: 0o120777 }, /is a symbolic link/],
    ['a file twice', { ...description }, /stands in the archive twice/],
  ])('%s', async (_, entry, message) => {
    const error = await openFmu(writeFmu(join(folder, 'evil.fmu'), [description, entry])).catch((caught) => caught);
    expect(error).toBeInstanceOf(FmuUnsafeEntryError);
    expect(error.message).toMatch(message);
    expect(existsSync(join(folder, 'evil'))).toBe(false);
  });

  it('too many files', async () => {
    const file = writeFmu(join(folder, 'many.fmu'), [description, { name: 'a', content: '' }]);
    const error = await openFmu(file, { entries: 1 }).catch((caught) => caught);
    expect(error).toBeInstanceOf(FmuTooLargeError);
    expect(error.message).toMatch(/2 entries, the limit is 1$/);
  });

  it('too many bytes', async () => {
    const file = writeFmu(join(folder, 'large.fmu'), [description, { name: 'a', content: 'x'.repeat(5000) }]);
    await expect(openFmu(file, { totalBytes: 5000 })).rejects.toThrow(/bytes unpacked, the limit is 5,000$/);
  });

  it('a file packed better than any real one', async () => {
    const bomb = { name: 'bomb', content: Buffer.alloc(3 * 2 ** 20) };
    const file = writeFmu(join(folder, 'bomb.fmu'), [description, bomb]);
    await expect(openFmu(file, { ratio: 100 })).rejects.toThrow(/entry 'bomb' is packed \d+ to 1, the limit is 100$/);
  });

  it('a file that is larger than it says', async () => {
    const liar = { name: 'liar', content: 'x'.repeat(5000), size: 10 };
    await expect(openFmu(writeFmu(join(folder, 'liar.fmu'), [description, liar]))).rejects.toThrow(/too many bytes/);
  });
});
