/** The FMUs of the examples and of test/fmus, packed, and FMUs made from them by changing what is in the archive. */
import { execFileSync } from 'node:child_process';
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

/** What each is for: test/fmus/README.md. */
export const TEST_FMUS = [
  'arrays3',
  'ball',
  'clocks3',
  'counter',
  'crash',
  'dahlquist1',
  'dahlquist3',
  'early3',
  'enumer',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'inter3',
  'limited',
  'me2',
  'me3',
  'once',
  'once1',
  'oscillator',
  'slow',
  'state3',
  'ten',
  'timers3',
  'units',
  'vector',
] as const;
export type TestFmuName = (typeof TEST_FMUS)[number];
export type FmuName = ExampleName | TestFmuName;

const EXAMPLES = fileURLToPath(new URL('../../build/fmus', import.meta.url));
const TESTS = fileURLToPath(new URL('../../build/test-fmus', import.meta.url));

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

/** The FMU as CMake laid it out: a folder with what is in its archive. */
export function unpackedFmu(name: FmuName): string {
  return join((TEST_FMUS as readonly string[]).includes(name) ? TESTS : EXAMPLES, name);
}

/** What the archive of an FMU holds. */
export function fmuEntries(name: FmuName): ZipEntry[] {
  const folder = unpackedFmu(name);
  if (!existsSync(join(folder, 'modelDescription.xml'))) throw new Error(`${folder} is missing: run npm run build`);
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((entry) => join(folder, entry))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(folder, path).replaceAll('\\', '/'), content: readFileSync(path) }));
}

/** What the archive of an example FMU holds. */
export function exampleEntries(name: ExampleName): ZipEntry[] {
  return fmuEntries(name);
}

/** Writes the example FMU to `folder`; answers its path. */
export function exampleFmu(folder: string, name: ExampleName): string {
  return writeFmu(join(folder, `${name}.fmu`), fmuEntries(name));
}

/** Writes the FMU of test/fmus to `folder`; answers its path. */
export function testFmu(folder: string, name: TestFmuName): string {
  return writeFmu(join(folder, `${name}.fmu`), fmuEntries(name));
}

/** The FMU with another modelDescription.xml, made from its own. */
export function describedAs(name: FmuName, change: (xml: string) => string): ZipEntry[] {
  return fmuEntries(name).map((entry) =>
    entry.name === 'modelDescription.xml' ? { ...entry, content: change(String(entry.content)) } : entry,
  );
}

export function writeFmu(file: string, entries: readonly ZipEntry[]): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, zip(entries));
  return file;
}

/** Changes a file and puts its date back, to the nanosecond. */
export function keepingDate(file: string, change: () => void): void {
  // Elsewhere: the folder keeps its date too.
  const elsewhere = mkdtempSync(join(tmpdir(), 'twinbridge-test-'));
  const copy = join(elsewhere, 'copy');
  execFileSync('cp', ['-p', file, copy]);
  change();
  execFileSync('touch', ['-r', copy, file]);
  rmSync(elsewhere, { recursive: true });
}

/** Folder and extension of this machine's libraries, as the examples were built: `binaries/linux64/dahlquist.so`. */
export function libraryEntry(name: FmuName): ZipEntry {
  return fmuEntries(name).find((entry) => entry.name.startsWith('binaries/'))!;
}
