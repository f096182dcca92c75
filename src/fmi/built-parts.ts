/** Of FMUs that are built here: for which platforms they are, and which of the compiled files go into them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostPlatform, PLATFORMS, type Platform, type PlatformTuple } from './platform.js';
import { universalBinary } from './universal-binary.js';

/**
 * For which platforms: this machine's, and all others that libraries were built for (the default); this machine's only, with
 * the library that was compiled for just this system; all; or those that are named.
 */
export type WantedPlatforms = 'built' | 'all' | 'host' | readonly PlatformTuple[];

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `libraryName` as in {@link crossCompiled}. Empty of `built` and `host`: there is none for this machine, nor another. */
export function choosePlatforms(
  wanted: WantedPlatforms,
  libraryName: (platform: Platform) => string,
): readonly Platform[] {
  if (wanted === 'all') return PLATFORMS;
  if (wanted !== 'built' && wanted !== 'host') return PLATFORMS.filter(({ tuple }) => wanted.includes(tuple));
  const isBuilt = (platform: Platform) => existsSync(crossCompiled(platform.tuple, libraryName(platform)));
  const host = hostPlatform();
  return PLATFORMS.filter((platform) => platform === host || (wanted === 'built' && isBuilt(platform)));
}

/** What `npm run build:platforms` makes. */
export function crossCompiled(tuple: string, name: string): string {
  return join(ROOT, 'build', 'native', tuple, name);
}

/** The file for this machine: `compiledHere`, or the cross-compiled one, which runs on older systems too. */
export function fileForHost(portable: string, wanted: WantedPlatforms, compiledHere: () => string): string {
  const isOwn = wanted === 'host' || process.env.TWINBRIDGE_NATIVE !== undefined || !existsSync(portable);
  return isOwn ? compiledHere() : portable;
}

/** Of FMI 2.0: the folder `darwin64` gets both libraries for macOS, if both are there. */
export function forBothMacs<Entry extends { readonly name: string; readonly content: Buffer }>(
  entries: readonly Entry[],
): readonly Entry[] {
  const arm = entries.find(({ name }) => name.startsWith('binaries/aarch64-darwin/'));
  if (arm === undefined) return entries;
  return entries.map((entry) =>
    entry.name.startsWith('binaries/darwin64/')
      ? { ...entry, content: universalBinary([entry.content, arm.content]) }
      : entry,
  );
}
