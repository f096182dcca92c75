/* Initialisation: connecting, the first values, and which stamp belongs to which communication point. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../platform/platform.h"
#include "bridge_internal.h"

/* Many importers set all parameters to their start values, which says no more than the configuration does. */
static bool has_start_value(const tb_bridge *b, const tb_variable *v) {
  if (!tb_is_text(v->type)) return b->parameters[v->slot] == v->start;
  const char *start = v->start_offset == TB_NO_OFFSET ? "" : b->region.texts + v->start_offset;
  return strcmp(b->parameter_texts[v->slot], start) == 0;
}

static tb_outcome start_link(tb_bridge *b) {
  const tb_header *h = b->region.header;
  tb_parameter_text *set = calloc(h->n_parameters + 1, sizeof *set);
  char(*numbers)[32] = calloc(h->n_parameters + 1, sizeof *numbers);
  uint32_t count = 0;
  bool ok = set != NULL && numbers != NULL;
  for (uint32_t i = 0; ok && i < h->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind != TB_PARAMETER || has_start_value(b, v)) continue;
    const char *text = numbers[count];
    if (v->type == TB_STRING) {
      text = b->parameter_texts[v->slot];
    } else if (v->type == TB_REAL) {
      double value;
      memcpy(&value, &b->parameters[v->slot], sizeof value);
      snprintf(numbers[count], sizeof *numbers, "%.17g", value);
    } else {
      snprintf(numbers[count], sizeof *numbers, "%lld", (long long)b->parameters[v->slot]);
    }
    set[count++] = (tb_parameter_text){v->value_reference, text};
  }
  if (ok && !tb_backend_start(b->backend, b->attachment.id, set, count)) ok = false;
  free(set);
  free(numbers);
  return ok ? TB_DONE : tb_bridge_broken(b);
}

static bool is_linked(const tb_bridge *b) { return atomic_load(&b->region.header->link_state) == TB_LINK_READY; }
static bool is_live(const tb_bridge *b) { return atomic_load(&b->region.header->live_from) != 0; }

static tb_outcome wait_for_link(tb_bridge *b, int64_t *deadline) {
  while (!is_linked(b)) {
    tb_outcome outcome = tb_bridge_wait(b, deadline, INT64_MAX, is_linked);
    if (outcome == TB_TIMED_OUT)
      tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "initialisation: no connection to the broker within %.3f s",
                       (double)b->timeout_ns / NS_PER_S);
    if (outcome != TB_DONE) return outcome;
  }
  return TB_DONE;
}

static const char *const DOING = "initialisation";

/* TB_START_LATEST: what waited in the queue is passed over. */
static tb_outcome pass_over_backlog(tb_bridge *b, int64_t *deadline) {
  for (;;) {
    const uint64_t live = atomic_load(&b->region.header->live_from);
    const bool done = tb_selection_skip(b->selection, live == 0 ? UINT64_MAX : live - 1);
    if (done) return TB_DONE;
    tb_selection_release(b->selection);
    tb_outcome outcome = tb_bridge_wait(b, deadline, INT64_MAX, live == 0 ? is_live : NULL);
    if (outcome == TB_TIMED_OUT) return tb_bridge_lacks_data(b, DOING, tb_selection_newest(b->selection), TB_LATE);
    if (outcome != TB_DONE) return outcome;
  }
}

/* `*stamp`: that of the first set of values; INT64_MIN: there is none, and the outputs are held. */
static tb_outcome take_first_set(tb_bridge *b, int64_t *deadline, int64_t *stamp) {
  tb_verdict verdict;
  tb_selection_pull(b->selection);
  *stamp = INT64_MIN;
  while ((verdict = tb_selection_start(b->selection, &b->rule, stamp)) == TB_WAITS) {
    tb_selection_release(b->selection);
    tb_outcome outcome = tb_bridge_wait(b, deadline, INT64_MAX, NULL);
    if (outcome == TB_DONE) continue;
    *stamp = tb_selection_newest(b->selection);
    return outcome == TB_TIMED_OUT ? tb_bridge_lacks_data(b, DOING, *stamp, TB_LATE) : outcome;
  }
  return verdict == TB_VALID ? TB_DONE : tb_bridge_lacks_data(b, DOING, *stamp, TB_TOO_OLD);
}

/* The values of `stamp`, as a step takes them. */
static tb_outcome take_fixed_set(tb_bridge *b, int64_t *deadline, int64_t stamp) {
  tb_verdict verdict;
  tb_selection_pull(b->selection);
  for (bool first = true; (verdict = tb_selection_select(b->selection, stamp, &b->rule, first)) == TB_WAITS; first = false) {
    tb_selection_release(b->selection);
    tb_outcome outcome = tb_bridge_wait(b, deadline, INT64_MAX, NULL);
    if (outcome == TB_TIMED_OUT) return tb_bridge_lacks_data(b, DOING, stamp, TB_LATE);
    if (outcome != TB_DONE) return outcome;
  }
  return verdict == TB_VALID ? TB_DONE : tb_bridge_lacks_data(b, DOING, stamp, TB_TOO_OLD);
}

