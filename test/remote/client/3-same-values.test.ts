/** A component on a server gives the same values as in the process of the run, bit for bit. */
import { afterEach, describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { everything } from '../../master/isolate/support.js';
import { CASES, FMUS } from '../../master/isolate/systems.js';
import { master } from '../../master/support.js';
import { remotely, servers } from './support.js';

const HERE = 'proxyfmu://localhost';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(servers()).toEqual([]));

const { start, read } = master(...FMUS);

describe('the same values as in one process', () => {
  it.each(CASES)('%s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 40);
    const all = await start(remotely(system, HERE));
    expect(servers()).toHaveLength(system.components.length);
    expect(new Set(all.instances.map((instance) => instance.process)).size).toBe(system.components.length);
    expect(everything(all, 40)).toEqual(expected);
    all.close();
    expect(servers()).toEqual([]);
    // Some here, some there.
    const some = system.components.filter((_, index) => index % 2 === 1).map(({ name }) => name);
    expect(everything(await start(remotely(system, HERE, ...some)), 40)).toEqual(expected);
  });

  it('with several threads', async () => {
    const text = `
components:
  a: { fmu: dahlquist.fmu }
  b: { fmu: gain.fmu, start: { k: 2 } }
  c: { fmu: gain.fmu, start: { k: 3 } }
  d: { fmu: oscillator.fmu, start: { x0: 1 } }
functions: { s: { type: sum, inputs: 2 } }
connections: [ a.x -> b.u, b.y -> c.u, "d.x -> s.in[0]", "c.y -> s.in[1]", s.out -> d.f ]
step: 0.1
`;
    const expected = everything(await start(text), 400);
    const system = await read(`${text}threads: 3\n`);
    expect(everything(await start(remotely(system, HERE, 'b', 'd')), 400)).toEqual(expected);
  });

  it('also where values are set and overridden while it runs', async () => {
    const text = `
components: { a: { fmu: dahlquist.fmu }, b: { fmu: gain.fmu } }
connections: [ a.x -> b.u ]
step: 0.1
scenario: { events: [ { time: 0.5, set: b.u, value: 7 } ] }
`;
    const rows = async (isRemote: boolean) => {
      const system = await read(text);
      const simulation = await start(isRemote ? remotely(system, HERE) : system);
      const port = (name: string) => findPort(simulation.system, name)!;
      const before = everything(simulation, 3);
      simulation.set(port('b.k'), [-2.5]);
      simulation.patch(port('b.u'), 'override', 7);
      const during = everything(simulation, 3);
      simulation.patch(port('b.u'), 'bias', -1);
      return [...before, ...during, ...everything(simulation, 3)];
    };
    expect(await rows(true)).toEqual(await rows(false));
  });
});
