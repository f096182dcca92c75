/** FMUs written in Python, of FMI 2.0 and 3.0, beside FMUs in C: our master comes to what their equations say. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { runCli } from '../support/cli.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { pythonCommand, pythonPackages } from './python.js';
import { describeTool } from './tool.js';

const folder = temporaryFolder();
exampleFmu(folder, 'dahlquist');
testFmu(folder, 'gain');
const LIBRARY = `
import os, sysconfig
print(os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")))`;

describe2or3('PythonFMU', 'pythonfmu', '2.0', 'integrator2.py', 'Integrator2.fmu');
describe2or3('PythonFMU3', 'pythonfmu3', '3.0', 'integrator3.py', 'Integrator3.fmu');

function describe2or3(name: string, module: string, fmi: '2.0' | '3.0', source: string, fmu: string): void {
  describeTool(
    import.meta.url,
    { name, found: pythonPackages(module), fmi, exercised: 'its FMUs in our master, in a loop with FMUs in C' },
    () => {
      /** What these libraries expect to find in the process: on Linux they do not ask for it themselves. */
      let python: string;
      beforeAll(async () => {
        const script = fileURLToPath(new URL(source, import.meta.url));
        const built = await pythonCommand(['-m', module, 'build', '-f', script, '-d', folder]);
        expect(built, built.stderr).toMatchObject({ code: 0 });
        python = (await pythonCommand(['-c', LIBRARY])).stdout.trim();
      });

      it.each(['jacobi', 'gauss-seidel'])('two of them and a gain, in a loop: %s', async (algorithm) => {
        const step = 0.125;
        const file = join(folder, `${module}-${algorithm}.yaml`);
        await writeFile(
          file,
          `twinbridge: system
components:
  a: { fmu: ${fmu}, start: { rate: 0.25 } }
  b: { fmu: ${fmu} }
  g: { fmu: gain.fmu, start: { k: -0.5, b: 0.1 } }
  d: { fmu: dahlquist.fmu }
connections: [ a.x -> g.u, g.y -> b.u, { from: d.x, to: a.u, factor: 2, offset: 0.5 } ]
algorithm: ${algorithm}
step: ${step}
stop: 5
record: { file: ${module}.csv, variables: [a.x, b.x, g.y, b.steps, b.odd] }
`,
        );
        const { code, stderr } = await runCli(['run', file], { cwd: folder, env: { LD_PRELOAD: python } });
        expect(code, stderr).toBe(0);
        const [, ...rows] = (await readFile(join(folder, `${module}.csv`), 'utf8')).trim().split(/\r?\n/);
        expect(rows).toHaveLength(41);
        const heun = (x: number, u: number, rate: number) => {
          const first = u - rate * x;
          return x + (step * (first + (u - rate * (x + step * first)))) / 2;
        };
        let [a, b, d] = [1, 1, 1];
        let y = -0.5 * a + 0.1;
        for (const [n, row] of rows.entries()) {
          const [time, ownA, ownB, ownY, steps, odd] = row.split(',');
          expect([Number(time), Number(steps), odd]).toEqual([n * step, n, String(n % 2 === 1)]);
          for (const [own, expected] of [
            [ownA, a],
            [ownB, b],
            [ownY, y],
          ] as const) {
            expect(Math.abs(Number(own) - expected)).toBeLessThan(1e-12);
          }
          if (algorithm === 'jacobi') {
            [a, b, y, d] = [heun(a, 2 * d + 0.5, 0.25), heun(b, y, 0.5), -0.5 * a + 0.1, d - step * d];
          } else {
            d -= step * d;
            a = heun(a, 2 * d + 0.5, 0.25);
            y = -0.5 * a + 0.1;
            b = heun(b, y, 0.5);
          }
        }
      });
    },
  );
}
