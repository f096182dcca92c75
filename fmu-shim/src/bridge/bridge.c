/*
 * A bridge instance: its life and its steps. Initialisation is in start.c, waiting for data in waiting.c, values in
 * values.c, saved states in state.c.
 */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ring/queue.h"
#include "bridge_internal.h"

void tb_bridge_report(const tb_bridge *b, tb_log_level level, const char *category, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  b->log(b->log_context, level, category, text);
}

/* -- Log records of the backend: u32 size of what follows, u8 level, category NUL, text NUL ------------------------- */

static void copy_from_log(const tb_region *r, uint64_t at, void *to, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) ((unsigned char *)to)[i] = r->log[(at + i) & (r->header->log_capacity - 1)];
}

void tb_bridge_drain_log(tb_bridge *b) {
  tb_header *h = b->region.header;
  uint64_t taken = atomic_load_explicit(&h->log_taken, memory_order_relaxed);
  while (taken != atomic_load_explicit(&h->log_written, memory_order_acquire)) {
    uint32_t size;
    char record[2048];
    copy_from_log(&b->region, taken, &size, sizeof size);
    uint32_t take = size < sizeof record ? size : (uint32_t)sizeof record;
    copy_from_log(&b->region, taken + sizeof size, record, take);
    record[take - 1] = '\0';
    taken += sizeof size + size;
    atomic_store_explicit(&h->log_taken, taken, memory_order_release);
    const char *category = record + 1, *text = category + strlen(category) + 1;
    b->log(b->log_context, (tb_log_level)record[0], category, text);
  }
}

/* -- Life ----------------------------------------------------------------------------------------------------------- */

static void index_variables(tb_bridge *b) {
  const tb_header *h = b->region.header;
  for (uint32_t i = 0; i < h->n_variables && i < UINT16_MAX; i++) {
    const tb_variable *v = &b->region.variables[i];
    /* Of variables of several types that share a reference, the Real output, which is asked for most, is the one here. */
    if (v->value_reference >= b->access_size || b->access[v->value_reference].real_output) continue;
    const bool real_output = v->type == TB_REAL && v->kind == TB_OUTPUT;
    const uint8_t access = !real_output ? 0 : v->n_elements == 1 ? TB_SCALAR : TB_ARRAY;
    b->access[v->value_reference] = (tb_access){.slot = v->slot, .variable = (uint16_t)(i + 1), .real_output = access};
  }
  for (uint32_t vr = b->access_size; vr-- > 0;) {
    tb_access *a = &b->access[vr];
    if (a->real_output != TB_SCALAR) continue;
    const bool goes_on = vr + 1 < b->access_size && a[1].run > 0 && a[1].slot == a->slot + 1;
    a->run = 1 + (goes_on ? a[1].run : 0);
  }
}

static void copy_input_start(tb_bridge *b, const tb_variable *v) {
  const char *start = v->start_offset == TB_NO_OFFSET ? NULL : b->region.texts + v->start_offset;
  for (uint32_t k = 0; k < v->n_elements; k++) {
    const uint32_t slot = v->slot + k;
    b->input_variables[slot] = v;
    if (tb_is_text(v->type)) {
      char *text = b->input_strings + v->string_offset + k * tb_text_stride(v);
      snprintf(text, v->string_capacity, "%s", start != NULL ? start : "");
      b->inputs[slot] = strlen(text);
    } else if (v->n_elements > 1 && start != NULL) {
      memcpy(&b->inputs[slot], start + 8 * (size_t)k, sizeof b->inputs[slot]);
    } else {
      b->inputs[slot] = v->start;
    }
  }
}

bool tb_set_text(char **place, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (copy == NULL) return false;
  strcpy(copy, text);
  free(*place);
  *place = copy;
  return true;
}

/* In the order of their slots. */
static void add_latch(tb_bridge *b, uint32_t slot) {
  if (b->n_latches == TB_MAX_LATCHES) return; /* refused when the FMU is built */
  uint32_t at = b->n_latches++;
  for (; at > 0 && b->latches[at - 1] > slot; at--) b->latches[at] = b->latches[at - 1];
  b->latches[at] = slot;
}

