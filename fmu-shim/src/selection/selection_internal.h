/*
 * The inside of the selection, shared by the files that implement it: samples.c (what is in hand: taking from the ring
 * and giving back), groups.c (signals that share a chain), selection.c (the rules of RMQFMU 0, 1, 2), complete.c (those of
 * `complete`), start.c (initialisation), position.c (rollback).
 */
#ifndef TB_SELECTION_INTERNAL_H
#define TB_SELECTION_INTERNAL_H

#include "../ring/queue.h"
#include "selection.h"

/* Which signals recent samples carried: a shape seen before cannot split a group. */
#define REMEMBERED_SHAPES (2 * TB_MAX_SOURCES)

/* A sample in the shim's hands, in list mode. */
typedef struct {
  int64_t time;     /* of a watermark: that of the newest sample before it, which keeps the list in order */
  uint64_t arrival; /* its position in the filled queue */
  int64_t mark;     /* of a watermark */
  uint32_t row;
  uint8_t source;
  bool watermark;
  bool full;    /* carries every signal */
  bool stale;   /* not newer than the current value of the chain that moved it last ... */
  bool equal;   /* ... and of the same time as that */
  bool fresh;   /* newer than the current value of some chain that moved it */
  bool used;    /* became a current value */
  bool counted; /* among the used, skipped ... already */
} tb_entry;

/* Signals that have come together in every sample so far, and so share one chain. */
typedef struct {
  uint32_t begin, end; /* its signals in `members` */
  uint32_t source;
  uint64_t moved;      /* arrival number up to which its samples were moved to the list */
  int64_t time;        /* of its current values; INT64_MIN: it has none */
  int64_t arrived_ns;  /* wall clock at which these entered the ring */
} tb_group;

/* How far a source has been considered under `complete`. */
typedef struct {
  uint64_t considered; /* its samples before this arrival number */
  int64_t proven;      /* no sample of it up to this time is still to come */
  bool carries;        /* some signal */
} tb_source;

/*
 * The samples in hand have places [first, end).
 *
 * Window: as long as every sample carries every signal and is newer than all before it, they are the entries of the
 * filled queue themselves, a place is a position there, and taking fifty samples or passing over them moves a counter.
 *
 * List: otherwise they are copied to `entries`, in order of arrival, and given back one by one in whatever order they
 * come to be done. Once the list is empty and what comes is regular again, so is the window.
 */
struct tb_selection {
  tb_region region;
  uint32_t n_signals, words;

  bool window;
  uint64_t first, end;
  uint64_t arrivals; /* samples ever taken from the ring */
  uint64_t pin;      /* samples from this arrival number on are kept for a rollback */

  /* Window. */
  uint64_t kept;    /* those before `first`, from here on, are done and kept for a rollback */
  uint64_t counted; /* up to here they are among the used, skipped ... */
  uint32_t taken;   /* samples that became a current value since then */

  /* List. */
  tb_entry *entries;
  uint32_t capacity;
  int64_t latest_time; /* of entries[first .. end) */
  bool ordered;        /* entries[first .. end) are in order of time */

  uint32_t n_watermarks; /* in the list */

  bool complete; /* the behaviour */
  uint32_t n_sources;
  tb_source sources[TB_MAX_SOURCES];
  int64_t start; /* `complete`, several sources: how far time zero has moved on */

  tb_group *groups;
  uint32_t n_groups;
  uint32_t *group_of; /* by signal */
  uint32_t *members;  /* signals, group by group */
  uint32_t *scratch;  /* 3 * n_signals, for splitting */
  uint64_t *shapes;   /* REMEMBERED_SHAPES masks */
  uint32_t next_shape;

  uint64_t *values;
  char *strings;
  const tb_variable **string_signals; /* by slot; NULL: not a string */
  bool has_strings;
};

/* The sample's signals, by which it may split groups. */
void tb_note_shape(tb_selection *s, uint32_t row);

/* -- Samples by place ------------------------------------------------------------------------------------------------- */

static inline bool tb_is_ordered(const tb_selection *s) { return s->window || s->ordered; }

static inline int64_t tb_time_at(const tb_selection *s, uint64_t place) {
  return s->window ? atomic_load_explicit(&tb_filled_at(&s->region, place)->time, memory_order_relaxed)
                   : s->entries[place].time;
}

static inline uint32_t tb_row_index_at(const tb_selection *s, uint64_t place) {
  if (!s->window) return s->entries[place].row;
  return atomic_load_explicit(&tb_filled_at(&s->region, place)->row, memory_order_relaxed) & ~TB_FULL_ROW;
}

static inline uint64_t tb_arrival_at(const tb_selection *s, uint64_t place) {
  if (s->window) return place;
  return place < s->end ? s->entries[place].arrival : s->arrivals;
}

static inline bool tb_carries(const tb_selection *s, uint64_t place, const tb_group *g) {
  if (s->window || s->entries[place].full) return true;
  uint32_t signal = s->members[g->begin];
  return tb_sample_row(&s->region, s->entries[place].row).mask[signal / 64] >> (signal % 64) & 1;
}

static inline uint32_t tb_source_at(const tb_selection *s, uint64_t place) {
  return s->window ? 0 : s->entries[place].source;
}

/* -- Rules that files share ------------------------------------------------------------------------------------------- */

#define TB_NOWHERE UINT64_MAX

/* Place of the newest sample of the chain that is moved, not later than `time` and newer than the current value; of
   several with one time the first to arrive. */
uint64_t tb_find(const tb_selection *s, const tb_group *g, int64_t time);
/* It becomes the current value. */
void tb_take(tb_selection *s, tb_group *g, uint64_t place);
/* Notes what becomes of a sample of the list that is moved: it is counted when its row is given back. */
void tb_classify(tb_entry *e, const tb_group *g);
/* Takes the newest not later than `time` of what all chains have moved. */
void tb_take_newest(tb_selection *s, int64_t time);
/* Samples wait that no round has moved for some chain yet. */
bool tb_can_move(const tb_selection *s);
bool tb_group_valid(const tb_group *g, int64_t time, const tb_rule *rule);

tb_verdict tb_complete_select(tb_selection *s, int64_t time, const tb_rule *rule, bool first);
/* Considers the sample at `place`, which is its source's next. */
void tb_consider(tb_selection *s, uint64_t place);
/* The chains of a source have moved as far as it was considered. */
void tb_move_to_considered(tb_selection *s, uint32_t source);
bool tb_source_valid(const tb_selection *s, uint32_t source, int64_t time, const tb_rule *rule);
typedef enum { TB_FOUND, TB_NONE, TB_UNKNOWN } tb_search;
/*
 * `complete`: the earliest sample of a source that is later than `time`, not further than `end`, considering more of them
 * until it shows. With a rule the search also ends, with TB_NONE, once the source's values are valid at `time`.
 */
tb_search tb_consider_next(tb_selection *s, uint32_t source, int64_t time, int64_t end, const tb_rule *rule, int64_t *next);

/* -- Samples in hand ---------------------------------------------------------------------------------------------------- */

/* First place with at least this arrival number. */
uint64_t tb_place_of(const tb_selection *s, uint64_t arrival);
/* First of the places [first, high) that is later than `time`; the samples have to be in order. */
uint64_t tb_first_later(const tb_selection *s, uint64_t high, int64_t time);

#endif
