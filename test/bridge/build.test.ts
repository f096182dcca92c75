import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseBridgeJson } from '#tb/bridge/bridge-json.js';
import { type BridgeConfig, buildBridgeFmu, DIAGNOSTICS, PARAMETERS, parseBridgeConfig } from '#tb/bridge/index.js';
import { openFmu, type ScalarVariable } from '#tb/fmi/index.js';
import { koffiPlatform, nativeLibraryPath } from '#tb/native/index.js';
import { runCli } from '../support/cli.js';
import { fmpyProblems, hasFmpy } from '../support/fmpy.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
let built = 0;

const FULL = `twinbridge: bridge
name: field-robot 2
description: a <robot> & "its" broker
broker: {host: plant, vhost: v, tls: true, secretFile: ~/broker.secret}
outputs:
  x: {type: Real, unit: m, description: 'to the "east"'}
  temperature: {type: Real, unit: degC}
  odd & "quoted" <name>: {type: Real, unit: furlong}
  seqno: Integer
  ok: Boolean
  id: {type: String, maxLength: 20}
inputs:
  speed: {type: Real, start: 1.5, unit: m/s}
  mode: {type: Integer, start: -7}
  stop: {type: Boolean, start: true}
  text: {type: String, start: a & b}
diagnostics: true
`;
const full = parseBridgeConfig(FULL, 'bridge.yaml');
const parse = (text: string) => parseBridgeConfig(`twinbridge: bridge\n${text}`, 'bridge.yaml');

async function build(config: BridgeConfig, options: Parameters<typeof buildBridgeFmu>[2] = {}) {
  const file = join(folder, `${built++}.fmu`);
  const report = await buildBridgeFmu(config, file, { platforms: 'host', ...options });
  return { file, report };
}

async function unpacked<T>(file: string, use: (fmu: Awaited<ReturnType<typeof openFmu>>) => T): Promise<T> {
  const fmu = await openFmu(file);
  try {
    return use(fmu);
  } finally {
    await fmu.close();
  }
}

describe('the model description', () => {
  it.runIf(hasFmpy).each([
    ['of all kinds of variables', FULL],
    ['of one output', 'twinbridge: bridge\nname: a\noutputs: {x: Real}\n'],
    ['of one input', 'twinbridge: bridge\nname: 1 机器人\ninputs: {x: Boolean}\n'],
  ])('%s is right in the eyes of FMPy', async (_what, yaml) => {
    const { file } = await build(parseBridgeConfig(yaml, 'bridge.yaml'));
    expect(await fmpyProblems(file)).toEqual([]);
  });

  it('has the variables of the configuration', async () => {
    const { file, report } = await build(full);
    const { description, warnings } = await unpacked(file, (fmu) => fmu);
    expect(warnings).toEqual([]);
    const find = (name: string) => {
      const { location: _location, ...variable } = description.variables.find(
        (one) => one.name === name,
      ) as ScalarVariable;
      return variable;
    };
    expect(find('x')).toEqual({
      name: 'x',
      valueReference: 100,
      type: 'Real',
      causality: 'output',
      variability: 'discrete',
      initial: 'calculated',
      unit: 'm',
      description: 'to the "east"',
    });
    expect(find('odd & "quoted" <name>')).toMatchObject({ valueReference: 102, unit: 'furlong' });
    expect(find('speed')).toMatchObject({ causality: 'input', variability: 'continuous', start: 1.5, unit: 'm/s' });
    expect(find('mode')).toMatchObject({ causality: 'input', variability: 'discrete', start: -7 });
    expect(find('stop')).toMatchObject({ causality: 'input', variability: 'discrete', start: true });
    expect(find('text')).toMatchObject({ causality: 'input', type: 'String', start: 'a & b' });
    expect(find('link_up')).toMatchObject({ causality: 'output', type: 'Boolean', initial: 'calculated' });
    expect(find('config.hostname')).toMatchObject({
      causality: 'parameter',
      variability: 'fixed',
      initial: 'exact',
      start: 'plant',
    });
    expect(find('config.maxage')).toMatchObject({ causality: 'parameter', variability: 'tunable', start: 1000 });
    expect(description.units).toContainEqual({ name: 'degC', baseUnit: { K: 1, offset: 273.15 } });
    expect(description.units).toContainEqual({ name: 'furlong' });
    expect(report.variables).toEqual({
      outputs: 6,
      inputs: 4,
      // Without a health exchange there is nothing to tell discrepancies from.
      diagnostics: Object.keys(DIAGNOSTICS).length - 2,
      parameters: PARAMETERS.length,
    });
  });

  it('says that outputs depend on no input', async () => {
    const { file } = await build(full);
    const { description } = await unpacked(file, (fmu) => fmu);
    const outputs = description.variables.flatMap(({ causality }, index) => (causality === 'output' ? [index] : []));
    expect(description.outputs).toEqual(outputs.map((index) => ({ index, dependencies: [] })));
    expect(description.initialUnknowns).toEqual(description.outputs);
  });

  it('states what the library can do', async () => {
    const { file } = await build(full);
    expect((await unpacked(file, (fmu) => fmu)).description.coSimulation).toMatchObject({
      modelIdentifier: 'field_robot_2',
      needsExecutionTool: false,
      canHandleVariableCommunicationStepSize: true,
      canNotUseMemoryManagementFunctions: true,
      canGetAndSetFMUstate: true,
      canSerializeFMUstate: true,
    });
  });

  it.each([
    ['robot', 'robot'],
    ['field-robot 2', 'field_robot_2'],
    ['2nd', '_2nd'],
    ['a/b\\c.d', 'a_b_c_d'],
    ['x'.repeat(500), 'x'.repeat(64)],
  ])('makes a C identifier of the name %s', async (name, identifier) => {
    const { file, report } = await build({ ...full, name });
    expect(report.modelIdentifier).toBe(identifier);
    expect((await unpacked(file, (fmu) => fmu)).description).toMatchObject({ modelName: name });
  });
});

