/**
 * Wrapped FMUs in libcosim, which needs no program of ours for them: the same values as the FMUs themselves; and FMUs of FMI 1.0
 * and 3.0 with which it cannot do by itself.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { serve } from '../remote/wrap/support.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';

const folder = temporaryFolder();

describeTool(
  import.meta.url,
  {
    name: 'libcosim (libcosimpy)',
    found: pythonPackages('libcosimpy'),
    fmi: '2.0',
    exercised: 'wrapped FMUs of FMI 1.0, 2.0 and 3.0',
  },
  () => {
    const run = (files: Record<string, string>, more: object = {}) =>
      python<unknown[][]>('libcosim_wrapped.py', {
        files,
        step: 0.1,
        steps: 30,
        start: [
          ['d', 'k', 0.3],
          ['g', 'k', 2],
        ],
        connections: [
          [
            ['d', 'x'],
            ['g', 'u'],
          ],
          [
            ['g', 'y'],
            ['f', 'real_in'],
          ],
        ],
        outputs: [
          ['d', 'x', 'Real'],
          ['g', 'y', 'Real'],
          ['f', 'real_out', 'Real'],
          ['c', 'count', 'Integer'],
          ['c', 'odd', 'Boolean'],
          ['c', 'text', 'String'],
        ],
        ...more,
      });
    const plain = () => ({
      d: exampleFmu(folder, 'dahlquist'),
      g: testFmu(folder, 'gain'),
      f: exampleFmu(folder, 'feedthrough'),
      c: testFmu(folder, 'counter'),
    });

    it('come to the same values in processes of their own, and by a booter', async () => {
      const files = plain();
      const expected = await run(files);
      expect(expected).toHaveLength(30);
      const server = await serve('proxyfmu');
      for (const place of ['proxyfmu://localhost', server.place]) {
        const wrapped: Record<string, string> = {};
        for (const [name, file] of Object.entries(files)) {
          wrapped[name] = join(folder, `${name}-${place.replace(/\W/g, '')}.fmu`);
          await wrapRemoteFmu(`${place}?file=${file}`, wrapped[name], { platforms: 'host' });
        }
        expect(await run(wrapped)).toEqual(expected);
      }
      await server.end();
    });

    it('one of FMI 1.0 that has no values before its initialisation, which libcosim asks for, runs there as one of 2.0', async () => {
      const one = testFmu(folder, 'feedthrough1');
      const two = join(folder, 'feedthrough1-as-2.fmu');
      await wrapRemoteFmu(one, two, { platforms: 'host' });
      const files = plain();
      const expected = await run(files);
      expect(await run({ ...files, f: two })).toEqual(expected);
    });

    it('one of FMI 3.0 runs there as one of 2.0', async () => {
      const three = testFmu(folder, 'dahlquist3');
      const scenario = {
        start: [['d', 'k', 0.5]],
        connections: [],
        outputs: [['d', 'x', 'Real']],
      };
      await expect(run({ d: three }, scenario)).rejects.toThrow();
      const two = join(folder, 'dahlquist3-as-2.fmu');
      await wrapRemoteFmu(three, two, { fmi: 2, platforms: 'host' });
      const rows = await run({ d: two }, scenario);
      expect(rows).toHaveLength(30);
      let x = 1;
      for (const [value] of rows) {
        x *= 1 - 0.5 * 0.1;
        expect(value).toBeCloseTo(x, 12);
      }
    });
  },
);
