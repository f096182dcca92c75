/**
 * FMUs of 32 bits, which no process of 64 bits can load: wrapped, they give the values of the same FMUs of 64 bits.
 *
 * Needs what `npm run build:platforms` makes, and libraries of 32 bits (of Debian: libc6-i386).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAnyFmu } from '#tb/fmi/index.js';
import { wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { everything, processes } from '../../master/isolate/support.js';
import { CASES } from '../../master/isolate/systems.js';
import { master } from '../../master/support.js';
import { ZIG } from '../../platforms/machines.js';
import { fmuEntries, type TestFmuName, writeFmu } from '../../support/fmus.js';
import { mustNotSkip } from '../../support/rabbitmq.js';
import { wrapped } from './support.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = join(ROOT, 'build/native/x86-linux/twinbridge-isolate');

function lacking(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this is no Linux on Intel';
  if (!existsSync(PROGRAM) || !existsSync(ZIG)) return 'npm run build:platforms';
  // Says who starts it, and ends.
  return spawnSync(PROGRAM).status === 2 ? undefined : 'no libraries of 32 bits (libc6-i386)';
}

const missing = lacking();
if (missing !== undefined && mustNotSkip) throw new Error(`FMUs of 32 bits cannot be run: ${missing}`);

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(processes()).toEqual([]));

const NAMES = [
  'arrays3',
  'dahlquist3',
  'early3',
  'feedthrough3',
  'inter3',
  'state3',
  'vector',
  'oscillator',
  'units',
] as const;
const { start, read, folder } = master(...NAMES);

describe.skipIf(missing !== undefined)(`FMUs of 32 bits${missing === undefined ? '' : ` (${missing})`}`, () => {
  const old = new Map<string, string>();

  /** As it would have come from a tool of 32 bits. */
  function build(name: TestFmuName): string {
    const library = join(folder, `${name}.so`);
    const flags = [
      '-std=c11',
      '-O2',
      '-fPIC',
      '-shared',
      '-ffp-contract=off',
      '-fvisibility=hidden',
      '-msse2',
      '-mfpmath=sse',
    ];
    const include = ['examples/fmus', 'test/fmus', 'fmu-shim/include'].map((path) => `-I${join(ROOT, path)}`);
    const source = join(ROOT, 'test/fmus', name, 'model.c');
    const cache = join(ROOT, 'build/zig-cache');
    execFileSync(
      ZIG,
      ['cc', '-target', 'x86-linux-gnu.2.17', ...flags, ...include, source, '-lm', '-lpthread', '-o', library],
      { env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache } },
    );
    const where = name.endsWith('3') ? 'x86-linux' : 'linux32';
    const entries = fmuEntries(name).filter((entry) => !entry.name.startsWith('binaries/'));
    return writeFmu(join(folder, 'old', `${name}.fmu`), [
      ...entries,
      { name: `binaries/${where}/${name}.so`, content: readFileSync(library) },
    ]);
  }

  beforeAll(() => {
    for (const name of NAMES) old.set(name, build(name));
  }, 300_000);

  it.each(CASES.filter(([title]) => /FMI 3|arrays of scalars/.test(title)))(
    'the same values: %s, %s',
    async (_title, algorithm, text) => {
      const system = await read(`${text}algorithm: ${algorithm}\n`);
      const expected = everything(await start(system), 40);
      const components = system.components.map((component) => {
        const name = /([^/]+)\.fmu$/.exec(component.fmu)![1]!;
        return { ...component, fmu: old.get(name)! };
      });
      const simulation = await start(await wrapped({ ...system, components }, join(folder, 'old')));
      expect(everything(simulation, 40)).toEqual(expected);
    },
  );

  it('are for platforms of 64 bits then', async () => {
    const file = join(folder, 'old', 'vector-new.fmu');
    const report = await wrapRemoteFmu(old.get('vector')!, file, { platforms: 'host' });
    expect(report.platforms).toEqual(['linux64']);
    expect((await readAnyFmu(file)).platforms).toEqual(['linux64']);
    rmSync(file);
  });
});
