/*
 * A step in stages: the groups of a stage may run at the same time, each stage begins when the one before is over.
 *
 * Handing a stage over to other threads and waiting for them costs some 10 us, more than most FMUs take for a step, and
 * on a busy machine the others may come late. So both ways are tried, again and again for a few steps: all in the caller's
 * thread, which tells what each group costs, and shared out so that all threads are done at about the same time. The
 * faster one goes on for the next thousand steps. What is fast stays fast, whatever the number of threads.
 */
#include "../platform/monitor.h"
#include "plan_internal.h"

/* ns; a stage that would save less is not worth the hand-over. */
enum { WORTHWHILE_NS = 20000 };
/* How often a thread looks before it sleeps: about 2 us. */
enum { LOOKS = 100 };
/* Steps of a trial, and between two. */
enum { TRIAL_STEPS = 8, STEADY_STEPS = 1000 };

typedef struct {
  const tb_instruction *begin, *end;
  uint32_t thread;   /* that does it */
  double cost_ns;    /* smoothed */
} group;

typedef struct {
  group *groups;
  uint32_t n_groups;
  uint32_t *by_cost; /* numbers of groups, dearest first */
  bool parallel;
} stage;

typedef struct {
  tb_pool *pool;
  tb_thread *thread;
  uint32_t number;
  uint64_t overhead_ns;
} worker;

struct tb_pool {
  tb_plan *plan;
  stage *stages;
  uint32_t n_stages;
  group *groups;
  uint32_t *by_cost;
  worker *workers;      /* 0: the caller */
  uint32_t n_threads;
  tb_monitor *monitor;
  _Atomic uint64_t turn; /* stages handed over; the low bit is not used */
  _Atomic uint32_t working, sleeping;
  _Atomic int ended;
  _Atomic bool quit, caller_sleeps;
  const stage *current;
  bool timed;
  enum { TRY_SERIAL, TRY_PARALLEL, STEADY } phase;
  bool parallel; /* the way that goes on */
  uint32_t steps_of_phase;
  int64_t serial_ns, parallel_ns; /* of a trial */
};

static int run_group(tb_pool *pool, group *g, bool timed, uint64_t *overhead_ns) {
  int64_t before = tb_monotonic_ns();
  int ended = timed ? tb_execute_timed(pool->plan, g->begin, g->end, overhead_ns) : tb_execute(pool->plan, g->begin, g->end);
  double took = (double)(tb_monotonic_ns() - before);
  g->cost_ns += (took - g->cost_ns) * (g->cost_ns == 0 ? 1 : 0.1);
  return ended;
}

static void run_share(tb_pool *pool, worker *w) {
  const stage *s = pool->current;
  for (uint32_t k = 0; k < s->n_groups; k++) {
    if (s->groups[k].thread != w->number) continue;
    int ended = run_group(pool, &s->groups[k], pool->timed, &w->overhead_ns);
    if (ended != 0) atomic_store(&pool->ended, ended);
  }
}

/* -- The threads ---------------------------------------------------------------------------------------------------------- */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static bool await_turn(tb_pool *pool, uint64_t seen) {
  for (int look = 0; look < LOOKS; look++) {
    if (atomic_load(&pool->turn) != seen || atomic_load(&pool->quit)) return !atomic_load(&pool->quit);
    relax();
  }
  tb_monitor_enter(pool->monitor);
  atomic_fetch_add(&pool->sleeping, 1);
  while (atomic_load(&pool->turn) == seen && !atomic_load(&pool->quit)) tb_monitor_wait(pool->monitor);
  atomic_fetch_sub(&pool->sleeping, 1);
  tb_monitor_leave(pool->monitor);
  return !atomic_load(&pool->quit);
}

