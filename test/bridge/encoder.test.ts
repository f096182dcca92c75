/** What a message with changed inputs looks like. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDecoder, type DecodedSample, type DecoderOptions } from '#tb/bridge/decoder.js';
import { createEncoder } from '#tb/bridge/encoder.js';
import { RowWriter } from '#tb/bridge/sample-row.js';
import type { Signal, Value } from '#tb/bridge/signals.js';
import type { OutgoingRow } from '#tb/native/index.js';

const INPUTS: readonly Signal[] = [
  { name: 's', type: 'String', slot: 0, source: 0, maxLength: 40 },
  { name: 'r', type: 'Real', slot: 1, source: 0 },
  { name: 'bo', type: 'Boolean', slot: 2, source: 0 },
  { name: 'i', type: 'Integer', slot: 3, source: 0 },
];
const DOING = BigInt(Date.UTC(2026, 10, 21, 3, 34, 58, 555)) * 1_000_000n + 999_999n;

/** The row that the shim would hand over for these values, by slot. */
function outgoing(values: readonly (Value | undefined)[], inputs = INPUTS, stepEnd = 0.2): OutgoingRow {
  const { mask, values: bytes, strings } = new RowWriter(inputs).write(values);
  return {
    mask,
    real: new Float64Array(bytes.buffer),
    integer: new BigInt64Array(bytes.buffer),
    strings,
    doingNs: DOING,
    stepEnd,
  };
}

const encode = (values: readonly (Value | undefined)[], inputs = INPUTS): string =>
  createEncoder(inputs).encode(outgoing(values, inputs)).toString();

