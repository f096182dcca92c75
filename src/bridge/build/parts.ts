/** The files that every bridge FMU carries: the native library, the backend and what the backend loads. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ArchiveEntry, binariesFolder, PLATFORMS, platformFolders } from '../../fmi/index.js';
import { nativeLibraryPath } from '../../native/index.js';
import { BridgeBuildError } from './errors.js';

export interface PartOptions {
  /** The native library, built for this processor; default: that of this installation. */
  readonly library?: string;
  /** The bundled backend; default: that of this installation. */
  readonly backend?: string;
  /** The FMU stands in for an RMQFMU: it can read a modelDescription.xml that was put into it. */
  readonly standsIn?: boolean;
}

export interface Parts {
  /** Folder below `binaries/`. */
  readonly platform: string;
  readonly entries: readonly (ArchiveEntry & { readonly content: Buffer })[];
}

const DESCRIPTION_READER = fileURLToPath(new URL('../../rmqfmu.cjs', import.meta.url));
const BACKEND = fileURLToPath(new URL('../../backend.cjs', import.meta.url));
const SYSTEMS: Readonly<Record<string, NodeJS.Platform>> = { '.so': 'linux', '.dll': 'win32', '.dylib': 'darwin' };

/** Throws {@link BridgeBuildError} if one is missing. */
export async function readParts(modelIdentifier: string, options: PartOptions, fmi: 2 | 3): Promise<Parts> {
  const { library = nativeLibraryPath(), backend = BACKEND } = options;
  const extension = extname(library);
  const system = SYSTEMS[extension];
  if (system === undefined) {
    throw new BridgeBuildError(`${library} is no shared library by its name`, {
      details: { library },
      remedy: `its name has to end in one of ${Object.keys(SYSTEMS).join(', ')}`,
    });
  }
  const known = PLATFORMS.find((platform) => platform.system === system && platform.processor === process.arch);
  const platform =
    known === undefined ? platformFolders(system, process.arch)[0]! : binariesFolder(known, fmi === 3 ? '3.0' : '2.0');
  const koffi = koffiFiles(system);
  const reader = options.standsIn
    ? [
        {
          name: 'resources/rmqfmu.cjs',
          content: await readPart(DESCRIPTION_READER, 'the reader of descriptions', "run 'npm run build'"),
        },
      ]
    : [];
  const [libraryBytes, backendBytes, koffiBytes, koffiLicense] = await Promise.all([
    readPart(library, 'the native library', "run 'npm run build' (needs a C compiler and CMake)"),
    readPart(backend, 'the bundled backend', "run 'npm run build'"),
    readPart(koffi.native, "koffi's native part", "run 'npm ci' with optional dependencies"),
    readPart(koffi.license, "koffi's license", "run 'npm ci'"),
  ]);
  return {
    platform,
    entries: [
      { name: `binaries/${platform}/${modelIdentifier}${extension}`, content: libraryBytes },
      { name: 'resources/backend.cjs', content: backendBytes },
      ...reader,
      { name: `resources/koffi/${system}_${process.arch}/koffi.node`, content: koffiBytes },
      { name: 'documentation/licenses/koffi.txt', content: koffiLicense },
    ],
  };
}

/** koffi keeps its native part in a package for each platform; one compiled on the spot lies in its own. */
function koffiFiles(system: NodeJS.Platform): { native: string; license: string } {
  const toolchain = `${system}_${process.arch}`;
  const require = createRequire(import.meta.url);
  const main = require.resolve('koffi');
  const folder = dirname(main);
  const candidates = [join(folder, 'build', 'koffi', toolchain, 'koffi.node')];
  try {
    const packaged = createRequire(main).resolve(`@koromix/koffi-${system}-${process.arch}`);
    candidates.unshift(join(dirname(packaged), toolchain, 'koffi.node'));
  } catch {
    // Not installed: what is missing is said when it is read.
  }
  return {
    native: candidates.find((file) => existsSync(file)) ?? candidates[0]!,
    license: join(folder, 'LICENSE.txt'),
  };
}

async function readPart(file: string, what: string, remedy: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'is missing' : `cannot be read: ${cause.message}`;
    throw new BridgeBuildError(`${what} ${file} ${why}`, { cause, details: { file }, remedy });
  });
}
