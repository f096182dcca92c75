/** Zips the example FMUs that CMake laid out in `build/fmus/<name>` to `build/fmus/<name>.fmu`, where that is out of date. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'examples', 'fmus');
const built = join(root, 'build', 'fmus');

export async function packExampleFmus() {
  const { packArchive } = await import(pathToFileURL(join(root, 'dist', 'fmi', 'pack-archive.js')).href);
  for (const name of exampleNames()) {
    const folder = join(built, name);
    const description = { name: 'modelDescription.xml', path: join(sources, name, 'modelDescription.xml') };
    const files = [description, ...filesBelow(join(folder, 'binaries'), folder)];
    if (files.length === 1)
      throw new Error(`${join(folder, 'binaries')} is empty: build examples/fmus with CMake first`);
    const archive = join(built, `${name}.fmu`);
    if (isNewerThan(archive, files)) continue;
    await packArchive(
      archive,
      files.map(({ name, path }) => ({ name, content: { path } })),
    );
  }
}

function exampleNames() {
  return readdirSync(sources).filter((name) => existsSync(join(sources, name, 'modelDescription.xml')));
}

function filesBelow(folder, base) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((entry) => join(folder, entry))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(base, path).replaceAll(sep, '/'), path }));
}

/** Newer than what is in it, and than the folders: a library that was renamed leaves no newer file behind. */
function isNewerThan(archive, files) {
  if (!existsSync(archive)) return false;
  const { mtimeMs } = statSync(archive);
  return files.every(({ path }) => statSync(path).mtimeMs < mtimeMs && statSync(dirname(path)).mtimeMs < mtimeMs);
}
