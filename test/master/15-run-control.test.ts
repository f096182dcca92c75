/** What may be asked of a run while it goes on: pause, steps, values. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Answer, RunControl, type RunOptions, type RunReport } from '#tb/master/index.js';
import { master } from './support.js';

const { run, folder } = master('arrays3', 'clocks3', 'counter', 'dahlquist', 'feedthrough', 'feedthrough3', 'gain');

const TEXT = `
components:
  c: { fmu: counter.fmu }
  g: { fmu: gain.fmu, start: { k: 2 } }
  f: { fmu: feedthrough.fmu }
  a: { fmu: arrays3.fmu, start: { k: 1, u3: [1, 2, 3] } }
  t: { fmu: feedthrough3.fmu }
  d: { fmu: dahlquist.fmu }
connections: [ c.count -> f.real_in, 'd.x -> a.u[1]' ]
step: 0.1
stop: 1000
`;

/** Runs paused, does what is to be done, and ends the run. */
async function controlled(
  todo: (control: RunControl) => Promise<void>,
  text = TEXT,
  options: RunOptions = {},
): Promise<RunReport> {
  const control = new RunControl();
  const stop = new AbortController();
  const running = run(text, { paused: true, control, signal: stop.signal, ...options });
  try {
    await Promise.race([todo(control), running]);
  } finally {
    stop.abort();
    await running.catch(() => {});
  }
  return running;
}

const first = async (answer: Promise<Answer>) => (await answer).values?.[0];

describe('a run that begins paused', () => {
  it('waits at the first communication point, and makes as many steps as it is asked for', async () => {
    const report = await controlled(async (control) => {
      expect(await control.get('c.count')).toEqual({ time: 0, steps: 0, paused: true, values: [0] });
      expect(await control.step()).toEqual({ time: 0.1, steps: 1, paused: true });
      expect(await control.step(4)).toMatchObject({ steps: 5, paused: true });
      expect(await first(control.get('c.count'))).toBe(5);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await first(control.get('c.count'))).toBe(5);
    });
    expect(report).toMatchObject({ outcome: 'stopped', steps: 5 });
  });

  it('goes on when it is told to, and can be held again', async () => {
    await controlled(
      async (control) => {
        expect(await control.resume()).toMatchObject({ paused: false });
        await new Promise((resolve) => setTimeout(resolve, 50));
        const { steps, paused } = await control.pause();
        expect(steps).toBeGreaterThan(0);
        expect(paused).toBe(true);
        expect(await control.get('c.count')).toMatchObject({ steps, values: [steps] });
        expect(await control.step(2)).toMatchObject({ steps: steps + 2 });
      },
      TEXT.replace('step: 0.1', 'step: 0.001').replace('stop: 1000', 'stop: never'),
    );
  });

  it('commands asked one after the other without waiting are done in their order', async () => {
    await controlled(async (control) => {
      const answers = await Promise.all([control.step(2), control.step(3), control.get('c.count')]);
      // The second changes how many are still to be made; the third comes in between.
      expect(answers[1]).toMatchObject({ paused: true });
      expect(answers[2].steps).toBeLessThanOrEqual(answers[1].steps);
    });
  });

  it('steps that a pause cuts short are answered then', async () => {
    await controlled(
      async (control) => {
        const stepping = control.step(1_000_000);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const paused = await control.pause();
        expect(await stepping).toMatchObject({ steps: paused.steps, paused: true });
        expect(paused.steps).toBeLessThan(1_000_000);
      },
      TEXT,
      { pace: 1 },
    );
  });

  it('steps over the end of the run end it', async () => {
    const control = new RunControl();
    const running = run(TEXT.replace('stop: 1000', 'stop: 0.5'), { paused: true, control });
    await control.step(3);
    const last = control.step(100);
    expect(await running).toMatchObject({ outcome: 'finished', steps: 5 });
    expect(await last).toMatchObject({ steps: 5, time: 0.5 });
    await expect(control.get('c.count')).rejects.toThrow('the run is over');
  });

  it('has its results on disk while it waits', async () => {
    const results = join(folder, 'paused.csv');
    await controlled(
      async (control) => {
        await control.step(7);
        await control.get('c.count');
        await new Promise((resolve) => setTimeout(resolve, 150));
        expect(readFileSync(results, 'utf8').trimEnd().split('\r\n')).toHaveLength(1 + 8);
      },
      TEXT,
      { results },
    );
  });

  it('does not count the time in which it waits', async () => {
    const report = await controlled(async (control) => {
      await control.step(1);
      await new Promise((resolve) => setTimeout(resolve, 400));
      await control.step(1);
    });
    expect(report.wallSeconds).toBeLessThan(0.3);
  });
});

