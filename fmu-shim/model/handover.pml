/*
 * Rows on their way between backend and shim, with the shim's own C: region.c lays the memory out, and the functions of
 * queue.h work on it. A row is touched by one side at a time, a sample that is not dropped arrives whole, once and in
 * order, and under `block` none is dropped.
 *
 * Every function of queue.h that only its own side runs is one step. Where the sides race (the shim copies entries that
 * the backend may be stealing), each access is a step of its own, as in tb_selection_pull.
 *
 * -DDROP_OLDEST: ring.whenFull is drop-oldest, else block.
 * -DMUTANT=n: a fault that must show:
 *   1 the shim takes without looking whether the backend has stolen   2 the backend steals without looking whether the
 *   shim has taken   3 a full ring overwrites under block   4 queues that are shorter than the rows are many   5 the shim gives a row back
 *   and reads it then   6 under drop-oldest rows go back through filled_done
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef SAMPLES
#define SAMPLES 5
#endif
/* An expression in C may not call functions. */
#define entries() (s.written - s.taken)
#define is_drained() (region.header->filled_taken == region.header->filled_written)

#ifndef SHORT
#define SHORT (ROWS - 1)
#endif
#ifndef ROWS
#define ROWS 2
#endif

c_decl {
\#include <stdlib.h>
\#include <string.h>
\#include "region.c"
\#include "queue.h"

  /* What happens to change is part of the state: all of the region but its log, which is last and not used. */
  enum { TRACKED = 3072 };
  static _Alignas(TB_CACHE_LINE) unsigned char memory[16384];
  static tb_region region;

  enum { FREE, BACKEND, QUEUED, SHIM };
  typedef struct {
    tb_free_cursor cursor; /* the backend's */
    uint32_t row;
    uint64_t taken, written; /* the shim's, while it takes */
    tb_filled_entry copies[4];
    uint32_t held[4]; /* rows, oldest first */
    int64_t times[4];
    uint64_t kept; /* window: position of the first one held */
    uint8_t owner[4];
  } sides;
  static sides s;

  static void lay_out_region(void) {
    const tb_variable output = {.type = TB_REAL, .kind = TB_OUTPUT, .n_elements = 1, .start_offset = TB_NO_OFFSET};
    tb_region_spec spec = {.n_variables = 1, .n_rows = ROWS, .n_sources = 1};
#ifdef DROP_OLDEST
    spec.drop_oldest = 1;
#endif
    memset(memory, 0, sizeof memory);
    tb_region_init(memory, &spec, &output, "");
    tb_region_open(&region, memory, sizeof memory);
#if MUTANT == 4
    region.header->filled_capacity = SHORT;
#endif
    if (region.header->log > TRACKED || region.header->n_rows != ROWS) {
      fprintf(stderr, "the region has outgrown the model: raise TRACKED (now %d) to %d\n", TRACKED, (int)region.header->log);
      exit(2);
    }
  }

  static bool move(uint32_t row, int from, int to) {
    if (s.owner[row] != from) return false;
    s.owner[row] = to;
    return true;
  }
  static uint64_t *value(uint32_t row) { return tb_sample_row(&region, row).values; }
}

c_track "memory" "3072" "Matched"
c_track "&s" "sizeof(sides)" "Matched"

bool ok = true;     /* a row changed hands from its owner */
bool got;
byte sent, arrived; /* newest sample so far */
byte n_dropped, n_arrived;
byte held;          /* rows in the shim's hands */
bool window;
bool done;

/* -- The backend: have_row and hand_over of producer.c -------------------------------------------------------------- */

