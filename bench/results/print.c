/*
 * What recording costs who prints: rows of doubles with fprintf("%.17g"). `print <file> <rows> <columns>`, with the
 * time before the columns; writes ns of CPU time a value.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long rows = atol(argv[2]), cells = atol(argv[3]) + 1;
  double *values = malloc((size_t)(rows * cells) * sizeof *values);
  FILE *file = fopen(argv[1], "w");
  if (values == NULL || file == NULL) return 1;
  for (long row = 0; row < rows; row++) {
    values[row * cells] = (double)row * 0.01;
    for (long i = 1; i < cells; i++) values[row * cells + i] = sin((double)row * 0.01 + (double)i);
  }
  double begun = now_ns();
  for (long row = 0; row < rows; row++) {
    for (long i = 0; i < cells; i++) fprintf(file, i == 0 ? "%.17g" : ",%.17g", values[row * cells + i]);
    fputs("\r\n", file);
  }
  if (fclose(file) != 0) return 1;
  printf("%.3f\n", (now_ns() - begun) / (double)(rows * cells));
  return 0;
}
