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
  bool stale; /* not newer than the current value of the chain that moved it last ... */
  bool equal; /* ... and of the same time as that */
  bool fresh; /* newer than the current value of some chain that moved it */
  bool used;  /* became a current value */
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

typedef struct {
  uint32_t n;
  int64_t latest; /* time, with what was there before */
  bool ordered;   /* still in order of time */
  bool full;      /* all of them */
} batch;

/* Copies the entries at [taken, written) of the ring behind our own. They count only once they are taken. */
static batch read_entries(tb_selection *s, uint64_t taken, uint64_t written) {
  const tb_header *h = s->region.header;
  batch b = {(uint32_t)(written - taken), s->latest_time, s->ordered, true};
  for (uint32_t i = 0; i < b.n; i++) {
    const tb_filled_entry *from = &s->region.filled[(taken + i) & (h->filled_capacity - 1)];
    int64_t time = atomic_load_explicit(&from->time, memory_order_relaxed);
    uint32_t row = atomic_load_explicit(&from->row, memory_order_relaxed);
    bool full = (row & TB_FULL_ROW) != 0;
    s->entries[s->end + i] =
        (entry){.time = time, .arrival = s->arrivals + i, .row = row & ~TB_FULL_ROW, .full = full};
    b.ordered &= time >= b.latest;
    b.latest = time > b.latest ? time : b.latest;
    b.full &= full;
  }
  return b;
}

/* Makes room for whatever may come: there are never more than n_rows samples, here and on their way together. */
static void make_room(tb_selection *s) {
  if (s->first == s->end) {
    s->first = s->end = 0;
    s->ordered = true;
    s->latest_time = INT64_MIN;
  } else if (s->end + s->region.header->n_rows > s->capacity) {
    memmove(s->entries, s->entries + s->first, (s->end - s->first) * sizeof *s->entries);
    s->end -= s->first;
    s->first = 0;
  }
}

