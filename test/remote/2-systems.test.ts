/** Systems with remote components: how formats name them, what is checked, what is written. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compilePlan, describePlan } from '#tb/master/index.js';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';
import { parseSystemYaml, readSystem, type System, writeSystem } from '#tb/system/index.js';
import { describedAs, fmuEntries, temporaryFolder, testFmu, writeFmu } from '../support/fmus.js';
import { structureXml, variableConnection, write } from '../support/osp.js';
import { component, connect, connectors, elements, ssd, writeArchive } from '../system/ssp.js';

const folder = temporaryFolder();
const gain = () => join(folder, 'fmus', 'gain.fmu');
const BOOTER = 'proxyfmu://10.0.0.1:9090?file=fmus/gain.fmu';

beforeAll(() => {
  mkdirSync(join(folder, 'fmus'));
  testFmu(join(folder, 'fmus'), 'gain');
  writeFmu(join(folder, 'two words.fmu'), fmuEntries('gain'));
});

/** What is told of where FMUs are. */
function places({ components }: System): unknown[] {
  return components.map(({ name, fmu, remote, isolate }) => ({ name, fmu, remote, isolate }));
}

const elsewhere = (name: string, uri: string, fmu: string, place: object) => ({
  name,
  fmu,
  remote: { kind: 'proxyfmu', uri, ...place, file: fmu },
  isolate: false,
});

async function problemsOf(reading: Promise<unknown>): Promise<string[]> {
  const error: unknown = await reading.catch((thrown: unknown) => thrown);
  if (!(error instanceof InvalidFileError)) throw error;
  return error.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}

const yaml = (components: string, rest = '') =>
  parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\nstep: 0.1\ncomponents:\n${components}\n${rest}`);

describe('a remote FMU is named', () => {
  const expected = () => [
    elsewhere('a', 'proxyfmu://localhost?file=two%20words.fmu', join(folder, 'two words.fmu'), { host: 'localhost' }),
    elsewhere('b', BOOTER, gain(), { host: '10.0.0.1', port: 9090 }),
  ];

  it('in a system file', async () => {
    const system = await yaml(`  a: { fmu: 'proxyfmu://localhost?file=two%20words.fmu' }\n  b: { fmu: '${BOOTER}' }`);
    expect(places(system)).toEqual(expected());
  });

  it('in a system structure of OSP', async () => {
    const simulators = `<Simulator name="a" source="proxyfmu://localhost?file=two%20words.fmu"/><Simulator name="b" source="${BOOTER}"/>`;
    const file = write(
      folder,
      'OspSystemStructure.xml',
      structureXml({ simulators, connections: variableConnection('a.y', 'b.u') }),
    );
    expect(places(await readSystem(file))).toEqual(expected());
  });

  it.each(['1.0', '2.0'])('in an SSD of SSP %s', async (version) => {
    const content = elements(component('a', 'proxyfmu://localhost?file=two%20words.fmu'), component('b', BOOTER));
    const file = write(folder, 'system.ssd', ssd(content, undefined, version));
    expect(places(await readSystem(file))).toEqual(expected());
  });

  it('in an SSP archive, which holds it', async () => {
    const source = 'proxyfmu://localhost?file=resources/gain.fmu';
    const file = writeArchive(join(folder, 'packed.ssp'), [
      {
        name: 'SystemStructure.ssd',
        content: ssd(elements(component('a', source), component('b', 'resources/gain.fmu'))),
      },
      { name: 'resources/gain.fmu', content: readFileSync(gain()) },
    ]);
    const [a, b] = (await readSystem(file)).components;
    expect(basename(a!.fmu)).toBe('gain.fmu');
    expect(a!.remote).toMatchObject({ file: a!.fmu, uri: source });
    expect(b!.remote).toBeUndefined();
    const out = (path: string) =>
      writeArchive(join(folder, 'out.ssp'), [
        { name: 'SystemStructure.ssd', content: ssd(elements(component('a', `proxyfmu://localhost?file=${path}`))) },
      ]);
    expect(await problemsOf(readSystem(out('../fmus/gain.fmu')))).toEqual([
      "out.ssp/SystemStructure.ssd:10:1: '../fmus/gain.fmu' leads out of the archive",
    ]);
    expect(await problemsOf(readSystem(out('no.fmu')))).toEqual([
      expect.stringMatching(/^out\.ssp\/SystemStructure\.ssd:10:1: there is no out\.ssp\/no\.fmu, named here as/),
    ]);
  });

  it('in a multi-model of Maestro and in a container description', async () => {
    const multimodel = write(
      folder,
      'mm.json',
      JSON.stringify({
        fmus: { '{a}': BOOTER },
        connections: {},
        algorithm: { type: 'fixed-step', size: 0.1 },
        endTime: 1,
      }),
    );
    expect(places(await readSystem(multimodel))).toEqual([
      elsewhere('{a}.a', BOOTER, gain(), { host: '10.0.0.1', port: 9090 }),
    ]);
    const container = write(
      folder,
      'container.json',
      JSON.stringify({ fmu: ['x.fmu'], path: { 'x.fmu': BOOTER }, step_size: 0.1 }),
    );
    expect(places(await readSystem(container))).toEqual([
      elsewhere('x', BOOTER, gain(), { host: '10.0.0.1', port: 9090 }),
    ]);
  });

  it('in a system file, where files are named by URIs, too', async () => {
    const system = await yaml("  a: { fmu: 'file:///../fmus/gain.fmu' }".replace('/../', `${folder}/`));
    expect(places(system)).toEqual([{ name: 'a', fmu: gain(), remote: undefined, isolate: false }]);
  });
});

