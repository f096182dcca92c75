/** What is read of a System Structure and Parameterization 1.0 and 2.0: files, systems in systems, signals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSspSystem, type SspOptions } from '#tb/system/index.js';
import { exampleEntries, exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { zip } from '../support/zip.js';
import {
  component,
  connect,
  connections,
  connectors,
  elements,
  lines,
  NAMESPACES,
  ssd,
  UNITS,
  wires,
  writeArchive,
  writeText,
} from './ssp.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'monitor'] as const) exampleFmu(folder, name);
for (const name of ['arrays3', 'counter', 'enumer', 'gain', 'units', 'feedthrough3'] as const) testFmu(folder, name);

const GAIN = connectors('input u: Real', 'output y: Real', 'parameter k: Real');
const gain = (name: string) => component(name, 'gain.fmu', GAIN);
const units = (name: string, ...extra: string[]) =>
  component(
    name,
    'units.fmu',
    connectors('output out_mm: Real', 'input in_m: Real', 'output out_degC: Real', 'input in_K: Real', ...extra),
  );

const read = (text: string, options: SspOptions = {}) =>
  readSspSystem(writeText(folder, 'SystemStructure.ssd', text), options);

/** A system in the system, with what it shows to the outside. */
const inner = (name: string, shown: string, ...content: string[]) =>
  `<ssd:System name="${name}">${shown}${content.join('')}</ssd:System>`;

describe('a description', () => {
  it('has components, their connectors and connections', async () => {
    const system = await read(ssd(elements(gain('a'), gain('b')) + connections(connect('a.y -> b.u'))));
    expect(system.components.map(({ name, fmu }) => [name, fmu])).toEqual([
      ['a', join(folder, 'gain.fmu')],
      ['b', join(folder, 'gain.fmu')],
    ]);
    expect(wires(system)).toEqual(['a.y -> b.u']);
    expect(system).toMatchObject({ start: 0, algorithm: 'jacobi', warnings: [] });
    expect(system.stop).toBeUndefined();
  });

  it('has the times of its default experiment', async () => {
    const experiment = '<ssd:DefaultExperiment startTime="1" stopTime="3"/>';
    expect(await read(ssd(elements(gain('a')), experiment))).toMatchObject({ start: 1, stop: 3 });
  });

  it('may have any prefixes, and none', async () => {
    const text = ssd(elements(gain('a'), gain('b')) + connections(connect('a.y -> b.u')));
    const others = text.replaceAll('ssd:', 'x:').replaceAll('xmlns:x:', 'xmlns:x').replace('xmlns:ssd', 'xmlns:x');
    expect(wires(await read(others))).toEqual(['a.y -> b.u']);
    const bare = text.replaceAll('<ssd:', '<').replaceAll('</ssd:', '</').replace('xmlns:ssd=', 'xmlns=');
    expect(wires(await read(bare))).toEqual(['a.y -> b.u']);
  });

  it('is of version 1.0 or 2.0', async () => {
    const text = (version: string) => ssd(elements(gain('a')), undefined, version);
    for (const version of ['1.0', '2.0']) expect((await read(text(version))).components).toHaveLength(1);
    await expect(read(text('3.0'))).rejects.toThrow(
      /SystemStructure\.ssd:2:1: <ssd:SystemStructureDescription> is of version '3\.0', expected 1\.0 or 2\.0$/,
    );
  });
});

