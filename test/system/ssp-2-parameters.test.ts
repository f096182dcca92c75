/** Parameter sets of SSP: where their values go, what is done to them, and which of several counts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSspSystem, type System } from '#tb/system/index.js';
import { exampleEntries, exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import {
  binding,
  bindings,
  component,
  connect,
  connections,
  connectors,
  elements,
  lines,
  mapping,
  NAMESPACES,
  parameterSet,
  ssd,
  starts,
  UNITS,
  writeArchive,
  writeText,
} from './ssp.js';

const folder = temporaryFolder();
exampleFmu(folder, 'feedthrough');
for (const name of ['arrays3', 'feedthrough3', 'gain', 'units', 'enumer'] as const) testFmu(folder, name);

const real = (value: number, unit?: string) =>
  `<ssv:Real value="${value}"${unit === undefined ? '' : ` unit="${unit}"`}/>`;
const gain = (name: string, content = '') => component(name, 'gain.fmu', content);
const system = (name: string, ...content: string[]) => `<ssd:System name="${name}">${content.join('')}</ssd:System>`;

const read = (content: string, version?: string): Promise<System> =>
  readSspSystem(writeText(folder, 'SystemStructure.ssd', ssd(content, undefined, version)));
const started = async (content: string, version?: string) => starts(await read(content, version));
const warned = async (content: string) => lines(folder, (await read(content)).warnings);

describe('a value', () => {
  it('is of any type of SSP 1.0', async () => {
    const values = bindings(
      binding({
        real_in: real(1.5),
        integer_in: '<ssv:Integer value="-7"/>',
        boolean_in: '<ssv:Boolean value="1"/>',
        string_in: '<ssv:String value="a &amp; b"/>',
        choice_in: '<ssv:Enumeration value="second"/>',
      }),
    );
    expect(await started(elements(component('a', 'feedthrough.fmu', values)))).toEqual([
      'a.real_in = 1.5',
      'a.integer_in = -7',
      'a.boolean_in = true',
      'a.string_in = a & b',
      'a.choice_in = 2',
    ]);
  });

  it('is of any type of SSP 2.0, and an array', async () => {
    const types = bindings(
      binding({
        float32_in: '<ssv:Float32 value="0.5"/>',
        int8_in: '<ssv:Int8 value="-128"/>',
        uint16_in: '<ssv:UInt16 value="65535"/>',
        int64_in: '<ssv:Int64 value="-9223372036854775808"/>',
        uint64_in: '<ssv:UInt64 value="18446744073709551615"/>',
        string_in: '<ssv:String><ssv:Value value="in a child"/></ssv:String>',
        binary_in: '<ssv:Binary value="00ff"/>',
      }),
    );
    const arrays = bindings(
      binding({
        u3: '<ssv:Float64 value="1 2 3"/><ssc:Dimension size="3"/>',
        n: '<ssv:UInt64 value="2"/>',
        A: '<ssv:Float64 value="1 2 3 4"/><ssc:Dimension size="2"/><ssc:Dimension size="2"/>',
      }),
    );
    const content = elements(component('a', 'feedthrough3.fmu', types), component('b', 'arrays3.fmu', arrays));
    expect(await started(content, '2.0')).toEqual([
      'a.float32_in = 0.5',
      'a.int8_in = -128',
      'a.uint16_in = 65535',
      'a.int64_in = -9223372036854775808',
      'a.uint64_in = 18446744073709551615',
      'a.string_in = in a child',
      'a.binary_in = 00ff',
      'b.n = 2',
      'b.u3 = 1 2 3',
      'b.A = 1 2 3 4',
    ]);
  });

  it('is converted to the unit of the variable, or to that of its connector', async () => {
    const set = binding({ in_m: real(1500, 'mm'), in_K: real(20, 'degC'), in_rpm: real(3) }).replace(
      '</ssv:Parameters>',
      `</ssv:Parameters>${UNITS('ssv')}`,
    );
    const plain = component('a', 'units.fmu', bindings(set));
    const declared = component('b', 'units.fmu', connectors('input in_m: Real unit="mm"') + bindings(set));
    const text = ssd(elements(plain, declared), UNITS('ssd'));
    const read = await readSspSystem(writeText(folder, 'units.ssd', text), { step: 0.1 });
    expect(starts(read)).toEqual([
      ...['a.in_m = 1.5', 'a.in_K = 293.15', 'a.in_rpm = 3'],
      ...['b.in_m = 1500', 'b.in_K = 293.15', 'b.in_rpm = 3'],
    ]);
  });
});

describe('a set', () => {
  it('is a file beside the description, or in the FMU', async () => {
    writeText(folder, 'resources/set.ssv', parameterSet({ k: real(2) }));
    const inFmu = { name: 'resources/set.ssv', content: parameterSet({ real_in: real(4) }) };
    writeArchive(join(folder, 'with-set.fmu'), [...exampleEntries('feedthrough'), inFmu]);
    const beside = bindings('<ssd:ParameterBinding source="resources/set.ssv"/>');
    const inside = bindings('<ssd:ParameterBinding source="resources/set.ssv" sourceBase="component"/>');
    expect(await started(elements(gain('a', beside), component('b', 'with-set.fmu', inside)))).toEqual([
      'a.k = 2',
      'b.real_in = 4',
    ]);
  });

  it('of a system names what is in it with dots, or by its connectors', async () => {
    const box = system(
      'box',
      connectors('parameter p: Real', 'input in: Real'),
      elements(
        gain('one', connectors('parameter k: Real', 'input u: Real')),
        gain('two', connectors('parameter k: Real')),
      ),
      connections(
        connect('p -> one.k', '<ssc:LinearTransformation factor="2" offset="1"/>'),
        connect('p -> two.k'),
        connect('in -> one.u'),
      ),
    );
    expect(
      await started(elements(box) + bindings(binding({ 'box.p': real(3), 'box.in': real(7), 'box.two.b': real(5) }))),
    ).toEqual(['box.one.k = 7', 'box.one.u = 7', 'box.two.k = 3', 'box.two.b = 5']);
  });

  it('has a prefix that makes it fit another place', async () => {
    writeText(folder, 'resources/set.ssv', parameterSet({ k: real(2) }));
    const set = bindings('<ssd:ParameterBinding source="resources/set.ssv" prefix="a."/>');
    expect(await started(elements(gain('a')) + set)).toEqual(['a.k = 2']);
  });

  it('may fit several places of one name', async () => {
    const box = system('b', elements(gain('c.d')));
    const both = elements(box, system('b.c', elements(gain('e'))));
    expect(await started(both + bindings(binding({ 'b.c.d.k': real(2) })))).toEqual(['b.c.d.k = 2']);
  });

  it('counts after those before it, and before those of systems around', async () => {
    const own = bindings(binding({ k: real(1), b: real(1), u: real(1) }), binding({ b: real(2), u: real(2) }));
    const box = system('box', elements(gain('a', own)), bindings(binding({ 'a.u': real(3) })));
    const outer = bindings(binding({ 'box.a.u': real(4) }), binding({ 'box.a.u': real(5) }));
    expect(await started(elements(box))).toEqual(['box.a.k = 1', 'box.a.b = 2', 'box.a.u = 3']);
    expect(await started(elements(box) + outer)).toEqual(['box.a.k = 1', 'box.a.b = 2', 'box.a.u = 5']);
  });

  it('of a component that is a system counts after those in that file', async () => {
    writeText(folder, 'box.ssd', ssd(elements(gain('a')) + bindings(binding({ 'a.k': real(1), 'a.b': real(1) }))));
    const content = bindings(binding({ 'a.k': real(2) }));
    const box = `<ssd:Component name="box" source="box.ssd" type="application/x-ssp-definition">${content}</ssd:Component>`;
    expect(await started(elements(box))).toEqual(['box.a.k = 2', 'box.a.b = 1']);
  });
});

describe('a mapping', () => {
  const entry = (source: string, target: string, content = '', attributes = '') =>
    `<ssm:MappingEntry source="${source}" target="${target}" ${attributes}>${content}</ssm:MappingEntry>`;
  const linear = '<ssc:LinearTransformation factor="10" offset="1"/>';

  it('says what goes where; the rest goes nowhere', async () => {
    const set = binding({ mass: real(2), k: real(9) }, mapping(entry('mass', 'a.k'), entry('mass', 'b.b', linear)));
    expect(await started(elements(gain('a'), gain('b')) + bindings(set))).toEqual(['a.k = 2', 'b.b = 21']);
  });

  it('is a file of its own, and knows names with their prefix', async () => {
    const file = `<ssm:ParameterMapping version="1.0" ${NAMESPACES}>${entry('x.mass', 'k')}</ssm:ParameterMapping>`;
    writeText(folder, 'resources/map.ssm', file);
    const set = binding({ mass: real(2) }, '<ssd:ParameterMapping source="resources/map.ssm"/>', 'prefix="x."');
    expect(await started(elements(gain('a', bindings(set))))).toEqual(['a.k = 2']);
  });

  it('scales after units are converted, or in their place', async () => {
    const set = (attributes: string) =>
      binding({ length: real(1500, 'mm') }, mapping(entry('length', 'in_m', linear, attributes))).replace(
        '</ssv:Parameters>',
        `</ssv:Parameters>${UNITS('ssv')}`,
      );
    const of = (attributes: string) => started(elements(component('a', 'units.fmu', bindings(set(attributes)))));
    expect(await of('')).toEqual(['a.in_m = 16']);
    expect(await of('suppressUnitConversion="true"')).toEqual(['a.in_m = 15001']);
  });

  it('replaces values by a table', async () => {
    const table = (kind: string, source: string, target: string) =>
      `<ssc:${kind}MappingTransformation><ssc:MapEntry source="${source}" target="${target}"/></ssc:${kind}MappingTransformation>`;
    const set = binding(
      {
        flag: '<ssv:Boolean value="false"/>',
        number: '<ssv:Integer value="4"/>',
        other: '<ssv:Integer value="5"/>',
        mode: '<ssv:Enumeration value="quick"/>',
      },
      mapping(
        entry('flag', 'flag_in', table('Boolean', 'false', 'true')),
        entry('number', 'number_in', table('Integer', '4', '40')),
        entry('mode', 'mode_in', table('Enumeration', 'quick', 'fast')),
      ),
    );
    expect(await started(elements(component('a', 'enumer.fmu', bindings(set))))).toEqual([
      'a.flag_in = true',
      'a.number_in = 40',
      'a.mode_in = 5',
    ]);
  });
});

describe('a value that fits nothing', () => {
  it('is ignored, with one warning for each component, and one for each set', async () => {
    const many = Object.fromEntries(['kk', 'x', 'yy', 'zz', 'zzz'].map((name) => [name, real(1)]));
    const content =
      elements(gain('a', bindings(binding(many)))) + bindings(binding({ 'aa.k': real(1), 'a.k': real(3) }));
    expect(await started(content)).toEqual(['a.k = 3']);
    expect(await warned(content)).toEqual([
      "SystemStructure.ssd:31:1: nothing in this system is named 'aa.k' (did you mean 'a'?): parameters of 'set' are ignored",
      "SystemStructure.ssd:17:1: 'a' has no variable 'kk' (did you mean 'k'?), 'x' (did you mean 'u'?), 'yy' and 2 more: start values are ignored",
    ]);
  });

  it('may be one for an output, or mapped from nothing', async () => {
    const box = system(
      'box',
      connectors('output out: Real'),
      elements(gain('a', connectors('output y: Real'))),
      connections(connect('a.y -> out')),
    );
    const entries = '<ssm:MappingEntry source="masss" target="box.a.k"/>';
    const sets = bindings(binding({ 'box.out': real(1) }), binding({ mass: real(1) }, mapping(entries)));
    expect(await warned(elements(box) + sets)).toEqual([
      expect.stringMatching(/: 'box\.out' is an output of its system: a value for it changes nothing$/),
      expect.stringMatching(/: there is no parameter 'masss' to be mapped \(did you mean 'mass'\?\)$/),
    ]);
  });
});

it('a file of parameters is read from the archive itself', async () => {
  const file = writeArchive(join(folder, 'set.ssp'), [
    {
      name: 'SystemStructure.ssd',
      content: ssd(
        elements(component('a', 'resources/gain.fmu')) +
          bindings('<ssd:ParameterBinding source="resources/set.ssv" prefix="a."/>'),
      ),
    },
    { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) },
    { name: 'resources/set.ssv', content: parameterSet({ k: real(6) }) },
  ]);
  expect(starts(await readSspSystem(file))).toEqual(['a.k = 6']);
});
