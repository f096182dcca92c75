/* Measured values in memory that was touched before the measurement began, and a JSON object of them at the end. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name;
  int64_t *values;
  size_t count, capacity;
} samples;

samples samples_new(const char *name, size_t capacity);
void samples_add(samples *s, int64_t value);
/* `,"name":[1,2,3]` */
void samples_print(const samples *s);

#endif
