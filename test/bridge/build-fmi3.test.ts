/** Bridge FMUs of FMI 3.0: what is in them, without anybody running them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import { type Fmi3ModelDescription, hostPlatform, openAnyFmu, openFmu, readAnyFmu } from '#tb/fmi/index.js';
import { InvalidFileError } from '#tb/support/errors.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
let built = 0;

const YAML = `twinbridge: bridge
name: field-robot 2
sources: { odom: { key: robot.odom }, gps: { key: robot.gps } }
outputs:
  x: { type: Real, unit: m, source: odom }
  q: { type: Float32, size: 3, source: odom, unit: rad }
  mode: { type: Enumeration, values: { idle: 0, drive: 7 }, source: gps }
  raw: { type: Binary, maxLength: 1000, source: gps }
inputs:
  id: { type: UInt64, start: "18446744073709551615" }
  speeds: { type: Real, size: 2, start: [1.5, 2] }
`;

async function build(yaml = YAML, fmi: 2 | 3 = 3) {
  const file = join(folder, `${built++}.fmu`);
  const report = await buildBridgeFmu(parseBridgeConfig(yaml, 'bridge.yaml', { fmi }), file, { platforms: 'host' });
  return { file, report };
}

async function describeFmu(yaml = YAML): Promise<Fmi3ModelDescription> {
  const { description } = await readAnyFmu((await build(yaml)).file);
  if (!('instantiationToken' in description)) throw new Error('built as FMI 2.0');
  return description;
}

const problemsOf = (yaml: string) => {
  try {
    parseBridgeConfig(yaml, 'bridge.yaml', { fmi: 3 });
  } catch (error) {
    if (error instanceof InvalidFileError) return error.problems;
    throw error;
  }
  return [];
};

describe('an FMU of FMI 3.0', () => {
  it('has the folders of FMI 3.0, and the same bytes whenever it is built', async () => {
    const { file, report } = await build();
    expect(report).toMatchObject({ fmi: 3, modelIdentifier: 'field_robot_2', platforms: [hostPlatform()?.tuple] });
    const { description, warnings, directory, close } = await openAnyFmu(file);
    expect(warnings).toEqual([]);
    const { tuple, extension } = hostPlatform()!;
    expect(readFileSync(join(directory, 'binaries', tuple, `field_robot_2.${extension}`)).length).toBeGreaterThan(
      10_000,
    );
    expect('instantiationToken' in description && description.instantiationToken).toBe(report.guid);
    await close();
    expect(readFileSync((await build()).file).equals(readFileSync(file))).toBe(true);
  });

  it('has the time, a clock for each source, and each signal as one variable', async () => {
    const { variables, coSimulation, outputs, initialUnknowns, enumerations } = await describeFmu();
    expect(coSimulation).toMatchObject({ hasEventMode: true, mightReturnEarlyFromDoStep: true });
    const shown = variables
      .filter(({ causality }) => causality !== 'parameter')
      .map(({ name, valueReference, type, dimensions, start }) => [
        name,
        valueReference,
        type,
        dimensions.length,
        start,
      ]);
    expect(shown).toEqual([
      ['time', 21, 'Float64', 0, undefined],
      ['odom.arrival', 22, 'Clock', 0, undefined],
      ['gps.arrival', 23, 'Clock', 0, undefined],
      ['x', 100, 'Float64', 0, undefined],
      ['q', 101, 'Float32', 1, undefined],
      ['mode', 104, 'Enumeration', 0, undefined],
      ['raw', 105, 'Binary', 0, undefined],
      ['id', 106, 'UInt64', 0, [18446744073709551615n]],
      ['speeds', 107, 'Float64', 1, [1.5, 2]],
    ]);
    expect(variables.find(({ name }) => name === 'raw')?.maxSize).toBe(1000);
    expect(enumerations).toEqual([
      {
        name: 'mode',
        items: [
          { name: 'idle', value: 0n },
          { name: 'drive', value: 7n },
        ],
      },
    ]);
    expect(outputs.map(({ valueReference }) => valueReference)).toEqual([22, 23, 100, 101, 104, 105]);
    expect(initialUnknowns).toEqual(outputs);
  });

  it('has no events where there is nothing to arrive, or where they are not wanted', async () => {
    for (const yaml of ['inputs: { go: Boolean }', 'outputs: { x: Real }\nfmi3: { clock: none }']) {
      const { coSimulation, variables } = await describeFmu(`twinbridge: bridge\nname: quiet\n${yaml}\n`);
      expect(coSimulation).toMatchObject({ hasEventMode: false, mightReturnEarlyFromDoStep: false });
      expect(variables.some(({ type }) => type === 'Clock')).toBe(false);
    }
  });

  it('has its values under the references of the FMU of FMI 2.0', async () => {
    const yaml = YAML.replace('raw: { type: Binary, maxLength: 1000, source: gps }', '').replace(/ {2}id: .*\n/, '');
    const { variables } = await describeFmu(yaml);
    const { description } = await readAnyFmu((await build(yaml, 2)).file);
    const before = new Map(description.variables.map(({ name, valueReference }) => [name, valueReference]));
    for (const { name, valueReference, dimensions } of variables.filter(
      ({ valueReference: vr }) => vr > 50 || vr < 21,
    )) {
      expect(before.get(dimensions.length === 0 ? name : `${name}[0]`), name).toBe(valueReference);
    }
  });

  it('is no FMU for those who want FMI 2.0, and says so', async () => {
    const { file } = await build();
    await expect(openFmu(file)).rejects.toThrow(/the FMU is of FMI version 3\.0; FMI 2\.0 is supported/);
  });
});

describe('a configuration for FMI 3.0', () => {
  it.each([
    ['time', 'outputs: { time: Real }\nreceive: { time: { key: stamp } }', 'the independent variable'],
    ['arrival', 'outputs: { arrival: Real }', 'the clock that ticks on arrival'],
  ])('has no signal named %s', (name, yaml, what) => {
    const [problem, ...more] = problemsOf(`twinbridge: bridge\nname: a\n${yaml}\n`);
    expect(more).toEqual([]);
    expect(problem?.message).toBe(`'outputs.${name}' has the name of ${what}, which an FMU of FMI 3.0 has besides`);
    expect(problem?.location?.line).toBe(3);
    expect(problem?.remedy).toMatch(/give the signal another name and its field as its path/);
  });

  it('may have them where there is no clock, or in FMI 2.0', () => {
    expect(problemsOf('twinbridge: bridge\nname: a\nfmi3: { clock: none }\noutputs: { arrival: Real }\n')).toEqual([]);
    expect(parseBridgeConfig('twinbridge: bridge\nname: a\noutputs: { arrival: Real }\n', 'b.yaml').fmi).toBe(2);
  });
});

describe('twinbridge', () => {
  it('build --fmi 3 builds one, info shows it, validate finds nothing wrong', async () => {
    const config = join(folder, 'bridge.yaml');
    const file = join(folder, 'robot.fmu');
    writeFileSync(config, YAML);
    expect(await runCli(['build', config, '--fmi', '3', '-o', file, '--json'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"fmi":3'),
    });
    const { code, stdout } = await runCli(['info', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^FMI {2,}3\.0, co-simulation$/m);
    expect(stdout).toMatch(/^odom\.arrival +Clock +output +triggered/m);
    expect(stdout).toMatch(/^q +Float32\[3\] +output +discrete +\(calculated\) +rad/m);
    const json = JSON.parse((await runCli(['info', file, '--json'])).stdout) as { description: Fmi3ModelDescription };
    expect(json.description.variables.find(({ name }) => name === 'id')?.start).toEqual(['18446744073709551615']);
    expect(await runCli(['validate', file])).toMatchObject({ code: 0 });
    expect(await runCli(['build', config, '--fmi', '1'])).toMatchObject({ code: 2 });
    expect(await runCli(['build', config])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('which FMI 2.0 does not have'),
    });
  });
});
