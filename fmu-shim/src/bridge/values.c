/* Values of a bridge instance: outputs, inputs, parameters, diagnostics. */
#include <math.h>
#include <string.h>

#include "../ring/queue.h"
#include "bridge_internal.h"

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

const tb_variable *tb_bridge_find_of_type(const tb_bridge *b, uint32_t value_reference, tb_type type) {
  const tb_variable *found = tb_bridge_find(b, value_reference);
  if (found == NULL || found->type == type) return found;
  const tb_variable *all = b->region.variables, *end = all + b->region.header->n_variables;
  for (const tb_variable *v = found; v > all && v[-1].value_reference == value_reference; v--)
    if (v[-1].type == type) return v - 1;
  for (const tb_variable *v = found + 1; v < end && v->value_reference == value_reference; v++)
    if (v->type == type) return v;
  return found;
}

/* They follow one another: without a way out of the loop, so that compilers make several comparisons at a time of it. */
static bool is_run(const uint32_t *value_references, size_t count) {
  uint32_t differs = 0;
  for (size_t i = 0; i < count; i++) differs |= value_references[i] ^ (value_references[0] + (uint32_t)i);
  return differs == 0;
}

bool tb_bridge_get_real_outputs(const tb_bridge *b, const uint32_t *value_references, size_t count, double *values) {
  const tb_access *table = b->access;
  const uint64_t *outputs = b->outputs;
  if (b->unsettled) return false;
  /* Most importers ask for all outputs, in their order. */
  if (count > 0 && value_references[0] < b->access_size && count <= table[value_references[0]].run &&
      is_run(value_references, count)) {
    memcpy(values, &outputs[table[value_references[0]].slot], count * sizeof *values);
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    uint32_t vr = value_references[i];
    if (vr >= b->access_size || table[vr].real_output != TB_SCALAR) return false;
    memcpy(&values[i], &outputs[table[vr].slot], sizeof *values);
  }
  return true;
}

bool tb_bridge_get_real_array_outputs(const tb_bridge *b, const uint32_t *value_references, size_t count,
                                      double *values, size_t n_values) {
  const tb_access *table = b->access;
  size_t at = 0;
  if (b->unsettled) return false;
  for (size_t i = 0; i < count; i++) {
    uint32_t vr = value_references[i];
    if (vr >= b->access_size || !table[vr].real_output) return false;
    size_t n = table[vr].real_output == TB_SCALAR ? 1 : b->region.variables[table[vr].variable - 1].n_elements;
    if (n > n_values - at) return false;
    memcpy(&values[at], &b->outputs[table[vr].slot], n * sizeof *values);
    at += n;
  }
  return at == n_values;
}

const char *tb_type_name(tb_type type) {
  static const char *const NAMES[] = {"Float64", "Int32",  "Boolean", "String", "Binary", "Float32", "Int8",
                                      "UInt8",   "Int16",  "UInt16",  "UInt32", "Int64",  "UInt64",  "Clock"};
  return NAMES[type];
}

static double seconds_between(int64_t earlier_ns, int64_t later_ns) {
  return earlier_ns == INT64_MIN || earlier_ns == 0 ? 0 : (double)(later_ns - earlier_ns) / NS_PER_S;
}

void tb_bridge_take_health(tb_bridge *b) {
  const tb_header *h = b->region.header;
  const uint64_t version = atomic_load_explicit(&h->health_version, memory_order_acquire);
  if (version == b->health_version || (version & 1) != 0) return; /* nothing new, or it is being written: next time */
  const int64_t cosim = atomic_load_explicit(&h->health_cosim_ns, memory_order_acquire);
  const int64_t ahead = atomic_load_explicit(&h->health_ahead_ns, memory_order_acquire);
  if (atomic_load_explicit(&h->health_version, memory_order_relaxed) != version) return;
  b->health_version = version;
  b->health_cosim_ns = cosim;
  b->health_ahead_ns = ahead;
}

/* What RMQFMU outputs until the first health message has come, in ms: running systems know them as "nothing yet". */
#define NO_TIME_DISCREPANCY 0.4242
#define NO_SIMTIME_DISCREPANCY 0.4243

