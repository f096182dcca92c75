/*
 * The queues of a region. All counters only grow, so positions never repeat and no comparison can be fooled.
 *
 *   filled   backend → shim: decoded samples in order of arrival. The shim takes them all at the start of a step. When
 *            no row is free and the policy is drop-oldest, the backend takes the oldest back ("steals" it): that is why
 *            taking is a compare-and-swap on `taken` and the entries are relaxed atomics. A reader that lost the race
 *            has read entries that it then throws away.
 *   free     shim → backend: rows whose samples are consumed.
 *   outgoing shim → backend: rows in place, in order.
 *
 * The queues cannot overflow: filled and free have more places than there are rows.
 */
#ifndef TB_QUEUE_H
#define TB_QUEUE_H

#include "region.h"

static inline void tb_filled_put(const tb_region *r, int64_t time, uint32_t row, bool full) {
  tb_header *h = r->header;
  uint64_t at = atomic_load_explicit(&h->filled_ends.written, memory_order_relaxed);
  tb_filled_entry *entry = &r->filled[at & (h->filled_capacity - 1)];
  atomic_store_explicit(&entry->time, time, memory_order_relaxed);
  atomic_store_explicit(&entry->row, full ? row | TB_FULL_ROW : row, memory_order_relaxed);
  atomic_store_explicit(&h->filled_ends.written, at + 1, memory_order_release);
}

static inline uint64_t tb_filled_count(const tb_region *r) {
  /* `taken` first: it never overtakes a later reading of `written`. */
  uint64_t taken = atomic_load_explicit(&r->header->filled_ends.taken, memory_order_acquire);
  return atomic_load_explicit(&r->header->filled_ends.written, memory_order_acquire) - taken;
}

/* The backend's theft of the oldest sample that the shim has not taken; false: there is none. */
static inline bool tb_filled_steal(const tb_region *r, uint32_t *row) {
  tb_header *h = r->header;
  uint64_t taken = atomic_load_explicit(&h->filled_ends.taken, memory_order_acquire);
  while (taken != atomic_load_explicit(&h->filled_ends.written, memory_order_relaxed)) {
    uint32_t oldest = atomic_load_explicit(&r->filled[taken & (h->filled_capacity - 1)].row, memory_order_relaxed);
    if (atomic_compare_exchange_weak_explicit(&h->filled_ends.taken, &taken, taken + 1, memory_order_acq_rel,
                                              memory_order_acquire)) {
      *row = oldest & ~TB_FULL_ROW;
      return true;
    }
  }
  return false;
}

static inline void tb_free_put(const tb_region *r, uint64_t at, uint32_t row) {
  atomic_store_explicit(&r->free_rows[at & (r->header->filled_capacity - 1)], row, memory_order_relaxed);
}

static inline bool tb_free_take(const tb_region *r, uint32_t *row) {
  tb_header *h = r->header;
  uint64_t at = atomic_load_explicit(&h->free_ends.taken, memory_order_relaxed);
  if (at == atomic_load_explicit(&h->free_ends.written, memory_order_acquire)) return false;
  *row = atomic_load_explicit(&r->free_rows[at & (h->filled_capacity - 1)], memory_order_relaxed);
  atomic_store_explicit(&h->free_ends.taken, at + 1, memory_order_release);
  return true;
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