static void work(void *argument) {
  worker *w = argument;
  tb_pool *pool = w->pool;
  for (uint64_t seen = 0; await_turn(pool, seen);) {
    seen = atomic_load(&pool->turn);
    run_share(pool, w);
    if (atomic_fetch_sub(&pool->working, 1) != 1 || !atomic_load(&pool->caller_sleeps)) continue;
    tb_monitor_enter(pool->monitor);
    tb_monitor_wake(pool->monitor);
    tb_monitor_leave(pool->monitor);
  }
}

static void await_others(tb_pool *pool) {
  for (int look = 0; look < LOOKS; look++) {
    if (atomic_load(&pool->working) == 0) return;
    relax();
  }
  tb_monitor_enter(pool->monitor);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->working) != 0) tb_monitor_wait(pool->monitor);
  atomic_store(&pool->caller_sleeps, false);
  tb_monitor_leave(pool->monitor);
}

static int run_in_parallel(tb_pool *pool, const stage *s, bool timed) {
  pool->current = s;
  pool->timed = timed;
  atomic_store(&pool->ended, 0);
  atomic_store(&pool->working, pool->n_threads - 1);
  atomic_fetch_add(&pool->turn, 1);
  if (atomic_load(&pool->sleeping) > 0) {
    tb_monitor_enter(pool->monitor);
    tb_monitor_wake(pool->monitor);
    tb_monitor_leave(pool->monitor);
  }
  run_share(pool, &pool->workers[0]);
  await_others(pool);
  return atomic_load(&pool->ended);
}

/* -- Sharing out: the dearest group first, each to the thread that has least ------------------------------------------------ */

static void share_out(tb_pool *pool, stage *s) {
  for (uint32_t k = 1; k < s->n_groups; k++) { /* nearly in order already */
    uint32_t moving = s->by_cost[k], at = k;
    for (; at > 0 && s->groups[s->by_cost[at - 1]].cost_ns < s->groups[moving].cost_ns; at--)
      s->by_cost[at] = s->by_cost[at - 1];
    s->by_cost[at] = moving;
  }
  double total = 0, most = 0, load[64] = {0};
  for (uint32_t k = 0; k < s->n_groups; k++) {
    group *g = &s->groups[s->by_cost[k]];
    uint32_t least = 0;
    for (uint32_t t = 1; t < pool->n_threads; t++)
      if (load[t] < load[least]) least = t;
    g->thread = least;
    load[least] += g->cost_ns;
    total += g->cost_ns;
  }
  for (uint32_t t = 0; t < pool->n_threads; t++)
    if (load[t] > most) most = load[t];
  s->parallel = total - most > WORTHWHILE_NS;
}

/* Stages that are not worth a hand-over are done by the caller. */
static int run_stages(tb_pool *pool, bool parallel, bool timed) {
  for (uint32_t k = 0; k < pool->n_stages; k++) {
    stage *s = &pool->stages[k];
    int ended = 0;
    if (parallel && s->parallel) {
      ended = run_in_parallel(pool, s, timed);
    } else {
      for (uint32_t g = 0; g < s->n_groups && ended == 0; g++)
        ended = run_group(pool, &s->groups[g], timed, &pool->workers[0].overhead_ns);
    }
    if (ended != 0) return ended;
  }
  return 0;
}

static void next_phase(tb_pool *pool) {
  pool->steps_of_phase = 0;
  if (pool->phase == STEADY) {
    pool->phase = TRY_SERIAL;
    pool->serial_ns = pool->parallel_ns = 0;
  } else if (pool->phase == TRY_SERIAL) {
    bool any = false;
    for (uint32_t k = 0; k < pool->n_stages; k++) {
      share_out(pool, &pool->stages[k]);
      any = any || pool->stages[k].parallel;
    }
    pool->parallel = false;
    pool->phase = any ? TRY_PARALLEL : STEADY;
  } else {
    pool->parallel = pool->parallel_ns < pool->serial_ns;
    pool->phase = STEADY;
  }
}

