/** What is written as SSP: the same system when it is read again, and as much as can be for other tools. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSystemYaml, readSspSystem, type System, writeSsp } from '#tb/system/index.js';
import { exampleEntries, exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import {
  component,
  connect,
  connections,
  connectors,
  content,
  elements,
  ssd,
  starts,
  unpackedText,
  wires,
  writeArchive,
  writeText,
} from './ssp.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'monitor'] as const) exampleFmu(folder, name);
for (const name of ['arrays3', 'clocks3', 'enumer', 'feedthrough3', 'gain', 'limited', 'units', 'vector'] as const) {
  testFmu(folder, name);
}

const file = join(folder, 'written.ssp');
const yaml = (text: string) => parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\n${text}`);

/** Writes and reads. */
async function again(system: System): Promise<System> {
  await writeSsp(system, file);
  return readSspSystem(file);
}

const described = () => unpackedText(file, 'SystemStructure.ssd');

const TWO = `
components: { a: { fmu: gain.fmu, start: { k: 2 } }, b: { fmu: gain.fmu } }
connections: [a.y -> b.u]
step: 0.1
`;

describe('a system', () => {
  it('is a package of SSP 1.0, with the FMUs in it', async () => {
    const { warnings } = await writeSsp(await yaml(`${TWO}start: 1\nstop: 2`), file);
    expect(warnings).toEqual([]);
    expect(described()).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<ssd:SystemStructureDescription version="1.0" name="written" generationTool="twinbridge" xmlns:ssd="http://ssp-standard.org/SSP1/SystemStructureDescription" xmlns:ssc="http://ssp-standard.org/SSP1/SystemStructureCommon" xmlns:ssv="http://ssp-standard.org/SSP1/SystemStructureParameterValues" xmlns:osp="http://opensimulationplatform.com/SSP/OSPAnnotations">
  <ssd:System name="written">
    <ssd:Elements>
      <ssd:Component name="a" source="resources/gain.fmu" implementation="CoSimulation">
        <ssd:Connectors>
          <ssd:Connector name="u" kind="input">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="y" kind="output">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="k" kind="parameter">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="b" kind="parameter">
            <ssc:Real/>
          </ssd:Connector>
        </ssd:Connectors>
        <ssd:ParameterBindings>
          <ssd:ParameterBinding>
            <ssd:ParameterValues>
              <ssv:ParameterSet version="1.0" name="initialValues">
                <ssv:Parameters>
                  <ssv:Parameter name="k">
                    <ssv:Real value="2"/>
                  </ssv:Parameter>
                </ssv:Parameters>
              </ssv:ParameterSet>
            </ssd:ParameterValues>
          </ssd:ParameterBinding>
        </ssd:ParameterBindings>
      </ssd:Component>
      <ssd:Component name="b" source="resources/gain.fmu" implementation="CoSimulation">
        <ssd:Connectors>
          <ssd:Connector name="u" kind="input">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="y" kind="output">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="k" kind="parameter">
            <ssc:Real/>
          </ssd:Connector>
          <ssd:Connector name="b" kind="parameter">
            <ssc:Real/>
          </ssd:Connector>
        </ssd:Connectors>
      </ssd:Component>
    </ssd:Elements>
    <ssd:Connections>
      <ssd:Connection startElement="a" startConnector="y" endElement="b" endConnector="u"/>
    </ssd:Connections>
  </ssd:System>
  <ssd:DefaultExperiment startTime="1" stopTime="2">
    <ssd:Annotations>
      <ssc:Annotation type="com.opensimulationplatform">
        <osp:Algorithm>
          <osp:FixedStepAlgorithm baseStepSize="0.1"/>
        </osp:Algorithm>
      </ssc:Annotation>
    </ssd:Annotations>
  </ssd:DefaultExperiment>
</ssd:SystemStructureDescription>
`);
    expect(unpackedText(file, 'resources/gain.fmu', 'latin1')).toBe(readFileSync(join(folder, 'gain.fmu'), 'latin1'));
  });

  it('is the same to the byte, whatever it was read from', async () => {
    const system = await yaml(TWO);
    await writeSsp(system, file);
    const first = readFileSync(file);
    await writeSsp(await readSspSystem(file), file);
    expect(readFileSync(file).equals(first)).toBe(true);
  });

  it('has each FMU once, and files of one name under two', async () => {
    writeArchive(join(folder, 'other/gain.fmu'), exampleEntries('feedthrough'));
    writeText(folder, 'copy/GAIN.fmu', '');
    testFmu(join(folder, 'copy'), 'gain');
    const system = await yaml(`
components: { a: { fmu: gain.fmu }, b: { fmu: other/gain.fmu }, c: { fmu: copy/gain.fmu } }
step: 0.1
`);
    await writeSsp(system, file);
    expect(described().match(/source="[^"]*"/g)).toEqual([
      'source="resources/gain.fmu"',
      'source="resources/gain-2.fmu"',
      'source="resources/gain.fmu"',
    ]);
    expect((await readSspSystem(file)).components.map(({ model }) => model.modelName)).toEqual(
      system.components.map(({ model }) => model.modelName),
    );
  });

  it('has names that need care in XML and URIs', async () => {
    writeArchive(join(folder, 'a & #b.fmu'), exampleEntries('feedthrough'));
    const system = await yaml(`
components: { 'x.<y>&"z"': { fmu: 'a & #b.fmu', start: { string_in: "\\t<&>\\n" } } }
step: 0.1
`);
    expect(content(await again(system))).toEqual(content(system));
    const blanks = ssd(elements(component('left wheel', 'gain.fmu'), component('right wheel', 'gain.fmu')));
    const named = await readSspSystem(writeText(folder, 'blanks.ssd', blanks));
    const withSettings = { ...named, algorithm: 'gauss-seidel' } as const;
    expect(content(await again(withSettings))).toEqual(content(withSettings));
    const bad = await yaml('components: { a: { fmu: feedthrough.fmu, start: { string_in: "\\0" } } }\nstep: 0.1\n');
    await expect(writeSsp(bad, file)).rejects.toThrow(
      /cannot write .*written\.ssp: the text .* has the character U\+0000/,
    );
  });
});

describe('read again', () => {
  const sameAgain = async (system: System) => {
    expect(content(await again(system))).toEqual(content(system));
  };

  it('are start values of every type', async () => {
    await sameAgain(
      await yaml(`
components:
  a: { fmu: feedthrough.fmu, start: { real_in: -0.0, integer_in: -7, boolean_in: true, string_in: ' a b ', choice_in: second } }
  b: { fmu: feedthrough.fmu, start: { real_in: .inf } }
  c: { fmu: feedthrough.fmu, start: { real_in: 1e-320 } }
step: 0.1
`),
    );
    expect(described()).toContain('version="1.0"');
    await sameAgain(
      await yaml(`
components:
  a:
    fmu: feedthrough3.fmu
    start: { float32_in: 0.5, int8_in: -128, int64_in: -9223372036854775808, uint64_in: 18446744073709551615, binary_in: 00ff, choice_in: second }
  b: { fmu: arrays3.fmu, start: { n: 2, A: [1, 2, 3, 4], u: [5, 6], u3: [1, 2, 3] } }
step: 0.1
`),
    );
    expect(described()).toContain('version="2.0"');
  });

  it('are connections of every kind', async () => {
    await sameAgain(
      await yaml(`
components: { a: { fmu: units.fmu }, b: { fmu: units.fmu }, c: { fmu: arrays3.fmu }, d: { fmu: arrays3.fmu }, e: { fmu: feedthrough.fmu } }
connections:
  - a.out_mm -> b.in_m
  - { from: a.out_degC, to: b.in_K, factor: 2, offset: 1 }
  - { from: a.out_rpm, to: b.in_rad_per_s, units: ignore }
  - c.matrix_out[1] -> d.matrix_in[2]
  - c.y3 -> d.u3
  - a.out_kg -> d.u[3]
  - e.string_out -> e.string_in
step: 0.1
`),
    );
  });

  it('are tables', async () => {
    const both = (name: string) => component(name, 'enumer.fmu');
    const entry = '<ssc:MapEntry source="off" target="fast"/><ssc:MapEntry source="fast" target="slow"/>';
    const text = ssd(
      elements(both('a'), both('b')) +
        connections(
          connect(
            'a.mode -> b.mode_in',
            `<ssc:EnumerationMappingTransformation>${entry}</ssc:EnumerationMappingTransformation>`,
          ),
          connect(
            'a.flag -> b.flag_in',
            '<ssc:BooleanMappingTransformation><ssc:MapEntry source="1" target="0"/></ssc:BooleanMappingTransformation>',
          ),
        ),
    );
    const system = await readSspSystem(writeText(folder, 'tables.ssd', text));
    expect(wires(system)).toEqual(['a.mode -> b.mode_in [[0,5],[5,1]]', 'a.flag -> b.flag_in [[1,0]]']);
    await sameAgain(system);
  });

  it('are systems in systems, as the components that they are', async () => {
    const inner = `<ssd:System name="box">${connectors('input in: Real')}${elements(component('c', 'gain.fmu'))}${connections(connect('in -> c.u'))}</ssd:System>`;
    const text = ssd(elements(component('a', 'gain.fmu'), inner) + connections(connect('a.y -> box.in')));
    const system = await readSspSystem(writeText(folder, 'nested.ssd', text));
    await sameAgain(system);
    expect(described()).toContain('endElement="box.c"');
  });

  it('is how to run it: what SSP has no words for is in an annotation', async () => {
    const system = await yaml(`
components:
  a: { fmu: gain.fmu, isolate: true, deadline: 0.5 }
  b.c: { fmu: gain.fmu, step: 0.2 }
  robot: { fmu: feedthrough.fmu }
functions:
  double: { type: linear, factor: 2, offset: 1 }
  total: { type: sum, inputs: 3 }
  vector: { type: vector-sum, inputs: 1, dimension: 2 }
connections:
  - b.c.y -> a.u
  - a.y -> double.in
  - { from: double.out, to: 'total.in[0]', factor: 3 }
  - a.y -> total.in[1]
  - b.c.y -> total.in[2]
  - total.out -> robot.real_in
  - a.y -> vector.in[0][0]
  - b.c.y -> vector.in[0][1]
  - vector.out[0] -> b.c.u
algorithm: gauss-seidel
loops: { tolerance: 1.0e-6, iterations: 20, atSteps: false }
threads: 3
step: 0.1
start: 1
stop: 3
pace: 2.5
late: slip
record:
  - { file: out/all.csv, variables: [a.y, robot.real_out], every: 2, roll: { rows: 100, megabytes: 1.5, keep: 2 } }
  - { file: out/rest.parquet }
scenario: { events: [{ time: 0.5, set: robot.boolean_in, value: true }, { time: 1, set: robot.real_in, action: bias, value: 0.1 }, { time: 1.5, set: robot.real_in, action: reset }], end: 2 }
logging: { robot: [logSteps], a: true }
`);
    // Connections with functions stand behind the others.
    const { connections: written, ...rest } = content(await again(system)) as System;
    const { connections: given, ...expected } = content(system) as System;
    expect(rest).toEqual(expected);
    expect(new Set(written.map((one) => JSON.stringify(one)))).toEqual(
      new Set(given.map((one) => JSON.stringify(one))),
    );
    expect(written).toHaveLength(given.length);
  });

  it('are steps of different sizes', async () => {
    const variable = await yaml(`
components: { a: { fmu: gain.fmu }, b: { fmu: limited.fmu } }
step:
  min: 0.001
  max: 0.1
  initial: 0.05
  tolerance: { relative: 1.0e-4, absolute: 1.0e-6 }
  constraints:
    zero: { type: zero-crossing, ports: [a.y, a.u], order: 1, tolerance: 0.01, safety: 0.1 }
    near: { type: bounded-difference, ports: [a.y], absolute: 0.5, relative: 0.1, skipDiscrete: false }
    often: { type: sampling-rate, base: 0.001, rate: 20, start: 3 }
    limit: { type: fmu-max-step-size }
`);
    await sameAgain(variable);
    await sameAgain(await yaml('components: { a: { fmu: gain.fmu } }\nstep: { data: a, min: 0.001, max: 0.5 }\n'));
  });
});

describe('for other tools', () => {
  /** The system as a tool reads it that knows nothing of our annotations. */
  async function elsewhere(system: System): Promise<System> {
    await writeSsp(system, file);
    const text = described().replaceAll('type="twinbridge"', 'type="other"');
    const entries = [...new Set(text.match(/(?<=source=")[^"]*/g))].map((name) => ({
      name,
      content: Buffer.from(unpackedText(file, name, 'latin1'), 'latin1'),
    }));
    return readSspSystem(
      writeArchive(join(folder, 'elsewhere.ssp'), [{ name: 'SystemStructure.ssd', content: text }, ...entries]),
    );
  }

  it('a scaled or converted value is scaled once, whether they convert units or not', async () => {
    const system = await yaml(`
components: { a: { fmu: units.fmu }, b: { fmu: units.fmu } }
connections:
  - a.out_mm -> b.in_m
  - { from: a.out_rpm, to: b.in_rad_per_s, units: ignore }
  - a.out_kg -> b.in_no_unit
step: 0.1
`);
    expect(wires(await elsewhere(system))).toEqual(wires(system));
    expect(
      described()
        .match(/<ssd:Connection [^>]*>\s*(<ssc:Linear[^>]*>)?/g)!
        .map((one) => one.replace(/\s+/g, ' ').trim()),
    ).toEqual([
      '<ssd:Connection startElement="a" startConnector="out_mm" endElement="b" endConnector="in_m" suppressUnitConversion="true"> <ssc:LinearTransformation factor="0.001" offset="0"/>',
      '<ssd:Connection startElement="a" startConnector="out_rpm" endElement="b" endConnector="in_rad_per_s" suppressUnitConversion="true"/>',
      '<ssd:Connection startElement="a" startConnector="out_kg" endElement="b" endConnector="in_no_unit"/>',
    ]);
    expect(described()).toContain(
      '<ssc:Unit name="rpm">\n      <ssc:BaseUnit s="-1" rad="1" factor="0.10471975511965977"/>',
    );
  });

  it('a function that scales is a transformation; others are told to be lost', async () => {
    const system = await yaml(`
components: { a: { fmu: gain.fmu }, b: { fmu: gain.fmu }, c: { fmu: gain.fmu } }
functions: { scale: { type: linear, factor: 2, offset: 1 }, again: { type: linear, factor: 10 }, both: { type: sum } }
connections:
  - { from: a.y, to: scale.in, factor: 3, offset: 4 }
  - scale.out -> again.in
  - { from: again.out, to: b.u, offset: 5 }
  - a.y -> both.in[0]
  - b.y -> both.in[1]
  - both.out -> c.u
step: 0.1
`);
    // 10 (2 (3 y + 4) + 1) + 5
    expect(wires(await elsewhere(system))).toEqual(['a.y -> b.u * 60 + 95']);
    expect(wires(await readSspSystem(file))).toEqual(wires(system));
    const { warnings } = await writeSsp(system, file);
    expect(warnings.map(({ message }) => message)).toEqual([
      "only twinbridge knows the function 'both': in other tools nothing feeds 'c.u'",
    ]);
  });

  it('the step size is the annotation of the Open Simulation Platform', async () => {
    const system = await yaml(`
components: { a: { fmu: gain.fmu }, b: { fmu: gain.fmu, step: 0.3 } }
threads: 4
step: 0.1
`);
    const { stepping, threads, components } = await elsewhere(system);
    expect({ stepping, threads, every: components.map(({ every }) => every) }).toEqual({
      stepping: { kind: 'fixed', size: 0.1 },
      threads: 4,
      every: [1, 3],
    });
  });

  it('what they do not get is told', async () => {
    const system = await yaml(`
components: { a: { fmu: feedthrough.fmu, start: { choice_in: second } } }
step: { min: 0.01, max: 0.5, initial: 0.2 }
scenario: { events: [{ time: 0.5, set: a.real_in, value: 1 }] }
`);
    expect((await writeSsp(system, file)).warnings.map(({ message }) => message)).toEqual([
      'only twinbridge knows steps of different sizes: other tools step by 0.2 s',
      'only twinbridge knows scenarios: other tools pass it over',
      "libcosim reads no Enumeration and no Binary: it refuses this file because of 'a.choice_in'",
    ]);
  });

  it('what they change counts', async () => {
    await writeSsp(await yaml(`${TWO}algorithm: gauss-seidel\n`), file);
    const text = described().replace('baseStepSize="0.1"', 'baseStepSize="0.2"').replace('value="2"', 'value="7"');
    const changed = writeArchive(join(folder, 'changed.ssp'), [
      { name: 'SystemStructure.ssd', content: text },
      { name: 'resources/gain.fmu', content: readFileSync(join(folder, 'gain.fmu')) },
    ]);
    const system = await readSspSystem(changed);
    expect(system).toMatchObject({ algorithm: 'gauss-seidel', stepping: { size: 0.2 } });
    expect(starts(system)).toEqual(['a.k = 7']);
  });
});

it('an annotation of ours that is wrong is a problem at its place', async () => {
  const settings =
    '<ssd:Annotations><ssc:Annotation type="twinbridge"><t:System xmlns:t="urn:twinbridge:ssp" settings="{ twinbridge: system, components: { a: { fmu: gain.fmu } }, step: 0.1, threds: 2 }"/></ssc:Annotation></ssd:Annotations>';
  const text = ssd(elements(component('a', 'gain.fmu')), settings);
  await expect(readSspSystem(writeText(folder, 'own.ssd', text))).rejects.toThrow(
    /own\.ssd:13:\d+: unknown key 'threds' .*\(did you mean 'threads'\?\)/,
  );
});
