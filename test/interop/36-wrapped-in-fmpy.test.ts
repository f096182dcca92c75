/** Wrapped FMUs in FMPy: validated, and simulated side by side in threads, they come to what the FMUs behind them come to. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { serve } from '../remote/wrap/support.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { python } from './python.js';
import { describeTool, FMPY } from './tool.js';

interface Simulated {
  readonly problems: Record<string, string[]>;
  readonly results: Record<string, Record<string, unknown[]>>;
  readonly plain: Record<string, Record<string, unknown[]>>;
  readonly log: [status: number, message: string][];
}

const NAMES = ['ball', 'oscillator', 'counter', 'limited', 'dahlquist3', 'state3', 'clocks3', 'early3'] as const;
const folder = temporaryFolder();

describeTool(import.meta.url, { ...FMPY, exercised: 'wrapped FMUs, validated and in threads' }, () => {
  const plain: Record<string, string> = {};

  beforeAll(() => {
    for (const name of NAMES) plain[name] = testFmu(folder, name);
    plain.dahlquist = exampleFmu(folder, 'dahlquist');
  });

  const wrapAll = async (source: (file: string) => string, fmi?: 2 | 3) => {
    const files: Record<string, string> = {};
    for (const [name, file] of Object.entries(plain)) {
      files[name] = join(folder, `${name}-${fmi}-${source('').length}.fmu`);
      await wrapRemoteFmu(source(file), files[name], { platforms: 'host', ...(fmi === undefined ? {} : { fmi }) });
    }
    return files;
  };
  const simulate = (files: Record<string, string>) =>
    python<Simulated>('wrapped.py', { files, plain, stop: 2, step: 0.05 });

  describe.each([undefined, 2, 3] as const)('as FMI %s', (fmi) => {
    it('in processes of their own', async () => {
      const files = await wrapAll((file) => file, fmi);
      const { problems, results, plain: expected, log } = await simulate(files);
      expect(problems).toEqual(Object.fromEntries(Object.keys(files).map((name) => [name, []])));
      for (const name of Object.keys(files)) {
        // Those of FMI 3.0 have the time as a variable, too.
        expect([name, results[name]]).toEqual([name, expected[name]]);
      }
      expect(log.filter(([status]) => status > 2)).toEqual([]);
    });
  });

  it('by a booter, which FMPy knows nothing of', async () => {
    const server = await serve('proxyfmu');
    const files = await wrapAll((file) => `${server.place}?file=${file}`);
    const { problems, results, plain: expected } = await simulate(files);
    await server.end();
    expect(Object.values(problems).flat()).toEqual([]);
    expect(results).toEqual(expected);
  });
});
