/* Groups: signals that have come together in every sample so far share one chain. */
#include <string.h>

#include "selection_internal.h"

static bool has_bit(const uint64_t *mask, uint32_t bit) { return (mask[bit / 64] >> (bit % 64)) & 1; }

/* A sample with `mask` splits every group of which it carries some signals and not others. */
static void split_groups(tb_selection *s, const uint64_t *mask) {
  uint32_t n = s->n_signals, old_groups = s->n_groups;
  uint32_t *inside = s->scratch, *twin = s->scratch + n, *next = s->scratch + 2 * n;
  memset(inside, 0, old_groups * sizeof *inside);
  for (uint32_t signal = 0; signal < n; signal++) inside[s->group_of[signal]] += has_bit(mask, signal);
  for (uint32_t g = 0; g < old_groups; g++) {
    uint32_t size = s->groups[g].end - s->groups[g].begin;
    twin[g] = g;
    if (inside[g] == 0 || inside[g] == size) continue;
    twin[g] = s->n_groups;
    s->groups[s->n_groups++] = s->groups[g];
  }
  if (s->n_groups == old_groups) return;
  for (uint32_t signal = 0; signal < n; signal++)
    if (has_bit(mask, signal)) s->group_of[signal] = twin[s->group_of[signal]];
  /* Counting sort of the signals by group. */
  memset(next, 0, s->n_groups * sizeof *next);
  for (uint32_t signal = 0; signal < n; signal++) next[s->group_of[signal]]++;
  for (uint32_t g = 0, at = 0; g < s->n_groups; g++) {
    s->groups[g].begin = at;
    at += next[g];
    s->groups[g].end = at;
    next[g] = s->groups[g].begin;
  }
  for (uint32_t signal = 0; signal < n; signal++) s->members[next[s->group_of[signal]]++] = signal;
}

void tb_note_shape(tb_selection *s, uint32_t row) {
  const uint64_t *mask = tb_sample_row(&s->region, row).mask;
  size_t bytes = s->words * sizeof *mask;
  for (uint32_t i = 0; i < REMEMBERED_SHAPES; i++)
    if (memcmp(mask, s->shapes + (size_t)i * s->words, bytes) == 0) return;
  split_groups(s, mask);
  memcpy(s->shapes + (size_t)s->next_shape * s->words, mask, bytes);
  s->next_shape = (s->next_shape + 1) % REMEMBERED_SHAPES;
}
