import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli, startCli } from '../support/cli.js';
import { describedAs, exampleFmu, privateTemporaryFiles, temporaryFolder, writeFmu } from '../support/fmus.js';

const folder = temporaryFolder();
const leftBehind = privateTemporaryFiles();
for (const name of ['dahlquist', 'misbehave', 'monitor'] as const) exampleFmu(folder, name);

afterEach(() => expect(leftBehind()).toEqual([]));

function system(name: string, body: string): string {
  const file = join(folder, name);
  writeFileSync(file, `twinbridge: system\n${body}`);
  return file;
}

const steady = system('steady.yaml', 'components: { model: { fmu: dahlquist.fmu } }\nstep: 0.1\nstop: 1\n');
const misbehaving = (mode: string, more = '') =>
  system(
    `${mode}.yaml`,
    `components: { bad: { fmu: misbehave.fmu, start: { mode: ${mode}, at: 0.5 } } }\nstep: 0.1\nstop: 1\n${more}`,
  );

describe('twinbridge run', () => {
  it('reports on standard error, and as JSON on standard output', async () => {
    const { code, stdout, stderr } = await runCli(['run', steady, '--json', '--results', join(folder, 'r.csv')]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'finished', steps: 10, resultFile: join(folder, 'r.csv') });
    expect(stderr).toMatch(/^finished at 1 s: 10 steps, 1 s simulated in/);
    expect(stderr).toContain('overruns: none');
    expect(readFileSync(join(folder, 'r.csv'), 'utf8').trimEnd().split('\r\n')).toHaveLength(12);
  });

  it('is silent when asked', async () => {
    expect(await runCli(['run', steady, '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    ['discard', 5, /bad: step to 0\.5 s discarded/],
    ['error', 1, /bad: step to 0\.5 s failed/],
    ['fail_initialization', 1, /bad: initialization fails/],
  ])('exits on %s with %i', async (mode, code, said) => {
    const finished = await runCli(['run', misbehaving(mode)]);
    expect(finished.code).toBe(code);
    expect(finished.stderr).toMatch(said);
  });

  it('keeps the rows of a run whose FMU crashed the process', async () => {
    const file = join(folder, 'crash.csv');
    const finished = await runCli(['run', misbehaving('crash'), '--results', file, '--pace', '10']);
    expect(finished.signal).toBe('SIGABRT');
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(1 + 5);
    // A process that dies cannot remove its folder.
    for (const name of leftBehind()) expect(name).toMatch(/^twinbridge-fmu-/);
    for (const name of leftBehind()) rmSync(join(process.env.TMPDIR!, name), { recursive: true });
  });

  it('finishes cleanly on Ctrl-C', async () => {
    const file = join(folder, 'interrupted.csv');
    const running = startCli(['run', steady, '--stop', 'never', '--pace', 'realtime', '--json', '--results', file]);
    await running.wrote(file);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.finished;
    expect(stderr).toMatch(/^stopping after this step/);
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.outcome).toBe('stopped');
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(report.steps + 2);
  });

  it('ends after the second Ctrl-C also when an FMU never returns', { timeout: 20_000 }, async () => {
    const file = join(folder, 'hang.csv');
    const running = startCli(['run', misbehaving('hang'), '--results', file, '--pace', '10']);
    await running.wrote(file);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.process.kill('SIGINT');
    await running.said(/stopping after this step/);
    const second = performance.now();
    running.process.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(performance.now() - second).toBeGreaterThan(4500);
    expect(stderr).toMatch(/the run did not react within 5 s: an FMU does not return/);
    expect(code).toBe(1);
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(1 + 5);
  });
});

describe('twinbridge validate', () => {
  it('says of each file whether it is right, and exits with 3 if one is not', async () => {
    const broken = writeFmu(
      join(folder, 'broken.fmu'),
      describedAs('monitor', (xml) => xml.replace('causality="input"', 'causality="inputt"')),
    );
    const good = await runCli(['validate', steady, join(folder, 'monitor.fmu')]);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout.trimEnd().split('\n')).toEqual([`${steady}: valid`, `${join(folder, 'monitor.fmu')}: valid`]);

    const mixed = await runCli(['validate', steady, broken]);
    expect(mixed.code).toBe(3);
    expect(mixed.stdout).toContain(
      `error: ${broken}/modelDescription.xml:30:5: 'causality' of variable 'x' is 'inputt'`,
    );

    const json = await runCli(['validate', '--json', broken]);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject([
      { file: broken, valid: false, problems: [{ location: { line: 30, column: 5 } }] },
    ]);
  });

  it('knows what kind a YAML file is by its first key', async () => {
    const odd = join(folder, 'odd.yaml');
    writeFileSync(odd, 'twinbridge: sistem\n');
    expect((await runCli(['validate', odd])).stdout).toMatch(
      /unknown kind of file 'twinbridge: sistem' \(did you mean 'system'\?\)/,
    );
    writeFileSync(odd, 'a: 1\n');
    expect((await runCli(['validate', odd])).stdout).toMatch(/it lacks the key 'twinbridge'/);
    writeFileSync(odd, 'a: [1\n');
    expect((await runCli(['validate', odd])).stdout).toMatch(/odd\.yaml:2:1: /);
  });

  it('prints the schema that editors use', async () => {
    const { code, stdout } = await runCli(['validate', '--print-schema', 'system']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      title: 'twinbridge system',
      required: ['twinbridge', 'components', 'step'],
    });
  });
});

describe('twinbridge info', () => {
  it('shows what is in an FMU', async () => {
    const { code, stdout } = await runCli(['info', join(folder, 'monitor.fmu')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^model +monitor$/m);
    expect(stdout).toMatch(/^FMI +2\.0, co-simulation$/m);
    expect(stdout).toMatch(/^safe_distance +Real +parameter +tunable +2 +m +0\.\. +The robot must not come closer$/m);
    expect(stdout).toMatch(/^stop +Boolean +output +discrete +\(calculated\) +The robot must stop$/m);
  });

  it('gives all of it as JSON', async () => {
    const { stdout } = await runCli(['info', join(folder, 'monitor.fmu'), '--json']);
    const { description, platforms } = JSON.parse(stdout);
    expect(platforms).toHaveLength(1);
    expect(description.variables).toHaveLength(8);
  });
});
