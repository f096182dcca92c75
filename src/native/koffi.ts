/**
 * koffi, from wherever this code runs: the npm package, or, in the bundled backend inside an FMU, its native part alone,
 * which lies beside the bundle as `koffi/<platform>_<arch>/koffi.node` and offers the same functions.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Koffi = typeof import('koffi');

let loaded: Koffi | undefined;

/** koffi runs C on a stack of its own, of 2 MiB; FMUs expect what a main thread has. */
const STACK_BYTES = 8 * 2 ** 20;

export function loadKoffi(): Koffi {
  if (loaded !== undefined) return loaded;
  loaded = fromBundle() ?? fromPackage() ?? (createRequire(import.meta.url)('koffi') as Koffi);
  try {
    loaded.config({ sync_stack_size: STACK_BYTES });
  } catch {
    // Too late when another thread loaded a library before: the stack stays as it is.
  }
  return loaded;
}

/** Folder and file name of koffi's native part for the running platform, as in its npm packages. */
export function koffiPlatform(): string {
  return `${process.platform}_${process.arch}`;
}

function fromBundle(): Koffi | undefined {
  const file = join(dirname(fileURLToPath(import.meta.url)), 'koffi', koffiPlatform(), 'koffi.node');
  if (!existsSync(file)) return undefined;
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Koffi;
}

/**
 * The native part in the package that koffi's own JavaScript would load it from, after five times as long. Where it is
 * elsewhere, or may be one of two (of musl and of glibc), koffi finds it.
 */
function fromPackage(): Koffi | undefined {
  if (process.platform === 'linux' && existsSync(`/lib/ld-musl-${MUSL_NAMES[process.arch] ?? process.arch}.so.1`)) {
    return undefined;
  }
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('koffi'));
    const found = require.resolve(`@koromix/koffi-${process.platform}-${process.arch}/package.json`);
    // Not opened directly: whoever else uses koffi in this thread has to get the same.
    return require(join(dirname(found), koffiPlatform(), 'koffi.node')) as Koffi;
  } catch {
    return undefined;
  }
}

const MUSL_NAMES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i386' };
