/** The FMU Manipulation Toolbox: bridges packed with a monitor into a container FMU, which FMPy simulates. */
import { beforeAll, expect, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonCommand, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, type Row, runTwoRobots } from './two-robots.js';

interface Answer {
  readonly rows: Row[];
  readonly problems: string[];
  readonly said: string;
}

const found = pythonPackages('fmu_manipulation_toolbox', 'fmpy');

for (const [fmi, more] of [
  ['2.0', ''],
  ['3.0', 'fmi: 3'],
] as const) {
  const folder = temporaryFolder();
  const exercised = 'its checker; closed loop inside a container FMU: Jacobi, Gauss-Seidel, in threads';
  describeTool(import.meta.url, { name: 'FMU Manipulation Toolbox', found, fmi, exercised }, () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    beforeAll(async () => {
      fmus = await buildFmus(folder, more);
    });

    it('its checker finds the bridge in order', async () => {
      const main = 'from fmu_manipulation_toolbox.cli.fmutool import fmutool; fmutool()';
      const { code, stdout, stderr } = await pythonCommand(['-c', main, '-input', fmus.bridge, '-check']);
      expect(code).toBe(0);
      expect(stdout + stderr).toContain(`This FMU seems to be compliant with FMI-${fmi}`);
      expect(stdout + stderr).toContain('No semantic error');
      expect(stdout + stderr).not.toMatch(/WARNING|ERROR|CRITICAL/);
    });

    describeOnBrokers('stops two robots', (broker) => {
      it.each([
        ['jacobi', 2],
        ['sequential', 1],
        ['threads', 2],
      ] as const)('inside a container: %s', (mode, delay) =>
        runTwoRobots(
          broker.url,
          fmus,
          async (question, env) => {
            const { rows, problems } = await python<Answer>('container.py', { ...question, mode, fmi: fmi[0] }, env);
            expect(problems).toEqual([]);
            return rows;
          },
          { delay },
        ),
      );
    });
  });
}
