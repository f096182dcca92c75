/** FMUs written in Python and packed by PythonFMU, in our master, beside bridges. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';
import { pythonCommand, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, OUTPUTS, type Question, type Row, runTwoRobots } from './two-robots.js';

const folder = temporaryFolder();
const RECORDED = OUTPUTS.filter(([, , type]) => type !== 'String');
const LIBRARY = `
import os, sysconfig
print(os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")))`;

describeTool(
  import.meta.url,
  {
    name: 'PythonFMU',
    found: pythonPackages('pythonfmu'),
    fmi: '2.0',
    exercised: 'its FMUs in our master, closed loop with two bridges',
  },
  () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    /** What PythonFMU's libraries expect to find in the process: on Linux they do not ask for it themselves. */
    let python: string;

    beforeAll(async () => {
      const script = fileURLToPath(new URL('watcher.py', import.meta.url));
      const built = await pythonCommand(['-m', 'pythonfmu', 'build', '-f', script, '-d', folder]);
      expect(built, built.stderr).toMatchObject({ code: 0 });
      fmus = { bridge: (await buildFmus(folder)).bridge, monitor: join(folder, 'Watcher.fmu') };
      python = (await pythonCommand(['-c', LIBRARY])).stdout.trim();
    });

    const run = async ({ components, start, connections, step, steps }: Question, env: NodeJS.ProcessEnv) => {
      const system = {
        twinbridge: 'system',
        components: Object.fromEntries(
          Object.entries(components).map(([name, fmu]) => [name, { fmu, start: start[name] }]),
        ),
        connections: connections.map(({ from, to }) => `${from.join('.')} -> ${to.join('.')}`),
        step,
        stop: steps * step,
        record: { file: 'rows.csv', variables: RECORDED.map(([component, variable]) => `${component}.${variable}`) },
      };
      const file = join(folder, 'system.yaml'); // JSON is YAML
      await writeFile(file, JSON.stringify(system));
      const { code, stderr } = await runCli(['run', file], { cwd: folder, env: { ...env, LD_PRELOAD: python } });
      if (code !== 0) throw new Error(`twinbridge run ended with ${code}: ${stderr}`);
      return readRows(join(folder, 'rows.csv'));
    };

    describeOnBrokers('stops two robots', (broker) => {
      it('as the monitor', () => runTwoRobots(broker.url, fmus, run));
    });

    it('without the Python library, our master says what to do', async () => {
      const file = join(folder, 'alone.yaml');
      await writeFile(
        file,
        JSON.stringify({ twinbridge: 'system', components: { w: { fmu: fmus.monitor } }, step: 1 }),
      );
      const { code, stderr } = await runCli(['run', file]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/undefined symbol: _?Py.*LD_PRELOAD=libpython3/s);
    });
  },
);

async function readRows(file: string): Promise<Row[]> {
  const [header = '', , ...lines] = (await readFile(file, 'utf8')).trim().split(/\r?\n/); // the first is of the beginning
  const names = header.split(',');
  const booleans = new Set(
    RECORDED.filter(([, , type]) => type === 'Boolean').map((port) => port.slice(0, 2).join('.')),
  );
  return lines.map((line) =>
    Object.fromEntries(
      line
        .split(',')
        .map((cell, i) => [names[i]!, booleans.has(names[i]!) ? cell === 'true' || cell === '1' : Number(cell)]),
    ),
  );
}
