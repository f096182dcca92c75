import { afterEach, describe, expect, it } from 'vitest';
import { Shim } from './shim.js';
import { END_OF_STREAM, type Message, type Rule } from './specification.js';

const MS = 1_000_000n;

/** With the rule named at each step; `true`: the outputs are valid. */
class SteppedShim extends Shim {
  start(maxage: bigint): boolean {
    this.setRule({ behaviour: 2, lookahead: 1, maxage });
    return this.initialise().verdict === 'valid';
  }

  stepBy(time: bigint, rule: Rule): boolean {
    this.setRule(rule);
    return this.step(time) === 'valid';
  }
}

const full = (time: number, signals: number, value = time): Message => ({
  time: BigInt(time) * MS,
  values: new Map(Array.from({ length: signals }, (_, s) => [s, value + s / 1000])),
});

describe('1 selection, rule by rule', () => {
  const open: Shim[] = [];
  const shim = (signals: number, capacity = 64, dropOldest = false): SteppedShim => {
    const made = new SteppedShim({ sources: new Array<number>(signals).fill(0), capacity, dropOldest });
    open.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });
  const rmqfmu2 = (lookahead: number, maxageMs: number): Rule => ({
    behaviour: 2,
    lookahead,
    maxage: BigInt(maxageMs) * MS,
  });
  const seconds = (s: Shim) => s.outputs().map(([time]) => (time === undefined ? undefined : Number(time / MS)));

  it('1.1 time zero is the first complete set, whatever else has arrived', () => {
    const s = shim(2);
    for (const time of [100, 102, 104]) s.arrive(full(time, 2));
    expect(s.start(1000n * MS)).toBe(true);
    expect(s.selection.newest).toBe(100n * MS);
  });

  it('1.2 the first set may come from several messages', () => {
    const s = shim(2);
    s.arrive({ time: 10n * MS, values: new Map([[0, 1]]) });
    expect(s.start(1000n * MS)).toBe(false);
    s.arrive({ time: 15n * MS, values: new Map([[1, 2]]) });
    expect(s.start(1000n * MS)).toBe(true);
    expect(seconds(s)).toEqual([10, 15]);
  });

  it('1.3 with lookahead n and old data waiting, each step advances n messages', () => {
    const s = shim(1);
    for (let time = 0; time <= 20; time++) s.arrive(full(time, 1));
    s.start(1000n * MS);
    expect([100, 200, 300].map((t) => s.stepBy(BigInt(t) * MS, rmqfmu2(3, 1000)) && seconds(s)[0])).toEqual([3, 6, 9]);
  });

  it('1.4 lookahead does not bound a step whose age check fails', () => {
    const s = shim(1);
    for (let time = 0; time <= 50; time++) s.arrive(full(time, 1));
    s.start(1000n * MS);
    expect(s.stepBy(50n * MS, rmqfmu2(1, 5))).toBe(true);
    expect(seconds(s)).toEqual([45]);
  });

  it('1.5 the value moves to the newest that is not later than the step; the future stays', () => {
    const s = shim(1);
    for (const time of [0, 5, 10, 11, 20]) s.arrive(full(time, 1));
    s.start(1000n * MS);
    expect(s.stepBy(10n * MS, rmqfmu2(100, 1000))).toBe(true);
    expect(seconds(s)).toEqual([10]);
    expect(s.stepBy(19n * MS, rmqfmu2(100, 1000))).toBe(true);
    expect(seconds(s)).toEqual([11]);
  });

  it('1.6 an age of exactly maxage passes, a nanosecond more does not', () => {
    const s = shim(1);
    s.arrive(full(0, 1));
    s.start(0n);
    expect(s.stepBy(100n * MS, rmqfmu2(1, 100))).toBe(true);
    expect(s.stepBy(100n * MS + 1n, rmqfmu2(1, 100))).toBe(false);
  });

  it('1.7 a late message is used if it is newer than the current value, else counted as late', () => {
    const s = shim(1);
    for (const time of [0, 30, 20, 10]) s.arrive(full(time, 1));
    s.start(1000n * MS);
    expect([s.stepBy(15n * MS, rmqfmu2(10, 1000)), seconds(s)[0]]).toEqual([true, 10]);
    s.arrive(full(5, 1));
    expect([s.stepBy(35n * MS, rmqfmu2(10, 1000)), seconds(s)[0]]).toEqual([true, 30]);
    expect(s.selection.counted('late')).toBe(1);
    expect(s.selection.counted('skipped')).toBe(1);
  });

  it('1.8 of equal stamps the first to arrive wins, the others count as duplicates', () => {
    const s = shim(1);
    s.arrive(full(0, 1));
    s.start(0n);
    s.arrive(full(7, 1, 1));
    s.arrive(full(7, 1, 2));
    s.stepBy(10n * MS, rmqfmu2(10, 1000));
    expect(s.outputs()).toEqual([[7n * MS, 1]]);
    s.arrive(full(7, 1, 3));
    s.stepBy(11n * MS, rmqfmu2(10, 1000));
    expect(s.selection.counted('duplicate')).toBe(1);
    expect(s.outputs()).toEqual([[7n * MS, 1]]);
  });

  it('1.9 RMQFMU 1 stays with its value within maxage, even when newer data waits', () => {
    const s = shim(1);
    for (const time of [0, 10, 20, 30, 40]) s.arrive(full(time, 1));
    s.start(1000n * MS);
    const rule: Rule = { behaviour: 1, lookahead: 100, maxage: 25n * MS };
    expect([10, 20, 30].map((t) => s.stepBy(BigInt(t) * MS, rule) && seconds(s)[0])).toEqual([0, 0, 30]);
  });

  it('1.10 RMQFMU 0 takes message by message until one is valid', () => {
    const s = shim(1);
    for (const time of [0, 10, 20, 30, 40]) s.arrive(full(time, 1));
    s.start(1000n * MS);
    const rule: Rule = { behaviour: 0, lookahead: 100, maxage: 25n * MS };
    expect([10, 20, 30, 40].map((t) => s.stepBy(BigInt(t) * MS, rule) && seconds(s)[0])).toEqual([0, 0, 10, 20]);
  });

  it('1.11 a signal that stops coming fails the step once its own age passes maxage, whatever the others do', () => {
    const s = shim(2);
    s.arrive(full(0, 2));
    s.start(0n);
    s.arrive({ time: 50n * MS, values: new Map([[1, 9]]) });
    expect(s.stepBy(50n * MS, rmqfmu2(10, 100))).toBe(true);
    s.arrive({ time: 101n * MS, values: new Map([[1, 10]]) });
    expect(s.stepBy(101n * MS, rmqfmu2(10, 100))).toBe(false);
    expect(seconds(s)).toEqual([0, 101]);
  });

  it('1.12 a sample far in the future does not hold up those behind it', () => {
    const s = shim(1, 8);
    s.arrive(full(0, 1));
    s.start(0n);
    s.arrive(full(3_600_000, 1));
    for (let time = 1; time <= 100; time++) {
      expect(s.arrive(full(time, 1))).toBeGreaterThanOrEqual(0);
      expect(s.stepBy(BigInt(time) * MS, rmqfmu2(1, 0))).toBe(true);
      expect(seconds(s)).toEqual([time]);
    }
  });

  it('1.13 a full ring refuses under block and drops the oldest, counted, under drop-oldest', () => {
    const blocking = shim(1, 4);
    expect([0, 1, 2, 3, 4].map((time) => blocking.arrive(full(time, 1)))).toEqual([0, 0, 0, 0, -2]);
    const dropping = shim(1, 4, true);
    for (let time = 0; time < 10; time++) expect(dropping.arrive(full(time, 1))).toBe(time < 4 ? 0 : 256);
    expect(dropping.producer.counted('dropped')).toBe(6);
    dropping.start(1000n * MS);
    expect(seconds(dropping)).toEqual([6]);
  });

  it('1.14 every sample is accounted for: used, skipped, late or duplicate', () => {
    const s = shim(1, 4096);
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % n;
    };
    s.arrive(full(0, 1));
    s.start(0n);
    for (let i = 0; i < 1000; i++) {
      s.arrive(full(i + random(20) - 10, 1));
      if (i % 7 === 0) s.stepBy(BigInt(i) * MS, rmqfmu2(100, 1e9));
    }
    s.stepBy(2000n * MS, rmqfmu2(1000, 1e9));
    const total = (['used', 'skipped', 'late', 'duplicate'] as const).reduce((n, c) => n + s.selection.counted(c), 0);
    expect([total, s.selection.pending]).toEqual([1001, 0]);
  });
});

