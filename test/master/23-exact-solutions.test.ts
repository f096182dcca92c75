/** Coupled systems whose solution is known: the error goes down as the theory of the coupling says. */
import { describe, expect, it } from 'vitest';
import { master } from './support.js';

const { run } = master('ball', 'dahlquist', 'feedthrough', 'gain', 'oscillator', 'vector');

const [C, CK, DK] = [1, 0.5, 0.2];

/**
 * Two equal masses, each on a spring C, tied by a spring CK and a damper DK. Their sum swings by itself, and so does their
 * difference: der(der(d)) = -(C + 2 CK) d - 2 DK der(d).
 */
function exact(t: number): [number, number] {
  const sum = Math.cos(t * Math.sqrt(C));
  const delta = DK;
  const w = Math.sqrt(C + 2 * CK - delta ** 2);
  const difference = Math.exp(-delta * t) * (Math.cos(w * t) + (delta / w) * Math.sin(w * t));
  return [(sum + difference) / 2, (sum - difference) / 2];
}

/** Greatest error of both masses over 10 s. */
async function error(step: number, more: string, every = ''): Promise<number> {
  const { captured } = await run(
    `
components:
  two: { fmu: oscillator.fmu, start: { c: ${C}, ck: ${CK}, dk: ${DK} } }
  one: { fmu: oscillator.fmu, start: { x0: 1, c: ${C} }${every} }
connections: [ two.f_out -> one.f, one.x -> two.x_in, one.v -> two.v_in ]
step: ${step}
stop: 10
${more}
`,
    { capture: ['one.x', 'two.x'] },
  );
  let worst = 0;
  for (const [n, t] of captured!.time.entries()) {
    const expected = exact(t);
    for (const [i, name] of ['one.x', 'two.x'].entries()) {
      if (every !== '' && i === 0 && n % 2 === 1) continue; // it shows its last value in the midst of its step
      worst = Math.max(worst, Math.abs(captured!.columns[name]![n]! - expected[i]!));
    }
  }
  return worst;
}

describe('two masses', () => {
  it.each([
    ['Jacobi', 'algorithm: jacobi', ''],
    ['Gauss-Seidel', 'algorithm: gauss-seidel', ''],
    ['Jacobi with loops iterated', 'loops: { atSteps: true }', ''],
    ['threads', 'threads: 2', ''],
    ['a mass with a longer step', 'algorithm: jacobi', ', step: STEP'],
  ])('%s: half the step gives half the error', async (_, more, every) => {
    const errors: number[] = [];
    for (const step of [0.02, 0.01, 0.005, 0.0025]) {
      errors.push(await error(step, more, every.replace('STEP', String(2 * step))));
    }
    expect(errors[0]).toBeLessThan(0.1);
    for (let i = 1; i < errors.length; i++) {
      const ratio = errors[i - 1]! / errors[i]!;
      expect(ratio).toBeGreaterThan(1.8);
      expect(ratio).toBeLessThan(2.25);
    }
  });

  it('what is not coupled is exact for any step', async () => {
    for (const step of [0.1, 1, 2.5]) {
      const { captured } = await run(
        `
components: { o: { fmu: oscillator.fmu, start: { x0: 1, v0: 0.5, c: 4, d: 0.4, f: 2 } } }
step: ${step}
stop: 10
`,
        { capture: ['o.x'] },
      );
      // About its rest at f / c = 0.5: damped, with delta = 0.2 and w = sqrt(4 - 0.04).
      const w = Math.sqrt(4 - 0.04);
      for (const [n, t] of captured!.time.entries()) {
        const x = 0.5 + Math.exp(-0.2 * t) * (0.5 * Math.cos(w * t) + ((0.5 + 0.2 * 0.5) / w) * Math.sin(w * t));
        expect(captured!.columns['o.x']![n]).toBeCloseTo(x, 12);
      }
    }
  });
});

describe('a chain of integrators', () => {
  it('under a constant force: position and velocity are those of the textbook', async () => {
    const { captured } = await run(
      `
components: { m: { fmu: vector.fmu, start: { mass: 2, "force[0]": 3, "force[1]": -1 } } }
step: 0.1
stop: 5
`,
      { capture: ['m.position[0]', 'm.velocity[0]', 'm.position[1]'] },
    );
    for (const [n, t] of captured!.time.entries()) {
      expect(captured!.columns['m.position[0]']![n]).toBeCloseTo((1.5 * t * t) / 2, 10);
      expect(captured!.columns['m.velocity[0]']![n]).toBeCloseTo(1.5 * t, 10);
      expect(captured!.columns['m.position[1]']![n]).toBeCloseTo((-0.5 * t * t) / 2, 10);
    }
  });

  it('with a loop left open by Jacobi: a recursion from step to step', async () => {
    const { captured } = await run(
      `
components: { d: { fmu: dahlquist.fmu, start: { k: 0.5 } }, g: { fmu: gain.fmu, start: { k: -1, b: 2 } }, f: { fmu: feedthrough.fmu } }
functions: { s: { type: sum } }
connections: [ d.x -> g.u, 'g.y -> s.in[0]', { from: f.real_out, to: 's.in[1]', factor: 0.5 }, s.out -> f.real_in ]
step: 0.1
stop: 6
`,
      { capture: ['d.x', 'f.real_out'] },
    );
    // f(n) = f(n - 1) / 2 + g(n - 1), with g(n) = 2 - d(n - 1); at the start the loop is solved: f = f / 2 + 2 - d.
    const f = captured!.columns['f.real_out']!;
    const d = (n: number) => (1 - 0.05) ** Math.max(0, n);
    expect(f[0]).toBeCloseTo(2 * (2 - 1), 10);
    let sum = f[0]!;
    for (let n = 1; n < f.length; n++) {
      sum = sum / 2 + 2 - d(n - 2);
      expect(f[n]).toBeCloseTo(sum, 10);
    }
  });
});

describe('a ball that bounces', () => {
  it.each([0.001, 0.05, 0.4])('is where it should be, whatever the step: %d s', async (step) => {
    const { captured } = await run(`components: { b: { fmu: ball.fmu } }\nstep: ${step}\nstop: 2\n`, {
      capture: ['b.height', 'b.bounces'],
    });
    const [g, e] = [9.81, 0.7];
    for (const [n, t] of captured!.time.entries()) {
      // From impact to impact.
      let begin = -Math.sqrt(2 / g);
      let speed = Math.sqrt(2 * g);
      let bounces = 0;
      while (begin + (2 * speed) / g < t) {
        begin += (2 * speed) / g;
        speed *= e;
        bounces += 1;
      }
      const height = speed * (t - begin) - (g * (t - begin) ** 2) / 2;
      expect(captured!.columns['b.height']![n]).toBeCloseTo(height, 9);
      expect(captured!.columns['b.bounces']![n]).toBe(bounces);
    }
  });
});
