/**
 * The FMUs of a server: each is unpacked once, into the cache that all of twinbridge share, however often it is sent and run,
 * and by whom. So one that has been here before need not be sent again.
 */
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  archiveContent,
  type CachedFmu,
  type FmuModel,
  ModelExchangeOnlyError,
  makeTemporaryFolder,
  openCachedFmu,
  openedRecord,
  openKnownFmu,
  type TemporaryFolder,
} from '../../fmi/index.js';
import { InvalidInputError } from '../../support/errors.js';

export interface StoredFmu {
  /** What it was called when it came. */
  readonly name: string;
  readonly sha256: string;
  readonly directory: string;
  readonly model: FmuModel;
  /** For the program that runs it. */
  readonly record: string;
}

export interface FmuStoreOptions {
  /** Bytes of an archive. */
  readonly maxBytes: number;
  /** FMUs run as another user than this process: they have to be where that user can read them. */
  readonly isForOthers?: boolean;
  readonly onEvent?: (event: FmuLoaded) => void;
}

/** It is there from now on. */
export interface FmuLoaded {
  readonly event: 'loaded';
  readonly fmu: string;
  readonly sha256: string;
  readonly from: string;
  readonly ms: number;
}

export class FmuTooLargeToLoadError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_FMU_TOO_LARGE';
}

const SHA256 = /^[0-9a-f]{64}$/;

export class FmuStore {
  readonly #options: FmuStoreOptions;
  readonly #folder: TemporaryFolder = makeTemporaryFolder('twinbridge-fmus-');
  /** By SHA-256. */
  readonly #fmus = new Map<string, Promise<StoredFmu>>();
  readonly #held: CachedFmu[] = [];
  #serial = 0;

  constructor(options: FmuStoreOptions) {
    this.#options = options;
  }

  /** What was sent. Throws the errors of opening an FMU, and {@link FmuTooLargeToLoadError}. */
  async receive(name: string, data: Uint8Array, from: string): Promise<StoredFmu> {
    this.checkSize(data.length);
    const sha256 = createHash('sha256').update(data).digest('hex');
    return this.#once(sha256, name, from, async () => {
      const known = openKnownFmu(sha256, name);
      if (known !== undefined) return known;
      // What it is called is the sender's; here it has a name of ours.
      const file = join(this.#folder.directory, `${this.#serial++}.fmu`);
      await writeFile(file, data, { mode: 0o600 });
      try {
        return await openCachedFmu(file);
      } catch (error) {
        throw withoutFile(error, file, name);
      } finally {
        await rm(file, { force: true });
      }
    });
  }

  /** A file of this machine. */
  async open(file: string, name: string, from: string): Promise<StoredFmu> {
    const sha256 = await archiveContent(file);
    return this.#once(sha256, name, from, () => openCachedFmu(file));
  }

  /** One that is here, or has been. */
  async known(sha256: string, name: string, from: string): Promise<StoredFmu | undefined> {
    if (!SHA256.test(sha256)) return undefined;
    const stored = this.#fmus.get(sha256);
    if (stored !== undefined) return stored;
    const fmu = openKnownFmu(sha256, name);
    return fmu === undefined ? undefined : this.#once(sha256, name, from, async () => fmu);
  }

  checkSize(bytes: number): void {
    const { maxBytes } = this.#options;
    if (bytes <= maxBytes) return;
    throw new FmuTooLargeToLoadError(`the FMU has ${bytes} bytes, the limit here is ${maxBytes}`, {
      details: { bytes, maxBytes },
      remedy: 'start the server with a larger --max-fmu',
    });
  }

  /** After all instances have ended. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#fmus.values());
    for (const fmu of this.#held.splice(0)) fmu.release();
    await this.#folder.remove();
  }

  #once(sha256: string, name: string, from: string, open: () => Promise<CachedFmu>): Promise<StoredFmu> {
    const stored = this.#fmus.get(sha256);
    if (stored !== undefined) return stored;
    const making = this.#make(sha256, name, from, open);
    this.#fmus.set(sha256, making);
    making.catch(() => this.#fmus.delete(sha256));
    return making;
  }

  async #make(sha256: string, name: string, from: string, open: () => Promise<CachedFmu>): Promise<StoredFmu> {
    const started = performance.now();
    const fmu = await open();
    try {
      const { model } = fmu;
      if (model.modelIdentifier === undefined) {
        throw new ModelExchangeOnlyError(`${name} offers model exchange only, not co-simulation`);
      }
      const directory = this.#options.isForOthers ? await this.#copyForOthers(fmu, sha256) : fmu.directory;
      const record = openedRecord({ file: name, directory, model });
      this.#held.push(fmu);
      this.#options.onEvent?.({ event: 'loaded', fmu: name, sha256, from, ms: performance.now() - started });
      return { name, sha256, directory, model, record };
    } catch (error) {
      fmu.release();
      throw error;
    }
  }

  /** The cache is for its owner only. */
  async #copyForOthers({ directory }: CachedFmu, sha256: string): Promise<string> {
    // Passed through, not listed.
    await chmod(this.#folder.directory, 0o711);
    const copy = join(this.#folder.directory, sha256);
    await cp(directory, copy, { recursive: true });
    await mkdir(join(copy, 'resources'), { recursive: true });
    await openToRead(copy);
    return copy;
  }
}

async function openToRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToRead(path);
    else await chmod(path, 0o644);
  }
}

/** Where it was unpacked from says nothing to the one who sent it. */
function withoutFile(error: unknown, file: string, name: string): unknown {
  if (!(error instanceof Error)) return error;
  error.message = error.message.replaceAll(file, name);
  return error;
}
