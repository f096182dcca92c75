/** Event mode of FMI 3.0: clocks and what changes at their ticks, time events, steps that end early. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { describedAs, writeFmu } from '../support/fmus.js';
import { course, history, master, step, value, values } from './support.js';

const { start, run, folder } = master('clocks3', 'counter', 'dahlquist', 'early3', 'gain', 'inter3', 'timers3');

describe('clocks', () => {
  it('an output clock ticks the input clock of another, which counts', async () => {
    // a comes to a multiple of 3 at each third step; each tick counts 10 in b, which comes to a multiple of 20 by it.
    const simulation = await start(`
components:
  b: { fmu: clocks3.fmu, start: { n: 20, increment: 10 } }
  a: { fmu: clocks3.fmu, start: { n: 3 } }
connections: [ a.reached_clock -> b.count_clock ]
step: 0.1
`);
    const rows = history(
      simulation,
      9,
      'a.counter',
      'a.reached_clock',
      'b.counter',
      'b.reached_clock',
      'b.reached_count',
    );
    expect(rows).toEqual([
      [0, false, 0, false, 0],
      [1, false, 1, false, 0],
      [2, false, 2, false, 0],
      [3, true, 13, false, 0],
      [4, false, 14, false, 0],
      [5, false, 15, false, 0],
      [6, true, 26, true, 26],
      [7, false, 27, false, 26],
      [8, false, 28, false, 26],
      [9, true, 39, false, 26],
    ]);
  });

  it('values with a clock pass when it ticks, not before', async () => {
    // The increment of b is what a's counter was when it came to a multiple of 2.
    const simulation = await start(`
components:
  a: { fmu: clocks3.fmu, start: { n: 2 } }
  b: { fmu: clocks3.fmu, start: { n: 1000 } }
connections: [ a.reached_clock -> b.count_clock, a.reached_count -> b.increment ]
step: 0.1
`);
    expect(course(simulation, 6, 'b.counter')).toEqual([0, 1, 2 + 2, 3 + 2, 4 + 2 + 4, 5 + 2 + 4, 6 + 2 + 4 + 6]);
    expect(value(simulation, 'a.reached_time')).toBeCloseTo(0.6, 12);
  });

  it('values without one pass at each communication point, in event mode, new as they are', async () => {
    // The same FMU as if its increment had no clock.
    writeFmu(
      `${folder}/plain.fmu`,
      describedAs('clocks3', (xml) => xml.replace(' clocks="2" start="1"', ' start="1"')),
    );
    const simulation = await start(`
components:
  b: { fmu: plain.fmu, start: { n: 1000 } }
  a: { fmu: clocks3.fmu, start: { n: 1 } }
  c: { fmu: counter.fmu }
connections: [ a.reached_clock -> b.count_clock, c.count -> b.increment ]
step: 1
`);
    // Its own steps, and at each tick what c has counted to by then.
    expect(course(simulation, 5, 'b.counter')).toEqual([0, 1, 2, 3, 4, 5].map((n) => n + (n * (n + 1)) / 2));
  });

  it('go round a chain within one event', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const simulation = await start(`
components:
${names
  .map((name, i) => `  ${name}: { fmu: clocks3.fmu, start: { n: ${i === 0 ? 2 : 1}, increment: 1 } }`)
  .reverse()
  .join('\n')}
connections: [ a.reached_clock -> b.count_clock, b.reached_clock -> c.count_clock, c.reached_clock -> d.count_clock ]
step: 1
`);
    // n = 1: each counts its own step, at which its clock ticks, and each tick of the one before it, at which it ticks again.
    const rows = history(simulation, 2, ...names.map((name) => `${name}.counter`)) as number[][];
    expect(rows[1]).toEqual([1, 1, 2, 3]);
    // Each event: a 1, b 1 + 1 (a's), c 1 + 2 (b's own and that by a), d 1 + 3.
    expect(rows[2]).toEqual([2, 3, 5, 7]);
  });

  it('of a component with a longer step tick at its own communication points', async () => {
    const simulation = await start(`
components:
  slow: { fmu: clocks3.fmu, start: { n: 1 }, step: 0.3 }
  fast: { fmu: clocks3.fmu, start: { n: 1000, increment: 100 } }
connections: [ slow.reached_clock -> fast.count_clock ]
step: 0.1
`);
    expect(history(simulation, 7, 'slow.counter', 'slow.reached_clock', 'fast.counter')).toEqual([
      [0, false, 0],
      [0, false, 1],
      [0, false, 2],
      [1, true, 103],
      [1, false, 104],
      [1, false, 105],
      [2, true, 206],
      [2, false, 207],
    ]);
  });

  it('that nothing is connected to, and nobody reads, do no harm', async () => {
    const simulation = await start('components: { a: { fmu: clocks3.fmu, start: { n: 1 } } }\nstep: 0.1\n', {
      observe: [],
    });
    simulation.advance(100);
    expect(simulation.get(findPort(simulation.system, 'a.counter')!)).toEqual([100]);
  });
});

describe('a periodic clock', () => {
  const text = (fmu: string, step: number, start = 0) => `
components: { a: { fmu: ${fmu}, start: { u: 100 } }, d: { fmu: dahlquist.fmu, start: { x0: 1, k: -1 } } }
connections: [ d.x -> a.u ]
step: ${step}
start: ${start}
`;

  it('ticks at the start and at each multiple of its interval after it', async () => {
    const simulation = await start(text('clocks3.fmu', 0.25, 3));
    const rows = history(simulation, 8, 'a.sampled', 'd.x') as number[][];
    const x = (n: number) => 1.25 ** n;
    // At a tick it samples u, which is what d gave for the step before (Jacobi).
    expect(rows.map(([sampled]) => sampled)).toEqual([x(0), x(0), x(1), x(1), x(3), x(3), x(5), x(5), x(7)]);
  });

  it('between two communication points ticks at the next, and then at its own times again', async () => {
    const simulation = await start(text('clocks3.fmu', 0.4));
    const ticks = course(simulation, 8, 'a.sampled') as number[];
    const at = ticks.flatMap((sampled, n) => (n > 0 && sampled !== ticks[n - 1] ? [n] : []));
    // Due at 0.5, 1.0, 1.5, 2.0, 2.5, 3.0: communication points 0.8, 1.2, 1.6, 2.0, 2.8, 3.2.
    expect(at).toEqual([2, 3, 4, 5, 7, 8]);
  });

  it('has interval and shift from its description', async () => {
    const shifted = writeFmu(
      `${folder}/shifted.fmu`,
      describedAs('clocks3', (xml) =>
        xml.replace('intervalDecimal="0.5"', 'intervalDecimal="0.75" shiftDecimal="0.25"'),
      ),
    );
    expect(shifted).toContain('shifted.fmu');
    const simulation = await start(text('shifted.fmu', 0.25));
    const ticks = course(simulation, 10, 'a.sampled') as number[];
    expect(ticks.flatMap((sampled, n) => (n > 0 && sampled !== ticks[n - 1] ? [n] : []))).toEqual([4, 7, 10]);
    expect(ticks[1]).toBe(ticks[0]); // the first, at 0.25, samples what was there at the start
  });

  it('may have them as fractions', async () => {
    writeFmu(
      `${folder}/fraction.fmu`,
      describedAs('clocks3', (xml) =>
        xml.replace('intervalDecimal="0.5"', 'resolution="8" intervalCounter="6" shiftCounter="2"'),
      ),
    );
    const simulation = await start(text('fraction.fmu', 0.25));
    const ticks = course(simulation, 10, 'a.sampled') as number[];
    expect(ticks.flatMap((sampled, n) => (n > 0 && sampled !== ticks[n - 1] ? [n] : []))).toEqual([4, 7, 10]);
  });

  it('whose description says nothing is asked for its interval', async () => {
    writeFmu(
      `${folder}/asked.fmu`,
      describedAs('clocks3', (xml) =>
        xml.replace('intervalVariability="constant" intervalDecimal="0.5"', 'intervalVariability="fixed"'),
      ),
    );
    const simulation = await start(text('asked.fmu', 0.25));
    const ticks = course(simulation, 8, 'a.sampled') as number[];
    expect(ticks.flatMap((sampled, n) => (n > 0 && sampled !== ticks[n - 1] ? [n] : []))).toEqual([2, 4, 6, 8]);
  });

  it('of a slower component ticks at its communication points', async () => {
    const simulation = await start(text('clocks3.fmu, step: 1', 0.25));
    const ticks = course(simulation, 12, 'a.sampled') as number[];
    expect(ticks.flatMap((sampled, n) => (n > 0 && sampled !== ticks[n - 1] ? [n] : []))).toEqual([8, 12]);
  });
});

describe('clocks whose intervals the FMU tells', () => {
  it('a tunable one ticks anew from its last tick when its interval is changed', async () => {
    const simulation = await start('components: { t: { fmu: timers3.fmu } }\nstep: 0.1\n');
    const ticks = () => values(simulation, 't.tunable_ticks', 't.tunable_time');
    expect(ticks()).toEqual([1, 0]);
    step(simulation, 12);
    expect(ticks()).toEqual([3, 1]);
    // 0.2 s from the tick at 1 s on: it is due at once.
    simulation.set(findPort(simulation.system, 't.interval')!, [0.2]);
    step(simulation, 1);
    expect(ticks()).toEqual([4, expect.closeTo(1.3, 9)]);
    step(simulation, 7);
    // At 1.4, 1.6, 1.8 and 2.0 s.
    expect(ticks()).toEqual([8, expect.closeTo(2, 9)]);
  });

  it('a changing one ticks after each interval that it was told', async () => {
    const simulation = await start('components: { t: { fmu: timers3.fmu } }\nstep: 0.05\n');
    const times = history(simulation, 70, 't.changing_ticks', 't.changing_time');
    const seen = times.filter(([ticks], n) => n > 0 && ticks !== times[n - 1]![0]).map(([, time]) => time);
    expect(seen).toEqual([0.1, 0.3, 0.7, 1.5, 3.1].map((time) => expect.closeTo(time, 9)));
  });

  it('a countdown ticks once each time that it is begun', async () => {
    const simulation = await start('components: { t: { fmu: timers3.fmu, start: { delay: 0.27 } } }\nstep: 0.1\n');
    const times = history(simulation, 25, 't.countdown_ticks', 't.countdown_time');
    const seen = times.filter(([ticks], n) => n > 0 && ticks !== times[n - 1]![0]);
    // Begun at 0.5, 1.0, 1.5 and 2.0 s, due 0.27 s later: at the next communication point.
    expect(seen).toEqual([0.8, 1.3, 1.8, 2.3].map((time, n) => [n + 1, expect.closeTo(time, 9)]));
  });

  it('go back with everything else', async () => {
    const simulation = await start('components: { t: { fmu: timers3.fmu } }\nstep: 0.1\n');
    const names = ['tunable', 'changing', 'countdown'].flatMap((kind) => [`t.${kind}_ticks`, `t.${kind}_time`]);
    step(simulation, 6);
    simulation.save(0);
    const first = history(simulation, 20, ...names);
    simulation.restore(0);
    simulation.jumpTo(6);
    expect(history(simulation, 20, ...names)).toEqual(first);
  });

  it('are where a variable step ends', async () => {
    const { captured } = await run(
      'components: { t: { fmu: timers3.fmu, start: { interval: 0.35, delay: 10 } } }\nstep: { min: 1e-6, max: 0.3 }\nstop: 3.3\n',
      { capture: ['t.tunable_ticks', 't.changing_ticks'] },
    );
    const times = [...captured!.time];
    for (const tick of [0.1, 0.3, 0.35, 0.7, 1.05, 1.5, 3.1, 3.15]) {
      expect(Math.min(...times.map((time) => Math.abs(time - tick)))).toBeLessThan(1e-6);
    }
    expect(captured!.columns['t.tunable_ticks']!.at(-1)).toBe(10);
  });
});

describe('what only event mode may change', () => {
  it('is set in an event of its own: a discrete input with a clock', async () => {
    const simulation = await start(`
components: { a: { fmu: clocks3.fmu, start: { n: 1 } }, b: { fmu: clocks3.fmu, start: { n: 1000 } } }
connections: [ a.reached_clock -> b.count_clock ]
step: 0.1
`);
    step(simulation, 1);
    simulation.set(findPort(simulation.system, 'b.increment')!, [50]);
    step(simulation, 1);
    expect(values(simulation, 'b.counter')).toEqual([1 + 1 + 1 + 50]);
    // A continuous input is set between steps.
    simulation.set(findPort(simulation.system, 'a.u')!, [7]);
    step(simulation, 5);
    expect(value(simulation, 'a.sampled')).toBe(7);
  });
});

describe('a step', () => {
  it('that could end early is made whole by an FMU that handles its events itself', async () => {
    const simulation = await start(
      'components: { w: { fmu: early3.fmu, start: { event_interval: 0.25 } } }\nstep: 0.1\n',
    );
    expect(history(simulation, 10, 'w.x', 'w.events')).toEqual(
      Array.from({ length: 11 }, (_, n) => {
        const t = n * 0.1;
        const corners = Math.floor(t / 0.25 + 1e-9);
        const within = t - corners * 0.25;
        return [expect.closeTo(corners % 2 === 0 ? within : 0.25 - within, 9), corners];
      }),
    );
  });

  it('that ends early is gone on with, its event handled, to the communication point', async () => {
    // With a clock the FMU is one whose events are the master's: this one has the wave's functions and a clock's variable.
    writeFmu(
      `${folder}/clocked_early.fmu`,
      describedAs('early3', (xml) =>
        xml.replace(
          '</ModelVariables>',
          '<Clock name="c" valueReference="99" causality="input" intervalVariability="triggered"/></ModelVariables>',
        ),
      ),
    );
    const simulation = await start(
      'components: { w: { fmu: clocked_early.fmu, start: { event_interval: 0.25 } } }\nstep: 0.6\n',
      {
        observe: [],
      },
    );
    expect(simulation.plan.eventMode).toEqual([true]);
    const [x, events] = ['w.x', 'w.events'].map((name) => findPort(simulation.system, name)!);
    for (let n = 1; n <= 10; n++) {
      simulation.advance(n);
      const t = n * 0.6;
      const corners = Math.floor(t / 0.25 + 1e-9);
      const within = t - corners * 0.25;
      expect(simulation.get(x!)[0]).toBeCloseTo(corners % 2 === 0 ? within : 0.25 - within, 9);
      expect(simulation.get(events!)).toEqual([corners]);
      // What the FMU foretells.
      expect(simulation.nextEvent).toBeCloseTo((corners + 1) * 0.25, 9);
    }
  });

  it('with intermediate updates goes on as it would without', async () => {
    const simulation = await start(`
components: { i: { fmu: inter3.fmu, start: { updates: 5, u: 2 } }, d: { fmu: counter.fmu } }
step: 0.5
`);
    expect(history(simulation, 3, 'i.x', 'i.calls')).toEqual([0, 1, 2, 3].map((n) => [expect.closeTo(n, 12), 5 * n]));
  });
});
