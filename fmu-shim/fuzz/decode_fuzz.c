/*
 * Fuzz target of the decoder's fast path. With libFuzzer:
 *
 *   clang -std=c11 -g -fsanitize=fuzzer,address,undefined -Iinclude fuzz/decode_fuzz.c \
 *     src/decode/decode.c src/decode/number.c src/decode/time_text.c -o decode_fuzz
 *
 * Without (any compiler, -DTB_FUZZ_STDIN): reads messages from standard input, each after its length as four bytes,
 * lowest first. test/bridge/decoder-memory.test.ts does so under the sanitizers.
 */
#include <stdlib.h>
#include <string.h>

#include "tb_decode.h"

enum { SIGNALS = 5, STRING_BYTES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const NAMES[SIGNALS] = {"x", "y", "seqno", "stop", "mode"};
  static const uint8_t TYPES[SIGNALS] = {TB_REAL, TB_REAL, TB_INTEGER, TB_BOOLEAN, TB_STRING};
  static const uint32_t OFFSETS[SIGNALS] = {0}, CAPACITIES[SIGNALS] = {0, 0, 0, 0, STRING_BYTES};
  static tb_decoder *decoders[TB_TIME_RFC3339_OR_UTC + 1];
  for (int format = TB_TIME_RFC3339; format <= TB_TIME_RFC3339_OR_UTC; format++) {
    tb_decoder **decoder = &decoders[format];
    if (*decoder == NULL) *decoder = tb_decoder_create(SIGNALS, NAMES, TYPES, OFFSETS, CAPACITIES, "time", format);
    /* Of exactly this size, so that a sanitizer sees the first byte read or written beyond. */
    uint8_t *message = malloc(size);
    uint64_t *row = malloc((1 + SIGNALS) * sizeof *row);
    char *strings = malloc(STRING_BYTES);
    if (size > 0) memcpy(message, data, size);
    int64_t time_ns = 0;
    uint32_t flags = 0;
    int result = tb_decode(*decoder, message, size, &time_ns, row, row + 1, strings, &flags);
    if (result == TB_DECODED && (row[0] == 0 || row[0] >> SIGNALS != 0)) abort();
    if (result == TB_DECODED && (row[0] >> 4 & 1) && strlen(strings) != row[1 + 4]) abort();
    free(message);
    free(row);
    free(strings);
  }
  return 0;
}

#ifdef TB_FUZZ_STDIN
#include <stdio.h>

int main(void) {
  uint8_t head[4];
  unsigned long messages = 0;
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    uint8_t *message = malloc(size + 1);
    if (message == NULL || fread(message, 1, size, stdin) != size) return 1;
    LLVMFuzzerTestOneInput(message, size);
    free(message);
    messages++;
  }
  printf("%lu\n", messages);
  return 0;
}
#endif
