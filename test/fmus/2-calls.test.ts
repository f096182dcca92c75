/** The FMUs that the master is tested with, call by call: what they refuse, types, arrays, states, events. */
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { describeWithPython, python } from '../interop/python.js';
import { TEST_FMUS, unpackedFmu } from '../support/fmus.js';

const PYTHONPATH = fileURLToPath(new URL('../interop', import.meta.url));
const DISCARD = 2;
const ERROR = 3;
const NO_INSTANCE = expect.stringMatching(/^Failed to instantiate/);

/** Limits of each type; what JavaScript's numbers cannot hold as text. */
const VALUES = {
  float32: 0.1,
  float64: 0.1,
  int8: -128,
  uint8: 255,
  int16: -32768,
  uint16: 65535,
  int32: -2147483648,
  uint32: 4294967295,
  int64: '-9223372036854775808',
  uint64: '18446744073709551615',
  boolean: true,
  string: 'ä漢𝄞',
  binary: [0, 1, 255],
  choice: '9007199254740993',
};

describeWithPython('the FMUs of the tests, call by call', () => {
  let seen: Readonly<Record<string, unknown>>;

  beforeAll(async () => {
    const folders = Object.fromEntries(TEST_FMUS.map((name) => [name, unpackedFmu(name)]));
    seen = await python('../fmus/calls.py', { ...folders, values: VALUES }, { PYTHONPATH });
  });

  it('FMI 1.0 in the wrong order is refused and does no harm', () => {
    expect(seen['order 1']).toEqual({
      versions: ['1.0', 'standard32'],
      'a step before initialization': ['fmiDoStep', ERROR],
      'a value before initialization': ['fmiGetReal', ERROR],
      'an output set': ['fmiSetReal', ERROR],
      'a variable that there is not': ['fmiSetReal', ERROR],
      'a variable of another type': ['fmiSetInteger', ERROR],
      'initialized twice': ['fmiInitializeSlave', ERROR],
      'a parameter set late': ['fmiSetReal', ERROR],
      'a step back': ['fmiDoStep', ERROR],
      'a step again': ['fmiDoStep', ERROR],
      'a step that is not under way': ['fmiCancelStep', ERROR],
      unharmed: [4 * (1 - 2 * 0.25), 0.25],
      'a step after the end': ['fmiDoStep', ERROR],
      reset: 1,
      'another GUID': NO_INSTANCE,
      'another MIME type': NO_INSTANCE,
    });
  });

  it('FMI 2.0 in the wrong order is refused', () => {
    expect(seen['order 2']).toEqual({
      'a step before initialization': ['fmi2DoStep', ERROR],
      'a value before initialization': ['fmi2GetReal', ERROR],
      'an output set': ['fmi2SetReal', ERROR],
      'initialized twice': ['fmi2EnterInitializationMode', ERROR],
      'a step back': ['fmi2DoStep', ERROR],
      'a step after the end': ['fmi2DoStep', ERROR],
    });
  });

  it('FMI 3.0 in the wrong order is refused and does no harm', () => {
    expect(seen['order 3']).toEqual({
      version: '3.0',
      'a step before initialization': ['fmi3DoStep', ERROR],
      'Step Mode before initialization': ['fmi3EnterStepMode', ERROR],
      'Configuration Mode': ['fmi3EnterConfigurationMode', ERROR],
      'an output set': ['fmi3SetFloat64', ERROR],
      'a variable that there is not': ['fmi3GetFloat64', ERROR],
      'a variable of another type': ['fmi3GetInt32', ERROR],
      'too many values': ['fmi3GetFloat64', ERROR],
      'a parameter set late': ['fmi3SetFloat64', ERROR],
      'Event Mode that is not used': ['fmi3EnterEventMode', ERROR],
      'discrete states that there are not': ['fmi3UpdateDiscreteStates', ERROR],
      'a step back': ['fmi3DoStep', ERROR],
      'a state that it does not save': ['fmi3GetFMUState', ERROR],
      derivatives: ['fmi3GetDirectionalDerivative', ERROR],
      unharmed: { x: 4 * (1 - 2 * 0.25), time: 0.25 },
      'a step after the end': ['fmi3DoStep', ERROR],
      reset: 1,
      'another token': NO_INSTANCE,
      'Event Mode asked of it': NO_INSTANCE,
    });
  });

  it('they say why', () => {
    expect(seen.log).toEqual(
      expect.arrayContaining([
        'fmi3DoStep: not allowed in this state',
        'fmi3GetFloat64: nValues is 2, there are 1 elements',
        'fmi3SetFloat64: k cannot be set now',
        'fmi3ExitConfigurationMode: n must be from 1 to 16',
      ]),
    );
  });

  it('of once and once1 there is one at a time', () => {
    expect(seen.once).toEqual({ once1: [NO_INSTANCE, true], once: [NO_INSTANCE, true] });
  });

  it('FMI 1.0: inputs take effect in the next step, texts are UTF-8', () => {
    const before = { real_out: 1.75, integer_out: -2147483648, boolean_out: 1, string_out: 'größer' };
    expect(seen['types 1']).toEqual([
      before,
      before,
      { real_out: -0.75, integer_out: 7, boolean_out: 0, string_out: '' },
    ]);
  });

  it('FMI 3.0: every type keeps every bit', () => {
    expect(seen['types 3']).toEqual({
      start: { string_out: 'start', choice_out: '1' },
      'passed on': { ...VALUES, float32: Math.fround(0.1) },
      'too long': [
        ['fmi3SetString', ERROR],
        ['fmi3SetBinary', ERROR],
      ],
    });
  });

  it('counter tells what a step was called with', () => {
    expect(seen.counter).toEqual([
      { count: 0, odd: 0, text: '0 steps', last_time: 0, last_step: 0 },
      { count: 1, odd: 1, text: '1 step', last_time: 0, last_step: 0.5 },
      { count: 2, odd: 0, text: '2 steps', last_time: 0.5, last_step: 0.125 },
    ]);
  });

  it('gain answers for its inputs as they are, in Initialization Mode and between steps', () => {
    expect(seen.gain).toEqual([2 * 1, 2 * 3 + 1, 2 * 10 + 1, 2 * 10 - 1]);
  });

  it('a step of slow costs what it is asked to', () => {
    expect(seen.slow).toBeGreaterThanOrEqual(0.05);
    expect(seen.slow).toBeLessThan(0.1);
  });

  it('enumer knows its modes', () => {
    expect(seen.enumer).toEqual([{ mode: 5, number: -3, flag: 1 }, ['fmi2DoStep', ERROR]]);
  });

  it('arrays3: rows come first, and n is changed in Configuration Mode only', () => {
    expect(seen.arrays).toEqual({
      'of four': { n: '4', y3: [10, 20, 30], y: [30, 30, 50, 20], matrix_out: [1, 2, 3, 4] },
      'too many': ['fmi3ExitConfigurationMode', ERROR],
      'set elsewhere': ['fmi3SetUInt64', ERROR],
      'of two': { A: [1, 2, 0, 1], u: [0, 0] },
      'A u': [2 * (1 * 5 + 2 * 6), 2 * (3 * 5 + 4 * 6)],
      'its second column': [2 * 2, 2 * 4],
      'four values': ['fmi3SetFloat64', ERROR],
    });
  });

  it('limited discards what is too much, and can only go back', () => {
    expect(seen.limited).toEqual({
      'too long': [['fmi2DoStep', DISCARD], 0.1, 0.1],
      'on from there': ['fmi2DoStep', ERROR],
      'done again': [0.1 + 0.05, 0.1 + 0.05],
    });
  });

  it('state3 draws the same numbers again after its state is restored, also in another instance', () => {
    const { first, then, ...others } = seen.state3 as Record<string, readonly number[]>;
    expect(new Set([...first!, ...then!]).size).toBe(4);
    expect(others).toEqual({
      again: then,
      elsewhere: then,
      drawn: ['4', '4'],
      "another FMU's state": ['fmi3DeserializeFMUState', ERROR],
    });
  });

  it('clocks3: what reached_clock and sample_clock carry, and the iteration after a tick of count_clock', () => {
    expect(seen.clocks).toEqual({
      'at the start': [5, false, false],
      steps: [
        [false, false, false, 0.25],
        [false, false, false, 0.375],
        [true, false, false, 0.5],
      ],
      'a clock in Step Mode': [false, ['fmi3SetClock', ERROR]],
      'a clocked input in Step Mode': ['fmi3SetInt32', ERROR],
      reached: { reached_clock: true, reached_count: 3, reached_time: 0.5 },
      sampled: [5, 7],
      done: [false, { reached_clock: false, sample_clock: false, sampled: 7, reached_count: 3 }],
      'before the tick counts': { counter: 4, reached_clock: false },
      'first iteration': [true, { counter: 7, reached_clock: true, reached_count: 7, reached_time: 0.75 }],
      'second iteration': [false, { counter: 7, reached_clock: false, reached_count: 7, reached_time: 0.75 }],
      interval: [0.5, 1],
      'an interval that there is not': ['fmi3GetIntervalDecimal', ERROR],
    });
  });

  it('early3 returns early only where that is allowed, and handles by itself what nobody else does', () => {
    // Time, event handling needed, early return, the wave, its corners.
    expect(seen.corners).toEqual({
      neither: {
        steps: [
          [0.75, false, false, 0.75, 0],
          [1.5, false, false, 0.5, 1],
        ],
        next: null,
      },
      'early return': {
        steps: [
          [0.75, false, false, 0.75, 0],
          [1, false, true, 1, 1],
          [1.5, false, false, 0.5, 1],
        ],
        next: null,
      },
      // The corner at 1 s is cut: the event is handled at the end of the step.
      'Event Mode': {
        steps: [
          [0.75, false, false, 0.75, 0],
          [1.5, true, false, 1.5, 1],
        ],
        next: [true, 2],
      },
      both: {
        steps: [
          [0.75, false, false, 0.75, 0],
          [1, true, true, 1, 1],
          [1.5, false, false, 0.5, 1],
        ],
        next: [true, 2],
      },
    });
  });

  it('inter3 takes u at each intermediate update, and ends a step where the importer asks', () => {
    // Time, set requested, get allowed, step finished, can return early.
    const time = (t: number, early: boolean) => [t, true, true, true, early];
    expect(seen.updates).toEqual({
      'to the end': {
        times: [time(0.25, false), time(0.5, false), time(0.75, false), time(1, false)],
        step: [false, false, false, 1],
        x: 0.25 * 1.25 ** 3,
        calls: 4,
      },
      'early return': {
        times: [time(0.25, true), time(0.5, true), time(0.6, false)],
        step: [false, false, true, 0.6],
        x: expect.closeTo(0.25 * 1.25 * 1.1, 12),
        calls: 3,
      },
      'asked of another': NO_INSTANCE,
    });
  });
});
