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
  loaded = fromBundle() ?? (createRequire(import.meta.url)('koffi') as Koffi);
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
