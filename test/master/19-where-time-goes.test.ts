/** What a run tells of its time: components, moving values, results. And that many components cost what they do. */
import { describe, expect, it } from 'vitest';
import { components, master } from './support.js';

const { run } = master('counter', 'dahlquist', 'feedthrough3', 'gain', 'misbehave', 'slow');

const SLOW = `
components:
  a: { fmu: slow.fmu, start: { cost_us: 400 } }
  b: { fmu: slow.fmu, start: { cost_us: 1200 } }
  c: { fmu: slow.fmu, start: { cost_us: 800 }, step: 0.02 }
connections: [ a.x -> b.u, b.x -> c.u ]
step: 0.01
stop: 2
`;

describe.each([true, false])('with every step timed: %s', (profile) => {
  it('the parts add up to the whole', async () => {
    const { components: parts, plan, wallSeconds, steps } = await run(SLOW, { profile });
    expect(steps).toBe(200);
    expect(plan.timedSteps).toBeLessThanOrEqual(200);
    if (profile) expect(plan.timedSteps).toBe(200);
    const [a, b, c] = parts as [(typeof parts)[number], (typeof parts)[number], (typeof parts)[number]];
    expect([a.steps, b.steps, c.steps]).toEqual([200, 200, 100]);
    // What the FMUs burn of processor time they take of the clock at the least.
    expect(a.totalMs).toBeGreaterThanOrEqual(0.95 * 200 * 0.4);
    expect(b.totalMs).toBeGreaterThanOrEqual(0.95 * 200 * 1.2);
    expect(c.totalMs).toBeGreaterThanOrEqual(0.95 * 100 * 0.8);
    for (const [part, cost] of [
      [a, 400],
      [b, 1200],
      [c, 800],
    ] as const) {
      expect(part.p50Us).toBeGreaterThanOrEqual(0.93 * cost);
      expect(part.p99Us).toBeGreaterThanOrEqual(part.p50Us);
      expect(part.maxUs).toBeGreaterThanOrEqual(part.p99Us);
      expect(part.share).toBeCloseTo((part.totalMs + part.accessMs) / (wallSeconds * 1000), 6);
    }
    const sum =
      parts.reduce((total, { totalMs, accessMs }) => total + totalMs + accessMs, 0) +
      plan.overheadMs +
      plan.recordingMs;
    expect(sum).toBeLessThanOrEqual(wallSeconds * 1000 * (profile ? 1.001 : 1.3));
    expect(sum).toBeGreaterThanOrEqual(wallSeconds * 1000 * (profile ? 0.9 : 0.6));
  });
});

describe('by threads', () => {
  it('each component has its own time all the same', async () => {
    const { components: parts, steps } = await run(`${SLOW.replace(', step: 0.02', '')}threads: 3\n`, {
      profile: true,
    });
    expect(steps).toBe(200);
    for (const [i, cost] of [400, 1200, 800].entries()) {
      expect(parts[i]!.timedSteps).toBe(200);
      expect(parts[i]!.totalMs).toBeGreaterThanOrEqual((0.95 * 200 * cost) / 1000);
    }
  });
});

describe('fast components', () => {
  it('have some of their steps timed, and what they took in all is told from these', async () => {
    const {
      components: parts,
      plan,
      steps,
      wallSeconds,
    } = await run('components: { d: { fmu: dahlquist.fmu } }\nstep: 0.01\nstop: 20000\n');
    expect(steps).toBe(2_000_000);
    expect(plan.timedSteps).toBeGreaterThan(100);
    expect(plan.timedSteps).toBeLessThan(steps / 10);
    expect(parts[0]!.steps).toBe(steps);
    expect(parts[0]!.timedSteps).toBeLessThanOrEqual(plan.timedSteps);
    expect(parts[0]!.totalMs).toBeGreaterThan(0);
    expect(parts[0]!.totalMs).toBeLessThan(wallSeconds * 1000 * 5);
  });
});

describe('an algebraic loop', () => {
  it('counts each round', async () => {
    const { components: parts, plan } = await run(
      `
components: { a: { fmu: gain.fmu, start: { k: 0.5 } }, b: { fmu: gain.fmu, start: { k: 0.5 } }, d: { fmu: dahlquist.fmu } }
connections: [ a.y -> b.u, b.y -> a.u, d.x -> a.b ]
algorithm: gauss-seidel
step: 0.1
stop: 5
`,
      { profile: true },
    );
    // Two rounds to learn, one to see that it is right.
    expect(parts[0]!.timedSteps).toBeGreaterThanOrEqual(2 * 50);
    expect(parts[2]!.timedSteps).toBe(50);
    expect(plan.openLoops).toEqual([]);
  });

  it('that is not iterated is told of', async () => {
    const { plan } = await run(`
components: { f: { fmu: feedthrough3.fmu }, g: { fmu: gain.fmu, start: { k: 0.5 } } }
connections: [ f.float64_out -> g.u, g.y -> f.float64_in ]
algorithm: gauss-seidel
step: 1
stop: 2
`);
    expect(plan.openLoops).toEqual([
      {
        path: expect.arrayContaining(['f.float64_out -> g.u', 'g.y -> f.float64_in']),
        reason: "'f' cannot go back, it does not save its state",
      },
    ]);
  });
});

describe('warnings', () => {
  it('of steps are counted', async () => {
    const { plan, components: parts } = await run('components: { c: { fmu: counter.fmu } }\nstep: 1\nstop: 3\n');
    expect([plan.warnings, parts[0]!.warnings]).toEqual([0, 0]);
  });
});

describe('1,000 components', () => {
  it('with a thousand connections are begun and run in a moment', async () => {
    const count = 1000;
    const before = performance.now();
    const { steps, finalValues } = await run(`
${components(Object.fromEntries(Array.from({ length: count }, (_, i) => [`g${i}`, i === 0 ? 'fmu: counter.fmu' : 'fmu: gain.fmu'])))}
connections: [ ${Array.from({ length: count - 1 }, (_, i) => `g${i}.${i === 0 ? 'count' : 'y'} -> g${i + 1}.u`).join(', ')} ]
step: 1
stop: 1100
record: { variables: [g999.y, g1.y] }
`);
    expect(steps).toBe(1100);
    // A value takes a step through each: what comes out at the end went in 999 steps ago.
    expect(finalValues).toEqual({ 'g999.y': 1100 - 999, 'g1.y': 1099 });
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  it('an FMU with many connections to itself does not take for ever', async () => {
    // One component with all its inputs fed by all others: 400 gains into one sum.
    const count = 400;
    const { finalValues } = await run(`
${components(Object.fromEntries(Array.from({ length: count }, (_, i) => [`g${i}`, `fmu: gain.fmu, start: { b: ${i} }`])))}
functions: { s: { type: sum, inputs: ${count} } }
connections:
${Array.from({ length: count }, (_, i) => `  - g${i}.y -> s.in[${i}]\n`).join('')}
step: 1
stop: 1
record: { variables: [g0.y] }
`);
    expect(finalValues).toEqual({ 'g0.y': 0 });
  });
});
