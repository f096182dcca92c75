/** `npm run build:platforms [-- tuple …]`: the native library for other platforms, or for those named; see there. */
import { build } from './build.mjs';
import { buildPlatforms, PROGRAM_TARGETS, TARGETS } from './platform-libraries.mjs';

const log = (line) => process.stderr.write(`${line}\n`);
const known = [...Object.keys(TARGETS), ...Object.keys(PROGRAM_TARGETS)];
const tuples = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = tuples.find((tuple) => !known.includes(tuple));
if (unknown === undefined) {
  try {
    await build({ log });
    await buildPlatforms(tuples, log);
  } catch (error) {
    log(error.message);
    process.exitCode = 1;
  }
} else {
  log(`'${unknown}' is none of ${known.join(', ')}`);
  process.exitCode = 2;
}
