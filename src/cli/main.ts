#!/usr/bin/env node
/**
 * The `twinbridge` command from the modules of a checkout. Where they are bundled (dist/bin, which is what is installed)
 * and the bundle is not older than they are, it is that, which starts several times as fast.
 */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';

/** ms; of a file that is not there: 0. */
function modified(file: string): number {
  return statSync(new URL(file, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const bundled = modified('../bin/bundled');
if (bundled > 0 && bundled >= modified('../.tsbuildinfo')) createRequire(import.meta.url)('../bin/twinbridge.cjs');
else await import('./program.js');
