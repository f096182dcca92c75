/** `npm run build:platforms [-- tuple …]`: the native library for other platforms, or for those named; see there. */
import { build } from './build.mjs';
import { buildPlatforms, TARGETS } from './platform-libraries.mjs';

const log = (line) => process.stderr.write(`${line}\n`);
const tuples = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TARGETS);
const unknown = tuples.find((tuple) => TARGETS[tuple] === undefined);
if (unknown === undefined) {
  try {
    await build({ log });
    await buildPlatforms(tuples, log);
  } catch (error) {
    log(error.message);
    process.exitCode = 1;
  }
} else {
  log(`'${unknown}' is none of ${Object.keys(TARGETS).join(', ')}`);
  process.exitCode = 2;
}
