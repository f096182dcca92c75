/**
 * Where the files of a system are: an archive, a folder, or beside an SSD file.
 *
 * What an archive holds is read in place. FMUs are unpacked, as they are, into a private folder that goes with the process:
 * they are needed as long as the system may run.
 */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ArchiveContent, readArchive } from '../../../fmi/index.js';
import { InvalidInputError } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';

/** Paths in it are relative, with `/`. */
export interface SspFolder {
  readonly isArchive: boolean;
  /** How messages name the file. */
  nameOf(path: string): string;
  /** undefined: there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Where the file lies on the disk; undefined: there is none. */
  locate(path: string): Promise<string | undefined>;
  /** Files that could have been meant. */
  near(path: string): Promise<readonly string[]>;
}

export interface OpenedSsp {
  readonly folder: SspFolder;
  /** Path of the SSD file in it. */
  readonly ssd: string;
}

const DEFAULT_SSD = 'SystemStructure.ssd';

/**
 * Opens an archive, a folder or an SSD file. `variant` names the SSD file of the first two, with or without `.ssd`.
 * The folder can be used until `use` is done. `name` is how messages name the file.
 */
export async function openSsp<T>(
  file: string,
  variant: string | undefined,
  use: (opened: OpenedSsp) => Promise<T>,
  name: string = file,
): Promise<T> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new InvalidInputError(`cannot read ${name}: ${reason}`, {
      cause,
      location: { file: name },
      remedy: 'check the path',
    });
  });
  if (found.isDirectory()) {
    const ssd = choose(name, await readdir(file), variant);
    return use({ folder: new DiskFolder(file), ssd });
  }
  if (!(await isZip(file))) {
    if (variant !== undefined && withExtension(variant) !== basename(file)) {
      throw new InvalidInputError(`${name} is one description: there is no '${variant}' in it`, {
        location: { file: name },
      });
    }
    return use({ folder: new DiskFolder(dirname(file)), ssd: basename(file) });
  }
  return readArchive(file, 'SSP', async (content) => {
    const ssd = choose(name, content.names, variant);
    return use({ folder: new ArchiveFolder(name, content), ssd });
  });
}

/** The SSD file among the files of an SSP. */
function choose(file: string, names: readonly string[], variant: string | undefined): string {
  const wanted = variant === undefined ? DEFAULT_SSD : withExtension(variant);
  if (names.includes(wanted)) return wanted;
  const others = names.filter((name) => name.endsWith('.ssd') && !name.includes('/'));
  const nested = names.find((name) => name.endsWith(`/${wanted}`));
  const remedy =
    others.length > 0
      ? `it has ${others.join(', ')}: name one of them as its system structure`
      : nested === undefined
        ? 'check that the file is a System Structure Package'
        : `it holds ${nested}: pack the content of the folder '${dirname(nested)}', not the folder`;
  throw new InvalidInputError(`${file} holds no ${wanted}${didYouMean(wanted, others)}`, {
    location: { file },
    remedy,
  });
}

function withExtension(variant: string): string {
  return variant.endsWith('.ssd') ? variant : `${variant}.ssd`;
}

async function isZip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.toString('latin1') === 'PK';
  } finally {
    await handle.close();
  }
}

class ArchiveFolder implements SspFolder {
  readonly isArchive = true;
  readonly #name: string;
  readonly #content: ArchiveContent;
  readonly #unpacked = new Map<string, Promise<string>>();

  constructor(name: string, content: ArchiveContent) {
    this.#name = name;
    this.#content = content;
  }

  nameOf(path: string): string {
    return `${this.#name}/${path}`;
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.#content.names.includes(path) ? this.#content.read(path) : undefined;
  }

  async locate(path: string): Promise<string | undefined> {
    if (!this.#content.names.includes(path)) return undefined;
    const unpacked = this.#unpacked.get(path) ?? this.#content.unpack(path);
    this.#unpacked.set(path, unpacked);
    return unpacked;
  }

  async near(): Promise<readonly string[]> {
    return this.#content.names;
  }
}

class DiskFolder implements SspFolder {
  readonly isArchive = false;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  nameOf(path: string): string {
    return isAbsolute(path) ? path : join(this.#directory, path);
  }

  async read(path: string): Promise<Buffer | undefined> {
    const file = await this.locate(path);
    return file === undefined ? undefined : readFile(file);
  }

  async locate(path: string): Promise<string | undefined> {
    const file = this.nameOf(path);
    const found = await stat(file).catch(() => undefined);
    return found?.isFile() === true ? file : undefined;
  }

  async near(path: string): Promise<readonly string[]> {
    const folder = posix.dirname(path);
    const names = await readdir(this.nameOf(folder)).catch(() => []);
    return names.map((name) => posix.join(folder, name));
  }
}

/** What a URI in a file of SSP leads to. */
export interface UriTarget {
  /** Empty: the file itself. */
  readonly path: string;
  readonly fragment?: string;
}

/**
 * `uri` against the file at `base`. Relative ones are all that SSP asks for (section 2.4); those of files are read too, where
 * the SSD is no part of an archive.
 */
export function resolveUri(uri: string, base: string, isArchive: boolean): UriTarget | { readonly fault: string } {
  const [reference, fragment] = uri.split('#', 2) as [string, string?];
  const rest = fragment === undefined ? {} : { fragment: unescaped(fragment) };
  if (reference === '') return { path: '', ...rest };
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(reference)?.[1]?.toLowerCase();
  if (scheme !== undefined && (scheme !== 'file' || isArchive)) {
    return { fault: `'${uri}' is of the scheme '${scheme}', only relative paths can be read` };
  }
  if (scheme === 'file') {
    try {
      return { path: fileURLToPath(reference), ...rest };
    } catch {
      return { fault: `'${uri}' is no path on this machine` };
    }
  }
  const path = unescaped(reference);
  if (posix.isAbsolute(path) && !isArchive) return { path, ...rest };
  const joined = posix.normalize(posix.join(posix.dirname(base), path));
  if (isArchive && (joined.startsWith('../') || posix.isAbsolute(path))) {
    return { fault: `'${uri}' leads out of the archive` };
  }
  return { path: joined, ...rest };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a per cent sign of its own
  }
}