bool tb_selection_pull(tb_selection *s) {
  tb_header *h = s->region.header;
  uint64_t taken = atomic_load_explicit(&h->filled_ends.taken, memory_order_acquire);
  if (taken == atomic_load_explicit(&h->filled_ends.written, memory_order_acquire)) return false;
  make_room(s);
  for (;;) { /* again as long as the backend steals the oldest meanwhile */
    uint64_t written = atomic_load_explicit(&h->filled_ends.written, memory_order_acquire);
    if (written - taken > h->n_rows) { /* more than there can be: `taken` is out of date */
      taken = atomic_load_explicit(&h->filled_ends.taken, memory_order_acquire);
      continue;
    }
    batch b = read_entries(s, taken, written);
    if (!atomic_compare_exchange_weak_explicit(&h->filled_ends.taken, &taken, written, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    s->latest_time = b.latest;
    s->ordered = b.ordered;
    s->arrivals += b.n;
    if (!b.full)
      for (uint32_t i = 0; i < b.n; i++)
        if (!s->entries[s->end + i].full) note_shape(s, s->entries[s->end + i].row);
    s->end += b.n;
    return b.n > 0;
  }
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

/* What has become of samples is counted when their rows are given back; here is noted what only shows now. */
static void classify(entry *e, const group *g) {
  e->stale = e->time <= g->time;
  e->equal = e->time == g->time;
  e->fresh |= !e->stale;
}

static void move(tb_selection *s, group *g, uint32_t from, uint64_t lookahead) {
  uint32_t at = from;
  if (s->n_groups == 1 && s->ordered) {
    /* Those that are not newer than the current value come first, and there are few if any. */
    at = s->end - from < lookahead ? s->end : from + (uint32_t)lookahead;
    for (uint32_t i = from; i < at && s->entries[i].time <= g->time; i++) classify(&s->entries[i], g);
  } else {
    for (uint64_t left = lookahead; at < s->end && left > 0; at++) {
      if (!carries(s, &s->entries[at], g)) continue;
      classify(&s->entries[at], g);
      left--;
    }
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

void tb_selection_round(tb_selection *s, int64_t time, uint64_t lookahead, bool single) {
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

/* How many rounds it takes until the values are valid, or nothing is left to move: all at once is the same. Where that
   takes more than a look at the times: 1. */
static uint64_t rounds_to_valid(const tb_selection *s, int64_t time, uint32_t lookahead, int64_t maxage_ns) {
  if (!s->ordered || s->n_groups != 1) return 1;
  uint32_t from = place_of(s, s->groups[0].moved);
  uint32_t valid = first_later(s, s->end, time - maxage_ns - 1);
  if (valid < from) valid = from;
  uint64_t to_move = valid < s->end && s->entries[valid].time <= time ? valid - from + 1 : s->end - from;
  return to_move == 0 ? 1 : (to_move + lookahead - 1) / lookahead;
}

bool tb_selection_select(tb_selection *s, int64_t time, uint32_t behaviour, uint32_t lookahead, int64_t maxage_ns,
                         bool first) {
  /* RMQFMU 0 and 1 stay with their values as long as maxage allows, RMQFMU 2 always looks for newer ones. */
  if (first && behaviour != 2 && tb_selection_valid(s, time, maxage_ns)) return true;
  if (first && behaviour == 0) {
    /* Before it consumes another message: one consumed earlier, then of the future, may have become due. */
    tb_selection_round(s, time, 0, false);
    if (tb_selection_valid(s, time, maxage_ns)) return true;
  }
  uint64_t reach = lookahead;
  do {
    tb_selection_round(s, time, reach, behaviour == 0);
    if (tb_selection_valid(s, time, maxage_ns)) return true;
    if (behaviour != 0) reach = lookahead * rounds_to_valid(s, time, lookahead, maxage_ns);
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

typedef struct {
  uint64_t at; /* place in the free queue */
  uint32_t used, skipped, duplicate, late;
} given_back;

static void give_back(tb_selection *s, const entry *e, given_back *g) {
  if (e->used)
    g->used++;
  else if (!e->stale || e->fresh)
    g->skipped++;
  else if (e->equal)
    g->duplicate++;
  else
    g->late++;
  tb_free_put(&s->region, g->at++, e->row);
}

/* Reaches past a sample that is not done (far in the future, say: a wrong clock) and holds up those behind it. */
static void give_back_scattered(tb_selection *s, given_back *g) {
  uint32_t kept = s->first;
  int64_t latest = INT64_MIN;
  bool ordered = true;
  for (uint32_t i = s->first; i < s->end; i++) {
    const entry *e = &s->entries[i];
    if (is_done(s, e)) {
      give_back(s, e, g);
      continue;
    }
    ordered = ordered && e->time >= latest;
    if (e->time > latest) latest = e->time;
    s->entries[kept++] = *e;
  }
  s->end = kept;
  s->ordered = ordered;
  s->latest_time = latest;
}

/* End of the samples at the front that no chain needs any more. */
static uint32_t end_of_done(const tb_selection *s) {
  if (s->ordered && s->n_groups == 1) return first_later(s, place_of(s, s->groups[0].moved), s->groups[0].time);
  uint32_t end = s->first;
  while (end < s->end && is_done(s, &s->entries[end])) end++;
  return end;
}

void tb_selection_release(tb_selection *s) {
  tb_header *h = s->region.header;
  const uint32_t high_mark = h->n_rows - h->n_rows / 4;
  given_back g = {.at = atomic_load_explicit(&h->free_ends.written, memory_order_relaxed)};
  const uint64_t before = g.at;
  bool scarce = s->end - s->first > high_mark;

  uint32_t end = end_of_done(s);
  if (!scarce && s->pin != UINT64_MAX) {
    uint32_t pinned = place_of(s, s->pin);
    if (pinned < end) end = pinned;
  }
  while (s->first < end) give_back(s, &s->entries[s->first++], &g);
  if (scarce && !(s->ordered && s->n_groups == 1) && s->end - s->first > high_mark) give_back_scattered(s, &g);

  if (g.at == before) return;
  atomic_store_explicit(&h->free_ends.written, g.at, memory_order_release);
  tb_shim_count(&s->region, TB_COUNT_USED, g.used);
  tb_shim_count(&s->region, TB_COUNT_SKIPPED, g.skipped);
  tb_shim_count(&s->region, TB_COUNT_DUPLICATE, g.duplicate);
  tb_shim_count(&s->region, TB_COUNT_LATE, g.late);
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
