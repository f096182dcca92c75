/**
 * Builds everything: the native library, the FMUs of the examples and of the tests, the TypeScript and the bundled
 * backend. Each step does nothing when nothing has changed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
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

/** The licences of what is in a bundle go where the bundle goes: into every FMU. */
function collectLicences(inputs) {
  const packages = new Set(inputs.flatMap((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []));
  const licences = join(root, 'dist/licences');
  mkdirSync(licences, { recursive: true });
  for (const name of packages) {
    const folder = join(root, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const { version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (file === undefined && license === undefined) throw new Error(`${name} is bundled and names no licence`);
    const holder = typeof author === 'object' ? author.name : (author ?? 'its authors');
    // Some packages name their licence and leave its text out.
    const text = file === undefined ? `${license}, (c) ${holder}\n` : readFileSync(join(folder, file), 'utf8');
    writeFileSync(join(licences, `${name.replace('@', '').replace('/', '-')}.txt`), `${name} ${version}\n\n${text}`);
  }
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
  collectLicences(Object.keys(metafile.inputs));
}

export async function build({ log = () => {} } = {}) {
  const fresh = !existsSync(join(root, 'dist/backend.cjs'));
  if (fresh) log('building …');
  const started = performance.now();
  await Promise.all([
    cmake('fmu-shim', 'build/native')
      .then(() => cmake('examples/fmus', 'build/fmus'))
      .then(() => cmake('test/fmus', 'build/test-fmus')),
    typescript().then(bundleBackend),
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
