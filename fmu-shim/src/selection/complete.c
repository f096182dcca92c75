/* `complete`: samples are considered one by one, source by source, until they prove that nothing is missing. */
#include "selection_internal.h"

void tb_selection_set_complete(tb_selection *s, bool complete) { s->complete = complete; }

/* -- Considering ---------------------------------------------------------------------------------------------------- */

static int64_t proof_at(const tb_selection *s, uint64_t place) {
  return !s->window && s->entries[place].watermark ? s->entries[place].mark : tb_time_at(s, place) - 1;
}

void tb_consider(tb_selection *s, uint64_t place) {
  tb_source *source = &s->sources[tb_source_at(s, place)];
  const int64_t proof = proof_at(s, place);
  source->considered = tb_arrival_at(s, place) + 1;
  /* A sample behind the end of its stream: it has not ended. */
  if (proof > source->proven || source->proven == INT64_MAX) source->proven = proof;
}

void tb_move_to_considered(tb_selection *s, uint32_t source) {
  const uint64_t considered = s->sources[source].considered;
  for (uint32_t i = 0; i < s->n_groups; i++) {
    tb_group *g = &s->groups[i];
    if (g->source != source || g->moved >= considered) continue;
    if (!s->window) {
      const uint64_t to = tb_place_of(s, considered);
      for (uint64_t place = tb_place_of(s, g->moved); place < to; place++)
        if (tb_carries(s, place, g)) tb_classify(&s->entries[place], g);
    }
    g->moved = considered;
  }
}

/* Place of the source's next sample; s->end: it is not there yet. */
static uint64_t next_place(const tb_selection *s, uint32_t source, uint64_t from) {
  while (from < s->end && tb_source_at(s, from) != source) from++;
  return from;
}

/* All at once what sample by sample would come to: in a window there is one source, and its samples are in order. */
static void consider_window(tb_selection *s, int64_t time) {
  tb_source *source = &s->sources[0];
  const uint64_t from = tb_place_of(s, source->considered);
  uint64_t later = tb_first_later(s, s->end, time);
  if (later < from) later = from;
  if (later < s->end)
    tb_consider(s, later);
  else
    source->considered = s->end;
}

static void consider(tb_selection *s, uint32_t source, int64_t time) {
  const tb_source *state = &s->sources[source];
  if (state->proven >= time) return;
  if (s->window) {
    consider_window(s, time);
  } else {
    uint64_t place = next_place(s, source, tb_place_of(s, state->considered));
    while (place < s->end && state->proven < time) {
      tb_consider(s, place);
      place = next_place(s, source, place + 1);
    }
  }
  tb_move_to_considered(s, source);
}

/* A stream that goes on after its end is open again. */
static void reopen(tb_selection *s, uint32_t source) {
  tb_source *state = &s->sources[source];
  if (state->proven == INT64_MAX && next_place(s, source, tb_place_of(s, state->considered)) < s->end)
    state->proven = INT64_MIN;
}

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

tb_verdict tb_complete_select(tb_selection *s, int64_t time, const tb_rule *rule, bool first) {
  bool proven = true;
  for (uint32_t i = 0; i < s->n_sources; i++) {
    if (!s->sources[i].carries) continue;
    if (first) reopen(s, i);
    consider(s, i, time);
    proven &= s->sources[i].proven >= time;
  }
  tb_take_newest(s, time);
  if (!proven) return TB_WAITS;
  return tb_selection_valid(s, time, rule) ? TB_VALID : TB_HOPELESS;
}

/* The earliest of a source's samples that have been considered and are later than `after`. */
static int64_t next_considered(const tb_selection *s, uint32_t source, int64_t after) {
  const uint64_t to = tb_place_of(s, s->sources[source].considered);
  int64_t next = INT64_MAX;
  for (uint64_t place = s->window ? tb_first_later(s, to, after) : s->first; place < to; place++) {
    const int64_t time = tb_time_at(s, place);
    if (s->window) return time;
    if (s->entries[place].source == source && !s->entries[place].watermark && time > after && time < next) next = time;
  }
  return next;
}

bool tb_source_valid(const tb_selection *s, uint32_t source, int64_t time, const tb_rule *rule) {
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].source == source && !tb_group_valid(&s->groups[i], time, rule)) return false;
  return true;
}

tb_search tb_consider_next(tb_selection *s, uint32_t source, int64_t time, int64_t end, const tb_rule *rule, int64_t *next) {
  const tb_source *state = &s->sources[source];
  consider(s, source, time);
  for (;;) {
    tb_take_newest(s, time); /* what is not later gives its row back */
    *next = next_considered(s, source, time);
    if (rule != NULL && tb_source_valid(s, source, time, rule)) return TB_NONE;
    if (*next != INT64_MAX) return *next <= end ? TB_FOUND : TB_NONE;
    if (state->proven >= end) return TB_NONE;
    const uint64_t place = next_place(s, source, tb_place_of(s, state->considered));
    if (place == s->end) return TB_UNKNOWN;
    tb_consider(s, place);
    tb_move_to_considered(s, source);
  }
}

bool tb_selection_seek(tb_selection *s, int64_t from, int64_t end, bool first, int64_t *next) {
  bool known = true;
  *next = INT64_MAX;
  for (uint32_t i = 0; i < s->n_sources; i++) {
    int64_t of_source;
    if (!s->sources[i].carries) continue;
    if (first) reopen(s, i);
    const tb_search found = tb_consider_next(s, i, from, end, NULL, &of_source);
    known &= found != TB_UNKNOWN;
    if (found == TB_FOUND && of_source < *next) *next = of_source;
  }
  return known;
}
