import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { OfflineSelection, Producer, type RegionLayout } from '#tb/native/index.js';
import { type Message, type Rule, Specification } from './specification.js';

/** Histories per behaviour; `TWINBRIDGE_HISTORIES` raises it for a long run. */
const HISTORIES = Number(process.env.TWINBRIDGE_HISTORIES ?? 10_000);
const MS = 1_000_000n;

function layout(signals: number, capacity: number): RegionLayout {
  return {
    variables: Array.from({ length: signals }, (_, slot) => ({
      name: `s${slot}`,
      valueReference: slot,
      type: 'Real',
      kind: 'output',
      slot,
    })),
    settings: {
      capacity,
      outgoingCapacity: 4,
      logBytes: 4096,
      behaviour: 2,
      lookahead: 1,
      sources: [{ maxageMs: 0 }],
      timeoutMs: 0,
      onTimeout: 'fail',
      sendAlways: false,
      startTime: 'ignored',
    },
  };
}

/** The shim's selection, fed like the specification. */
class Shim {
  readonly producer: Producer;
  readonly selection: OfflineSelection;
  readonly #signals: number;

  constructor(signals: number, capacity: number, dropOldest = false) {
    this.#signals = signals;
    this.producer = new Producer(layout(signals, capacity), { dropOldest });
    this.selection = new OfflineSelection(this.producer);
  }

