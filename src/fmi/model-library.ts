/** The library of an unpacked FMU of whatever version, loaded once for all its instances in this thread. */
import { type Address, importerFunctions } from '../native/index.js';
import { FmuFunctionMissingError, FmuLibraryError, FmuSingletonError } from './errors.js';
import type { ModelFolder } from './fmu-instance.js';
import { FMI_NUMBER } from './fmu-model.js';
import { libraryFile } from './platform.js';

const ERROR_BYTES = 2048;

const loaded = new Map<string, ModelLibrary>();
/** By folder, so that it is looked at once, however many instances there are. */
const paths = new WeakMap<ModelFolder, string>();

export class ModelLibrary {
  readonly path: string;
  readonly address: Address;
  readonly #onlyOnce: boolean;
  #users = 0;
  /** After a fatal status: no instance of this FMU may be called, and its code may still be running. */
  abandoned = false;

  /** The library, loaded now or before. Pair it with {@link release}. */
  static acquire(folder: ModelFolder): ModelLibrary {
    const path = paths.get(folder) ?? pathOf(folder);
    const library = loaded.get(path) ?? new ModelLibrary(folder, path);
    if (library.#onlyOnce && library.#users > 0) {
      throw new FmuSingletonError(`${folder.file} can be instantiated only once per process`, {
        location: { file: folder.file },
        remedy: 'run further instances in processes of their own (isolate: true)',
      });
    }
    loaded.set(path, library);
    library.#users += 1;
    return library;
  }

  private constructor(folder: ModelFolder, path: string) {
    const { model } = folder;
    this.path = path;
    this.#onlyOnce = model.capabilities.oncePerProcess;
    const error = new Uint8Array(ERROR_BYTES);
    this.address = importerFunctions().tb_library_load(
      path,
      FMI_NUMBER[model.fmi],
      model.modelIdentifier ?? '',
      error,
      ERROR_BYTES,
    );
    if (Number(this.address) !== 0) return;
    const reason = Buffer.from(error).toString('utf8', 0, error.indexOf(0));
    throw loadingError(folder, reason);
  }

  /** Ends one use; the last one unloads the library. */
  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    loaded.delete(this.path);
    if (!this.abandoned) importerFunctions().tb_library_unload(this.address);
  }

  /** Gives up all instances and keeps the library in memory for good. */
  abandon(): void {
    this.abandoned = true;
  }
}

/** Why a library could not be loaded, as `tb_library_load` says it. */
export function loadingError({ file, model }: ModelFolder, reason: string): FmuFunctionMissingError | FmuLibraryError {
  const missing = /^missing: (.*)$/s.exec(reason)?.[1]?.split(', ');
  if (missing !== undefined) {
    return new FmuFunctionMissingError(`the library of ${file} does not export ${missing.join(', ')}`, {
      location: { file },
      details: { missing },
      remedy: `export the FMU as FMI ${model.fmi} for co-simulation`,
    });
  }
  return new FmuLibraryError(`cannot load the library of ${file}: ${reason}`, {
    location: { file },
    remedy: loadingRemedy(reason),
  });
}

function pathOf(folder: ModelFolder): string {
  const path = libraryFile(folder.file, folder.directory, folder.model.modelIdentifier, folder.model.fmi);
  paths.set(folder, path);
  return path;
}

export function loadingRemedy(reason: string): string {
  return /undefined symbol: _?Py/.test(reason)
    ? 'it is written in Python and expects its library in the process: start with LD_PRELOAD=libpython3.11.so.1.0, or that of your Python'
    : 'check that the libraries it depends on are installed and that it is built for this machine';
}
