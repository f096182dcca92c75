/**
 * Builds everything: the native library, the FMUs of the examples and of the tests, the TypeScript, the bundled backend and
 * the bundled command line. Each step does nothing when nothing has changed.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleCli } from './bundle-cli.mjs';
import { collectLicences } from './licences.mjs';
import { dropStalePlatforms } from './platform-libraries.mjs';
import { run } from './run.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** CMake would go on building where the checkout was before it was moved or copied. */
function isOfThisCheckout(source, target) {
  const cache = join(root, target, 'CMakeCache.txt');
  if (!existsSync(cache)) return false;
  if (readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${join(root, source)}\n`)) return true;
  rmSync(join(root, target), { recursive: true });
  return false;
}

async function cmake(source, target, options = []) {
  if (!isOfThisCheckout(source, target)) {
    await run('cmake', ['-S', source, '-B', target, '-DCMAKE_BUILD_TYPE=Release', ...options]);
  }
  await run('cmake', ['--build', target, '--parallel', '2']);
}

async function typescript() {
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']);
}

/**
 * The backend as one file, for the resources of an FMU; koffi's native part lies beside it. And what reads descriptions
 * made for an RMQFMU, which is apart from it: few FMUs need it, and each would start the later for it.
 */
async function bundleBackend() {
  await Promise.all([
    bundle('bridge/backend/main.js', 'backend.cjs'),
    bundle('bridge/rmqfmu/start-up.js', 'rmqfmu.cjs'),
  ]);
}

async function bundle(entry, output) {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [join(root, 'dist', entry)],
    outfile: join(root, 'dist', output),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    sourcemap: false,
    legalComments: 'eof',
    logLevel: 'error',
    external: ['koffi'],
    // A CommonJS file has no import.meta; node starts one faster than a module.
    define: { 'import.meta.url': 'bundleUrl' },
    banner: {
      js:
        readFileSync(join(root, 'tools/refuse-old-node.cjs'), 'utf8') +
        "const bundleUrl = require('node:url').pathToFileURL(__filename).href;",
    },
  });
  // Into every FMU, as the bundle.
  collectLicences(Object.keys(metafile.inputs), 'dist/licences');
}

export async function build({ log = () => {} } = {}) {
  const fresh = !existsSync(join(root, 'dist/backend.cjs'));
  if (fresh) log('building …');
  const started = performance.now();
  await Promise.all([
    cmake('fmu-shim', 'build/native')
      .then(() => cmake('examples/fmus', 'build/fmus'))
      .then(() => cmake('test/fmus', 'build/test-fmus')),
    typescript().then(() => Promise.all([bundleBackend(), bundleCli()])),
  ]);
  const { packFmus } = await import(pathToFileURL(join(root, 'tools/pack-fmus.mjs')).href);
  await packFmus();
  dropStalePlatforms(log);
  if (fresh) log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** The library under a sanitizer (`address` or `thread`), in `build/<sanitizer>`. */
export async function buildSanitized(sanitizer) {
  await cmake('fmu-shim', `build/${sanitizer}`, [`-DTB_SANITIZE=${sanitizer}`]);
  await run('cmake', ['--build', `build/${sanitizer}`, '--target', 'tests']);
  return join(root, `build/${sanitizer}/libtwinbridge.so`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (process.argv[2] === '--sanitize') await buildSanitized(process.argv[3]);
    else await build({ log: (line) => process.stderr.write(`${line}\n`) });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