describe('the archive', () => {
  it('holds the library, the backend, koffi, the configuration and a page about it', async () => {
    const { file, report } = await build(full);
    await unpacked(file, ({ directory, description }) => {
      const platform = report.platforms[0] as string;
      const library = readdirSync(join(directory, 'binaries', platform))[0] as string;
      expect(library.startsWith('field_robot_2.')).toBe(true);
      const same = (entry: string, original: string) =>
        expect(readFileSync(join(directory, entry)).equals(readFileSync(original))).toBe(true);
      same(`binaries/${platform}/${library}`, nativeLibraryPath());
      same('resources/backend.cjs', 'dist/backend.cjs');
      expect(existsSync(join(directory, 'resources/koffi', koffiPlatform(), 'koffi.node'))).toBe(true);
      for (const name of ['twinbridge', 'koffi', 'amqplib']) {
        expect(existsSync(join(directory, `documentation/licenses/${name}.txt`))).toBe(true);
      }

      const json = join(directory, 'resources/bridge.json');
      expect(parseBridgeJson(readFileSync(json, 'utf8'), json)).toEqual({ ...full, guid: description.guid });
      const page = readFileSync(join(directory, 'documentation/index.html'), 'utf8');
      expect(page).toContain('a &lt;robot&gt; &amp; &quot;its&quot; broker');
      expect(page).toContain('TWINBRIDGE_SECRET_FILE');
      expect(page).not.toContain('<name>');
    });
  });

  it('has the same bytes each time', async () => {
    const first = await build(full);
    const second = await build(parseBridgeConfig(FULL, 'bridge.yaml'));
    expect(readFileSync(second.file).equals(readFileSync(first.file))).toBe(true);
    expect(second.report).toEqual({ ...first.report, file: second.file });
  });

  it('has another GUID when anything in it is another', async () => {
    const backend = join(folder, 'backend.cjs');
    writeFileSync(backend, '// another\n');
    const guids = [
      (await build(full)).report.guid,
      (await build(full, { backend })).report.guid,
      (await build({ ...full, selection: { ...full.selection, lookahead: 2 } })).report.guid,
    ];
    expect(new Set(guids).size).toBe(3);
    for (const guid of guids)
      expect(guid).toMatch(/^\{[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\}$/);
  });

  it('has the GUID that was asked for', async () => {
    const { report } = await build({ ...full, guid: '{mine}' });
    expect(report.guid).toBe('{mine}');
  });
});

describe('credentials', () => {
  it('are in no file, wherever they are while it is built', async () => {
    const secret = join(folder, 'broker.secret');
    writeFileSync(secret, 'username=nobody123\npassword=geheim123\n', { mode: 0o600 });
    const before = process.env.AMQP_URL;
    process.env.AMQP_URL = 'amqp://nobody123:geheim123@plant';
    try {
      const { file } = await build({ ...full, broker: { ...full.broker, secretFile: secret } });
      await unpacked(file, ({ directory, description }) => {
        const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
          entry.isFile(),
        );
        expect(files.length).toBeGreaterThanOrEqual(7);
        for (const entry of files) {
          const bytes = readFileSync(join(entry.parentPath, entry.name));
          expect(bytes.includes('geheim123'), entry.name).toBe(false);
          expect(bytes.includes('nobody123'), entry.name).toBe(false);
        }
        for (const name of ['config.username', 'config.password']) {
          expect(description.variables.find((variable) => variable.name === name)?.start).toBe('');
        }
      });
    } finally {
      if (before === undefined) delete process.env.AMQP_URL;
      else process.env.AMQP_URL = before;
    }
  });

  it.each<[string, string, BridgeConfig]>([
    ['a host with one', 'broker.host', { ...full, broker: { ...full.broker, host: 'me:geheim123@plant' } }],
    [
      'a URL with one',
      'sources.0.exchange',
      { ...full, sources: [{ ...full.sources[0]!, exchange: 'amqp://me:geheim123@plant' }] },
    ],
    [
      'a password among the queue arguments',
      'sources.0.queue.arguments.password',
      {
        ...full,
        sources: [{ ...full.sources[0]!, queue: { ...full.sources[0]!.queue, arguments: { password: 'geheim123' } } }],
      },
    ],
    [
      'a password that slipped past the checks',
      'broker.password',
      { ...full, broker: { ...full.broker, password: 'geheim123' } as BridgeConfig['broker'] },
    ],
    [
      'a private key',
      'broker.tls.ca',
      { ...full, broker: { ...full.broker, tls: { ca: '-----BEGIN PRIVATE KEY-----\ngeheim123' } } },
    ],
  ])('%s is refused, at last, without being shown', async (_what, place, config) => {
    const file = join(folder, 'refused.fmu');
    const error = await buildBridgeFmu(config, file).catch((caught) => caught);
    expect(error.code).toBe('TB_BRIDGE_CREDENTIAL_IN_FMU');
    expect(error.message).toContain(place);
    expect(`${error.message} ${error.remedy}`).not.toContain('geheim123');
    expect(existsSync(file)).toBe(false);
  });

  it('a signal may have any name', async () => {
    const { report } = await build(parse('name: a\noutputs: {password: String, token: Integer}\n'));
    expect(report.variables.outputs).toBe(2);
  });
});

