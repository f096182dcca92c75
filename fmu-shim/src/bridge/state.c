/* Saved states of a bridge instance. */
#include <stdlib.h>
#include <string.h>

#include "bridge_internal.h"

/* Where a bridge stands in time, and its tunable parameters. */
typedef struct {
  tb_rule rule;
  int64_t time_zero_ns, step_time_ns, earliest_ns;
  double origin_s, time_s;
  uint32_t zero_known, initialised;
} moment;

/* What has been published is not taken back, so it is no part of the state: a step made again publishes only what
   differs from what the peers were told. */
struct tb_bridge_state {
  tb_bridge_state *next;
  bool of_this_instance;
  moment moment;
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
  s->moment = (moment){b->rule,     b->time_zero_ns, b->step_time_ns, b->earliest_ns,
                       b->origin_s, b->time_s,       b->zero_known,   b->initialised};
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
  b->time_zero_ns = s->moment.time_zero_ns;
  b->step_time_ns = s->moment.step_time_ns;
  b->earliest_ns = s->moment.earliest_ns;
  b->zero_known = s->moment.zero_known;
  b->origin_s = s->moment.origin_s;
  b->time_s = s->moment.time_s;
  b->rule = s->moment.rule;
  b->initialised = s->moment.initialised;
  memcpy(b->inputs, s->inputs, b->region.header->n_inputs * sizeof *s->inputs);
  memcpy(b->input_strings, s->input_strings, b->region.header->input_strings);
  uint64_t lost = tb_position_restore(b->selection, s->position, s->of_this_instance);
  if (lost > 0)
    tb_bridge_report(b, TB_LOG_WARNING, TB_CATEGORY_WARNING,
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
  moment moment;
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
  const serial_head head = {SERIAL_MAGIC, variables_hash(b), s->moment};
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
  s->moment = head.moment;
  memcpy(s->inputs, (const char *)bytes + sizeof head, flat_size(b));
  return s;
}
