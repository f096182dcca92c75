/**
 * The command line in few files, `dist/bin`: of the modules that tsc makes a command needs hundreds, and takes several times
 * as long to start. What only some commands need, or some of their ways, stays in files of its own.
 *
 * Two bundles: the `twinbridge` command, and the thread of a run. CommonJS, which node starts faster than modules.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { collectLicences } from './licences.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const folder = join(dist, 'bin');
const STAMP = join(folder, 'bundled');

const ENTRIES = { twinbridge: 'cli/bin.js', 'run-thread': 'master/worker.js' };
/** Have native parts, or data, beside their code. */
const EXTERNAL = ['koffi', '@foxglove/wasm-zstd'];

/** In a bundle: the URL of a module as if it were where tsc put it, relative to which it finds its files. */
const MODULE_URL =
  "const moduleUrl=(name)=>require('node:url').pathToFileURL(require('node:path').join(__dirname,'..',name)).href;";

export async function bundleCli() {
  if (isUpToDate()) return;
  const { rolldown } = await import('rolldown');
  const made = join(dist, `.bin-${process.pid}`);
  mkdirSync(made, { recursive: true });
  const inputs = new Set();
  for (const [name, entry] of Object.entries(ENTRIES)) {
    const bundle = await rolldown({
      cwd: root,
      input: { [name]: join(dist, entry) },
      platform: 'node',
      external: EXTERNAL,
      checks: { bundlerTimings: false },
      plugins: [ownModules],
    });
    const { output } = await bundle.generate({
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: `${name}-[name].cjs`,
      banner: MODULE_URL,
    });
    await bundle.close();
    for (const { fileName, code, moduleIds } of output) {
      writeFileSync(join(made, fileName), await shorten(code));
      for (const id of moduleIds) inputs.add(id.replace('\0', ''));
    }
  }
  const relatives = [...inputs].map((file) => relative(root, file).split(sep).join('/'));
  collectLicences(relatives, relative(root, join(made, 'licences')));
  // Whoever starts one meanwhile finds the old command or the new.
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
  writeFileSync(STAMP, '');
}

function isUpToDate() {
  if (!existsSync(STAMP)) return false;
  const made = statSync(STAMP).mtimeMs;
  const sources = [
    'dist/.tsbuildinfo',
    'package-lock.json',
    'package.json',
    'tools/bundle-cli.mjs',
    'tools/licences.mjs',
  ];
  return sources.every((file) => statSync(join(root, file)).mtimeMs <= made);
}

const ownModules = {
  name: 'own modules',
  async load(path) {
    if (!path.startsWith(dist + sep)) return null;
    const name = relative(dist, path).split(sep).join('/');
    if (/(^|[/-])validator\.js$/.test(name) && name !== 'support/validator.js') return compiledValidators(path);
    let code = readFileSync(path, 'utf8');
    if (name === 'master/worker-file.js') code = replaceOnce(code, "'./worker.js'", "'../bin/run-thread.cjs'");
    return code.replaceAll('import.meta.url', `moduleUrl(${JSON.stringify(name)})`);
  },
};

/**
 * Names stay: those of classes are names of errors, those of functions are in stack traces. Without a character beyond ASCII
 * a file is read in half the time.
 */
async function shorten(code) {
  const settings = { charset: 'ascii', minifyWhitespace: true, minifySyntax: true, legalComments: 'none' };
  return (await transform(code, { ...settings, target: 'node20' })).code;
}

function replaceOnce(text, what, by) {
  if (text.split(what).length !== 2) throw new Error(`${what} is not once in\n${text}`);
  return text.replace(what, () => by);
}

/** In place of a module of validators (src/support/validator.ts): what ajv makes of them. */
export async function compiledValidators(path) {
  const require = createRequire(import.meta.url);
  const { Ajv2020 } = require('ajv/dist/2020.js');
  const standalone = require('ajv/dist/standalone').default;
  const parts = [];
  for (const [name, { schema, options }] of Object.entries(await import(pathToFileURL(path).href))) {
    const ajv = new Ajv2020({ ...options, code: { source: true, esm: false } });
    const code = standalone(ajv, ajv.compile(schema));
    parts.push(
      `export const ${name} = (() => { const module = { exports: {} }; ${code}; return { validate: module.exports }; })();`,
    );
  }
  return parts.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleCli();
