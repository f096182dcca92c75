#include "number.h"

#include <float.h>
#include <string.h>

typedef unsigned __int128 uint128;

/* -- Reading -------------------------------------------------------------------------------------------------------- */

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* Whether the 8 bytes of `chunk` are digits: adding 6 to a digit leaves its upper half at 3. */
static inline bool all_digits(uint64_t chunk) {
  return ((chunk & 0xf0f0f0f0f0f0f0f0u) | (((chunk + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) >> 4)) ==
         0x3333333333333333u;
}

/* The value of 8 digits, the first in the lowest byte: neighbours are joined to pairs, pairs to fours, fours to eight. */
static inline uint64_t value_of_8(uint64_t chunk) {
  chunk -= 0x3030303030303030u;
  chunk = chunk * 10 + (chunk >> 8);
  const uint64_t pairs = 0x000000ff000000ffu;
  return (((chunk & pairs) * (100 + (1000000ull << 32)) + ((chunk >> 16) & pairs) * (1 + (10000ull << 32))) >> 32) &
         0xffffffffu;
}

/* Digits from `at` on, appended to `*value` (modulo 2^64); returns the byte behind them. */
static inline const uint8_t *read_digits(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  uint64_t v = *value;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  while (end - at >= 8) {
    uint64_t chunk;
    memcpy(&chunk, at, 8);
    if (!all_digits(chunk)) break;
    v = v * 100000000u + value_of_8(chunk);
    at += 8;
  }
#endif
  while (at < end && is_digit(*at)) v = v * 10 + (uint64_t)(*at++ - '0');
  *value = v;
  return at;
}

/* More digits than this may not fit into 64 bits. */
enum { MAX_DIGITS = 19 };

/* How many digits of `first` .. `end` (which may hold a point) are left without leading zeros. */
static int64_t significant(const uint8_t *first, const uint8_t *end, int64_t digits) {
  for (; first < end && (*first == '0' || *first == '.'); first++) digits -= *first == '0';
  return digits;
}

bool tb_read_decimal(const uint8_t **at, const uint8_t *end, tb_decimal *decimal) {
  const uint8_t *p = *at;
  bool negative = p < end && *p == '-';
  p += negative;
  const uint8_t *first = p;
  uint64_t digits = 0;
  p = read_digits(p, end, &digits);
  int64_t count = p - first;
  if (count == 0 || (count > 1 && *first == '0')) return false;
  int64_t exponent = 0;
  bool integer = true;
  if (p < end && *p == '.') {
    const uint8_t *fraction = ++p;
    p = read_digits(p, end, &digits);
    exponent = fraction - p;
    if (exponent == 0) return false;
    count -= exponent;
    integer = false;
  }
  if (count > MAX_DIGITS && significant(first, p, count) > MAX_DIGITS) return false;
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    bool minus = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    const uint8_t *begin = p;
    int32_t written = 0;
    while (p < end && is_digit(*p) && p - begin < 4) written = written * 10 + (*p++ - '0');
    if (p == begin || (p < end && is_digit(*p))) return false;
    exponent += minus ? -written : written;
    integer = false;
  }
  if (exponent < INT32_MIN || exponent > INT32_MAX) return false;
  *decimal = (tb_decimal){digits, (int32_t)exponent, negative, integer};
  *at = p;
  return true;
}

static const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

bool tb_skip_number(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at;
  p += p < end && *p == '-';
  const uint8_t *first = p;
  p = skip_digits(p, end);
  if (p == first || (p - first > 1 && *first == '0')) return false;
  if (p < end && *p == '.') {
    const uint8_t *fraction = ++p;
    p = skip_digits(p, end);
    if (p == fraction) return false;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    p += p < end && (*p == '-' || *p == '+');
    const uint8_t *begin = p;
    p = skip_digits(p, end);
    if (p == begin) return false;
  }
  *at = p;
  return true;
}

/* -- Converting ----------------------------------------------------------------------------------------------------- */

enum { MAX_POWER = 27 }; /* 5^27 is the last power of 5 that fits into 64 bits */

