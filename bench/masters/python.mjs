/** Rivals from PyPI. `TWINBRIDGE_PYTHON` names the interpreter that has their packages. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCosted } from '../lib/processes.mjs';

export const PYTHON = process.env.TWINBRIDGE_PYTHON ?? 'python3';

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const ENV = { PYTHONDONTWRITEBYTECODE: '1' };

const FIND = `
import importlib.util, sys
print(*(package for package in sys.argv[1:] if importlib.util.find_spec(package) is None))`;

/** What to do about packages that the interpreter has not; undefined if it has all. */
export function missingPackages(...packages) {
  const { status, stdout } = spawnSync(PYTHON, ['-c', FIND, ...packages], { encoding: 'utf8' });
  const lacking = status === 0 ? stdout.trim() : packages.join(' ');
  if (lacking === '') return undefined;
  return `${PYTHON} has no ${lacking}: pip install -r test/interop/requirements.txt, name the interpreter in TWINBRIDGE_PYTHON`;
}

/** Runs a script of this folder that reads a system from a file. */
export async function python(name, args) {
  const { stdout, ...cost } = await runCosted(PYTHON, [script(name), ...args], { env: ENV });
  return { ...cost, stdout };
}

const rival = (id, { packages, program, takes }) => ({
  id,
  missing: () => missingPackages(...packages),
  takes,
  guess: () => 5000,
  slow: true,
  async open(system, { folder, csv }) {
    const file = join(folder, `${id}.json`);
    writeFileSync(file, JSON.stringify(system));
    const answer = ({ stdout, ...cost }) => ({ ...cost, ...JSON.parse(stdout) });
    return {
      run: async (steps) => answer(await python(program, [file, steps, ...(csv ? [join(folder, `${id}.csv`)] : [])])),
      startBare: async () => answer(await python('bare.py', [])),
    };
  },
});

/** Its loop takes minutes for more. */
export const fmpy = rival('fmpy', {
  packages: ['fmpy'],
  program: 'fmpy_loop.py',
  takes: ({ components }) => components.length <= 100,
});

/** From Python it records all variables or none; a thousand FMUs take it minutes. */
export const libcosim = rival('libcosim', {
  packages: ['libcosimpy'],
  program: 'libcosim_loop.py',
  takes: ({ components }, csv) => !csv && components.length <= 100,
});
