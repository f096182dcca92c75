/* Initialisation: the first values, and time zero. */
#include "selection_internal.h"

/* Every signal has a value, none older than maxage before the newest. */
static bool has_set(const tb_selection *s, const tb_rule *rule) {
  if (s->n_groups == 0) return true;
  const int64_t newest = tb_selection_newest(s);
  return newest != INT64_MIN && tb_selection_valid(s, newest, rule);
}

static int64_t newest_of(const tb_selection *s, uint32_t source) {
  int64_t newest = INT64_MIN;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].source == source && s->groups[i].time > newest) newest = s->groups[i].time;
  return newest;
}

static bool source_has_set(const tb_selection *s, uint32_t source, const tb_rule *rule) {
  const int64_t newest = newest_of(s, source);
  if (newest == INT64_MIN) return false;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].source == source && !tb_group_valid(&s->groups[i], newest, rule)) return false;
  return true;
}

/* Considers a source's samples up to its first set; false: more have to come. */
static bool find_set(tb_selection *s, uint32_t source, const tb_rule *rule) {
  for (uint64_t place = tb_place_of(s, s->sources[source].considered); !source_has_set(s, source, rule); place++) {
    while (place < s->end && tb_source_at(s, place) != source) place++;
    if (place == s->end) return false;
    tb_consider(s, place);
    tb_move_to_considered(s, source);
    for (uint32_t i = 0; i < s->n_groups; i++) {
      if (s->groups[i].source != source) continue;
      const uint64_t found = tb_find(s, &s->groups[i], INT64_MAX);
      if (found != TB_NOWHERE) tb_take(s, &s->groups[i], found);
    }
  }
  return true;
}

/*
 * Some values are too old at time zero, though all of their samples up to there are known: further ones of their sources
 * are considered until they help, which late ones may, or until each has one that is later. Time zero moves on to the
 * earliest of these.
 */
static tb_verdict move_on(tb_selection *s, const tb_rule *rule) {
  int64_t next = INT64_MAX;
  bool known = true, ended = false;
  for (uint32_t i = 0; i < s->n_sources; i++) {
    int64_t of_source;
    if (!s->sources[i].carries || tb_source_valid(s, i, s->start, rule)) continue;
    const tb_search found = tb_consider_next(s, i, s->start, INT64_MAX - 1, rule, &of_source);
    ended |= found == TB_NONE && !tb_source_valid(s, i, s->start, rule);
    known &= found != TB_UNKNOWN;
    if (found == TB_FOUND && of_source < next) next = of_source;
  }
  if (!known) return TB_WAITS;
  if (ended) return TB_HOPELESS;
  if (next != INT64_MAX) s->start = next;
  return TB_VALID;
}

static tb_verdict start_complete(tb_selection *s, const tb_rule *rule, int64_t *zero) {
  uint32_t sources = 0;
  bool all = true;
  for (uint32_t i = 0; i < s->n_sources; i++) {
    if (!s->sources[i].carries) continue;
    sources++;
    if (s->start == INT64_MIN) all &= find_set(s, i, rule);
  }
  if (!all) return TB_WAITS;
  if (s->start == INT64_MIN) s->start = tb_selection_newest(s);
  *zero = s->start;
  /* What one source brings first is there already; with several, each may have something newer that is not later. */
  if (sources < 2) return TB_VALID;
  for (;;) {
    tb_verdict verdict = tb_complete_select(s, s->start, rule, false);
    if (verdict == TB_HOPELESS) {
      verdict = move_on(s, rule);
      if (verdict == TB_VALID) continue;
    }
    *zero = s->start;
    return verdict;
  }
}

tb_verdict tb_selection_start(tb_selection *s, const tb_rule *rule, int64_t *zero) {
  if (s->complete) return start_complete(s, rule, zero);
  /* Message by message, so that the first complete set, and with it time zero, is the same in every run. */
  while (!has_set(s, rule)) {
    if (!tb_can_move(s)) return TB_WAITS;
    tb_selection_round(s, INT64_MAX, 1, true);
  }
  *zero = tb_selection_newest(s);
  return TB_VALID;
}

bool tb_selection_skip(tb_selection *s, uint64_t arrival) {
  const uint64_t to = arrival < s->arrivals ? arrival : s->arrivals;
  for (uint64_t place = s->first; place < s->end && tb_arrival_at(s, place) < to; place++)
    if (tb_arrival_at(s, place) >= s->sources[tb_source_at(s, place)].considered) tb_consider(s, place);
  for (uint32_t i = 0; i < s->n_sources; i++) {
    if (s->sources[i].considered < to) s->sources[i].considered = to;
    tb_move_to_considered(s, i);
  }
  tb_take_newest(s, INT64_MAX);
  return s->arrivals >= arrival;
}