describe('what is wrong is told at once, with its place', () => {
  it('in a system file', async () => {
    const problems = await problemsOf(
      yaml(
        `  a: { fmu: 'proxyfmuy://localhost?file=fmus/gain.fmu' }
  b: { fmu: 'proxyfmu://localhost:99999?file=fmus/gain.fmu' }
  c: { fmu: 'proxyfmu://localhost?file=none.fmu' }
  d: { fmu: '${BOOTER}', isolate: true }
  e: { fmu: 'fmu-proxy://localhost:1?file=a&guid=b', deadline: 1 }`,
      ),
    );
    expect(problems).toEqual([
      expect.stringContaining(
        "system.yaml:4:13: 'a' has a source of the unknown scheme 'proxyfmuy' (did you mean 'proxyfmu'?)",
      ),
      expect.stringContaining(
        "system.yaml:5:13: 'b' has the source 'proxyfmu://localhost:99999?file=fmus/gain.fmu', whose port is '99999'",
      ),
      'system.yaml:6:13: cannot read none.fmu: no such file',
      `system.yaml:7:13: 'd' is isolated, but its FMU is not run here: ${BOOTER} (leave out isolate: a remote FMU is in a process of its own)`,
      expect.stringContaining(
        "system.yaml:8:13: 'e' has the source 'fmu-proxy://localhost:1?file=a&guid=b', which names the FMU twice",
      ),
    ]);
  });

  it('of a library for this machine, only where the FMU is run here', async () => {
    const others = join(folder, 'others.fmu');
    writeFmu(
      others,
      describedAs('gain', (xml) => xml).map((entry) => ({
        ...entry,
        name: entry.name.replace(/^binaries\/[^/]+/, 'binaries/amiga'),
      })),
    );
    expect(await problemsOf(yaml("  a: { fmu: others.fmu }\n  b: { fmu: 'proxyfmu://h:1?file=others.fmu' }"))).toEqual([
      expect.stringMatching(/^system\.yaml:4:13: others\.fmu has no library for /),
    ]);
    const [component] = (await yaml("  b: { fmu: 'proxyfmu://h:1?file=others.fmu' }")).components;
    expect(component!.remote).toMatchObject({ host: 'h' });
    expect(await problemsOf(yaml("  b: { fmu: 'proxyfmu://localhost?file=others.fmu' }"))).toEqual([
      expect.stringMatching(/^system\.yaml:4:13: others\.fmu has no library for /),
    ]);
    rmSync(others);
  });
});

it('a deadline is for remote components, too', async () => {
  const [component] = (await yaml(`  a: { fmu: '${BOOTER}', deadline: 0.5 }`)).components;
  expect(component).toMatchObject({ deadline: 0.5, isolate: false });
});

it('an FMU that allows one instance in a process is in as many as there are components', async () => {
  testFmu(join(folder, 'fmus'), 'once');
  const uri = 'proxyfmu://localhost?file=fmus/once.fmu';
  const { components } = await yaml(
    `  a: { fmu: '${uri}' }\n  b: { fmu: '${uri}' }\n  c: { fmu: fmus/once.fmu }\n  d: { fmu: fmus/once.fmu }`,
  );
  expect(components.map(({ isolate }) => isolate)).toEqual([false, false, false, true]);
});

