/** `compat: strict`: the bytes that RMQFMU wrote, where they were JSON. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringAreas } from '#tb/bridge/layout.js';
import { createStrictEncoder, sixDigits } from '#tb/bridge/rmqfmu/strict-encoder.js';
import type { Signal, SignalValue } from '#tb/bridge/signals.js';
import type { OutgoingRow } from '#tb/native/index.js';

const INPUTS: readonly Signal[] = [
  { name: 's', type: 'String', slot: 0, source: 0, maxLength: 20 },
  { name: 'r', type: 'Real', slot: 1, source: 0 },
  { name: 'i', type: 'Integer', slot: 2, source: 0 },
  { name: 'bo', type: 'Boolean', slot: 3, source: 0 },
];

/** What doStep hands over; `undefined`: this input is not to be sent. */
function row(values: readonly (SignalValue | undefined)[]): OutgoingRow {
  const bytes = new ArrayBuffer(8 * INPUTS.length);
  const strings = Buffer.alloc(32);
  const row = {
    doingNs: BigInt(Date.UTC(2026, 10, 21, 3, 34, 58, 555)) * 1_000_000n,
    stepEnd: 0.2,
    mask: new BigUint64Array(1),
    real: new Float64Array(bytes),
    integer: new BigInt64Array(bytes),
    strings,
  };
  const areas = stringAreas(INPUTS);
  for (const [slot, value] of values.entries()) {
    if (value === undefined) continue;
    row.mask[0]! |= 1n << BigInt(slot);
    if (typeof value === 'string') row.integer[slot] = BigInt(strings.write(value, areas[slot]!.offset));
    else if (INPUTS[slot]!.type === 'Real') row.real[slot] = Number(value);
    else row.integer[slot] = BigInt(Number(value));
  }
  return row;
}

const encode = (...values: (SignalValue | undefined)[]) => createStrictEncoder(INPUTS).encode(row(values)).toString();

describe('a message', () => {
  it('has its inputs in the order of their names, booleans as 0 and 1, a blank before time and simstep', () => {
    expect(encode('hi', Math.PI, -7, true)).toBe(
      '{"bo":1,"i":-7,"r":3.14159,"s":"hi", "time":"2026-11-21T03:34:58.555+00:00", "simstep":"200.000000"}',
    );
  });

  it('without inputs has time and simstep', () => {
    expect(encode()).toBe('{ "time":"2026-11-21T03:34:58.555+00:00", "simstep":"200.000000"}');
  });

  it('is JSON all the same: texts are escaped, NaN is null', () => {
    const body = encode('say "hi"\n', Number.NaN);
    expect(JSON.parse(body)).toMatchObject({ s: 'say "hi"\n', r: null });
  });
});

describe('six digits', () => {
  it.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-2.5, '-2.5'],
    [123456789.123, '1.23457e+08'],
    [999999.5, '1e+06'],
    [999999.4, '999999'],
    [100000, '100000'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1e300, '1e+300'],
    [5e-324, '4.94066e-324'],
  ])('%d is %s', (value, text) => {
    expect(sixDigits(value)).toBe(text);
  });

  it("are those of C's %g: 5,000 generated doubles", () => {
    const values = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 5000);
    // awk's printf is that of C.
    const lines = execFileSync('awk', ['{ printf "%g\\n", $1 }'], {
      input: values.map((value) => `${Object.is(value, -0) ? '-0.0' : value}\n`).join(''),
      env: { ...process.env, LC_ALL: 'C' },
    });
    expect(values.map(sixDigits)).toEqual(lines.toString().trimEnd().split('\n'));
  });
});
