/** Changes at run time, as in the scenarios of the Open Simulation Platform. */
import { describe, expect, it } from 'vitest';
import { master } from './support.js';

const { run, read } = master(
  'arrays3',
  'clocks3',
  'counter',
  'dahlquist',
  'enumer',
  'feedthrough',
  'feedthrough3',
  'gain',
  'oscillator',
);

async function columns(text: string, ...names: string[]): Promise<number[][]> {
  const { captured } = await run(text, { capture: names });
  return [...captured!.time].map((_, n) => names.map((name) => captured!.columns[name]![n]!));
}

async function column(text: string, name: string): Promise<number[]> {
  return (await columns(text, name)).map(([only]) => only!);
}

const scenario = (events: string, end?: number) =>
  `scenario: { events: [ ${events} ]${end === undefined ? '' : `, end: ${end}`} }\n`;

const ALONE = 'components: { g: { fmu: gain.fmu, start: { u: 1, k: 10 } } }\nstep: 0.5\nstop: 3\n';

describe('an event at t shows in the step that begins at t', () => {
  it('override of an input that nothing feeds: it stays so', async () => {
    const y = await column(`${ALONE}${scenario('{ time: 1, set: g.u, value: 2 }')}`, 'g.y');
    expect(y).toEqual([10, 10, 10, 20, 20, 20, 20]);
  });

  it('override of a tunable parameter', async () => {
    const y = await column(
      `${ALONE}${scenario('{ time: 0, set: g.k, value: 3 }, { time: 2, set: g.k, value: 4 }')}`,
      'g.y',
    );
    expect(y).toEqual([10, 3, 3, 3, 3, 4, 4]);
  });

  it('bias: added to what it had, not to what the last event made of it', async () => {
    const y = await column(
      `${ALONE}${scenario('{ time: 0.5, set: g.u, value: 2, action: bias }, { time: 1.5, set: g.u, value: -0.5, action: bias }')}`,
      'g.y',
    );
    expect(y).toEqual([10, 10, 30, 30, 5, 5, 5]);
  });

  it('reset: it has its own value again', async () => {
    const y = await column(
      `${ALONE}${scenario('{ time: 0.5, set: g.u, value: 2 }, { time: 1.5, set: g.u, action: reset }')}`,
      'g.y',
    );
    expect(y).toEqual([10, 10, 20, 20, 10, 10, 10]);
  });

  it('the end gives back everything that was touched', async () => {
    const rows = await columns(
      `${ALONE}${scenario('{ time: 0.5, set: g.u, value: 2 }, { time: 1, set: g.b, value: 100, action: bias }', 2)}`,
      'g.y',
    );
    expect(rows.flat()).toEqual([10, 10, 20, 120, 120, 10, 10]);
  });

  it('but not before all events ran', async () => {
    const y = await column(
      `${ALONE}${scenario('{ time: 0.5, set: g.u, value: 2 }, { time: 2, set: g.b, value: 1 }', 1)}`,
      'g.y',
    );
    expect(y).toEqual([10, 10, 20, 20, 20, 10, 10]);
  });

  it('counted from the start of the run', async () => {
    const y = await column(
      `${ALONE.replace('stop: 3', 'start: 100\nstop: 103')}${scenario('{ time: 1, set: g.u, value: 2 }')}`,
      'g.y',
    );
    expect(y).toEqual([10, 10, 10, 20, 20, 20, 20]);
  });

  it.each([0.6, 0.99, 1, 1 + 1e-9])('between two communication points it shows at the next: t = %d', async (time) => {
    const y = await column(`${ALONE}${scenario(`{ time: ${time}, set: g.u, value: 2 }`)}`, 'g.y');
    expect(y).toEqual([10, 10, 10, 20, 20, 20, 20]);
  });

  it('of several at one time the last counts; the order of the file is no matter', async () => {
    const y = await column(
      `${ALONE}${scenario('{ time: 2, set: g.u, value: 5 }, { time: 1, set: g.u, value: 3 }, { time: 1, set: g.u, value: 4 }')}`,
      'g.y',
    );
    expect(y).toEqual([10, 10, 10, 40, 40, 50, 50]);
  });

  it('after the stop time nothing comes of it, and before it the run still ends where it should', async () => {
    expect(await column(`${ALONE}${scenario('{ time: 5, set: g.u, value: 2 }')}`, 'g.y')).toEqual(Array(7).fill(10));
    expect(await column(`${ALONE}${scenario('{ time: 3, set: g.u, value: 2 }')}`, 'g.y')).toEqual(Array(7).fill(10));
    expect(await column(`${ALONE}${scenario('{ time: 2.9, set: g.u, value: 2 }')}`, 'g.y')).toEqual(Array(7).fill(10));
  });
});

