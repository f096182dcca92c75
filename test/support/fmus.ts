/** The example FMUs, packed, and FMUs made from them by changing what is in the archive. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { type ZipEntry, zip } from './zip.js';

export type ExampleName = 'dahlquist' | 'feedthrough' | 'misbehave' | 'monitor' | 'predictor';

const BUILT = fileURLToPath(new URL('../../build/fmus', import.meta.url));

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'twinbridge-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A private folder for all temporary files of this test file, so that what is left behind shows. Answers how to list it.
 */
export function privateTemporaryFiles(name: string = 'tmp'): () => string[] {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  afterAll(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  return () => readdirSync(folder);
}

/** What the archive of an example FMU holds. */
export function exampleEntries(name: ExampleName): ZipEntry[] {
  const folder = join(BUILT, name);
  if (!existsSync(join(folder, 'modelDescription.xml'))) throw new Error(`${folder} is missing: run npm run build`);
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((entry) => join(folder, entry))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(folder, path).replaceAll('\\', '/'), content: readFileSync(path) }));
}

/** Writes the example FMU to `folder`; answers its path. */
export function exampleFmu(folder: string, name: ExampleName): string {
  return writeFmu(join(folder, `${name}.fmu`), exampleEntries(name));
}

/** The example FMU with another modelDescription.xml, made from its own. */
export function describedAs(name: ExampleName, change: (xml: string) => string): ZipEntry[] {
  return exampleEntries(name).map((entry) =>
    entry.name === 'modelDescription.xml' ? { ...entry, content: change(String(entry.content)) } : entry,
  );
}

export function writeFmu(file: string, entries: readonly ZipEntry[]): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, zip(entries));
  return file;
}

/** Folder and extension of this machine's libraries, as the examples were built: `binaries/linux64/dahlquist.so`. */
export function libraryEntry(name: ExampleName): ZipEntry {
  return exampleEntries(name).find((entry) => entry.name.startsWith('binaries/'))!;
}
