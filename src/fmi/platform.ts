/**
 * Where an FMU keeps the library for a machine: `binaries/<folder>/<modelIdentifier>.<extension>` (FMI 2.0.4, section 2.3;
 * FMI 3.0, section 2.5.1).
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FmuFolder } from './archive.js';
import { FmuPlatformError, ModelExchangeOnlyError } from './errors.js';

export interface Platform {
  /** Its name in FMI 3.0, and the name of its folder there. */
  readonly tuple: PlatformTuple;
  /** FMI 2.0 names only Intel processors; for others the names of FMI 3.0 are in use. */
  readonly fmi2Folder: string;
  readonly extension: 'so' | 'dll' | 'dylib';
  /** As Node names them. */
  readonly system: 'linux' | 'win32' | 'darwin';
  readonly processor: 'x64' | 'arm64';
}

export const PLATFORM_TUPLES = [
  'x86_64-linux',
  'aarch64-linux',
  'x86_64-windows',
  'x86_64-darwin',
  'aarch64-darwin',
] as const;
export type PlatformTuple = (typeof PLATFORM_TUPLES)[number];

const TABLE: Readonly<Record<PlatformTuple, Omit<Platform, 'tuple'>>> = {
  'x86_64-linux': { fmi2Folder: 'linux64', extension: 'so', system: 'linux', processor: 'x64' },
  'aarch64-linux': { fmi2Folder: 'aarch64-linux', extension: 'so', system: 'linux', processor: 'arm64' },
  'x86_64-windows': { fmi2Folder: 'win64', extension: 'dll', system: 'win32', processor: 'x64' },
  'x86_64-darwin': { fmi2Folder: 'darwin64', extension: 'dylib', system: 'darwin', processor: 'x64' },
  'aarch64-darwin': { fmi2Folder: 'aarch64-darwin', extension: 'dylib', system: 'darwin', processor: 'arm64' },
};

/** The platforms that a bridge FMU can have a library for. */
export const PLATFORMS: readonly Platform[] = PLATFORM_TUPLES.map((tuple) => ({ tuple, ...TABLE[tuple] }));

/** This machine's platform, if it is one of {@link PLATFORMS}. */
export function hostPlatform(): Platform | undefined {
  return PLATFORMS.find(({ system, processor }) => system === process.platform && processor === process.arch);
}

/** `linux64` or `x86_64-linux`: the folder below `binaries/` of an FMU of that version. */
export function binariesFolder(platform: Platform, fmiVersion: '2.0' | '3.0'): string {
  return fmiVersion === '2.0' ? platform.fmi2Folder : platform.tuple;
}

const LIBRARY = /^binaries\/([^/]+)\/([^/]+)\.(so|dll|dylib)$/;
const EXTENSIONS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: 'dll', darwin: 'dylib' };
const SYSTEMS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: 'win', darwin: 'darwin' };

const PROCESSORS: Readonly<Record<string, string>> = { arm64: 'aarch64', arm: 'aarch32', ia32: 'x86', x64: 'x86_64' };

/**
 * The folder names of an FMU for a machine, best first. Of FMI 2.0: the names of FMI 3.0 for processors that 2.0 does not
 * name, or one library for several processors under the old name.
 */
export function platformFolders(
  system: NodeJS.Platform = process.platform,
  processor: string = process.arch,
  fmi: '1.0' | '2.0' | '3.0' = '2.0',
): string[] {
  const name = { win32: 'windows', darwin: 'darwin' }[system as string] ?? 'linux';
  if (fmi === '3.0') return [`${PROCESSORS[processor] ?? processor}-${name}`];
  const old = `${SYSTEMS[system] ?? 'linux'}${processor === 'ia32' || processor === 'arm' ? 32 : 64}`;
  return processor === 'arm64' ? [`aarch64-${name}`, old] : [old];
}

/** The folders that hold a library of this FMU, by the names in the archive. */
export function platformsOf(modelIdentifier: string | undefined, entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const [, folder, library] = LIBRARY.exec(entry) ?? [];
    return folder !== undefined && library === modelIdentifier ? [folder] : [];
  });
}

/** Path of the library to load. Throws {@link ModelExchangeOnlyError}, {@link FmuPlatformError}. */
export function libraryPath({ file, directory, description }: FmuFolder): string {
  return libraryFile(file, directory, description.coSimulation?.modelIdentifier, '2.0');
}

/** {@link libraryPath} of an FMU of whatever version, unpacked from `file` to `directory`. */
export function libraryFile(
  file: string,
  directory: string,
  modelIdentifier: string | undefined,
  fmi: '1.0' | '2.0' | '3.0',
): string {
  if (modelIdentifier === undefined) {
    throw new ModelExchangeOnlyError(`${file} offers model exchange only, not co-simulation`, {
      location: { file },
      remedy: 'export the FMU for co-simulation, with a solver in it',
    });
  }
  const fileName = `${modelIdentifier}.${EXTENSIONS[process.platform] ?? 'so'}`;
  const folders = platformFolders(process.platform, process.arch, fmi);
  for (const folder of folders) {
    const path = join(directory, 'binaries', folder, fileName);
    if (existsSync(path)) return path;
  }
  const binaries = join(directory, 'binaries');
  const present = existsSync(binaries) ? readdirSync(binaries) : [];
  throw new FmuPlatformError(
    `${file} has no library for this machine: binaries/${folders[0]}/${fileName} is missing, the FMU has ` +
      (present.length === 0 ? 'no binaries at all' : present.join(', ')),
    {
      location: { file },
      details: { needed: folders, present },
      remedy: present.length === 0 ? 'export the FMU with binaries' : 'export the FMU for this platform',
    },
  );
}
