/**
 * Zips the FMUs that CMake laid out in `build/fmus/<name>` (the examples) and `build/test-fmus/<name>` (those of the tests)
 * to `<name>.fmu` beside the folder, where that is out of date.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where FMUs are written, and where they are built. */
const FOLDERS = [
  ['examples/fmus', 'build/fmus'],
  ['test/fmus', 'build/test-fmus'],
].map((folders) => folders.map((folder) => join(root, folder)));

export async function packFmus() {
  const { packArchive } = await import(pathToFileURL(join(root, 'dist', 'fmi', 'pack-archive.js')).href);
  for (const [sources, built] of FOLDERS) {
    for (const name of fmuNames(sources)) {
      const archive = join(built, `${name}.fmu`);
      const files = filesOf(join(sources, name), join(built, name));
      if (isNewerThan(archive, files)) continue;
      await packArchive(
        archive,
        files.map(({ name, path }) => ({ name, content: { path } })),
      );
    }
  }
}

function fmuNames(sources) {
  return readdirSync(sources).filter((name) => existsSync(join(sources, name, 'modelDescription.xml')));
}

/** A folder without a model is a description only: there is nothing for CMake to do. */
function filesOf(source, folder) {
  const description = { name: 'modelDescription.xml', path: join(source, 'modelDescription.xml') };
  if (!existsSync(join(source, 'model.c'))) {
    mkdirSync(folder, { recursive: true });
    copyFileSync(description.path, join(folder, description.name));
    return [description];
  }
  const binaries = filesBelow(join(folder, 'binaries'), folder);
  if (binaries.length === 0) throw new Error(`${join(folder, 'binaries')} is empty: build ${source} with CMake first`);
  return [description, ...binaries];
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
