#include "csv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "decimal.h"

/* -- Texts ---------------------------------------------------------------------------------------------------------- */

/* Each byte at most becomes U+FFFD, or two hexadecimal digits, or a second quote. */
enum { BYTES_OF_A_BYTE = 3 };

/*
 * Length of the UTF-8 sequence at `at`; negative: of the beginning of one that is ill-formed, which is to be replaced as
 * a whole (Unicode 15, table 3-7, and "substitution of maximal subparts" as in the Encoding Standard of WHATWG).
 */
static ptrdiff_t sequence_length(const uint8_t *at, const uint8_t *end) {
  uint8_t lead = *at;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  int following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  /* Neither overlong, nor surrogates, nor above U+10FFFF: that shows in the second byte. */
  uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t greatest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (int i = 1; i <= following; i++) {
    if (at + i == end || at[i] < least || at[i] > greatest) return -i;
    least = 0x80;
    greatest = 0xbf;
  }
  return following + 1;
}

static char *write_text(char *to, const uint8_t *at, const uint8_t *end) {
  *to++ = '"';
  while (at < end) {
    if (*at < 0x80) {
      if (*at == '"') *to++ = '"';
      *to++ = (char)*at++;
      continue;
    }
    ptrdiff_t length = sequence_length(at, end);
    if (length < 0) {
      memcpy(to, "\xef\xbf\xbd", 3);
      to += 3;
      at -= length;
    } else {
      memcpy(to, at, (size_t)length);
      to += length;
      at += length;
    }
  }
  *to++ = '"';
  return to;
}

static char *write_bytes(char *to, const uint8_t *at, const uint8_t *end) {
  static const char DIGITS[] = "0123456789abcdef";
  *to++ = '"';
  for (; at < end; at++) {
    *to++ = DIGITS[*at >> 4];
    *to++ = DIGITS[*at & 15];
  }
  *to++ = '"';
  return to;
}

typedef struct {
  uint32_t offset, length;
} extent;

static inline extent extent_of(uint64_t cell) {
  extent e;
  memcpy(&e, &cell, sizeof e);
  return e;
}

/* -- Rows ----------------------------------------------------------------------------------------------------------- */

static inline bool is_text(uint8_t kind) { return kind == TB_CELL_TEXT || kind == TB_CELL_BYTES; }

/* What the texts of a row take at most, without quotes; UINT64_MAX: one of them is not in `text_bytes`. */
static uint64_t text_room(const uint64_t *row, const uint8_t *kinds, uint32_t cells, uint64_t text_bytes) {
  uint64_t room = 0;
  for (uint32_t i = 0; i < cells; i++) {
    if (!is_text(kinds[i])) continue;
    extent e = extent_of(row[i]);
    if ((uint64_t)e.offset + e.length > text_bytes) return UINT64_MAX;
    room += (uint64_t)e.length * BYTES_OF_A_BYTE;
  }
  return room;
}

static inline char *write_cell(char *to, uint64_t cell, uint8_t kind, const uint8_t *texts) {
  switch (kind) {
  case TB_CELL_FLOAT: {
    double value;
    memcpy(&value, &cell, sizeof value);
    return tb_write_double(to, value);
  }
  case TB_CELL_INTEGER: return tb_write_int64(to, (int64_t)cell);
  case TB_CELL_UNSIGNED: return tb_write_uint64(to, cell);
  case TB_CELL_BOOLEAN:
    memcpy(to, cell ? "true\0" : "false", 5);
    return to + (cell ? 4 : 5);
  default: {
    extent e = extent_of(cell);
    const uint8_t *at = texts + e.offset;
    return kind == TB_CELL_TEXT ? write_text(to, at, at + e.length) : write_bytes(to, at, at + e.length);
  }
  }
}

int64_t tb_csv_rows(const uint64_t *cells, const uint8_t *kinds, uint32_t cells_per_row, uint32_t first, uint32_t rows,
                    const uint8_t *texts, uint64_t text_bytes, char *to, uint64_t room, uint64_t *written) {
  *written = 0;
  bool has_texts = false;
  for (uint32_t i = 0; i < cells_per_row; i++) {
    if (kinds[i] > TB_CELL_BYTES) return TB_CSV_BROKEN;
    has_texts = has_texts || is_text(kinds[i]);
  }
  /* Of each cell the longest number and a comma; the last number may write further than it is long. */
  const uint64_t fixed_room = (uint64_t)cells_per_row * (TB_NUMBER_LENGTH + 1) + 2 + TB_NUMBER_ROOM;
  char *begin = to;
  uint32_t done = 0;
  for (; first + done < rows; done++) {
    const uint64_t *row = cells + (uint64_t)(first + done) * cells_per_row;
    uint64_t left = room - (uint64_t)(to - begin);
    uint64_t texts_take = has_texts ? text_room(row, kinds, cells_per_row, text_bytes) : 0;
    if (texts_take == UINT64_MAX) return TB_CSV_BROKEN;
    if (left < fixed_room || left - fixed_room < texts_take) break;
    for (uint32_t i = 0; i < cells_per_row; i++) {
      to = write_cell(to, row[i], kinds[i], texts);
      *to++ = ',';
    }
    memcpy(to - 1, "\r\n", 2);
    to++;
    *written = (uint64_t)(to - begin);
  }
  return done;
}
