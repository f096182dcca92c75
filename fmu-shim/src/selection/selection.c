#include "selection.h"

#include <stdlib.h>
#include <string.h>

#include "../ring/queue.h"

/* Which signals recent samples carried: a shape seen before cannot split a group. */
#define REMEMBERED_SHAPES 8

/* A sample in the shim's hands. */
typedef struct {
  int64_t time;
  uint64_t arrival; /* running number */
  uint32_t row;
  bool full;  /* carries every signal */
  bool fresh; /* was newer than the current value of some chain when that chain moved it */
  bool equal; /* was as old as the current value of some chain */
  bool used;
} entry;

/* Signals that have come together in every sample so far, and so share one chain. */
typedef struct {
  uint32_t begin, end; /* its signals in `members` */
  uint64_t moved;      /* arrival number up to which its samples were moved to the list */
  int64_t time;        /* of its current values; INT64_MIN: it has none */
  int64_t arrived_ns;  /* wall clock at which these entered the ring */
} group;

struct tb_selection {
  tb_region region;
  uint32_t n_signals, words;

  entry *entries; /* entries[first .. end), by arrival number */
  uint32_t first, end, capacity;
  uint64_t arrivals;   /* samples ever taken from the ring */
  uint64_t pin;        /* samples from this arrival number on are kept for a rollback */
  int64_t latest_time; /* of entries[first .. end) */
  bool ordered;        /* entries[first .. end) are in order of time */

  group *groups;
  uint32_t n_groups;
  uint32_t *group_of; /* by signal */
  uint32_t *members;  /* signals, group by group */
  uint32_t *scratch;  /* 3 * n_signals, for splitting */
  uint64_t *shapes;    /* REMEMBERED_SHAPES masks */
  uint32_t next_shape;

  uint64_t *values;
  char *strings;
  const tb_variable **string_signals; /* by slot; NULL: not a string */
  bool has_strings;
};

/* -- Life ----------------------------------------------------------------------------------------------------------- */

