#include "decimal.h"

#include <stdbool.h>
#include <string.h>

#include "powers_of_ten.h"

typedef unsigned __int128 uint128;

/* -- Digits --------------------------------------------------------------------------------------------------------- */

/*
 * The 8 digits of `value` < 10^8, one a byte, the first in the lowest: the number is cut into halves, these into pairs,
 * these into digits, all of a kind at once. Dividing is multiplying: 10486 / 2^20 and 103 / 2^10 are just above 1/100 and
 * 1/10, near enough below 10^4 and 10^2.
 */
static inline uint64_t digits_of_8(uint32_t value) {
  uint64_t halves = value / 10000 | (uint64_t)(value % 10000) << 32;
  uint64_t hundreds = ((halves * 10486) >> 20) & 0x0000007f0000007fu;
  uint64_t pairs = hundreds | (halves - 100 * hundreds) << 16;
  uint64_t tens = ((pairs * 103) >> 10) & 0x000f000f000f000fu;
  return tens | (pairs - 10 * tens) << 8;
}

static inline void put_8(char *to, uint64_t digits) {
  digits |= 0x3030303030303030u;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  digits = __builtin_bswap64(digits);
#endif
  memcpy(to, &digits, 8);
}

enum { TEN_8 = 100000000 };

char *tb_write_uint64(char *to, uint64_t value) {
  char digits[24 + 24];
  uint64_t upper = value / TEN_8;
  uint64_t words[3] = {digits_of_8((uint32_t)(upper / TEN_8)), digits_of_8((uint32_t)(upper % TEN_8)),
                       digits_of_8((uint32_t)(value % TEN_8))};
  for (int i = 0; i < 3; i++) put_8(digits + 8 * i, words[i]);
  int zeros = 23;
  for (int i = 2; i >= 0; i--)
    if (words[i] != 0) zeros = 8 * i + __builtin_ctzll(words[i]) / 8;
  memcpy(to, digits + zeros, 24);
  return to + 24 - zeros;
}

char *tb_write_int64(char *to, int64_t value) {
  if (value >= 0) return tb_write_uint64(to, (uint64_t)value);
  *to = '-';
  return tb_write_uint64(to + 1, -(uint64_t)value);
}

/* -- The shortest decimal: Raffaello Giulietti, The Schubfach way to render doubles (2021) --------------------------- */

/* digits * 10^exponent; the digits may end in zeros. */
typedef struct {
  uint64_t digits;
  int exponent;
} decimal;

/* Shifted right, a negative number is rounded down by every compiler there is. The constants are the logarithms times
   the power of two, and hold for all exponents of doubles (|e| <= 1100). */
static inline int floor_log10_pow2(int e) { return (e * 315653) >> 20; }
static inline int floor_log10_three_quarters_pow2(int e) { return (e * 1262611 - 524031) >> 22; }
static inline int floor_log2_pow10(int e) { return (e * 1741647) >> 19; }

/*
 * number * power / 2^128, rounded to odd: down, and the last bit set if anything was cut off (9.9). The power is too great
 * by up to 2, hence the product by less than 2^65: that much is none (9.8 shows that nothing so small is ever real).
 */
