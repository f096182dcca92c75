/**
 * Unpacked FMUs, kept and shared: an archive is unpacked once, whoever opens it and how often, and what it says of itself
 * is read from XML once. Where all this lies: cache/root.ts.
 *
 * A cache that cannot be used keeps nobody from running: a temporary folder takes its place.
 *
 * What reads archives is loaded when there is one to be read: a run of FMUs that are there starts the sooner.
 */
import type { FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Problem } from '../support/errors.js';
import { hashContent, identityOf, knownContent, rememberContent } from './cache/content.js';
import { type CacheEntry, type ClearedCache, listEntries, tidy } from './cache/entries.js';
import { type HeldFolder, holdFolder, noteUse, prepareEntry, readRecord, unpackFolder } from './cache/folder.js';
import { leaveNativeRecord } from './cache/native-record.js';
import {
  type CacheRoot,
  cacheLimit,
  cacheRoot,
  entriesOf,
  temporaryCacheRoot,
  UnusableCacheError,
} from './cache/root.js';
import { hasModel, loadModel, type StoredModel, storeModel, warningsFor, withoutFile } from './cache/stored-model.js';
import type { Archive, ArchiveLimits } from './checked-archive.js';
import { FmuChangedError } from './errors.js';
import { type FmuModel, modelIdentifierOf, modelOf } from './fmu-model.js';
import { platformsOf } from './platform.js';

export type { CacheEntry, ClearedCache } from './cache/entries.js';

/** What an archive says of itself, in the words that all versions of FMI share. */
export interface FmuModelSummary {
  readonly file: string;
  readonly model: FmuModel;
  readonly warnings: readonly Problem[];
  /** Folders of `binaries/` with a library of this FMU, e.g. `linux64`. */
  readonly platforms: readonly string[];
}

/** An FMU in a folder that others use too: nothing may be written there. */
export interface CachedFmu extends FmuModelSummary {
  /** The unpacked FMU; there is always a folder `resources` in it. */
  readonly directory: string;
  /** From then on the folder may go. Free all instances before. */
  release(): void;
}

/** As often a folder may be removed, or written to, between being made and being used. */
const ATTEMPTS = 3;

/**
 * {@link CachedFmu}. `limits` count when it is unpacked. Throws a typed error (errors.ts) or `InvalidFileError` for its
 * modelDescription.xml.
 */
export async function openCachedFmu(file: string, limits: ArchiveLimits = {}): Promise<CachedFmu> {
  return open(file, limits, false);
}

/**
 * {@link openCachedFmu}, and what programs in C go by when they find it (native-record.ts) is written anew: theirs was not
 * there, or of another time or machine.
 */
export async function openCachedFmuForPrograms(file: string, limits: ArchiveLimits = {}): Promise<CachedFmu> {
  return open(file, limits, true);
}

async function open(file: string, limits: ArchiveLimits, recordAnew: boolean): Promise<CachedFmu> {
  return withRoot(async (root) => {
    const content = knownContent(root, file);
    const opened = content === undefined ? undefined : openWarm(root, file, content, recordAnew);
    if (opened !== undefined) return opened;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        const warm = await makeWarmOnce(root, file, limits);
        try {
          const opened = openWarm(root, file, warm.content, true);
          if (opened !== undefined) return opened;
        } finally {
          warm.done();
        }
      } catch (error) {
        // The entry was removed under our hands.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
      }
    }
    throw new UnusableCacheError(`the copy of ${file} does not stay as it was unpacked`);
  });
}

/**
 * One whose archive has this SHA-256 (in hexadecimal), if it is in the cache, wherever the archive is now. `file` is what it
 * is called in messages.
 */
export function openKnownFmu(sha256: string, file: string): CachedFmu | undefined {
  return openWarm(cacheRoot(), file, sha256, false);
}

/** Reads what the archive says of itself, without unpacking it; errors as of {@link openCachedFmu}. */
export async function readFmuModel(file: string, limits: ArchiveLimits = {}): Promise<FmuModelSummary> {
  return withRoot(async (root) => {
    const content = knownContent(root, file);
    if (content !== undefined) {
      const entry = join(entriesOf(root), content);
      const stored = loadModel(entry, content);
      if (stored !== undefined) return toSummary(file, stored);
    }
    const { withFile } = await import('./checked-archive.js');
    return withFile(file, async (handle) => {
      const source = await Source.of(root, file, handle, limits);
      const stored = await source.readModel();
      await source.remember();
      noteUse(source.entry);
      return toSummary(file, stored);
    });
  });
}

/** SHA-256 of the archive, in hexadecimal. */
export async function archiveContent(file: string): Promise<string> {
  return withRoot(async (root) => {
    const content = knownContent(root, file);
    if (content !== undefined) return content;
    const { withFile } = await import('./checked-archive.js');
    return withFile(file, async (handle) => (await Source.of(root, file, handle, {})).content);
  });
}

export interface CacheStatus {
  readonly directory: string;
  /** Why it is a temporary folder of this process. */
  readonly temporary?: string;
  /** Bytes that all FMUs may take. */
  readonly limit: number;
  /** Newest use first. */
  readonly entries: readonly CacheEntry[];
}

export function cacheStatus(): CacheStatus {
  const root = cacheRoot();
  return { ...root, limit: cacheLimit(), entries: listEntries(root) };
}

/** Removes all that no process uses. */
export async function clearCache(): Promise<ClearedCache> {
  return tidy(cacheRoot(), Number.NEGATIVE_INFINITY);
}