static void copy_start_values(tb_selection *s) {
  const tb_region *r = &s->region;
  for (uint32_t i = 0; i < r->header->n_variables; i++) {
    const tb_variable *v = &r->variables[i];
    if (v->kind != TB_OUTPUT) continue;
    s->values[v->slot] = v->start;
    if (v->type != TB_STRING) continue;
    s->string_signals[v->slot] = v;
    s->has_strings = true;
    const char *start = v->start_offset == TB_NO_OFFSET ? "" : r->texts + v->start_offset;
    size_t length = strlen(start);
    if (length >= v->string_capacity) length = v->string_capacity - 1;
    memcpy(s->strings + v->string_offset, start, length);
    s->strings[v->string_offset + length] = '\0';
    s->values[v->slot] = length;
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
  s->latest_time = INT64_MIN;
  if (s->n_signals > 0) {
    s->n_groups = 1;
    s->groups[0] = (group){.begin = 0, .end = s->n_signals, .time = INT64_MIN};
    for (uint32_t i = 0; i < s->n_signals; i++) s->members[i] = i;
  }
  copy_start_values(s);
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

/* -- Groups --------------------------------------------------------------------------------------------------------- */

static bool has_bit(const uint64_t *mask, uint32_t bit) { return (mask[bit / 64] >> (bit % 64)) & 1; }

static bool carries(const tb_selection *s, const entry *e, const group *g) {
  if (e->full || s->n_groups == 1) return true;
  return has_bit(tb_sample_row(&s->region, e->row).mask, s->members[g->begin]);
}

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

static void note_shape(tb_selection *s, uint32_t row) {
  const uint64_t *mask = tb_sample_row(&s->region, row).mask;
  size_t bytes = s->words * sizeof *mask;
  for (uint32_t i = 0; i < REMEMBERED_SHAPES; i++)
    if (memcmp(mask, s->shapes + (size_t)i * s->words, bytes) == 0) return;
  split_groups(s, mask);
  memcpy(s->shapes + (size_t)s->next_shape * s->words, mask, bytes);
  s->next_shape = (s->next_shape + 1) % REMEMBERED_SHAPES;
}

/* -- Taking from the ring ------------------------------------------------------------------------------------------- */

bool tb_selection_pull(tb_selection *s) {
  tb_header *h = s->region.header;
  uint64_t taken = atomic_load_explicit(&h->filled_ends.taken, memory_order_acquire);
  uint64_t written = atomic_load_explicit(&h->filled_ends.written, memory_order_acquire);
  if (taken == written) return false;

  if (s->first == s->end) {
    s->first = s->end = 0;
    s->ordered = true;
    s->latest_time = INT64_MIN;
  } else if (s->end + h->n_rows > s->capacity) {
    /* Whatever comes fits behind: there are never more than n_rows samples, here and on their way together. */
    memmove(s->entries, s->entries + s->first, (s->end - s->first) * sizeof *s->entries);
    s->end -= s->first;
    s->first = 0;
  }

  uint32_t n;
  entry *fresh = s->entries + s->end;
  for (;;) { /* again as long as the backend steals the oldest meanwhile */
    written = atomic_load_explicit(&h->filled_ends.written, memory_order_acquire);
    if (written - taken > h->n_rows) { /* more than there can be: `taken` is out of date */
      taken = atomic_load_explicit(&h->filled_ends.taken, memory_order_acquire);
      continue;
    }
    n = (uint32_t)(written - taken);
    for (uint32_t i = 0; i < n; i++) {
      const tb_filled_entry *from = &s->region.filled[(taken + i) & (h->filled_capacity - 1)];
      fresh[i].time = atomic_load_explicit(&from->time, memory_order_relaxed);
      fresh[i].row = atomic_load_explicit(&from->row, memory_order_relaxed);
      fresh[i].full = atomic_load_explicit(&from->full, memory_order_relaxed);
    }
    if (atomic_compare_exchange_weak_explicit(&h->filled_ends.taken, &taken, written, memory_order_acq_rel,
                                              memory_order_acquire))
      break;
  }

  for (uint32_t i = 0; i < n; i++) {
    entry *e = &fresh[i];
    e->arrival = s->arrivals++;
    e->fresh = e->equal = e->used = false;
    if (e->time < s->latest_time)
      s->ordered = false;
    else
      s->latest_time = e->time;
    if (!e->full) note_shape(s, e->row);
  }
  s->end += n;
  return n > 0;
}

/* -- Rounds --------------------------------------------------------------------------------------------------------- */

/* Index of the first entry with at least this arrival number. */
static uint32_t place_of(const tb_selection *s, uint64_t arrival) {
  uint32_t low = s->first, high = s->end;
  if (low == high || arrival <= s->entries[low].arrival) return low;
  if (arrival >= s->arrivals) return high;
  /* Without holes, and most often there are none, the place follows from the number. */
  uint64_t guess = low + (arrival - s->entries[low].arrival);
  if (guess < high && s->entries[guess].arrival == arrival) return (uint32_t)guess;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (s->entries[middle].arrival < arrival)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static uint64_t arrival_at(const tb_selection *s, uint32_t place) {
  return place < s->end ? s->entries[place].arrival : s->arrivals;
}

static void move(tb_selection *s, group *g, uint32_t from, uint32_t lookahead) {
  uint32_t at = from;
  for (uint32_t left = lookahead; at < s->end && left > 0; at++) {
    entry *e = &s->entries[at];
    if (!carries(s, e, g)) continue;
    e->fresh |= e->time > g->time;
    e->equal |= e->time == g->time;
    left--;
  }
  g->moved = arrival_at(s, at);
}

/* First of entries[first .. high) that is later than `time`; they have to be in order. */
static uint32_t first_later(const tb_selection *s, uint32_t high, int64_t time) {
  uint32_t low = s->first;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (s->entries[middle].time <= time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The newest sample of the chain that is moved, not later than `time` and newer than the current value; of several
   with one time the first to arrive. NULL: none. */
static entry *find(tb_selection *s, const group *g, int64_t time) {
  uint32_t high = place_of(s, g->moved);
  entry *best = NULL;
  if (s->ordered) {
    for (uint32_t at = first_later(s, high, time); at > s->first; at--) {
      entry *e = &s->entries[at - 1];
      if (e->time <= g->time || (best != NULL && e->time < best->time)) break;
      if (carries(s, e, g)) best = e;
    }
    return best;
  }
  int64_t newest = g->time;
  for (uint32_t at = s->first; at < high; at++) {
    entry *e = &s->entries[at];
    if (e->time <= newest || e->time > time || !carries(s, e, g)) continue;
    best = e;
    newest = e->time;
  }
  return best;
}

static void take(tb_selection *s, group *g, entry *e) {
  tb_row row = tb_sample_row(&s->region, e->row);
  if (s->n_groups == 1) {
    memcpy(s->values, row.values, s->n_signals * sizeof *s->values);
    memcpy(s->strings, row.strings, s->region.header->output_strings);
  } else {
    for (uint32_t i = g->begin; i < g->end; i++) {
      uint32_t signal = s->members[i];
      s->values[signal] = row.values[signal];
      const tb_variable *string = s->has_strings ? s->string_signals[signal] : NULL;
      if (string != NULL)
        memcpy(s->strings + string->string_offset, row.strings + string->string_offset, row.values[signal] + 1);
    }
  }
  g->time = e->time;
  g->arrived_ns = row.head->arrived_ns;
  e->used = true;
}

void tb_selection_round(tb_selection *s, int64_t time, uint32_t lookahead, bool single) {
  if (single) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < s->n_groups; i++)
      if (s->groups[i].moved < next) next = s->groups[i].moved;
    uint32_t place = place_of(s, next);
    if (place == s->end) return;
    for (uint32_t i = 0; i < s->n_groups; i++) {
      group *g = &s->groups[i];
      if (g->moved > s->entries[place].arrival) continue;
      if (carries(s, &s->entries[place], g)) move(s, g, place, 1);
      g->moved = s->entries[place].arrival + 1;
    }
  } else {
    for (uint32_t i = 0; i < s->n_groups; i++) {
      group *g = &s->groups[i];
      if (g->moved < s->arrivals) move(s, g, place_of(s, g->moved), lookahead);
    }
  }
  for (uint32_t i = 0; i < s->n_groups; i++) {
    group *g = &s->groups[i];
    entry *e = find(s, g, time);
    if (e != NULL) take(s, g, e);
  }
}

bool tb_selection_can_move(const tb_selection *s) {
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (place_of(s, s->groups[i].moved) < s->end) return true;
  return false;
}

/* -- Validity ------------------------------------------------------------------------------------------------------- */

bool tb_selection_valid(const tb_selection *s, int64_t time, int64_t maxage_ns) {
  int64_t oldest = time < INT64_MIN + 1 + maxage_ns ? INT64_MIN + 1 : time - maxage_ns;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].time > time || s->groups[i].time < oldest) return false;
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

bool tb_selection_complete(const tb_selection *s, int64_t maxage_ns) {
  return s->n_groups == 0 || tb_selection_valid(s, tb_selection_newest(s), maxage_ns);
}

int64_t tb_selection_newest_arrival(const tb_selection *s) {
  const group *newest = NULL;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (newest == NULL || s->groups[i].time > newest->time) newest = &s->groups[i];
  return newest == NULL ? 0 : newest->arrived_ns;
}

int64_t tb_selection_time(const tb_selection *s, uint32_t signal) { return s->groups[s->group_of[signal]].time; }

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

bool tb_selection_select(tb_selection *s, int64_t time, uint32_t behaviour, uint32_t lookahead, int64_t maxage_ns,
                         bool first) {
  /* RMQFMU 0 and 1 stay with their values as long as maxage allows, RMQFMU 2 always looks for newer ones. */
  if (first && behaviour != 2 && tb_selection_valid(s, time, maxage_ns)) return true;
  if (first && behaviour == 0) {
    /* Before it consumes another message: one consumed earlier, then of the future, may have become due. */
    tb_selection_round(s, time, 0, false);
    if (tb_selection_valid(s, time, maxage_ns)) return true;
  }
  do {
    tb_selection_round(s, time, lookahead, behaviour == 0);
    if (tb_selection_valid(s, time, maxage_ns)) return true;
  } while (tb_selection_can_move(s));
  return false;
}

/* -- Giving rows back ----------------------------------------------------------------------------------------------- */

/* No chain needs it any more: it was taken, or is not newer than what was. */
static bool is_done(const tb_selection *s, const entry *e) {
  for (uint32_t i = 0; i < s->n_groups; i++) {
    const group *g = &s->groups[i];
    if ((e->arrival >= g->moved || e->time > g->time) && carries(s, e, g)) return false;
  }
  return true;
}

static void give_back(tb_selection *s, const entry *e, uint64_t at) {
  tb_shim_counter counter = e->used    ? TB_COUNT_USED
                            : e->fresh ? TB_COUNT_SKIPPED
                            : e->equal ? TB_COUNT_DUPLICATE
                                       : TB_COUNT_LATE;
  tb_shim_count(&s->region, counter, 1);
  tb_free_put(&s->region, at, e->row);
}

void tb_selection_release(tb_selection *s) {
  tb_header *h = s->region.header;
  uint64_t at = atomic_load_explicit(&h->free_ends.written, memory_order_relaxed);
  const uint64_t before = at;
  bool scarce = s->end - s->first > h->n_rows - h->n_rows / 4;
  uint64_t keep_from = scarce ? UINT64_MAX : s->pin;

  while (s->first < s->end && s->entries[s->first].arrival < keep_from && is_done(s, &s->entries[s->first]))
    give_back(s, &s->entries[s->first++], at++);

  if (scarce && !(s->ordered && s->n_groups == 1) && s->end - s->first > h->n_rows - h->n_rows / 4) {
    /* A sample that is not done (far in the future, say: a wrong clock) holds up those behind it: reach past it. */
    uint32_t kept = s->first;
    int64_t latest = INT64_MIN;
    bool ordered = true;
    for (uint32_t i = s->first; i < s->end; i++) {
      if (is_done(s, &s->entries[i])) {
        give_back(s, &s->entries[i], at++);
        continue;
      }
      s->entries[kept] = s->entries[i];
      ordered = ordered && s->entries[kept].time >= latest;
      if (s->entries[kept].time > latest) latest = s->entries[kept].time;
      kept++;
    }
    s->end = kept;
    s->ordered = ordered;
    s->latest_time = latest;
  }
  if (at != before) atomic_store_explicit(&h->free_ends.written, at, memory_order_release);
}

uint32_t tb_selection_pending(const tb_selection *s) {
  uint64_t moved = s->arrivals;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].moved < moved) moved = s->groups[i].moved;
  int64_t newest = tb_selection_newest(s);
  uint32_t from = place_of(s, moved), future = 0;
  for (uint32_t i = from; i > s->first && (!s->ordered || s->entries[i - 1].time > newest); i--)
    future += s->entries[i - 1].time > newest;
  return s->end - from + future;
}

