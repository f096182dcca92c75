import { readFileSync, rmSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const out = join(dist, 'bin');

const plugin = {
  name: 'own',
  setup(build) {
    build.onLoad({ filter: /[\\/]dist[\\/].*\.js$/ }, async ({ path }) => {
      if (!path.startsWith(dist)) return undefined;
      const name = relative(dist, path);
      if (/validator\.js$/.test(name) && name !== 'support/validator.js') return { contents: await precompiled(path), loader: 'js', resolveDir: dirname(path) };
      let text = readFileSync(path, 'utf8');
      if (name === 'master/run.js') text = text.replace("new URL('./worker.js', import.meta.url)", "new URL('../bin/worker.js', import.meta.url)");
      text = text.replaceAll('import.meta.url', `moduleUrl(${JSON.stringify(name)})`);
      return { contents: text, loader: 'js' };
    });
  },
};

async function precompiled(path) {
  const require = createRequire(import.meta.url);
  const { Ajv2020 } = require('ajv/dist/2020.js');
  const standalone = require('ajv/dist/standalone').default;
  const [[name, { schema, options }]] = Object.entries(await import(pathToFileURL(path).href));
  const ajv = new Ajv2020({ ...options, code: { source: true, esm: true } });
  const code = standalone(ajv, ajv.compile(schema));
  return `${code.replace(/export const validate = (\w+);export default \w+;/, 'const validate = $1;')}\nexport const ${name} = { validate };`;
}
const CJS = process.argv[2] === 'cjs';
rmSync(out, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root, metafile: true,
  entryPoints: { twinbridge: join(dist, 'cli/main.js'), worker: join(dist, 'master/worker.js') },
  outdir: out, bundle: true, splitting: true, platform: 'node', target: 'node20', format: 'esm', minify: !process.argv.includes('plain'),
  external: ['koffi', '@foxglove/wasm-zstd'], logLevel: 'error', plugins: [plugin], chunkNames: '[name]-[hash]',
  banner: CJS ? {} : { js: "import{createRequire as tbRequire}from'node:module';const require=tbRequire(import.meta.url);const moduleUrl=(name)=>new URL('../'+name,import.meta.url).href;" },
});
if (CJS) {
  writeFileSync(join(out,'package.json'),'{"type":"commonjs"}');
  for (const f of readdirSync(out)) if (f.endsWith('.js')) {
    let t = readFileSync(join(out, f), 'utf8');
    const r = await transform(t, { format: 'cjs', platform: 'node', target: 'node20', minify: !process.argv.includes('plain'), banner: "const moduleUrl=(name)=>require('node:url').pathToFileURL(require('node:path').join(__dirname,'..',name)).href;", supported: {'dynamic-import': false} });
    writeFileSync(join(out, f), r.code);
  }
}
writeFileSync('/tmp/w/startup-work/meta.json', JSON.stringify(metafile));
for (const [f, v] of Object.entries(metafile.outputs)) console.log(f, v.bytes, v.entryPoint ?? '', v.imports.filter((i) => i.kind === 'import-statement' && !i.external).map((i) => i.path.split('/').at(-1)).join(' '));
