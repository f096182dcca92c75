#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

samples samples_new(const char *name, size_t capacity) {
  samples s = {name, malloc(capacity * sizeof(int64_t)), 0, capacity};
  if (s.values == NULL) fail("out of memory");
  memset(s.values, 0xff, capacity * sizeof(int64_t)); /* so that no page fault falls into a measurement */
  return s;
}

void samples_add(samples *s, int64_t value) {
  if (s->count < s->capacity) s->values[s->count++] = value;
}

void samples_print(const samples *s) {
  printf(",\"%s\":[", s->name);
  for (size_t i = 0; i < s->count; i++) printf("%s%" PRId64, i == 0 ? "" : ",", s->values[i]);
  putchar(']');
}
