#include "bridge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ring/queue.h"
#include "../selection/selection.h"
#include "backend.h"

#define NS_PER_S 1e9

/* How a value is reached, by value reference. */
typedef struct {
  uint32_t slot;
  uint16_t variable; /* index + 1; 0: there is none */
  uint8_t real_output;
} access;

enum { DIRECT_ACCESS_LIMIT = 65536 };

struct tb_bridge {
  tb_region region;
  tb_attachment attachment;
  tb_backend *backend;
  tb_selection *selection;
  uint64_t *outputs; /* the selection's current values */

  access *access; /* by value reference below access_size; others are searched for */
  uint32_t access_size;

  uint64_t *inputs, *published; /* by slot: as set, and as last handed to the publisher */
  char *input_strings, *published_strings;
  const tb_variable **input_variables;

  uint64_t *parameters; /* by slot */
  char **parameter_texts;
  bool *parameter_set;

  int64_t maxage_ns;
  uint32_t lookahead, behaviour;
  int64_t timeout_ns;
  bool hold_on_timeout, send_always;

  int64_t time_zero_ns; /* stamp that belongs to communication point `origin_s` */
  double origin_s, time_s;
  int64_t step_time_ns; /* stamp that belongs to the last communication point */
  bool initialised;

  tb_bridge_state *states; /* alive, handed to the importer */

  char *resources, *instance_name, *guid;
  tb_log_function *log;
  void *log_context;
};

static void report(const tb_bridge *b, tb_log_level level, const char *category, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  b->log(b->log_context, level, category, text);
}

static const char *const ERRORS = "logStatusError", *const WARNINGS = "logStatusWarning";

/* -- Log records of the backend: u32 size of what follows, u8 level, category NUL, text NUL ------------------------- */

static void copy_from_log(const tb_region *r, uint64_t at, void *to, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) ((unsigned char *)to)[i] = r->log[(at + i) & (r->header->log_capacity - 1)];
}

void tb_bridge_drain_log(tb_bridge *b) {
  tb_queue_ends *ends = &b->region.header->log_ends;
  uint64_t taken = atomic_load_explicit(&ends->taken, memory_order_relaxed);
  while (taken != atomic_load_explicit(&ends->written, memory_order_acquire)) {
    uint32_t size;
    char record[2048];
    copy_from_log(&b->region, taken, &size, sizeof size);
    uint32_t take = size < sizeof record ? size : (uint32_t)sizeof record;
    copy_from_log(&b->region, taken + sizeof size, record, take);
    record[take - 1] = '\0';
    taken += sizeof size + size;
    atomic_store_explicit(&ends->taken, taken, memory_order_release);
    const char *category = record + 1, *text = category + strlen(category) + 1;
    b->log(b->log_context, (tb_log_level)record[0], category, text);
  }
}

/* -- Life ----------------------------------------------------------------------------------------------------------- */

static void index_variables(tb_bridge *b) {
  const tb_header *h = b->region.header;
  for (uint32_t i = 0; i < h->n_variables && i < UINT16_MAX; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->value_reference < b->access_size)
      b->access[v->value_reference] = (access){v->slot, (uint16_t)(i + 1), v->type == TB_REAL && v->kind == TB_OUTPUT};
  }
}

static void copy_string_start(const tb_bridge *b, const tb_variable *v, char *strings, uint64_t *value) {
  const char *start = v->start_offset == TB_NO_OFFSET ? "" : b->region.texts + v->start_offset;
  snprintf(strings + v->string_offset, v->string_capacity, "%s", start);
  *value = strlen(strings + v->string_offset);
}

static bool set_text(char **place, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (copy == NULL) return false;
  strcpy(copy, text);
  free(*place);
  *place = copy;
  return true;
}

