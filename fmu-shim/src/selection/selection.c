/* The rules: which sample becomes the current value, and when the values are valid. */
#include <stdlib.h>
#include <string.h>

#include "selection_internal.h"

/* -- Life ----------------------------------------------------------------------------------------------------------- */

static void copy_start_value(tb_selection *s, const tb_variable *v) {
  const char *start = v->start_offset == TB_NO_OFFSET ? NULL : s->region.texts + v->start_offset;
  for (uint32_t k = 0; k < v->n_elements; k++) {
    uint64_t *value = &s->values[v->slot + k];
    if (tb_is_text(v->type)) {
      char *text = s->strings + v->string_offset + k * tb_text_stride(v);
      s->string_signals[v->slot + k] = v;
      s->has_strings = true;
      size_t length = start == NULL ? 0 : strlen(start);
      if (length >= v->string_capacity) length = v->string_capacity - 1;
      if (start != NULL) memcpy(text, start, length);
      text[length] = '\0';
      *value = length;
    } else if (v->n_elements > 1 && start != NULL) {
      memcpy(value, start + 8 * (size_t)k, sizeof *value);
    } else {
      *value = v->start;
    }
  }
}

/* One group for each source. */
static void make_groups(tb_selection *s) {
  const tb_region *r = &s->region;
  uint32_t *source_of = s->scratch;
  s->n_sources = r->header->n_sources == 0 ? 1 : r->header->n_sources;
  for (uint32_t i = 0; i < r->header->n_variables; i++) {
    const tb_variable *v = &r->variables[i];
    if (v->kind != TB_OUTPUT) continue;
    for (uint32_t k = 0; k < v->n_elements; k++) source_of[v->slot + k] = v->source < s->n_sources ? v->source : 0;
  }
  for (uint32_t source = 0, at = 0; source < s->n_sources; source++) {
    tb_group g = {.begin = at, .source = source, .time = INT64_MIN};
    for (uint32_t signal = 0; signal < s->n_signals; signal++) {
      if (source_of[signal] != source) continue;
      s->members[at++] = signal;
      s->group_of[signal] = s->n_groups;
    }
    g.end = at;
    s->sources[source] = (tb_source){.proven = INT64_MIN, .carries = g.end > g.begin};
    if (g.end > g.begin) s->groups[s->n_groups++] = g;
  }
}

tb_selection *tb_selection_create(const tb_region *region) {
  const tb_header *h = region->header;
  tb_selection *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->region = *region;
  s->n_signals = h->n_outputs;
  s->words = h->output_words;
  s->capacity = 2 * h->n_rows; /* so that closing the gap at the front is rare */
  uint32_t n = s->n_signals == 0 ? 1 : s->n_signals;
  s->entries = calloc(s->capacity, sizeof *s->entries);
  s->groups = calloc(n, sizeof *s->groups);
  s->group_of = calloc(n, sizeof *s->group_of);
  s->members = calloc(n, sizeof *s->members);
  s->scratch = calloc(3 * (size_t)n, sizeof *s->scratch);
  s->shapes = calloc(REMEMBERED_SHAPES * ((size_t)s->words + 1), sizeof *s->shapes);
  s->values = calloc(n, sizeof *s->values);
  s->strings = calloc(h->output_strings + 1, 1);
  s->string_signals = calloc(n, sizeof *s->string_signals);
  if (!s->entries || !s->groups || !s->group_of || !s->members || !s->scratch || !s->shapes || !s->values ||
      !s->strings || !s->string_signals) {
    tb_selection_destroy(s);
    return NULL;
  }
  s->pin = UINT64_MAX;
  s->ordered = true;
  s->latest_time = s->start = INT64_MIN;
  make_groups(s);
  for (uint32_t i = 0; i < h->n_variables; i++)
    if (region->variables[i].kind == TB_OUTPUT) copy_start_value(s, &region->variables[i]);
  return s;
}

