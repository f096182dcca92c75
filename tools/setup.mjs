/**
 * Makes a fresh clone ready and then runs a script of it: `node tools/setup.mjs [--run script [arguments…]]`.
 *
 * Needs nothing but Node itself, so that `npm run demo` and `npm test` are all a newcomer types. Everything it says goes
 * to stderr: stdout belongs to the script that it runs.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** Runs a command quietly; on failure shows what it said and ends with its exit code. */
function quietly(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (result.error) fail(`${what}: cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(`${what} failed:\n${result.stdout}${result.stderr}`);
    process.exit(result.status ?? 1);
  }
}

function checkTools() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(`twinbridge needs Node.js 20 or newer; this is ${process.version}`);
  }
  for (const [tool, remedy] of [
    ['cmake', 'install CMake 3.18 or newer (Debian: apt install cmake)'],
    ['cc', 'install a C compiler (Debian: apt install gcc make)'],
  ]) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error) fail(`${tool} is missing: ${remedy}`);
  }
}

function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.twinbridge-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('installing packages …\n');
  quietly('npm ci', 'npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

checkTools();
installPackages();
const { build } = await import('./build.mjs');
try {
  await build({ log: (line) => process.stderr.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const [flag, script, ...args] = process.argv.slice(2);
if (flag === '--run') {
  if (script === undefined) fail('usage: node tools/setup.mjs --run script [arguments…]');
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, script), ...args], {
    cwd: process.cwd(),
    stdio: 'inherit',
  });
  // Ctrl-C reaches the child through the terminal, and twice would be a demand to give up; other signals are passed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}
