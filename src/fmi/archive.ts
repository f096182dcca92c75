/** FMU files: read without being unpacked, or unpacked into a private temporary folder. */
import { join } from 'node:path';
import type { Problem } from '../support/errors.js';
import { type ArchiveLimits, describe, readEntry, unpackEntry, unpackTo, withArchive } from './checked-archive.js';
import { type AnyModelDescription, modelIdentifierOf } from './fmu-model.js';
import type { ModelDescription } from './model-description.js';
import { platformsOf } from './platform.js';
import { readAnyModelDescription, readModelDescription } from './read-model-description.js';
import { makeTemporaryFolder } from './temporary-folder.js';

/** Where an FMU lies unpacked: plain data, to be handed to another thread. */
export interface FmuFolder {
  /** The archive it came from. */
  readonly file: string;
  readonly directory: string;
  readonly description: ModelDescription;
}

export interface UnpackedFmu extends FmuFolder {
  readonly warnings: readonly Problem[];
  /** Removes the folder. Free all instances before. */
  close(): Promise<void>;
}

/** What an archive says of itself without being unpacked. */
export interface FmuSummary {
  readonly file: string;
  readonly description: ModelDescription;
  readonly warnings: readonly Problem[];
  /** Folders of `binaries/` with a library of this FMU, e.g. `linux64`. */
  readonly platforms: readonly string[];
}

/** Unpacks `file`. Throws a typed error (errors.ts) or `InvalidFileError` for its modelDescription.xml. */
export async function openFmu(file: string, limits: ArchiveLimits = {}): Promise<UnpackedFmu> {
  return open(file, limits, readModelDescription);
}

/** {@link UnpackedFmu} of whatever version of FMI can be read. */
export interface AnyUnpackedFmu extends Omit<UnpackedFmu, 'description'> {
  readonly description: AnyModelDescription;
}

/** {@link openFmu} for FMUs of FMI 1.0, 2.0 and 3.0. */
export async function openAnyFmu(file: string, limits: ArchiveLimits = {}): Promise<AnyUnpackedFmu> {
  return open<AnyModelDescription>(file, limits, readAnyModelDescription);
}

async function open<Description>(
  file: string,
  limits: ArchiveLimits,
  read: (file: string, xml: Uint8Array) => { description: Description; warnings: readonly Problem[] },
) {
  return withArchive(file, limits, async (archive) => {
    const { description, warnings } = await describe(archive, read);
    const { directory, remove: close } = makeTemporaryFolder('twinbridge-fmu-');
    try {
      await unpackTo(directory, archive);
    } catch (error) {
      await close();
      throw error;
    }
    return { file, directory, description, warnings, close };
  });
}

/** {@link FmuSummary} of an FMU of whatever version of FMI can be read. */
export interface AnyFmuSummary extends Omit<FmuSummary, 'description'> {
  readonly description: AnyModelDescription;
}

/** {@link readFmu} for FMUs of FMI 1.0, 2.0 and 3.0. */
export async function readAnyFmu(file: string, limits: ArchiveLimits = {}): Promise<AnyFmuSummary> {
  return withArchive(file, limits, async (archive) => {
    const { description, warnings } = await describe(archive, readAnyModelDescription);
    const platforms = platformsOf(modelIdentifierOf(description), [...archive.entries.keys()]);
    return { file, description, warnings, platforms };
  });
}

/** Reads the description of `file` and looks what platforms it has, without unpacking it; same errors. */
export async function readFmu(file: string, limits: ArchiveLimits = {}): Promise<FmuSummary> {
  return withArchive(file, limits, async (archive) => {
    const { description, warnings } = await describe(archive, readModelDescription);
    return {
      file,
      description,
      warnings,
      platforms: platformsOf(description.coSimulation?.modelIdentifier, [...archive.entries.keys()]),
    };
  });
}

/** What {@link readArchive} shows of an archive that is no FMU. */
export interface ArchiveContent {
  /** Paths of the files in it, in the archive's order. */
  readonly names: readonly string[];
  read(name: string): Promise<Buffer>;
  /** Unpacks one file; answers where it lies, until the process ends. */
  unpack(name: string): Promise<string>;
}

/**
 * Opens an archive that is no FMU but holds some, under the same rules; `kind` names it in messages. Throws the same
 * errors as {@link openFmu}.
 */
export async function readArchive<T>(
  file: string,
  kind: string,
  use: (content: ArchiveContent) => Promise<T>,
  limits: ArchiveLimits = {},
): Promise<T> {
  return withArchive(
    file,
    limits,
    async (archive) => {
      let directory: string | undefined;
      const find = (name: string) => {
        const entry = archive.entries.get(name);
        if (entry === undefined) throw new Error(`${file} holds no '${name}'`);
        return entry;
      };
      return use({
        names: [...archive.entries.keys()].filter((name) => !name.endsWith('/')),
        read: (name) => readEntry(archive, find(name)),
        unpack: async (name) => {
          const entry = find(name);
          directory ??= makeTemporaryFolder('twinbridge-fmu-').directory;
          await unpackEntry(archive, entry, directory);
          return join(directory, name);
        },
      });
    },
    kind,
  );
}