static inline uint64_t round_to_odd(tb_power power, uint64_t number) {
  uint128 product = (uint128)number * power.high + (uint64_t)(((uint128)number * power.low) >> 64);
  return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/*
 * Of a double c 2^q > 0. 10^k is the greatest power of ten that is not greater than the width of the interval of numbers
 * that read as this double, which therefore has at least one multiple of 10^k and at most one of 10^(k+1): the latter is
 * the shortest if it is there, else the multiple of 10^k that is nearest. All in quarters of 10^k.
 */
static decimal shortest(uint64_t fraction, int biased_exponent) {
  const uint64_t least_normal = (uint64_t)1 << 52;
  uint64_t c = biased_exponent == 0 ? fraction : fraction | least_normal;
  int q = (biased_exponent == 0 ? 1 : biased_exponent) - 1075;
  /* The double below a power of two is only half as far away. */
  bool irregular = fraction == 0 && biased_exponent > 1;
  int k = irregular ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
  int shift = q + floor_log2_pow10(-k) + 2;
  tb_power power = tb_powers_of_ten()[-k - TB_LEAST_POWER];
  uint64_t value = round_to_odd(power, 4 * c << shift);
  /* An even c is what a number half-way between two doubles reads as: the ends belong to the interval. */
  uint64_t odd = c & 1;
  uint64_t least = round_to_odd(power, (4 * c - (irregular ? 1 : 2)) << shift) + odd;
  uint64_t greatest = round_to_odd(power, (4 * c + 2) << shift) - odd;

  uint64_t below = value / 4, ten_below = below / 10 * 10, ten_above = ten_below + 10;
  if (4 * ten_below >= least) return (decimal){ten_below, k};
  if (4 * ten_above <= greatest) return (decimal){ten_above, k};

  bool below_reads = 4 * below >= least, above_reads = 4 * (below + 1) <= greatest;
  bool above_is_nearer = value > 4 * below + 2 || (value == 4 * below + 2 && (below & 1) != 0);
  return (decimal){below_reads && !(above_reads && above_is_nearer) ? below : below + 1, k};
}

/* -- Layout: ECMA-262, Number::toString ------------------------------------------------------------------------------ */

static char *write_exponent(char *to, int exponent) {
  *to++ = 'e';
  *to++ = exponent < 0 ? '-' : '+';
  int e = exponent < 0 ? -exponent : exponent;
  if (e >= 100) *to++ = (char)('0' + e / 100);
  if (e >= 10) *to++ = (char)('0' + e / 10 % 10);
  *to++ = (char)('0' + e % 10);
  return to;
}

/* `digits` has `count` of them, at most 17, and 17 bytes that can be read; 0.digits * 10^point is the number. */
static char *lay_out(char *to, const char *digits, int count, int point) {
  if (point > 21 || point <= -6) {
    *to++ = digits[0];
    if (count > 1) {
      *to++ = '.';
      memcpy(to, digits + 1, 16);
      to += count - 1;
    }
    return write_exponent(to, point - 1);
  }
  if (point <= 0) {
    memcpy(to, "0.000000", 8);
    memcpy(to + 2 - point, digits, 17);
    return to + 2 - point + count;
  }
  memcpy(to, digits, 17);
  if (point >= count) {
    for (int i = count; i < point; i++) to[i] = '0';
    return to + point;
  }
  to[point] = '.';
  memcpy(to + point + 1, digits + point, 16);
  return to + 1 + count;
}

char *tb_write_double(char *to, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
  int biased_exponent = bits >> 52 & 0x7ff;
  if (biased_exponent == 0x7ff && fraction != 0) return memcpy(to, "NaN", 3), to + 3;
  *to = '-';
  to += bits >> 63;
  if (biased_exponent == 0x7ff) return memcpy(to, "Infinity", 8), to + 8;
  if ((bits & ~((uint64_t)1 << 63)) == 0) return *to = '0', to + 1;

  /* Below 2^53 the digits of a whole number are the shortest: other decimals that read the same have a fraction. */
  double magnitude = bits >> 63 ? -value : value;
  if (magnitude < 9007199254740992.0 && magnitude == (double)(uint64_t)magnitude)
    return tb_write_uint64(to, (uint64_t)magnitude);

  decimal d = shortest(fraction, biased_exponent);
  /* At most 17 digits: one, eight, eight. */
  char digits[17 + 17];
  uint64_t upper = d.digits / TEN_8;
  uint64_t first = digits_of_8((uint32_t)(upper % TEN_8)), second = digits_of_8((uint32_t)(d.digits % TEN_8));
  digits[0] = (char)('0' + upper / TEN_8);
  put_8(digits + 1, first);
  put_8(digits + 9, second);
  int begin = upper >= TEN_8 ? 0 : first != 0 ? 1 + __builtin_ctzll(first) / 8 : 9 + __builtin_ctzll(second) / 8;
  int end = second != 0 ? 17 - __builtin_clzll(second) / 8 : first != 0 ? 9 - __builtin_clzll(first) / 8 : 1;
  return lay_out(to, digits + begin, end - begin, 17 - begin + d.exponent);
}
