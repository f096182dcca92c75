/** The FMUs that the master is tested with are valid, and come to what can be worked out on paper, when FMPy runs them. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeWithPython, python } from '../interop/python.js';
import { TEST_FMUS, type TestFmuName, temporaryFolder, testFmu } from '../support/fmus.js';

const PYTHONPATH = fileURLToPath(new URL('../interop', import.meta.url));
const folder = temporaryFolder();

/** In a row of a column: a scalar, or an array. */
type Value = number | boolean | readonly number[] | readonly (readonly number[])[];
type Columns = Readonly<Record<string, readonly Value[]>>;

interface Scenario {
  readonly fmu: TestFmuName;
  readonly start?: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly step: number;
  readonly stop: number;
  readonly events?: boolean;
  readonly early?: boolean;
  /** What each output is at a time, from its value there and the number of steps. */
  readonly outputs: Readonly<Record<string, (t: number, n: number) => Value>>;
}

const grid = { step: 0.25, stop: 2 };
const euler = (x0: number, k: number) => (_: number, n: number) => x0 * (1 - k * 0.25) ** n;

/** Height of a ball that falls from 1 m at 10 m/s2 and loses half its speed at each impact. */
function bouncing(t: number): { height: number; impacts: number; last: number } {
  const speed = Math.sqrt(20);
  let [impact, impacts, last] = [speed / 10, 0, 0];
  let velocity = speed;
  if (t < impact) return { height: 1 - 5 * t * t, impacts, last };
  while (t >= impact && velocity >= 1e-9) {
    last = impact;
    velocity /= 2;
    impacts++;
    impact += velocity / 5;
  }
  const since = t - last;
  return { height: velocity < 1e-9 ? 0 : velocity * since - 5 * since * since, impacts, last };
}

/** The nth number of splitmix64, from 0 to 1. */
function splitmix(seed: bigint, n: number): number {
  const mask = 2n ** 64n - 1n;
  let z = (seed + BigInt(n) * 0x9e3779b97f4a7c15n) & mask;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return Number((z ^ (z >> 31n)) >> 11n) * 2 ** -53;
}

