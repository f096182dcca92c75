import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outputsOf, Shim } from './shim.js';
import { END_OF_STREAM, type Message, type Rule, Specification } from './specification.js';

/** Histories per property; `npm run test:histories` raises it to 100,000. */
const HISTORIES = Number(process.env.TWINBRIDGE_HISTORIES ?? 3000);
const MS = 1_000_000n;
const COUNT = HISTORIES.toLocaleString('en');
const LONG = { timeout: 3_600_000 };
const BEHAVIOURS = { 0: 'RMQFMU 0', 1: 'RMQFMU 1', 2: 'RMQFMU 2', 3: 'complete' } as const;

/** Which source carries each signal: one to three sources, each with one to three signals. */
const sources = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 })
  .map((sizes) => sizes.flatMap((size, source) => new Array<number>(size).fill(source)));
const oneSource = fc.integer({ min: 1, max: 4 }).map((size) => new Array<number>(size).fill(0));

/** Stamps mostly go on with the steps, with jitter, ties, gaps and a rare one from far ahead. */
const stamp = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 500, max: 600 }) },
);

interface Draft {
  readonly source: number;
  readonly time: number;
  /** Which of its source's signals: a number picks some of them. */
  readonly carries: number | 'all' | 'watermark' | 'end of stream';
  readonly value: number;
}

/** A message of a draft, stamped relative to `now`. */
function messageOf(draft: Draft, sourceOf: readonly number[], now: number): Message {
  const count = Math.max(...sourceOf) + 1;
  const source = draft.source % count;
  const own = sourceOf.flatMap((of, signal) => (of === source ? [signal] : []));
  if (draft.carries === 'end of stream') return { source, time: END_OF_STREAM, values: new Map() };
  const all = 2 ** own.length - 1;
  const { carries } = draft;
  const mask = carries === 'all' ? all : carries === 'watermark' ? 0 : (carries % all) + 1;
  const values = new Map(own.filter((_, i) => mask & (1 << i)).map((signal) => [signal, draft.value + signal]));
  return { source, time: BigInt(now + draft.time - 20) * MS, values };
}

/** `whole`: each message carries all signals of its source, and none is a watermark. */
const draft = (whole: boolean, ends: boolean): fc.Arbitrary<Draft> =>
  fc.record({
    source: fc.nat(2),
    time: stamp,
    carries: whole
      ? fc.constant('all' as const)
      : fc.oneof(
          { weight: 12, arbitrary: fc.nat(1000) },
          { weight: 1, arbitrary: fc.constant('watermark' as const) },
          { weight: ends ? 1 : 0, arbitrary: fc.constant('end of stream' as const) },
        ),
    value: fc.nat(1000),
  });

/* ---- 1. Against the executable specification ------------------------------------------------------------------ */