describe('set', () => {
  it('an input that nothing feeds, a tunable parameter: from the next step on', async () => {
    await controlled(async (control) => {
      await control.set('g.u', 3);
      expect(await first(control.get('g.u'))).toBe(3);
      await control.step();
      expect(await first(control.get('g.y'))).toBe(6);
      await control.set('g.k', -1);
      await control.step();
      expect(await first(control.get('g.y'))).toBe(-3);
    });
  });

  it('every type', async () => {
    await controlled(async (control) => {
      const given = {
        float32: 0.5,
        int8: -5,
        uint64: 12345678901,
        boolean: true,
        string: 'ä',
        binary: '00ff',
        int64: -7,
      };
      for (const [type, value] of Object.entries(given)) await control.set(`t.${type}_in`, value);
      await control.step();
      for (const [type, value] of Object.entries(given))
        expect([type, await first(control.get(`t.${type}_out`))]).toEqual([type, value]);
    });
  });

  it('an array, an element, an element of an array whose others are fed', async () => {
    await controlled(async (control) => {
      await control.set('a.u3', [4, 5, 6]);
      await control.set('a.u3[1]', -1);
      await control.set('a.u[2]', 10);
      await control.step(2);
      expect((await control.get('a.y3')).values).toEqual([4, -1, 6]);
      expect((await control.get('a.y3[1]')).values).toEqual([-1]);
      // y = A u: u is 0, x, 10, 0.
      const x = 0.9;
      expect((await control.get('a.y')).values).toEqual([2 * x, x + 20, 10, 0].map((one) => expect.closeTo(one, 12)));
    });
  });

  it('of an FMU in event mode', async () => {
    await controlled(
      async (control) => {
        await control.set('b.increment', 50);
        await control.set('b.u', 2);
        await control.step(2);
        expect(await first(control.get('b.counter'))).toBe(2 + 2 * 50);
      },
      `
components: { a: { fmu: clocks3.fmu, start: { n: 1 } }, b: { fmu: clocks3.fmu, start: { n: 1000 } } }
connections: [ a.reached_clock -> b.count_clock ]
step: 0.1
stop: 100
`,
    );
  });

  it.each([
    ['f.real_in', 1, /'f.real_in' gets its values from a connection/, 'override it in a scenario'],
    ['a.u[1]', 1, /'a.u\[1\]' gets its values from a connection/, 'override it in a scenario'],
    ['a.u', [1, 2, 3, 4], /'a.u' gets its values from a connection/, 'override it in a scenario'],
    ['g.y', 1, /'g.y' cannot be set while the system runs/, 'set inputs and tunable parameters'],
    ['d.x0', 1, /'d.x0' cannot be set while the system runs/, 'set inputs and tunable parameters'],
    ['a.u3', [1, 2], /'a.u3' has 3 elements, but is given 2 values/, 'give one for each'],
    ['g.u', 'one', /'g.u' is of type .*, not "one"/, 'check the value'],
    ['f.string_in', 1, /'f.string_in' is of type String, not 1/, 'check the value'],
    ['g.uu', 1, /no variable is named 'g.uu' \(did you mean 'g.u'\?\)/, undefined],
  ])('%s = %j is refused, and the run goes on', async (name, value, message, remedy) => {
    await controlled(async (control) => {
      const error = await control.set(name, value).then(
        () => undefined,
        (one: Error & { remedy?: string }) => one,
      );
      expect(error?.message).toMatch(message);
      if (remedy !== undefined) expect(error?.remedy).toBe(remedy);
      expect(await control.step()).toMatchObject({ steps: 1 });
    });
  });
});

describe('get', () => {
  it('any variable: an output, an input, a parameter, a text', async () => {
    await controlled(async (control) => {
      await control.step(3);
      expect(await first(control.get('c.text'))).toBe('3 steps');
      expect(await first(control.get('f.real_in'))).toBe(2);
      expect(await first(control.get('d.k'))).toBe(1);
      expect(await first(control.get('a.n'))).toBe(4);
      expect((await control.get('a.u3')).values).toEqual([1, 2, 3]);
    });
  });

  it('what is not there is refused', async () => {
    await controlled(async (control) => {
      await expect(control.get('c.cont')).rejects.toThrow(/no variable is named 'c.cont' \(did you mean 'c.count'\?\)/);
      await expect(control.get('a.u3[3]')).rejects.toThrow(/no variable is named 'a.u3\[3\]'/);
    });
  });
});

describe('commands while a paced run waits', () => {
  it('are done at once, not at the next step', async () => {
    const control = new RunControl();
    const stop = new AbortController();
    let waits: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const running = run('components: { c: { fmu: counter.fmu } }\nstep: 3600\nstop: never\n', {
      pace: 1,
      control,
      signal: stop.signal,
      progressMs: 0,
      onProgress: ({ steps }) => {
        if (steps === 1) waits();
      },
    });
    await waiting;
    const before = performance.now();
    expect(await control.get('c.count')).toMatchObject({ values: [1] });
    expect(performance.now() - before).toBeLessThan(1000);
    stop.abort();
    expect((await running).outcome).toBe('stopped');
  });
});