describe('the file', () => {
  const text = ssd(elements(component('a', 'resources/gain.fmu')));
  const fmu = { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) };

  it('is an archive, whose FMUs lie unpacked for as long as the process runs', async () => {
    const file = writeArchive(join(folder, 'archive.ssp'), [{ name: 'SystemStructure.ssd', content: text }, fmu]);
    const [found] = (await readSspSystem(file)).components;
    expect(readFileSync(found!.fmu)).toEqual(fmu.content);
  });

  it('is a folder, or the description in it', async () => {
    const file = writeText(folder, 'unpacked/SystemStructure.ssd', text);
    writeArchive(join(folder, 'unpacked/resources/gain.fmu'), []);
    testFmu(join(folder, 'unpacked/resources'), 'gain');
    const expected = join(folder, 'unpacked/resources/gain.fmu');
    for (const path of [join(folder, 'unpacked'), file]) {
      expect((await readSspSystem(path)).components[0]!.fmu).toBe(expected);
    }
  });

  it('may have several descriptions, of which one is chosen by name', async () => {
    const other = ssd(elements(component('b', 'resources/gain.fmu')));
    const file = writeArchive(join(folder, 'variants.ssp'), [
      { name: 'SystemStructure.ssd', content: text },
      { name: 'Other.ssd', content: other },
      fmu,
    ]);
    const names = async (options: SspOptions) =>
      (await readSspSystem(file, options)).components.map(({ name }) => name);
    expect(await names({})).toEqual(['a']);
    expect(await names({ systemStructure: 'Other.ssd' })).toEqual(['b']);
    expect(await names({ systemStructure: 'Other' })).toEqual(['b']);
    await expect(names({ systemStructure: 'Othr' })).rejects.toMatchObject({
      message: `${file} holds no Othr.ssd (did you mean 'Other.ssd'?)`,
      remedy: 'it has SystemStructure.ssd, Other.ssd: name one of them as its system structure',
    });
  });

  it('names what is in it by URIs: percent-encoded, or of files where it is no archive', async () => {
    writeArchive(join(folder, 'with blank.fmu'), exampleEntries('monitor'));
    const uri = `file://${folder}/with%20blank.fmu`;
    const system = await read(ssd(elements(component('a', 'with%20blank.fmu'), component('b', uri))));
    expect(system.components.map(({ fmu }) => fmu)).toEqual(new Array(2).fill(join(folder, 'with blank.fmu')));
  });

  it('is not there, no archive, or holds something else', async () => {
    await expect(readSspSystem(join(folder, 'none.ssp'))).rejects.toThrow(/cannot read .*none\.ssp: no such file$/);
    const packed = writeArchive(join(folder, 'folder.ssp'), [{ name: 'x/SystemStructure.ssd', content: text }]);
    await expect(readSspSystem(packed)).rejects.toMatchObject({
      message: `${packed} holds no SystemStructure.ssd`,
      remedy: "it holds x/SystemStructure.ssd: pack the content of the folder 'x', not the folder",
    });
    const cut = writeText(folder, 'cut.ssp', 'PK cut off');
    await expect(readSspSystem(cut)).rejects.toThrow(/cut\.ssp is no intact SSP \(zip archive\)/);
    const hostile = writeArchive(join(folder, 'hostile.ssp'), [{ name: '../SystemStructure.ssd', content: text }]);
    await expect(readSspSystem(hostile)).rejects.toThrow(/'\.\.\/SystemStructure\.ssd' leads out of the SSP/);
  });
});

describe('a connection', () => {
  const wired = async (...content: string[]) => wires(await read(ssd(content.join(''))));

  it('goes the way that the kinds of its connectors say, whatever its start', async () => {
    expect(await wired(elements(gain('a'), gain('b')), connections(connect('b.u -> a.y')))).toEqual(['a.y -> b.u']);
  });

  it('goes the way that the FMUs say where connectors are not listed', async () => {
    const bare = elements(component('a', 'gain.fmu'), component('b', 'gain.fmu'));
    expect(await wired(bare, connections(connect('b.u -> a.y')))).toEqual(['a.y -> b.u']);
  });

  it('converts units first, and then scales', async () => {
    const scale = '<ssc:LinearTransformation factor="2" offset="1"/>';
    const system = (attributes: string) =>
      wired(elements(units('a'), units('b')), connections(connect('a.out_mm -> b.in_m', scale, attributes)));
    expect(await system('')).toEqual(['a.out_mm -> b.in_m * 0.002 + 1']);
    expect(await system('suppressUnitConversion="true"')).toEqual(['a.out_mm -> b.in_m * 2 + 1']);
    const plain = elements(units('a'), units('b')) + connections(connect('a.out_degC -> b.in_K'));
    expect(await wired(plain)).toEqual(['a.out_degC -> b.in_K * 1 + 273.15']);
  });

  it('takes the units of its connectors, where they have some, for those of the FMUs', async () => {
    const a = component('a', 'units.fmu', connectors('output out_mm: Real unit="degF"'));
    const text = ssd(elements(a, units('b')) + connections(connect('a.out_mm -> b.in_K')), UNITS('ssd'));
    expect(wires(await read(text, { step: 0.1 }))).toEqual(['a.out_mm -> b.in_K * 0.555555555556 + 255.372222222']);
  });

  it('maps values by a table, by numbers and by names', async () => {
    const both = (name: string) =>
      component(
        name,
        'enumer.fmu',
        connectors(
          'output flag: Boolean',
          'input flag_in: Boolean',
          'output number: Integer',
          'input number_in: Integer',
          'output mode: Integer',
          'input mode_in: Integer',
        ),
      );
    const table = (kind: string, ...entries: [string, string][]) =>
      `<ssc:${kind}MappingTransformation>${entries.map(([source, target]) => `<ssc:MapEntry source="${source}" target="${target}"/>`).join('')}</ssc:${kind}MappingTransformation>`;
    expect(
      await wired(
        elements(both('a'), both('b')),
        connections(
          connect('a.flag -> b.flag_in', table('Boolean', ['true', 'false'], ['0', '1'])),
          connect('a.number -> b.number_in', table('Integer', ['3', '-4'], ['9999999999', '1'])),
          connect('a.mode -> b.mode_in', table('Enumeration', ['off', 'fast'])),
        ),
      ),
    ).toEqual(['a.flag -> b.flag_in [[1,0],[0,1]]', 'a.number -> b.number_in [[3,-4]]', 'a.mode -> b.mode_in [[0,5]]']);
  });

  it('goes to one element of an array, counted from 1', async () => {
    const array = (name: string, ...lines: string[]) => component(name, 'arrays3.fmu', connectors(...lines));
    const content =
      elements(
        array('a', 'output y3: Float64', 'output matrix_out: Int32'),
        array('b', 'input u3: Float64', 'input matrix_in: Int32'),
        gain('c'),
      ) +
      connections(
        connect('c.y -> b.u3', '', 'endIndices="3"'),
        connect('a.y3 -> c.u', '', 'startIndices="1"'),
        connect('a.matrix_out -> b.matrix_in', '', 'startIndices="1 2" endIndices="2 1"'),
      );
    expect(wires(await read(ssd(content, undefined, '2.0')))).toEqual([
      'c.y -> b.u3[2]',
      'a.y3[0] -> c.u',
      'a.matrix_out[1] -> b.matrix_in[2]',
    ]);
  });
});

