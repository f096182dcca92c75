/** An isolated component gives the same values as in the process of the run, bit for bit. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { master } from '../support.js';
import { everything, isolated, processes } from './support.js';

const { start, read } = master(
  'arrays3',
  'ball',
  'counter',
  'dahlquist',
  'dahlquist1',
  'dahlquist3',
  'early3',
  'enumer',
  'feedthrough',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'inter3',
  'oscillator',
  'state3',
  'units',
  'vector',
);

const TYPES3 = [
  ['float32', '1.100000023841858'],
  ['float64', '-4.9e-324'],
  ['int8', '-128'],
  ['uint8', '255'],
  ['int16', '-32768'],
  ['uint16', '65535'],
  ['int32', '-2147483648'],
  ['uint32', '4294967295'],
  ['int64', '-9223372036854775808'],
  ['uint64', '18446744073709551615'],
  ['boolean', 'true'],
  ['string', '"grüß Gott, \\"ζ\\" 😀"'],
  ['binary', '"00ff107f"'],
  ['choice', 'second'],
] as const;

const SYSTEMS: Readonly<Record<string, string>> = {
  'FMI 1.0: all types': `
components:
  x: { fmu: dahlquist1.fmu, start: { k: 0.3 } }
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough1.fmu, start: { offset: 0.1 } }
  g: { fmu: feedthrough1.fmu }
connections:
  - x.x -> f.real_in
  - c.count -> f.integer_in
  - c.odd -> f.boolean_in
  - c.text -> f.string_in
  - f.real_out -> g.real_in
  - f.integer_out -> g.integer_in
  - f.boolean_out -> g.boolean_in
  - f.string_out -> g.string_in
step: 0.1
`,
  'FMI 2.0: all types, with conversions between them': `
components:
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough.fmu, start: { offset: 0.1, choice_in: second } }
  e: { fmu: enumer.fmu }
  g: { fmu: gain.fmu, start: { k: -1.5 } }
connections:
  - c.count -> f.real_in
  - c.odd -> f.integer_in
  - c.count -> g.u
  - c.text -> f.string_in
  - c.odd -> f.boolean_in
  - f.real_out -> e.number_in
  - f.boolean_out -> e.flag_in
  - { from: c.odd, to: e.mode_in, factor: 4, offset: 1 }
step: 0.1
`,
  'FMI 3.0: all types': `
components:
  a: { fmu: feedthrough3.fmu, start: { ${TYPES3.map(([type, start]) => `${type}_in: ${start}`).join(', ')} } }
  b: { fmu: feedthrough3.fmu }
connections:
${TYPES3.map(([type]) => `  - a.${type}_out -> b.${type}_in`).join('\n')}
step: 0.1
`,
  'FMI 3.0: arrays, structural parameters, state, early returns': `
components:
  a: { fmu: arrays3.fmu, start: { u3: [1, -2, 3], n: 2, A: [1, 2, 3, 4], u: [5, 6], matrix_in: [1, 2, 3, 4] } }
  b: { fmu: arrays3.fmu }
  s: { fmu: state3.fmu, start: { seed: 1234567890123456789 } }
  d: { fmu: dahlquist3.fmu }
  e: { fmu: early3.fmu, start: { event_interval: 0.35 } }
  i: { fmu: inter3.fmu }
connections:
  - a.y3 -> b.u3
  - "a.y[1] -> b.u[2]"
  - a.matrix_out -> b.matrix_in
  - d.x -> i.u
step: 0.1
`,
  'arrays of scalars, units': `
components:
  v: { fmu: vector.fmu, start: { mass: 3 } }
  o: { fmu: oscillator.fmu }
  p: { fmu: oscillator.fmu, start: { x0: 1 } }
  u: { fmu: units.fmu }
  w: { fmu: units.fmu }
connections:
  - p.f_out -> v.force[0]
  - o.x -> p.x_in
  - o.v -> p.v_in
  - p.f_out -> o.f
  - u.out_mm -> w.in_m
  - u.out_degC -> w.in_K
step: 0.01
`,
  'steps of their own, functions': `
components:
  a: { fmu: dahlquist.fmu, step: 0.2 }
  b: { fmu: ball.fmu }
  c: { fmu: gain.fmu, step: 0.3, start: { k: 0.5 } }
  d: { fmu: gain.fmu }
functions:
  s: { type: sum, inputs: 2 }
  l: { type: linear, factor: -2, offset: 0.5 }
connections:
  - "a.x -> s.in[0]"
  - "b.height -> s.in[1]"
  - s.out -> l.in
  - l.out -> c.u
  - c.y -> d.u
step: 0.1
`,
};

const ALGORITHMS = ['jacobi', 'gauss-seidel'];
const CASES = Object.entries(SYSTEMS).flatMap(([title, text]) =>
  ALGORITHMS.map((algorithm) => [title, algorithm, text] as const),
);

describe('the same values as in one process', () => {
  it.each(CASES)('%s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 40);
    expect(processes()).toEqual([]);
    const all = await start(isolated(system));
    expect(processes()).toHaveLength(system.components.length);
    expect(new Set(all.instances.map((instance) => instance.process)).size).toBe(system.components.length);
    expect(everything(all, 40)).toEqual(expected);
    all.close();
    expect(processes()).toEqual([]);
    // Some here, some there.
    const some = system.components.filter((_, index) => index % 2 === 1).map(({ name }) => name);
    expect(everything(await start(isolated(system, ...some)), 40)).toEqual(expected);
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
    expect(everything(await start(isolated(system, 'b', 'd')), 400)).toEqual(expected);
  });

  it('also where values are set and overridden while it runs', async () => {
    const text = `
components: { a: { fmu: dahlquist.fmu }, b: { fmu: gain.fmu } }
connections: [ a.x -> b.u ]
step: 0.1
scenario: { events: [ { time: 0.5, set: b.u, value: 7 } ] }
`;
    const rows = async (isolate: boolean) => {
      const system = await read(text);
      const simulation = await start(isolate ? isolated(system) : system);
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
