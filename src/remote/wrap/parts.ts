/** What goes into a wrapped FMU besides texts: the library of wrapped FMUs, and the program that runs an FMU of this machine. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ArchiveEntry,
  binariesFolder,
  choosePlatforms,
  crossCompiled,
  fileForHost,
  forBothMacs,
  hostPlatform,
  PLATFORM_TUPLES,
  type Platform,
  type PlatformTuple,
  type WantedPlatforms,
} from '../../fmi/index.js';
import { isolateProgramPath, wrapLibraryPath } from '../../native/index.js';
import { WrapPartError } from './errors.js';

export type PartEntry = ArchiveEntry & { readonly content: Buffer };

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export function chosenPlatforms(wanted: WantedPlatforms): readonly Platform[] {
  const chosen = choosePlatforms(wanted, libraryName);
  if (chosen.length > 0 || typeof wanted !== 'string') return chosen;
  throw new WrapPartError(`FMUs are not wrapped for ${process.platform} on ${process.arch}`, {
    details: { platforms: PLATFORM_TUPLES },
    remedy: `wrap it for ${PLATFORM_TUPLES.join(', ')}: run 'npm run build:platforms' first`,
  });
}

/** `binaries/…/<modelIdentifier>.…` for each platform. Throws {@link WrapPartError}. */
export async function readLibraries(
  modelIdentifier: string,
  platforms: readonly Platform[],
  fmi: 2 | 3,
  wanted: WantedPlatforms,
): Promise<readonly PartEntry[]> {
  const entries = await Promise.all(
    platforms.map(async (platform) => ({
      name: `binaries/${binariesFolder(platform, fmi === 3 ? '3.0' : '2.0')}/${modelIdentifier}.${platform.extension}`,
      content: await readFor(
        platform.tuple,
        wanted,
        libraryName(platform),
        wrapLibraryPath,
        'the library of wrapped FMUs',
      ),
    })),
  );
  return fmi === 2 ? forBothMacs(entries) : entries;
}

/** What a program that runs FMUs is for: a platform, or the FMUs of 32 bits on one of 64. */
export type ProgramTuple = PlatformTuple | 'x86-linux' | 'x86-windows';

/** Where the program is in the archive, below the resources. */
export function programName(tuple: ProgramTuple): string {
  return `programs/${tuple}/${programFile(tuple)}`;
}

function programFile(tuple: ProgramTuple): string {
  return `twinbridge-isolate${tuple.endsWith('windows') ? '.exe' : ''}`;
}

export function hasProgram(tuple: ProgramTuple): boolean {
  return existsSync(crossCompiled(tuple, programFile(tuple)));
}

/** The programs that run isolated FMUs. Throws {@link WrapPartError}. */
export function readPrograms(tuples: readonly ProgramTuple[], wanted: WantedPlatforms): Promise<PartEntry[]> {
  return Promise.all(
    [...new Set(tuples)].map(async (tuple) => ({
      name: `resources/${programName(tuple)}`,
      content: await readFor(tuple, wanted, programFile(tuple), isolateProgramPath, 'the program that runs FMUs'),
    })),
  );
}

export async function readLicence(): Promise<PartEntry> {
  const content = await readPart(join(ROOT, 'LICENSE'), 'the licence', 'install twinbridge again');
  return { name: 'documentation/licenses/twinbridge.txt', content };
}

function libraryName({ extension }: Platform): string {
  return `libtwinbridge-wrap.${extension}`;
}

function readFor(
  tuple: ProgramTuple,
  wanted: WantedPlatforms,
  name: string,
  compiledHere: () => string,
  what: string,
): Promise<Buffer> {
  const portable = crossCompiled(tuple, name);
  if (tuple !== hostPlatform()?.tuple) {
    return readPart(portable, `${what} for ${tuple}`, "run 'npm run build:platforms'");
  }
  return readPart(
    fileForHost(portable, wanted, compiledHere),
    what,
    "run 'npm run build' (needs a C compiler and CMake)",
  );
}

async function readPart(file: string, what: string, remedy: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'is missing' : `cannot be read: ${cause.message}`;
    throw new WrapPartError(`${what} ${file} ${why}`, { cause, details: { file }, remedy });
  });
}