describe('systems in systems', () => {
  const wired = async (content: string, rest?: string) => wires(await read(ssd(content, rest), { step: 0.1 }));
  const shown = connectors('input in: Real', 'output out: Real');
  const through = connections(connect('in -> one.u'), connect('one.y -> two.u'), connect('two.y -> out'));

  it('are dissolved: names with dots, and signals through their connectors', async () => {
    const chain = inner('chain', shown, elements(gain('one'), gain('two')), through);
    const deep = inner(
      'deep',
      shown,
      elements(chain),
      connections(connect('in -> chain.in'), connect('chain.out -> out')),
    );
    expect(
      await wired(
        elements(gain('a'), deep, gain('b')) + connections(connect('a.y -> deep.in'), connect('deep.out -> b.u')),
      ),
    ).toEqual(['deep.chain.two.y -> b.u', 'a.y -> deep.chain.one.u', 'deep.chain.one.y -> deep.chain.two.u']);
  });

  it('do to values what each connection on the way does', async () => {
    const linear = (factor: number, offset: number) =>
      `<ssc:LinearTransformation factor="${factor}" offset="${offset}"/>`;
    const box = inner(
      'box',
      connectors('input in: Real unit="mm"'),
      elements(units('one')),
      connections(connect('in -> one.in_m', linear(10, 5))),
    );
    // mm to mm, * 2 + 1; mm to m, * 10 + 5
    expect(
      await wired(elements(units('a'), box) + connections(connect('a.out_mm -> box.in', linear(2, 1))), UNITS('ssd')),
    ).toEqual(['a.out_mm -> box.one.in_m * 0.02 + 5.01']);
  });

  it('have the units of what is inside where their connectors have none', async () => {
    const scale = '<ssc:LinearTransformation offset="1"/>';
    const box = (inside: string) =>
      inner(
        'box',
        connectors('input in: Real'),
        elements(units('one')),
        connections(connect('in -> one.in_m', inside)),
      );
    const outer = (inside: string, outside: string) =>
      wired(elements(units('a'), box(inside)) + connections(connect('a.out_mm -> box.in', outside)));
    const expected = ['a.out_mm -> box.one.in_m * 0.001 + 1'];
    expect(await outer(scale, '')).toEqual(expected);
    expect(await outer('', scale)).toEqual(expected);
  });

  it('pass an array on that is put together from elements', async () => {
    const box = inner(
      'box',
      connectors('input in: Float64'),
      elements(component('one', 'arrays3.fmu', connectors('input u3: Float64'))),
      connections(connect('in -> one.u3')),
    );
    expect(
      await wired(
        elements(gain('a'), gain('b'), box) +
          connections(connect('a.y -> box.in', '', 'endIndices="1"'), connect('b.y -> box.in', '', 'endIndices="3"')),
      ),
    ).toEqual(['a.y -> box.one.u3[0]', 'b.y -> box.one.u3[2]']);
  });

  it('may be another file or archive, or another place in this file', async () => {
    writeText(folder, 'chain.ssd', ssd(shown + elements(gain('one'), gain('two')) + through));
    writeArchive(join(folder, 'package.ssp'), [
      { name: 'SystemStructure.ssd', content: ssd(elements(component('x', 'resources/gain.fmu'))) },
      {
        name: 'Variant.ssd',
        content: ssd(
          shown + elements(component('one', 'resources/gain.fmu'), component('two', 'resources/gain.fmu')) + through,
        ),
      },
      { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) },
    ]);
    const from = (name: string, source: string, type: string) =>
      `<ssd:Component name="${name}" source="${source}" type="application/x-ssp-${type}"/>`;
    const here = inner('here" id="again', shown, elements(gain('one'), gain('two')), through);
    const system = await read(
      ssd(
        elements(
          from('a', 'chain.ssd', 'definition'),
          from('b', 'package.ssp#Variant.ssd', 'package'),
          here,
          from('d', '#again', 'definition'),
        ) + connections(connect('a.out -> b.in'), connect('b.out -> here.in'), connect('here.out -> d.in')),
      ),
    );
    expect(system.components.map(({ name }) => name)).toEqual(
      ['a', 'b', 'here', 'd'].flatMap((name) => [`${name}.one`, `${name}.two`]),
    );
    expect(wires(system)).toContain('here.two.y -> d.one.u');
    expect(wires(system)).toHaveLength(7);
  });
});

