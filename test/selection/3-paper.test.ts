/**
 * The cases of "RMQFMU: Bridging the Real World with Co-simulation", section 6: which message each step outputs, as the
 * paper's rules say. Message i has sequence number i and the time i · period; all messages are there before the first
 * step; step k ends at k · step.
 */
import { describe, expect, it } from 'vitest';
import { Shim } from './shim.js';
import type { Rule } from './specification.js';

const MS = 1_000_000n;

interface Case {
  readonly name: string;
  readonly behaviours: readonly Rule['behaviour'][];
  readonly lookahead: number;
  /** ms, all three. */
  readonly maxage: number;
  readonly period: number;
  readonly step: number;
  readonly expected: (k: number) => number;
}

const every = Math.floor;

/* Case study 1: 117 values of a robot's arm every 2 ms, maxage 300 ms. */
const ARM = { maxage: 300, period: 2 };
/* Case study 2: the field robot, steps of 0.1 s. */
const ROBOT = { step: 100 };

const CASES: readonly Case[] = [
  // Within maxage the output stays; then it is as old as maxage allows, step after step.
  { ...ARM, name: 'arm 1, 2', behaviours: [0, 1], lookahead: 1, step: 2, expected: (k) => Math.max(0, k - 150) },
  {
    ...ARM,
    name: 'arm 3, 4',
    behaviours: [0, 1],
    lookahead: 1,
    step: 100,
    expected: (k) => 50 * Math.max(0, k - 3),
  },
  // Figure 9: the output moves from the first step on.
  { ...ARM, name: 'arm, figure 9', behaviours: [2], lookahead: 100, step: 100, expected: (k) => 50 * k },

  // Figures 5 to 7.
  {
    ...ROBOT,
    name: 'robot 1',
    behaviours: [0, 1],
    lookahead: 1,
    maxage: 200,
    period: 100,
    expected: (k) => Math.max(0, k - 2),
  },
  {
    ...ROBOT,
    name: 'robot 2',
    behaviours: [1],
    lookahead: 50,
    maxage: 200,
    period: 100,
    expected: (k) => 3 * every(k / 3),
  },
  {
    ...ROBOT,
    name: 'robot 3',
    behaviours: [0, 1],
    lookahead: 1,
    maxage: 2000,
    period: 100,
    expected: (k) => Math.max(0, k - 20),
  },
  {
    ...ROBOT,
    name: 'robot 4',
    behaviours: [1],
    lookahead: 50,
    maxage: 2000,
    period: 100,
    expected: (k) => 21 * every(k / 21),
  },
  {
    ...ROBOT,
    name: 'robot 5, 7',
    behaviours: [1],
    lookahead: 50,
    maxage: 200,
    period: 2,
    expected: (k) => 50 * Math.max(0, k - 2),
  },
  // 200 messages are 0.4 s: from step 21 on every fourth step moves by as many.
  {
    ...ROBOT,
    name: 'robot 6, 8',
    behaviours: [1],
    lookahead: 200,
    maxage: 2000,
    period: 2,
    expected: (k) => 200 * every(Math.max(0, k - 17) / 4),
  },
  {
    ...ROBOT,
    name: 'robot 9',
    behaviours: [1],
    lookahead: 2,
    maxage: 400,
    period: 200,
    expected: (k) => 2 * every(Math.max(0, k - 1) / 4),
  },
  {
    ...ROBOT,
    name: 'robot 10',
    behaviours: [1],
    lookahead: 5,
    maxage: 400,
    period: 200,
    expected: (k) => 2 * every(Math.max(0, k - 1) / 4),
  },
  {
    ...ROBOT,
    name: 'robot 11',
    behaviours: [1],
    lookahead: 2,
    maxage: 2000,
    period: 200,
    expected: (k) => 2 * every(Math.max(0, k - 17) / 4),
  },
  {
    ...ROBOT,
    name: 'robot 12',
    behaviours: [1],
    lookahead: 5,
    maxage: 2000,
    period: 200,
    expected: (k) => 5 * every(Math.max(0, k - 11) / 10),
  },

  // Figure 10: RMQFMU 2 does not wait for maxage.
  ...[
    { name: 'robot 1', lookahead: 1, maxage: 200 },
    { name: 'robot 2', lookahead: 50, maxage: 200 },
    { name: 'robot 3', lookahead: 1, maxage: 2000 },
    { name: 'robot 4', lookahead: 50, maxage: 2000 },
  ].map((one) => ({ ...ROBOT, ...one, behaviours: [2, 3] as const, period: 100, expected: (k: number) => k })),

  // Figure 12: 500 Hz. With lookahead 1 it falls behind until maxage makes it catch up, in as many rounds as it takes.
  {
    ...ROBOT,
    name: 'robot, figure 12',
    behaviours: [2],
    lookahead: 1,
    maxage: 200,
    period: 2,
    expected: (k) => (k < 3 ? k : 50 * (k - 2)),
  },
  {
    ...ROBOT,
    name: 'robot, figure 12',
    behaviours: [2, 3],
    lookahead: 50,
    maxage: 200,
    period: 2,
    expected: (k) => 50 * k,
  },
  {
    ...ROBOT,
    name: 'robot, figure 12',
    behaviours: [2],
    lookahead: 1,
    maxage: 2000,
    period: 2,
    expected: (k) => (k < 21 ? k : 50 * (k - 20)),
  },
  {
    ...ROBOT,
    name: 'robot, figure 12',
    behaviours: [2, 3],
    lookahead: 50,
    maxage: 2000,
    period: 2,
    expected: (k) => 50 * k,
  },
];

