/** Round numbers along an axis, and how they are written. */

export interface Ticks {
  readonly values: readonly number[];
  readonly labels: readonly string[];
  /** The labels are to be multiplied by 10^exponent. */
  readonly exponent: number;
}

/** About `wanted` round numbers from `min` to `max`. */
export function ticksBetween(min: number, max: number, wanted: number): Ticks {
  const { mantissa, power } = roundStep((max - min) / Math.max(1, wanted));
  const step = mantissa * 10 ** power;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  const counts = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  const exponent = commonExponent(Math.max(Math.abs(first), Math.abs(last)) * step);
  const decimals = Math.max(0, exponent - power + (Number.isInteger(mantissa) ? 0 : 1));
  // Divided by a power of ten a decimal number is the nearest double; multiplied by a negative one it need not be.
  const scaled = (count: number, by: number) =>
    by >= 0 ? count * mantissa * 10 ** by : (count * mantissa) / 10 ** -by;
  return {
    values: counts.map((count) => scaled(count, power)),
    labels: counts.map((count) => formatFixed(scaled(count, power - exponent), decimals)),
    exponent,
  };
}

/** 1, 2, 2.5 or 5 times a power of ten, not smaller than `rough`. */
function roundStep(rough: number): { mantissa: number; power: number } {
  const power = Math.floor(Math.log10(rough));
  const mantissa = [1, 2, 2.5, 5].find((each) => each * 10 ** power >= rough * (1 - 1e-9));
  return mantissa === undefined ? { mantissa: 1, power: power + 1 } : { mantissa, power };
}

/** A multiple of three where the numbers would be long without. */
function commonExponent(greatest: number): number {
  if (greatest === 0 || (greatest >= 1e-3 && greatest < 1e6)) return 0;
  return 3 * Math.floor(Math.log10(greatest) / 3 + 1e-9);
}

function formatFixed(value: number, decimals: number): string {
  const text = value.toFixed(Math.min(decimals, 20));
  const [whole = '', fraction] = (Number(text) === 0 ? text.replace('-', '') : text).split('.');
  const grouped = whole.replace('-', '\u2212').replace(/\B(?=(\d{3})+$)/g, whole.length > 4 ? '\u202f' : '');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A number of the summary: a few significant digits. */
export function formatShort(value: number): string {
  return String(Number(value.toPrecision(5))).replace('-', '\u2212');
}

/** 10⁶ */
export function powerOfTen(exponent: number): string {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  return `10${String(exponent)
    .replace(/\d/g, (digit) => digits[Number(digit)]!)
    .replace('-', '⁻')}`;
}
