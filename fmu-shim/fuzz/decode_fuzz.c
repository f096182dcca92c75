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

#include "from_stdin.h"
#include "tb_decode.h"

enum { MEMBERS = 11, ITEMS = 2, SLOTS = 10, STRING_BYTES = 8, ARRAY_TEXT_BYTES = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const NAMES[MEMBERS] = {"x", "y", "seqno", "stop", "mode", "time", "pose", "x", "q", "names", "gear"};
  static const tb_member MESSAGE[MEMBERS] = {
      {.parent = TB_MESSAGE, .type = TB_REAL, .slot = 0},
      {.parent = TB_MESSAGE, .type = TB_REAL, .slot = 1, .scaled = 1, .scale = 0.1, .offset = 2},
      {.parent = TB_MESSAGE, .type = TB_INTEGER, .slot = 2},
      {.parent = TB_MESSAGE, .type = TB_BOOLEAN, .slot = 3},
      {.parent = TB_MESSAGE, .type = TB_STRING, .slot = 4, .string_capacity = STRING_BYTES},
      {.parent = TB_MESSAGE, .kind = TB_MEMBER_TIME},
      {.parent = TB_MESSAGE, .kind = TB_MEMBER_OBJECT},
      {.parent = 6, .type = TB_FLOAT32, .slot = 5},
      {.parent = 6, .type = TB_UINT8, .slot = 6, .size = 1},
      {.parent = 6, .type = TB_STRING, .slot = 7, .size = 2, .string_offset = STRING_BYTES, .string_capacity = 5},
      {.parent = 6, .type = TB_INTEGER, .slot = 9, .n_items = ITEMS},
  };
  static const char *const ITEM_NAMES[ITEMS] = {"low", "high"};
  static const int32_t ITEM_VALUES[ITEMS] = {-1, 7};
  static tb_decoder *decoders[TB_TIME_RFC3339_OR_UTC + 1];
  for (int format = TB_TIME_RFC3339; format <= TB_TIME_RFC3339_OR_UTC; format++) {
    tb_decoder **decoder = &decoders[format];
    if (*decoder == NULL) *decoder = tb_decoder_create(MEMBERS, NAMES, MESSAGE, ITEMS, ITEM_NAMES, ITEM_VALUES, SLOTS, format);
    /* Of exactly this size, so that a sanitizer sees the first byte read or written beyond. */
    uint8_t *message = malloc(size);
    uint64_t *row = malloc((1 + SLOTS) * sizeof *row);
    char *strings = malloc(STRING_BYTES + ARRAY_TEXT_BYTES);
    if (size > 0) memcpy(message, data, size);
    int64_t time_ns = 0;
    uint32_t flags = 0;
    int result = tb_decode(*decoder, message, size, &time_ns, row, row + 1, strings, &flags);
    if (result == TB_DECODED && (row[0] == 0 || row[0] >> SLOTS != 0)) abort();
    if (result == TB_DECODED && (row[0] >> 4 & 1) && strlen(strings) != row[1 + 4]) abort();
    if (result == TB_DECODED && (row[0] >> 7 & 3) % 3 != 0) abort(); /* half an array */
    free(message);
    free(row);
    free(strings);
  }
  return 0;
}
