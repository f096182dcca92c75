/**
 * `npm test`: the whole suite. Tests that need RabbitMQ run when AMQP_URL is set or a local rabbitmq-server can be
 * started; tests that need Python's FMPy or pika run when these are installed (TWINBRIDGE_PYTHON names the interpreter).
 * With TWINBRIDGE_REQUIRE_ALL=1, as in CI, nothing may be missing.
 *
 * `--histories` (`npm run test:histories`): only the selection against its specification, over 100,000 generated histories
 * a property, or as many as TWINBRIDGE_HISTORIES says.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
process.env.TWINBRIDGE_ONE_RABBITMQ = '1';
const histories = process.argv.indexOf('--histories');
if (histories >= 0) {
  process.env.TWINBRIDGE_HISTORIES ??= '100000';
  process.argv[histories] = 'test/selection';
}
// vitest's command line, in this process: one less for Ctrl-C to reach.
process.argv.splice(2, 0, 'run');
const vitest = dirname(createRequire(import.meta.url).resolve('vitest/package.json'));
await import(pathToFileURL(join(vitest, 'vitest.mjs')).href);
