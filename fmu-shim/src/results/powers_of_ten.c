#include "powers_of_ten.h"

#include <stdatomic.h>

#include "../platform/platform.h"

typedef unsigned __int128 uint128;

/* A natural number, the least word first. 5^324 has 753 bits; 2^831 / 5^292 has 153, enough for 126. */
enum { WORDS = 26 };
typedef struct {
  uint32_t words[WORDS];
} natural;

static void multiply_by_5(natural *n) {
  uint64_t carry = 0;
  for (int i = 0; i < WORDS; i++) {
    carry += (uint64_t)n->words[i] * 5;
    n->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

/* floor(floor(n / a) / b) = floor(n / ab): repeated, it gives floor(n / 5^e). */
static void divide_by_5(natural *n) {
  uint64_t rest = 0;
  for (int i = WORDS - 1; i >= 0; i--) {
    rest = rest << 32 | n->words[i];
    n->words[i] = (uint32_t)(rest / 5);
    rest %= 5;
  }
}

/* From its leading 126 bits (with zeros behind a number that has fewer). */
static tb_power from_leading_bits(const natural *n) {
  int top = WORDS - 1;
  while (n->words[top] == 0) top--;
  uint128 bits = 0;
  for (int i = top; i > top - 4; i--) bits = bits << 32 | (i >= 0 ? n->words[i] : 0);
  int zeros = __builtin_clz(n->words[top]);
  if (zeros > 0) bits = bits << zeros | (top >= 4 ? n->words[top - 4] >> (32 - zeros) : 0);
  bits = ((bits >> 2) + 1) << 1;
  return (tb_power){(uint64_t)(bits >> 64), (uint64_t)bits};
}

static tb_power powers[TB_GREATEST_POWER - TB_LEAST_POWER + 1];

/* Powers of 2 do not change the leading bits, so those of 5 do. */
static void compute(void) {
  natural n = {{1}};
  for (int e = 0; e <= TB_GREATEST_POWER; e++, multiply_by_5(&n)) powers[e - TB_LEAST_POWER] = from_leading_bits(&n);
  n = (natural){{0}};
  n.words[WORDS - 1] = 1u << 31;
  for (int e = -1; e >= TB_LEAST_POWER; e--) {
    divide_by_5(&n);
    powers[e - TB_LEAST_POWER] = from_leading_bits(&n);
  }
}

const tb_power *tb_powers_of_ten(void) {
  enum { NONE, BEGUN, DONE };
  static atomic_int state = NONE;
  if (atomic_load_explicit(&state, memory_order_acquire) == DONE) return powers;
  /* No call_once: macOS has none. */
  int none = NONE;
  if (atomic_compare_exchange_strong(&state, &none, BEGUN)) {
    compute();
    atomic_store_explicit(&state, DONE, memory_order_release);
  }
  while (atomic_load_explicit(&state, memory_order_acquire) != DONE) tb_sleep_ns(10000);
  return powers;
}
