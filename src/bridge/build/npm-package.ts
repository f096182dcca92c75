/** Files out of npm packages that are not installed: fetched by npm, checked against a known hash, kept in a folder. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BridgeBuildError } from './errors.js';

const run = promisify(execFile);

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** As in package-lock.json: `sha512-…`. */
  readonly integrity: string;
}

/**
 * The folder of the unpacked package, below `cache`; of `files` only what is named. Needs `npm` and `tar`. Throws
 * {@link BridgeBuildError}.
 */
export async function fetchNpmPackage(wanted: NpmPackage, files: readonly string[], cache: string): Promise<string> {
  const specification = `${wanted.name}@${wanted.version}`;
  const folder = join(cache, specification.replace('/', '-'));
  if (files.every((file) => existsSync(join(folder, file)))) return folder;
  const temporary = join(cache, `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(temporary, { recursive: true });
    const shell = process.platform === 'win32'; // there npm is a script
    const { stdout } = await run('npm', ['pack', '--silent', specification], { cwd: temporary, shell });
    const archive = join(temporary, stdout.trim().split('\n').at(-1) ?? '');
    const found = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (found !== wanted.integrity) {
      throw new Error(`its hash is ${found}, expected ${wanted.integrity}`);
    }
    const members = files.map((file) => `package/${file}`);
    await run('tar', ['-xzf', archive, ...members], { cwd: temporary });
    await rm(folder, { recursive: true, force: true });
    await rename(join(temporary, 'package'), folder);
    return folder;
  } catch (cause) {
    // Another process may have been faster.
    if (files.every((file) => existsSync(join(folder, file)))) return folder;
    const why = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new BridgeBuildError(`cannot fetch the npm package ${specification}: ${why}`, {
      cause,
      details: { package: specification },
      remedy: "'npm pack' has to reach a package registry, and 'tar' has to be in the PATH",
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