static bool copy_starts(tb_bridge *b) {
  const tb_header *h = b->region.header;
  b->n_latches = b->latched = b->refused = 0;
  b->send_off_slot = UINT32_MAX;
  for (uint32_t i = 0; i < h->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind == TB_INPUT) {
      copy_input_start(b, v);
      if (v->role == TB_ROLE_SEND_OFF) b->send_off_slot = v->slot;
      if (v->role == TB_ROLE_LATCH) add_latch(b, v->slot);
    } else if (v->kind == TB_PARAMETER) {
      b->parameters[v->slot] = v->start;
      const char *start = v->start_offset == TB_NO_OFFSET ? "" : b->region.texts + v->start_offset;
      if (v->type == TB_STRING && !tb_set_text(&b->parameter_texts[v->slot], start)) return false;
    }
  }
  memcpy(b->published, b->inputs, h->n_inputs * sizeof *b->inputs);
  memcpy(b->published_strings, b->input_strings, h->input_strings);
  b->rule = (tb_rule){.behaviour = h->behaviour, .lookahead = h->lookahead};
  memcpy(b->rule.maxage_ns, h->source_maxage_ns, sizeof b->rule.maxage_ns);
  b->timeout_ns = h->timeout_ms * INT64_C(1000000);
  b->hold_on_timeout = h->hold_on_timeout;
  b->send_always = h->send_always;
  b->send_every_step = h->send_every_step;
  return true;
}

/* Memory that depends on the FMU's variables. */
static bool allocate(tb_bridge *b) {
  const tb_header *h = b->region.header;
  uint32_t highest = 0;
  for (uint32_t i = 0; i < h->n_variables; i++)
    if (b->region.variables[i].value_reference > highest) highest = b->region.variables[i].value_reference;
  b->access_size = highest < DIRECT_ACCESS_LIMIT ? highest + 1 : DIRECT_ACCESS_LIMIT;
  b->access = calloc(b->access_size, sizeof *b->access);
  b->inputs = calloc(h->n_inputs + 1, sizeof *b->inputs);
  b->published = calloc(h->n_inputs + 1, sizeof *b->published);
  b->input_strings = calloc(h->input_strings + 1, 1);
  b->published_strings = calloc(h->input_strings + 1, 1);
  b->input_variables = calloc(h->n_inputs + 1, sizeof *b->input_variables);
  b->parameters = calloc(h->n_parameters + 1, sizeof *b->parameters);
  b->parameter_texts = calloc(h->n_parameters + 1, sizeof *b->parameter_texts);
  b->selection = tb_selection_create(&b->region);
  if (!b->access || !b->inputs || !b->published || !b->input_strings || !b->published_strings || !b->input_variables ||
      !b->parameters || !b->parameter_texts || !b->selection)
    return false;
  b->outputs = tb_selection_values(b->selection);
  index_variables(b);
  return copy_starts(b);
}

static void close_backend(tb_bridge *b) {
  tb_backend_close(b->backend, &b->attachment);
  tb_bridge_drain_log(b);
  tb_bridge_report_totals(b);
  tb_attachment_drop(&b->attachment);
  tb_backend_release(b->backend);
  b->backend = NULL;
}

static void publish_inputs(tb_bridge *b, double step_end_s);

/* Everything that `connect` made. */
static void disconnect(tb_bridge *b) {
  if (b->change_waits) publish_inputs(b, b->time_s); /* the publisher may have made room since */
  while (b->states != NULL) tb_bridge_free_state(b, b->states);
  if (b->parameter_texts != NULL)
    for (uint32_t i = 0; i < b->region.header->n_parameters; i++) free(b->parameter_texts[i]);
  free(b->access);
  free(b->inputs);
  free(b->published);
  free(b->input_strings);
  free(b->published_strings);
  free(b->input_variables);
  free(b->parameters);
  free(b->parameter_texts);
  tb_selection_destroy(b->selection);
  b->access = NULL;
  b->inputs = b->published = b->parameters = b->outputs = NULL;
  b->input_strings = b->published_strings = NULL;
  b->input_variables = NULL;
  b->parameter_texts = NULL;
  b->selection = NULL;
  close_backend(b);
}

static bool connect(tb_bridge *b) {
  char error[TB_ERROR_SIZE];
  b->unsettled = b->initialised = b->change_waits = false;
  b->health_version = 0;
  b->timeouts = 0;
  b->time_s = b->origin_s = 0;
  b->step_time_ns = b->time_zero_ns = 0;
  b->earliest_ns = INT64_MIN;
  b->zero_known = false;
  b->backend = tb_backend_acquire(b->resources, error);
  if (b->backend == NULL) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "%s", error);
    return false;
  }
  if (!tb_backend_open(b->backend, b->resources, b->instance_name, b->guid, &b->attachment, error)) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "%s", error);
    tb_backend_release(b->backend);
    b->backend = NULL;
    return false;
  }
  if (!tb_region_open(&b->region, b->attachment.memory, b->attachment.size)) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "the backend and the FMU's library are of different versions; build the FMU again");
    tb_backend_close(b->backend, &b->attachment);
    tb_attachment_drop(&b->attachment);
    tb_backend_release(b->backend);
    b->backend = NULL;
    return false;
  }
  if (!allocate(b)) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "out of memory");
    disconnect(b);
    return false;
  }
  return true;
}

