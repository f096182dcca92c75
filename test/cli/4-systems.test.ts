/** Systems of all formats on the command line: which is read how, and what is made of it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupSystemFiles, readSystem, systemFormatOf } from '#tb/system/index.js';
import { runCli } from '../support/cli.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';
import { zip } from '../support/zip.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
for (const name of ['feedthrough', 'monitor', 'dahlquist'] as const) exampleFmu(folder, name);

function write(name: string, content: unknown): string {
  mkdirSync(join(at(name), '..'), { recursive: true });
  writeFileSync(
    at(name),
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content, undefined, 2),
  );
  return at(name);
}

const yaml = write(
  'system.yaml',
  'twinbridge: system\ncomponents: { d: { fmu: dahlquist.fmu, start: { k: 0.5 } } }\nstep: 0.1\nstop: 1\n',
);
const mm = write('mm.json', {
  fmus: { '{r}': 'feedthrough.fmu', '{m}': 'monitor.fmu' },
  connections: { '{r}.r.real_out': ['{m}.m.x'] },
});
const coe = write('coe.json', { startTime: 0, endTime: 1, algorithm: { type: 'fixed-step', size: 0.1 } });
const container = write('container.json', { fmu: ['feedthrough.fmu', 'monitor.fmu'], step_size: 0.05 });
const csv = write('container.csv', 'rule;from_fmu;from_port;to_fmu;to_port\nFMU;dahlquist.fmu;;;\n');
const osp = write(
  'osp/OspSystemStructure.xml',
  `<?xml version="1.0" encoding="UTF-8"?>
<!-- <fmiModelDescription> is another -->
<OspSystemStructure xmlns="http://opensimulationplatform.com/MSMI/OSPSystemStructure" version="0.1">
  <BaseStepSize>0.1</BaseStepSize>
  <Simulators><Simulator name="d" source="../dahlquist.fmu"/></Simulators>
</OspSystemStructure>
`,
);
const SSD = `<?xml version="1.0" encoding="UTF-8"?>
<ssd:SystemStructureDescription xmlns:ssd="http://ssp-standard.org/SSP1/SystemStructureDescription" version="1.0" name="s">
  <ssd:System name="s">
    <ssd:Elements><ssd:Component name="d" source="resources/dahlquist.fmu"/></ssd:Elements>
  </ssd:System>
  <ssd:DefaultExperiment startTime="0" stopTime="1"/>
</ssd:SystemStructureDescription>
`;
const ssd = write('ssd/SystemStructure.ssd', SSD);
exampleFmu(at('ssd/resources'), 'dahlquist');
const ssp = write(
  'plant.ssp',
  zip([
    { name: 'SystemStructure.ssd', content: Buffer.from(SSD) },
    { name: 'resources/dahlquist.fmu', content: readFileSync(at('dahlquist.fmu')) },
  ]),
);

describe('the format of a system', () => {
  it.each([
    [yaml, 'system file'],
    [mm, 'Maestro multi-model and simulation configuration'],
    [coe, 'Maestro multi-model and simulation configuration'],
    [container, 'container description'],
    [csv, 'container description'],
    [osp, 'OSP system structure'],
    [at('osp'), 'OSP system structure'],
    [ssd, 'System Structure and Parameterization'],
    [at('ssd'), 'System Structure and Parameterization'],
    [ssp, 'System Structure and Parameterization'],
  ])('%s: %s', async (path, format) => {
    expect(await systemFormatOf(path)).toBe(format);
    const system = await readSystem(path === mm || path === coe ? [mm, coe] : path);
    expect(system.components.length).toBeGreaterThan(0);
  });

  it('is found by what the file holds, and all are named where none fits', async () => {
    for (const name of ['some.json', 'some.xml', 'some.txt', 'folder/x'])
      write(name, name.endsWith('.xml') ? '<a/>' : '{"a": 1}');
    for (const path of ['some.json', 'some.xml', 'some.txt', 'folder']) {
      await expect(readSystem(at(path))).rejects.toMatchObject({
        code: 'TB_SYSTEM_FORMAT',
        message: `${at(path)} is no system that can be read`,
        remedy: expect.stringMatching(
          /^formats are: system file \(\.yaml\), Maestro .*, container .*, OSP .*, System Str/,
        ),
      });
    }
    await expect(readSystem(at('monitor.fmu'))).rejects.toThrow(/is an FMU, which is no system/);
    await expect(readSystem(at('gone.json'))).rejects.toThrow(/cannot read .*gone\.json: no such file/);
    write('broken.json', '{ "fmus": ');
    await expect(readSystem(at('broken.json'))).rejects.toThrow(/broken\.json:1:\d+: this is no JSON/);
    await expect(readSystem([yaml, coe])).rejects.toThrow(
      /system\.yaml is a system by itself: .*coe\.json cannot be added/,
    );
  });

  it('says which files go together', async () => {
    const other = write('other/mm.json', { fmus: {} });
    expect(await groupSystemFiles([mm, coe, yaml, coe, other, at('gone.yaml')])).toEqual([
      [mm, coe],
      [yaml],
      [coe, other],
      [at('gone.yaml')],
    ]);
    expect(await groupSystemFiles([mm, other])).toEqual([[mm], [other]]);
  });
});

describe('validate', () => {
  it('knows systems of all formats', async () => {
    const { code, stdout } = await runCli([
      'validate',
      yaml,
      mm,
      coe,
      container,
      csv,
      osp,
      ssd,
      ssp,
      at('osp'),
      at('monitor.fmu'),
    ]);
    const verdicts = stdout.split('\n').filter((line) => !line.startsWith('warning: ') && line !== '');
    expect(verdicts.map((line) => line.replace(/, \d+ warnings$/, '').replaceAll(`${folder}/`, ''))).toEqual([
      'system.yaml: valid',
      'mm.json coe.json: valid',
      'container.json: valid',
      'container.csv: valid',
      'osp/OspSystemStructure.xml: valid',
      'ssd/SystemStructure.ssd: valid',
      'plant.ssp: valid',
      'osp: valid',
      'monitor.fmu: valid',
    ]);
    expect(code).toBe(0);
  });

  it('reports what is wrong with its place', async () => {
    const wrong = write('wrong.json', { fmu: ['feedthrough.fmu'], drop: [['feedthrough.fmu', 'reel_out']] });
    const { code, stdout } = await runCli(['validate', wrong, mm]);
    expect(code).toBe(3);
    expect(stdout).toContain(
      `error: ${wrong}:8:7: 'feedthrough.fmu' has no variable 'reel_out' (did you mean 'real_out'?)\n${wrong}: 1 problem\n`,
    );
    expect(stdout).toContain("there is no step size: 'algorithm' is missing");
  });

  it('takes what the formats can be told', async () => {
    const { code, stdout } = await runCli(['validate', csv, '--step-size', '0.3']);
    expect(code).toBe(0);
    expect(stdout).toContain('the duration is no multiple of the step 0.3 s');
  });
});

describe('convert', () => {
  it('writes a system file that is the same system', async () => {
    const output = at('converted/system.yaml');
    mkdirSync(at('converted'));
    const { code, stderr, stdout } = await runCli(['convert', mm, coe, '-o', output]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: `${output}: written; then: twinbridge run ${output}\n`,
    });
    expect(readFileSync(output, 'utf8')).toBe(`# from mm.json
twinbridge: system
components:
  '{r}.r': { fmu: ../feedthrough.fmu }
  '{m}.m': { fmu: ../monitor.fmu }
connections:
  - '{r}.r.real_out -> {m}.m.x'
step: 0.1
stop: 1
record:
  variables:
    - '{r}.r.real_out'
`);
    expect((await runCli(['validate', output])).code).toBe(0);
  });

  it('takes the last of several files for the output, and replaces none unless it is told to', async () => {
    const output = at('container.yaml');
    expect((await runCli(['convert', container, output])).code).toBe(0);
    const again = await runCli(['convert', container, output]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain(`${output} exists`);
    expect((await runCli(['convert', csv, output, '--force'])).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toContain('dahlquist: { fmu: dahlquist.fmu }');
  });

  it('shows it, without writing anything', async () => {
    const { code, stdout, stderr } = await runCli(['convert', 'osp/OspSystemStructure.xml', '-o', '-'], {
      cwd: folder,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('d: { fmu: dahlquist.fmu }');
  });

  it('keeps the FMUs of an archive', async () => {
    const output = at('unpacked/system.yaml');
    mkdirSync(at('unpacked'));
    expect((await runCli(['convert', ssp, output, '--step-size', '0.01'])).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toContain('d: { fmu: fmus/dahlquist.fmu }');
    expect(existsSync(at('unpacked/fmus/dahlquist.fmu'))).toBe(true);
    expect((await runCli(['validate', output])).code).toBe(0);
    const shown = await runCli(['convert', ssp, '-o', '-']);
    expect(shown.code).toBe(2);
    expect(shown.stderr).toMatch(/the FMUs are in the archive: a text cannot hold them\n {2}name a file with --output/);
  });

  it('packs a system and its FMUs for other tools', async () => {
    const output = at('packed.ssp');
    expect((await runCli(['convert', yaml, output])).code).toBe(0);
    const [packed, written] = [await readSystem(output), await readSystem(yaml)];
    expect(packed).toMatchObject({ stepping: written.stepping, stop: 1 });
    expect(packed.components.map(({ name, start }) => ({ name, start }))).toEqual(
      written.components.map(({ name, start }) => ({ name, start })),
    );
  });

  it('tells what is odd: to a person, or as JSON', async () => {
    const spare = write('spare.json', {
      fmus: { '{r}': 'feedthrough.fmu', '{m}': 'monitor.fmu', '{s}': 'dahlquist.fmu' },
      connections: { '{r}.r.real_out': ['{m}.m.x'] },
      algorithm: { type: 'fixed-step', size: 0.1 },
    });
    const output = at('spare.yaml');
    const told = await runCli(['convert', spare, output]);
    expect(told.stderr).toContain(`warning: ${spare}:5:5: no connection names an instance of '{s}': it takes no part`);
    const { stdout } = await runCli(['convert', spare, output, '--force', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ file: output, warnings: [{ location: { file: spare, line: 5 } }] });
  });

  it('says what it cannot read or write', async () => {
    const unknown = await runCli(['convert', yaml, at('system.docx')]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/no format is known for .*system\.docx\n {2}formats are: system file \(\.yaml\)/);
    const nothing = await runCli(['convert', at('some.txt'), '-o', '-']);
    expect(nothing.code).toBe(3);
    expect(nothing.stderr).toMatch(/some\.txt is no system that can be read\n {2}formats are: /);
    const bad = await runCli(['convert', mm, at('bad.yaml')]);
    expect(bad.code).toBe(3);
    expect(existsSync(at('bad.yaml'))).toBe(false);
  });
});