describe('what is missing', () => {
  it.each([
    ['library', 'the native library /nowhere/lib.so is missing'],
    ['backend', 'the bundled backend /nowhere/lib.so is missing'],
  ] as const)('the %s', async (part, message) => {
    const error = await build(full, { [part]: '/nowhere/lib.so' }).catch((caught) => caught);
    expect(error.code).toBe('TB_BRIDGE_BUILD');
    expect(error.message).toBe(message);
    expect(error.remedy).toContain('npm run build');
  });
});

describe('the documentation in the FMU', () => {
  it('says of each source what it carries, and where in messages it stands', async () => {
    const file = join(folder, 'sources.fmu');
    await buildBridgeFmu(
      parseBridgeConfig(
        `twinbridge: bridge
name: sources
sources: { odom: { key: a, maxage: 1 s }, gps: { key: b, time: { key: /h/t } } }
outputs:
  q: { type: Real, source: odom, path: /joints/q, size: 2, scale: 0.5, offset: -1 }
  lat: { type: Real, source: gps }
`,
        'b.yaml',
      ),
      file,
    );
    const fmu = await openFmu(file);
    const page = readFileSync(join(fmu.directory, 'documentation/index.html'), 'utf8');
    await fmu.close();
    const [, odom = '', gps = ''] = page.split('<h2>Outputs from ');
    expect(odom).toMatch(/^odom<[\s\S]*<td>q\[1\]<\/td>.*<td>\/joints\/q\/1 × 0\.5 − 1<\/td>/);
    expect(gps).toMatch(/^gps<[\s\S]*<td>lat<\/td>/);
    expect(page).toContain('In messages of gps, <code>/h/t</code> holds its time');
  });
});

describe('twinbridge build', () => {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'bridge.yaml'), FULL);

  it('writes <name>.fmu beside the configuration', async () => {
    const { code, stdout, stderr } = await runCli(['build', join(project, 'bridge.yaml')], { cwd: folder });
    expect(stderr).toMatch(/field-robot 2\.fmu: 6 outputs, 4 inputs, \d+ diagnostics, \d+ parameters; \w+/);
    expect(stdout).toBe('');
    expect(code).toBe(0);
    expect(existsSync(join(project, 'field-robot 2.fmu'))).toBe(true);
  });

  it('writes where it is told, and says what as JSON', async () => {
    const file = join(folder, 'elsewhere/robot.fmu');
    const { code, stdout, stderr } = await runCli(['build', join(project, 'bridge.yaml'), '-o', file, '--json']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ file, modelIdentifier: 'field_robot_2', variables: { outputs: 6 } });
    expect(existsSync(file)).toBe(true);
  });

  it('names what is wrong, with its place', async () => {
    const file = join(project, 'wrong.yaml');
    writeFileSync(file, 'twinbridge: bridge\nname: a\noutputs:\n  x: Reel\n');
    const { code, stderr } = await runCli(['build', file]);
    expect(code).toBe(3);
    expect(stderr).toContain(`${file}:4:6: 'outputs.x' is 'Reel'`);
    expect(existsSync(join(project, 'a.fmu'))).toBe(false);
  });
});
