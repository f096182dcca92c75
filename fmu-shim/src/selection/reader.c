/*
 * The selection without a step, a process or a clock: for tuning over recordings, and for holding this implementation
 * against its executable specification. Both ends of the region are in one process.
 */
#include <stdlib.h>
#include <string.h>

#include "../backend/producer.h"
#include "selection.h"

typedef struct {
  tb_selection *selection;
  tb_region region;
} tb_reader;

TB_API tb_reader *tb_reader_create(const tb_producer *producer) {
  tb_reader *r = calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  r->region = *tb_producer_region(producer);
  r->selection = tb_selection_create(&r->region);
  if (r->selection != NULL) return r;
  free(r);
  return NULL;
}

TB_API void tb_reader_destroy(tb_reader *r) {
  if (r == NULL) return;
  tb_selection_destroy(r->selection);
  free(r);
}

/* Consumes message by message until every signal has a value within maxage of the newest. 1: done; 0: more is needed. */
TB_API int tb_reader_initialise(tb_reader *r, int64_t maxage_ns) {
  tb_selection_pull(r->selection);
  while (!tb_selection_complete(r->selection, maxage_ns)) {
    if (!tb_selection_can_move(r->selection)) return 0;
    tb_selection_round(r->selection, INT64_MAX, 1, true);
  }
  tb_selection_release(r->selection);
  return 1;
}

/* A step with what is there. 1: all outputs are valid; 0: it would have to wait for data. */
TB_API int tb_reader_step(tb_reader *r, int64_t time_ns, uint32_t behaviour, uint32_t lookahead, int64_t maxage_ns) {
  tb_selection_pull(r->selection);
  bool valid = tb_selection_select(r->selection, time_ns, behaviour, lookahead, maxage_ns, true);
  tb_selection_release(r->selection);
  return valid;
}

TB_API int64_t tb_reader_newest(const tb_reader *r) { return tb_selection_newest(r->selection); }
TB_API int64_t tb_reader_time(const tb_reader *r, uint32_t signal) { return tb_selection_time(r->selection, signal); }
TB_API uint32_t tb_reader_pending(const tb_reader *r) { return tb_selection_pending(r->selection); }
TB_API void tb_reader_values(const tb_reader *r, uint64_t *values) {
  memcpy(values, tb_selection_values(r->selection), r->region.header->n_outputs * sizeof *values);
}
TB_API double tb_reader_counted(const tb_reader *r, uint32_t counter) {
  return counter < TB_SHIM_COUNTERS ? (double)tb_shim_counted(&r->region, (tb_shim_counter)counter) : 0;
}
