/** Where an FMU keeps the library for this machine (FMI 2.0.4, section 2.3): `binaries/<platform>/<modelIdentifier>`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FmuFolder } from './archive.js';
import { FmuPlatformError, ModelExchangeOnlyError } from './errors.js';
import type { ModelDescription } from './model-description.js';

const LIBRARY = /^binaries\/([^/]+)\/([^/]+)\.(so|dll|dylib)$/;
const EXTENSIONS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: 'dll', darwin: 'dylib' };
const SYSTEMS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: 'win', darwin: 'darwin' };

/**
 * This machine's folder names, best first. FMI 2.0 names only Intel processors; for others the names of FMI 3.0 are in
 * use, or one library for several processors under the old name.
 */
export function platformFolders(
  system: NodeJS.Platform = process.platform,
  processor: string = process.arch,
): string[] {
  const old = `${SYSTEMS[system] ?? 'linux'}${processor === 'ia32' || processor === 'arm' ? 32 : 64}`;
  if (processor !== 'arm64') return [old];
  const name = { win32: 'windows', darwin: 'darwin' }[system as string] ?? 'linux';
  return [`aarch64-${name}`, old];
}

/** The folders that hold a library of this FMU, by the names in the archive. */
export function platformsOf({ coSimulation }: ModelDescription, entries: readonly string[]): string[] {
  return entries.flatMap((entry) => {
    const [, folder, library] = LIBRARY.exec(entry) ?? [];
    return folder !== undefined && library === coSimulation?.modelIdentifier ? [folder] : [];
  });
}

/** Path of the library to load. Throws {@link ModelExchangeOnlyError}, {@link FmuPlatformError}. */
export function libraryPath({ file, directory, description }: FmuFolder): string {
  const { coSimulation } = description;
  if (coSimulation === undefined) {
    throw new ModelExchangeOnlyError(`${file} offers model exchange only, not co-simulation`, {
      location: { file },
      remedy: 'export the FMU for co-simulation, with a solver in it',
    });
  }
  const fileName = `${coSimulation.modelIdentifier}.${EXTENSIONS[process.platform] ?? 'so'}`;
  const folders = platformFolders();
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
