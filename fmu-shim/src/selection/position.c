/* Saved positions, to take a step back. */
#include <string.h>

#include "selection_internal.h"

/* Followed by, for each signal, time, arrived_ns, moved and value (by signal, since groups may have been split when the
   position is restored), for each source, considered and proven, then the strings. */
struct tb_position {
  uint64_t n_signals, string_bytes;
  uint64_t arrival; /* the oldest sample that was not done */
  uint64_t words[];
};

size_t tb_position_size(const tb_selection *s) {
  return sizeof(tb_position) + 8 * (4 * (size_t)s->n_signals + 2 * TB_MAX_SOURCES) + (s->region.header->output_strings + 7) / 8 * 8;
}

void tb_position_save(const tb_selection *s, tb_position *p) {
  uint32_t n = s->n_signals;
  p->n_signals = n;
  p->string_bytes = s->region.header->output_strings;
  p->arrival = tb_arrival_at(s, s->first);
  for (uint32_t i = 0; i < n; i++) {
    const tb_group *g = &s->groups[s->group_of[i]];
    p->words[i] = (uint64_t)g->time;
    p->words[n + i] = (uint64_t)g->arrived_ns;
    p->words[2 * n + i] = g->moved;
    p->words[3 * n + i] = s->values[i];
  }
  for (uint32_t i = 0; i < TB_MAX_SOURCES; i++) {
    p->words[4 * n + 2 * i] = s->sources[i].considered;
    p->words[4 * n + 2 * i + 1] = (uint64_t)s->sources[i].proven;
  }
  memcpy(&p->words[4 * n + 2 * TB_MAX_SOURCES], s->strings, p->string_bytes);
}

uint64_t tb_position_restore(tb_selection *s, const tb_position *p, bool same_instance) {
  uint32_t n = s->n_signals;
  for (uint32_t i = 0; i < s->n_groups; i++) {
    tb_group *g = &s->groups[i];
    uint32_t signal = s->members[g->begin];
    g->time = (int64_t)p->words[signal];
    g->arrived_ns = (int64_t)p->words[n + signal];
    if (same_instance) g->moved = p->words[2 * n + signal];
  }
  memcpy(s->values, &p->words[3 * (size_t)n], n * sizeof *s->values);
  memcpy(s->strings, &p->words[4 * n + 2 * TB_MAX_SOURCES], p->string_bytes);
  if (!same_instance) return 0;
  for (uint32_t i = 0; i < TB_MAX_SOURCES; i++) {
    s->sources[i].considered = p->words[4 * n + 2 * i];
    s->sources[i].proven = (int64_t)p->words[4 * n + 2 * i + 1];
  }
  uint64_t oldest = s->window ? s->kept : tb_arrival_at(s, s->first);
  if (s->window) {
    s->first = p->arrival > oldest ? p->arrival : oldest;
    s->taken = 0;
  }
  return oldest > p->arrival ? oldest - p->arrival : 0;
}

void tb_selection_pin(tb_selection *s, uint64_t arrival) { s->pin = arrival; }
uint64_t tb_position_arrival(const tb_position *p) { return p->arrival; }
