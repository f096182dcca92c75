/** FMPy, where there is one: a second opinion on FMUs. `TWINBRIDGE_PYTHON` names a Python that has it. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const PYTHON = process.env.TWINBRIDGE_PYTHON ?? 'python3';

export const hasFmpy: boolean = spawnSync(PYTHON, ['-c', 'import fmpy.validation']).status === 0;

const VALIDATE = `
import json, sys
from fmpy.validation import validate_fmu
print(json.dumps(validate_fmu(sys.argv[1])))`;

/** What FMPy finds wrong with the FMU: schema, names, start values, combinations, units and structure. */
export async function fmpyProblems(file: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', VALIDATE, file]);
  return JSON.parse(stdout) as string[];
}
