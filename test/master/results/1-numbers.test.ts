import { describe, expect, it } from 'vitest';
import { CELL_KINDS } from '#tb/master/results/rows.js';
import { csvRows } from '#tb/native/index.js';

/** Texts of the numbers in `cells`, as the native library writes them. */
function written(cells: BigInt64Array, kind: (typeof CELL_KINDS)[number]): string[] {
  const matrix = { rows: cells.length, cellsPerRow: 1, integers: cells, texts: new Uint8Array(0) };
  const to = Buffer.alloc(cells.length * 28 + 100);
  const { rows, bytes } = csvRows(matrix, Uint8Array.of(CELL_KINDS.indexOf(kind)), 0, to);
  expect(rows).toBe(cells.length);
  return to.toString('latin1', 0, bytes).slice(0, -2).split('\r\n');
}

const inJavaScript = (value: number) => (Object.is(value, -0) ? '-0' : String(value));

/** Every double of `values`, and its negative, is written as JavaScript does. */
function expectAsInJavaScript(values: Float64Array): void {
  const texts = written(new BigInt64Array(values.buffer), 'float');
  const wrong: string[] = [];
  for (let i = 0; i < values.length; i++) {
    if (texts[i] !== inJavaScript(values[i]!)) wrong.push(`${values[i]} is written ${texts[i]}`);
  }
  expect(wrong.slice(0, 10)).toEqual([]);
  expect(texts).toHaveLength(values.length);
}

/** Doubles from bit patterns: high and low word. */
class Bits {
  readonly #words: number[] = [];

  add(high: number, low: number): void {
    this.#words.push(low >>> 0, high >>> 0);
  }

  /** The double and those around it. */
  addAround(value: number, distance = 2): void {
    const bits = new BigInt64Array(Float64Array.of(value).buffer)[0]!;
    for (let d = -distance; d <= distance; d++) {
      const near = BigInt.asUintN(64, bits + BigInt(d));
      this.add(Number(near >> 32n), Number(near & 0xffffffffn));
    }
  }

