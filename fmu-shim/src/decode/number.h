/*
 * Decimal to double, correctly rounded (nearest, ties to even), by integer arithmetic: no strtod, hence no locale.
 */
#ifndef TB_NUMBER_H
#define TB_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A number as JSON writes it: (-1)^negative * digits * 10^exponent. */
typedef struct {
  uint64_t digits;
  int32_t exponent;
  bool negative;
  bool integer; /* neither point nor exponent was written */
} tb_decimal;

/*
 * Reads the JSON number at `*at` and moves `*at` behind it. false: it is none, or it has more than 19 significant
 * digits or an exponent of more than 4; `*at` is undefined then.
 */
bool tb_read_decimal(const uint8_t **at, const uint8_t *end, tb_decimal *decimal);

/* Moves `*at` behind the JSON number there, of any length; false: it is none. */
bool tb_skip_number(const uint8_t **at, const uint8_t *end);

/* false: out of the range that is computed here, 10^-81 <= 10^exponent <= 10^27; `*value` is untouched then. */
bool tb_decimal_to_double(const tb_decimal *decimal, double *value);

#endif
