/**
 * Runs the first step of a system and prints when it had been made (CLOCK_MONOTONIC, ns), to time the start of a run:
 *
 *   node start.mjs system.yaml
 */
import { runSystem } from '../../dist/master/index.js';
import { readSystemYaml } from '../../dist/system/index.js';

const system = await readSystemYaml(process.argv[2]);
let initialised;
const report = await runSystem(system, {
  stop: system.start + system.stepping.size,
  progressMs: 0,
  onProgress: () => {
    initialised ??= process.hrtime.bigint();
  },
});
const { steps, finalValues } = report;
if (steps !== 1 || initialised === undefined) throw new Error(`${steps} steps were made`);
process.stdout.write(`{"initialised":${initialised},"last":${Object.values(finalValues).at(-1)}}`);
