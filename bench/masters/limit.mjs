/** The bare loop in C (limit.c), over the FMUs of a system or over one FMU that contains them all. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { libraryPath, openFmu } from '../../dist/fmi/index.js';
import { runCosted } from '../lib/processes.mjs';

const LOOP = fileURLToPath(new URL('../../build/bench-masters/limit', import.meta.url));

export const limit = {
  id: 'limit',
  guess: (csv) => (csv ? 300 : 10),
  async open({ components, step }, { folder, csv }) {
    const fmus = new Map();
    for (const { fmu } of components) if (!fmus.has(fmu)) fmus.set(fmu, await openFmu(fmu));
    const kinds = [...fmus.keys()];
    const lines = [...fmus.values()].map((fmu) => [
      'fmu',
      libraryPath(fmu),
      fmu.description.guid,
      `file://${join(fmu.directory, 'resources')}`,
    ]);
    for (const { fmu, output, input, source, start } of components) {
      const reference = referencesOf(fmus.get(fmu));
      const inlet = input === undefined ? [0, -1] : [reference(input), source];
      lines.push(['component', kinds.indexOf(fmu), reference(output), ...inlet]);
      lines.push(...Object.entries(start).map(([name, value]) => ['start', reference(name), value]));
    }
    const file = join(folder, 'limit.txt');
    writeFileSync(file, lines.map((cells) => `${cells.join('\t')}\n`).join(''));
    return {
      run: async (steps) => {
        const { stdout, ...cost } = await runCosted(
          LOOP,
          [file, steps, step, ...(csv ? [join(folder, 'limit.csv')] : [])],
          {
            cwd: folder,
          },
        );
        return { ...cost, ...JSON.parse(stdout) };
      },
      close: async () => {
        for (const fmu of fmus.values()) await fmu.close();
      },
    };
  },
};

function referencesOf({ file, description }) {
  const references = new Map(description.variables.map(({ name, valueReference }) => [name, valueReference]));
  return (name) => {
    if (!references.has(name)) throw new Error(`${file} has no variable '${name}'`);
    return references.get(name);
  };
}