describe.each(['jacobi', 'gauss-seidel'])('with %s, what connections feed', (algorithm) => {
  const text = `
components: { s: { fmu: dahlquist.fmu }, g: { fmu: gain.fmu, start: { k: 10 } } }
connections: [ s.x -> g.u ]
algorithm: ${algorithm}
step: 0.5
stop: 3
`;
  const x = (n: number) => 0.5 ** Math.max(0, n);
  const delay = algorithm === 'jacobi' ? 1 : 0;
  const free = [0, 1, 2, 3, 4, 5, 6].map((n) => 10 * x(n - delay));

  it('override of an input: what comes is replaced until a reset', async () => {
    const y = await column(
      `${text}${scenario('{ time: 1, set: g.u, value: 7 }, { time: 2, set: g.u, action: reset }')}`,
      'g.y',
    );
    expect(y).toEqual([...free.slice(0, 3), 70, 70, ...free.slice(5)]);
  });

  it('bias of an input: added to what comes', async () => {
    const y = await column(`${text}${scenario('{ time: 1, set: g.u, value: 1, action: bias }', 2)}`, 'g.y');
    expect(y).toEqual([...free.slice(0, 3), free[3]! + 10, free[4]! + 10, ...free.slice(5)]);
  });

  it('override of an output: others, and the results, see the new value', async () => {
    const rows = await columns(
      `${text}${scenario('{ time: 1, set: s.x, value: 5 }, { time: 2, set: s.x, action: reset }')}`,
      's.x',
      'g.y',
    );
    // Read at the end of the step: the model itself goes on with its own.
    expect(rows.map(([own]) => own)).toEqual([x(0), x(1), x(2), 5, 5, x(5), x(6)]);
    const seen = [x(0), x(1), x(2), 5, 5, x(5), x(6)];
    expect(rows.map(([, y]) => y)).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => 10 * seen[Math.max(0, n - delay)]!));
  });

  it('bias of an output', async () => {
    const rows = await columns(`${text}${scenario('{ time: 1, set: s.x, value: -1, action: bias }', 2)}`, 's.x');
    expect(rows.flat()).toEqual([x(0), x(1), x(2), x(3) - 1, x(4) - 1, x(5), x(6)]);
  });

  it('other types: Integer, Boolean, Enumeration, String', async () => {
    const types = `
components: { c: { fmu: counter.fmu }, f: { fmu: feedthrough.fmu } }
connections: [ c.count -> f.integer_in, c.odd -> f.boolean_in, c.count -> f.choice_in, c.text -> f.string_in ]
algorithm: ${algorithm}
step: 0.5
stop: 2
record: { variables: [f.integer_out, f.boolean_out, f.choice_out, f.string_out] }
${scenario(
  "{ time: 1, set: f.integer_in, value: -3 }, { time: 1, set: f.boolean_in, value: true }, { time: 1, set: f.choice_in, value: second }, { time: 1, set: f.string_in, value: 'über' }",
)}`;
    const { finalValues } = await run(types);
    expect(finalValues).toEqual({
      'f.integer_out': -3,
      'f.boolean_out': true,
      'f.choice_out': 2,
      'f.string_out': 'über',
    });
  });
});

