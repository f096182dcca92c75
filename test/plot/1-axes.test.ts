import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatShort, powerOfTen, ticksBetween } from '#tb/plot/ticks.js';

describe('round numbers along an axis', () => {
  it.each([
    [0, 10, 5, [0, 2, 4, 6, 8, 10], ['0', '2', '4', '6', '8', '10'], 0],
    [0, 1, 4, [0, 0.25, 0.5, 0.75, 1], ['0.00', '0.25', '0.50', '0.75', '1.00'], 0],
    [-0.3, 0.3, 6, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3], ['−0.3', '−0.2', '−0.1', '0.0', '0.1', '0.2', '0.3'], 0],
    [3, 47, 4, [20, 40], ['20', '40'], 0],
    [0, 30_000, 3, [0, 10_000, 20_000, 30_000], ['0', '10\u202f000', '20\u202f000', '30\u202f000'], 0],
    [0, 4e6, 4, [0, 1e6, 2e6, 3e6, 4e6], ['0', '1', '2', '3', '4'], 6],
    [0, 2e-5, 4, [0, 5e-6, 1e-5, 1.5e-5, 2e-5], ['0', '5', '10', '15', '20'], -6],
    [
      1e9,
      1e9 + 4,
      4,
      [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4],
      ['1.000000000', '1.000000001', '1.000000002', '1.000000003', '1.000000004'],
      9,
    ],
  ])('from %d to %d', (min, max, wanted, values, labels, exponent) => {
    expect(ticksBetween(min, max, wanted)).toEqual({ values, labels, exponent });
  });

  it('lie between the ends, apart from one another by a round step, and say what they are', () => {
    const ends = fc
      .tuple(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), fc.double({ min: 1e-9, max: 1e12, noNaN: true }))
      .filter(([min, width]) => width > Math.abs(min) * 1e-9);
    fc.assert(
      fc.property(ends, fc.integer({ min: 2, max: 12 }), ([min, width], wanted) => {
        const max = min + width;
        const { values, labels, exponent } = ticksBetween(min, max, wanted);
        expect(values.length).toBeLessThanOrEqual(wanted + 1);
        expect(values.length).toBeGreaterThanOrEqual(Math.floor(wanted / 2.5) - 1);
        const slack = 1e-6 * width;
        values.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(min - slack);
          expect(value).toBeLessThanOrEqual(max + slack);
          const said = Number(labels[i]!.replaceAll('\u202f', '').replace('−', '-')) * 10 ** exponent;
          expect(Math.abs(said - value)).toBeLessThanOrEqual(slack + 1e-12 * Math.abs(value));
        });
        expect(new Set(labels).size).toBe(labels.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('have powers in small digits', () => {
    expect([powerOfTen(6), powerOfTen(-12), formatShort(-1.23456789)]).toEqual(['10⁶', '10⁻¹²', '−1.2346']);
  });
});
