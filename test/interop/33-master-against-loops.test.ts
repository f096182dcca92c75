/**
 * Our master and a loop in Python over FMPy's FMUs, written after the same rules: the same numbers, bit for bit where the
 * same calls are made, within 1e-12 where a loop is solved in another way.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { parseSystemYaml } from '#tb/system/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { describeWithPython, python } from './python.js';

const folder = temporaryFolder();
for (const name of ['dahlquist', 'feedthrough', 'predictor'] as const) exampleFmu(folder, name);
for (const name of [
  'counter',
  'dahlquist1',
  'dahlquist3',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'oscillator',
] as const)
  testFmu(folder, name);

interface Scenario {
  readonly name: string;
  readonly algorithms: readonly ('jacobi' | 'gauss-seidel')[];
  readonly step: number;
  readonly steps: number;
  readonly start?: number;
  readonly components: Readonly<Record<string, { fmu: string; start?: Record<string, number>; every?: number }>>;
  readonly connections: readonly { from: string; to: string; factor?: number; offset?: number }[];
  readonly outputs: readonly string[];
  /** In which components feed each other. */
  readonly order: readonly string[];
  /** Components of an algebraic loop, which is solved at the start and, with Gauss-Seidel, at each step. */
  readonly loop?: readonly string[];
}

const BOTH = ['jacobi', 'gauss-seidel'] as const;
const wire = (from: string, to: string, scale: { factor?: number; offset?: number } = {}) => ({ from, to, ...scale });

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a chain',
    algorithms: BOTH,
    step: 0.1,
    steps: 60,
    start: 3,
    components: {
      c: { fmu: 'gain', start: { k: -3, b: 0.7 } },
      s: { fmu: 'dahlquist', start: { k: 0.3 } },
      b: { fmu: 'gain', start: { k: 1.1 } },
      a: { fmu: 'feedthrough', start: { offset: 0.1 } },
    },
    connections: [wire('s.x', 'a.real_in'), wire('a.real_out', 'b.u', { factor: 0.3, offset: -1 }), wire('b.y', 'c.u')],
    outputs: ['s.x', 'a.real_out', 'b.y', 'c.y'],
    order: ['s', 'a', 'b', 'c'],
  },
  {
    name: 'a chain through all versions of FMI',
    algorithms: BOTH,
    step: 0.125,
    steps: 40,
    components: {
      f3: { fmu: 'feedthrough3' },
      f1: { fmu: 'feedthrough1', start: { offset: 0.3 } },
      d1: { fmu: 'dahlquist1', start: { x0: 2, k: 0.7 } },
      f2: { fmu: 'feedthrough' },
      d3: { fmu: 'dahlquist3' },
      g: { fmu: 'gain' },
    },
    connections: [
      wire('d1.x', 'f3.float64_in'),
      wire('f3.float64_out', 'f1.real_in'),
      wire('f1.real_out', 'f2.real_in', { factor: 1.7 }),
      wire('d3.x', 'g.u'),
    ],
    outputs: ['d1.x', 'f3.float64_out', 'f1.real_out', 'f2.real_out', 'd3.x', 'g.y'],
    order: ['d1', 'f3', 'f1', 'f2', 'd3', 'g'],
  },
  {
    name: 'two masses on springs',
    algorithms: BOTH,
    step: 0.01,
    steps: 500,
    components: {
      one: { fmu: 'oscillator', start: { x0: 1, d: 0.2 } },
      two: { fmu: 'oscillator', start: { m: 2, ck: 1.5, dk: 0.1, v0: -0.2 } },
    },
    connections: [wire('one.x', 'two.x_in'), wire('one.v', 'two.v_in'), wire('two.f_out', 'one.f')],
    outputs: ['one.x', 'one.v', 'two.x', 'two.v', 'two.f_out'],
    order: ['one', 'two'],
  },
  {
    name: 'three masses in a row, one of them with a longer step',
    algorithms: BOTH,
    step: 0.01,
    steps: 240,
    components: {
      a: { fmu: 'oscillator', start: { x0: 1 } },
      b: { fmu: 'oscillator', start: { ck: 1, dk: 0.1 }, every: 2 },
      c: { fmu: 'oscillator', start: { ck: 2, dk: 0.2, m: 3 }, every: 3 },
    },
    connections: [
      wire('a.x', 'b.x_in'),
      wire('a.v', 'b.v_in'),
      wire('b.f_out', 'a.f'),
      wire('b.x', 'c.x_in'),
      wire('b.v', 'c.v_in'),
      wire('c.f_out', 'b.f', { factor: 0.5 }),
    ],
    outputs: ['a.x', 'b.x', 'c.x', 'b.f_out', 'c.f_out'],
    order: ['a', 'b', 'c'],
  },
  {
    name: 'many rates',
    algorithms: BOTH,
    step: 0.1,
    steps: 37,
    components: {
      d: { fmu: 'dahlquist', every: 2 },
      f: { fmu: 'feedthrough' },
      g: { fmu: 'gain', start: { k: 2 }, every: 3 },
      h: { fmu: 'gain', every: 2 },
      n: { fmu: 'counter', every: 5 },
    },
    connections: [
      wire('d.x', 'f.real_in', { factor: 10, offset: 1 }),
      wire('f.real_out', 'g.u'),
      wire('g.y', 'h.u'),
      wire('n.count', 'f.integer_in'),
    ],
    outputs: ['d.x', 'f.real_out', 'g.y', 'h.y', 'f.integer_out', 'n.last_time'],
    order: ['d', 'n', 'f', 'g', 'h'],
  },
  {
    name: 'a loop without a delay, open',
    algorithms: ['jacobi'],
    step: 1,
    steps: 30,
    components: {
      a: { fmu: 'gain', start: { k: 0.5, b: 1 } },
      b: { fmu: 'gain', start: { k: -0.75 } },
      d: { fmu: 'dahlquist', start: { k: 0.2 } },
    },
    connections: [wire('a.y', 'b.u'), wire('b.y', 'a.u'), wire('d.x', 'a.b')],
    outputs: ['a.y', 'b.y', 'd.x'],
    order: ['d', 'a', 'b'],
    loop: ['a', 'b'],
  },
  {
    name: 'a loop without a delay, solved at each step',
    algorithms: ['gauss-seidel'],
    step: 0.05,
    steps: 200,
    components: {
      o: { fmu: 'oscillator', start: { x0: 1, ck: 1, dk: 0.5 } },
      g: { fmu: 'gain', start: { k: 0.25 } },
      after: { fmu: 'gain', start: { k: 2 } },
    },
    connections: [wire('o.f_out', 'g.u'), wire('g.y', 'o.x_in'), wire('g.y', 'after.u')],
    outputs: ['o.x', 'o.v', 'o.f_out', 'g.y', 'after.y'],
    order: ['o', 'g', 'after'],
    loop: ['o', 'g'],
  },
];