static const uint64_t POWERS_OF_5[MAX_POWER + 1] = {
    1u,
    5u,
    25u,
    125u,
    625u,
    3125u,
    15625u,
    78125u,
    390625u,
    1953125u,
    9765625u,
    48828125u,
    244140625u,
    1220703125u,
    6103515625u,
    30517578125u,
    152587890625u,
    762939453125u,
    3814697265625u,
    19073486328125u,
    95367431640625u,
    476837158203125u,
    2384185791015625u,
    11920928955078125u,
    59604644775390625u,
    298023223876953125u,
    1490116119384765625u,
    7450580596923828125u,
};

static int bit_length(uint128 value) {
  uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
  return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

/*
 * The double nearest to `magnitude * 2^exponent`, plus something below the last bit of `magnitude` if `sticky` (which
 * needs a magnitude of more than 54 bits). The result is never subnormal or infinite for the ranges computed here.
 */
static uint64_t to_double_bits(uint128 magnitude, int exponent, bool sticky) {
  enum { PRECISION = 53, BIAS = 1023 };
  int shift = bit_length(magnitude) - PRECISION;
  uint64_t kept;
  if (shift <= 0) {
    kept = (uint64_t)magnitude << -shift;
  } else {
    kept = (uint64_t)(magnitude >> shift);
    uint128 rest = magnitude & (((uint128)1 << shift) - 1), half = (uint128)1 << (shift - 1);
    if (rest > half || (rest == half && (sticky || (kept & 1)))) kept++;
    if (kept >> PRECISION) {
      kept >>= 1;
      shift++;
    }
  }
  uint64_t biased = (uint64_t)(exponent + shift + (PRECISION - 1) + BIAS);
  return biased << (PRECISION - 1) | (kept & (((uint64_t)1 << (PRECISION - 1)) - 1));
}

/* digits * 10^power: 64 bits times at most 63 bits, exact. */
static uint64_t scaled_up(uint64_t digits, int power) {
  return to_double_bits((uint128)digits * POWERS_OF_5[power], power, false);
}

/*
 * digits / 10^power. The digits are shifted left by whole words until the quotient has more than 54 bits, then divided by
 * 5^power in steps of at most 5^27: floor(floor(n / a) / b) = floor(n / ab), and the quotient is exact if no step left
 * a remainder. Two words do for 5^27, four for 5^81 (256 - 189 bits are left).
 */
static uint64_t scaled_down(uint64_t digits, int power) {
  int words = power <= MAX_POWER ? 2 : 4;
  int normalisation = __builtin_clzll(digits);
  uint64_t quotient[4] = {digits << normalisation};
  bool sticky = false;
  for (int left = power; left > 0; left -= MAX_POWER) {
    uint64_t divisor = POWERS_OF_5[left < MAX_POWER ? left : MAX_POWER], remainder = 0;
    for (int i = 0; i < words; i++) {
      uint128 part = (uint128)remainder << 64 | quotient[i];
      quotient[i] = (uint64_t)(part / divisor);
      remainder = (uint64_t)(part - (uint128)quotient[i] * divisor);
    }
    sticky = sticky || remainder != 0;
  }
  int top = 0;
  while (quotient[top] == 0) top++; /* at most words - 2: see the bits left */
  for (int i = top + 2; i < words; i++) sticky = sticky || quotient[i] != 0;
  uint64_t next = top + 1 < words ? quotient[top + 1] : 0;
  return to_double_bits((uint128)quotient[top] << 64 | next, 64 * (words - 2 - top) - 64 * (words - 1) - normalisation - power,
                        sticky);
}

bool tb_decimal_to_double(const tb_decimal *decimal, double *value) {
  uint64_t digits = decimal->digits;
  int power = decimal->exponent;
#if FLT_EVAL_METHOD == 0
  /* Both operands are exact doubles, so one division or multiplication rounds once, that is correctly (Clinger 1990). */
  static const double POWERS_OF_10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (digits <= (uint64_t)1 << 53 && power >= -22 && power <= 22) {
    double magnitude = (double)digits;
    magnitude = power < 0 ? magnitude / POWERS_OF_10[-power] : magnitude * POWERS_OF_10[power];
    *value = decimal->negative ? -magnitude : magnitude;
    return true;
  }
#endif
  uint64_t bits;
  if (digits == 0) bits = 0;
  else if (power >= 0 && power <= MAX_POWER) bits = scaled_up(digits, power);
  else if (power < 0 && power >= -3 * MAX_POWER) bits = scaled_down(digits, -power);
  else return false;
  bits |= (uint64_t)decimal->negative << 63;
  memcpy(value, &bits, sizeof bits);
  return true;
}
