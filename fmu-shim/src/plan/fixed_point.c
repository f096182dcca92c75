#include "fixed_point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Differences remembered: a round costs their number times that of the values. */
enum { MAX_DIFFERENCES = 32 };
/* A difference that has so little of its own, relatively, is made of the others and rounding. */
#define INDEPENDENT 1e-10

bool tb_fixed_point_create(tb_fixed_point *point, uint32_t n) {
  const size_t room = n < MAX_DIFFERENCES ? n : MAX_DIFFERENCES;
  *point = (tb_fixed_point){.n = n, .room = (uint32_t)room};
  double *memory = calloc(3 * room * n + 2 * (size_t)n + room * room + room + 1, sizeof *memory);
  point->chosen = calloc(room + 1, sizeof *point->chosen);
  point->residual_changes = memory;
  if (memory == NULL || point->chosen == NULL) return false;
  point->result_changes = memory + room * n;
  point->basis = point->result_changes + room * n;
  point->last_residual = point->basis + room * n;
  point->last_result = point->last_residual + n;
  point->triangle = point->last_result + n;
  point->factors = point->triangle + room * room;
  return true;
}

void tb_fixed_point_destroy(tb_fixed_point *point) {
  free(point->residual_changes);
  free(point->chosen);
}

void tb_fixed_point_begin(tb_fixed_point *point) {
  point->used = 0;
  point->begun = false;
}

static double dot(const double *a, const double *b, uint32_t n) {
  double sum = 0;
  for (uint32_t k = 0; k < n; k++) sum += a[k] * b[k];
  return sum;
}

/* The factors c with which |residual_changes c + residual| is smallest; 0 where a difference is no news. */
static void least_squares(tb_fixed_point *point, const double *residual) {
  const uint32_t n = point->n, room = point->room;
  uint32_t rank = 0;
  for (uint32_t j = 0; j < point->used; j++) {
    const double *column = point->residual_changes + (size_t)j * n;
    double *q = point->basis + (size_t)rank * n, *r = point->triangle + (size_t)rank * room;
    point->factors[j] = 0;
    memcpy(q, column, n * sizeof *q);
    for (uint32_t i = 0; i < rank; i++) {
      const double *other = point->basis + (size_t)i * n;
      r[i] = dot(other, q, n);
      for (uint32_t k = 0; k < n; k++) q[k] -= r[i] * other[k];
    }
    r[rank] = sqrt(dot(q, q, n));
    /* Written so that what is no number is no news. */
    if (!(r[rank] > INDEPENDENT * sqrt(dot(column, column, n)))) continue;
    for (uint32_t k = 0; k < n; k++) q[k] /= r[rank];
    point->chosen[rank++] = j;
  }
  for (uint32_t j = rank; j-- > 0;) {
    double sum = -dot(point->basis + (size_t)j * n, residual, n);
    for (uint32_t i = j + 1; i < rank; i++)
      sum -= point->triangle[(size_t)i * room + j] * point->factors[point->chosen[i]];
    point->factors[point->chosen[j]] = sum / point->triangle[(size_t)j * room + j];
  }
}

/* The newest first; the oldest is given up when there is no room. */
static void remember(tb_fixed_point *point, double *changes, double *last, const double *now) {
  const size_t n = point->n, kept = point->used < point->room ? point->used : point->room - 1;
  memmove(changes + n, changes, kept * n * sizeof *changes);
  for (size_t k = 0; k < n; k++) changes[k] = now[k] - last[k];
}

void tb_fixed_point_next(tb_fixed_point *point, double *values, const double *results) {
  const uint32_t n = point->n;
  if (n == 0) return;
  for (uint32_t k = 0; k < n; k++) values[k] = results[k] - values[k]; /* the residual, for the while */
  if (point->begun) {
    remember(point, point->residual_changes, point->last_residual, values);
    remember(point, point->result_changes, point->last_result, results);
    if (point->used < point->room) point->used++;
  }
  point->begun = true;
  memcpy(point->last_residual, values, n * sizeof *values);
  memcpy(point->last_result, results, n * sizeof *results);
  least_squares(point, values);
  memcpy(values, results, n * sizeof *values);
  bool finite = true;
  for (uint32_t k = 0; k < n; k++) {
    for (uint32_t j = 0; j < point->used; j++) values[k] += point->factors[j] * point->result_changes[(size_t)j * n + k];
    finite = finite && isfinite(values[k]);
  }
  if (!finite) memcpy(values, results, n * sizeof *values);
}
