/** A wrapped FMU gives the values of the FMU behind it, bit for bit, in every system of the master's own tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { everything, processes } from '../../master/isolate/support.js';
import { CASES, FMUS } from '../../master/isolate/systems.js';
import { history, master } from '../../master/support.js';
import { wrapped } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(processes()).toEqual([]));

const { start, read, folder, run } = master(...FMUS);

describe('the same values as the FMU behind', () => {
  it.each(CASES)('%s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 40);
    const simulation = await start(await wrapped(system, folder));
    // Each instance has a process of its own, which the tool knows nothing of.
    expect(processes()).toHaveLength(system.components.length);
    expect(everything(simulation, 40)).toEqual(expected);
  });

  it('in a run, with several threads', async () => {
    const text = `
components:
  a: { fmu: dahlquist.fmu }
  b: { fmu: gain.fmu, start: { k: 2 } }
  c: { fmu: feedthrough3.fmu }
connections: [ a.x -> b.u, b.y -> c.float64_in ]
record: [ { file: FILE, variables: ['*'] } ]
step: 0.1
stop: 5
`;
    const rows = async (name: string, isWrapped: boolean) => {
      const system = await read(`${text.replace('FILE', `${name}.csv`)}threads: 2\n`);
      await run(isWrapped ? await wrapped(system, folder) : system);
      return readFileSync(join(folder, `${name}.csv`), 'utf8');
    };
    const expected = await rows('plain', false);
    expect(expected.split('\n').length).toBeGreaterThan(50);
    expect(await rows('wrapped', true)).toBe(expected);
  });
});

describe('as another version of FMI', () => {
  const text = `
components:
  x: { fmu: dahlquist1.fmu, start: { k: 0.3 } }
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough1.fmu, start: { offset: 0.1 } }
  g: { fmu: feedthrough.fmu, start: { choice_in: second } }
  e: { fmu: enumer.fmu }
connections:
  - x.x -> f.real_in
  - c.count -> f.integer_in
  - c.odd -> f.boolean_in
  - c.text -> f.string_in
  - f.real_out -> g.real_in
  - f.integer_out -> g.integer_in
  - f.boolean_out -> g.boolean_in
  - f.string_out -> g.string_in
  - f.real_out -> e.number_in
  - { from: c.odd, to: e.mode_in, factor: 4, offset: 1 }
step: 0.1
`;
  const OUTPUTS = ['x.x', 'c.count', 'c.odd', 'c.text', 'f.real_out', 'f.string_out', 'g.real_out', 'g.integer_out'];
  OUTPUTS.push('g.boolean_out', 'g.string_out', 'g.choice_out', 'e.mode', 'e.number');

  it('FMI 1.0 and 2.0 as 3.0', async () => {
    const system = await read(text);
    const expected = history(await start(system), 20, ...OUTPUTS);
    const other = await wrapped(system, folder, { fmi: 3 });
    expect(other.components.map(({ model }) => model.fmi)).toEqual(['3.0', '3.0', '3.0', '3.0', '3.0']);
    expect(history(await start(other), 20, ...OUTPUTS)).toEqual(expected);
  });

  it('FMI 3.0 as 2.0, each element of an array as a variable', async () => {
    const given = `
components:
  d: { fmu: dahlquist3.fmu, start: { k: 0.25 } }
  a: { fmu: arrays3.fmu }
  f: { fmu: feedthrough3.fmu, start: { float32_in: 1.100000023841858, int8_in: -128, uint16_in: 65535, boolean_in: true, string_in: 'é', int32_in: -7, uint64_in: 12 } }
connections:
  - d.x -> a.u3[0]
  - d.x -> a.u3[2]
  - a.y3[2] -> f.float64_in
step: 0.1
`;
    const outputs = [
      'd.x',
      ...[0, 1, 2].map((k) => `a.y3[${k}]`),
      ...[0, 1, 2, 3].map((k) => `a.matrix_out[${k}]`),
      ...['float32', 'float64', 'int8', 'uint16', 'int32', 'uint64', 'boolean', 'string'].map(
        (type) => `f.${type}_out`,
      ),
    ];
    const expected = history(await start(given), 20, ...outputs);
    for (const name of ['dahlquist3', 'arrays3', 'feedthrough3']) {
      await wrapRemoteFmu(join(folder, `${name}.fmu`), join(folder, `${name}-2.fmu`), { fmi: 2, platforms: 'host' });
    }
    const other = await read(given.replaceAll('3.fmu', '3-2.fmu'));
    expect(other.components.map(({ model }) => model.fmi)).toEqual(['2.0', '2.0', '2.0']);
    const found = history(await start(other), 20, ...outputs);
    // Whole numbers of 64 bits are ordinary numbers in FMI 2.0.
    expect(found).toEqual(
      expected.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value))),
    );
  });
});