tb_bridge *tb_bridge_create(const char *resources, const char *instance_name, const char *guid, tb_log_function *log,
                            void *log_context) {
  tb_bridge *b = calloc(1, sizeof *b);
  if (b == NULL) return NULL;
  b->log = log;
  b->log_context = log_context;
  if (tb_set_text(&b->resources, resources) && tb_set_text(&b->instance_name, instance_name) && tb_set_text(&b->guid, guid) &&
      connect(b))
    return b;
  tb_bridge_destroy(b);
  return NULL;
}

void tb_bridge_destroy(tb_bridge *b) {
  if (b == NULL) return;
  if (b->backend != NULL) disconnect(b);
  free(b->resources);
  free(b->instance_name);
  free(b->guid);
  free(b);
}

bool tb_bridge_reset(tb_bridge *b) {
  if (b->backend != NULL) disconnect(b);
  return connect(b);
}

double tb_bridge_time(const tb_bridge *b) { return b->time_s; }

/* -- Publishing ----------------------------------------------------------------------------------------------------- */

/* Exact: a change of sign of zero is a change, the same NaN is none. */
static bool has_changed(const tb_bridge *b, uint32_t slot) {
  if (b->inputs[slot] != b->published[slot]) return true;
  const tb_variable *v = b->input_variables[slot];
  if (!tb_is_text(v->type)) return false;
  const uint32_t at = v->string_offset + (slot - v->slot) * tb_text_stride(v);
  return memcmp(b->input_strings + at, b->published_strings + at, b->inputs[slot]) != 0;
}

