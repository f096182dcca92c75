/**
 * `npm test`: the whole suite. Tests that need RabbitMQ run when AMQP_URL is set or a local rabbitmq-server can be
 * started; tests that need Python's FMPy or pika run when these are installed (TWINBRIDGE_PYTHON names the interpreter).
 * With TWINBRIDGE_REQUIRE_ALL=1, as in CI, nothing may be missing.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
