/** Runs held to the wall clock, and what becomes of a step that ends late. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RunOptions } from '#tb/master/index.js';
import { matchPorts } from '#tb/system/index.js';
import { master } from './support.js';

const { run, failure, read, folder } = master('counter', 'misbehave');

/** Steps of 50 ms in real time, the third of which takes 330 ms: it ends at 430 ms instead of 150. */
const LATE = `
components: { m: { fmu: misbehave.fmu }, c: { fmu: counter.fmu } }
step: 0.05
stop: 1
pace: realtime
record: { variables: [c.count, c.last_step] }
scenario: { events: [ { time: 0.1, set: m.delay, value: 0.33 }, { time: 0.15, set: m.delay, value: 0 } ] }
`;
const late = (policy: string, options: RunOptions = {}) =>
  run(`${LATE}late: ${policy}\n`, { capture: ['c.count', 'c.last_step', 'c.last_time'], ...options });

describe('a step that ends late', () => {
  it('catch-up: the next ones do not wait until they are on time again', async () => {
    const { wallSeconds, overruns, steps, plan } = await late('catch-up');
    expect(steps).toBe(20);
    expect(plan.skippedSteps).toBe(0);
    // Due at 150 to 400 ms: the third and those behind it, until time has been made good.
    expect(overruns.count).toBeGreaterThanOrEqual(6);
    expect(overruns.count).toBeLessThan(20);
    expect(overruns.maxMs).toBeGreaterThanOrEqual(270);
    expect(wallSeconds).toBeGreaterThanOrEqual(0.999);
    expect(wallSeconds).toBeLessThan(1.25);
  });

  it('slip: all that follow are as late', async () => {
    const { wallSeconds, overruns, steps } = await late('slip');
    expect(steps).toBe(20);
    expect(overruns.count).toBeGreaterThanOrEqual(1);
    expect(wallSeconds).toBeGreaterThanOrEqual(0.999 + 0.27);
    expect(wallSeconds).toBeLessThan(1.6);
  });

  it('skip: one longer step to the next communication point that is not yet due', async () => {
    const { wallSeconds, captured, steps, plan, outcome } = await late('skip');
    expect(outcome).toBe('finished');
    expect(wallSeconds).toBeGreaterThanOrEqual(0.999);
    expect(wallSeconds).toBeLessThan(1.25);
    expect(plan.skippedSteps).toBeGreaterThanOrEqual(3);
    // Counted are communication points, made are fewer steps.
    expect(steps).toBe(20);
    const { columns, time } = captured!;
    expect(columns['c.count']!.at(-1)).toBe(20 - plan.skippedSteps);
    expect(Math.max(...columns['c.last_step']!)).toBeGreaterThanOrEqual(0.05 * 4 - 1e-9);
    // Steps follow one another without a gap, each ends on the grid.
    for (let n = 1; n < time.length; n++) {
      expect(columns['c.last_time']![n]).toBeCloseTo(time[n - 1]!, 9);
      expect(columns['c.last_step']![n]).toBeCloseTo(time[n]! - time[n - 1]!, 9);
      expect(Math.abs(time[n]! / 0.05 - Math.round(time[n]! / 0.05))).toBeLessThan(1e-9);
    }
    expect(time.at(-1)).toBeCloseTo(1, 12);
  });

  it('skip: rows are those of the numbers of their communication points', async () => {
    const system = await read(`${LATE}late: skip\n`);
    const results = `${folder}/fifth.csv`;
    const recordings = [{ file: results, format: 'csv' as const, variables: matchPorts(system, 'c.count'), every: 5 }];
    const { plan } = await run({ ...system, recordings });
    expect(plan.skippedSteps).toBeGreaterThan(0);
    for (const row of readFileSync(results, 'utf8').trimEnd().split('\r\n').slice(1)) {
      const quarter = Number(row.split(',')[0]) / 0.25;
      expect(quarter).toBeCloseTo(Math.round(quarter), 9);
    }
  });

  it("skip: a scenario's event and the stop time are not skipped over", async () => {
    const { captured } = await run(
      `${LATE.replace('value: 0 } ]', 'value: 0 }, { time: 0.3, set: m.delay, value: 0 } ]')}late: skip\n`,
      { capture: ['c.count'] },
    );
    expect([...captured!.time].some((time) => Math.abs(time - 0.3) < 1e-9)).toBe(true);
  });

  it('skip: components with longer steps make longer ones, too, and follow one another without a gap', async () => {
    const { captured, outcome, steps, plan } = await run(
      `${LATE.replace('c: { fmu: counter.fmu }', 'c: { fmu: counter.fmu }, s: { fmu: counter.fmu, step: 0.1 }')}late: skip\n`,
      { capture: ['c.count', 'c.last_time', 'c.last_step', 's.count', 's.last_time', 's.last_step'] },
    );
    expect({ outcome, steps }).toEqual({ outcome: 'finished', steps: 20 });
    expect(plan.skippedSteps).toBeGreaterThan(0);
    const { columns, time } = captured!;
    for (const name of ['c', 's']) {
      let reached = 0;
      for (const [n, count] of columns[`${name}.count`]!.entries()) {
        if (n === 0 || count === columns[`${name}.count`]![n - 1]) continue;
        expect(columns[`${name}.last_time`]![n]).toBeCloseTo(reached, 9);
        reached += columns[`${name}.last_step`]![n]!;
        expect(time[n]).toBeCloseTo(reached, 9);
      }
      expect(reached).toBeCloseTo(1, 9);
    }
  });

  it('fail: ends the run, exit code 5, its results written', async () => {
    const error = await failure(
      `
components: { m: { fmu: misbehave.fmu }, c: { fmu: counter.fmu } }
step: 0.25
stop: 2
pace: realtime
late: fail
scenario: { events: [ { time: 0.5, set: m.delay, value: 0.4 } ] }
`,
      { capture: ['c.count'] },
    );
    expect(error).toMatchObject({
      code: 'TB_MASTER_DEADLINE_MISSED',
      exitCode: 5,
      message: expect.stringMatching(/^the step to 0.75 s ended \d+\.\d{3} ms after it was due$/),
      remedy: expect.stringMatching(/late: catch-up, slip or skip/),
    });
    expect(error.report).toMatchObject({ outcome: 'failed', steps: 3, overruns: { count: 1 } });
    expect(error.report?.captured?.columns['c.count']).toEqual(Float64Array.of(0, 1, 2, 3));
  });
});