void tb_selection_destroy(tb_selection *s) {
  if (s == NULL) return;
  free(s->entries);
  free(s->groups);
  free(s->group_of);
  free(s->members);
  free(s->scratch);
  free(s->shapes);
  free(s->values);
  free(s->strings);
  free(s->string_signals);
  free(s);
}

/* -- Rounds --------------------------------------------------------------------------------------------------------- */

void tb_classify(tb_entry *e, const tb_group *g) {
  e->stale = e->time <= g->time;
  e->equal = e->time == g->time;
  e->fresh |= !e->stale;
}

static void move(tb_selection *s, tb_group *g, uint64_t from, uint64_t lookahead) {
  uint64_t at = from;
  if (s->window) {
    at = s->end - from < lookahead ? s->end : from + lookahead;
  } else {
    for (uint64_t left = lookahead; at < s->end && left > 0; at++) {
      if (!tb_carries(s, at, g)) continue;
      tb_classify(&s->entries[at], g);
      left--;
    }
  }
  g->moved = tb_arrival_at(s, at);
}

uint64_t tb_find(const tb_selection *s, const tb_group *g, int64_t time) {
  uint64_t high = tb_place_of(s, g->moved), best = TB_NOWHERE;
  if (tb_is_ordered(s)) {
    int64_t best_time = INT64_MIN;
    for (uint64_t at = tb_first_later(s, high, time); at > s->first; at--) {
      int64_t t = tb_time_at(s, at - 1);
      if (t <= g->time || t < best_time) break;
      if (!tb_carries(s, at - 1, g)) continue;
      best = at - 1;
      best_time = t;
    }
    return best;
  }
  int64_t newest = g->time;
  for (uint64_t at = s->first; at < high; at++) {
    int64_t t = s->entries[at].time;
    if (t <= newest || t > time || !tb_carries(s, at, g)) continue;
    best = at;
    newest = t;
  }
  return best;
}

void tb_take(tb_selection *s, tb_group *g, uint64_t place) {
  tb_row row = tb_sample_row(&s->region, tb_row_index_at(s, place));
  if (s->n_groups == 1) {
    memcpy(s->values, row.values, s->n_signals * sizeof *s->values);
    if (s->has_strings) memcpy(s->strings, row.strings, s->region.header->output_strings);
  } else {
    for (uint32_t i = g->begin; i < g->end; i++) {
      uint32_t signal = s->members[i];
      s->values[signal] = row.values[signal];
      const tb_variable *string = s->has_strings ? s->string_signals[signal] : NULL;
      if (string != NULL) {
        size_t at = string->string_offset + (size_t)(signal - string->slot) * tb_text_stride(string);
        memcpy(s->strings + at, row.strings + at, row.values[signal] + 1);
      }
    }
  }
  g->time = tb_time_at(s, place);
  g->arrived_ns = row.head->arrived_ns;
  if (!s->window)
    s->entries[place].used = true;
  else if (place >= s->counted) /* else it is taken once more, after a rollback */
    s->taken++;
}

/* RMQFMU 0: the next message for all chains, whatever it carries. */
static void move_single(tb_selection *s) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].moved < next) next = s->groups[i].moved;
  uint64_t place = tb_place_of(s, next);
  if (place == s->end) return;
  uint64_t arrival = tb_arrival_at(s, place);
  for (uint32_t i = 0; i < s->n_groups; i++) {
    tb_group *g = &s->groups[i];
    if (g->moved > arrival) continue;
    if (tb_carries(s, place, g)) move(s, g, place, 1);
    g->moved = arrival + 1;
  }
}

void tb_selection_round(tb_selection *s, int64_t time, uint64_t lookahead, bool single) {
  if (single) {
    move_single(s);
  } else {
    for (uint32_t i = 0; i < s->n_groups; i++) {
      tb_group *g = &s->groups[i];
      if (g->moved < s->arrivals) move(s, g, tb_place_of(s, g->moved), lookahead);
    }
  }
  tb_take_newest(s, time);
}