static bool copy_starts(tb_bridge *b) {
  const tb_header *h = b->region.header;
  for (uint32_t i = 0; i < h->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind == TB_INPUT) {
      b->input_variables[v->slot] = v;
      b->inputs[v->slot] = v->start;
      if (v->type == TB_STRING) copy_string_start(b, v, b->input_strings, &b->inputs[v->slot]);
    } else if (v->kind == TB_PARAMETER) {
      b->parameters[v->slot] = v->start;
      const char *start = v->start_offset == TB_NO_OFFSET ? "" : b->region.texts + v->start_offset;
      if (v->type == TB_STRING && !set_text(&b->parameter_texts[v->slot], start)) return false;
    }
  }
  memcpy(b->published, b->inputs, h->n_inputs * sizeof *b->inputs);
  memcpy(b->published_strings, b->input_strings, h->input_strings);
  b->maxage_ns = h->maxage_ns;
  b->lookahead = h->lookahead;
  b->behaviour = h->behaviour;
  b->timeout_ns = h->timeout_ms * INT64_C(1000000);
  b->hold_on_timeout = h->hold_on_timeout;
  b->send_always = h->send_always;
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
  b->parameter_set = calloc(h->n_parameters + 1, sizeof *b->parameter_set);
  b->selection = tb_selection_create(&b->region);
  if (!b->access || !b->inputs || !b->published || !b->input_strings || !b->published_strings || !b->input_variables ||
      !b->parameters || !b->parameter_texts || !b->parameter_set || !b->selection)
    return false;
  b->outputs = tb_selection_values(b->selection);
  index_variables(b);
  return copy_starts(b);
}

/* Everything that `connect` made. */
static void disconnect(tb_bridge *b) {
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
  free(b->parameter_set);
  tb_selection_destroy(b->selection);
  b->access = NULL;
  b->inputs = b->published = b->parameters = b->outputs = NULL;
  b->input_strings = b->published_strings = NULL;
  b->input_variables = NULL;
  b->parameter_texts = NULL;
  b->parameter_set = NULL;
  b->selection = NULL;
  if (b->backend == NULL) return;
  tb_backend_close(b->backend, &b->attachment);
  tb_backend_release(b->backend);
  b->backend = NULL;
}