/** In the cache, or, if that fails by the fault of the cache, in a temporary one. */
async function withRoot<T>(use: (root: CacheRoot) => Promise<T>): Promise<T> {
  const root = cacheRoot();
  try {
    return await use(root);
  } catch (error) {
    const isOfCache = error instanceof UnusableCacheError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isOfCache || root.temporary !== undefined) throw error;
    return use(temporaryCacheRoot((error as Error).message));
  }
}

function openWarm(root: CacheRoot, file: string, content: string, recordAnew: boolean): CachedFmu | undefined {
  const entry = join(entriesOf(root), content);
  const record = readRecord(entry);
  const stored = record === undefined ? undefined : loadModel(entry, content);
  if (record === undefined || stored === undefined) return undefined;
  const held = holdFolder(entry, record);
  if (held === undefined) return undefined;
  leaveNativeRecord(root, { file, content, record, model: stored.model }, recordAnew);
  return { ...toSummary(file, stored), ...held };
}

function toSummary(file: string, { model, warnings, platforms }: StoredModel): FmuModelSummary {
  return { file, model, warnings: warningsFor(file, warnings), platforms };
}

interface Warm {
  readonly content: string;
  /** So that it is still there when who waited for it opens it. */
  readonly held: HeldFolder;
}

/** What is being unpacked in this process, and for how many. */
const beingMade = new Map<string, { readonly made: Promise<Warm>; waiting: number }>();

/** Sees to it that the archive is in the cache, and stays there until `done` is called. */
async function makeWarmOnce(
  root: CacheRoot,
  file: string,
  limits: ArchiveLimits,
): Promise<{ content: string; done: () => void }> {
  const key = `${root.directory}\0${resolve(file)}`;
  let making = beingMade.get(key);
  if (making === undefined) {
    const made = makeWarm(root, file, limits).finally(() => beingMade.delete(key));
    making = { made, waiting: 0 };
    beingMade.set(key, making);
  }
  const { made } = making;
  making.waiting += 1;
  const { content, held } = await made;
  const done = () => {
    making.waiting -= 1;
    if (making.waiting === 0) held.release();
  };
  return { content, done };
}

async function makeWarm(root: CacheRoot, file: string, limits: ArchiveLimits): Promise<Warm> {
  const limit = cacheLimit();
  const { withFile } = await import('./checked-archive.js');
  return withFile(file, async (handle) => {
    const source = await Source.of(root, file, handle, limits);
    await source.readModel();
    const record = readRecord(source.entry);
    const ready = record === undefined ? undefined : holdFolder(source.entry, record);
    const held = ready ?? (await unpackFolder(source.entry, await source.archive(), () => source.check()));
    // The FMU is there: whatever fails from here on does no harm.
    await source.remember().catch(() => {});
    if (ready === undefined) await tidy(root, limit).catch(() => {});
    return { content: source.content, held };
  });
}

/** An open archive and its entry in the cache. */
class Source {
  readonly content: string;
  readonly entry: string;
  readonly #root: CacheRoot;
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #limits: ArchiveLimits;
  readonly #identity: string;
  #archive: Archive | undefined;

  static async of(root: CacheRoot, file: string, handle: FileHandle, limits: ArchiveLimits): Promise<Source> {
    const found = await handle.stat({ bigint: true });
    const content = knownContent(root, file, found) ?? (await hashContent(handle));
    return new Source(root, file, handle, limits, identityOf(found), content);
  }

  private constructor(
    root: CacheRoot,
    file: string,
    handle: FileHandle,
    limits: ArchiveLimits,
    identity: string,
    content: string,
  ) {
    this.#root = root;
    this.#file = file;
    this.#handle = handle;
    this.#limits = limits;
    this.#identity = identity;
    this.content = content;
    this.entry = join(entriesOf(root), content);
  }

  async archive(): Promise<Archive> {
    const { checkArchive } = await import('./checked-archive.js');
    this.#archive ??= await checkArchive(this.#file, this.#handle, this.#limits);
    return this.#archive;
  }

  /** From the cache, or from the archive. Then it is in the cache. */
  async readModel(): Promise<StoredModel> {
    const known = loadModel(this.entry, this.content);
    const stored = known ?? (await this.#describe());
    prepareEntry(this.entry);
    if (known === undefined || !hasModel(this.entry)) storeModel(this.entry, this.content, stored);
    return stored;
  }

  async #describe(): Promise<StoredModel> {
    const archive = await this.archive();
    const [{ describe }, { readAnyModelDescription }] = await Promise.all([
      import('./checked-archive.js'),
      import('./read-model-description.js'),
    ]);
    const { description, warnings } = await describe(archive, readAnyModelDescription);
    await this.check();
    const platforms = platformsOf(modelIdentifierOf(description), [...archive.entries.keys()]);
    return { model: modelOf(description), warnings: withoutFile(warnings), platforms };
  }

  /** What was read is what was hashed. Throws {@link FmuChangedError}. */
  async check(): Promise<void> {
    if (identityOf(await this.#handle.stat({ bigint: true })) === this.#identity) return;
    throw new FmuChangedError(`${this.#file} was written to while it was read`, {
      location: { file: this.#file },
      remedy: 'wait until it is written, and try again',
    });
  }

  async remember(): Promise<void> {
    const found = await this.#handle.stat({ bigint: true });
    if (identityOf(found) === this.#identity) rememberContent(this.#root, this.#file, found, this.content);
  }
}
