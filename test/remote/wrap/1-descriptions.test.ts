/** What `wrap` builds: descriptions, what is in the archive, and what it refuses. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Fmi3ModelDescription,
  hostPlatform,
  type ModelDescription,
  readAnyFmu,
  readArchive,
} from '#tb/fmi/index.js';
import { ModelExchangeOnlyError } from '#tb/index.js';
import { WrapError, type WrapOptions, wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { runCli } from '../../support/cli.js';
import { fmpyProblems, hasFmpy } from '../../support/fmpy.js';
import { describedAs, type FmuName, fmuEntries, TEST_FMUS, temporaryFolder, writeFmu } from '../../support/fmus.js';

const folder = temporaryFolder();
let count = 0;

const packed = (name: FmuName) => writeFmu(join(folder, `${name}.fmu`), fmuEntries(name));

async function wrap(source: string, options: WrapOptions = {}) {
  const report = await wrapRemoteFmu(source, join(folder, `wrapped-${count++}.fmu`), { platforms: 'host', ...options });
  const { description } = await readAnyFmu(report.file);
  return { report, description };
}

const read = (file: string, name: string) => readArchive(file, 'FMU', ({ read }) => read(name));
const namesIn = (file: string) => readArchive(file, 'FMU', async ({ names }) => names);
const textOf = async (file: string, name: string) => String(await read(file, name));
const variablesOf = async (file: string) =>
  (await readAnyFmu(file)).description.variables.map(({ location: _, ...rest }) => rest);

describe('a wrapped FMU', () => {
  it.each(['dahlquist', 'feedthrough3', 'clocks3', 'ball', 'arrays3'] as const)(
    'has the variables of %s',
    async (name) => {
      const file = packed(name);
      const { report } = await wrap(file);
      expect(await variablesOf(report.file)).toEqual(await variablesOf(file));
      expect(report).toMatchObject({ modelIdentifier: name, needsServer: false, warnings: [] });
    },
  );

  it('says no more than what goes over the wire', async () => {
    const file = writeFmu(
      join(folder, 'able.fmu'),
      describedAs('gain', (xml) =>
        xml
          .replace(
            /<CoSimulation[^>]*>/,
            `<CoSimulation modelIdentifier="gain" canBeInstantiatedOnlyOncePerProcess="true" canInterpolateInputs="true"
               maxOutputDerivativeOrder="1" canRunAsynchronuously="true" canGetAndSetFMUstate="true" canSerializeFMUstate="true"
               providesDirectionalDerivative="true" canHandleVariableCommunicationStepSize="true">
               <SourceFiles><File name="model.c"/></SourceFiles></CoSimulation>
             <ModelExchange modelIdentifier="gain"><SourceFiles><File name="me.c"/></SourceFiles></ModelExchange>`,
          )
          .replace(
            '<ModelVariables>',
            '<!-- <CoSimulation modelIdentifier="no"/> --><VendorAnnotations><Tool name="x"><a b="&lt;"><![CDATA[<CoSimulation>]]></a></Tool></VendorAnnotations>\n<ModelVariables>',
          ),
      ),
    );
    const { report, description } = await wrap(file);
    expect((description as ModelDescription).coSimulation).toEqual({
      modelIdentifier: 'gain',
      canHandleVariableCommunicationStepSize: true,
      canNotUseMemoryManagementFunctions: true,
      canGetAndSetFMUstate: true,
      canSerializeFMUstate: true,
    });
    expect((description as ModelDescription).hasModelExchange).toBe(false);
    // And what this program knows nothing of stays.
    const xml = await textOf(report.file, 'modelDescription.xml');
    expect(xml).toContain('<a b="&lt;"><![CDATA[<CoSimulation>]]></a>');
    expect(xml).not.toContain('SourceFiles');
  });

  it('of FMI 3.0 keeps its clocks and events, without fractions and intermediate updates', async () => {
    const file = writeFmu(
      join(folder, 'ticking.fmu'),
      describedAs('clocks3', (xml) =>
        xml
          .replace(
            '<CoSimulation',
            '<CoSimulation providesIntermediateUpdate="true" providesEvaluateDiscreteStates="true"',
          )
          .replace('<Clock', '<Clock supportsFraction="true" resolution="1000"'),
      ),
    );
    const { report, description } = await wrap(file);
    expect((description as Fmi3ModelDescription).coSimulation).toMatchObject({ hasEventMode: true });
    expect((description as Fmi3ModelDescription).coSimulation).not.toHaveProperty('providesIntermediateUpdate');
    expect((description as Fmi3ModelDescription).coSimulation).not.toHaveProperty('providesEvaluateDiscreteStates');
    expect(await textOf(report.file, 'modelDescription.xml')).toContain('supportsFraction="false"');
  });

  it('has its own token, by content and place; the same bytes whenever it is built', async () => {
    const file = packed('dahlquist');
    const [first, again, slower, there] = [
      await wrap(file),
      await wrap(file),
      await wrap(file, { stepTimeout: 3 }),
      await wrap(`proxyfmu://plant:9000?file=${file}`),
    ];
    expect(readFileSync(again.report.file)).toEqual(readFileSync(first.report.file));
    const tokens = [first, slower, there].map(({ report }) => report.guid);
    expect(new Set([...tokens, ((await readAnyFmu(file)).description as ModelDescription).guid]).size).toBe(4);
    expect((first.description as ModelDescription).guid).toBe(first.report.guid);
  });

  it('has the other FMU and what runs it in it; documentation, icon and terminals are its own', async () => {
    const file = writeFmu(join(folder, 'shown.fmu'), [
      ...fmuEntries('gain'),
      { name: 'documentation/index.html', content: Buffer.from('<p>theirs') },
      { name: 'model.png', content: Buffer.from('icon') },
      { name: 'terminalsAndIcons/terminalsAndIcons.xml', content: Buffer.from('<a/>') },
      { name: 'resources/table.csv', content: Buffer.from('1,2') },
      { name: 'sources/model.c', content: Buffer.from('int main;') },
    ]);
    const { report } = await wrap(file);
    const { fmi2Folder, tuple, extension } = hostPlatform()!;
    expect(await namesIn(report.file)).toEqual([
      `binaries/${fmi2Folder}/gain.${extension}`,
      'documentation/index.html',
      'documentation/licenses/twinbridge.txt',
      'model.png',
      'modelDescription.xml',
      `resources/fmu/binaries/${fmi2Folder}/gain.${extension}`,
      'resources/fmu/modelDescription.xml',
      'resources/fmu/resources/table.csv',
      `resources/programs/${tuple}/twinbridge-isolate`,
      'resources/target.txt',
      'resources/wrapped.txt',
      'terminalsAndIcons/terminalsAndIcons.xml',
    ]);
    expect(await textOf(report.file, 'documentation/index.html')).toBe('<p>theirs');
    // Nothing in it tells of the folder it came from.
    for (const name of ['target.txt', 'wrapped.txt'])
      expect(await textOf(report.file, `resources/${name}`)).not.toContain(folder);
  });

  it('on a server: what it is sent is in it, and where that is; no secret', async () => {
    process.env.TWINBRIDGE_PROXY_TOKEN = 'hush-hush';
    const file = packed('state3');
    const { report, description } = await wrap(`proxyfmu://plant.local:9090?file=${file}`, {
      startTimeout: 5,
      stepTimeout: 0.5,
    }).finally(() => {
      delete process.env.TWINBRIDGE_PROXY_TOKEN;
    });
    expect(report).toMatchObject({ needsServer: true, source: 'proxyfmu://plant.local:9090' });
    expect((description as Fmi3ModelDescription).coSimulation).toMatchObject({
      needsExecutionTool: true,
      canGetAndSetFMUState: true,
    });
    const sent = readFileSync(file);
    expect(await read(report.file, 'resources/state3.fmu')).toEqual(sent);
    expect(
      (await textOf(report.file, 'resources/target.txt')).split('\n').filter((line) => !line.startsWith('#')),
    ).toEqual([
      'protocol proxyfmu',
      'host plant.local',
      'port 9090',
      'boot 1',
      'upload state3.fmu',
      'name state3',
      `sha256 ${createHash('sha256').update(sent).digest('hex')}`,
      'start-ms 5000',
      'step-ms 500',
      '',
    ]);
    for (const name of await namesIn(report.file)) {
      expect((await read(report.file, name)).includes('hush-hush'), name).toBe(false);
    }
  });

  it('on an FMU-proxy knows no states', async () => {
    const { description } = await wrap(`fmu-proxy://plant.local:9090?file=${packed('gain')}`);
    expect((description as ModelDescription).coSimulation).toEqual({
      modelIdentifier: 'gain',
      canHandleVariableCommunicationStepSize: true,
      canNotUseMemoryManagementFunctions: true,
      needsExecutionTool: true,
    });
  });

  it('with another program has that in it, and the archive', async () => {
    const program = join(folder, 'proxyfmu');
    writeFileSync(program, '#!/bin/sh\n');
    const { report } = await wrap(packed('gain'), { program });
    const { tuple } = hostPlatform()!;
    expect(await textOf(report.file, `resources/programs/${tuple}/proxyfmu`)).toBe('#!/bin/sh\n');
    expect(await textOf(report.file, 'resources/target.txt')).toContain(
      `program ${tuple} programs/${tuple}/proxyfmu\nkeeper ${tuple} programs/${tuple}/twinbridge-isolate\nfmu gain.fmu\n`,
    );
  });
});

describe('as another version of FMI', () => {
  it('FMI 1.0 becomes 2.0', async () => {
    const { report, description } = await wrap(packed('feedthrough1'));
    expect(report).toMatchObject({ fmi: 2, theirFmi: '1.0', variables: 9, warnings: [] });
    expect(description.variables[0]).toMatchObject({ name: 'real_in', type: 'Real', causality: 'input', start: 0 });
  });

  it('FMI 3.0 as 2.0: elements are variables, structural parameters are what they are, and what there is not is told', async () => {
    const arrays = await wrap(packed('arrays3'), { fmi: 2 });
    expect(arrays.description.variables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['u3[0]', 'u3[2]', 'y[1]', 'matrix_in[3]', 'n']),
    );
    expect(arrays.description.variables.find(({ name }) => name === 'n')).toMatchObject({
      causality: 'local',
      variability: 'constant',
      type: 'Integer',
    });
    const types = await wrap(packed('feedthrough3'), { fmi: 2 });
    expect(types.report.warnings).toEqual([
      "FMI 2.0 has no Binary: variable 'binary_in' (input) is left out",
      "FMI 2.0 has no Binary: variable 'binary_out' (output) is left out",
      "item 'beyond_2_to_the_53' of 'Choice' is too large for FMI 2.0: it is left out",
    ]);
  });

  it('FMI 2.0 as 3.0: with a time, and a value reference for each variable', async () => {
    const { description } = await wrap(packed('feedthrough'), { fmi: 3 });
    const { variables } = description as Fmi3ModelDescription;
    expect(new Set(variables.map(({ valueReference }) => valueReference)).size).toBe(variables.length);
    expect(variables.filter(({ causality }) => causality === 'independent')).toMatchObject([{ type: 'Float64' }]);
  });

  it.skipIf(!hasFmpy)(
    'FMPy finds nothing wrong with any of them',
    async () => {
      const names: FmuName[] = TEST_FMUS.filter((name) => !/^me/.test(name));
      const found: Record<string, string[]> = {};
      for (const name of [...names, 'dahlquist', 'feedthrough'] as const) {
        for (const fmi of [undefined, 2, 3] as const) {
          const { report } = await wrap(packed(name), fmi === undefined ? {} : { fmi });
          const problems = await fmpyProblems(report.file);
          if (problems.length > 0) found[`${name} as ${fmi}`] = problems;
        }
      }
      expect(found).toEqual({});
    },
    300_000,
  );
});

describe('refuses', () => {
  const failure = (source: string, options?: WrapOptions) =>
    wrap(source, options).then(
      () => {
        throw new Error('it was wrapped');
      },
      (error: Error) => error,
    );

  it.each([
    ['what is for model exchange only', () => packed('me2'), ModelExchangeOnlyError, /model exchange only/],
    [
      'a scheme that nobody knows',
      () => 'proxyfmuy://localhost?file=a.fmu',
      WrapError,
      /^what is to be wrapped has a source of the unknown scheme 'proxyfmuy' \(did you mean 'proxyfmu'/,
    ],
    [
      'a booter without a port',
      () => 'proxyfmu://plant?file=a.fmu',
      WrapError,
      /lacks the port of the booter on plant/,
    ],
    ['an FMU behind a broker', () => 'amqp-fmu://broker/gain', WrapError, /behind a broker/],
  ])('%s', async (_what, source, kind, message) => {
    const error = await failure(source());
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(message);
  });

  it('an FMU of FMI 3.0 for an FMU-proxy, which has no types for it', async () => {
    const error = (await failure(`fmu-proxy://plant:1?file=${packed('dahlquist3')}`)) as WrapError;
    expect(error.message).toMatch(/no types for FMUs of FMI 3\.0/);
    expect(error.remedy).toMatch(/fmu-proxy:\/\/plant:1\?guid=\{7d0b6a52-/);
  });

  it('a file that is not there', async () => {
    expect((await failure(join(folder, 'nowhere.fmu'))).message).toMatch(/nowhere\.fmu/);
  });

  it('to run here what has no library for any of the platforms', async () => {
    const entries = fmuEntries('gain').map((entry) =>
      entry.name.startsWith('binaries/') ? { ...entry, name: 'binaries/darwin64/gain.dylib' } : entry,
    );
    const error = await failure(writeFmu(join(folder, 'elsewhere.fmu'), entries));
    expect(error).toBeInstanceOf(WrapError);
    expect(error.message).toMatch(/no library 'gain' for .*, only for darwin64/);
  });

  it('to take the place of the FMU that it stands for', async () => {
    const file = packed('gain');
    const before = readFileSync(file);
    await expect(wrapRemoteFmu(file, file)).rejects.toThrow(/would take the place/);
    expect(readFileSync(file)).toEqual(before);
  });

  it('a program where one runs already', async () => {
    expect((await failure(`proxyfmu://plant:1?file=${packed('gain')}`, { program: 'x' })).message).toMatch(
      /server that runs/,
    );
  });
});

describe('twinbridge wrap', () => {
  it('reports, and names the file after the FMU', async () => {
    const cwd = join(folder, 'cli');
    mkdirSync(cwd);
    const source = writeFmu(join(cwd, 'my gain.fmu'), fmuEntries('gain'));
    const told = await runCli(['wrap', basename(source), '--platforms', 'host', '--json'], { cwd });
    expect({ code: told.code, report: JSON.parse(told.stdout) }).toMatchObject({
      code: 0,
      report: { file: 'mygain-remote.fmu', fmi: 2, modelName: 'gain', source: 'proxyfmu://localhost' },
    });
    const words = await runCli(
      [
        'wrap',
        `proxyfmu://10.0.0.5:9090?file=${basename(source)}`,
        '--fmi',
        '3',
        '--platforms',
        'host',
        '-o',
        'there.fmu',
      ],
      { cwd },
    );
    expect(words.stdout).toBe('');
    expect(words.stderr).toMatch(
      /^there\.fmu: \d+ variables; FMI 3\.0 for one of FMI 2\.0; runs at proxyfmu:\/\/10\.0\.0\.5:9090; /,
    );
  });

  it('answers 3 where the source is wrong, 2 where the command line is', async () => {
    expect(await runCli(['wrap', 'nowhere.fmu'])).toMatchObject({ code: 3 });
    expect(await runCli(['wrap', 'proxyfmuy://a?file=b.fmu'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('did you mean'),
    });
    expect(await runCli(['wrap', 'a.fmu', '--step-timeout', 'soon'])).toMatchObject({ code: 2 });
  });
});