describe('a signal dictionary', () => {
  const dictionary = (content: string) => `<ssd:SignalDictionaries><ssd:SignalDictionary name="bus">
<ssb:SignalDictionary version="1.0">${content}</ssb:SignalDictionary></ssd:SignalDictionary></ssd:SignalDictionaries>`;
  const reference = (name: string, ...lines: string[]) =>
    `<ssd:SignalDictionaryReference name="${name}" dictionary="bus">${connectors(...lines)}</ssd:SignalDictionaryReference>`;
  const entry = (name: string, type: string) =>
    `<ssb:DictionaryEntry name="${name}"><ssc:${type}/></ssb:DictionaryEntry>`;

  it('carries signals between all that refer to it, however deep', async () => {
    const box = inner(
      'box',
      '',
      elements(gain('one'), reference('bus', 'inout speed: Real')),
      connections(connect('bus.speed -> one.u')),
    );
    const system = await read(
      ssd(
        elements(gain('a'), gain('b'), reference('here', 'inout speed: Real'), box) +
          connections(connect('a.y -> here.speed'), connect('here.speed -> b.u')) +
          dictionary(entry('speed', 'Real')),
      ),
    );
    expect(wires(system)).toEqual(['a.y -> b.u', 'a.y -> box.one.u']);
  });

  it('has units', async () => {
    const text = ssd(
      elements(units('a'), units('b'), reference('one', 'inout length: Real'), reference('two', 'inout length: Real')) +
        connections(
          connect('a.out_mm -> one.length', '<ssc:LinearTransformation factor="2"/>'),
          connect('two.length -> b.in_m', '', 'suppressUnitConversion="true"'),
        ) +
        dictionary(entry('length', 'Real unit="m"') + UNITS('ssb')),
    );
    expect(wires(await read(text))).toEqual(['a.out_mm -> b.in_m * 0.002 + 0']);
  });

  it('may be a file of its own', async () => {
    writeText(
      folder,
      'resources/bus.ssb',
      `<ssb:SignalDictionary version="1.0" ${NAMESPACES}>${entry('speed', 'Real')}</ssb:SignalDictionary>`,
    );
    const text = ssd(
      elements(gain('a'), gain('b'), reference('bus', 'inout speed: Real')) +
        connections(connect('a.y -> bus.speed'), connect('bus.speed -> b.u')) +
        '<ssd:SignalDictionaries><ssd:SignalDictionary name="bus" source="resources/bus.ssb"/></ssd:SignalDictionaries>',
    );
    expect(wires(await read(text))).toEqual(['a.y -> b.u']);
  });
});

