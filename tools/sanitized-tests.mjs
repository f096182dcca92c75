/**
 * The shim under a sanitizer: `node tools/sanitized-tests.mjs address|thread`.
 *
 * Builds the library with it and runs the stress tests in C; under `address` also the tests that drive the shim from
 * TypeScript, with the sanitizer's run time loaded into Node.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, buildSanitized } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sanitizer = process.argv[2];
if (sanitizer !== 'address' && sanitizer !== 'thread') {
  process.stderr.write('usage: node tools/sanitized-tests.mjs address|thread\n');
  process.exit(2);
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(`${command} ${args.join(' ')} failed with ${status}\n`);
    process.exit(1);
  }
}

await build();
const library = await buildSanitized(sanitizer);
const folder = dirname(library);
/** Some tests need an FMU to load, or one that logs from threads of its own. */
const fmus = ['build/test-fmus/slow/binaries/linux64/slow.so', 'build/fmus/misbehave/binaries/linux64/misbehave.so'];
for (const test of readdirSync(join(root, 'fmu-shim/test')).filter((name) => name.endsWith('.c'))) {
  run(join(folder, test.slice(0, -2)), fmus);
}

if (sanitizer === 'address') {
  // Node and koffi allocate for the life of the process: leaks are looked for in the C tests.
  const runtime = spawnSync('cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
  const tests = (folders, options = '') =>
    run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...folders], {
      TWINBRIDGE_NATIVE: library,
      TWINBRIDGE_ISOLATE: join(folder, 'twinbridge-isolate'),
      TWINBRIDGE_PROXYFMU: join(folder, 'twinbridge-proxyfmu'),
      TWINBRIDGE_WRAP: join(folder, 'libtwinbridge-wrap.so'),
      TWINBRIDGE_HISTORIES: '1000',
      LD_PRELOAD: runtime,
      ASAN_OPTIONS: `detect_leaks=0:abort_on_error=1${options}`,
      UBSAN_OPTIONS: 'print_stacktrace=1',
    });
  tests([
    'test/selection',
    'test/shim',
    'test/bridge/decoder',
    'test/master/results/1-numbers',
    'test/master/results/2-csv',
  ]);
  // There FMUs crash on purpose, and it is looked at how their processes end.
  const crashes = [
    'test/master/isolate',
    'test/remote/proxyfmu/1-wire',
    'test/remote/proxyfmu/2-instances',
    'test/remote/wrap/2-same-values',
    'test/remote/wrap/4-faults',
  ];
  tests(crashes, ':handle_segv=0:handle_abort=0');
}
