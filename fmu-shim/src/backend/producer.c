#include "producer.h"

#include <stdlib.h>
#include <string.h>

#include "../ring/queue.h"

typedef struct {
  tb_decoder *decoder;
  int64_t newest_ns;     /* of its samples handed over */
  uint64_t *newest_mask; /* the signals that they had for that time */
  uint64_t *signals;     /* those that its samples can carry */
  uint32_t held;         /* rows that hold its samples, as far as they have not come back */
} source;

struct tb_producer {
  tb_region region;
  void *memory;
  bool mapped; /* shared memory, else of this process */
  tb_handle signal_end;
  uint32_t row; /* taken back from the shim and not handed over yet */
  tb_free_cursor free;
  unsigned char *scratch; /* drop_oldest: a row to decode into while the ring is full */
  source sources[TB_MAX_SOURCES];
  uint64_t *masks;     /* of all sources */
  uint32_t *spare;     /* several sources: rows that came back */
  uint32_t n_spare;
};

uint64_t tb_producer_region_size(const tb_region_spec *spec, const tb_variable *variables) {
  return tb_region_size(spec, variables);
}

static void note_signals(tb_producer *p) {
  const tb_region *r = &p->region;
  for (uint32_t i = 0; i < r->header->n_variables; i++) {
    const tb_variable *v = &r->variables[i];
    if (v->kind != TB_OUTPUT || v->source >= TB_MAX_SOURCES) continue;
    for (uint32_t slot = v->slot; slot < v->slot + v->n_elements; slot++)
      p->sources[v->source].signals[slot / 64] |= UINT64_C(1) << (slot % 64);
  }
}

tb_producer *tb_producer_create(int64_t shm, int64_t signal_end, const tb_region_spec *spec,
                                const tb_variable *variables, const char *texts, uint32_t drop_oldest) {
  uint64_t size = tb_region_size(spec, variables);
  tb_producer *p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  p->mapped = shm >= 0;
  size_t whole_lines = (size_t)(size + TB_CACHE_LINE - 1) / TB_CACHE_LINE * TB_CACHE_LINE;
  p->memory = p->mapped ? tb_shm_map((tb_handle)shm, size) : tb_aligned_alloc(TB_CACHE_LINE, whole_lines);
  if (p->memory == NULL) {
    free(p);
    return NULL;
  }
  if (p->mapped) tb_handle_close((tb_handle)shm);
  tb_region_spec with_policy = *spec;
  with_policy.drop_oldest = drop_oldest != 0;
  tb_region_init(p->memory, &with_policy, variables, texts);
  tb_region_open(&p->region, p->memory, size);
  const size_t words = p->region.header->output_words + 1;
  p->masks = calloc(2 * TB_MAX_SOURCES * words, sizeof *p->masks);
  p->spare = calloc(p->region.header->n_rows, sizeof *p->spare);
  if (p->masks != NULL) {
    for (size_t i = 0; i < TB_MAX_SOURCES; i++)
      p->sources[i] = (source){.newest_ns = INT64_MIN,
                               .newest_mask = p->masks + 2 * i * words,
                               .signals = p->masks + (2 * i + 1) * words};
    note_signals(p);
  }
  if (p->region.header->drop_oldest) p->scratch = calloc(1, p->region.header->row_stride);
  if (p->masks == NULL || p->spare == NULL || (p->region.header->drop_oldest && p->scratch == NULL)) {
    tb_producer_destroy(p);
    return NULL;
  }
  p->signal_end = signal_end < 0 ? TB_NO_HANDLE : (tb_handle)signal_end;
  p->row = TB_NO_ROW;
  return p;
}

const tb_region *tb_producer_region(const tb_producer *p) { return &p->region; }

void tb_producer_use_decoder(tb_producer *p, uint32_t source, tb_decoder *decoder) {
  if (p->sources[source].decoder != NULL) tb_decoder_destroy(p->sources[source].decoder);
  p->sources[source].decoder = decoder;
}

void tb_producer_destroy(tb_producer *p) {
  if (p == NULL) return;
  for (uint32_t i = 0; i < TB_MAX_SOURCES; i++)
    if (p->sources[i].decoder != NULL) tb_decoder_destroy(p->sources[i].decoder);
  if (p->mapped)
    tb_shm_unmap(p->memory, p->region.header->size);
  else
    tb_aligned_free(p->memory);
  tb_handle_close(p->signal_end);
  free(p->masks);
  free(p->spare);
  free(p->scratch);
  free(p);
}

/* -- Samples in ----------------------------------------------------------------------------------------------------- */

