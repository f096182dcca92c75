/**
 * Where a bridge FMU can be run from here: natively, aarch64 under qemu-user, Windows under Wine; each with the importer of
 * this folder and with the Node.js of that platform as backend.
 *
 * The libraries are those of `npm run build:platforms`. What is missing is skipped, but not in CI.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { runtimeProgram } from '#tb/bridge/build/runtime.js';
import { hostPlatform, PLATFORMS, type PlatformTuple } from '#tb/fmi/index.js';
import { mustNotSkip } from '../support/rabbitmq.js';

export interface Machine {
  readonly name: string;
  readonly tuple: PlatformTuple;
  /** Why it cannot be used here; `undefined`: it can. */
  readonly missing: string | undefined;
  /** How a program for it is started: `[...command, program]`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A file's path as programs there know it. */
  path(file: string): string;
  /** Before the first program runs there; and after the last. */
  boot?(): void;
  shutDown?(): void;
  /** What TWINBRIDGE_NODE is to say there. */
  node(folder: string): Promise<string>;
  /** A program that starts `node` as a child of its own, and the environment that it needs. */
  launcher(folder: string, node: string): { readonly program: string; readonly environment: Record<string, string> };
}

const ROOT = join(import.meta.dirname, '../..');
const SYSROOT = '/usr/aarch64-linux-gnu';
export const ZIG = process.env.TWINBRIDGE_ZIG || join(ROOT, 'build/zig/ziglang/zig');
const ZIG_TARGETS = {
  'x86_64-linux': 'x86_64-linux-gnu.2.17',
  'aarch64-linux': 'aarch64-linux-gnu.2.17',
  'x86_64-windows': 'x86_64-windows-gnu',
} as const;

const qemu = inPath('qemu-aarch64', 'qemu-aarch64-static');
const wine = inPath('wine64') ?? ['/usr/lib/wine/wine64', '/usr/lib64/wine/wine64'].find((file) => existsSync(file));

function inPath(...names: string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

function lacking(tuple: PlatformTuple, more: readonly [unknown, string][]): string | undefined {
  const extension = PLATFORMS.find((platform) => platform.tuple === tuple)?.extension;
  const needed: readonly (readonly [unknown, string])[] = [
    [
      existsSync(join(ROOT, 'build/native', tuple, `libtwinbridge.${extension}`)),
      `npm run build:platforms -- ${tuple}`,
    ],
    [existsSync(ZIG), 'npm run build:platforms'],
    ...more,
  ];
  return needed.find(([there]) => !there)?.[1];
}

const native: Machine = {
  name: `this machine (${process.platform} ${process.arch})`,
  tuple: hostPlatform()?.tuple ?? 'x86_64-linux',
  missing: lacking(hostPlatform()?.tuple ?? 'x86_64-linux', [[process.platform === 'linux', 'Linux']]),
  command: [],
  environment: {},
  path: (file) => file,
  node: async () => process.execPath,
  launcher: shellLauncher,
};

const arm: Machine = {
  name: 'aarch64-linux under qemu-user',
  tuple: 'aarch64-linux',
  missing: lacking('aarch64-linux', [
    [qemu, 'apt install qemu-user'],
    [existsSync(join(SYSROOT, 'lib/libstdc++.so.6')), 'apt install libc6-arm64-cross libstdc++6-arm64-cross'],
  ]),
  command: [qemu ?? 'qemu-aarch64', '-L', SYSROOT],
  environment: {},
  path: (file) => file,
  // The kernel cannot start a program of another processor; qemu can.
  node: async (folder) => {
    const wrapper = join(folder, 'node-aarch64');
    writeFileSync(wrapper, `#!/bin/sh\nexec ${qemu} -L ${SYSROOT} '${await runtimeProgram('aarch64-linux')}' "$@"\n`);
    chmodSync(wrapper, 0o755);
    return wrapper;
  },
  launcher: shellLauncher,
};

/** Wine's idea of a computer, for this process alone. */
const WINEPREFIX = join(tmpdir(), `tb-wine-${process.pid}`);

const windows: Machine = {
  name: 'x86_64-windows under Wine',
  tuple: 'x86_64-windows',
  missing: lacking('x86_64-windows', [[wine, 'apt install wine64']]),
  command: [wine ?? 'wine64'],
  environment: {
    WINEDEBUG: '-all',
    // Not in this repository: it holds a link to the root of the file system.
    WINEPREFIX,
    NODE_SKIP_PLATFORM_CHECK: '1', // Wine says that it is Windows 7
  },
  // What Wine starts besides gets none of the pipes of those who use it later.
  boot: () => void execFileSync(wine!, ['wineboot', '--init'], { stdio: 'ignore', env: wineEnvironment() }),
  shutDown: () => {
    const server = ['wineserver64', 'wineserver']
      .map((name) => join(dirname(wine!), name))
      .find((file) => existsSync(file));
    if (server !== undefined) spawnSync(server, ['-k'], { env: wineEnvironment() });
    rmSync(WINEPREFIX, { recursive: true, force: true });
  },
  path: (file) => `Z:${file.replaceAll('/', '\\')}`,
  node: async () => windows.path(await runtimeProgram('x86_64-windows')),
  launcher: (folder, node) => ({
    program: windows.path(compile(windows, 'launcher', folder)),
    environment: { REAL_NODE: node },
  }),
};

function wineEnvironment() {
  return { ...process.env, ...windows.environment };
}

function shellLauncher(folder: string, node: string) {
  const program = join(folder, 'launcher');
  writeFileSync(program, `#!/bin/sh\n'${node}' "$@"\nexit $?\n`, { mode: 0o755 });
  return { program, environment: {} };
}

export const MACHINES: readonly Machine[] = [native, arm, windows];
for (const { name, missing } of MACHINES) {
  if (missing !== undefined && mustNotSkip) throw new Error(`${name}: missing is ${missing}`);
}

/** Compiles a program of this folder for that machine; answers its path. */
export function compile({ tuple }: Machine, name: string, folder: string): string {
  const onWindows = tuple === 'x86_64-windows';
  const program = join(folder, `${name}-${tuple}${onWindows ? '.exe' : ''}`);
  const cache = join(ROOT, 'build/zig-cache');
  const target = ZIG_TARGETS[tuple as keyof typeof ZIG_TARGETS];
  const sources = ['-I', join(ROOT, 'fmu-shim/include'), join(import.meta.dirname, `${name}.c`)];
  const libraries = onWindows ? [] : ['-ldl'];
  execFileSync(
    ZIG,
    ['cc', '-target', target, '-std=gnu11', '-O1', '-Wall', '-Wextra', ...sources, ...libraries, '-o', program],
    {
      env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  return program;
}
