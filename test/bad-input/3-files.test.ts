/** Files that are wrong, through the command line: exit code 3, and where to look. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Finished, runCli } from '../support/cli.js';
import { describedAs, exampleEntries, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';
import { zip } from '../support/zip.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const monitor = exampleFmu(folder, 'monitor');

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(path(name), content);
  return path(name);
}

/** What the command says on standard error; it must have ended with 3 and nothing on standard output. */
async function refusal(...args: string[]): Promise<string> {
  const finished: Finished = await runCli(args);
  expect(finished).toMatchObject({ code: 3, stdout: '' });
  expect(finished.stderr).not.toMatch(/^\s+at .*\.js:\d+/m); // no stack
  return finished.stderr;
}

describe('1 an FMU', () => {
  const withFmu = (fmu: string) =>
    write('system.yaml', `twinbridge: system\ncomponents:\n  a: { fmu: ${fmu} }\nstep: 0.1\nstop: 1\n`);

  it('that is not there', async () => {
    expect(await refusal('run', withFmu('monitr.fmu'))).toContain(
      `${path('system.yaml')}:3:13: cannot read ${path('monitr.fmu')}: no such file`,
    );
  });

  it('that is cut off', async () => {
    write('cut.fmu', readFileSync(monitor).subarray(0, 3000));
    expect(await refusal('run', withFmu('cut.fmu'))).toContain(
      `${path('system.yaml')}:3:13: ${path('cut.fmu')} is no intact FMU (zip archive)`,
    );
  });

  it('that is no archive', async () => {
    write('text.fmu', 'hello');
    expect(await refusal('run', withFmu('text.fmu'))).toContain('is no intact FMU (zip archive)');
  });

  it('whose description is no XML', async () => {
    writeFmu(
      path('xml.fmu'),
      describedAs('monitor', (xml) => xml.replace('</ModelVariables>', '</ModelVariable>')),
    );
    expect(await refusal('run', withFmu('xml.fmu'))).toMatch(/xml\.fmu\/modelDescription\.xml:\d+:\d+: /);
  });

  it('whose description has a word in it that is none', async () => {
    writeFmu(
      path('word.fmu'),
      describedAs('monitor', (xml) => xml.replace('causality="input"', 'causality="inptu"')),
    );
    expect(await refusal('run', withFmu('word.fmu'))).toMatch(
      /word\.fmu\/modelDescription\.xml:\d+:\d+: 'causality' of variable 'x' is 'inptu'.*did you mean 'input'/,
    );
  });

  it('that would be written outside of its own folder', async () => {
    write('evil.fmu', zip([...exampleEntries('monitor'), { name: '../../evil.txt', content: 'x' }]));
    expect(await refusal('run', withFmu('evil.fmu'))).toContain('../../evil.txt');
  });

  it('that has no library for this machine', async () => {
    writeFmu(
      path('elsewhere.fmu'),
      exampleEntries('monitor').filter(({ name }) => !name.startsWith('binaries/')),
    );
    expect(await refusal('run', withFmu('elsewhere.fmu'))).toContain(path('elsewhere.fmu'));
  });
});

describe('2 a system', () => {
  it('with a misspelt key, component or variable: place and nearest right name', async () => {
    const file = write(
      'typos.yaml',
      `twinbridge: system
components:
  monitor: { fmu: monitor.fmu, strat: { safe_distance: 2 } }
step: 0.1
stpo: 1
`,
    );
    const said = await refusal('run', file);
    expect(said).toContain(`${file}:3:32: unknown key 'strat' in 'components.monitor' (did you mean 'start'?)`);
    expect(said).toContain(`${file}:5:1: unknown key 'stpo' in the file (did you mean 'stop'?)`);

    const names = write(
      'names.yaml',
      `twinbridge: system
components:
  monitor: { fmu: monitor.fmu, start: { save_distance: 2 } }
connections:
  - monitr.stop -> monitor.x
step: 0.1
`,
    );
    const named = await refusal('run', names);
    expect(named).toMatch(/names\.yaml:3:41: .*'?save_distance'?.*\(did you mean 'safe_distance'\?\)/);
    expect(named).toMatch(/names\.yaml:5:5: .*'?monitr'?.*\(did you mean 'monitor'\?\)/);
  });

  it('that is no YAML', async () => {
    const file = write('broken.yaml', 'twinbridge: system\ncomponents: { a: \n');
    expect(await refusal('run', file)).toMatch(/broken\.yaml:\d+:\d+: /);
  });
});

describe('3 a bridge', () => {
  const TYPOS = `twinbridge: bridge
name: robot
recieve:
  key: a
outputs:
  x: Real
selection:
  lookahead: 0
`;

  it('with typos: build and validate say where, and what was meant', async () => {
    const file = write('bridge.yaml', TYPOS);
    const expected = [
      `${file}:3:1: unknown key 'recieve' in the file (did you mean 'receive'?)`,
      `${file}:8:14: 'selection.lookahead' must be >= 1 (it is 0)`,
    ];
    const built = await refusal('build', file);
    const validated = await runCli(['validate', file]);
    expect(validated.code).toBe(3);
    for (const line of expected) {
      expect(built).toContain(line);
      expect(validated.stdout).toContain(`error: ${line}`);
    }
    expect(validated.stdout).toContain(`${file}: 2 problems`);

    const types = write(
      'types.yaml',
      'twinbridge: bridge\nname: robot\noutputs:\n  x: Rael\ndiagnostics: [link_upp]\n',
    );
    const said = await refusal('build', types);
    expect(said).toContain(`${types}:4:6: 'outputs.x' is 'Rael'`);
    expect(said).toContain("(did you mean 'Real'?)");
    expect(said).toContain("(did you mean 'link_up'?)");
  });

  it('with a password in it is refused without showing it', async () => {
    const file = write(
      'secret.yaml',
      'twinbridge: bridge\nname: a\nbroker: { password: sesame-73 }\noutputs: { x: Real }\n',
    );
    const said = await refusal('build', file);
    expect(said).toContain(`${file}:3:11: `);
    expect(said).not.toContain('sesame-73');
  });

  it('is valid when it is right; its schema can be printed for editors', async () => {
    const file = write('right.yaml', 'twinbridge: bridge\nname: robot\noutputs: { x: Real }\n');
    expect(await runCli(['validate', file])).toMatchObject({ code: 0, stdout: `${file}: valid\n` });
    const schema = await runCli(['validate', '--print-schema', 'bridge']);
    expect(JSON.parse(schema.stdout)).toMatchObject({ title: 'twinbridge bridge', required: ['twinbridge', 'name'] });
  });
});
