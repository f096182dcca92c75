/*
 * What the fuzz targets share: with -DTB_FUZZ_STDIN their inputs come from standard input, each after its length as four bytes,
 * lowest first; how many there were is printed.
 */
#ifndef TB_FROM_STDIN_H
#define TB_FROM_STDIN_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef TB_FUZZ_STDIN
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  uint8_t head[4];
  unsigned long inputs = 0;
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    uint8_t *input = malloc(size + 1);
    if (input == NULL || fread(input, 1, size, stdin) != size) return 1;
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    inputs++;
  }
  printf("%lu\n", inputs);
  return 0;
}
#endif

#endif
