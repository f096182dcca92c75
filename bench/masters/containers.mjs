/** Tools that pack a system into one FMU, a container; the bare loop imports it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limit } from './limit.mjs';
import { missingPackages, python } from './python.mjs';

const container = (id, packages, takes) => ({
  id,
  missing: () => missingPackages(...packages),
  takes,
  guess: (csv) => (csv ? 300 : 50),
  async open(system, { folder, csv }) {
    const file = join(folder, `${id}.json`);
    const fmu = join(folder, `${id}.fmu`);
    writeFileSync(file, JSON.stringify(system));
    await python('containers.py', [id, file, fmu, csv ? 'recording' : 'plain']);
    const whole = { name: 'container', fmu, output: 'last', start: {} };
    return limit.open({ step: system.step, components: [whole] }, { folder, csv: false });
  },
});

/** It records what it links, into a file of the working directory. */
export const fmucontainer = container('fmucontainer', ['fmu_manipulation_toolbox'], () => true);

/** It does not record. */
export const fmpyContainer = container('fmpy-container', ['fmpy'], (_, csv) => !csv);