  get values(): Float64Array {
    return new Float64Array(Uint32Array.from(this.#words).buffer);
  }
}

/** xorshift32: the same numbers in every run, 32 bits each. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function randomDoubles(count: number, seed: number, shape: (word: () => number) => [number, number]): Float64Array {
  const words = new Uint32Array(2 * count);
  const next = random(seed);
  for (let i = 0; i < count; i++) {
    const [high, low] = shape(next);
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  return new Float64Array(words.buffer);
}

const MILLION = 1_000_000;

describe('1 a double is written with the shortest digits that read back the same', () => {
  it('1.1 laid out as in JavaScript, but for the sign of zero', () => {
    const values = Float64Array.of(
      ...[0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, -1, 0.1, 1e20, 1e21, 123456.789],
      ...[1e-6, 1e-7, -1.5e-7, 2 ** 53, 2 ** 53 + 2, 1e23, 5e-324, Number.MAX_VALUE, -1.2345678901234567e-6],
    );
    expect(written(new BigInt64Array(values.buffer), 'float')).toEqual([
      ...['0', '-0', 'NaN', 'Infinity', '-Infinity', '1', '-1', '0.1', '100000000000000000000', '1e+21', '123456.789'],
      ...['0.000001', '1e-7', '-1.5e-7', '9007199254740992', '9007199254740994', '1e+23', '5e-324'],
      ...['1.7976931348623157e+308', '-0.0000012345678901234567'],
    ]);
  });

  it('1.2 at every power of two and around it, of either sign', () => {
    const bits = new Bits();
    for (let exponent = 0; exponent < 0x7ff; exponent++) {
      for (const sign of [0, 0x800]) {
        const high = (sign | exponent) << 20;
        for (const [fraction, low] of [
          [0, 0],
          [0, 1],
          [0, 2],
          [0xfffff, 0xffffffff],
          [0xfffff, 0xfffffffe],
        ] as const) {
          bits.add(high | fraction, low);
        }
      }
    }
    for (let shift = 0; shift < 52; shift++) bits.addAround(5e-324 * 2 ** shift);
    expectAsInJavaScript(bits.values);
  });

  it('1.3 at every short decimal and the doubles around it', () => {
    const bits = new Bits();
    for (let exponent = -324; exponent <= 308; exponent++) {
      for (const digits of ['1', '2', '5', '9', '12', '1.5', '9.99', '123', '999999', '1.0000001']) {
        const value = Number(`${digits}e${exponent}`);
        if (Number.isFinite(value) && value !== 0) bits.addAround(value);
      }
    }
    expectAsInJavaScript(bits.values);
  });

  it('1.4 of whole numbers, up to where they are no longer exact', () => {
    const values: number[] = [];
    for (let i = 0; i < 100_000; i++) values.push(i, -i);
    for (let power = 1; power < 80; power++) {
      for (let near = -50; near <= 50; near++) values.push(2 ** power + near, 10 ** (power % 23) + near);
    }
    expectAsInJavaScript(Float64Array.from(values));
  });

  it('1.5 where the decimal lies half-way between two others', () => {
    // c * 2^q with q from -1 on down to -60: its exact decimal has one digit more than fits, and that is a 5.
    const next = random(5);
    const values: number[] = [];
    for (let i = 0; i < 200_000; i++) values.push((2 ** 52 + next()) / 2 ** (next() % 60), (next() + 0.5) * 2 ** 20);
    for (let i = 0; i < 200_000; i++) values.push((2 * next() + 1) * 2 ** (22 + (next() % 30)));
    expectAsInJavaScript(Float64Array.from(values));
  });

  it.each([1, 2, 3, 4])('1.6 of a million random bit patterns (%i)', (seed) => {
    expectAsInJavaScript(randomDoubles(MILLION, seed * 7919, (word) => [word(), word()]));
  });

  it('1.7 of half a million random subnormal numbers', () => {
    expectAsInJavaScript(randomDoubles(MILLION / 2, 17, (word) => [(word() & 0x800fffff) >>> (word() % 12), word()]));
  });

  it('1.8 of half a million numbers as they are measured', () => {
    const next = random(23);
    expectAsInJavaScript(Float64Array.from({ length: MILLION / 2 }, () => next() / 10 ** (next() % 10)));
  });
});

describe('2 a whole number of 64 bits is written with all its digits', () => {
  const edges = (least: bigint, greatest: bigint) => {
    const values = new Set<bigint>();
    for (let power = 0n; power < 64n; power++) {
      for (let near = -2n; near <= 2n; near++) values.add(2n ** power + near).add(-(2n ** power) + near);
    }
    for (let power = 0n; power < 20n; power++) {
      for (const near of [-1n, 0n, 1n]) values.add(10n ** power + near).add(-(10n ** power) + near);
    }
    values.add(least).add(greatest);
    return [...values].filter((value) => value >= least && value <= greatest);
  };

  it('2.1 with a sign', () => {
    const values = edges(-(2n ** 63n), 2n ** 63n - 1n);
    expect(written(BigInt64Array.from(values), 'integer')).toEqual(values.map(String));
  });

  it('2.2 without', () => {
    const values = edges(0n, 2n ** 64n - 1n);
    expect(written(BigInt64Array.from(values.map((value) => BigInt.asIntN(64, value))), 'unsigned')).toEqual(
      values.map(String),
    );
  });

  it('2.3 of a hundred thousand at random', () => {
    const values = new BigInt64Array(randomDoubles(100_000, 31, (word) => [word() >>> (word() % 32), word()]).buffer);
    expect(written(values, 'integer')).toEqual(Array.from(values, String));
    expect(written(values, 'unsigned')).toEqual(Array.from(new BigUint64Array(values.buffer), String));
  });
});