static void count(tb_producer *p, tb_backend_counter counter, uint64_t by) {
  _Atomic uint64_t *c = &p->region.header->backend_counters[counter];
  atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + by, memory_order_relaxed);
}

/* Takes all rows over that have come back. */
static void collect_rows(tb_producer *p) {
  uint32_t row;
  while (tb_free_take(&p->region, &p->free, &row)) {
    const tb_row_head *head = tb_sample_row(&p->region, row).head;
    if (head->arrived_ns != 0) p->sources[head->source].held--; /* else it never held a sample */
    p->spare[p->n_spare++] = row;
  }
}

/*
 * With several sources each finds at least one row, however much the others have waiting: a step that needs the samples
 * of one would else wait for room that only it can make. One row will do, for what a step waits for is never of the future.
 */
static bool may_take_row(const tb_producer *p, uint32_t from) {
  const tb_header *h = p->region.header;
  if (p->sources[from].held == 0) return true;
  uint32_t free = h->n_rows, without = 0;
  for (uint32_t i = 0; i < h->n_sources; i++) {
    free -= p->sources[i].held;
    without += p->sources[i].held == 0;
  }
  return free > without;
}

static bool have_row_of(tb_producer *p, uint32_t from) {
  if (!may_take_row(p, from) || (p->row == TB_NO_ROW && p->n_spare == 0)) collect_rows(p);
  if (!may_take_row(p, from)) return false;
  if (p->row == TB_NO_ROW && p->n_spare > 0) p->row = p->spare[--p->n_spare];
  return p->row != TB_NO_ROW;
}

/* A free row in p->row for a sample of `from`, if need be the oldest sample's. `flags` tells of that; false: the ring is
   full. */
static bool have_row(tb_producer *p, uint32_t from, int *flags) {
  if (p->region.header->n_sources > 1 && !p->region.header->drop_oldest) {
    if (have_row_of(p, from)) return true;
    tb_raise_flag(&p->region.header->writer_waiting);
    if (!have_row_of(p, from)) return false;
    atomic_store_explicit(&p->region.header->writer_waiting, 0, memory_order_relaxed);
    return true;
  }
  if (p->row != TB_NO_ROW || tb_free_take(&p->region, &p->free, &p->row)) return true;
  if (p->region.header->drop_oldest && tb_filled_steal(&p->region, &p->row)) {
    count(p, TB_COUNT_DROPPED, 1);
    *flags |= TB_PUSHED_DROPPING;
    return true;
  }
  tb_raise_flag(&p->region.header->writer_waiting);
  if (!tb_free_take(&p->region, &p->free, &p->row)) return false;
  atomic_store_explicit(&p->region.header->writer_waiting, 0, memory_order_relaxed);
  return true;
}

/* How the sample in p->row stands to those of its source before it: 0, TB_PUSHED_OUT_OF_ORDER or TB_PUSHED_REPEATED. */
static int note_order(tb_producer *p, source *from, int64_t time_ns) {
  const uint64_t *mask = tb_sample_row(&p->region, p->row).mask;
  const uint32_t words = p->region.header->output_words;
  if (time_ns < from->newest_ns) {
    count(p, TB_COUNT_OUT_OF_ORDER, 1);
    return TB_PUSHED_OUT_OF_ORDER;
  }
  uint64_t again = 0;
  for (uint32_t w = 0; w < words; w++) {
    if (time_ns > from->newest_ns) from->newest_mask[w] = 0;
    again |= from->newest_mask[w] & mask[w];
    from->newest_mask[w] |= mask[w];
  }
  from->newest_ns = time_ns;
  if (again == 0) return 0;
  count(p, TB_COUNT_REPEATED, 1);
  return TB_PUSHED_REPEATED;
}

static void put(tb_producer *p, uint32_t source, int64_t time_ns, bool full, bool regular) {
  *tb_sample_row(&p->region, p->row).head = (tb_row_head){.arrived_ns = tb_wall_ns(), .source = source};
  tb_filled_put(&p->region, time_ns, p->row, full, regular);
  p->row = TB_NO_ROW;
  p->sources[source].held++;
  if (tb_must_wake(&p->region.header->reader_waiting)) tb_wake_signal(p->signal_end);
}

/* `full`: it carries all that its source can. Answers flags for the caller's answer. */
static int hand_over(tb_producer *p, uint32_t source, int64_t time_ns, bool full) {
  int flags = note_order(p, &p->sources[source], time_ns);
  full &= p->region.header->n_sources <= 1;
  put(p, source, time_ns, full, full && flags == 0);
  count(p, TB_COUNT_PUSHED, 1);
  return flags;
}

