/** This project's master: `twinbridge run` as users call it, with one Real of each component recorded (without a file too). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCosted } from '../lib/processes.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/bin/twinbridge.cjs', import.meta.url));

/** An instant of the wall clock as CLOCK_MONOTONIC, ns. */
function monotonic(text) {
  const [, seconds, fraction] = /^(.*)\.(\d+)Z$/.exec(text);
  const wall = Date.parse(`${seconds}Z`) * 1e6 + Number(`0.${fraction}`) * 1e9;
  return Number(process.hrtime.bigint()) - ((performance.timeOrigin + performance.now()) * 1e6 - wall);
}

export const twinbridge = {
  id: 'twinbridge',
  guess: (csv) => (csv ? 300 : 100),
  patience: 2,
  async open({ components, step }, { folder, csv }) {
    const named = components.map(({ name, fmu, start }) => [name, { fmu, start }]);
    const recorded = components.map(({ name, output }) => `${name}.${output}`);
    const system = {
      twinbridge: 'system',
      components: Object.fromEntries(named),
      connections: components
        .filter(({ input }) => input !== undefined)
        .map(({ name, input, source }) => `${recorded[source]} -> ${name}.${input}`),
      step,
      record: { ...(csv && { file: 'results.csv' }), variables: recorded },
    };
    const file = join(folder, 'system.yaml');
    writeFileSync(file, JSON.stringify(system)); // which is YAML too
    return {
      run: async (steps) => {
        const args = [COMMAND, 'run', file, '--stop', steps * step, '--quiet', '--json'];
        const { stdout, ...cost } = await runCosted(process.execPath, args);
        const { steps: made, finalValues, beganAt } = JSON.parse(stdout);
        if (made !== steps) throw new Error(`twinbridge made ${made} of ${steps} steps`);
        return { ...cost, initialised: monotonic(beganAt), last: finalValues[recorded.at(-1)] };
      },
      /** Up to the first line of a script. */
      startBare: async () => {
        const script = 'console.log(JSON.stringify({ initialised: Number(process.hrtime.bigint()) }))';
        const { stdout, ...cost } = await runCosted(process.execPath, ['-e', script]);
        return { ...cost, ...JSON.parse(stdout) };
      },
    };
  },
};