describe('the step size', () => {
  const annotation = (size: string) =>
    `<ssd:DefaultExperiment stopTime="2"><ssd:Annotations><ssc:Annotation type="com.opensimulationplatform"><osp:Algorithm><osp:FixedStepAlgorithm ${size}/></osp:Algorithm></ssc:Annotation></ssd:Annotations></ssd:DefaultExperiment>`;
  const hint = (size: number) =>
    `<ssd:Annotations><ssc:Annotation type="com.opensimulationplatform"><osp:StepSizeHint value="${size}"/></ssc:Annotation></ssd:Annotations>`;
  const slow = component('slow', 'gain.fmu', GAIN + hint(0.25));
  const sized = async (content: string, rest: string, options: SspOptions = {}) => {
    const { stepping, components, threads, warnings } = await read(ssd(content, rest), options);
    return { stepping, every: components.map(({ every }) => every), threads, warnings: lines(folder, warnings) };
  };

  it('is that of the annotation of the Open Simulation Platform; its hints are multiples', async () => {
    expect(await sized(elements(gain('a'), slow), annotation('baseStepSize="0.1" numWorkerThreads="3"'))).toEqual({
      stepping: { kind: 'fixed', size: 0.1 },
      every: [1, 2],
      threads: 3,
      warnings: [
        expect.stringMatching(
          /: the step size of 'slow', 0\.25 s, is no multiple of the system's, 0\.1 s: it makes steps of 0\.2 s$/,
        ),
      ],
    });
  });

  it('may be in the annotation of OMSimulator', async () => {
    const oms = 'xmlns:oms="https://raw.githubusercontent.com/OpenModelica/OMSimulator/master/schema/oms.xsd"';
    const master = `<oms:Annotations ${oms}><oms:SimulationInformation><oms:FixedStepMaster stepSize="1e-2"/></oms:SimulationInformation></oms:Annotations>`;
    const annotations = `<ssd:Annotations><ssc:Annotation type="org.openmodelica">${master}</ssc:Annotation></ssd:Annotations>`;
    expect(await sized(elements(gain('a')) + annotations, '')).toMatchObject({
      stepping: { size: 0.01 },
      warnings: [],
    });
  });

  it('is the smallest hint where there is no other', async () => {
    expect(await sized(elements(slow, component('slower', 'gain.fmu', GAIN + hint(0.5))), '')).toMatchObject({
      stepping: { size: 0.25 },
      every: [1, 2],
    });
  });

  it('is the smallest that an FMU asks for, which is said', async () => {
    expect(await sized(elements(gain('a')), '<ssd:DefaultExperiment stopTime="2"/>')).toMatchObject({
      stepping: { size: 0.1 },
      warnings: [
        "SystemStructure.ssd:13:1: there is no step size here: 0.1 s is taken, that of the FMU of 'a' (SSP has no step size: give one by the option 'step', or annotate it)",
      ],
    });
  });

  it('is a thousandth of the run where no FMU asks for one', async () => {
    const { name, content } = exampleEntries('monitor').find((entry) => entry.name === 'modelDescription.xml')!;
    const changed = String(content).replace(/ stepSize="[^"]*"/, '');
    writeArchive(join(folder, 'plain.fmu'), [
      ...exampleEntries('monitor').filter((entry) => entry.name !== name),
      { name, content: changed },
    ]);
    const plain = elements(component('a', 'plain.fmu'));
    expect(await sized(plain, '<ssd:DefaultExperiment stopTime="5"/>')).toMatchObject({
      stepping: { size: 0.005 },
      warnings: [expect.stringContaining('0.005 s is taken, a 1000th of the run')],
    });
    await expect(read(ssd(plain, ''))).rejects.toThrow(
      /:2:1: there is no step size, neither here nor in the FMUs \(SSP has no step size: give one by the option 'step'/,
    );
  });

  it('is the option before all of these', async () => {
    const found = await sized(elements(gain('a')), annotation('baseStepSize="0.1"'), { step: 0.02 });
    expect(found).toMatchObject({ stepping: { size: 0.02 }, warnings: [] });
  });
});

it('systems that double at every level are refused before they take all memory', async () => {
  const level = (name: string, next: string) =>
    inner(
      `${name}" id="${name}`,
      '',
      elements(
        ...['x', 'y'].map(
          (one) => `<ssd:Component name="${one}" source="#${next}" type="application/x-ssp-definition"/>`,
        ),
      ),
    );
  const levels = Array.from({ length: 40 }, (_, n) => level(`s${n}`, n === 39 ? 'end' : `s${n + 1}`));
  const end = inner('end" id="end', '', elements(gain('a')));
  await expect(read(ssd(elements(...levels, end)))).rejects.toThrow(
    /the system has more than 100,000 elements, all in all/,
  );
});

it('an archive in an archive is read in one go', async () => {
  const within = zip([
    { name: 'SystemStructure.ssd', content: ssd(elements(component('x', 'resources/gain.fmu'))) },
    { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) },
  ]);
  const file = writeArchive(join(folder, 'outer.ssp'), [
    {
      name: 'SystemStructure.ssd',
      content: ssd(elements('<ssd:Component name="in" source="resources/in.ssp" type="application/x-ssp-package"/>')),
    },
    { name: 'resources/in.ssp', content: within },
  ]);
  expect((await readSspSystem(file)).components.map(({ name }) => name)).toEqual(['in.x']);
});
