/** Steps shared out to threads come to the same, bit for bit, as steps one after the other. */
import { describe, expect, it } from 'vitest';
import type { Simulation } from '#tb/master/index.js';
import { components, history, master, step, value } from './support.js';

const { create, start, run, failure } = master(
  'arrays3',
  'clocks3',
  'counter',
  'dahlquist',
  'dahlquist1',
  'early3',
  'feedthrough',
  'feedthrough3',
  'gain',
  'misbehave',
  'oscillator',
  'slow',
  'state3',
  'units',
);

async function same(text: string, count: number, ...names: string[]): Promise<void> {
  const serial = await start(`${text}threads: 1\n`);
  const expected = history(serial, count, ...names);
  for (const threads of [2, 3, 8]) {
    const parallel = await start(`${text}threads: ${threads}\n`);
    expect(history(parallel, count, ...names)).toEqual(expected);
    parallel.close();
  }
  serial.close();
}

describe('threads', () => {
  it('with components that cost something', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
    await same(
      `
${components(Object.fromEntries(names.map((name, i) => [name, `fmu: slow.fmu, start: { cost_us: ${50 + 40 * i} }`])))}
connections: [ ${names.map((name, i) => `${name}.x -> ${names[(i + 1) % names.length]}.u`).join(', ')} ]
step: 0.1
`.replace('cost_us: 50 }', 'cost_us: 50, u: 1 }'),
      60,
      ...names.map((name) => `${name}.x`),
    );
  });

  it('with components that cost next to nothing, of all kinds, with functions and longer steps', async () => {
    await same(
      `
components:
  c: { fmu: counter.fmu }
  c2: { fmu: counter.fmu, step: 0.02 }
  f: { fmu: feedthrough.fmu }
  f2: { fmu: feedthrough.fmu }
  t: { fmu: feedthrough3.fmu }
  o: { fmu: oscillator.fmu, start: { x0: 1 } }
  r: { fmu: state3.fmu }
  a: { fmu: arrays3.fmu }
  one: { fmu: dahlquist1.fmu }
functions: { s: { type: sum, inputs: 3 }, l: { type: linear, factor: -0.5, offset: 0.1 } }
connections:
  - c.text -> f.string_in
  - c2.text -> f2.string_in
  - f.string_out -> t.string_in
  - c.count -> f.integer_in
  - c.odd -> t.boolean_in
  - c.count -> t.uint64_in
  - r.x -> s.in[0]
  - o.x -> s.in[1]
  - one.x -> s.in[2]
  - s.out -> l.in
  - l.out -> o.f
  - o.v -> a.u3[1]
step: 0.01
`,
      300,
      'f.string_out',
      'f2.string_out',
      't.string_out',
      'f.integer_out',
      't.boolean_out',
      't.uint64_out',
      'o.x',
      'o.v',
      'a.y3[1]',
    );
  });

  it('with events', async () => {
    await same(
      `
components:
${Array.from({ length: 10 }, (_, i) => `  k${i}: { fmu: clocks3.fmu, start: { n: ${2 + i}, increment: ${i + 1}, u: ${i} } }\n`).join('')}
connections: [ ${Array.from({ length: 9 }, (_, i) => `k${i}.reached_clock -> k${i + 1}.count_clock`).join(', ')} ]
step: 0.1
`,
      60,
      ...Array.from({ length: 10 }, (_, i) => `k${i}.counter`),
    );
  });

  it('with 1,000 components', async () => {
    const count = 1000;
    const text = `
${components(Object.fromEntries(Array.from({ length: count }, (_, i) => [`g${i}`, i % 3 === 0 ? `fmu: dahlquist.fmu, start: { k: ${i / count} }` : 'fmu: gain.fmu, start: { b: 0.5 }'])))}
connections: [ ${Array.from({ length: count }, (_, i) =>
      i % 3 === 0 ? undefined : `g${i - 1}.${i % 3 === 1 ? 'x' : 'y'} -> g${i}.u`,
    )
      .filter(Boolean)
      .join(', ')} ]
step: 0.01
`;
    const names = [1, 2, 500, 998].map((i) => `g${i}.y`);
    const read = (simulation: Simulation) => {
      const rows: unknown[] = [];
      for (let n = 0; n < 40; n++) {
        step(simulation);
        rows.push(names.map((name) => value(simulation, name)));
      }
      return rows;
    };
    const serial = await start(text, { observe: [] });
    const parallel = await start(`${text}threads: 4\n`, { observe: [] });
    expect(read(parallel)).toEqual(read(serial));
  });

  it('are not used where one has to follow the other', async () => {
    const text = (more: string) =>
      `components: { a: { fmu: gain.fmu }, b: { fmu: gain.fmu } }\nconnections: [ a.y -> b.u ]\nthreads: 4\nstep: 1\n${more}`;
    expect((await create(text(''))).plan.spec.threads).toBe(4);
    expect((await create(text('algorithm: gauss-seidel\n'))).plan.spec.threads).toBe(1);
    expect(
      (
        await create(
          'components: { a: { fmu: gain.fmu } }\nconnections: [ a.y -> a.u ]\nloops: { atSteps: true }\nthreads: 4\nstep: 1\n',
        )
      ).plan.spec.threads,
    ).toBe(1);
  });
});

describe('when several fail at once', () => {
  const many = (start_: string) => `
${components(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`m${i}`, `fmu: misbehave.fmu, start: { ${start_} }`])))}
step: 0.1
stop: 10
threads: 4
`;

  it.each([
    ['discard', 'TB_FMI_DISCARD', 5],
    ['error', 'TB_FMI_ERROR', 1],
    ['fatal', 'TB_FMI_FATAL', 1],
  ])('with %s, one of them is told, and the run ends where it was', async (mode, code, exitCode) => {
    const error = await failure(many(`mode: ${mode}, at: 1`));
    expect(error).toMatchObject({
      code,
      exitCode,
      message: expect.stringMatching(/^m\d: fmi2DoStep at t = 0\.9\d* s/),
    });
    expect(error.report?.steps).toBe(9);
  });

  it('with the wish to end, the run ends well', async () => {
    const report = await run(many('mode: end, at: 1'));
    expect(report).toMatchObject({ outcome: 'ended', endedBy: expect.stringMatching(/^m\d$/), steps: 9 });
  });

  it('with floods of messages, none is lost unseen', async () => {
    let seen = 0;
    const report = await run(
      `${many('flood: 20').replace('stop: 10', 'stop: 2')}logging: { ${Array.from({ length: 8 }, (_, i) => `m${i}: [flood]`).join(', ')} }\n`,
      {
        onLog: ({ category }) => {
          if (category === 'flood') seen += 1;
        },
      },
    );
    const lost = report.components.reduce((sum, { lostMessages }) => sum + lostMessages, 0);
    expect(seen + lost + report.droppedLogMessages).toBe(8 * 20 * 20);
  });
});
