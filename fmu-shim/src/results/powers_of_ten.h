/* The powers of ten that doubles need on their way to decimal digits, computed once in the life of the process. */
#ifndef TB_POWERS_OF_TEN_H
#define TB_POWERS_OF_TEN_H

#include <stdint.h>

/* 10^-292 for the largest doubles, 10^324 for the smallest. */
enum { TB_LEAST_POWER = -292, TB_GREATEST_POWER = 324 };

/*
 * 2 (floor(10^e 2^-r) + 1) with the r for which 2^125 <= 10^e 2^-r < 2^126: twice the g of the paper (9.5), so that
 * its product with a number of 64 bits is to be divided by 2^128, which costs nothing.
 */
typedef struct {
  uint64_t high, low;
} tb_power;

/* From TB_LEAST_POWER on. The first call takes a tenth of a millisecond; any thread may make it. */
const tb_power *tb_powers_of_ten(void);

#endif