describe('pace', () => {
  it('of 2 is twice as fast, of 0.5 half as fast', async () => {
    const text = 'components: { c: { fmu: counter.fmu } }\nstep: 0.02\nstop: 0.4\n';
    const [twice, half] = [await run(text, { pace: 2 }), await run(text, { pace: 0.5 })];
    expect(twice.wallSeconds).toBeGreaterThanOrEqual(0.199);
    expect(twice.wallSeconds).toBeLessThan(0.35);
    expect(half.wallSeconds).toBeGreaterThanOrEqual(0.799);
    expect(half.wallSeconds).toBeLessThan(1);
  });

  it('fast does not wait, and nothing is late', async () => {
    const { wallSeconds, overruns } = await run('components: { c: { fmu: counter.fmu } }\nstep: 1\nstop: 1000\n');
    expect(wallSeconds).toBeLessThan(1);
    expect(overruns).toMatchObject({ count: 0, maxMs: 0 });
  });

  it('with a variable step waits as long as each step is', async () => {
    const { wallSeconds } = await run(
      'components: { c: { fmu: counter.fmu } }\nstep: { min: 0.01, max: 0.2, initial: 0.01 }\nstop: 0.5\n',
      { pace: 1 },
    );
    expect(wallSeconds).toBeGreaterThanOrEqual(0.499);
    expect(wallSeconds).toBeLessThan(0.7);
  });
});