/* An array is sent as a whole. */
static void mark(uint64_t *mask, const tb_variable *v) {
  for (uint32_t slot = v->slot; slot < v->slot + v->n_elements; slot++) mask[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static bool is_latched(const tb_bridge *b, uint32_t slot) {
  if (b->latched == 0) return false;
  for (uint32_t i = 0; i < b->n_latches; i++)
    if (b->latches[i] == slot) return (b->latched >> i & 1) != 0;
  return false;
}

/* The input that stops publishing is data only to peers that were given it as such, in a message at every step. */
static bool is_to_be_sent(const tb_bridge *b, uint32_t slot, bool all) {
  if (slot == b->send_off_slot && !b->send_every_step) return false;
  return all || (has_changed(b, slot) && !is_latched(b, slot)); /* that is told by another way */
}

/* A latched input that is true now goes to the publisher past the outgoing queue, which may be full. */
static void latch_inputs(tb_bridge *b, double step_end_s) {
  tb_header *h = b->region.header;
  uint32_t latched = b->latched;
  for (uint32_t i = 0; i < b->n_latches; i++)
    if (b->inputs[b->latches[i]] != 0) latched |= UINT32_C(1) << i;
  if (latched == b->latched) return;
  b->latched = latched;
  uint64_t step_end;
  memcpy(&step_end, &step_end_s, sizeof step_end);
  atomic_store_explicit(&h->latched_doing_ns, tb_wall_ns(), memory_order_relaxed);
  atomic_store_explicit(&h->latched_step_end, step_end, memory_order_relaxed);
  atomic_store_explicit(&h->latched, latched, memory_order_release);
  tb_notify(b->attachment.notification.notify_end); /* whatever the publisher is waiting for */
}

static void publish_inputs(tb_bridge *b, double step_end_s) {
  tb_header *h = b->region.header;
  uint32_t first = 0;
  if (b->send_off_slot != UINT32_MAX && b->inputs[b->send_off_slot] != 0) return;
  /* Not the message that was refused, but what holds now: it must not overtake a later one. */
  const uint32_t refused = atomic_load_explicit(&h->inputs_refused, memory_order_relaxed);
  const bool all = b->send_always || refused != b->refused;
  while (first < h->n_inputs && !is_to_be_sent(b, first, all)) first++;
  if (first == h->n_inputs && !b->send_every_step) return;

  uint64_t at = atomic_load_explicit(&h->outgoing_written, memory_order_relaxed);
  if (at - atomic_load_explicit(&h->outgoing_taken, memory_order_acquire) == h->n_outgoing) {
    /* The publisher is behind, or the broker away. The change stays a change: the next message with room carries it. */
    b->change_waits = true;
    tb_shim_count(&b->region, TB_COUNT_COALESCED, 1);
    return;
  }
  b->change_waits = false;
  b->refused = refused;
  tb_row row = tb_outgoing_row(&b->region, at);
  memset(row.mask, 0, h->input_words * sizeof *row.mask);
  for (uint32_t slot = first; slot < h->n_inputs; slot++)
    if (is_to_be_sent(b, slot, all)) mark(row.mask, b->input_variables[slot]);
  memcpy(row.values, b->inputs, h->n_inputs * sizeof *row.values);
  for (uint32_t i = 0; i < b->n_latches; i++)
    if (b->latched >> i & 1) row.values[b->latches[i]] = 1;
  memcpy(row.strings, b->input_strings, h->input_strings);
  memcpy(b->published, b->inputs, h->n_inputs * sizeof *b->inputs);
  memcpy(b->published_strings, b->input_strings, h->input_strings);
  row.head->arrived_ns = tb_wall_ns();
  row.head->step_end_s = step_end_s;
  atomic_store_explicit(&h->outgoing_written, at + 1, memory_order_release);
  if (tb_must_wake(&h->publisher_waiting)) tb_notify(b->attachment.notification.notify_end);
}

static void hand_out_inputs(tb_bridge *b, double step_end_s) {
  if (b->n_latches > 0) latch_inputs(b, step_end_s);
  if (b->region.header->n_inputs > 0 || b->send_every_step) publish_inputs(b, step_end_s);
}

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

/* Rounded to whole ns: k * h of the importer falls a hair short of a stamp on the grid as often as not. */
static int64_t stamp_of(const tb_bridge *b, double time) {
  return b->time_zero_ns + llround((time - b->origin_s) * NS_PER_S);
}

static double time_of(const tb_bridge *b, int64_t stamp) {
  return (double)(stamp - b->time_zero_ns) / NS_PER_S + b->origin_s;
}

/* A step on its way. */
typedef struct {
  double end;         /* communication point at which it ends */
  int64_t stamp;      /* and its stamp */
  int64_t deadline;   /* monotonic ns; 0: it has not waited yet */
  bool to_arrival;    /* it ends earlier where a sample becomes due ... */
  int64_t from;       /* ... later than this */
  bool arrived;
} step;

static void end_at(const tb_bridge *b, step *p, int64_t next) {
  if (next > p->stamp) return;
  p->arrived = true;
  if (next == p->stamp) return;
  p->stamp = next;
  p->end = time_of(b, next);
}

static tb_outcome wait_for_data(tb_bridge *b, step *p) {
  if (p->deadline == 0) tb_shim_count(&b->region, TB_COUNT_WAITED, 1);
  tb_selection_release(b->selection);
  return tb_bridge_wait(b, &p->deadline, INT64_MAX, NULL);
}

static tb_outcome without_data(tb_bridge *b, const step *p, tb_lack lack) {
  char doing[64];
  snprintf(doing, sizeof doing, "step to %.9g s", p->end);
  return tb_bridge_lacks_data(b, doing, p->stamp, lack);
}

/*
 * Time zero is not known yet, for nothing has come: the first samples' newest stamp belongs to the end of the step that
 * finds them. `*idle`: there is still none, and none is needed.
 */
static tb_outcome find_zero(tb_bridge *b, step *p, bool *idle) {
  tb_selection_pull(b->selection);
  while (tb_selection_latest(b->selection) == INT64_MIN) {
    *idle = b->rule.missing_is_valid;
    if (*idle) return TB_DONE;
    tb_outcome outcome = wait_for_data(b, p);
    if (outcome == TB_TIMED_OUT) {
      *idle = true;
      return without_data(b, p, TB_LATE);
    }
    if (outcome != TB_DONE) return outcome;
  }
  b->zero_known = true;
  b->time_zero_ns = tb_selection_latest(b->selection) - b->region.header->delay_ns - llround((p->end - b->origin_s) * NS_PER_S);
  p->arrived = true;
  p->to_arrival = false;
  p->stamp = stamp_of(b, p->end);
  return TB_DONE;
}

/* Where the step ends, as far as it shows before it is made. */
static tb_outcome look_for_arrival(tb_bridge *b, step *p) {
  int64_t next = INT64_MAX;
  tb_selection_pull(b->selection);
  if (b->rule.behaviour != TB_COMPLETE) {
    next = tb_selection_next(b->selection, p->from);
  } else {
    for (bool first = true; !tb_selection_seek(b->selection, p->from, p->stamp, first, &next); first = false) {
      tb_outcome outcome = wait_for_data(b, p);
      if (outcome == TB_TIMED_OUT) return TB_DONE; /* the step says so */
      if (outcome != TB_DONE) return outcome;
    }
  }
  end_at(b, p, next);
  return TB_DONE;
}

static tb_outcome select_outputs(tb_bridge *b, step *p) {
  tb_selection_pull(b->selection);
  for (bool first = true;; first = false) {
    const int64_t time = p->stamp < b->earliest_ns ? b->earliest_ns : p->stamp;
    const tb_verdict verdict = tb_selection_select(b->selection, time, &b->rule, first);
    if (verdict == TB_VALID) break;
    if (verdict == TB_HOPELESS) return without_data(b, p, TB_TOO_OLD);
    tb_outcome outcome = wait_for_data(b, p);
    if (outcome == TB_TIMED_OUT) return without_data(b, p, TB_LATE);
    if (outcome != TB_DONE) return outcome;
    if (p->to_arrival && b->rule.behaviour != TB_COMPLETE) end_at(b, p, tb_selection_next(b->selection, p->from));
  }
  if (b->timeouts > 0 && b->hold_on_timeout)
    tb_bridge_report(b, TB_LOG_INFO, TB_CATEGORY_EVENTS, "valid data again, after %u steps without", b->timeouts);
  b->timeouts = 0;
  return TB_DONE;
}

static tb_outcome take_outputs(tb_bridge *b, step *p) {
  bool idle = false;
  if (!b->zero_known) {
    tb_outcome outcome = find_zero(b, p, &idle);
    if (outcome != TB_DONE || idle) return outcome;
  }
  int64_t before = tb_selection_newest(b->selection);
  tb_outcome outcome = select_outputs(b, p);
  if (outcome != TB_DONE) return outcome;
  if (tb_selection_newest(b->selection) == before) tb_shim_count(&b->region, TB_COUNT_HELD, 1);
  b->step_time_ns = p->stamp;
  return TB_DONE;
}

static tb_outcome make_step(tb_bridge *b, step *p) {
  hand_out_inputs(b, p->end);
  tb_outcome outcome = TB_DONE;
  if (b->region.header->n_outputs > 0) {
    outcome = take_outputs(b, p);
    tb_selection_release(b->selection);
  }
  tb_bridge_drain_log(b);
  if (outcome != TB_DONE) return outcome;
  tb_bridge_take_health(b);
  b->time_s = p->end;
  tb_shim_count(&b->region, TB_COUNT_STEPS, 1);
  return TB_DONE;
}

tb_outcome tb_bridge_step(tb_bridge *b, double time, double size) {
  if (tb_bridge_is_broken(b)) return tb_bridge_broken(b);
  step p = {.end = time + size, .stamp = stamp_of(b, time + size)};
  return make_step(b, &p);
}

tb_outcome tb_bridge_step_to_arrival(tb_bridge *b, double time, double size, double *reached, bool *arrived) {
  *reached = time;
  *arrived = false;
  if (tb_bridge_is_broken(b)) return tb_bridge_broken(b);
  step p = {.end = time + size, .stamp = stamp_of(b, time + size), .to_arrival = true, .from = stamp_of(b, time)};
  if (p.from < b->earliest_ns) p.from = b->earliest_ns;
  tb_outcome outcome = TB_DONE;
  if (b->region.header->n_outputs > 0 && b->zero_known) outcome = look_for_arrival(b, &p);
  if (outcome == TB_DONE) outcome = make_step(b, &p);
  if (outcome != TB_DONE) return outcome;
  *reached = p.end;
  *arrived = p.arrived;
  return TB_DONE;
}

bool tb_bridge_next_time(tb_bridge *b, double *time) {
  int64_t next = INT64_MAX;
  if (b->zero_known) {
    tb_selection_pull(b->selection);
    next = tb_selection_next(b->selection, b->step_time_ns);
  }
  *time = next == INT64_MAX ? DBL_MAX : time_of(b, next);
  return next != INT64_MAX;
}