describe('2 complete, rule by rule', () => {
  const open: Shim[] = [];
  interface Setup {
    readonly sources?: readonly number[];
    readonly capacity?: number;
    readonly maxage?: bigint | readonly bigint[];
    readonly missingIsValid?: boolean;
  }
  const shim = ({ sources = [0], capacity = 64, maxage = 1000n * MS, missingIsValid = false }: Setup = {}): Shim => {
    const made = new Shim({ sources, capacity, rule: { behaviour: 3, lookahead: 1, maxage, missingIsValid } });
    open.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });
  const at = (time: number) => BigInt(time) * MS;
  const of = (source: number, signal: number, time: number): Message => ({
    source,
    time: at(time),
    values: new Map([[signal, time]]),
  });
  const mark = (time: number, source = 0): Message => ({ source, time: at(time), values: new Map() });
  const end = (source = 0): Message => ({ source, time: END_OF_STREAM, values: new Map() });
  const times = (s: Shim) => s.outputs().map(([time]) => (time === undefined ? undefined : Number(time / MS)));

  it('2.1 a step waits for a message later than itself, not for one at its own time', () => {
    const s = shim();
    s.arrive(full(0, 1));
    expect(s.initialise()).toEqual({ verdict: 'valid', zero: 0n });
    s.arrive(full(10, 1));
    expect(s.step(at(10))).toBe('waits');
    s.arrive(full(11, 1));
    expect([s.step(at(10), { again: true }), times(s)]).toEqual(['valid', [10]]);
  });

  it('2.2 a watermark proves the samples up to its own time, the end of the stream all of them', () => {
    const s = shim();
    s.arrive(full(0, 1));
    s.initialise();
    s.arrive(mark(10));
    expect([s.step(at(10)), s.step(at(11))]).toEqual(['valid', 'waits']);
    s.arrive(end());
    expect([s.step(at(11), { again: true }), s.step(at(900)), times(s)]).toEqual(['valid', 'valid', [0]]);
  });

  it('2.3 what lies behind the proof is not looked at, although it is there', () => {
    const [early, late] = [shim(), shim()];
    for (const s of [early, late]) {
      s.arrive(full(0, 1));
      s.initialise();
      for (const time of [10, 21]) s.arrive(full(time, 1));
    }
    early.arrive(full(15, 1));
    expect([early.step(at(20)), late.step(at(20))]).toEqual(['valid', 'valid']);
    late.arrive(full(15, 1));
    expect([times(early), times(late)]).toEqual([[10], [10]]);
    for (const s of [early, late]) {
      s.arrive(full(31, 1));
      expect([s.step(at(30)), times(s), s.selection.counted('late') + s.selection.counted('skipped')]).toEqual([
        'valid',
        [21],
        1,
      ]);
    }
  });

  it('2.4 lookahead bounds nothing', () => {
    const s = shim();
    for (let time = 0; time <= 51; time++) s.arrive(full(time, 1));
    s.initialise();
    expect([s.step(at(50)), times(s)]).toEqual(['valid', [50]]);
  });

  it('2.5 a complete set with a value that is too old is hopeless at once', () => {
    const s = shim({ sources: [0, 0], maxage: at(20) });
    s.arrive(full(0, 2));
    s.initialise();
    s.arrive(of(0, 1, 25));
    s.arrive(of(0, 1, 31));
    expect([s.step(at(30)), times(s)]).toEqual(['hopeless', [0, 25]]);
  });

  it('2.6 every source has to prove itself, and each has its own maxage', () => {
    const s = shim({ sources: [0, 1], maxage: [at(10), at(100)] });
    s.arrive(of(0, 0, 0));
    s.arrive(of(1, 1, 0));
    expect(s.initialise().verdict).toBe('waits');
    s.arrive(of(0, 0, 35));
    expect(s.initialise().verdict).toBe('waits');
    s.arrive(of(1, 1, 90));
    expect(s.initialise()).toEqual({ verdict: 'valid', zero: 0n });
    s.arrive(of(0, 0, 41));
    expect([s.step(at(40)), times(s)]).toEqual(['valid', [35, 0]]);
    expect(s.step(at(50))).toBe('waits');
  });

  it('2.7 with several sources time zero is the newest stamp of their own first sets, and the values are those of it', () => {
    const s = shim({ sources: [0, 1] });
    for (const time of [0, 10, 20, 30]) s.arrive(of(0, 0, time));
    for (const time of [15, 25]) s.arrive(of(1, 1, time));
    expect([s.initialise(), times(s)]).toEqual([{ verdict: 'valid', zero: at(15) }, [10, 15]]);
  });

  it('2.8 time zero moves on as long as some value is too old at it', () => {
    const s = shim({ sources: [0, 1], maxage: at(20) });
    for (const time of [0, 95, 110]) s.arrive(of(0, 0, time));
    for (const time of [50, 90, 100]) s.arrive(of(1, 1, time));
    expect([s.initialise(), times(s)]).toEqual([{ verdict: 'valid', zero: at(95) }, [95, 90]]);
  });

  it('2.9 a stream that goes on after its end is open again', () => {
    const s = shim();
    s.arrive(full(0, 1));
    s.initialise();
    s.arrive(end());
    expect(s.step(at(10))).toBe('valid');
    s.arrive(full(15, 1));
    expect(s.step(at(20))).toBe('waits');
    s.arrive(full(25, 1));
    expect([s.step(at(20), { again: true }), times(s)]).toEqual(['valid', [15]]);
  });

  it('2.10 a step consumes as it goes: a ring smaller than the samples of one step will do', () => {
    const s = shim({ sources: [0, 0], capacity: 2 });
    s.arrive(full(0, 2));
    s.initialise();
    for (let time = 1; time <= 40; time++) {
      expect(s.arrive(of(0, time % 2, time))).toBeGreaterThanOrEqual(0);
      expect(s.step(at(40), { again: time > 1 })).toBe('waits');
    }
    s.arrive(full(41, 2));
    expect([s.step(at(40), { again: true }), times(s)]).toEqual(['valid', [40, 39]]);
  });

  it('2.11 a source with much of the future leaves room for the one that is waited for', () => {
    const s = shim({ sources: [0, 1], capacity: 4 });
    s.arrive(of(0, 0, 0));
    s.arrive(of(1, 1, 0));
    let future = 1000;
    while (s.arrive(of(0, 0, future)) >= 0) future++;
    expect(s.initialise().verdict).toBe('waits');
    expect([s.arrive(of(1, 1, 1)), s.initialise().verdict]).toEqual([0, 'valid']);
    for (let time = 2; time <= 20; time++) {
      expect([s.step(at(time - 1)), times(s)]).toEqual(['waits', [0, time - 1]]);
      expect([s.arrive(of(1, 1, time)), s.step(at(time - 1), { again: true })]).toEqual([0, 'valid']);
    }
  });

  it('2.12 a signal that never came is valid where start values are', () => {
    const s = shim({ sources: [0, 0], missingIsValid: true });
    s.arrive(of(0, 0, 0));
    expect(s.initialise()).toEqual({ verdict: 'valid', zero: 0n });
    s.arrive(of(0, 1, 20));
    expect([s.step(at(10)), times(s)]).toEqual(['valid', [0, undefined]]);
  });

  it('2.13 the next arrival is the earliest of all sources, and waits until all can tell', () => {
    const s = shim({ sources: [0, 1] });
    s.arrive(of(0, 0, 0));
    s.arrive(of(1, 1, 0));
    s.arrive(of(0, 0, 30));
    s.arrive(mark(5, 1));
    expect(s.initialise().verdict).toBe('valid');
    expect(s.selection.seek(0n, at(50))).toBeUndefined();
    s.arrive(of(1, 1, 20));
    expect(s.selection.seek(0n, at(50), { again: true })).toBe(at(20));
    expect(s.selection.seek(0n, at(10))).toBe(END_OF_STREAM);
  });
});

describe('3 watermarks say nothing to RMQFMU 0, 1, 2', () => {
  for (const behaviour of [0, 1, 2] as const) {
    it(`3.${behaviour + 1} RMQFMU ${behaviour}`, () => {
      const s = new SteppedShim({ sources: [0], capacity: 4 });
      try {
        for (let time = 0; time < 50; time++) {
          expect(s.arrive(full(time, 1))).toBeGreaterThanOrEqual(0);
          expect(s.arrive({ time: END_OF_STREAM, values: new Map() })).toBeGreaterThanOrEqual(0);
          if (time === 0) expect(s.start(0n)).toBe(true);
          expect(s.stepBy(BigInt(time) * MS, { behaviour, lookahead: 1, maxage: 0n })).toBe(true);
          expect(s.outputs()).toEqual([[BigInt(time) * MS, time]]);
        }
        expect(s.selection.pending).toBe(0);
      } finally {
        s.close();
      }
    });
  }
});
