/** The decoder in C accepts a part of what the decoder in TypeScript accepts, with the same bits. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDecoder, type DecodedSample, type DecoderOptions } from '#tb/bridge/decoder.js';
import { stringAreas } from '#tb/bridge/layout.js';
import type { Signal } from '#tb/bridge/signals.js';
import {
  messageText,
  mutatedMessage,
  type NativeResult,
  NESTED,
  nativeDecoder,
  nestedMessage,
  numberText,
  SIGNALS,
} from './support.js';

const OPTIONS: DecoderOptions = {
  time: { key: 'time', format: 'rfc3339', assumeUtc: false },
  unknownFields: 'warn',
  maxMessageBytes: 1 << 20,
};
const withTime = (format: DecoderOptions['time']['format'], assumeUtc = false): DecoderOptions => ({
  ...OPTIONS,
  time: { key: 'time', format, assumeUtc },
});

const NESTED_OPTIONS: DecoderOptions = { ...OPTIONS, time: { ...OPTIONS.time, key: '/header/stamp' } };

/** Decodes both ways and compares; returns what the fast path made of it. */
function comparer(signals: readonly Signal[], options: DecoderOptions): (content: Buffer) => NativeResult | undefined {
  const fast = nativeDecoder(signals, options);
  const slow = createDecoder(signals, options);
  return (content) => {
    const result = fast(content);
    if (result === undefined) return undefined;
    const decoded = slow.decode(content);
    expect(decoded.kind, content.toString()).toBe('sample');
    const sample = decoded as DecodedSample;
    expect(result.timeNs).toBe(sample.timeNs);
    expect(result.mask).toEqual(sample.row.mask);
    expect(result.unknownKeys).toBe(sample.unknownFields > 0);
    expect(result.partial).toBe(!sample.complete);
    // Nothing to complain about but unknown fields: every other problem is for the slow path to report.
    expect(sample.problems.every((problem) => problem.reason === 'unknown_field')).toBe(true);
    const values = new BigUint64Array(sample.row.values.buffer);
    const areas = stringAreas(signals);
    for (const [index, signal] of signals.entries()) {
      const { offset, stride } = areas[index]!;
      for (let k = 0; k < (signal.size ?? 1); k++) {
        const slot = signal.slot + k;
        if (sample.values[slot] === undefined) continue;
        expect(result.values[slot], `${signal.name} of ${content}`).toBe(values[slot]);
        if (signal.type !== 'String') continue;
        const at = offset + k * stride;
        const expected = sample.row.strings.subarray(at, at + Number(values[slot]) + 1);
        expect(result.strings.subarray(at, at + Number(values[slot]) + 1)).toEqual(expected);
      }
    }
    return result;
  };
}

const FORMATS: readonly DecoderOptions[] = [
  withTime('rfc3339'),
  withTime('rfc3339', true),
  withTime('epoch-s'),
  withTime('epoch-ms'),
  withTime('epoch-us'),
  withTime('epoch-ns'),
];