const STEPS = 60;

/** What the steps output; message 0 is taken at initialisation, and `gaps` leaves messages out. */
function outputs(one: Case, behaviour: Rule['behaviour'], isThere: (time: number) => boolean = () => true): number[] {
  const messages = Math.ceil((STEPS * one.step) / one.period) + 2;
  const rule: Rule = { behaviour, lookahead: one.lookahead, maxage: BigInt(one.maxage) * MS };
  const shim = new Shim({ sources: [0], capacity: 2 * messages, rule });
  try {
    for (let i = 0; i < messages; i++) {
      const time = i * one.period;
      if (isThere(time)) shim.arrive({ time: BigInt(time) * MS, values: new Map([[0, i]]) });
    }
    expect(shim.initialise().verdict).toBe('valid');
    return Array.from({ length: STEPS }, (_, i) => {
      const verdict = shim.step(BigInt((i + 1) * one.step) * MS);
      return verdict === 'valid' ? (shim.outputs()[0]![1] as number) : -1;
    });
  } finally {
    shim.close();
  }
}

describe('the cases of the paper', () => {
  for (const one of CASES) {
    for (const behaviour of one.behaviours) {
      const rule = behaviour === 3 ? 'complete' : `RMQFMU ${behaviour}`;
      it(`${one.name}: ${rule}, lookahead ${one.lookahead}, maxage ${one.maxage} ms, a message every ${one.period} ms`, () => {
        expect(outputs(one, behaviour)).toEqual(Array.from({ length: STEPS }, (_, i) => one.expected(i + 1)));
      });
    }
  }
});

/* Figure 11: the robot's data with gaps of 0.5 s and 1 s. */
describe('the cases of the paper, with gaps', () => {
  const isThere = (time: number) => !(time > 1000 && time < 1500) && !(time > 3000 && time < 4000);
  const last = (time: number) => {
    while (!isThere(time)) time -= 100;
    return time / 100;
  };
  for (const behaviour of [2, 3] as const) {
    for (const lookahead of [1, 50]) {
      const rule = behaviour === 3 ? 'complete' : 'RMQFMU 2';
      const one = { ...ROBOT, lookahead, period: 100, name: '', behaviours: [], expected: () => 0 };
      it(`${rule}, lookahead ${lookahead}: maxage 2 s rides over the gaps`, () => {
        const seen = outputs({ ...one, maxage: 2000 }, behaviour, isThere);
        expect(seen).toEqual(Array.from({ length: STEPS }, (_, i) => last((i + 1) * 100)));
      });
      it(`${rule}, lookahead ${lookahead}: maxage 0.2 s fails the steps that lie deeper in a gap`, () => {
        const seen = outputs({ ...one, maxage: 200 }, behaviour, isThere);
        const times = Array.from({ length: STEPS }, (_, i) => (i + 1) * 100);
        expect(seen.map((value) => value < 0)).toEqual(times.map((time) => time - 100 * last(time) > 200));
      });
    }
  }
});
