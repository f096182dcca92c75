#ifndef TB_PLAN_INTERNAL_H
#define TB_PLAN_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "../import/importer_internal.h"
#include "../platform/platform.h"
#include "fixed_point.h"
#include "plan.h"

/* What a packed instruction becomes: addresses instead of numbers, and one kind for each way to do it. */
typedef enum {
  DO_ACCESS,       /* function(instance, vrs, n, values): get or set of FMI 1.0 and 2.0; clocks */
  DO_TURN,         /* DO_ACCESS, DO_STEP_2 and DO_ACCESS, which stand one behind the other */
  DO_ACCESS_ARRAY, /* function(instance, vrs, n, values, n_values): of FMI 3.0 */
  DO_GET_TEXTS,    /* pointers of the FMU's, which are copied */
  DO_GET_BYTES,
  DO_SET_BYTES,
  DO_SET_CLOCKS,   /* those that tick; others must not be set */
  DO_STEP_GET,     /* DO_STEP_2 and DO_ACCESS, one behind the other */
  DO_STEP_2,       /* fmi2DoStep, called directly */
  DO_STEP,
  DO_BEGIN,        /* a step of an isolated component, which goes on by itself */
  DO_AWAIT,        /* its end */
  DO_MOVE_8,       /* one value of 8 bytes */
  DO_MOVE,         /* as they are */
  DO_CONVERT,
  DO_MOVE_TEXTS,
  DO_TABLE,
  DO_SUM,
  DO_EVERY,
  DO_LOOP,
  DO_PATCH,
  DO_WHEN
} tb_action;

typedef struct {
  uint16_t action;
  uint8_t storage, storage_to;
  uint32_t n;        /* value references, values, inputs, or instructions */
  uint32_t component;
  uint32_t n_values; /* or every, phase, dimension, patch, loop */
  void *function;
  void *instance; /* the FMU's */
  const void *from; /* vrs, or values */
  void *to;         /* values */
  double factor, offset;
} tb_instruction;

typedef struct {
  int32_t mode;
  uint32_t text;
  double value;
} tb_patch;

typedef struct {
  uint32_t every, room, columns;
  const uint32_t *layout; /* offset and storage of each column */
  uint32_t rows;
  uint64_t *cells;
  uint8_t *texts;
  uint32_t texts_size, texts_room;
} tb_recorder;

typedef struct {
  uint32_t components, n_components; /* in the pool */
  uint32_t watched, n_watched;       /* in the pool */
  uint32_t rounds;
  double tolerance;
  void **states;
  tb_fixed_point point;              /* of the watched values that are real */
  double *used, *came;
  uint32_t n_others;                 /* watched values that are not */
  double *others, *others_before;
} tb_loop;

/* fmi3IntervalQualifier */
enum { TB_INTERVAL_NOT_YET_KNOWN, TB_INTERVAL_UNCHANGED, TB_INTERVAL_CHANGED };

typedef struct {
  uint32_t component, vr;
  tb_timer_kind kind;
  uint8_t *clock; /* in the arena */
  double interval, shift; /* s; interval 0: not known yet */
  bool started, ticking;
  double first; /* s; ticks are at first + k * interval */
  uint64_t ticks;
  double next;  /* s; DBL_MAX: not known, or never */
  double last;  /* s; -DBL_MAX: none yet */
} tb_timer;

typedef struct tb_pool tb_pool;

struct tb_plan {
  tb_plan_spec spec;
  tb_run run;
  const int32_t *calls;
  tb_mutex *lock; /* of what failed */
  uint8_t *arena;
  size_t texts_at, sizes_at; /* offsets in the arena */
  size_t *text_rooms;
  uint32_t *pool;
  tb_instruction *code;
  tb_instance **instances;
  void **scratch; /* for pointers that FMUs give: texts of one call */
  size_t *scratch_sizes;
  bool *event_needed;    /* by component; NULL: none handles events */
  uint32_t *event_every; /* by component: its step in steps of the system, 0: handles no events */
  uint8_t **clocks;      /* output clocks in the arena */
  uint8_t *ticked;       /* whether they did at this communication point */
  uint32_t n_clocks;
  tb_patch *patches;
  tb_recorder *recorders;
  tb_loop *loops;
  uint32_t n_loops;
  tb_timer *timers;
  uint32_t n_timers;
  struct {
    void **states;
    uint8_t *numbers;
    uint8_t *texts; /* all, one after the other */
    size_t *text_sizes;
    size_t texts_room;
    tb_timer *timers;
    bool *event_needed;
    double next_event;
  } saved[TB_SAVED_PLACES];
  tb_component_times *times;
  tb_plan_times own_times;
  tb_pool *pool_of_threads;
  uint64_t countdown, stride, random; /* to the next timed step */
  bool profile_all;
  bool records; /* some recorder makes rows */
};

/* execute.c: [begin, end); 0 or a tb_run_end */
int tb_execute(tb_plan *plan, const tb_instruction *begin, const tb_instruction *end);
/* The same, with the time of each instruction noted; what is not an FMU's goes to `overhead_ns`. */
int tb_execute_timed(tb_plan *plan, const tb_instruction *begin, const tb_instruction *end, uint64_t *overhead_ns);
/* Notes what failed; answers TB_RUN_FAILED, or 0 for a warning, which is counted. */
int tb_failed(tb_plan *plan, uint32_t component, int status, const char *function);

/* values.c */
void tb_convert(const tb_instruction *at);
void tb_replace(const tb_instruction *at, const uint32_t *table);
bool tb_copy_text(tb_plan *plan, void *slot, const char *text, size_t size);
void tb_apply_patch(tb_plan *plan, const tb_instruction *at);
static inline size_t *tb_size_of_text(tb_plan *plan, const void *slot) {
  size_t at = (size_t)((const uint8_t *)slot - plan->arena) - plan->texts_at;
  return (size_t *)(void *)(plan->arena + plan->sizes_at + at / sizeof(void *) * sizeof(size_t));
}

/* loop.c; `overhead_ns`: as of tb_execute_timed, NULL: not timed */
int tb_run_loop(tb_plan *plan, const tb_instruction *at, uint64_t *overhead_ns);

/* events.c */
int tb_step_with_events(tb_plan *plan, const tb_instruction *at);
/* An isolated component's. `took_ns`: by the FMU. */
int tb_begin_step(tb_plan *plan, const tb_instruction *at);
int tb_end_step(tb_plan *plan, const tb_instruction *at, uint64_t *took_ns);
/* fmi2DoStep answered that the step is pending. */
int tb_await_step(tb_plan *plan, const tb_instruction *at);
bool tb_events_due(tb_plan *plan);
int tb_handle_events(tb_plan *plan, bool entered);

/* threads.c: the stages of a step, the groups of each at the same time */
tb_pool *tb_pool_create(tb_plan *plan);
void tb_pool_destroy(tb_pool *pool);
int tb_pool_run_step(tb_pool *pool, bool timed);

static inline bool tb_is_text_storage(unsigned storage) { return storage == TB_TEXT || storage == TB_BYTES; }

static inline unsigned tb_bucket(uint64_t ns) {
  if (ns < 8) return (unsigned)ns;
  if (ns > INT32_MAX) ns = INT32_MAX;
  unsigned exponent = 0;
  for (uint64_t rest = ns; rest > 1; rest >>= 1) exponent++;
  return (exponent - 2) * 8 + (unsigned)((ns >> (exponent - 3)) & 7);
}

#endif