static double real_diagnostic(tb_bridge *b, uint32_t which) {
  const tb_header *h = b->region.header;
  const tb_selection *s = b->selection;
  int64_t arrived = tb_selection_newest_arrival(s);
  switch (which) {
    case TB_DIAG_DATA_AGE: return seconds_between(tb_selection_oldest(s), b->step_time_ns);
    case TB_DIAG_TRANSPORT_DELAY: return arrived == 0 ? 0 : seconds_between(tb_selection_newest(s), arrived);
    case TB_DIAG_RING_DELAY: return seconds_between(arrived, tb_wall_ns());
    case TB_DIAG_TIME: return b->time_s;
    case TB_DIAG_TIME_DISCREPANCY: return b->health_version == 0 ? NO_TIME_DISCREPANCY : (double)b->health_ahead_ns / 1e6;
    case TB_DIAG_SIMTIME_DISCREPANCY:
      return b->health_version == 0 ? NO_SIMTIME_DISCREPANCY : fabs((double)(b->step_time_ns - b->health_cosim_ns)) / 1e6;
    case TB_DIAG_NEXT_TIME: {
      double time;
      tb_bridge_next_time(b, &time);
      return time;
    }
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
    case TB_DIAG_REFUSED_VALUES: return saturated(tb_backend_counted(r, TB_COUNT_REFUSED_VALUES));
    case TB_DIAG_UNKNOWN_FIELDS: return saturated(tb_backend_counted(r, TB_COUNT_UNKNOWN_FIELDS));
    case TB_DIAG_PARTIAL: return saturated(tb_backend_counted(r, TB_COUNT_PARTIAL));
    case TB_DIAG_OUT_OF_ORDER: return saturated(tb_backend_counted(r, TB_COUNT_OUT_OF_ORDER));
    case TB_DIAG_REDELIVERED: return saturated(tb_backend_counted(r, TB_COUNT_REDELIVERED));
    case TB_DIAG_REPEATED: return saturated(tb_backend_counted(r, TB_COUNT_REPEATED));
    case TB_DIAG_RECONNECTS: return saturated(tb_backend_counted(r, TB_COUNT_RECONNECTS));
    case TB_DIAG_LATCHED: return b->latched != 0;
    case TB_DIAG_LATCHED_CONFIRMED:
      return b->latched != 0 && (b->latched & ~atomic_load_explicit(&r->header->latched_confirmed, memory_order_acquire)) == 0;
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

const uint64_t *tb_bridge_elements(tb_bridge *b, const tb_variable *v, uint64_t *computed) {
  if (v->kind != TB_DIAGNOSTIC) return place_of_value(b, v);
  if (tb_is_float(v->type)) {
    const double value = real_diagnostic(b, v->slot);
    memcpy(computed, &value, sizeof *computed);
  } else {
    *computed = (uint64_t)integer_diagnostic(b, v->slot);
  }
  return computed;
}

static char *text_area(const tb_bridge *b, const tb_variable *v, uint32_t element) {
  char *strings = v->kind == TB_INPUT ? b->input_strings : tb_selection_strings(b->selection);
  return strings + v->string_offset + (size_t)element * tb_text_stride(v);
}

const char *tb_bridge_text(tb_bridge *b, const tb_variable *v, uint32_t element, size_t *length) {
  switch (v->kind) {
    case TB_OUTPUT:
    case TB_INPUT: *length = place_of_value(b, v)[element]; return text_area(b, v, element);
    case TB_PARAMETER: *length = strlen(b->parameter_texts[v->slot]); return b->parameter_texts[v->slot];
    default: *length = 0; return "";
  }
}

const char *tb_bridge_get_string(tb_bridge *b, const tb_variable *v) {
  size_t length;
  return tb_bridge_text(b, v, 0, &length);
}

bool tb_bridge_is_computed(const tb_variable *v) { return v->kind != TB_PARAMETER && v->kind != TB_INPUT; }

const char *tb_bridge_why_not_settable(const tb_bridge *b, const tb_variable *v, bool instantiated) {
  switch ((tb_kind)v->kind) {
    case TB_INPUT: return NULL;
    case TB_PARAMETER: {
      bool tunable = v->role == TB_ROLE_MAXAGE_MS || v->role == TB_ROLE_LOOKAHEAD;
      if (instantiated || b->unsettled || tunable) return NULL;
      return "a fixed parameter, to be set before outputs are read and initialization ends";
    }
    case TB_OUTPUT: return instantiated ? NULL : "an output"; /* its start value */
    default: return "a diagnostic output";
  }
}

void tb_bridge_set_real(tb_bridge *b, const tb_variable *v, double value) {
  memcpy(place_of_value(b, v), &value, sizeof value);
}

void tb_bridge_set_integer(tb_bridge *b, const tb_variable *v, int64_t value) {
  *place_of_value(b, v) = (uint64_t)value;
  if (v->kind != TB_PARAMETER) return;
  switch ((tb_role)v->role) {
    case TB_ROLE_TIMEOUT_S: b->timeout_ns = (value < 0 ? 0 : value) * INT64_C(1000000000); break;
    case TB_ROLE_MAXAGE_MS: b->rule.maxage_ns[0] = (value < 0 ? 0 : value) * INT64_C(1000000); break;
    case TB_ROLE_LOOKAHEAD: b->rule.lookahead = value < 1 ? 1 : (uint32_t)value; break;
    case TB_ROLE_BEHAVIOUR: b->rule.behaviour = value < 0 || value > TB_COMPLETE ? TB_RMQFMU_2 : (uint32_t)value; break;
    case TB_ROLE_ON_TIMEOUT: b->hold_on_timeout = value != 0; break;
    case TB_ROLE_SEND_ALWAYS: b->send_always = value != 0; break;
    case TB_ROLE_SEND_EVERY_STEP: b->send_every_step = value != 0; break;
    case TB_ROLE_SEND_OFF:
    case TB_ROLE_LATCH:
    case TB_ROLE_NONE: break;
  }
}

void tb_bridge_set_element(tb_bridge *b, const tb_variable *v, uint32_t element, uint64_t value) {
  if (v->kind != TB_PARAMETER) {
    place_of_value(b, v)[element] = value;
  } else if (tb_is_float(v->type)) {
    double real;
    memcpy(&real, &value, sizeof real);
    tb_bridge_set_real(b, v, real);
  } else {
    tb_bridge_set_integer(b, v, (int64_t)value);
  }
}

bool tb_bridge_set_text(tb_bridge *b, const tb_variable *v, uint32_t element, const char *bytes, size_t length) {
  if (v->kind == TB_PARAMETER) return tb_set_text(&b->parameter_texts[v->slot], bytes);
  if (length >= v->string_capacity) return false;
  char *area = text_area(b, v, element);
  if (length > 0) memcpy(area, bytes, length);
  area[length] = '\0';
  place_of_value(b, v)[element] = length;
  return true;
}

bool tb_bridge_set_string(tb_bridge *b, const tb_variable *v, const char *value) {
  return tb_bridge_set_text(b, v, 0, value, strlen(value));
}