int tb_producer_push_json(tb_producer *p, uint32_t source, const uint8_t *json, uint32_t length) {
  const tb_header *h = p->region.header;
  int result = TB_PUSHED;
  /* Before a sample goes to make room, it has to be certain that there is another to take it. */
  const bool aside = p->region.header->drop_oldest && p->row == TB_NO_ROW && !tb_free_take(&p->region, &p->free, &p->row);
  if (!aside && !have_row(p, source, &result)) return TB_PUSH_FULL;
  tb_row row = aside ? tb_row_at(p->scratch, h->output_words, h->n_outputs) : tb_sample_row(&p->region, p->row);
  int64_t time_ns;
  uint32_t flags = 0;
  if (tb_decode(p->sources[source].decoder, json, length, &time_ns, row.mask, row.values, row.strings, &flags) != 0)
    return TB_PUSH_SLOW_PATH; /* a row taken stays ours */
  if (aside) {
    if (!have_row(p, source, &result)) return TB_PUSH_FULL;
    memcpy(tb_sample_row(&p->region, p->row).head, p->scratch, h->row_stride);
  }
  count(p, TB_COUNT_RECEIVED, 1);
  if (flags & TB_PARTIAL) count(p, TB_COUNT_PARTIAL, 1);
  if (flags & TB_UNKNOWN_KEYS) count(p, TB_COUNT_UNKNOWN_FIELDS, 1);
  return result | (int)flags | hand_over(p, source, time_ns, !(flags & TB_PARTIAL));
}

int tb_producer_push(tb_producer *p, uint32_t source, int64_t time_ns, const uint64_t *mask, const uint64_t *values,
                     const char *strings) {
  const tb_header *h = p->region.header;
  int result = TB_PUSHED;
  if (!have_row(p, source, &result)) return TB_PUSH_FULL;
  tb_row row = tb_sample_row(&p->region, p->row);
  memcpy(row.mask, mask, h->output_words * sizeof *mask);
  memcpy(row.values, values, h->n_outputs * sizeof *values);
  if (h->output_strings > 0) memcpy(row.strings, strings, h->output_strings);
  bool full = true;
  for (uint32_t w = 0; w < h->output_words; w++) full &= (~mask[w] & p->sources[source].signals[w]) == 0;
  if (!full) count(p, TB_COUNT_PARTIAL, 1);
  return result | (full ? 0 : TB_PARTIAL) | hand_over(p, source, time_ns, full);
}

int tb_producer_push_watermark(tb_producer *p, uint32_t source, int64_t time_ns) {
  int result = TB_PUSHED;
  if (!have_row(p, source, &result)) return TB_PUSH_FULL;
  memset(tb_sample_row(&p->region, p->row).mask, 0, p->region.header->output_words * sizeof(uint64_t));
  put(p, source, time_ns, false, false);
  return result;
}

int64_t tb_producer_newest(const tb_producer *p, uint32_t source) { return p->sources[source].newest_ns; }

/* -- Inputs out ----------------------------------------------------------------------------------------------------- */

uint32_t tb_producer_outgoing_count(const tb_producer *p) {
  tb_header *h = p->region.header;
  return (uint32_t)(atomic_load_explicit(&h->outgoing_written, memory_order_acquire) -
                    atomic_load_explicit(&h->outgoing_taken, memory_order_relaxed));
}

int tb_producer_next_outgoing(tb_producer *p, tb_row_head *head, uint64_t *mask, uint64_t *values, char *strings) {
  tb_header *h = p->region.header;
  if (tb_producer_outgoing_count(p) == 0) {
    tb_raise_flag(&h->publisher_waiting);
    if (tb_producer_outgoing_count(p) == 0) return 0;
    atomic_store_explicit(&h->publisher_waiting, 0, memory_order_relaxed);
  }
  uint64_t at = atomic_load_explicit(&h->outgoing_taken, memory_order_relaxed);
  tb_row row = tb_outgoing_row(&p->region, at);
  *head = *row.head;
  memcpy(mask, row.mask, h->input_words * sizeof *mask);
  memcpy(values, row.values, h->n_inputs * sizeof *values);
  if (h->input_strings > 0) memcpy(strings, row.strings, h->input_strings);
  atomic_store_explicit(&h->outgoing_taken, at + 1, memory_order_release);
  return 1;
}

void tb_producer_refused(tb_producer *p) {
  atomic_fetch_add_explicit(&p->region.header->inputs_refused, 1, memory_order_relaxed);
}