describe('an outgoing message', () => {
  it('has its inputs in the order of their names, then the time and the end of the step', () => {
    expect(encode(['hi', 0.57721, true, -7])).toBe(
      '{"bo":true,"i":-7,"r":0.57721,"s":"hi","time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}',
    );
  });

  it('has only the inputs that the row has', () => {
    expect(encode([undefined, undefined, false, undefined])).toBe(
      '{"bo":false,"time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}',
    );
    expect(encode([undefined, undefined, undefined, undefined])).toBe(
      '{"time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}',
    );
  });

  it('keeps every bit of a double', () => {
    const inputs: Signal[] = [{ name: 'r', type: 'Real', slot: 0, source: 0 }];
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const { r } = JSON.parse(encode([value], inputs)) as { r: number };
        expect(Object.is(r, value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(encode([123456789.123], inputs)).toContain('"r":123456789.123,');
    expect(encode([-0], inputs)).toContain('"r":-0,');
  });

  it('has null for what JSON has no word for, and counts it', () => {
    const encoder = createEncoder(INPUTS);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const body = encoder.encode(outgoing([undefined, value, undefined, 1])).toString();
      expect(JSON.parse(body)).toMatchObject({ r: null, i: 1 });
    }
    expect(encoder.notFinite).toBe(3);
  });

  it('is JSON whatever a string or a name has in it', () => {
    const inputs: Signal[] = [{ name: 'say "é"\\', type: 'String', slot: 0, source: 0, maxLength: 200 }];
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 10 }), (text) => {
        const printable = text.replaceAll('\0', '');
        expect(JSON.parse(encode([printable], inputs))).toMatchObject({ 'say "é"\\': printable });
      }),
    );
    expect(JSON.parse(encode(['"\\\n\u0001 }'], inputs))).toMatchObject({ 'say "é"\\': '"\\\n\u0001 }' });
  });

  it('has the end of the step in milliseconds with six decimals', () => {
    const simstep = (stepEnd: number): unknown => {
      const body = createEncoder(INPUTS)
        .encode(outgoing([], INPUTS, stepEnd))
        .toString();
      return (JSON.parse(body) as { simstep: unknown }).simstep;
    };
    expect(simstep(0)).toBe('0.000000');
    expect(simstep(0.1 + 0.2)).toBe('300.000000');
    expect(simstep(86400.0000005)).toBe('86400000.000500');
  });

  it('has inputs beyond the first 64', () => {
    const inputs = Array.from(
      { length: 70 },
      (_, slot): Signal => ({ name: `n${slot}`, type: 'Integer', slot, source: 0 }),
    );
    const values = inputs.map(({ slot }) => (slot === 31 || slot === 63 || slot === 69 ? slot : undefined));
    expect(JSON.parse(encode(values, inputs))).toMatchObject({ n31: 31, n63: 63, n69: 69 });
    expect(encode(values, inputs).match(/"n/g)).toHaveLength(3);
  });

  it('has objects by their paths, arrays, names of items, base64, all digits of 64 bits', () => {
    const inputs: Signal[] = [
      { name: 'b', type: 'Real', slot: 0, source: 0, path: ['cmd', 'v', 'x'] },
      { name: 'a', type: 'Integer', slot: 1, source: 0, path: ['cmd', 'n'] },
      { name: 'q', type: 'Real', slot: 2, source: 0, path: ['a/b', 'q'], size: 2 },
      { name: 'gear', type: 'Enumeration', slot: 4, source: 0, items: [{ name: 'dr"ive', value: 5 }] },
      { name: 'i', type: 'Int64', slot: 5, source: 0 },
      { name: 'u', type: 'UInt64', slot: 6, source: 0 },
      { name: 'raw', type: 'Binary', slot: 7, source: 0, maxLength: 4 },
      { name: 'f', type: 'Float32', slot: 8, source: 0 },
      { name: 't', type: 'String', slot: 9, source: 0, size: 2, maxLength: 9 },
    ];
    const values = [1.5, -7, 0.5, 1, 5, -(2n ** 63n), 2n ** 64n - 1n, Buffer.of(0, 255), Math.fround(0.1), 'ä', ''];
    const tail = '"time":"2026-11-21T03:34:58.555+00:00","simstep":"200.000000"}';
    expect(encode(values, inputs)).toBe(
      `{"a/b":{"q":[0.5,1]},"cmd":{"n":-7,"v":{"x":1.5}},"f":0.1,"gear":"dr\\"ive","i":-9223372036854775808,"raw":"AP8=","t":["ä",""],"u":18446744073709551615,${tail}`,
    );
    // Objects without anything that changed are not there; of an array, all of it is.
    expect(encode([undefined, 3, undefined, 9], inputs)).toBe(`{"a/b":{"q":[0,9]},"cmd":{"n":3},${tail}`);
    expect(encode(new Array(11).fill(undefined), inputs)).toBe(`{${tail}`);
    // What is no item goes by its number.
    expect(encode([undefined, undefined, undefined, undefined, 6], inputs)).toBe(`{"gear":6,${tail}`);
  });

  it('has numbers scaled back, whole ones exactly', () => {
    const scaled = (type: Signal['type'], value: number | bigint, scale: number, offset = 0) =>
      encode([value], [{ name: 'v', type, slot: 0, source: 0, scale, offset }]).replace(/^\{"v":([^,]*),.*/, '$1');
    expect(scaled('Real', 57.5, 0.5, -40)).toBe('195');
    expect(scaled('Real', Number.NaN, 0.5)).toBe('null');
    expect(scaled('Integer', 123, 10)).toBe('12.3');
    expect(scaled('Integer', 25, 0.1, -10)).toBe('350');
    expect(scaled('Integer', -1, 8)).toBe('-0.125');
    expect(scaled('Int64', 9007199254740993n, 10)).toBe('900719925474099.3');
    expect(scaled('Int64', 9007199254740993n, 1, 1)).toBe('9007199254740992');
    expect(scaled('Integer', 1, 3)).toBe('0.3333333333333333');
  });

  it('brings every value back that it was made of', () => {
    const options: DecoderOptions = {
      time: { key: 'time', format: 'rfc3339', assumeUtc: false },
      unknownFields: 'ignore',
      maxMessageBytes: 10_000,
    };
    const inputs: Signal[] = [
      { name: 'r', type: 'Real', slot: 0, source: 0, path: ['a', 'r'], size: 2 },
      { name: 'f', type: 'Float32', slot: 2, source: 0, path: ['a', 'f'] },
      { name: 'n', type: 'Int64', slot: 3, source: 0, scale: 0.01, offset: 7 },
      { name: 'u', type: 'UInt64', slot: 4, source: 0 },
      { name: 'b', type: 'Binary', slot: 5, source: 0, maxLength: 20 },
      { name: 's', type: 'String', slot: 6, source: 0, maxLength: 80 },
    ];
    const encoder = createEncoder(inputs);
    const decoder = createDecoder(inputs, options);
    const real = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        real,
        real,
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.uint8Array({ maxLength: 20 }),
        fc.string({ unit: 'grapheme', maxLength: 10 }).map((text) => text.replaceAll('\0', '')),
        (x, y, f, n, u, bytes, text) => {
          const values = [x, y, f, n, u, Buffer.from(bytes), text];
          const decoded = decoder.decode(encoder.encode(outgoing(values, inputs))) as DecodedSample;
          expect(decoded.problems).toEqual([]);
          expect(decoded.values).toEqual(values);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('is a sample for another bridge', () => {
    const decoder = createDecoder(INPUTS, {
      time: { key: 'time', format: 'rfc3339', assumeUtc: false },
      unknownFields: 'warn',
      maxMessageBytes: 1000,
    });
    const values = ['grün', 0.1, false, 2 ** 31 - 1];
    const decoded = decoder.decode(Buffer.from(encode(values))) as DecodedSample;
    expect(decoded.values).toEqual(values);
    expect(decoded.timeNs).toBe((DOING / 1_000_000n) * 1_000_000n);
    expect(decoded.problems.map((problem) => problem.field)).toEqual(['simstep']);
  });
});
