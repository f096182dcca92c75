/** The thread of a run may be there before the run. */
import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RunThread, runSystem } from '#tb/master/index.js';
import { parseSystemYaml } from '#tb/system/index.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
exampleFmu(folder, 'dahlquist');

const read = () =>
  parseSystemYaml(
    `${folder}/system.yaml`,
    `twinbridge: system\ncomponents: { d: { fmu: dahlquist.fmu, start: { k: 1 } } }\nstep: 0.1\nstop: 1\n`,
  );

describe('a thread that was started ahead', () => {
  it('makes the next run, and only that', async () => {
    const system = await read();
    RunThread.startAhead();
    RunThread.startAhead();
    const reports = await Promise.all([runSystem(system), runSystem(system)]);
    reports.push(await runSystem(system));
    for (const { outcome, steps, finalValues } of reports) {
      expect({ outcome, steps }).toEqual({ outcome: 'finished', steps: 10 });
      expect(finalValues).toEqual(reports[0]!.finalValues);
    }
  });

  it('keeps no process from ending, whether it is needed or not', async () => {
    for (const wait of ['', 'await new Promise((resolve) => setTimeout(resolve, 300));']) {
      expect(await runScript(`RunThread.startAhead(); ${wait}`)).toEqual({ code: 0, stdout: '', stderr: '' });
    }
  });

  it('goes when the FMUs cannot be opened', async () => {
    copyFileSync(join(folder, 'dahlquist.fmu'), join(folder, 'gone.fmu'));
    const ended = await runScript(`
      const text = 'twinbridge: system\\ncomponents: { d: { fmu: gone.fmu } }\\nstep: 0.1\\nstop: 1\\n';
      const system = await parseSystemYaml('${folder}/system.yaml', text);
      rmSync('${folder}/gone.fmu');
      RunThread.startAhead();
      await runSystem(system).catch((error) => console.log(error.code));`);
    expect(ended).toEqual({ code: 0, stdout: 'TB_FMI_UNREADABLE\n', stderr: '' });
  });
});

async function runScript(text: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = join(folder, 'script.mjs');
  const imports = `
    import { rmSync } from 'node:fs';
    import { RunThread, runSystem } from '${import.meta.resolve('#tb/master/index.js')}';
    import { parseSystemYaml } from '${import.meta.resolve('#tb/system/index.js')}';`;
  writeFileSync(file, `${imports}\n${text}`);
  return promisify(execFile)(process.execPath, [file], { timeout: 20_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

it('a report tells when all was initialised', async () => {
  const before = Date.now();
  const { beganAt } = await runSystem(await read());
  expect(beganAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/);
  expect(Date.parse(beganAt)).toBeGreaterThanOrEqual(before - 2);
  expect(Date.parse(beganAt)).toBeLessThanOrEqual(Date.now() + 2);
});
