/** Systems of SSP in the master: what connections, tables, dictionaries and parameters come to. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { readSspSystem, writeSsp } from '#tb/system/index.js';
import { temporaryFolder, testFmu } from '../support/fmus.js';
import {
  binding,
  bindings,
  component,
  connect,
  connections,
  connectors,
  elements,
  ssd,
  UNITS,
  writeText,
} from './ssp.js';

const folder = temporaryFolder();
for (const name of ['arrays3', 'enumer', 'gain', 'units'] as const) testFmu(folder, name);

const real = (value: number) => `<ssv:Real value="${value}"/>`;
const table = (kind: string, source: string, target: string) =>
  `<ssc:${kind}MappingTransformation><ssc:MapEntry source="${source}" target="${target}"/></ssc:${kind}MappingTransformation>`;
const ENUMER = connectors(
  'output mode: Integer',
  'input mode_in: Integer',
  'output flag: Boolean',
  'input flag_in: Boolean',
);

it('a system in a system, units, tables and elements of arrays come to what is known on paper', async () => {
  const box = `<ssd:System name="box">${
    connectors('input in: Real unit="mm"', 'output out: Real', 'parameter gain: Real') +
    elements(component('g', 'gain.fmu', connectors('input u: Real', 'output y: Real', 'parameter k: Real'))) +
    connections(
      connect('in -> g.u', '<ssc:LinearTransformation factor="2" offset="3"/>'),
      connect('g.y -> out'),
      connect('gain -> g.k'),
    )
  }</ssd:System>`;
  const modes = binding({ mode_in: '<ssv:Enumeration value="fast"/>', flag_in: '<ssv:Boolean value="true"/>' });
  const text = ssd(
    elements(
      component('u', 'units.fmu', connectors('output out_mm: Real', 'output out_degC: Real')),
      box,
      component('v', 'arrays3.fmu', connectors('input u3: Float64', 'output y3: Float64')),
      component('one', 'enumer.fmu', ENUMER + bindings(modes)),
      component('two', 'enumer.fmu', ENUMER),
    ) +
      connections(
        connect('u.out_mm -> box.in'),
        connect('box.out -> v.u3', '', 'endIndices="2"'),
        connect('one.mode -> two.mode_in', table('Enumeration', 'fast', 'slow')),
        connect('one.flag -> two.flag_in', table('Boolean', 'true', 'false')),
      ) +
      bindings(binding({ 'box.gain': real(10), 'v.k': real(0.5) })),
    UNITS('ssd'),
    '2.0',
  );
  const read = await readSspSystem(writeText(folder, 'system.ssd', text), { step: 0.1 });
  const written = join(folder, 'written.ssp');
  await writeSsp(read, written);
  for (const system of [read, await readSspSystem(written)]) {
    const { finalValues, outcome } = await runSystem(system, { stop: 0.5 });
    expect(outcome).toBe('finished');
    expect(finalValues).toMatchObject({
      'box.g.y': 10 * (2 * 1500 + 3),
      'two.mode': 1,
      'two.flag': false,
      'one.mode': 5,
      'one.flag': true,
    });
    expect(finalValues['v.y3'] ?? [0, 1, 2].map((index) => finalValues[`v.y3[${index}]`])).toEqual([0, 15_015, 0]);
  }
});
