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
  tb_rule rule;
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

/* Before initialisation, and between steps. `maxage_ns`: by source. */
TB_API void tb_reader_set_rule(tb_reader *r, uint32_t behaviour, uint32_t lookahead, uint32_t missing_is_valid,
                               const int64_t *maxage_ns) {
  r->rule.behaviour = behaviour;
  r->rule.lookahead = lookahead;
  r->rule.missing_is_valid = missing_is_valid != 0;
  for (uint32_t i = 0; i < r->region.header->n_sources; i++) r->rule.maxage_ns[i] = maxage_ns[i];
  tb_selection_set_complete(r->selection, behaviour == TB_COMPLETE);
}

/* 0: more samples are needed; 1: done, `*zero` is time zero; 2: it cannot be done with what there will be. */
TB_API int tb_reader_initialise(tb_reader *r, int64_t *zero) {
  tb_selection_pull(r->selection);
  const tb_verdict verdict = tb_selection_start(r->selection, &r->rule, zero);
  tb_selection_release(r->selection);
  return (int)verdict;
}

/* Passes over the first `arrival` samples; 0: some of them are not there yet. */
TB_API int tb_reader_skip(tb_reader *r, int64_t arrival) {
  tb_selection_pull(r->selection);
  const bool done = tb_selection_skip(r->selection, (uint64_t)arrival);
  tb_selection_release(r->selection);
  return done;
}

/* A step with what is there; `first`: it begins, else it goes on. 0: it has to wait for data; 1: all outputs are valid;
   2: they cannot become so. */
TB_API int tb_reader_step(tb_reader *r, int64_t time_ns, uint32_t first) {
  tb_selection_pull(r->selection);
  const tb_verdict verdict = tb_selection_select(r->selection, time_ns, &r->rule, first != 0);
  tb_selection_release(r->selection);
  return (int)verdict;
}

/* `complete`: 1: `*next` is the earliest sample later than `from_ns` and not than `end_ns`, or INT64_MAX; 0: not known yet. */
TB_API int tb_reader_seek(tb_reader *r, int64_t from_ns, int64_t end_ns, uint32_t first, int64_t *next) {
  tb_selection_pull(r->selection);
  const bool known = tb_selection_seek(r->selection, from_ns, end_ns, first != 0, next);
  tb_selection_release(r->selection);
  return known;
}

TB_API int64_t tb_reader_next(const tb_reader *r, int64_t after_ns) { return tb_selection_next(r->selection, after_ns); }
TB_API int64_t tb_reader_newest(const tb_reader *r) { return tb_selection_newest(r->selection); }
TB_API int64_t tb_reader_time(const tb_reader *r, uint32_t signal) { return tb_selection_time(r->selection, signal); }
TB_API uint32_t tb_reader_pending(const tb_reader *r) { return tb_selection_pending(r->selection); }
TB_API void tb_reader_values(const tb_reader *r, uint64_t *values) {
  memcpy(values, tb_selection_values(r->selection), r->region.header->n_outputs * sizeof *values);
}
TB_API double tb_reader_counted(const tb_reader *r, uint32_t counter) {
  return counter < TB_SHIM_COUNTERS ? (double)tb_shim_counted(&r->region, (tb_shim_counter)counter) : 0;
}
