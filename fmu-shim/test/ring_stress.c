/*
 * A producer and a selecting reader at full speed in two threads: every value that is output must be whole, nothing may
 * be lost under `block`, and under `drop-oldest` what is lost must be counted. To be run under ThreadSanitizer and
 * AddressSanitizer as well as plain.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/backend/producer.h"
#include "../src/selection/selection.h"

enum { SIGNALS = 20, ROWS = 32, SAMPLES = 200000 };

typedef struct {
  tb_producer *producer;
  uint64_t whole; /* samples that carry every signal, at first: these go through the window, what follows through the list */
  bool ends;      /* says so after the last sample */
  atomic_uint_fast64_t refused;
} feeder;

/* Every value of sample n is n: a torn row shows. After `whole`, one in four carries every other signal only. */
static void *feed(void *data) {
  feeder *f = data;
  uint64_t mask[1], values[SIGNALS];
  for (uint64_t n = 1; n <= SAMPLES; n++) {
    mask[0] = n > f->whole && n % 4 == 0 ? 0x55555555u & ((1u << SIGNALS) - 1) : (1u << SIGNALS) - 1;
    for (int i = 0; i < SIGNALS; i++) values[i] = n;
    while (tb_producer_push(f->producer, 0, (int64_t)n, mask, values, NULL) == TB_PUSH_FULL)
      atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
  }
  while (f->ends && tb_producer_push_watermark(f->producer, 0, INT64_MAX) == TB_PUSH_FULL) continue;
  return NULL;
}

static tb_region_spec lay_out(tb_variable variables[SIGNALS]) {
  memset(variables, 0, SIGNALS * sizeof *variables);
  for (uint32_t i = 0; i < SIGNALS; i++)
    variables[i] = (tb_variable){.value_reference = i, .type = TB_REAL, .kind = TB_OUTPUT, .slot = i, .n_elements = 1, .start_offset = TB_NO_OFFSET};
  return (tb_region_spec){.n_variables = SIGNALS, .n_rows = ROWS, .n_outgoing = 2, .log_bytes = 4096, .n_sources = 1};
}

static int run(uint32_t drop_oldest, uint64_t whole) {
  tb_variable variables[SIGNALS];
  tb_region_spec spec = lay_out(variables);
  feeder f = {.producer = tb_producer_create(-1, -1, &spec, variables, "", drop_oldest), .whole = whole};
  const tb_region *region = tb_producer_region(f.producer);
  tb_selection *selection = tb_selection_create(region);
  pthread_t thread;
  pthread_create(&thread, NULL, feed, &f);

  const tb_rule every = {.behaviour = TB_RMQFMU_2, .lookahead = 5, .maxage_ns = {SAMPLES}};
  const tb_rule all = {.behaviour = TB_RMQFMU_2, .lookahead = ROWS, .maxage_ns = {SAMPLES}};
  int faults = 0;
  uint64_t last = 0;
  for (int64_t newest = 0; newest < SAMPLES;) {
    tb_selection_pull(selection);
    tb_selection_select(selection, SAMPLES, &every, true);
    tb_selection_release(selection);
    const uint64_t *values = tb_selection_values(selection);
    for (uint32_t i = 0; i < SIGNALS; i++) {
      int64_t time = tb_selection_time(selection, i);
      if (time != INT64_MIN && values[i] != (uint64_t)time) faults++;
    }
    newest = tb_selection_newest(selection);
    if ((uint64_t)(newest < 0 ? 0 : newest) < last) faults++; /* back in time */
    last = newest < 0 ? 0 : (uint64_t)newest;
  }
  pthread_join(thread, NULL);
  tb_selection_select(selection, SAMPLES, &all, true);
  tb_selection_release(selection);

  uint64_t consumed = 0;
  for (int c = TB_COUNT_USED; c <= TB_COUNT_DUPLICATE; c++) consumed += tb_shim_counted(region, (tb_shim_counter)c);
  uint64_t dropped = tb_backend_counted(region, TB_COUNT_DROPPED);
  if (consumed + dropped + tb_selection_pending(selection) < SAMPLES) faults++;
  if (!drop_oldest && dropped != 0) faults++;
  printf("%s, %llu whole: %d samples, %llu consumed, %llu dropped, %llu waits, %d faults\n", drop_oldest ? "drop-oldest" : "block",
         (unsigned long long)whole, SAMPLES, (unsigned long long)consumed, (unsigned long long)dropped,
         (unsigned long long)atomic_load(&f.refused), faults);
  tb_selection_destroy(selection);
  tb_producer_destroy(f.producer);
  return faults;
}

/*
 * `complete`: whenever the samples come, a step to t outputs sample t, but for the signals that it lacks: t - 1. The feeder
 * ends the stream, which proves the last.
 */
static int run_complete(uint64_t whole) {
  tb_variable variables[SIGNALS];
  tb_region_spec spec = lay_out(variables);
  feeder f = {.producer = tb_producer_create(-1, -1, &spec, variables, "", 0), .whole = whole, .ends = true};
  tb_selection *selection = tb_selection_create(tb_producer_region(f.producer));
  const tb_rule rule = {.behaviour = TB_COMPLETE, .lookahead = 1, .maxage_ns = {1}};
  tb_selection_set_complete(selection, true);
  pthread_t thread;
  pthread_create(&thread, NULL, feed, &f);
  int faults = 0;
  for (int64_t t = 7; t <= SAMPLES; t += t % 3 == 0 ? 1 : 7) {
    tb_verdict verdict = TB_WAITS;
    for (bool first = true; verdict == TB_WAITS; first = false) {
      tb_selection_pull(selection);
      verdict = tb_selection_select(selection, t, &rule, first);
      tb_selection_release(selection);
    }
    const bool partial = (uint64_t)t > whole && t % 4 == 0;
    for (uint32_t i = 0; i < SIGNALS; i++)
      if (tb_selection_values(selection)[i] != (uint64_t)t - (partial && i % 2 == 1)) faults++;
    faults += verdict != TB_VALID;
  }
  pthread_join(thread, NULL);
  printf("complete, %llu whole: %d faults\n", (unsigned long long)whole, faults);
  tb_selection_destroy(selection);
  tb_producer_destroy(f.producer);
  return faults;
}

int main(void) {
  return run_complete(0) + run_complete(SAMPLES / 2) + run_complete(SAMPLES) + run(0, 0) + run(0, SAMPLES / 2) + run(0, SAMPLES) + run(1, 0) + run(1, SAMPLES) == 0 ? 0 : 1;
}