uint32_t tb_producer_latched(const tb_producer *p, tb_row_head *head) {
  tb_header *h = p->region.header;
  /* Times of a later one may come with an earlier mask; its mask comes then, too, with a byte of its own. */
  const uint32_t latched = atomic_load_explicit(&h->latched, memory_order_acquire);
  const uint64_t step_end = atomic_load_explicit(&h->latched_step_end, memory_order_relaxed);
  head->arrived_ns = atomic_load_explicit(&h->latched_doing_ns, memory_order_relaxed);
  memcpy(&head->step_end_s, &step_end, sizeof step_end);
  return latched;
}

void tb_producer_confirm_latched(tb_producer *p, uint32_t latched) {
  atomic_fetch_or_explicit(&p->region.header->latched_confirmed, latched, memory_order_release);
}

/* -- State, counters, log ------------------------------------------------------------------------------------------- */

void tb_producer_set_link(tb_producer *p, uint32_t state, uint32_t up) {
  atomic_store_explicit(&p->region.header->link_up, up, memory_order_relaxed);
  atomic_store_explicit(&p->region.header->link_state, state, memory_order_release);
  /* Initialisation may wait for just this. */
  if (tb_must_wake(&p->region.header->reader_waiting)) tb_wake_signal(p->signal_end);
}

void tb_producer_set_live(tb_producer *p) {
  tb_header *h = p->region.header;
  atomic_store_explicit(&h->live_from, atomic_load_explicit(&h->filled_written, memory_order_relaxed) + 1,
                        memory_order_release);
  if (tb_must_wake(&h->reader_waiting)) tb_wake_signal(p->signal_end);
}

void tb_producer_confirmed(tb_producer *p, int64_t doing_ns) {
  atomic_store_explicit(&p->region.header->confirmed_ns, tb_wall_ns(), memory_order_relaxed);
  atomic_store_explicit(&p->region.header->confirmed_doing_ns, doing_ns, memory_order_release);
  count(p, TB_COUNT_CONFIRMED, 1);
}

void tb_producer_health(tb_producer *p, int64_t cosim_ns, int64_t ahead_ns) {
  tb_header *h = p->region.header;
  const uint64_t version = atomic_load_explicit(&h->health_version, memory_order_relaxed);
  atomic_store_explicit(&h->health_version, version + 1, memory_order_relaxed);
  /* Who sees one of these sees the odd version, too: no fence, which ThreadSanitizer does not know. */
  atomic_store_explicit(&h->health_cosim_ns, cosim_ns, memory_order_release);
  atomic_store_explicit(&h->health_ahead_ns, ahead_ns, memory_order_release);
  atomic_store_explicit(&h->health_version, version + 2, memory_order_release);
}

void tb_producer_count(tb_producer *p, uint32_t counter, uint32_t by) {
  if (counter < TB_BACKEND_COUNTERS) count(p, (tb_backend_counter)counter, by);
}

double tb_producer_counted(const tb_producer *p, uint32_t counter) {
  return counter < TB_BACKEND_COUNTERS ? (double)tb_backend_counted(&p->region, (tb_backend_counter)counter) : 0;
}

double tb_producer_shim_counted(const tb_producer *p, uint32_t counter) {
  return counter < TB_SHIM_COUNTERS ? (double)tb_shim_counted(&p->region, (tb_shim_counter)counter) : 0;
}

static uint64_t copy_to_log(const tb_producer *p, uint64_t at, const void *from, uint32_t size) {
  const tb_header *h = p->region.header;
  for (uint32_t i = 0; i < size; i++)
    p->region.log[(at + i) & (h->log_capacity - 1)] = ((const unsigned char *)from)[i];
  return at + size;
}

void tb_producer_log(tb_producer *p, uint32_t level, const char *category, const char *text) {
  tb_header *h = p->region.header;
  uint32_t category_size = (uint32_t)strlen(category) + 1, text_size = (uint32_t)strlen(text) + 1;
  uint32_t size = 1 + category_size + text_size;
  uint64_t at = atomic_load_explicit(&h->log_written, memory_order_relaxed);
  uint64_t used = at - atomic_load_explicit(&h->log_taken, memory_order_acquire);
  if (used + sizeof size + size > h->log_capacity) {
    count(p, TB_COUNT_LOG_LOST, 1);
    return;
  }
  unsigned char level_byte = (unsigned char)level;
  at = copy_to_log(p, at, &size, sizeof size);
  at = copy_to_log(p, at, &level_byte, 1);
  at = copy_to_log(p, at, category, category_size);
  at = copy_to_log(p, at, text, text_size);
  atomic_store_explicit(&h->log_written, at, memory_order_release);
}