it('an FMU-proxy has no states: the step size cannot be chosen by the error', async () => {
  testFmu(join(folder, 'fmus'), 'oscillator');
  const rest = '';
  const system = (uri: string) =>
    parseSystemYaml(
      join(folder, 'system.yaml'),
      `twinbridge: system\nstep: { max: 0.1, tolerance: 1e-4 }\ncomponents:\n  a: { fmu: '${uri}' }\n${rest}`,
    );
  expect((await system('proxyfmu://h:1?file=fmus/oscillator.fmu')).components).toHaveLength(1);
  expect(await problemsOf(system('fmu-proxy://h:1?file=fmus/oscillator.fmu'))).toEqual([
    expect.stringContaining("'a' cannot go back"),
  ]);
});

describe('a system that is written', () => {
  const source = () =>
    yaml(
      `  a: { fmu: 'proxyfmu://localhost?file=two%20words.fmu', deadline: 2 }
  b: { fmu: '${BOOTER}', start: { k: 3 } }
  c: { fmu: 'fmu-proxy://[::1]:9090?file=fmus/gain.fmu' }
  d: { fmu: fmus/gain.fmu }`,
      'connections: [a.y -> b.u, b.y -> c.u, c.y -> d.u]',
    );
  const essence = ({ file: _, warnings: __, components, ...rest }: System, there: string) => ({
    ...rest,
    components: components.map(({ fmu, remote, ...other }) => ({
      ...other,
      fmu: there === '' ? basename(fmu) : fmu,
      remote: remote && { ...remote, uri: '', ...('file' in remote ? { file: basename(remote.file) } : {}) },
    })),
  });

  it('as a system file is the same', async () => {
    const system = await source();
    const file = join(folder, 'elsewhere', 'written.yaml');
    mkdirSync(dirname(file), { recursive: true });
    await writeSystem(system, file);
    expect(readFileSync(file, 'utf8')).toContain('fmu: proxyfmu://localhost?file=../two words.fmu');
    expect(essence(await readSystem(file), 'here')).toEqual(essence(system, 'here'));
  });

  it('as a package is the same, with the FMUs in it', async () => {
    const system = await source();
    const file = join(folder, 'written.ssp');
    const { warnings } = await writeSystem(system, file);
    expect(warnings.map(({ message }) => message)).toEqual([
      "only twinbridge and libcosim up to 0.7 can reach 'c' by fmu-proxy://[::1]:9090?file=fmus/gain.fmu",
    ]);
    const read = await readSystem(file);
    // The same content is packed once.
    const named = (one: System) => ({
      ...essence(one, ''),
      components: essence(one, '').components.map((component) => ({
        ...component,
        fmu: '',
        remote: component.remote && { ...component.remote, file: '' },
      })),
    });
    expect(named(read)).toEqual(named(system));
    const again = join(folder, 'again', 'again.yaml');
    mkdirSync(dirname(again), { recursive: true });
    await writeSystem(read, again);
    const { components } = await readSystem(again);
    expect(components.map(({ fmu }) => dirname(fmu))).toEqual(Array(4).fill(join(folder, 'again', 'fmus')));
    expect(components.map(({ remote }) => remote && 'file' in remote && dirname(remote.file))).toEqual([
      ...Array(3).fill(join(folder, 'again', 'fmus')),
      undefined,
    ]);
  });
});

it('a plan begins steps elsewhere and awaits them, and says where they are', async () => {
  const system = await yaml(
    `  a: { fmu: fmus/gain.fmu }\n  b: { fmu: '${BOOTER}' }\n  c: { fmu: 'proxyfmu://localhost?file=fmus/gain.fmu' }`,
    'connections: [a.y -> b.u, b.y -> c.u]',
  );
  const { code, elsewhere } = describePlan(system, compilePlan(system));
  const steps = code.filter((line) => line.includes('step'));
  expect(steps).toEqual([
    'begin the step of c',
    'begin the step of b',
    'step a',
    'await the step of c',
    'await the step of b',
  ]);
  expect(elsewhere).toEqual([
    { component: 'b', place: BOOTER },
    { component: 'c', place: 'proxyfmu://localhost?file=fmus/gain.fmu' },
  ]);
});

it('connectors of SSP are held against the FMU', async () => {
  const content = elements(
    component('a', BOOTER, connectors('output nothing: Real')),
    component('b', BOOTER, connectors('input u: Real', 'output y: Real')),
  );
  const file = write(
    folder,
    'connectors.ssd',
    ssd(`${content}<ssd:Connections>${connect('a.nothing -> b.u')}</ssd:Connections>`),
  );
  expect(await problemsOf(readSystem(file))).toEqual([expect.stringContaining("'a' has no variable 'nothing'")]);
});