inline have_row() {
  got = false;
  do
  :: got -> break
  :: else ->
     c_code {
       now.got = tb_free_take(&region, &s.cursor, &s.row);
       if (now.got) now.ok = move(s.row, FREE, BACKEND);
     };
     assert(ok);
     if
     :: got
     :: else ->
#ifdef DROP_OLDEST
#if MUTANT == 2
        c_code { s.taken = s.taken; Pbackend->at = atomic_load(&region.header->filled_taken);
                 now.got = Pbackend->at != atomic_load(&region.header->filled_written); };
        if
        :: got ->
           c_code {
             s.row = atomic_load(&tb_filled_at(&region, Pbackend->at)->row) & ~TB_FULL_ROW;
             atomic_store(&region.header->filled_taken, Pbackend->at + 1);
             now.ok = move(s.row, QUEUED, BACKEND);
           };
           assert(ok);
           n_dropped++
        :: else
        fi
#else
        c_code {
          now.got = tb_filled_steal(&region, &s.row);
          if (now.got) now.ok = move(s.row, QUEUED, BACKEND);
        };
        assert(ok);
        if
        :: got -> n_dropped++
        :: else
        fi
#endif
#elif MUTANT == 3
        c_code {
          s.row = atomic_load(&tb_filled_at(&region, atomic_load(&region.header->filled_taken))->row) & ~TB_FULL_ROW;
          now.got = s.row < ROWS;
          if (now.got) now.ok = move(s.row, QUEUED, BACKEND);
        };
        assert(ok)
#else
        skip /* the ring is full: it looks again later */
#endif
     fi
  od
}

proctype backend() {
  int at;
  do
  :: sent < SAMPLES ->
     have_row();
     c_code { *value(s.row) = 0; };
     c_code { *value(s.row) = now.sent + 1; };
     c_code {
       now.ok = move(s.row, BACKEND, QUEUED);
       tb_filled_put(&region, now.sent + 1, s.row, true, true);
     };
     assert(ok);
     sent++
  :: else -> break
  od;
  done = true
}

/* -- The shim: tb_selection_pull and tb_selection_release of samples.c ---------------------------------------------- */

/* What was taken belongs to the shim from here on; the copies tell whose rows and times they are. */
inline adopt() {
  c_code {
    for (uint64_t i = 0; now.ok && i < s.written - s.taken; i++) {
      uint32_t row = atomic_load(&s.copies[i].row) & ~TB_FULL_ROW;
      int64_t time = atomic_load(&s.copies[i].time);
      now.ok = row < ROWS && move(row, QUEUED, SHIM) && time > now.arrived;
      if (!now.ok) break;
      s.held[now.held] = row;
      s.times[now.held++] = time;
      now.arrived = time;
      now.n_arrived++;
    }
  };
  assert(ok)
}

inline copy_entries() {
  i = 0;
  do
  :: c_expr { (uint64_t)Pshim->i < entries() } ->
     c_code {
       const tb_filled_entry *entry = tb_filled_at(&region, s.taken + Pshim->i);
       atomic_store(&s.copies[Pshim->i].time, atomic_load_explicit(&entry->time, memory_order_relaxed));
       atomic_store(&s.copies[Pshim->i].row, atomic_load_explicit(&entry->row, memory_order_relaxed));
     };
     i++
  :: else -> break
  od
}

inline disown() {
  c_code {
    for (uint64_t at = s.taken; at < s.written; at++)
      atomic_store_explicit(&tb_filled_at(&region, at)->row, TB_NO_ROW, memory_order_relaxed);
  };
  c_code { atomic_store_explicit(&region.header->filled_done, s.written, memory_order_release); }
}

/* From window to list. */
inline close_window() {
  c_code {
    for (uint64_t at = s.kept; at < s.kept + now.held; at++)
      atomic_store_explicit(&tb_filled_at(&region, at)->row, TB_NO_ROW, memory_order_relaxed);
  };
  c_code { atomic_store_explicit(&region.header->filled_done, s.kept + now.held, memory_order_release); };
  window = false
}