static bool connect(tb_bridge *b) {
  char error[TB_ERROR_SIZE];
  b->initialised = false;
  b->time_s = b->origin_s = 0;
  b->step_time_ns = b->time_zero_ns = 0;
  b->backend = tb_backend_acquire(b->resources, error);
  if (b->backend == NULL) {
    report(b, TB_LOG_ERROR, ERRORS, "%s", error);
    return false;
  }
  if (!tb_backend_open(b->backend, b->resources, b->instance_name, b->guid, &b->attachment, error)) {
    report(b, TB_LOG_ERROR, ERRORS, "%s", error);
    tb_backend_release(b->backend);
    b->backend = NULL;
    return false;
  }
  if (!tb_region_open(&b->region, b->attachment.memory, b->attachment.size)) {
    report(b, TB_LOG_ERROR, ERRORS, "the backend and the FMU's library are of different versions; build the FMU again");
    tb_backend_close(b->backend, &b->attachment);
    tb_backend_release(b->backend);
    b->backend = NULL;
    return false;
  }
  if (!allocate(b)) {
    report(b, TB_LOG_ERROR, ERRORS, "out of memory");
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
  if (set_text(&b->resources, resources) && set_text(&b->instance_name, instance_name) && set_text(&b->guid, guid) &&
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

/* -- Waiting -------------------------------------------------------------------------------------------------------- */

static tb_outcome broken(tb_bridge *b) {
  char how[512];
  tb_bridge_drain_log(b);
  if (atomic_load(&b->region.header->link_state) == TB_LINK_FAILED) {
    report(b, TB_LOG_ERROR, ERRORS, "the bridge could not connect to the broker; the message above says why");
  } else {
    tb_backend_describe_end(b->backend, how, sizeof how);
    report(b, TB_LOG_ERROR, ERRORS, "%s, and with it the link to the broker; free this instance and start again", how);
  }
  return TB_BROKEN;
}

static bool is_broken(const tb_bridge *b) {
  return tb_backend_is_gone(b->backend) ||
         atomic_load_explicit(&b->region.header->link_state, memory_order_acquire) == TB_LINK_FAILED;
}

/* Rows that nothing needs any more go back, or the consumer could wait for us while we wait for it. */
static void release(tb_bridge *b) {
  tb_selection_release(b->selection);
  if (tb_must_wake(&b->region.header->writer_waiting)) tb_wake_signal(b->attachment.notify_end);
}

/* Sleeps until the backend has something, or the deadline, which starts to run at the first call. */
static tb_outcome wait_for_backend(tb_bridge *b, int64_t *deadline_ns) {
  tb_header *h = b->region.header;
  tb_raise_flag(&h->reader_waiting);
  if (tb_selection_pull(b->selection)) {
    atomic_store_explicit(&h->reader_waiting, 0, memory_order_relaxed);
    return TB_DONE;
  }
  if (is_broken(b)) return broken(b);
  if (*deadline_ns == 0) *deadline_ns = tb_monotonic_ns() + b->timeout_ns;
  switch (tb_wake_wait(b->attachment.wait_end, *deadline_ns)) {
    case TB_OTHER_SIDE_GONE: return broken(b);
    case TB_DEADLINE_PASSED: return TB_TIMED_OUT;
    default: break;
  }
  tb_selection_pull(b->selection);
  return is_broken(b) ? broken(b) : TB_DONE;
}

/* "x (never received), y (1.400 s old)" */
static void name_missing(tb_bridge *b, int64_t time, char *text, size_t size) {
  const tb_header *h = b->region.header;
  size_t at = 0;
  uint32_t unnamed = 0;
  text[0] = '\0';
  for (uint32_t i = 0; i < h->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind != TB_OUTPUT) continue;
    int64_t stamp = tb_selection_time(b->selection, v->slot);
    if (stamp != INT64_MIN && stamp <= time && time - stamp <= b->maxage_ns) continue;
    const char *name = b->region.texts + v->name_offset;
    if (at + strlen(name) + 48 > size) {
      unnamed++;
      continue;
    }
    const char *comma = at == 0 ? "" : ", ";
    if (stamp == INT64_MIN)
      at += (size_t)snprintf(text + at, size - at, "%s%s (never received)", comma, name);
    else
      at += (size_t)snprintf(text + at, size - at, "%s%s (%.3f s old)", comma, name, (double)(time - stamp) / NS_PER_S);
  }
  if (unnamed > 0) snprintf(text + at, size - at, " and %u more", unnamed);
}

static tb_outcome timed_out(tb_bridge *b, const char *doing, int64_t time) {
  char missing[1200];
  tb_bridge_drain_log(b);
  tb_shim_count(&b->region, TB_COUNT_TIMED_OUT, 1);
  name_missing(b, time, missing, sizeof missing);
  bool up = atomic_load(&b->region.header->link_up);
  report(b, b->hold_on_timeout ? TB_LOG_WARNING : TB_LOG_ERROR, b->hold_on_timeout ? WARNINGS : ERRORS,
         "%s: no valid data within %.3f s (maxage %.3f s%s): %s%s", doing, (double)b->timeout_ns / NS_PER_S,
         (double)b->maxage_ns / NS_PER_S, up ? "" : ", the broker is out of reach", missing,
         b->hold_on_timeout ? "; the outputs stay as they are" : "");
  return b->hold_on_timeout ? TB_DONE : TB_TIMED_OUT;
}

/* -- Initialisation ------------------------------------------------------------------------------------------------- */

static tb_outcome start_link(tb_bridge *b) {
  const tb_header *h = b->region.header;
  tb_parameter_text *set = calloc(h->n_parameters + 1, sizeof *set);
  char(*numbers)[32] = calloc(h->n_parameters + 1, sizeof *numbers);
  uint32_t count = 0;
  bool ok = set != NULL && numbers != NULL;
  for (uint32_t i = 0; ok && i < h->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind != TB_PARAMETER || !b->parameter_set[v->slot]) continue;
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
  return ok ? TB_DONE : broken(b);
}

tb_outcome tb_bridge_initialise(tb_bridge *b, double start_time) {
  tb_header *h = b->region.header;
  tb_selection *s = b->selection;
  int64_t deadline = 0;
  tb_outcome outcome = start_link(b);
  if (outcome != TB_DONE) return outcome;

  while (outcome == TB_DONE && (h->n_outputs == 0 ? atomic_load(&h->link_state) != TB_LINK_READY
                                                  : !tb_selection_complete(s, b->maxage_ns))) {
    /* Message by message, so that the first complete set, and with it time zero, is the same in every run. */
    if (tb_selection_can_move(s)) {
      tb_selection_round(s, INT64_MAX, 1, true);
      continue;
    }
    release(b);
    outcome = wait_for_backend(b, &deadline);
  }
  if (outcome == TB_TIMED_OUT) {
    outcome = h->n_outputs == 0 ? TB_TIMED_OUT : timed_out(b, "initialisation", tb_selection_newest(s));
    if (h->n_outputs == 0)
      report(b, TB_LOG_ERROR, ERRORS, "initialisation: no connection to the broker within %.3f s",
             (double)b->timeout_ns / NS_PER_S);
  }
  release(b);
  tb_bridge_drain_log(b);
  if (outcome != TB_DONE) return outcome;

  int64_t newest = tb_selection_newest(s);
  b->time_zero_ns = newest == INT64_MIN ? tb_wall_ns() : newest;
  b->origin_s = h->origin_at_start ? start_time : 0;
  b->time_s = start_time;
  b->step_time_ns = b->time_zero_ns;
  b->initialised = true;
  return TB_DONE;
}

/* -- Publishing ----------------------------------------------------------------------------------------------------- */

/* Exact: a change of sign of zero is a change, the same NaN is none. */
static bool has_changed(const tb_bridge *b, uint32_t slot) {
  if (b->inputs[slot] != b->published[slot]) return true;
  const tb_variable *v = b->input_variables[slot];
  return v->type == TB_STRING &&
         memcmp(b->input_strings + v->string_offset, b->published_strings + v->string_offset, b->inputs[slot]) != 0;
}

static void publish_inputs(tb_bridge *b, double step_end_s) {
  tb_header *h = b->region.header;
  uint32_t first = 0;
  if (!b->send_always)
    while (first < h->n_inputs && !has_changed(b, first)) first++;
  if (first == h->n_inputs) return;

  uint64_t at = atomic_load_explicit(&h->outgoing_ends.written, memory_order_relaxed);
  if (at - atomic_load_explicit(&h->outgoing_ends.taken, memory_order_acquire) == h->n_outgoing) {
    /* The publisher is behind, or the broker away. The change stays a change: the next message with room carries it. */
    tb_shim_count(&b->region, TB_COUNT_COALESCED, 1);
    return;
  }
  tb_row row = tb_outgoing_row(&b->region, at);
  memset(row.mask, 0, h->input_words * sizeof *row.mask);
  for (uint32_t slot = first; slot < h->n_inputs; slot++)
    if (b->send_always || has_changed(b, slot)) row.mask[slot / 64] |= UINT64_C(1) << (slot % 64);
  memcpy(row.values, b->inputs, h->n_inputs * sizeof *row.values);
  memcpy(row.strings, b->input_strings, h->input_strings);
  memcpy(b->published, b->inputs, h->n_inputs * sizeof *b->inputs);
  memcpy(b->published_strings, b->input_strings, h->input_strings);
  row.head->arrived_ns = tb_wall_ns();
  row.head->step_end_s = step_end_s;
  atomic_store_explicit(&h->outgoing_ends.written, at + 1, memory_order_release);
  if (tb_must_wake(&h->publisher_waiting)) tb_wake_signal(b->attachment.notify_end);
}

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

static tb_outcome select_outputs(tb_bridge *b, int64_t time) {
  int64_t deadline = 0;
  tb_selection_pull(b->selection);
  while (!tb_selection_select(b->selection, time, b->behaviour, b->lookahead, b->maxage_ns, deadline == 0)) {
    release(b);
    if (deadline == 0) tb_shim_count(&b->region, TB_COUNT_WAITED, 1);
    tb_outcome outcome = wait_for_backend(b, &deadline);
    if (outcome == TB_TIMED_OUT) {
      char doing[64];
      snprintf(doing, sizeof doing, "step to %.9g s", (double)(time - b->time_zero_ns) / NS_PER_S + b->origin_s);
      return timed_out(b, doing, time);
    }
    if (outcome != TB_DONE) return outcome;
  }
  return TB_DONE;
}

tb_outcome tb_bridge_step(tb_bridge *b, double time, double step) {
  if (is_broken(b)) return broken(b);
  const double end = time + step;
  if (b->region.header->n_inputs > 0) publish_inputs(b, end);
  if (b->region.header->n_outputs > 0) {
    /* Rounded to whole ns: k * h of the importer falls a hair short of a stamp on the grid as often as not. */
    int64_t stamp = b->time_zero_ns + llround((end - b->origin_s) * NS_PER_S);
    int64_t before = tb_selection_newest(b->selection);
    tb_outcome outcome = select_outputs(b, stamp);
    release(b);
    tb_bridge_drain_log(b);
    if (outcome != TB_DONE) return outcome;
    if (tb_selection_newest(b->selection) == before) tb_shim_count(&b->region, TB_COUNT_HELD, 1);
    b->step_time_ns = stamp;
  } else {
    tb_bridge_drain_log(b);
  }
  b->time_s = end;
  tb_shim_count(&b->region, TB_COUNT_STEPS, 1);
  return TB_DONE;
}

/* -- Values --------------------------------------------------------------------------------------------------------- */

const tb_variable *tb_bridge_find(const tb_bridge *b, uint32_t value_reference) {
  if (value_reference < b->access_size) {
    uint16_t index = b->access[value_reference].variable;
    if (index != 0) return &b->region.variables[index - 1];
    if (b->region.header->n_variables < UINT16_MAX) return NULL;
  }
  uint32_t low = 0, high = b->region.header->n_variables;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (b->region.variables[middle].value_reference < value_reference)
      low = middle + 1;
    else
      high = middle;
  }
  const tb_variable *v = &b->region.variables[low];
  return low < b->region.header->n_variables && v->value_reference == value_reference ? v : NULL;
}

bool tb_bridge_get_real_outputs(const tb_bridge *b, const uint32_t *value_references, size_t count, double *values) {
  const access *table = b->access;
  const uint64_t *outputs = b->outputs;
  for (size_t i = 0; i < count; i++) {
    uint32_t vr = value_references[i];
    if (vr >= b->access_size || !table[vr].real_output) return false;
    memcpy(&values[i], &outputs[table[vr].slot], sizeof *values);
  }
  return true;
}

static double seconds_between(int64_t earlier_ns, int64_t later_ns) {
  return earlier_ns == INT64_MIN || earlier_ns == 0 ? 0 : (double)(later_ns - earlier_ns) / NS_PER_S;
}

static double real_diagnostic(const tb_bridge *b, uint32_t which) {
  const tb_header *h = b->region.header;
  const tb_selection *s = b->selection;
  int64_t arrived = tb_selection_newest_arrival(s);
  switch (which) {
    case TB_DIAG_DATA_AGE: return seconds_between(tb_selection_oldest(s), b->step_time_ns);
    case TB_DIAG_TRANSPORT_DELAY: return arrived == 0 ? 0 : seconds_between(tb_selection_newest(s), arrived);
    case TB_DIAG_RING_DELAY: return seconds_between(arrived, tb_wall_ns());
    case TB_DIAG_CONFIRM_DELAY: return seconds_between(atomic_load(&h->confirmed_doing_ns), atomic_load(&h->confirmed_ns));
    default: return 0;
  }
}

/* FMI 2.0 Integer has 32 bits: counters stay at the highest value rather than turn negative. */
static int64_t saturated(uint64_t count) { return count > INT32_MAX ? INT32_MAX : (int64_t)count; }

static int64_t integer_diagnostic(const tb_bridge *b, uint32_t which) {
  const tb_region *r = &b->region;
  switch (which) {
    case TB_DIAG_QUEUE_DEPTH: return saturated(tb_filled_count(r) + tb_selection_pending(b->selection));
    case TB_DIAG_RECEIVED: return saturated(tb_backend_counted(r, TB_COUNT_RECEIVED));
    case TB_DIAG_DROPPED: return saturated(tb_backend_counted(r, TB_COUNT_DROPPED));
    case TB_DIAG_REJECTED: return saturated(tb_backend_counted(r, TB_COUNT_REJECTED));
    case TB_DIAG_CONFIRMED: return saturated(tb_backend_counted(r, TB_COUNT_CONFIRMED));
    case TB_DIAG_USED: return saturated(tb_shim_counted(r, TB_COUNT_USED));
    case TB_DIAG_SKIPPED: return saturated(tb_shim_counted(r, TB_COUNT_SKIPPED));
    case TB_DIAG_LATE: return saturated(tb_shim_counted(r, TB_COUNT_LATE));
    case TB_DIAG_DUPLICATE: return saturated(tb_shim_counted(r, TB_COUNT_DUPLICATE));
    case TB_DIAG_HELD: return saturated(tb_shim_counted(r, TB_COUNT_HELD));
    case TB_DIAG_LINK_UP: return atomic_load(&r->header->link_up) != 0;
    default: return 0;
  }
}

static uint64_t *place_of_value(const tb_bridge *b, const tb_variable *v) {
  switch (v->kind) {
    case TB_OUTPUT: return &b->outputs[v->slot];
    case TB_INPUT: return &b->inputs[v->slot];
    default: return &b->parameters[v->slot];
  }
}

double tb_bridge_get_real(tb_bridge *b, const tb_variable *v) {
  if (v->kind == TB_DIAGNOSTIC) return real_diagnostic(b, v->slot);
  double value;
  memcpy(&value, place_of_value(b, v), sizeof value);
  return value;
}

int64_t tb_bridge_get_integer(tb_bridge *b, const tb_variable *v) {
  return v->kind == TB_DIAGNOSTIC ? integer_diagnostic(b, v->slot) : (int64_t)*place_of_value(b, v);
}

const char *tb_bridge_get_string(tb_bridge *b, const tb_variable *v) {
  switch (v->kind) {
    case TB_OUTPUT: return tb_selection_strings(b->selection) + v->string_offset;
    case TB_INPUT: return b->input_strings + v->string_offset;
    case TB_PARAMETER: return b->parameter_texts[v->slot];
    default: return "";
  }
}

void tb_bridge_set_real(tb_bridge *b, const tb_variable *v, double value) {
  memcpy(place_of_value(b, v), &value, sizeof value);
  if (v->kind == TB_PARAMETER) b->parameter_set[v->slot] = true;
}

void tb_bridge_set_integer(tb_bridge *b, const tb_variable *v, int64_t value) {
  *place_of_value(b, v) = (uint64_t)value;
  if (v->kind != TB_PARAMETER) return;
  b->parameter_set[v->slot] = true;
  switch ((tb_role)v->role) {
    case TB_ROLE_TIMEOUT_S: b->timeout_ns = (value < 0 ? 0 : value) * INT64_C(1000000000); break;
    case TB_ROLE_MAXAGE_MS: b->maxage_ns = (value < 0 ? 0 : value) * INT64_C(1000000); break;
    case TB_ROLE_LOOKAHEAD: b->lookahead = value < 1 ? 1 : (uint32_t)value; break;
    case TB_ROLE_BEHAVIOUR: b->behaviour = value < 0 || value > 2 ? 2 : (uint32_t)value; break;
    case TB_ROLE_ON_TIMEOUT: b->hold_on_timeout = value != 0; break;
    case TB_ROLE_SEND_ALWAYS: b->send_always = value != 0; break;
    case TB_ROLE_NONE: break;
  }
}

bool tb_bridge_set_string(tb_bridge *b, const tb_variable *v, const char *value) {
  if (v->kind == TB_PARAMETER) {
    b->parameter_set[v->slot] = true;
    return set_text(&b->parameter_texts[v->slot], value);
  }
  size_t length = strlen(value);
  if (length >= v->string_capacity) return false;
  char *strings = v->kind == TB_INPUT ? b->input_strings : tb_selection_strings(b->selection);
  memcpy(strings + v->string_offset, value, length + 1);
  *place_of_value(b, v) = length;
  return true;
}

/* -- States --------------------------------------------------------------------------------------------------------- */

/* What has been published is not taken back, so it is no part of the state: a step made again publishes only what
   differs from what the peers were told. */
struct tb_bridge_state {
  tb_bridge_state *next;
  bool of_this_instance;
  int64_t time_zero_ns, step_time_ns, maxage_ns;
  double origin_s, time_s;
  uint32_t lookahead, initialised;
  uint64_t *inputs;
  char *input_strings;
  tb_position *position;
};

/* Inputs, strings and position stand behind the structure. */
static size_t state_size(const tb_bridge *b) {
  const tb_header *h = b->region.header;
  return sizeof(tb_bridge_state) + 8 * (size_t)h->n_inputs + (h->input_strings + 7) / 8 * 8 +
         tb_position_size(b->selection);
}

static void pin_oldest(tb_bridge *b) {
  uint64_t oldest = UINT64_MAX;
  for (const tb_bridge_state *s = b->states; s != NULL; s = s->next)
    if (s->of_this_instance && tb_position_arrival(s->position) < oldest) oldest = tb_position_arrival(s->position);
  tb_selection_pin(b->selection, oldest);
}

static tb_bridge_state *new_state(tb_bridge *b) {
  const tb_header *h = b->region.header;
  tb_bridge_state *s = calloc(1, state_size(b));
  if (s == NULL) return NULL;
  s->inputs = (uint64_t *)(void *)(s + 1);
  s->input_strings = (char *)(s->inputs + h->n_inputs);
  s->position = (tb_position *)(void *)(s->input_strings + (h->input_strings + 7) / 8 * 8);
  s->next = b->states;
  b->states = s;
  return s;
}

bool tb_bridge_save(tb_bridge *b, tb_bridge_state **state) {
  tb_bridge_state *s = *state != NULL ? *state : new_state(b);
  if (s == NULL) return false;
  s->of_this_instance = true;
  s->time_zero_ns = b->time_zero_ns;
  s->step_time_ns = b->step_time_ns;
  s->maxage_ns = b->maxage_ns;
  s->origin_s = b->origin_s;
  s->time_s = b->time_s;
  s->lookahead = b->lookahead;
  s->initialised = b->initialised;
  memcpy(s->inputs, b->inputs, b->region.header->n_inputs * sizeof *s->inputs);
  memcpy(s->input_strings, b->input_strings, b->region.header->input_strings);
  tb_position_save(b->selection, s->position);
  pin_oldest(b);
  *state = s;
  return true;
}

bool tb_bridge_restore(tb_bridge *b, const tb_bridge_state *s) {
  const tb_bridge_state *known = b->states;
  while (known != NULL && known != s) known = known->next;
  if (known == NULL) return false;
  b->time_zero_ns = s->time_zero_ns;
  b->step_time_ns = s->step_time_ns;
  b->maxage_ns = s->maxage_ns;
  b->origin_s = s->origin_s;
  b->time_s = s->time_s;
  b->lookahead = s->lookahead;
  b->initialised = s->initialised;
  memcpy(b->inputs, s->inputs, b->region.header->n_inputs * sizeof *s->inputs);
  memcpy(b->input_strings, s->input_strings, b->region.header->input_strings);
  uint64_t lost = tb_position_restore(b->selection, s->position, s->of_this_instance);
  if (lost > 0)
    report(b, TB_LOG_WARNING, WARNINGS,
           "%llu samples that arrived after this state was saved no longer fit the ring: steps made again may differ; "
           "raise ring.capacity",
           (unsigned long long)lost);
  return true;
}

void tb_bridge_free_state(tb_bridge *b, tb_bridge_state *state) {
  for (tb_bridge_state **link = &b->states; *link != NULL; link = &(*link)->next) {
    if (*link != state) continue;
    *link = state->next;
    free(state);
    pin_oldest(b);
    return;
  }
}

/* "TBST", then a sum over the variables, so that a state of another FMU is refused; then the state without pointers. */
typedef struct {
  uint32_t magic, variables_hash;
  int64_t time_zero_ns, step_time_ns, maxage_ns;
  double origin_s, time_s;
  uint32_t lookahead, initialised;
} serial_head;

enum { SERIAL_MAGIC = 0x54425354 };

static uint32_t variables_hash(const tb_bridge *b) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (uint32_t i = 0; i < b->region.header->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    const uint32_t parts[] = {v->value_reference, v->type, v->kind, v->slot, v->string_offset, v->string_capacity};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) hash = (hash ^ parts[k]) * 16777619u;
  }
  return hash;
}

