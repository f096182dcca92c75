/** Components that make one long step where others make several. */
import { describe, expect, it } from 'vitest';
import { course, history, master, values } from './support.js';

const { start, read } = master('counter', 'dahlquist', 'feedthrough', 'gain');

describe('a component with a longer step', () => {
  it('makes its step at once, from where it begins, and shows its outputs at the end of it', async () => {
    const simulation = await start('components: { c: { fmu: counter.fmu, step: 0.3 } }\nstep: 0.1\nstart: 1\n');
    expect(history(simulation, 7, 'c.count', 'c.last_time', 'c.last_step')).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, expect.closeTo(0.3, 12)],
      [1, 1, expect.closeTo(0.3, 12)],
      [1, 1, expect.closeTo(0.3, 12)],
      [2, expect.closeTo(1.3, 12), expect.closeTo(0.3, 12)],
      [2, expect.closeTo(1.3, 12), expect.closeTo(0.3, 12)],
    ]);
  });

  it.each([
    ['slow', 'fast'],
    ['fast', 'slow'],
  ])('takes the values of the communication point where its step begins: %s before %s', async (...order) => {
    const fmus: Record<string, string> = { slow: 'gain.fmu, step: 0.5', fast: 'dahlquist.fmu' };
    const simulation = await start(`
components:
${order.map((name) => `  ${name}: { fmu: ${fmus[name]} }`).join('\n')}
connections: [ fast.x -> slow.u ]
step: 0.25
`);
    const x = (n: number) => 0.75 ** n;
    expect(course(simulation, 6, 'slow.y')).toEqual([1, 1, x(0), x(0), x(2), x(2), x(4)]);
  });

  it('gives the same value to a faster one until its next is there', async () => {
    const simulation = await start(`
components: { fast: { fmu: gain.fmu }, slow: { fmu: dahlquist.fmu, step: 0.5 } }
connections: [ slow.x -> fast.u ]
step: 0.25
`);
    expect(course(simulation, 7, 'fast.y')).toEqual([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]);
  });

  it('of many rates, each sees what there is at the communication point', async () => {
    // A chain: 1, 2, 3 and 6 steps. What each takes at its k-th step is the output of the one before it at that time.
    const simulation = await start(`
components:
  a: { fmu: dahlquist.fmu }
  b: { fmu: gain.fmu, step: 0.2 }
  c: { fmu: gain.fmu, step: 0.3 }
  d: { fmu: gain.fmu, step: 0.6 }
connections: [ a.x -> b.u, b.y -> c.u, c.y -> d.u ]
step: 0.1
`);
    const rows = history(simulation, 18, 'a.x', 'b.y', 'c.y', 'd.y') as number[][];
    const periods = [1, 2, 3, 6];
    for (let n = 1; n < rows.length; n++) {
      for (let k = 1; k < 4; k++) {
        const isAtEnd = n % periods[k]! === 0;
        expect([n, k, rows[n]![k]]).toEqual([n, k, isAtEnd ? rows[n - periods[k]!]![k - 1] : rows[n - 1]![k]]);
      }
    }
  });

  it('needs a multiple of the step size of the system', async () => {
    await expect(read('components: { c: { fmu: counter.fmu, step: 0.25 } }\nstep: 0.1\n')).rejects.toThrow(
      /the step size of 'c', 0.25 s, is no multiple of the system's, 0.1 s/,
    );
  });

  it('has its step counted from the start, whatever binary fractions do', async () => {
    const simulation = await start(
      'components: { c: { fmu: counter.fmu, step: 0.3 }, d: { fmu: counter.fmu } }\nstep: 0.1\n',
    );
    simulation.advance(3000);
    expect(values(simulation, 'c.count', 'd.count')).toEqual([1000, 3000]);
  });
});