/* The values of now, less the delay, as soon as there are valid ones. */
static tb_outcome take_set_of_now(tb_bridge *b, int64_t *deadline, int64_t *stamp) {
  const int64_t delay = b->region.header->delay_ns;
  tb_verdict verdict = TB_VALID;
  tb_selection_pull(b->selection);
  for (;;) {
    /* `complete`: once it waits for the proof of a moment, it stays with that moment. */
    if (verdict != TB_WAITS || b->rule.behaviour != TB_COMPLETE) *stamp = tb_wall_ns() - delay;
    verdict = tb_selection_select(b->selection, *stamp, &b->rule, true);
    if (verdict == TB_VALID) return TB_DONE;
    tb_selection_release(b->selection);
    const int64_t next = tb_selection_next(b->selection, *stamp);
    const bool stays = verdict == TB_WAITS && b->rule.behaviour == TB_COMPLETE;
    const int64_t until = next == INT64_MAX || stays ? INT64_MAX : tb_monotonic_ns() + (next - *stamp);
    tb_outcome outcome = tb_bridge_wait(b, deadline, until, NULL);
    if (outcome == TB_TIMED_OUT) return tb_bridge_lacks_data(b, DOING, *stamp, TB_LATE);
    if (outcome != TB_DONE) return outcome;
  }
}

/* `*stamp`: that of the start; INT64_MIN: not known yet. */
static tb_outcome take_first_values(tb_bridge *b, int64_t *stamp) {
  const tb_header *h = b->region.header;
  const tb_origin origin = (tb_origin)h->origin;
  int64_t deadline = 0;
  /* Without a message there is no time zero that would be the same in every run. */
  const bool needs_data = h->n_outputs > 0 && (h->start_policy != TB_START_VALUES ||
                                               (b->rule.behaviour == TB_COMPLETE && origin == TB_ORIGIN_FIRST));
  if (!needs_data) {
    if (origin == TB_ORIGIN_WALL_CLOCK || h->n_outputs == 0) *stamp = tb_wall_ns() - h->delay_ns;
    return wait_for_link(b, &deadline);
  }
  tb_outcome outcome = TB_DONE;
  if (h->start_policy == TB_START_LATEST && origin != TB_ORIGIN_FIXED) outcome = pass_over_backlog(b, &deadline);
  if (outcome != TB_DONE) return outcome;
  switch (origin) {
    case TB_ORIGIN_FIXED: return take_fixed_set(b, &deadline, *stamp);
    case TB_ORIGIN_WALL_CLOCK: return take_set_of_now(b, &deadline, stamp);
    default: return take_first_set(b, &deadline, stamp);
  }
}

static tb_outcome initialise(tb_bridge *b, double start_time) {
  const tb_header *h = b->region.header;
  const bool is_first = h->origin == TB_ORIGIN_FIRST && h->n_outputs > 0;
  if (b->rule.behaviour == TB_COMPLETE && h->drop_oldest) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR,
                     "config.behaviour 3 (complete) outputs the same in every run, which a ring that drops samples cannot: "
                     "build the FMU with ring.whenFull: block");
    return TB_BROKEN;
  }
  tb_outcome outcome = start_link(b);
  if (outcome != TB_DONE) return outcome;
  b->origin_s = h->origin_at_start ? start_time : 0;
  b->rule.missing_is_valid = h->start_policy == TB_START_VALUES;
  tb_selection_set_complete(b->selection, b->rule.behaviour == TB_COMPLETE);
  /* Of the start, which need not be communication point 0. */
  const int64_t offset = llround((start_time - b->origin_s) * NS_PER_S);
  int64_t stamp = h->origin == TB_ORIGIN_FIXED ? h->origin_ns - h->delay_ns + offset : INT64_MIN;
  outcome = take_first_values(b, &stamp);
  tb_selection_release(b->selection);
  tb_bridge_drain_log(b);
  if (outcome != TB_DONE) return outcome;

  b->zero_known = stamp != INT64_MIN;
  /* The first set is what is output until its time has come. */
  b->earliest_ns = is_first ? stamp : INT64_MIN;
  b->time_zero_ns = !b->zero_known ? 0 : is_first ? stamp - h->delay_ns : stamp - offset;
  b->time_s = start_time;
  b->step_time_ns = stamp;
  tb_bridge_take_health(b);
  b->initialised = true;
  return TB_DONE;
}

void tb_bridge_enter_initialization(tb_bridge *b, double start_time) {
  b->time_s = start_time;
  b->unsettled = true;
}

bool tb_bridge_is_settled(const tb_bridge *b) { return !b->unsettled; }

tb_outcome tb_bridge_settle(tb_bridge *b) {
  if (!b->unsettled) return TB_DONE;
  b->unsettled = false;
  return initialise(b, b->time_s);
}
