/** Where the FMU lies that a multi-model names by a path or URI. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RemoteSource, type SourceFault, schemeOf, unknownScheme } from '../../../remote/index.js';
import { remotePlace } from '../remote-place.js';

export interface FoundFmu {
  /** Absolute; of a remote FMU that is not here its URI; as it is written if it was not found. */
  readonly fmu: string;
  readonly remote?: RemoteSource;
  readonly fmuFault?: { readonly message: string; readonly remedy?: string };
}

/**
 * Relative paths are looked for beside the file, then in the search directories, in the folder `FMUs` of the INTO-CPS
 * project around the file, and in the current directory.
 */
export function findFmu(written: string, file: string, searchDirectories: readonly string[]): FoundFmu {
  const remote = remotePlace(written, dirname(resolve(file)));
  if (remote !== undefined) return 'fault' in remote ? faulty(written, remote) : remote;
  const scheme = schemeOf(written);
  if (scheme !== undefined && scheme !== 'file') return faulty(written, unknownScheme(written));
  const path = toPath(written);
  if (path === undefined) {
    return { fmu: written, fmuFault: { message: `'${written}' names no file on this machine` } };
  }
  if (isAbsolute(path)) return { fmu: path };
  const folder = dirname(resolve(file));
  const folders = [
    ...new Set([folder, ...searchDirectories, ...projectFolders(folder), '.'].map((one) => resolve(one))),
  ];
  // In a path, other than in an URI, %20 may be meant as it is.
  const spellings = path.includes('%') ? [path, decode(path)] : [path];
  const candidates = folders.flatMap((place) => spellings.map((spelling) => resolve(place, spelling)));
  const fmu = candidates.find((candidate) => existsSync(candidate));
  if (fmu !== undefined) return { fmu };
  const remedy = `it was looked for in ${folders.join(', ')}`;
  return { fmu: written, fmuFault: { message: `cannot read ${written}: no such file`, remedy } };
}

/** The fault goes on from the name of the component. */
function faulty(written: string, { fault, remedy }: SourceFault): FoundFmu {
  return { fmu: written, fmuFault: { message: `the FMU ${fault}`, remedy } };
}

function toPath(written: string): string | undefined {
  const [, rest] = /^file:(.*)$/is.exec(written) ?? [];
  if (rest === undefined) return written;
  if (/^\/(?!\/)|^\/\/(?:localhost)?\//i.test(rest)) {
    try {
      return fileURLToPath(written);
    } catch {
      return undefined;
    }
  }
  // file:folder/x.fmu and file://x.fmu are no URIs of files, but are written as if they were.
  return decode(rest.replace(/^\/\//, ''));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `FMUs` beside the file and in the folders around it: a project has its multi-models in `Multi-models/name`. */
function projectFolders(folder: string): string[] {
  const parent = dirname(folder);
  const around = [folder, parent, dirname(parent), dirname(dirname(parent))];
  return [...new Set(around)].map((place) => join(place, 'FMUs'));
}
