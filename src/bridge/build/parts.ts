/** The files that every bridge FMU carries: the native library, the backend and what the backend loads. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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
import { nativeLibraryPath } from '../../native/index.js';
import { BridgeBuildError } from './errors.js';
import { type Runtime, readRuntime } from './runtime.js';

export interface PartOptions {
  /** The native library for this machine; default: that of this installation. */
  readonly library?: string;
  /** The bundled backend; default: that of this installation. */
  readonly backend?: string;
  /** Which platforms the FMU is to run on; default: `built`. */
  readonly platforms?: WantedPlatforms;
  /** Platforms that get a Node.js into the FMU; `true`: all that the FMU is for. Default: none. */
  readonly bundleRuntime?: boolean | readonly PlatformTuple[];
  /** The FMU stands in for an RMQFMU: it can read a modelDescription.xml that was put into it. */
  readonly standsIn?: boolean;
}

type PartEntry = ArchiveEntry & { readonly content: Buffer };

export interface Parts {
  readonly platforms: readonly Platform[];
  readonly entries: readonly PartEntry[];
  readonly runtime: Runtime;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DESCRIPTION_READER = fileURLToPath(new URL('../../rmqfmu.cjs', import.meta.url));
const LICENCES = fileURLToPath(new URL('../../licences/', import.meta.url));
const BACKEND = fileURLToPath(new URL('../../backend.cjs', import.meta.url));

/** Throws {@link BridgeBuildError} if one is missing. `fmi` says what the folders below `binaries/` are called. */
export async function readParts(modelIdentifier: string, options: PartOptions, fmi: 2 | 3): Promise<Parts> {
  const platforms = chosenPlatforms(options.platforms ?? 'built');
  const reader = options.standsIn
    ? [
        {
          name: 'resources/rmqfmu.cjs',
          content: await readPart(DESCRIPTION_READER, 'the reader of descriptions', "run 'npm run build'"),
        },
      ]
    : [];
  const [backend, licences, runtime, ...perPlatform] = await Promise.all([
    readPart(options.backend ?? BACKEND, 'the bundled backend', "run 'npm run build'"),
    readLicences(),
    readRuntime(chosenRuntimes(options.bundleRuntime ?? false, platforms)),
    ...platforms.map((platform) => readPlatform(platform, libraryFile(platform, options), modelIdentifier, fmi)),
  ]);
  return {
    platforms,
    entries: [
      ...(fmi === 2 ? forBothMacs(perPlatform.flat()) : perPlatform.flat()),
      { name: 'resources/backend.cjs', content: backend },
      ...reader,
      ...licences,
    ],
    runtime,
  };
}

function chosenPlatforms(wanted: WantedPlatforms): readonly Platform[] {
  const chosen = choosePlatforms(wanted, libraryName);
  if (chosen.length > 0 || typeof wanted !== 'string') return chosen;
  throw new BridgeBuildError(`bridge FMUs are not built for ${process.platform} on ${process.arch}`, {
    details: { platforms: PLATFORM_TUPLES },
    remedy: `build one for ${PLATFORM_TUPLES.join(', ')}: run 'npm run build:platforms' first`,
  });
}

function chosenRuntimes(wanted: boolean | readonly PlatformTuple[], platforms: readonly Platform[]): Platform[] {
  if (typeof wanted === 'boolean') return wanted ? [...platforms] : [];
  const idle = wanted.find((tuple) => !platforms.some((platform) => platform.tuple === tuple));
  if (idle !== undefined) {
    throw new BridgeBuildError(`the FMU is not for ${idle}, so a Node.js for it would be of no use`, {
      details: { runtime: idle, platforms: platforms.map(({ tuple }) => tuple) },
      remedy: "leave it out, or name it in '--platforms' too",
    });
  }
  return platforms.filter(({ tuple }) => wanted.includes(tuple));
}

async function readPlatform(
  platform: Platform,
  libraryPath: string,
  modelIdentifier: string,
  fmi: 2 | 3,
): Promise<PartEntry[]> {
  const { tuple, extension, system, processor } = platform;
  const isHost = platform === hostPlatform();
  const [library, koffi] = await Promise.all([
    readPart(
      libraryPath,
      isHost ? 'the native library' : `the native library for ${tuple}`,
      isHost ? "run 'npm run build' (needs a C compiler and CMake)" : "run 'npm run build:platforms'",
    ),
    readPart(
      koffiFile(platform),
      `koffi's native part for ${tuple}`,
      isHost ? "run 'npm ci' with optional dependencies" : "run 'npm run build:platforms'",
    ),
  ]);
  const folder = binariesFolder(platform, fmi === 3 ? '3.0' : '2.0');
  return [
    { name: `binaries/${folder}/${modelIdentifier}.${extension}`, content: library },
    { name: `resources/koffi/${system}_${processor}/koffi.node`, content: koffi },
  ];
}

function libraryName({ extension }: Platform): string {
  return `libtwinbridge.${extension}`;
}

function libraryFile(platform: Platform, { library, platforms = 'built' }: PartOptions): string {
  const portable = crossCompiled(platform.tuple, libraryName(platform));
  if (platform !== hostPlatform()) return portable;
  return library ?? fileForHost(portable, platforms, nativeLibraryPath);
}

/** koffi keeps its native part in a package for each platform; one compiled on the spot lies in its own. */
function koffiFile({ system, processor }: Platform): string {
  const toolchain = `${system}_${processor}`;
  const main = createRequire(import.meta.url).resolve('koffi');
  const candidates = [
    join(dirname(main), 'build', 'koffi', toolchain, 'koffi.node'),
    join(ROOT, 'build', 'koffi', toolchain, 'koffi.node'),
  ];
  try {
    const packaged = createRequire(main).resolve(`@koromix/koffi-${system}-${processor}`);
    candidates.unshift(join(dirname(packaged), toolchain, 'koffi.node'));
  } catch {
    // Not installed: what is missing is said when it is read.
  }
  return candidates.find((file) => existsSync(file)) ?? candidates[0]!;
}

/** Of this program, and of everything that goes into the FMU with it. */
async function readLicences(): Promise<PartEntry[]> {
  const koffi = join(dirname(createRequire(import.meta.url).resolve('koffi')), 'LICENSE.txt');
  const bundled = await readdir(LICENCES).catch(() => []);
  const files = [
    ['twinbridge.txt', join(ROOT, 'LICENSE')],
    ['koffi.txt', koffi],
  ] as [string, string][];
  files.push(...bundled.map((name): [string, string] => [name, join(LICENCES, name)]));
  return Promise.all(
    files.sort().map(async ([name, file]) => ({
      name: `documentation/licenses/${name}`,
      content: await readPart(file, 'the licence', "run 'npm ci' and 'npm run build'"),
    })),
  );
}

async function readPart(file: string, what: string, remedy: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'is missing' : `cannot be read: ${cause.message}`;
    throw new BridgeBuildError(`${what} ${file} ${why}`, { cause, details: { file }, remedy });
  });
}