describe('generated messages', () => {
  it('are decoded alike: 12,000 messages in every time format', () => {
    const compare = FORMATS.map((options) => comparer(SIGNALS, options));
    let accepted = 0;
    fc.assert(
      fc.property(messageText, (text) => {
        const content = Buffer.from(text);
        for (const one of compare) accepted += one(content) === undefined ? 0 : 1;
      }),
      { numRuns: 12_000 },
    );
    // The comparison means nothing unless the fast path accepts a good part.
    expect(accepted).toBeGreaterThan(12_000);
  }, 120_000);

  it('are decoded alike with bytes changed: 12,000 messages', () => {
    const compare = comparer(SIGNALS, OPTIONS);
    let accepted = 0;
    fc.assert(
      fc.property(mutatedMessage, (content) => {
        accepted += compare(content) === undefined ? 0 : 1;
      }),
      { numRuns: 12_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  }, 120_000);

  it('are decoded alike where values stand in objects and arrays: 20,000 messages', () => {
    const compare = comparer(NESTED, NESTED_OPTIONS);
    let accepted = 0;
    fc.assert(
      fc.property(nestedMessage, (text) => {
        accepted += compare(Buffer.from(text)) === undefined ? 0 : 1;
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(2_000);
  }, 120_000);

  it('are decoded alike with a byte of such a message changed: 10,000 messages', () => {
    const compare = comparer(NESTED, NESTED_OPTIONS);
    fc.assert(
      fc.property(nestedMessage, fc.nat(), fc.nat({ max: 255 }), (text, at, byte) => {
        const content = Buffer.from(text);
        content[at % content.length] = byte;
        compare(content);
      }),
      { numRuns: 10_000 },
    );
  }, 120_000);
});

describe('numbers', () => {
  const compare = comparer([{ name: 'x', type: 'Real', slot: 0, source: 0 }], OPTIONS);
  const isFast = (text: string) => compare(Buffer.from(`{"time":"2019-01-04T12:00:00Z","x":${text}}`)) !== undefined;

  it('are correctly rounded: 20,000 spellings', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        isFast(text);
      }),
      { numRuns: 20_000 },
    );
  }, 120_000);

  it.each([
    // What decimal conversions get wrong: halfway cases, the edges of exact powers of ten, of 53 bits and of 19 digits.
    '0',
    '-0',
    '-0.0',
    '0e999',
    '1e22',
    '1e23',
    '8.5e22',
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '9007199254740994.5',
    '9007199254740995',
    '9007199254740993.0000000000000000000',
    '4503599627370496.5',
    '4503599627370497.5',
    '4503599627370497.4999999',
    '9999999999999999999',
    '18446744073709551615',
    '0.1',
    '0.30000000000000004',
    '123456789.123',
    '3.141592653589793',
    '-3.469446951953614e-18',
    '1.2345678901234567e-60',
    '2.2250738585072014e-20',
    '1.7976931348623157e27',
    '0.00000000000000000000000000000000012345678901234567',
    '0.50000000000000000000000000000000000000',
  ])('%s is converted, exactly', (text) => {
    const withinReach = text.replace(/^-?[0.]*|[.]|e.*$/g, '').length <= 19;
    expect(isFast(text)).toBe(withinReach);
  });

  it('halfway between two doubles go to the even one', () => {
    let fast = 0;
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }), fc.nat({ max: 10 }), (mantissa, power) => {
        // mantissa + 1/2, times a power of two: exactly between two doubles, and one decimal digit to either side.
        const half = (mantissa * 2n + 1n) << BigInt(power);
        for (const near of [half, half - 1n, half + 1n]) fast += isFast(String(near)) ? 1 : 0;
      }),
      { numRuns: 3_000 },
    );
    expect(fast).toBeGreaterThan(8_000);
  });

  it.each(['5e-324', '1e-320', '2.2250738585072014e-308', '1e400', '1.7976931348623157e308', '1e-99'])(
    '%s is left to the slow path',
    (text) => {
      expect(isFast(text)).toBe(false);
    },
  );

  it('with as many digits as a double needs are converted, down to 1e-60', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-60, max: 1e18, noNaN: true }), (value) => {
        expect(isFast(JSON.stringify(value))).toBe(true);
        expect(isFast(value.toPrecision(17))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the fast path', () => {
  it('takes values out of objects and arrays, all of a robot and only those of its source', () => {
    const robot = Buffer.from(
      '{"header":{"stamp":"2026-11-21T03:34:58.5Z"},"x":1,"pose":{"x":1.5,"y":0.1,"z":3,"gear":"low"},"ids":{"i8":-128,"u8":255,"i16":1,"u16":2,"u32":4294967295,"deep":{"i64":-9223372036854775808,"u64":9999999999999999999}},"joints":{"position":[1,2,3],"on":[true,false],"names":["ab",""]},"y":-7}',
    );
    const compare = comparer(NESTED, NESTED_OPTIONS);
    expect(compare(robot)).toMatchObject({ partial: false, unknownKeys: false });
    expect(
      compare(Buffer.from('{"header":{"stamp":"2026-11-21T03:34:58.5Z"},"pose":{},"joints":{"on":[true,true]}}')),
    ).toMatchObject({ partial: true });
    const two = NESTED.map((signal): Signal => ({ ...signal, source: signal.name === 'x' ? 0 : 1 }));
    expect(comparer(two, NESTED_OPTIONS)(robot)).toMatchObject({ partial: false, unknownKeys: true });
  });

  it('is none for elements of arrays, Binary and scaled whole numbers', () => {
    const time = '"time":"2019-01-04T12:00:00Z"';
    const refuses = (signal: Partial<Signal>, member: string) =>
      nativeDecoder(
        [{ name: 'v', type: 'Real', slot: 0, source: 0, ...signal }],
        OPTIONS,
      )(Buffer.from(`{${time},${member}}`));
    expect(refuses({}, '"v":1')).toBeDefined();
    expect(refuses({ path: ['a', '0'] }, '"a":[1]')).toBeUndefined();
    expect(refuses({ type: 'Binary', maxLength: 8 }, '"v":""')).toBeUndefined();
    expect(refuses({ type: 'Integer', scale: 2, offset: 0 }, '"v":1')).toBeUndefined();
  });

  const plain = (x: number) =>
    Buffer.from(
      `{"x": ${x}, "actual_q_0": -1.5, "actual_q_1": 0.25, "größe": 3, "seqno": 12, "stop": false, "mode": "auto", "text": "a \\"b\\"\\n", "time": "2019-01-04T12:00:00.123456+01:00"}`,
    );

  it('takes messages as senders write them', () => {
    const compare = comparer(SIGNALS, OPTIONS);
    for (let i = 0; i < 100; i++) expect(compare(plain(i / 7))).toMatchObject({ partial: false, unknownKeys: false });
  });

  it.each([
    [withTime('rfc3339'), '"2026-11-21T03:34:58.555123456-03:30"'],
    [withTime('rfc3339', true), '"2026-11-21T03:34:58"'],
    [withTime('epoch-s'), '1795232098.5551234'],
    [withTime('epoch-ms'), '1795232098555.25'],
    [withTime('epoch-us'), '1795232098555123'],
    [withTime('epoch-ns'), '1795232098555123456'],
    [withTime('epoch-s'), '-0.5'],
  ])('takes times of today in every format: %j', (options, time) => {
    expect(comparer(SIGNALS, options)(Buffer.from(`{"time":${time},"x":1}`))).toBeDefined();
  });

  it('follows a sender that changes the order of its keys', () => {
    const compare = comparer(SIGNALS, OPTIONS);
    const members = ['"x":1', '"seqno":2', '"stop":true', '"time":"2019-01-04T12:00:00Z"', '"other":null'];
    fc.assert(
      fc.property(fc.shuffledSubarray(members, { minLength: 1 }), (some) => {
        const usable = some.some((text) => text.includes('time')) && some.some((text) => /"(x|seqno|stop)"/.test(text));
        expect(compare(Buffer.from(`{${some.join()}}`)) !== undefined).toBe(usable);
      }),
    );
  });

  it('reads 117 signals and 7 words of the mask', () => {
    const signals = Array.from(
      { length: 440 },
      (_, slot): Signal => ({ name: `s${slot}`, type: 'Real', slot, source: 0 }),
    );
    const body = Object.fromEntries(signals.map(({ name }, slot) => [name, Math.sin(slot)]));
    const compare = comparer(signals, OPTIONS);
    const content = Buffer.from(JSON.stringify({ ...body, time: '2019-01-04T12:00:00Z' }));
    expect(compare(content)).toMatchObject({ partial: false, unknownKeys: false });
  });

  it('passes over unknown values, however they are nested', () => {
    const compare = comparer(SIGNALS, OPTIONS);
    const content = (value: string) => Buffer.from(`{"time":"2019-01-04T12:00:00Z","header":${value},"x":1}`);
    const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;
    for (const value of ['{"seq": 3, "frame": "map", "stamp": {"sec": 1}}', '[[], {}, [{}]]', nested(64)]) {
      expect(compare(content(value))).toMatchObject({ unknownKeys: true });
    }
    expect(compare(content(nested(66)))).toBeUndefined();
    for (const value of ['[1}', '{"a":1]', '[1,]', '{"a"}', '{"a":}', '[', '{,}', '[1 2]']) {
      expect(compare(content(value))).toBeUndefined();
    }
  });

  it('leaves to the slow path what that has to count or to refuse', () => {
    const strict = comparer(SIGNALS, { ...OPTIONS, unknownFields: 'reject', maxMessageBytes: 100 });
    const content = (members: string) => Buffer.from(`{"time":"2019-01-04T12:00:00Z",${members}}`);
    expect(strict(content('"x":1'))).toBeDefined();
    expect(strict(content('"x":1,"z":1'))).toBeUndefined();
    expect(strict(content(`"x":1${' '.repeat(80)}`))).toBeUndefined();
    expect(strict(Buffer.alloc(0))).toBeUndefined();
  });

  it('leaves names that JSON writes with escapes to the slow path', () => {
    const odd: Signal[] = [{ name: 'a"b', type: 'Real', slot: 0, source: 0 }];
    const compare = comparer(odd, OPTIONS);
    const time = '"time":"2019-01-04T12:00:00Z"';
    expect(compare(Buffer.from(`{${time},"a\\"b":1}`))).toBeUndefined();
    expect(compare(Buffer.from(`{${time},"a"b":1}`))).toBeUndefined();
  });
});
