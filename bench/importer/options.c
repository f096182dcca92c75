#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *option_text(const options *o, const char *key) {
  size_t length = strlen(key);
  for (int i = 0; i < o->count; i++)
    if (strncmp(o->arguments[i], key, length) == 0 && o->arguments[i][length] == '=')
      return o->arguments[i] + length + 1;
  fail("the option %s= is missing", key);
}

double option_number(const options *o, const char *key) {
  const char *text = option_text(o, key);
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0') fail("%s=%s is no number", key, text);
  return value;
}

variables option_variables(const options *o, const char *key) {
  const char *text = option_text(o, key);
  unsigned first, last;
  variables v = {0};
  if (*text == '\0') return v;
  if (sscanf(text, "%u-%u", &first, &last) != 2 || last < first) fail("%s=%s is no range", key, text);
  v.count = last - first + 1;
  v.references = calloc(v.count, sizeof *v.references);
  v.reals = calloc(v.count, sizeof *v.reals);
  v.integers = calloc(v.count, sizeof *v.integers);
  if (!v.references || !v.reals || !v.integers) fail("out of memory");
  for (size_t i = 0; i < v.count; i++) v.references[i] = first + (unsigned)i;
  return v;
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("importer: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}
