/** What a message with changed inputs looks like. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDecoder, type DecodedSample } from '#tb/bridge/decoder.js';
import { createEncoder } from '#tb/bridge/encoder.js';
import { RowWriter } from '#tb/bridge/sample-row.js';
import type { Signal, SignalValue } from '#tb/bridge/signals.js';
import type { OutgoingRow } from '#tb/native/index.js';

const INPUTS: readonly Signal[] = [
  { name: 's', type: 'String', slot: 0, source: 0, maxLength: 40 },
  { name: 'r', type: 'Real', slot: 1, source: 0 },
  { name: 'bo', type: 'Boolean', slot: 2, source: 0 },
  { name: 'i', type: 'Integer', slot: 3, source: 0 },
];
const DOING = BigInt(Date.UTC(2026, 10, 21, 3, 34, 58, 555)) * 1_000_000n + 999_999n;

/** The row that the shim would hand over for these values, by slot. */
function outgoing(values: readonly (SignalValue | undefined)[], inputs = INPUTS, stepEnd = 0.2): OutgoingRow {
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

const encode = (values: readonly (SignalValue | undefined)[], inputs = INPUTS): string =>
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
