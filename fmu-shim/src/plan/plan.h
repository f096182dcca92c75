/*
 * The executor of step plans: a co-simulation compiled to a list of instructions over one arena of values, so that a
 * communication step costs what its FMUs cost.
 *
 * The compiler (src/master/plan in TypeScript) decides everything: where values lie, in what order components are set,
 * stepped and read, what is converted, what is repeated. Here instructions are carried out one after the other. A plan
 * allocates when it is created, and while it runs only where a text grows longer than any before.
 *
 * A plan belongs to one thread at a time. It does not own its instances.
 */
#ifndef TB_PLAN_H
#define TB_PLAN_H

#include <stdint.h>

#include "../import/importer.h"
#include "tb_api.h"

/* -- The packed form, as the compiler writes it (src/native/plan.ts: the same numbers) ------------------------------- */

typedef enum {
  TB_OP_SET,   /* component; a: vrs in the pool, b: their number, c: values in the arena, d: their number, e: storage */
  TB_OP_GET,   /* the same */
  TB_OP_STEP,  /* component; a: steps of the system that it takes in one */
  TB_OP_MOVE,  /* a: from, b: to, c: number, d: storage of from, e: of to; TB_SCALED: to = factor * from + offset */
  TB_OP_SUM,   /* a: from (inputs * dimension doubles), b: inputs, c: dimension, d: to; to = factor * sum + offset */
  TB_OP_EVERY, /* a: period, b: phase, c: how many instructions are left out when step % period != phase */
  TB_OP_LOOP,  /* a: how many instructions are repeated, b: components in the pool, c: their number, d: watched values in
                  the pool (offset, number, storage each), e: their number, f: rounds at most; factor: tolerance */
  TB_OP_PATCH, /* a: value in the arena, b: storage, c: number of the patch */
  TB_OP_TABLE, /* as TB_OP_MOVE, not scaled; f: in the pool the number of pairs, then each as two doubles: values that
                  are replaced on the way */
  TB_OP_WHEN,  /* a: clock in the arena, c: how many instructions are left out when it does not tick */
  TB_OP_BEGIN, /* component, isolated; a: as TB_OP_STEP, which it begins */
  TB_OP_AWAIT, /* component, isolated; a: as TB_OP_BEGIN, whose end it waits for */
  TB_OPS
} tb_op;

enum { TB_SCALED = 1 };

typedef struct {
  uint16_t op, flags;
  uint32_t component;
  uint32_t a, b, c, d, e, f;
  double factor, offset;
} tb_packed_instruction; /* 48 bytes */

typedef struct {
  uint32_t arena_size;   /* bytes of numbers; behind them come n_texts pointers and n_texts sizes */
  uint32_t n_texts;      /* texts and byte strings */
  uint32_t n_components;
  uint32_t n_instructions;
  uint32_t n_pool;
  uint32_t n_patches;
  uint32_t n_stages;     /* in the pool at `stages`: number of groups, then begin and end of each, stage by stage */
  uint32_t stages;
  uint32_t n_recorders;  /* in the pool at `recorders`: every (0: never), rows, number of columns, then offset and storage of each */
  uint32_t recorders;
  uint32_t threads;
  uint32_t may_go_back;  /* states from before a step may be set after it */
  uint32_t code_end;     /* instructions of a step: [0, code_end); those of the stages make the same step */
  uint32_t event_begin, event_end; /* exchanged in event mode, until nothing changes */
  uint32_t after_begin, after_end; /* after an event */
  uint32_t event_components;       /* in the pool: number, then each component and its step in steps of the system */
  uint32_t timers;                 /* in the pool: number, then component, value reference, clock in the arena, kind
                                      (tb_timer_kind), interval and shift as doubles; interval 0: the FMU is asked */
  uint32_t clocks;                 /* in the pool: number, then output clocks in the arena */
  uint32_t always_events;          /* at every communication point, since discrete inputs may have changed */
} tb_plan_spec;

/* Clocks that tick by themselves, by intervalVariability (FMI 3.0.2, section 2.2.9.1). */
typedef enum { TB_TIMER_CONSTANT, TB_TIMER_FIXED, TB_TIMER_TUNABLE, TB_TIMER_CHANGING, TB_TIMER_COUNTDOWN } tb_timer_kind;

/* -- A run ---------------------------------------------------------------------------------------------------------- */

