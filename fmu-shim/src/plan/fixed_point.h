/*
 * Values that go round a loop: from what went in and what came out, what goes in next.
 *
 * The loop's response to its inputs is learnt from all rounds so far by least squares (J. Degroote, K.-J. Bathe and J.
 * Vierendeels, Performance of a new partitioned procedure versus a monolithic procedure in fluid-structure interaction,
 * 2009, section 3.2): a linear loop of n values settles in n + 2 rounds, whatever its gain, where passing on the values
 * alone would diverge. src/master/fixed-point.ts does the same at the start.
 */
#ifndef TB_FIXED_POINT_H
#define TB_FIXED_POINT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint32_t n;    /* values */
  uint32_t room; /* differences that are remembered at most */
  uint32_t used; /* of it */
  bool begun;
  double *residual_changes, *result_changes; /* `room` of n values each, the newest first */
  double *last_residual, *last_result;
  double *basis, *triangle, *factors; /* for the least squares */
  uint32_t *chosen;
} tb_fixed_point;

/* false: there is no memory. */
bool tb_fixed_point_create(tb_fixed_point *point, uint32_t n);
void tb_fixed_point_destroy(tb_fixed_point *point);

/* Forgets all rounds: a step begins. */
void tb_fixed_point_begin(tb_fixed_point *point);

/* `values` went in and `results` came out; `values` are then what goes in next. */
void tb_fixed_point_next(tb_fixed_point *point, double *values, const double *results);

#endif
