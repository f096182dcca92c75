/*
 * The queues of a region.
 *
 *   filled   backend → shim: decoded samples in order of arrival. The shim takes all that are there at the start of a
 *            step, and tells with `filled_done` how many from the front it needs no more: the backend then finds their
 *            rows in the entries. So a step that passes over fifty samples writes one counter.
 *   free     shim → backend: rows that came free in another order. Their entries of the filled queue say TB_NO_ROW.
 *   outgoing shim → backend: rows in place, in order.
 *
 * Under drop-oldest the backend, when no row is free, takes the oldest sample back ("steals" it): that is why taking is a
 * compare-and-swap, and the entries are relaxed atomics: who loses the race has read entries that it then throws away.
 * `filled_done` is not used then, since entries that are still needed could be overwritten.
 *
 * No queue overflows. At most n_rows entries of the filled queue still have their row; those that have none are passed by
 * the backend whenever it looks for a row, so at most as many lie between. Hence the capacity of more than 2 * n_rows.
 */
#ifndef TB_QUEUE_H
#define TB_QUEUE_H

#include "region.h"

static inline tb_filled_entry *tb_filled_at(const tb_region *r, uint64_t position) {
  return &r->filled[position & (r->header->filled_capacity - 1)];
}

/* `regular`: it has every signal and is newer than all before it. */
static inline void tb_filled_put(const tb_region *r, int64_t time, uint32_t row, bool full, bool regular) {
  tb_header *h = r->header;
  uint64_t at = atomic_load_explicit(&h->filled_written, memory_order_relaxed);
  tb_filled_entry *entry = tb_filled_at(r, at);
  atomic_store_explicit(&entry->time, time, memory_order_relaxed);
  atomic_store_explicit(&entry->row, full ? row | TB_FULL_ROW : row, memory_order_relaxed);
  if (!regular) atomic_store_explicit(&h->irregular, at + 1, memory_order_relaxed);
  atomic_store_explicit(&h->filled_written, at + 1, memory_order_release);
}

static inline uint64_t tb_filled_count(const tb_region *r) {
  /* `taken` first: it never overtakes a later reading of `written`. */
  uint64_t taken = atomic_load_explicit(&r->header->filled_taken, memory_order_acquire);
  return atomic_load_explicit(&r->header->filled_written, memory_order_acquire) - taken;
}

/* The backend's theft of the oldest sample that the shim has not taken; false: there is none. */
static inline bool tb_filled_steal(const tb_region *r, uint32_t *row) {
  tb_header *h = r->header;
  uint64_t taken = atomic_load_explicit(&h->filled_taken, memory_order_acquire);
  while (taken != atomic_load_explicit(&h->filled_written, memory_order_relaxed)) {
    uint32_t oldest = atomic_load_explicit(&tb_filled_at(r, taken)->row, memory_order_relaxed);
    if (atomic_compare_exchange_weak_explicit(&h->filled_taken, &taken, taken + 1, memory_order_acq_rel,
                                              memory_order_acquire)) {
      *row = oldest & ~TB_FULL_ROW;
      return true;
    }
  }
  return false;
}

/* Where the backend is in taking rows back; its own. */
typedef struct {
  uint64_t reclaimed; /* entries of the filled queue passed */
  uint64_t free_taken;
} tb_free_cursor;

/* A row that the shim needs no more. */
static inline bool tb_free_take(const tb_region *r, tb_free_cursor *cursor, uint32_t *row) {
  tb_header *h = r->header;
  uint64_t done = atomic_load_explicit(&h->filled_done, memory_order_acquire);
  while (cursor->reclaimed != done) {
    uint32_t found = atomic_load_explicit(&tb_filled_at(r, cursor->reclaimed++)->row, memory_order_relaxed);
    if (found == TB_NO_ROW) continue;
    *row = found & ~TB_FULL_ROW;
    return true;
  }
  if (cursor->free_taken == atomic_load_explicit(&h->free_written, memory_order_acquire)) return false;
  *row = atomic_load_explicit(&r->free_rows[cursor->free_taken++ & (h->filled_capacity - 1)], memory_order_relaxed);
  return true;
}

static inline void tb_free_put(const tb_region *r, uint64_t at, uint32_t row) {
  atomic_store_explicit(&r->free_rows[at & (r->header->filled_capacity - 1)], row, memory_order_relaxed);
}

/*
 * The two halves of not missing a wake-up. The waiter raises its flag and then looks once more for work; the other
 * side hands over work and then looks at the flag. With a full fence between the halves' two accesses, at least one of
 * them sees the other (Dekker). true: the caller has to send the wake-up byte.
 */
static inline void tb_raise_flag(_Atomic uint32_t *flag) {
  atomic_store_explicit(flag, 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_seq_cst);
}

static inline bool tb_must_wake(_Atomic uint32_t *flag) {
  atomic_thread_fence(memory_order_seq_cst);
  return atomic_load_explicit(flag, memory_order_relaxed) != 0 &&
         atomic_exchange_explicit(flag, 0, memory_order_acq_rel) != 0;
}

#endif