typedef enum {
  TB_RUN_DONE,       /* the number of steps asked for was made */
  TB_RUN_DEADLINE,   /* the time for this call is over, or somebody calls (tb_plan_watch) */
  TB_RUN_ATTENTION,  /* an FMU said something */
  TB_RUN_ROWS_FULL,  /* a recorder has no room for another row */
  TB_RUN_FAILED,     /* a function answered worse than Warning: see failed_… */
  TB_RUN_TERMINATED, /* an FMU (failed_component) asks to end the simulation */
  TB_RUN_UNSETTLED,  /* an algebraic loop (failed_component: its number) did not settle */
  TB_RUN_NO_MEMORY,
  TB_RUN_ENDLESS_EVENT /* the event of a component (failed_component) needs round after round */
} tb_run_end;

/* Shared with the caller, who writes the first part before a call and reads the second after it. */
typedef struct {
  double origin;        /* s; the communication point where step `first` begins */
  double size;          /* s; communication step size */
  uint64_t first;
  uint64_t until;       /* number of steps to be reached */
  int64_t deadline_ns;  /* monotonic; 0: none */

  uint64_t step;        /* steps made since the beginning */
  double time;          /* s; the present communication point, or the begin of the step under way */
  double next_event;    /* s; when an FMU wants to be in event mode next; DBL_MAX: none */
  volatile int32_t attention;
  int32_t end;          /* tb_run_end */
  int32_t failed_component, failed_status;
  const char *failed_function;
  uint64_t warnings;    /* calls that answered Warning */
  int32_t quiet;        /* of the caller: rows are not recorded: steps may be undone */
  int32_t calls_seen;   /* of the caller: see tb_plan_watch */
} tb_run;

typedef struct tb_plan tb_plan;

/* Instances by component. NULL: there is no memory. */
TB_API tb_plan *tb_plan_create(const uint8_t *spec, const uint8_t *instructions, const uint32_t *pool,
                               const uint64_t *instances);
TB_API void tb_plan_destroy(tb_plan *plan);

TB_API tb_run *tb_plan_control(tb_plan *plan);
TB_API uint8_t *tb_plan_arena(tb_plan *plan);

/*
 * A word of memory that other threads write: a run comes back after the present step when it is not run.calls_seen. So,
 * however long a step may take, nobody waits for more than one.
 */
TB_API void tb_plan_watch(tb_plan *plan, const int32_t *calls);

/* Makes steps until one of the reasons to return; answers which, as in tb_run.end. */
TB_API int tb_plan_run(tb_plan *plan);

/* Carries out instructions [begin, end) once, at the present communication point: 0, or as tb_plan_run. */
TB_API int tb_plan_execute(tb_plan *plan, uint32_t begin, uint32_t end);

/* Event mode of FMI 3.0 at the present communication point, after the initialisation: 0, or as tb_plan_run. */
TB_API int tb_plan_events(tb_plan *plan, int entered);

/* The text or bytes at a place among the texts: copied. false: there is no memory. */
TB_API int tb_plan_put_text(tb_plan *plan, uint32_t text, const uint8_t *bytes, uint32_t size);

/* mode: 0 off, 1 override, 2 bias. Texts are put with tb_plan_put_text at `text` and overridden with it. */
TB_API void tb_plan_patch(tb_plan *plan, uint32_t patch, int mode, double value, uint32_t text);

/* -- Going back: all states and values, in one of four places --------------------------------------------------------- */

enum { TB_SAVED_PLACES = 4 };
TB_API int tb_plan_save(tb_plan *plan, uint32_t place);
TB_API int tb_plan_restore(tb_plan *plan, uint32_t place);

/* -- Results: rows as src/master/results/rows.ts describes them --------------------------------------------------------- */

/* A row of every recorder that is due at the present communication point. */
TB_API int tb_plan_record(tb_plan *plan);
/* Cells of the rows; their number, and the texts with their size. The rows are then given up. */
TB_API uint64_t tb_plan_take_rows(tb_plan *plan, uint32_t recorder, uint32_t *rows, uint64_t *texts, uint32_t *texts_size);

/* -- Where the time goes ------------------------------------------------------------------------------------------------ */

enum { TB_BUCKETS = 256 };

/* Of the steps that were timed; durations in ns. */
typedef struct {
  uint64_t steps, step_ns, max_ns; /* doStep */
  uint64_t access_ns;              /* get and set */
  uint32_t histogram[TB_BUCKETS];  /* of doStep: linear to 8 ns, then 8 buckets a doubling */
} tb_component_times;

typedef struct {
  uint64_t timed_steps;   /* of the system */
  uint64_t overhead_ns;   /* all but calls of FMUs */
  uint64_t recording_ns;
} tb_plan_times;

/* How many components' times there are is known from the spec. */
TB_API const tb_component_times *tb_plan_component_times(tb_plan *plan);
TB_API const tb_plan_times *tb_plan_own_times(tb_plan *plan);
/* 1: every step is timed; 0: as many as cost less than a hundredth of the run. */
TB_API void tb_plan_profile(tb_plan *plan, int all);

#endif
