/**
 * A process that uses the cache: `open` opens an FMU, says where it lies as a line of JSON and holds it until its standard
 * input ends; `read` says what the FMU says of itself; `churn` opens and clears again and again for some milliseconds, and
 * fails if a file goes missing while it holds the folder.
 */

import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { cacheStatus, clearCache, openCachedFmu, readFmuModel } from '#tb/fmi/index.js';

const [action, file, milliseconds = '0', seed = '0'] = process.argv.slice(2);

/** Of files below the folder, in the order of their names. */
const filesOf = (directory) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name));

const actions = {
  async open() {
    const { directory, model, release } = await openCachedFmu(file);
    const { directory: root, temporary } = cacheStatus();
    process.stdout.write(`${JSON.stringify({ directory, modelName: model.modelName, root, temporary })}\n`);
    process.stdin.resume();
    await once(process.stdin, 'end');
    release();
  },
  async read() {
    const { model } = await readFmuModel(file);
    process.stdout.write(inspect(model, { depth: null, compact: false, breakLength: Infinity }));
  },
  async churn() {
    const end = Date.now() + Number(milliseconds);
    let random = Number(seed) + 1;
    const chance = (odds) => {
      random = (random * 48271) % 2147483647;
      return random % odds === 0;
    };
    let opened = 0;
    while (Date.now() < end) {
      const { directory, release } = await openCachedFmu(file);
      opened += 1;
      const files = filesOf(directory);
      if (files.length < 4) throw new Error(`${directory} has ${files.length} files`);
      await new Promise((resolve) => setTimeout(resolve, random % 4));
      const missing = files.filter((path) => !existsSync(path));
      if (missing.length > 0) throw new Error(`gone while it was held: ${missing}`);
      release();
      if (chance(2)) await clearCache();
    }
    process.stdout.write(`${opened}\n`);
  },
};
await actions[action]();