void tb_take_newest(tb_selection *s, int64_t time) {
  for (uint32_t i = 0; i < s->n_groups; i++) {
    uint64_t place = tb_find(s, &s->groups[i], time);
    if (place != TB_NOWHERE) tb_take(s, &s->groups[i], place);
  }
}

bool tb_can_move(const tb_selection *s) {
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (tb_place_of(s, s->groups[i].moved) < s->end) return true;
  return false;
}

/* -- Validity ------------------------------------------------------------------------------------------------------- */

bool tb_group_valid(const tb_group *g, int64_t time, const tb_rule *rule) {
  const int64_t maxage = rule->maxage_ns[g->source];
  const int64_t oldest = time < INT64_MIN + 1 + maxage ? INT64_MIN + 1 : time - maxage;
  if (g->time <= time && g->time >= oldest) return true;
  return g->time == INT64_MIN && rule->missing_is_valid;
}

bool tb_selection_valid(const tb_selection *s, int64_t time, const tb_rule *rule) {
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (!tb_group_valid(&s->groups[i], time, rule)) return false;
  return true;
}

int64_t tb_selection_newest(const tb_selection *s) {
  int64_t newest = INT64_MIN;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].time > newest) newest = s->groups[i].time;
  return newest;
}

int64_t tb_selection_oldest(const tb_selection *s) {
  int64_t oldest = INT64_MAX;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].time < oldest) oldest = s->groups[i].time;
  return s->n_groups == 0 ? INT64_MIN : oldest;
}

int64_t tb_selection_newest_arrival(const tb_selection *s) {
  const tb_group *newest = NULL;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (newest == NULL || s->groups[i].time > newest->time) newest = &s->groups[i];
  return newest == NULL ? 0 : newest->arrived_ns;
}

int64_t tb_selection_time(const tb_selection *s, uint32_t signal) { return s->groups[s->group_of[signal]].time; }

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

/* How many rounds it takes until the values are valid, or nothing is left to move: all at once is the same. Where that
   takes more than a look at the times: 1. */
static uint64_t rounds_to_valid(const tb_selection *s, int64_t time, const tb_rule *rule) {
  if (!tb_is_ordered(s) || s->n_groups != 1 || s->n_watermarks > 0) return 1;
  uint64_t from = tb_place_of(s, s->groups[0].moved);
  uint64_t valid = tb_first_later(s, s->end, time - rule->maxage_ns[s->groups[0].source] - 1);
  if (valid < from) valid = from;
  uint64_t to_move = valid < s->end && tb_time_at(s, valid) <= time ? valid - from + 1 : s->end - from;
  return to_move == 0 ? 1 : (to_move + rule->lookahead - 1) / rule->lookahead;
}

tb_verdict tb_selection_select(tb_selection *s, int64_t time, const tb_rule *rule, bool first) {
  const uint32_t behaviour = rule->behaviour;
  if (behaviour == TB_COMPLETE) return tb_complete_select(s, time, rule, first);
  /* RMQFMU 0 and 1 stay with their values as long as maxage allows, RMQFMU 2 always looks for newer ones. */
  if (first && behaviour != TB_RMQFMU_2 && tb_selection_valid(s, time, rule)) return TB_VALID;
  if (first && behaviour == TB_RMQFMU_0) {
    /* Before it consumes another message: one consumed earlier, then of the future, may have become due. */
    tb_selection_round(s, time, 0, false);
    if (tb_selection_valid(s, time, rule)) return TB_VALID;
  }
  uint64_t reach = rule->lookahead;
  do {
    tb_selection_round(s, time, reach, behaviour == TB_RMQFMU_0);
    if (tb_selection_valid(s, time, rule)) return TB_VALID;
    if (behaviour != TB_RMQFMU_0) reach = rule->lookahead * rounds_to_valid(s, time, rule);
  } while (tb_can_move(s));
  return TB_WAITS;
}

/* -- Values --------------------------------------------------------------------------------------------------------- */

uint64_t *tb_selection_values(tb_selection *s) { return s->values; }
char *tb_selection_strings(tb_selection *s) { return s->strings; }
