/* The samples in hand: taking them from the ring, finding them, giving their rows back. */
#include <string.h>

#include "selection_internal.h"

/* -- Finding -------------------------------------------------------------------------------------------------------- */

uint64_t tb_place_of(const tb_selection *s, uint64_t arrival) {
  uint64_t low = s->first, high = s->end;
  if (s->window) return arrival < low ? low : arrival > high ? high : arrival;
  if (low == high || arrival <= s->entries[low].arrival) return low;
  if (arrival >= s->arrivals) return high;
  /* Without holes, and most often there are none, the place follows from the number. */
  uint64_t guess = low + (arrival - s->entries[low].arrival);
  if (guess < high && s->entries[guess].arrival == arrival) return guess;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (s->entries[middle].arrival < arrival)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

uint64_t tb_first_later(const tb_selection *s, uint64_t high, int64_t time) {
  uint64_t low = s->first;
  /* In a live run nearly always the last: one look, where each look may cost a transfer from the other core. */
  if (low == high || tb_time_at(s, high - 1) <= time) return high;
  /* With much data of the future near the first: strides that double, before halving what lies between. */
  for (uint64_t stride = 1; low + stride < high; stride *= 2) {
    if (tb_time_at(s, low + stride - 1) > time) {
      high = low + stride - 1;
      break;
    }
    low += stride;
  }
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (tb_time_at(s, middle) <= time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int64_t tb_selection_next(const tb_selection *s, int64_t after) {
  int64_t next = INT64_MAX;
  for (uint64_t place = tb_is_ordered(s) ? tb_first_later(s, s->end, after) : s->first; place < s->end; place++) {
    const int64_t time = tb_time_at(s, place);
    if (s->complete && tb_arrival_at(s, place) >= s->sources[tb_source_at(s, place)].considered) continue;
    if (!s->window && s->entries[place].watermark) continue;
    if (time > after && time < next) next = time;
    if (tb_is_ordered(s)) break;
  }
  return next;
}

int64_t tb_selection_next_of(const tb_selection *s, uint32_t signal, int64_t after) {
  const tb_group *g = &s->groups[s->group_of[signal]];
  int64_t next = INT64_MAX;
  for (uint64_t place = s->first; place < s->end; place++) {
    const int64_t time = tb_time_at(s, place);
    if (time > after && time < next && tb_carries(s, place, g)) next = time;
  }
  return next;
}

int64_t tb_selection_latest(const tb_selection *s) {
  if (!s->window) return s->latest_time;
  return s->first == s->end ? INT64_MIN : tb_time_at(s, s->end - 1);
}

/* -- Taking --------------------------------------------------------------------------------------------------------- */

/* Copies the entries at [from, to) of the filled queue behind the list's last; they count only once `end` moves: under
   drop-oldest what was copied may have been taken away meanwhile, with its rows. */
static void copy_entries(tb_selection *s, uint64_t from, uint64_t to) {
  tb_entry *e = s->entries + s->end;
  for (uint64_t at = from; at < to; at++, e++) {
    const tb_filled_entry *entry = tb_filled_at(&s->region, at);
    const uint32_t row = atomic_load_explicit(&entry->row, memory_order_relaxed);
    *e = (tb_entry){.time = atomic_load_explicit(&entry->time, memory_order_relaxed),
                    .arrival = at,
                    .row = row & ~TB_FULL_ROW,
                    .full = (row & TB_FULL_ROW) != 0};
  }
}

/* Their rows come back through the free queue: the entries [.., to) of the filled queue have none any more. */
static void disown_entries(const tb_selection *s, uint64_t from, uint64_t to) {
  tb_header *h = s->region.header;
  if (h->drop_oldest) return;
  for (uint64_t at = from; at < to; at++)
    atomic_store_explicit(&tb_filled_at(&s->region, at)->row, TB_NO_ROW, memory_order_relaxed);
  atomic_store_explicit(&h->filled_done, to, memory_order_release);
}

static bool is_empty(const uint64_t *mask, uint32_t words) {
  for (uint32_t w = 0; w < words; w++)
    if (mask[w] != 0) return false;
  return true;
}

/* What only the row tells. */
static void look_into(tb_selection *s, tb_entry *e) {
  const tb_row row = tb_sample_row(&s->region, e->row);
  e->source = (uint8_t)(row.head->source < s->n_sources ? row.head->source : 0);
  if (e->full) return;
  e->watermark = is_empty(row.mask, s->words);
  if (!e->watermark) {
    tb_note_shape(s, e->row);
    return;
  }
  e->mark = e->time;
  e->time = s->latest_time;
  s->n_watermarks++;
}

/* The `n` entries behind the list's last belong to it from now on. */
static void add_to_list(tb_selection *s, uint64_t n) {
  for (; n > 0; n--) {
    tb_entry *e = &s->entries[s->end++];
    if (!e->full || s->n_sources > 1) look_into(s, e);
    s->ordered &= e->time >= s->latest_time;
    if (e->time > s->latest_time) s->latest_time = e->time;
  }
}

static void empty_list(tb_selection *s) {
  s->window = false;
  s->first = s->end = 0;
  s->ordered = true;
  s->latest_time = INT64_MIN;
  s->n_watermarks = 0;
}

/* From window to list. */
static void close_window(tb_selection *s) {
  const uint64_t kept = s->kept, counted = s->counted, end = s->end;
  empty_list(s);
  copy_entries(s, kept, end);
  add_to_list(s, end - kept);
  for (uint64_t i = 0; i < s->end && s->entries[i].arrival < counted; i++) s->entries[i].counted = true;
  disown_entries(s, kept, end);
}

static void open_window(tb_selection *s, uint64_t from) {
  s->window = true;
  s->first = s->end = s->kept = s->counted = from;
  s->taken = 0;
}

/* Makes room in the list: there are never more than n_rows samples, here and on their way together. */
static void make_room(tb_selection *s) {
  if (s->first == s->end) {
    empty_list(s);
  } else if (s->end + s->region.header->n_rows > s->capacity) {
    memmove(s->entries, s->entries + s->first, (s->end - s->first) * sizeof *s->entries);
    s->end -= s->first;
    s->first = 0;
  }
}

static bool pull_to_list(tb_selection *s, uint64_t taken) {
  tb_header *h = s->region.header;
  make_room(s);
  for (;;) { /* again as long as the backend steals the oldest meanwhile */
    uint64_t written = atomic_load_explicit(&h->filled_written, memory_order_acquire);
    if (written - taken > h->n_rows) { /* more than there can be: `taken` is out of date */
      taken = atomic_load_explicit(&h->filled_taken, memory_order_acquire);
      continue;
    }
    copy_entries(s, taken, written);
    if (!atomic_compare_exchange_weak_explicit(&h->filled_taken, &taken, written, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    s->arrivals = written;
    add_to_list(s, written - taken);
    disown_entries(s, taken, written);
    return written != taken;
  }
}

bool tb_selection_pull(tb_selection *s) {
  tb_header *h = s->region.header;
  uint64_t taken = atomic_load_explicit(&h->filled_taken, memory_order_acquire);
  uint64_t written = atomic_load_explicit(&h->filled_written, memory_order_acquire);
  if (taken == written) return false;
  bool regular = s->n_groups == 1 && !h->drop_oldest &&
                 atomic_load_explicit(&h->irregular, memory_order_relaxed) <= taken;
  if (regular && !s->window && s->first == s->end) open_window(s, taken);
  if (!regular || !s->window) {
    if (s->window) close_window(s);
    return pull_to_list(s, taken);
  }
  s->end = s->arrivals = written;
  atomic_store_explicit(&h->filled_taken, written, memory_order_release);
  return true;
}

/* -- Giving back ---------------------------------------------------------------------------------------------------- */

typedef struct {
  uint64_t used, skipped, duplicate, late;
} fates;

static void count_fates(const tb_selection *s, const fates *f) {
  tb_shim_count(&s->region, TB_COUNT_USED, f->used);
  tb_shim_count(&s->region, TB_COUNT_SKIPPED, f->skipped);
  tb_shim_count(&s->region, TB_COUNT_DUPLICATE, f->duplicate);
  tb_shim_count(&s->region, TB_COUNT_LATE, f->late);
}

/*
 * More samples in hand than leave a quarter of the rows for new data: none is kept for a rollback then, and what is done
 * is given back out of order too. Beyond that quarter, the backend keeps a row for each source that has none.
 */
static bool is_scarce(const tb_selection *s, uint64_t from) {
  const uint32_t n = s->region.header->n_rows, for_new = (n < 4 ? 1 : n / 4) + s->n_sources - 1;
  return s->end - from > (n > for_new ? n - for_new : 0);
}

static void release_window(tb_selection *s) {
  tb_header *h = s->region.header;
  const tb_group *g = &s->groups[0];
  uint64_t done = tb_first_later(s, tb_place_of(s, g->moved), g->time);
  if (done > s->counted) {
    /* None is late or a duplicate: in a window each is newer than all before it. */
    tb_shim_count(&s->region, TB_COUNT_USED, s->taken);
    tb_shim_count(&s->region, TB_COUNT_SKIPPED, done - s->counted - s->taken);
    s->counted = done;
    s->taken = 0;
  }
  s->first = done;
  uint64_t keep = s->pin < done && !is_scarce(s, s->kept) ? s->pin : done;
  if (keep <= s->kept) return;
  s->kept = keep;
  atomic_store_explicit(&h->filled_done, keep, memory_order_release);
}

/* No chain needs it any more: it was taken, or is not newer than what was. */
static bool is_done(const tb_selection *s, uint64_t place) {
  const tb_entry *e = &s->entries[place];
  if (e->watermark) return !s->complete || e->arrival < s->sources[e->source].considered;
  for (uint32_t i = 0; i < s->n_groups; i++) {
    const tb_group *g = &s->groups[i];
    if ((e->arrival >= g->moved || e->time > g->time) && tb_carries(s, place, g)) return false;
  }
  return true;
}

static void give_back(tb_selection *s, const tb_entry *e, uint64_t at, fates *f) {
  s->n_watermarks -= e->watermark;
  if (!e->counted && !e->watermark) {
    if (e->used)
      f->used++;
    else if (!e->stale || e->fresh)
      f->skipped++;
    else if (e->equal)
      f->duplicate++;
    else
      f->late++;
  }
  tb_free_put(&s->region, at, e->row);
}

static void release_list(tb_selection *s) {
  tb_header *h = s->region.header;
  const uint64_t before = atomic_load_explicit(&h->free_written, memory_order_relaxed);
  uint64_t at = before;
  fates f = {0};
  bool scarce = is_scarce(s, s->first);
  uint64_t keep_from = scarce ? UINT64_MAX : s->pin;
  while (s->first < s->end && s->entries[s->first].arrival < keep_from && is_done(s, s->first))
    give_back(s, &s->entries[s->first++], at++, &f);

  if (scarce && is_scarce(s, s->first)) {
    /* A sample that is not done (far in the future, say: a wrong clock) holds up those behind it: reach past it. */
    uint64_t kept = s->first;
    int64_t latest = INT64_MIN;
    bool ordered = true;
    for (uint64_t place = s->first; place < s->end; place++) {
      if (is_done(s, place)) {
        give_back(s, &s->entries[place], at++, &f);
        continue;
      }
      int64_t time = s->entries[place].time;
      ordered = ordered && time >= latest;
      if (time > latest) latest = time;
      s->entries[kept++] = s->entries[place];
    }
    s->end = kept;
    s->ordered = ordered;
    s->latest_time = latest;
  }
  if (at == before) return;
  atomic_store_explicit(&h->free_written, at, memory_order_release);
  count_fates(s, &f);
}

void tb_selection_release(tb_selection *s) {
  if (s->window)
    release_window(s);
  else if (s->first < s->end)
    release_list(s);
}

uint32_t tb_selection_pending(const tb_selection *s) {
  if (!s->window) {
    uint32_t pending = 0;
    for (uint64_t place = s->first; place < s->end; place++) pending += !s->entries[place].watermark && !is_done(s, place);
    return pending;
  }
  uint64_t moved = s->arrivals;
  for (uint32_t i = 0; i < s->n_groups; i++)
    if (s->groups[i].moved < moved) moved = s->groups[i].moved;
  int64_t newest = tb_selection_newest(s);
  uint64_t from = tb_place_of(s, moved), future = 0;
  for (uint64_t i = from; i > s->first && (!tb_is_ordered(s) || tb_time_at(s, i - 1) > newest); i--)
    future += tb_time_at(s, i - 1) > newest;
  return (uint32_t)(s->end - from + future);
}
