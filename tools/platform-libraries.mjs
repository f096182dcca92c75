/**
 * The native libraries for every platform, cross-compiled from here, in `build/native/<tuple>/`, the programs that run
 * isolated FMUs and serve remote ones beside them, and koffi's native part for each in `build/koffi/`. The same sources give
 * the same bytes.
 *
 * The compiler is Zig's, from the PyPI package `ziglang`, which this puts into `build/zig` (needs python3 with pip; TWINBRIDGE_PYTHON names another);
 * TWINBRIDGE_ZIG names another zig program.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { run } from './run.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ZIGLANG = 'ziglang==0.17.0';

/** glibc 2.17 and macOS 11 are what Node.js 20 itself needs at least, or older. */
export const TARGETS = {
  'x86_64-linux': 'x86_64-linux-gnu.2.17',
  'aarch64-linux': 'aarch64-linux-gnu.2.17',
  'x86_64-windows': 'x86_64-windows-gnu',
  'x86_64-darwin': 'x86_64-macos.11.0',
  'aarch64-darwin': 'aarch64-macos.11.0',
};
/** For FMUs of 32 bits: only the program that runs them, for importers of 64 bits. */
export const PROGRAM_TARGETS = {
  'x86-linux': 'x86-linux-gnu.2.17',
  'x86-windows': 'x86-windows-gnu',
};
const ALL_TARGETS = { ...TARGETS, ...PROGRAM_TARGETS };
const FLAGS = ['-std=c11', '-O3', '-s', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
const LINKED = {
  linux: ['-lm', '-ldl', '-lpthread', '-lrt'],
  windows: ['-lws2_32'],
  darwin: [],
};
const EXTENSIONS = { linux: 'so', windows: 'dll', darwin: 'dylib' };

/** As fmu-shim/CMakeLists.txt puts them together: folders with C, and files. */
const IMPORTER = ['src/import', 'src/host', 'src/platform', 'src/far', 'src/isolate'];
const PRODUCTS = [
  { name: 'libtwinbridge', shared: true, sources: ['src'], options: { linux: ['-Wl,-z,nodelete'] } },
  {
    name: 'libtwinbridge-wrap',
    shared: true,
    sources: ['wrap', ...IMPORTER, 'src/remote', 'src/fmi/resources.c'],
    flags: ['-DTB_HIDDEN'],
  },
  { name: 'twinbridge-isolate', shared: false, sources: ['isolate', ...IMPORTER] },
  {
    name: 'twinbridge-proxyfmu',
    shared: false,
    sources: ['proxyfmu', ...IMPORTER, 'src/remote'],
    flags: [`-DTB_VERSION="${packageVersion()}"`],
  },
];
const SOURCES = ['include', 'src', 'isolate', 'wrap', 'proxyfmu'];

/** Zig's program, installed if need be. */
async function zig(log) {
  if (process.env.TWINBRIDGE_ZIG) return process.env.TWINBRIDGE_ZIG;
  const program = join(root, 'build/zig/ziglang', process.platform === 'win32' ? 'zig.exe' : 'zig');
  if (!existsSync(program)) {
    log(`installing ${ZIGLANG} into build/zig …`);
    const python = process.env.TWINBRIDGE_PYTHON || (process.platform === 'win32' ? 'python' : 'python3');
    await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', 'build/zig', ZIGLANG]);
  }
  return program;
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function packageVersion() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

/** What they are made of. */
function sourceStamp() {
  const hash = createHash('sha256').update(JSON.stringify([ZIGLANG, ALL_TARGETS, FLAGS, LINKED, PRODUCTS]));
  for (const folder of SOURCES) {
    for (const file of filesBelow(join(root, 'fmu-shim', folder)))
      hash.update(`${file.slice(root.length)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

const folderOf = (tuple) => join(root, 'build/native', tuple);
const stampOf = (tuple) => join(folderOf(tuple), 'sources.sha256');
const isCurrent = (tuple, stamp) => existsSync(stampOf(tuple)) && readFileSync(stampOf(tuple), 'utf8') === stamp;

async function compile(program, tuple, stamp) {
  const building = `${folderOf(tuple)}.tmp`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  const made = [];
  const isProgramOnly = tuple in PROGRAM_TARGETS;
  const products = PRODUCTS.filter(({ name }) => !isProgramOnly || name === 'twinbridge-isolate');
  for (const product of products) made.push(await link(program, tuple, product, building));
  // Beside a DLL there come an import library and debug information, which nobody here uses.
  for (const name of readdirSync(building)) if (!made.includes(name)) rmSync(join(building, name));
  writeFileSync(join(building, 'sources.sha256'), stamp);
  rmSync(folderOf(tuple), { recursive: true, force: true });
  renameSync(building, folderOf(tuple));
}

async function link(program, tuple, { name, shared, sources, flags = [], options = {} }, folder) {
  const system = tuple.split('-')[1];
  const extension = shared ? `.${EXTENSIONS[system]}` : system === 'windows' ? '.exe' : '';
  const file = `${name}${extension}`;
  const files = sources
    .flatMap((source) => cFiles(join(root, 'fmu-shim', source)))
    // Relative, so that no path of this machine comes into the library.
    .map((path) => path.slice(root.length + 1));
  const installName = shared && system === 'darwin' ? [`-Wl,-install_name,@rpath/${file}`] : [];
  await run(
    program,
    [
      'cc',
      '-target',
      ALL_TARGETS[tuple],
      ...FLAGS,
      ...flags,
      // There is no such instruction on the oldest of these processors, and nothing that waits for it.
      ...(tuple in PROGRAM_TARGETS ? ['-Wno-atomic-alignment'] : []),
      ...(shared ? ['-shared'] : []),
      '-Ifmu-shim/include',
      ...files,
      ...(options[system] ?? []),
      ...installName,
      ...LINKED[system],
      '-o',
      join(folder, file),
    ],
    { ZIG_GLOBAL_CACHE_DIR: join(root, 'build/zig-cache'), ZIG_LOCAL_CACHE_DIR: join(root, 'build/zig-cache') },
  );
  return file;
}

/** Of a folder, or the file itself. */
function cFiles(path) {
  if (path.endsWith('.c')) return [path];
  return existsSync(path) ? filesBelow(path).filter((file) => file.endsWith('.c')) : [];
}

/** koffi's native part, of the version that package-lock.json names. */
async function fetchKoffi({ system, processor }) {
  const name = `@koromix/koffi-${system}-${processor}`;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { version, integrity } = lock.packages[`node_modules/${name}`];
  const { fetchNpmPackage } = await fromDist('bridge/build/npm-package.js');
  const file = `${system}_${processor}/koffi.node`;
  const folder = await fetchNpmPackage({ name, version, integrity }, [file], join(root, 'build/npm'));
  await cp(join(folder, file), join(root, 'build/koffi', file));
}

const fromDist = (file) => import(pathToFileURL(join(root, 'dist', file)).href);

/** Removes libraries that are not of the present sources: an FMU must not get one that its backend does not fit. */
export function dropStalePlatforms(log) {
  const stale = Object.keys(ALL_TARGETS).filter((tuple) => existsSync(folderOf(tuple)));
  if (stale.length === 0) return;
  const stamp = sourceStamp();
  for (const tuple of stale) {
    if (isCurrent(tuple, stamp)) continue;
    rmSync(folderOf(tuple), { recursive: true });
    log(`build/native/${tuple} was of other sources and is gone: npm run build:platforms`);
  }
}

export async function buildPlatforms(tuples, log) {
  const { PLATFORMS } = await fromDist('fmi/index.js');
  const stamp = sourceStamp();
  const program = await zig(log);
  const build = async (tuple) => {
    const platform = PLATFORMS.find((one) => one.tuple === tuple);
    if (platform !== undefined) await fetchKoffi(platform);
    if (isCurrent(tuple, stamp)) return;
    const started = performance.now();
    await compile(program, tuple, stamp);
    log(`build/native/${tuple}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  };
  // The compiler keeps one processor busy.
  const left = [...tuples];
  const worker = async () => {
    for (let tuple = left.shift(); tuple !== undefined; tuple = left.shift()) await build(tuple);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