describe('1 selection agrees with its executable specification', () => {
  interface Case {
    readonly sourceOf: readonly number[];
    readonly capacity: number;
    readonly rule: Rule;
    readonly events: readonly (
      | { readonly kind: 'message'; readonly draft: Draft }
      | { readonly kind: 'step'; readonly advance: number }
    )[];
  }

  const history = (behaviour: Rule['behaviour']): fc.Arbitrary<Case> =>
    fc
      .record({ whole: fc.boolean(), single: fc.boolean(), missingIsValid: fc.boolean() })
      .chain(({ whole, single, missingIsValid }) =>
        fc.record({
          sourceOf: single ? oneSource : sources,
          // Small rings make the selection reach past samples that hold up others.
          capacity: fc.constantFrom(8, 16, 64),
          rule: fc.record({
            behaviour: fc.constant(behaviour),
            lookahead: fc.integer({ min: 1, max: 5 }),
            maxage: fc
              .array(fc.integer({ min: 0, max: 30 }), { minLength: 3, maxLength: 3 })
              .map((ages) => ages.map((age) => BigInt(age) * MS)),
            missingIsValid: fc.constant(missingIsValid),
          }),
          events: fc.array(
            fc.oneof(
              { weight: 3, arbitrary: fc.record({ kind: fc.constant('message' as const), draft: draft(whole, true) }) },
              {
                weight: 2,
                arbitrary: fc.record({ kind: fc.constant('step' as const), advance: fc.integer({ min: 0, max: 12 }) }),
              },
            ),
            { minLength: 1, maxLength: 60 },
          ),
        }),
      );

  for (const behaviour of [0, 1, 2, 3] as const) {
    it(`1.${behaviour + 1} ${BEHAVIOURS[behaviour]}, ${COUNT} histories`, LONG, () => {
      fc.assert(
        fc.property(history(behaviour), ({ sourceOf, capacity, rule, events }) => {
          const specification = new Specification(sourceOf, rule);
          const shim = new Shim({ sources: sourceOf, capacity, rule });
          try {
            let ready = false;
            let now = 0;
            let waiting: bigint | undefined;
            for (const event of events) {
              if (event.kind === 'message') {
                const message = messageOf(event.draft, sourceOf, now);
                if (shim.arrive(message) < 0) return; // the ring is bounded, the specification is not
                specification.arrive(message);
              } else if (!ready) {
                const expected = specification.initialise();
                const found = shim.initialise();
                expect(found.verdict).toBe(expected.verdict);
                ready = expected.verdict === 'valid';
                if (ready) expect(found.zero).toBe(expected.zero);
              } else {
                // A step that waits goes on, as often as not; else it is given up and the next one made.
                const again = waiting !== undefined && event.advance < 6;
                if (!again) now += event.advance;
                const time = again ? (waiting as bigint) : BigInt(now) * MS;
                const verdict = specification.step(time, { again });
                expect(shim.step(time, { again })).toBe(verdict);
                waiting = verdict === 'waits' ? time : undefined;
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

/* ---- 2. complete: the order of arrival alone ------------------------------------------------------------------ */

describe('2 complete: outputs depend on the order of each source alone', () => {
  interface Recording {
    readonly sourceOf: readonly number[];
    readonly rule: Rule;
    readonly messages: readonly Message[];
    readonly steps: readonly number[];
  }

  const recording: fc.Arbitrary<Recording> = fc
    .record({ single: fc.boolean(), whole: fc.boolean(), missingIsValid: fc.boolean() })
    .chain(({ single, whole, missingIsValid }) =>
      fc
        .record({
          sourceOf: single ? oneSource : sources,
          maxage: fc.array(fc.integer({ min: 5, max: 60 }), { minLength: 3, maxLength: 3 }),
          drafts: fc.array(draft(whole, false), { minLength: 3, maxLength: 40 }),
          steps: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 12 }),
        })
        .map(({ sourceOf, maxage, drafts, steps }) => ({
          sourceOf,
          rule: { behaviour: 3, lookahead: 1, maxage: maxage.map((age) => BigInt(age) * MS), missingIsValid },
          messages: drafts.map((d, i) => messageOf(d, sourceOf, 3 * i)),
          steps,
        })),
    );

  /** How a run came about: whom luck let go next, and how large the ring was. */
  interface Luck {
    readonly capacity: number;
    readonly choices: readonly number[];
  }
  const luck: fc.Arbitrary<Luck> = fc.record({
    capacity: fc.constantFrom(4, 5, 8, 64),
    choices: fc.array(fc.nat(99), { minLength: 1, maxLength: 60 }),
  });

  /**
   * All steps, with the messages arriving when luck wants it, or when nothing else is left. Throws when the step waits
   * and no source has room for a message: nothing would ever go on.
   */
  function run({ sourceOf, rule, messages, steps }: Recording, { capacity, choices }: Luck): string[] {
    const shim = new Shim({ sources: sourceOf, capacity, rule });
    const count = Math.max(...sourceOf) + 1;
    const streams = Array.from({ length: count }, (_, source) => [
      ...messages.filter((message) => message.source === source),
      { source, time: END_OF_STREAM, values: new Map() } as Message,
    ]);
    let turn = 0;
    const choose = (n: number) => (choices[turn++ % choices.length] as number) % n;
    const arrive = (source: number): boolean => {
      const next = streams[source]?.[0];
      if (next === undefined || shim.arrive(next) < 0) return false;
      streams[source]?.shift();
      return true;
    };
    const arriveSomewhere = () => {
      const from = choose(count);
      for (let i = 0; i < count; i++) if (arrive((from + i) % count)) return;
      throw new Error(`deadlock: ${streams.map((stream) => stream.length).join(', ')} messages have no room`);
    };
    try {
      const seen: string[] = [];
      const say = (...what: unknown[]) =>
        seen.push(JSON.stringify(what, (_, v) => (typeof v === 'bigint' ? `${v}` : v)));
      let started = shim.initialise();
      while (started.verdict === 'waits') {
        try {
          arriveSomewhere();
        } catch (error) {
          if (streams.some((stream) => stream.length === 0)) return ['some signal never comes'];
          throw error;
        }
        started = shim.initialise();
      }
      say(started.verdict, started.zero, shim.outputs());
      if (started.verdict === 'hopeless') return seen;
      let time = started.zero;
      for (const advance of steps) {
        time += BigInt(advance) * MS;
        while (choose(3) > 0 && arrive(choose(count)));
        let verdict = shim.step(time);
        while (verdict === 'waits') {
          arriveSomewhere();
          while (choose(3) > 0 && arrive(choose(count)));
          verdict = shim.step(time, { again: true });
        }
        say(verdict, shim.outputs(), shim.selection.next(time));
      }
      return seen;
    } finally {
      shim.close();
    }
  }

  it(
    `2.1 the same messages give the same outputs, whenever they arrive and however small the ring, ${COUNT} recordings`,
    LONG,
    () => {
      fc.assert(
        fc.property(recording, fc.array(luck, { minLength: 2, maxLength: 4 }), (recorded, lucks) => {
          const [first, ...others] = lucks.map((one) => run(recorded, one));
          for (const other of others) expect(other).toEqual(first);
        }),
        { numRuns: HISTORIES },
      );
    },
  );

  it(`2.2 and they are those of the specification with everything at hand, ${COUNT} recordings`, LONG, () => {
    fc.assert(
      fc.property(recording, luck, (recorded, oneLuck) => {
        const { sourceOf, rule, messages, steps } = recorded;
        const specification = new Specification(sourceOf, rule);
        for (const message of messages) specification.arrive(message);
        for (const source of new Set(sourceOf))
          specification.arrive({ source, time: END_OF_STREAM, values: new Map() });
        const plain = (what: readonly unknown[]) =>
          JSON.parse(JSON.stringify(what, (_, v) => (typeof v === 'bigint' ? `${v}` : v))) as unknown[];
        const { verdict, zero } = specification.initialise();
        if (verdict === 'waits') return;
        const found = run(recorded, oneLuck).map((line) => JSON.parse(line) as unknown[]);
        expect(found[0]).toEqual(plain([verdict, zero, outputsOf(specification)]));
        if (verdict === 'hopeless') return;
        let time = zero;
        steps.forEach((advance, i) => {
          time += BigInt(advance) * MS;
          const expected = plain([specification.step(time), outputsOf(specification)]);
          expect(found[i + 1]?.slice(0, 2)).toEqual(expected);
        });
      }),
      { numRuns: HISTORIES },
    );
  });
});
