/** This project's master: `twinbridge run` as users call it, with one Real of each component recorded (without a file too). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCosted } from '../lib/processes.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const START = fileURLToPath(new URL('start.mjs', import.meta.url));

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
        const { steps: made, finalValues } = JSON.parse(stdout);
        if (made !== steps) throw new Error(`twinbridge made ${made} of ${steps} steps`);
        return { ...cost, last: finalValues[recorded.at(-1)] };
      },
      start: async () => {
        const { stdout, ...cost } = await runCosted(process.execPath, [START, file]);
        return { ...cost, ...JSON.parse(stdout) };
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