  arrive({ time, values }: Message): number {
    const mask = new BigUint64Array(Math.ceil(this.#signals / 64));
    const row = new Float64Array(this.#signals);
    for (const [signal, value] of values) {
      mask[signal >> 6]! |= 1n << BigInt(signal & 63);
      row[signal] = value;
    }
    return this.producer.push(0, time, { mask, values: new Uint8Array(row.buffer), strings: Buffer.alloc(8) });
  }

  step(time: bigint, rule: Rule): boolean {
    return this.selection.step(time, { behaviour: rule.behaviour, lookahead: rule.lookahead, maxageNs: rule.maxage });
  }

  /** `[stamp, value]` of every signal. */
  outputs(): [bigint | undefined, number | undefined][] {
    const values = new Float64Array(this.#signals);
    this.selection.read(values);
    return Array.from(values, (value, signal) => {
      const time = this.selection.timeOf(signal);
      return [time, time === undefined ? undefined : value];
    });
  }

  close(): void {
    this.selection.close();
    this.producer.close();
  }
}

function outputsOf(specification: Specification): [bigint | undefined, number | undefined][] {
  return specification.chains.map(({ current }) => [current?.time, current?.value]);
}

const full = (time: number, signals: number, value = time): Message => ({
  time: BigInt(time) * MS,
  values: new Map(Array.from({ length: signals }, (_, s) => [s, value + s / 1000])),
});

/* ---- 1. The rules, one by one -------------------------------------------------------------------------------- */

describe('1 selection, rule by rule', () => {
  const open: Shim[] = [];
  const shim = (signals: number, capacity = 64, dropOldest = false): Shim => {
    const made = new Shim(signals, capacity, dropOldest);
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
    expect(s.selection.initialise(1000n * MS)).toBe(true);
    expect(s.selection.newest).toBe(100n * MS);
  });

  it('1.2 the first set may come from several messages', () => {
    const s = shim(2);
    s.arrive({ time: 10n * MS, values: new Map([[0, 1]]) });
    expect(s.selection.initialise(1000n * MS)).toBe(false);
    s.arrive({ time: 15n * MS, values: new Map([[1, 2]]) });
    expect(s.selection.initialise(1000n * MS)).toBe(true);
    expect(seconds(s)).toEqual([10, 15]);
  });

  it('1.3 with lookahead n and old data waiting, each step advances n messages', () => {
    const s = shim(1);
    for (let time = 0; time <= 20; time++) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    expect([100, 200, 300].map((t) => s.step(BigInt(t) * MS, rmqfmu2(3, 1000)) && seconds(s)[0])).toEqual([3, 6, 9]);
  });

  it('1.4 lookahead does not bound a step whose age check fails', () => {
    const s = shim(1);
    for (let time = 0; time <= 50; time++) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    expect(s.step(50n * MS, rmqfmu2(1, 5))).toBe(true);
    expect(seconds(s)).toEqual([45]);
  });

  it('1.5 the value moves to the newest that is not later than the step; the future stays', () => {
    const s = shim(1);
    for (const time of [0, 5, 10, 11, 20]) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    expect(s.step(10n * MS, rmqfmu2(100, 1000))).toBe(true);
    expect(seconds(s)).toEqual([10]);
    expect(s.step(19n * MS, rmqfmu2(100, 1000))).toBe(true);
    expect(seconds(s)).toEqual([11]);
  });

  it('1.6 an age of exactly maxage passes, a nanosecond more does not', () => {
    const s = shim(1);
    s.arrive(full(0, 1));
    s.selection.initialise(0n);
    expect(s.step(100n * MS, rmqfmu2(1, 100))).toBe(true);
    expect(s.step(100n * MS + 1n, rmqfmu2(1, 100))).toBe(false);
  });

  it('1.7 a late message is used if it is newer than the current value, else counted as late', () => {
    const s = shim(1);
    for (const time of [0, 30, 20, 10]) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    expect([s.step(15n * MS, rmqfmu2(10, 1000)), seconds(s)[0]]).toEqual([true, 10]);
    s.arrive(full(5, 1));
    expect([s.step(35n * MS, rmqfmu2(10, 1000)), seconds(s)[0]]).toEqual([true, 30]);
    expect(s.selection.counted('late')).toBe(1);
    expect(s.selection.counted('skipped')).toBe(1);
  });

  it('1.8 of equal stamps the first to arrive wins, the others count as duplicates', () => {
    const s = shim(1);
    s.arrive(full(0, 1));
    s.selection.initialise(0n);
    s.arrive(full(7, 1, 1));
    s.arrive(full(7, 1, 2));
    s.step(10n * MS, rmqfmu2(10, 1000));
    expect(s.outputs()).toEqual([[7n * MS, 1]]);
    s.arrive(full(7, 1, 3));
    s.step(11n * MS, rmqfmu2(10, 1000));
    expect(s.selection.counted('duplicate')).toBe(1);
    expect(s.outputs()).toEqual([[7n * MS, 1]]);
  });

  it('1.9 RMQFMU 1 stays with its value within maxage, even when newer data waits', () => {
    const s = shim(1);
    for (const time of [0, 10, 20, 30, 40]) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    const rule: Rule = { behaviour: 1, lookahead: 100, maxage: 25n * MS };
    expect([10, 20, 30].map((t) => s.step(BigInt(t) * MS, rule) && seconds(s)[0])).toEqual([0, 0, 30]);
  });

  it('1.10 RMQFMU 0 takes message by message until one is valid', () => {
    const s = shim(1);
    for (const time of [0, 10, 20, 30, 40]) s.arrive(full(time, 1));
    s.selection.initialise(1000n * MS);
    const rule: Rule = { behaviour: 0, lookahead: 100, maxage: 25n * MS };
    expect([10, 20, 30, 40].map((t) => s.step(BigInt(t) * MS, rule) && seconds(s)[0])).toEqual([0, 0, 10, 20]);
  });

  it('1.11 a signal that stops coming fails the step once its own age passes maxage, whatever the others do', () => {
    const s = shim(2);
    s.arrive(full(0, 2));
    s.selection.initialise(0n);
    s.arrive({ time: 50n * MS, values: new Map([[1, 9]]) });
    expect(s.step(50n * MS, rmqfmu2(10, 100))).toBe(true);
    s.arrive({ time: 101n * MS, values: new Map([[1, 10]]) });
    expect(s.step(101n * MS, rmqfmu2(10, 100))).toBe(false);
    expect(seconds(s)).toEqual([0, 101]);
  });

  it('1.12 a sample far in the future does not hold up those behind it', () => {
    const s = shim(1, 8);
    s.arrive(full(0, 1));
    s.selection.initialise(0n);
    s.arrive(full(3_600_000, 1));
    for (let time = 1; time <= 100; time++) {
      expect(s.arrive(full(time, 1))).toBeGreaterThanOrEqual(0);
      expect(s.step(BigInt(time) * MS, rmqfmu2(1, 0))).toBe(true);
      expect(seconds(s)).toEqual([time]);
    }
  });

  it('1.13 a full ring refuses under block and drops the oldest, counted, under drop-oldest', () => {
    const blocking = shim(1, 4);
    expect([0, 1, 2, 3, 4].map((time) => blocking.arrive(full(time, 1)))).toEqual([0, 0, 0, 0, -2]);
    const dropping = shim(1, 4, true);
    for (let time = 0; time < 10; time++) expect(dropping.arrive(full(time, 1))).toBe(time < 4 ? 0 : 256);
    expect(dropping.producer.counted('dropped')).toBe(6);
    dropping.selection.initialise(1000n * MS);
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
    s.selection.initialise(0n);
    for (let i = 0; i < 1000; i++) {
      s.arrive(full(i + random(20) - 10, 1));
      if (i % 7 === 0) s.step(BigInt(i) * MS, rmqfmu2(100, 1e9));
    }
    s.step(2000n * MS, rmqfmu2(1000, 1e9));
    const total = (['used', 'skipped', 'late', 'duplicate'] as const).reduce((n, c) => n + s.selection.counted(c), 0);
    expect([total, s.selection.pending]).toEqual([1001, 0]);
  });
});

/* ---- 2. Against the executable specification ------------------------------------------------------------------ */

describe('2 selection agrees with its executable specification', () => {
  interface Case {
    readonly signals: number;
    readonly capacity: number;
    readonly lookahead: number;
    readonly maxage: number;
    readonly events: readonly (
      | { readonly kind: 'message'; readonly time: number; readonly mask: number; readonly value: number }
      | { readonly kind: 'step'; readonly advance: number }
    )[];
  }

  const message = (maxMask: number, time: fc.Arbitrary<number>) =>
    fc.record({
      kind: fc.constant('message' as const),
      time,
      mask: fc.integer({ min: 1, max: maxMask }),
      value: fc.nat(1000),
    });
  const step = fc.record({ kind: fc.constant('step' as const), advance: fc.integer({ min: 0, max: 12 }) });

  /** Stamps mostly go on with the steps, with jitter, ties, gaps and a rare one from far ahead. */
  const history: fc.Arbitrary<Case> = fc
    .record({ signals: fc.integer({ min: 1, max: 4 }), whole: fc.boolean() })
    .chain(({ signals, whole }) => {
      const all = 2 ** signals - 1;
      const time = fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
        { weight: 1, arbitrary: fc.integer({ min: 500, max: 600 }) },
      );
      const masked = whole ? message(all, time).map((m) => ({ ...m, mask: all })) : message(all, time);
      return fc.record({
        signals: fc.constant(signals),
        // Small rings make the selection reach past samples that hold up others.
        capacity: fc.constantFrom(8, 16, 64),
        lookahead: fc.integer({ min: 1, max: 5 }),
        maxage: fc.integer({ min: 0, max: 30 }),
        events: fc.array(fc.oneof({ weight: 3, arbitrary: masked }, { weight: 2, arbitrary: step }), {
          minLength: 1,
          maxLength: 60,
        }),
      });
    });

  for (const behaviour of [0, 1, 2] as const) {
    it(`2.${behaviour + 1} RMQFMU ${behaviour}, ${HISTORIES.toLocaleString('en')} histories`, {
      timeout: 600_000,
    }, () => {
      fc.assert(
        fc.property(history, ({ signals, capacity, lookahead, maxage, events }) => {
          const specification = new Specification(signals);
          const shim = new Shim(signals, capacity);
          const rule: Rule = { behaviour, lookahead, maxage: BigInt(maxage) * MS };
          try {
            let ready = false;
            let now = 0;
            for (const event of events) {
              if (event.kind === 'message') {
                const values = new Map<number, number>();
                for (let s = 0; s < signals; s++) if (event.mask & (1 << s)) values.set(s, event.value + s);
                const arriving = { time: BigInt(now + event.time - 20) * MS, values };
                if (shim.arrive(arriving) < 0) return; // the ring is bounded, the specification is not
                specification.arrive(arriving);
              } else if (!ready) {
                ready = specification.initialise(rule.maxage);
                expect(shim.selection.initialise(rule.maxage)).toBe(ready);
              } else {
                now += event.advance;
                const time = BigInt(now) * MS;
                expect(shim.step(time, rule)).toBe(specification.step(time, rule));
              }
              expect(shim.outputs()).toEqual(outputsOf(specification));
            }
          } finally {
            shim.close();
          }
        }),
        { numRuns: HISTORIES },
      );
    });
  }
});
