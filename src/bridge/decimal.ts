/**
 * Whole numbers out of decimal ones, exactly: a double holds integers up to 2^53 only, and `12.3 * 10` is not 123 in it.
 */

/** (-1)^sign * digits * 10^exponent, with the sign in the digits. */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** Of a number as JSON writes it (or `String(number)`); undefined: it has an exponent beyond reason. */
function toDecimal(text: string): Decimal | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  // Trailing zeros as exponent: no number is longer for them.
  const all = (whole + fraction).replace(/^0+(?=\d)/, '');
  const digits = all.replace(/0+$/, '') || '0';
  const exponent = digits === '0' ? 0 : Number(power) - fraction.length + (all.length - digits.length);
  if (Math.abs(exponent) > MOST_DIGITS || digits.length > MOST_DIGITS) return undefined;
  return { digits: BigInt(sign + digits), exponent };
}

/** Far more than 64 bits and any factor need; a message must not make us compute with millions of digits. */
const MOST_CHARACTERS = 1000;
const MOST_DIGITS = 1000;

/**
 * The number in `text`, times `scale`, plus `offset`, computed exactly. `undefined`: that is not whole.
 * `'out of range'`: its size is beyond reason.
 */
export function exactInteger(text: string, scale = 1, offset = 0): bigint | undefined | 'out of range' {
  const number = toDecimal(text);
  const factor = toDecimal(String(scale));
  const summand = toDecimal(String(offset));
  if (number === undefined || factor === undefined || summand === undefined) {
    // A huge negative exponent is a fraction, a huge positive one a huge number.
    return /[eE]-/.test(text) || text.includes('.') ? undefined : 'out of range';
  }
  const product = { digits: number.digits * factor.digits, exponent: number.exponent + factor.exponent };
  const exponent = Math.min(product.exponent, summand.exponent, 0);
  const sum =
    product.digits * 10n ** BigInt(product.exponent - exponent) +
    summand.digits * 10n ** BigInt(summand.exponent - exponent);
  const unit = 10n ** BigInt(-exponent);
  return sum % unit === 0n ? sum / unit : undefined;
}

/** Of the inverse; a quotient that has more (a third) is rounded to a double. */
const MOST_DECIMALS = 20;

function withPoint(digits: bigint, decimals: number): string {
  if (decimals === 0) return String(digits);
  const sign = digits < 0n ? '-' : '';
  const text = String(digits < 0n ? -digits : digits).padStart(decimals + 1, '0');
  return `${sign}${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

/** The inverse: `(value - offset) / scale` as JSON writes it, exact where a finite decimal number is. */
export function unscaledInteger(value: bigint, scale = 1, offset = 0): string {
  if (scale === 1 && Number.isInteger(offset)) return String(value - BigInt(offset));
  const factor = toDecimal(String(scale))!;
  const summand = toDecimal(String(offset))!;
  // (value - o * 10^eo) / (f * 10^ef), with both sides times a power of ten that makes them whole.
  const lowest = Math.min(factor.exponent, summand.exponent, 0);
  const numerator = value * 10n ** BigInt(-lowest) - summand.digits * 10n ** BigInt(summand.exponent - lowest);
  const denominator = factor.digits * 10n ** BigInt(factor.exponent - lowest);
  for (let decimals = 0; decimals <= MOST_DECIMALS; decimals++) {
    const shifted = numerator * 10n ** BigInt(decimals);
    if (shifted % denominator === 0n) return withPoint(shifted / denominator, decimals);
  }
  return String(Number(numerator) / Number(denominator));
}