describeWithPython('our master and a loop over the FMUs of FMPy', () => {
  it.each(
    SCENARIOS.flatMap((scenario) =>
      scenario.algorithms.map((algorithm) => [scenario.name, algorithm, scenario] as const),
    ),
  )('%s, %s', async (_, algorithm, scenario) => {
    const { step, steps, start = 0, components, connections, outputs, order, loop } = scenario;
    const split = (port: string) => port.split('.');
    const rows = await python<(number | boolean)[][]>('master_loop.py', {
      step,
      steps,
      start,
      algorithm,
      order,
      ...(loop === undefined ? {} : { loop }),
      components: Object.fromEntries(
        Object.entries(components).map(([name, part]) => [name, { ...part, fmu: join(folder, `${part.fmu}.fmu`) }]),
      ),
      connections: connections.map(({ from, to, ...scale }) => ({ from: split(from), to: split(to), ...scale })),
      outputs: outputs.map(split),
    });
    const system = await parseSystemYaml(
      join(folder, 'system.yaml'),
      JSON.stringify({
        twinbridge: 'system',
        components: Object.fromEntries(
          Object.entries(components).map(([name, { fmu, start: values, every }]) => [
            name,
            { fmu: `${fmu}.fmu`, ...(values && { start: values }), ...(every && { step: every * step }) },
          ]),
        ),
        connections: connections.map((one) => ({ ...one, units: 'ignore' })),
        algorithm,
        loops: { tolerance: 1e-14, atSteps: loop !== undefined && algorithm === 'gauss-seidel' },
        step,
        start,
        stop: start + steps * step,
      }),
    );
    const { captured } = await runSystem(system, { capture: outputs });
    expect(captured!.time).toHaveLength(steps + 1);
    for (const [n, [time, ...values]] of rows.entries()) {
      expect(captured!.time[n]).toBe(time);
      for (const [k, value] of values.entries()) {
        const own = captured!.columns[outputs[k]!]![n]!;
        const where = `${outputs[k]} at ${time} s`;
        if (loop === undefined) expect(own, where).toBe(Number(value));
        else expect(Math.abs(own - Number(value)), where).toBeLessThan(1e-12);
      }
    }
  });
});