int tb_pool_run_step(tb_pool *pool, bool timed) {
  tb_plan *plan = pool->plan;
  int ended;
  if (pool->phase == STEADY && !pool->parallel) {
    const tb_instruction *begin = plan->code, *end = begin + plan->spec.code_end;
    ended = timed ? tb_execute_timed(plan, begin, end, &pool->workers[0].overhead_ns) : tb_execute(plan, begin, end);
  } else if (pool->phase == STEADY) {
    ended = run_stages(pool, true, timed);
  } else {
    int64_t before = tb_monotonic_ns();
    ended = run_stages(pool, pool->phase == TRY_PARALLEL, timed);
    *(pool->phase == TRY_PARALLEL ? &pool->parallel_ns : &pool->serial_ns) += tb_monotonic_ns() - before;
  }
  if (++pool->steps_of_phase == (pool->phase == STEADY ? STEADY_STEPS : TRIAL_STEPS)) next_phase(pool);
  for (uint32_t t = 0; timed && t < pool->n_threads; t++) {
    plan->own_times.overhead_ns += pool->workers[t].overhead_ns;
    pool->workers[t].overhead_ns = 0;
  }
  return ended;
}

/* -- Life ------------------------------------------------------------------------------------------------------------------ */

static bool lay_out(tb_pool *pool) {
  const tb_plan_spec *spec = &pool->plan->spec;
  const uint32_t *at = pool->plan->pool + spec->stages;
  uint32_t n_groups = 0;
  for (uint32_t s = 0; s < spec->n_stages; s++) {
    n_groups += at[0];
    at += 1 + 2 * at[0];
  }
  pool->n_stages = 0;
  pool->stages = calloc(spec->n_stages + 1, sizeof *pool->stages);
  pool->groups = calloc(n_groups + 1, sizeof *pool->groups);
  pool->by_cost = calloc(n_groups + 1, sizeof *pool->by_cost);
  if (pool->stages == NULL || pool->groups == NULL || pool->by_cost == NULL) return false;
  at = pool->plan->pool + spec->stages;
  uint32_t used = 0;
  for (uint32_t s = 0; s < spec->n_stages; s++) {
    uint32_t n = *at++;
    if (n == 0) continue;
    stage *to = &pool->stages[pool->n_stages++];
    *to = (stage){.groups = pool->groups + used, .n_groups = n, .by_cost = pool->by_cost + used};
    for (uint32_t g = 0; g < n; g++, at += 2) {
      to->groups[g] = (group){.begin = pool->plan->code + at[0], .end = pool->plan->code + at[1]};
      to->by_cost[g] = g;
    }
    used += n;
  }
  return true;
}

tb_pool *tb_pool_create(tb_plan *plan) {
  tb_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return NULL;
  pool->plan = plan;
  pool->n_threads = plan->spec.threads < 64 ? plan->spec.threads : 64;
  pool->monitor = tb_monitor_create();
  pool->workers = calloc(pool->n_threads, sizeof *pool->workers);
  bool ok = pool->monitor != NULL && pool->workers != NULL && lay_out(pool);
  for (uint32_t t = 0; ok && t < pool->n_threads; t++) {
    pool->workers[t] = (worker){.pool = pool, .number = t};
    if (t > 0) ok = (pool->workers[t].thread = tb_thread_start(work, &pool->workers[t])) != NULL;
  }
  if (ok) return pool;
  tb_pool_destroy(pool);
  return NULL;
}

void tb_pool_destroy(tb_pool *pool) {
  if (pool->monitor != NULL) {
    tb_monitor_enter(pool->monitor);
    atomic_store(&pool->quit, true);
    tb_monitor_wake(pool->monitor);
    tb_monitor_leave(pool->monitor);
  }
  for (uint32_t t = 1; pool->workers != NULL && t < pool->n_threads; t++) tb_thread_join(pool->workers[t].thread);
  if (pool->monitor != NULL) tb_monitor_destroy(pool->monitor);
  free(pool->workers);
  free(pool->stages);
  free(pool->groups);
  free(pool->by_cost);
  free(pool);
}