static size_t flat_size(const tb_bridge *b) { return state_size(b) - sizeof(tb_bridge_state); }

size_t tb_bridge_serialized_size(const tb_bridge *b) { return sizeof(serial_head) + flat_size(b); }

void tb_bridge_serialize(const tb_bridge *b, const tb_bridge_state *s, void *bytes) {
  const serial_head head = {SERIAL_MAGIC, variables_hash(b), s->time_zero_ns, s->step_time_ns, s->maxage_ns,
                            s->origin_s,  s->time_s,         s->lookahead,    s->initialised};
  memcpy(bytes, &head, sizeof head);
  memcpy((char *)bytes + sizeof head, s->inputs, flat_size(b));
}

tb_bridge_state *tb_bridge_deserialize(tb_bridge *b, const void *bytes, size_t size) {
  serial_head head;
  if (size != tb_bridge_serialized_size(b)) return NULL;
  memcpy(&head, bytes, sizeof head);
  if (head.magic != SERIAL_MAGIC || head.variables_hash != variables_hash(b)) return NULL;
  tb_bridge_state *s = new_state(b);
  if (s == NULL) return NULL;
  s->time_zero_ns = head.time_zero_ns;
  s->step_time_ns = head.step_time_ns;
  s->maxage_ns = head.maxage_ns;
  s->origin_s = head.origin_s;
  s->time_s = head.time_s;
  s->lookahead = head.lookahead;
  s->initialised = head.initialised;
  memcpy(s->inputs, (const char *)bytes + sizeof head, flat_size(b));
  return s;
}
