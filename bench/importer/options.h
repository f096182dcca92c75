/* key=value arguments. What is missing or malformed ends the program: the benchmark writes them, no user does. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stddef.h>

typedef struct {
  int count;
  char **arguments;
} options;

/* Variables of one type: value references, and room for their values. */
typedef struct {
  size_t count;
  unsigned *references;
  double *reals;
  int *integers;
} variables;

const char *option_text(const options *o, const char *key);
double option_number(const options *o, const char *key);
/* "100-205": value references from 100 to 205. Empty: none. */
variables option_variables(const options *o, const char *key);

_Noreturn void fail(const char *format, ...);

#endif