/** From corner to corner in 1 s, as wide as high. */
const triangle = (t: number) => (Math.floor(t) % 2 === 0 ? t % 1 : 1 - (t % 1));

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'Dahlquist, FMI 1.0': { fmu: 'dahlquist1', start: { k: 0.7, x0: 3.3 }, ...grid, outputs: { x: euler(3.3, 0.7) } },
  'Dahlquist, FMI 3.0': { fmu: 'dahlquist3', start: { k: 0.7, x0: 3.3 }, ...grid, outputs: { x: euler(3.3, 0.7) } },
  'each type, FMI 1.0': {
    fmu: 'feedthrough1',
    start: { real_in: 0.1, offset: 0.2, integer_in: -5, boolean_in: true },
    ...grid,
    outputs: { real_out: () => 0.1 + 0.2, integer_out: () => -5, boolean_out: () => true },
  },
  'each type, FMI 3.0': {
    fmu: 'feedthrough3',
    start: { float32_in: 0.5, float64_in: 0.1, int8_in: -128, uint16_in: 65535, int64_in: 2 ** 53 - 1, choice_in: 2 },
    ...grid,
    outputs: {
      float32_out: () => 0.5,
      float64_out: () => 0.1,
      int8_out: () => -128,
      uint16_out: () => 65535,
      int64_out: () => 2 ** 53 - 1,
      choice_out: () => 2,
    },
  },
  'only one, FMI 1.0': { fmu: 'once1', ...grid, outputs: { y: (t) => t } },
  'only one, FMI 2.0': { fmu: 'once', ...grid, outputs: { y: (t) => t } },
  'k u + b': { fmu: 'gain', start: { u: 2, k: 3, b: 1 }, ...grid, outputs: { y: () => 7 } },
  steps: {
    fmu: 'counter',
    ...grid,
    outputs: {
      count: (_, n) => n,
      odd: (_, n) => n % 2 === 1,
      last_time: (_, n) => Math.max(0, (n - 1) * 0.25),
      last_step: (_, n) => (n === 0 ? 0 : 0.25),
    },
  },
  'ten passed on': {
    fmu: 'ten',
    start: { u0: 2, u9: -0.5 },
    ...grid,
    outputs: { y0: (_, n) => (n === 0 ? 0 : 3), y1: (_, n) => (n === 0 ? 0 : 1), y9: (_, n) => (n === 0 ? 0 : 0.5) },
  },
  'a crash that does not come': { fmu: 'crash', ...grid, outputs: { steps: (_, n) => n } },
  'a body on a spring': {
    fmu: 'oscillator',
    start: { x0: 1 },
    ...grid,
    outputs: { x: (t) => Math.cos(t), v: (t) => -Math.sin(t), f_out: () => 0 },
  },
  'damped so that it does not swing any more': {
    fmu: 'oscillator',
    start: { x0: 1, d: 2 },
    ...grid,
    outputs: { x: (t) => (1 + t) * Math.exp(-t), v: (t) => -t * Math.exp(-t) },
  },
  'damped more': {
    fmu: 'oscillator',
    start: { v0: 1, m: 2, c: 3, d: 10 },
    ...grid,
    outputs: { x: (t) => Math.exp(-2.5 * t) * (Math.sinh(Math.sqrt(4.75) * t) / Math.sqrt(4.75)) },
  },
  'hanging on another body that has moved, and pushed': {
    fmu: 'oscillator',
    start: { x_in: 1, ck: 2, c: 2, f: 2, m: 1 },
    ...grid,
    outputs: { x: (t) => 1 - Math.cos(2 * t), f_out: (t) => -2 * Math.cos(2 * t) },
  },
  'a ball, while it bounces and after': {
    fmu: 'ball',
    start: { h0: 1, e: 0.5, g: 10 },
    ...grid,
    outputs: {
      height: (t) => bouncing(t).height,
      bounces: (t) => bouncing(t).impacts,
      last_impact: (t) => bouncing(t).last,
    },
  },
  'as long a step as it can do': { fmu: 'limited', start: { max_step: 0.25 }, ...grid, outputs: { x: (t) => t } },
  'costly steps': {
    fmu: 'slow',
    start: { u: 1, cost_us: 10 },
    ...grid,
    outputs: { x: (_, n) => 1 - 0.75 ** n },
  },
  'a point mass': {
    fmu: 'vector',
    start: { 'force[0]': 2, 'force[1]': -4, mass: 2 },
    ...grid,
    outputs: {
      'position[0]': (t) => t ** 2 / 2,
      'position[1]': (t) => -(t ** 2),
      'position[2]': () => 0,
      'velocity[0]': (t) => t,
      'velocity[1]': (t) => -2 * t,
    },
  },
  units: {
    fmu: 'units',
    start: { in_m: 1.5, in_per_min: 120, out_degC: 37 },
    ...grid,
    outputs: {
      out_mm: () => 1500,
      out_degC: () => 37,
      out_rpm: () => 60,
      got_m: () => 1.5,
      got_per_min: () => 120,
      got_no_unit: () => 0,
    },
  },
  enumerations: {
    fmu: 'enumer',
    start: { mode_in: 5, number_in: -3, flag_in: true },
    ...grid,
    outputs: { mode: () => 5, number: () => -3, flag: () => true },
  },
  'clocks that nobody sees': {
    fmu: 'clocks3',
    start: { u: 4 },
    ...grid,
    outputs: {
      counter: (_, n) => n,
      reached_count: (_, n) => n - (n % 3),
      reached_time: (_, n) => (n - (n % 3)) * 0.25,
      sampled: () => 4,
    },
  },
  'clocks in Event Mode': {
    fmu: 'clocks3',
    start: { n: 2 },
    ...grid,
    events: true,
    outputs: { counter: (_, n) => n, reached_count: (_, n) => n - (n % 2) },
  },
  'corners within steps': {
    fmu: 'early3',
    step: 0.75,
    stop: 3,
    outputs: { x: triangle, events: Math.floor },
  },
  'corners where steps end early, in Event Mode': {
    fmu: 'early3',
    step: 0.75,
    stop: 3,
    events: true,
    early: true,
    outputs: { x: triangle, events: Math.floor },
  },
  'clocks that the importer has to make tick, and does not': {
    fmu: 'timers3',
    ...grid,
    outputs: { tunable_ticks: () => 0, changing_ticks: () => 0, countdown_ticks: () => 0 },
  },
  'intermediate steps': {
    fmu: 'inter3',
    start: { u: 2 },
    ...grid,
    outputs: { x: (t) => 2 * t, calls: () => 0 },
  },
  'random numbers': {
    fmu: 'state3',
    start: { seed: 42 },
    ...grid,
    outputs: { x: (_, n) => (n === 0 ? 0 : splitmix(42n, n)), drawn: (_, n) => n },
  },
  arrays: {
    fmu: 'arrays3',
    start: { k: 3, u3: [1, 2, 3], u: [1, 1, 1, 1], matrix_in: [1, 2, 3, 4] },
    ...grid,
    outputs: {
      y3: () => [3, 6, 9],
      y: () => [9, 9, 9, 3],
      matrix_out: () => [
        [1, 2],
        [3, 4],
      ],
    },
  },
};

describeWithPython('the FMUs of the tests', () => {
  describe('are valid', () => {
    let problems: Readonly<Record<string, readonly string[]>>;

    beforeAll(async () => {
      problems = await python(
        'validate.py',
        TEST_FMUS.map((name) => testFmu(folder, name)),
      );
    });

    it.each(TEST_FMUS.map((name) => [name]))('%s', (name) => {
      expect(problems[join(folder, `${name}.fmu`)]).toEqual([]);
    });
  });

  describe('simulated', () => {
    let seen: Readonly<Record<string, Columns>>;

    beforeAll(async () => {
      const question = Object.entries(SCENARIOS).map(([title, { outputs, fmu, ...scenario }]) => [
        title,
        { ...scenario, fmu: testFmu(folder, fmu), outputs: Object.keys(outputs) },
      ]);
      seen = await python('../fmus/simulate.py', Object.fromEntries(question), { PYTHONPATH });
    });

    it.each(Object.entries(SCENARIOS))('%s', (title, { outputs, step, stop, early = false }) => {
      const { time, ...columns } = seen[title]!;
      // FMPy records an event before and after it: the second counts.
      const rows = [...time!.keys()].filter((row) => time![row] !== time![row + 1]);
      // A step that ends early is one row more.
      if (!early) expect(rows).toHaveLength(stop / step + 1);
      for (const [name, value] of Object.entries(outputs)) {
        rows.forEach((row, n) => {
          const t = time![row] as number;
          const expected = value(t, n);
          const found = columns[name]![row];
          const where = `${name} at ${t} s`;
          if (typeof expected === 'number') expect(found, where).toBeCloseTo(expected, 12);
          else expect(found, where).toEqual(expected);
        });
      }
    });

    it('are all but those for model exchange', () => {
      const simulated = new Set(Object.values(SCENARIOS).map(({ fmu }) => fmu));
      expect([...simulated].sort()).toEqual(TEST_FMUS.filter((name) => !name.startsWith('me')));
    });
  });
});