inline pull() {
  c_code { s.taken = atomic_load_explicit(&region.header->filled_taken, memory_order_acquire); };
  c_code { s.written = atomic_load_explicit(&region.header->filled_written, memory_order_acquire); };
  if
  :: c_expr { entries() == 0 } -> skip
#ifndef DROP_OLDEST
  :: c_expr { entries() > 0 } && (window || held == 0) ->
     copy_entries(); /* in fact read when they are needed; nobody else changes them */
     if
     :: held == 0 -> c_code { s.kept = s.taken; }
     :: else
     fi;
     window = true;
     atomic {
       c_code { atomic_store_explicit(&region.header->filled_taken, s.written, memory_order_release); };
       adopt()
     }
#endif
  :: c_expr { entries() > 0 } ->
     if
     :: window -> close_window()
     :: else
     fi;
     got_all = false;
     do
     :: got_all -> break
     :: else ->
        if
        :: c_expr { entries() > ROWS } ->
           c_code { s.taken = atomic_load_explicit(&region.header->filled_taken, memory_order_acquire); }
        :: else ->
           copy_entries();
           atomic {
#if MUTANT == 1
             c_code { atomic_store(&region.header->filled_taken, s.written); Pshim->got_all = 1; };
#else
             c_code { Pshim->got_all = atomic_compare_exchange_strong_explicit(&region.header->filled_taken, &s.taken,
                        s.written, memory_order_acq_rel, memory_order_acquire); };
#endif
             if
             :: got_all -> adopt()
             :: else
             fi
           };
#ifndef DROP_OLDEST
           disown()
#elif MUTANT == 6
           c_code { if (Pshim->got_all) atomic_store(&region.header->filled_done, s.written); }
#else
           skip
#endif
        fi;
        if
        :: !got_all -> c_code { s.written = atomic_load_explicit(&region.header->filled_written, memory_order_acquire); }
        :: else
        fi
     od
  fi
}

/* A row, read for the last time, goes back: in the order of arrival from the window, in any order from the list. */
inline give_back() {
  k = 0;
  if
  :: true
  :: !window && held > 1 -> k = held - 1
  fi;
#if MUTANT != 5
  c_code {
    const uint32_t row = s.held[Pshim->k];
    now.ok = *value(row) == (uint64_t)s.times[Pshim->k] && s.owner[row] == SHIM;
  };
  assert(ok);
#endif
  if
  :: window ->
     c_code {
       now.ok = move(s.held[0], SHIM, FREE);
       atomic_store_explicit(&region.header->filled_done, ++s.kept, memory_order_release);
     }
  :: else ->
     c_code {
       const uint64_t at = atomic_load_explicit(&region.header->free_written, memory_order_relaxed);
       now.ok = move(s.held[Pshim->k], SHIM, FREE);
       tb_free_put(&region, at, s.held[Pshim->k]);
       atomic_store_explicit(&region.header->free_written, at + 1, memory_order_release);
     }
  fi;
  assert(ok);
#if MUTANT == 5
  c_code { now.ok = *value(s.held[Pshim->k]) == (uint64_t)s.times[Pshim->k]; };
  assert(ok);
#endif
  c_code {
    const int k = Pshim->k;
    now.held--;
    memmove(s.held + k, s.held + k + 1, (now.held - k) * sizeof *s.held);
    memmove(s.times + k, s.times + k + 1, (now.held - k) * sizeof *s.times);
    s.held[now.held] = 0;
    s.times[now.held] = 0;
  }
}

/* What is not looked at again would only make two states of one. */
inline forget() {
  d_step {
    i = 0;
    k = 0;
    got_all = false;
    c_code {
      s.taken = s.written = 0;
      memset(s.copies, 0, sizeof s.copies);
    }
  }
}

proctype shim() {
  int i, k;
  bool got_all;
  do
  :: pull() -> forget()
  :: held > 0 -> give_back() -> forget()
  :: done && held == 0 && c_expr { is_drained() } -> break
  od;
  assert(n_arrived + n_dropped == SAMPLES);
#ifndef DROP_OLDEST
  assert(n_dropped == 0)
#endif
}

init {
  atomic {
    /* Samples that came and went before: the queues are about to wrap round. */
    c_code {
      lay_out_region();
      uint64_t free_written = atomic_load(&region.header->free_written);
      for (uint64_t i = 0; i < 6 && region.header->filled_capacity > 6; i++) {
        tb_free_take(&region, &s.cursor, &s.row);
        tb_filled_put(&region, 0, s.row, true, true);
        atomic_store(&region.header->filled_taken, i + 1);
        if (!region.header->drop_oldest) {
          atomic_store(&tb_filled_at(&region, i)->row, TB_NO_ROW);
          atomic_store(&region.header->filled_done, i + 1);
        }
        tb_free_put(&region, free_written, s.row);
        atomic_store(&region.header->free_written, ++free_written);
      }
    };
    run backend();
    run shim()
  }
}
