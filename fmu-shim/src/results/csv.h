/*
 * Rows of results as CSV (RFC 4180), from the memory where the step plan's executor leaves them (rows.ts says how they
 * lie there) into a buffer for a file.
 *
 * Numbers as decimal.h writes them; Booleans as true and false; texts in quotes, with quotes in them doubled and what is
 * no UTF-8 replaced by U+FFFD; bytes in quotes as well, as pairs of hexadecimal digits: without quotes "12e4" would be a
 * number. Rows end in CRLF.
 */
#ifndef TB_CSV_H
#define TB_CSV_H

#include <stdint.h>

#include "tb_api.h"

/* The order is that of CELL_KINDS in src/master/results/rows.ts. */
typedef enum {
  TB_CELL_FLOAT,    /* double */
  TB_CELL_INTEGER,  /* int64 */
  TB_CELL_UNSIGNED, /* uint64 */
  TB_CELL_BOOLEAN,  /* int64, 0 or 1 */
  TB_CELL_TEXT,     /* two uint32: offset and length in the batch's texts */
  TB_CELL_BYTES,    /* the same */
} tb_cell_kind;

enum { TB_CSV_BROKEN = -1 };

/*
 * Formats rows from `first` on, of `rows` in all, as long as they surely fit into `room` bytes; returns how many did, with
 * their bytes in `*written`. 0: the room is too small for one, or there is none. TB_CSV_BROKEN: a text lies outside of
 * `texts`, or a kind is none.
 */
TB_API int64_t tb_csv_rows(const uint64_t *cells, const uint8_t *kinds, uint32_t cells_per_row, uint32_t first,
                           uint32_t rows, const uint8_t *texts, uint64_t text_bytes, char *to, uint64_t room,
                           uint64_t *written);

#endif