uint64_t *tb_selection_values(tb_selection *s) { return s->values; }
char *tb_selection_strings(tb_selection *s) { return s->strings; }

/* -- Positions ------------------------------------------------------------------------------------------------------ */

/* Followed by, for each signal, time, arrived_ns, moved and value, then the strings. By signal, since groups may have
   been split when the position is restored. */
struct tb_position {
  uint64_t n_signals, string_bytes;
  uint64_t arrival; /* the oldest sample that was not done */
  uint64_t words[];
};

size_t tb_position_size(const tb_selection *s) {
  return sizeof(tb_position) + 4 * 8 * (size_t)s->n_signals + (s->region.header->output_strings + 7) / 8 * 8;
}

void tb_position_save(const tb_selection *s, tb_position *p) {
  uint32_t n = s->n_signals;
  p->n_signals = n;
  p->string_bytes = s->region.header->output_strings;
  p->arrival = arrival_at(s, s->first);
  for (uint32_t i = 0; i < n; i++) {
    const group *g = &s->groups[s->group_of[i]];
    p->words[i] = (uint64_t)g->time;
    p->words[n + i] = (uint64_t)g->arrived_ns;
    p->words[2 * n + i] = g->moved;
    p->words[3 * n + i] = s->values[i];
  }
  memcpy(&p->words[4 * (size_t)n], s->strings, p->string_bytes);
}

uint64_t tb_position_restore(tb_selection *s, const tb_position *p, bool same_instance) {
  uint32_t n = s->n_signals;
  for (uint32_t i = 0; i < s->n_groups; i++) {
    group *g = &s->groups[i];
    uint32_t signal = s->members[g->begin];
    g->time = (int64_t)p->words[signal];
    g->arrived_ns = (int64_t)p->words[n + signal];
    if (same_instance) g->moved = p->words[2 * n + signal];
  }
  memcpy(s->values, &p->words[3 * (size_t)n], n * sizeof *s->values);
  memcpy(s->strings, &p->words[4 * (size_t)n], p->string_bytes);
  if (!same_instance) return 0;
  uint64_t oldest = arrival_at(s, s->first);
  return oldest > p->arrival ? oldest - p->arrival : 0;
}

void tb_selection_pin(tb_selection *s, uint64_t arrival) { s->pin = arrival; }
uint64_t tb_position_arrival(const tb_position *p) { return p->arrival; }