describe('elements of arrays', () => {
  const text = (connections: string) => `
components: { a: { fmu: arrays3.fmu, start: { k: 1, u3: [1, 2, 3] } }, b: { fmu: arrays3.fmu, start: { k: 1, u3: [7, 8, 9] } } }
connections: [ ${connections} ]
step: 1
stop: 5
`;
  const y3 = ['b.y3[0]', 'b.y3[1]', 'b.y3[2]'];

  it('of one that is fed as a whole', async () => {
    const rows = await columns(
      `${text('a.y3 -> b.u3')}${scenario("{ time: 1, set: 'b.u3[1]', value: 10, action: bias }, { time: 3, set: 'b.u3[1]', action: reset }")}`,
      ...y3,
    );
    expect(rows).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 12, 3],
      [1, 12, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('of one whose elements are fed, a fed one and one that is not', async () => {
    const rows = await columns(
      `${text("'a.y3[0] -> b.u3[1]'")}${scenario(
        "{ time: 1, set: 'b.u3[1]', value: 10, action: bias }, { time: 2, set: 'b.u3[2]', value: 10, action: bias }",
        4,
      )}`,
      ...y3,
    );
    expect(rows).toEqual([
      [7, 1, 9],
      [7, 1, 9],
      [7, 11, 9],
      [7, 11, 19],
      [7, 11, 19],
      [7, 1, 9],
    ]);
  });

  it('of one that nothing feeds', async () => {
    const rows = await columns(`${text('')}${scenario("{ time: 1, set: 'b.u3[0]', value: 0.5 }", 3)}`, ...y3);
    expect(rows).toEqual([
      [7, 8, 9],
      [7, 8, 9],
      [0.5, 8, 9],
      [0.5, 8, 9],
      [7, 8, 9],
      [7, 8, 9],
    ]);
  });

  it('of an output', async () => {
    const rows = await columns(
      `${text('a.y3 -> b.u3')}${scenario("{ time: 1, set: 'a.y3[2]', value: 100 }, { time: 2, set: 'a.y3[2]', action: reset }")}`,
      'a.y3[2]',
      ...y3,
    );
    expect(rows.map(([own, , , last]) => [own, last])).toEqual([
      [3, 3],
      [3, 3],
      [100, 3],
      [3, 100],
      [3, 3],
      [3, 3],
    ]);
  });
});

describe('in runs of another kind', () => {
  it('with a variable step, an event is a communication point', async () => {
    const { captured } = await run(
      `
components: { o: { fmu: oscillator.fmu } }
step: { min: 0.001, max: 0.4, initial: 0.3 }
stop: 2
${scenario('{ time: 0.55, set: o.f, value: 1 }')}`,
      { capture: ['o.x'] },
    );
    const { time, columns: all } = captured!;
    const n = time.findIndex((t) => Math.abs(t - 0.55) < 1e-9);
    expect(n).toBeGreaterThan(0);
    // x = 1 - cos(t - 0.55), exactly.
    for (const [k, t] of time.entries()) {
      expect(all['o.x']![k]).toBeCloseTo(t <= 0.55 + 1e-9 ? 0 : 1 - Math.cos(t - 0.55), 9);
    }
  });

  it.each(['algorithm: gauss-seidel', 'loops: { atSteps: true }'])(
    'of a loop that is iterated, what is added is added once: %s',
    async (algorithm) => {
      const a = await column(
        `
components: { a: { fmu: gain.fmu, start: { k: 0.5, b: 1 } }, b: { fmu: gain.fmu, start: { k: 0.5 } }, c: { fmu: dahlquist.fmu, start: { k: 0 } } }
connections: [ a.y -> b.u, b.y -> a.u, c.x -> b.b ]
${algorithm}
step: 1
stop: 4
${scenario('{ time: 1, set: a.u, value: 2, action: bias }, { time: 2, set: b.b, value: 3, action: bias }', 3)}`,
        'a.y',
      );
      // a = (b + bias) / 2 + 1 and b = a / 2 + 1 + the other bias.
      const solved = (one: number, other: number) => expect.closeTo((2 + one / 2 + other / 2 - 0.5) / 0.75, 8);
      expect(a).toEqual([solved(0, 0), solved(0, 0), solved(2, 0), solved(2, 3), solved(0, 0)]);
    },
  );

  it('with threads', async () => {
    const y = await column(`${ALONE}threads: 2\n${scenario('{ time: 1, set: g.u, value: 2 }')}`, 'g.y');
    expect(y).toEqual([10, 10, 10, 20, 20, 20, 20]);
  });

  it('of a slower component: an input counts from its next step on', async () => {
    const y = await column(
      `components: { g: { fmu: gain.fmu, start: { u: 1 }, step: 1 }, d: { fmu: dahlquist.fmu } }
connections: [ d.x -> g.k ]
step: 0.5
stop: 4
${scenario('{ time: 0.5, set: g.u, value: 2 }')}`,
      'g.u',
    );
    expect(y.at(-1)).toBe(2);
  });

  it('of an FMU in event mode', async () => {
    const counter = await column(
      `components: { a: { fmu: clocks3.fmu, start: { n: 1 } }, b: { fmu: clocks3.fmu, start: { n: 1000 } } }
connections: [ a.reached_clock -> b.count_clock ]
step: 1
stop: 4
${scenario('{ time: 2, set: b.increment, value: 100 }')}`,
      'b.counter',
    );
    expect(counter).toEqual([0, 2, 4, 105, 206]);
  });

  it('of bytes', async () => {
    const { finalValues } = await run(
      `components: { a: { fmu: feedthrough3.fmu }, b: { fmu: feedthrough3.fmu } }
connections: [ a.binary_out -> b.binary_in ]
step: 1
stop: 3
record: { variables: [b.binary_out] }
${scenario("{ time: 1, set: b.binary_in, value: 'ff00' }")}`,
    );
    expect(finalValues).toEqual({ 'b.binary_out': 'ff00' });
  });
});

describe('is refused', () => {
  it.each([
    ['g.nothing, value: 1', /'g' has no variable 'nothing'/],
    ['x.u, value: 1', /unknown component 'x'/],
    ['g.u, value: text', /a number|number/],
    ['g.u', /the event at 1 s lacks a value/],
    ['f.string_in, value: a, action: bias', /'f.string_in' is of type String, to which nothing can be added/],
    ['a.u3, value: 1', /'a.u3' is an array.*name one element, from 0: a.u3\[0\]/s],
  ])('%s', async (event, message) => {
    await expect(
      read(
        `components: { g: { fmu: gain.fmu }, f: { fmu: feedthrough.fmu }, a: { fmu: arrays3.fmu } }\nstep: 1\n${scenario(`{ time: 1, set: ${event} }`)}`,
      ),
    ).rejects.toThrow(message);
  });
});
