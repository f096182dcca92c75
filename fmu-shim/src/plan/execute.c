/* The instructions, one after the other; and the loop over communication steps. */
#include "fmi2.h"
#include "plan_internal.h"

int tb_failed(tb_plan *plan, uint32_t component, int status, const char *function) {
  tb_lock(plan->lock); /* several threads may fail at once: the first tells */
  const bool warning = status == fmi2Warning;
  if (warning) {
    plan->run.warnings++;
  } else if (plan->run.failed_function == NULL) {
    plan->run.failed_component = (int32_t)component;
    plan->run.failed_status = status;
    plan->run.failed_function = function;
  }
  tb_unlock(plan->lock);
  return warning ? 0 : TB_RUN_FAILED;
}

static const char *name_of(const tb_plan *plan, const tb_instruction *at) {
  const tb_accessor *accessor = &plan->instances[at->component]->library->accessors[at->storage];
  const char *name = at->function == accessor->get ? accessor->get_name : accessor->set_name;
  return name == NULL ? "a function that the library does not export" : name;
}

static int get_texts(tb_plan *plan, const tb_instruction *at) {
  /* Each text has its own place among them: several threads may be here. */
  const size_t first = ((size_t)((uint8_t *)at->to - plan->arena) - plan->texts_at) / sizeof(void *);
  void **pointers = plan->scratch + first;
  size_t *sizes = plan->scratch_sizes + first;
  int status;
  if (at->action == DO_GET_BYTES) {
    tb_access_bytes *get = (tb_access_bytes *)at->function;
    status = get(at->instance, at->from, at->n, sizes, pointers, at->n_values);
  } else if (plan->instances[at->component]->library->fmi == TB_FMI3) {
    tb_access_array *get = (tb_access_array *)at->function;
    status = get(at->instance, at->from, at->n, pointers, at->n_values);
  } else {
    tb_access *get = (tb_access *)at->function;
    status = get(at->instance, at->from, at->n, pointers);
  }
  if (status != 0 && tb_failed(plan, at->component, status, name_of(plan, at))) return TB_RUN_FAILED;
  for (uint32_t k = 0; k < at->n_values; k++) {
    const char *text = pointers[k] == NULL ? "" : pointers[k];
    size_t size = at->action == DO_GET_BYTES ? (pointers[k] == NULL ? 0 : sizes[k]) : strlen(text);
    if (!tb_copy_text(plan, (void **)at->to + k, text, size)) return TB_RUN_NO_MEMORY;
  }
  return 0;
}

static int set_clocks(tb_plan *plan, const tb_instruction *at) {
  const uint32_t *vrs = at->from;
  const uint8_t *ticks = at->to;
  for (uint32_t k = 0; k < at->n; k++) {
    if (!ticks[k]) continue;
    tb_access *set = (tb_access *)at->function;
    int status = set(at->instance, vrs + k, 1, (void *)(ticks + k));
    if (status != 0 && tb_failed(plan, at->component, status, name_of(plan, at))) return TB_RUN_FAILED;
  }
  return 0;
}

static int move_texts(tb_plan *plan, const tb_instruction *at) {
  char *const *from = at->from;
  for (uint32_t k = 0; k < at->n; k++) {
    if (!tb_copy_text(plan, (void **)at->to + k, from[k], *tb_size_of_text(plan, from + k))) return TB_RUN_NO_MEMORY;
  }
  return 0;
}

static void sum(const tb_instruction *at) {
  const double *inputs = at->from;
  double *outputs = at->to;
  const uint32_t dimension = at->n_values;
  for (uint32_t element = 0; element < dimension; element++) {
    double total = 0;
    for (uint32_t input = 0; input < at->n; input++) total += inputs[input * dimension + element];
    outputs[element] = at->factor * total + at->offset;
  }
}

#define ACCESS_STATUS(call)                                                                             \
  do {                                                                                                  \
    int status = (call);                                                                                \
    if (__builtin_expect(status != 0, 0) && tb_failed(plan, at->component, status, name_of(plan, at))) \
      return TB_RUN_FAILED;                                                                             \
  } while (0)

/* A pending step is waited for where all kinds of steps are made. */
#define STEP_STATUS(call)                                                                          \
  do {                                                                                             \
    int status = (int)(call);                                                                      \
    if (__builtin_expect(status != 0, 0)) {                                                        \
      ended = status == fmi2Pending ? tb_await_step(plan, at) : tb_failed(plan, at->component, status, "fmi2DoStep"); \
      if (ended != 0) return ended;                                                                \
    }                                                                                              \
  } while (0)

static void note_step(tb_component_times *times, uint64_t took_ns) {
  times->steps++;
  times->step_ns += took_ns;
  if (took_ns > times->max_ns) times->max_ns = took_ns;
  times->histogram[tb_bucket(took_ns)]++;
}

static inline __attribute__((always_inline)) int execute(tb_plan *plan, const tb_instruction *at,
                                                         const tb_instruction *end, const bool timed, uint64_t *overhead_ns) {
  int64_t before = timed ? tb_monotonic_ns() : 0;
  for (; at < end; at++) {
    const tb_instruction *const now = at;
    int ended = 0;
    uint64_t elsewhere_ns = 0; /* by an FMU in another process */
    switch ((tb_action)at->action) {
      case DO_ACCESS:
        ACCESS_STATUS(((tb_access *)at->function)(at->instance, at->from, at->n, at->to));
        break;
      case DO_TURN: /* this one and the two behind it: set, step, get */
        ACCESS_STATUS(((tb_access *)at->function)(at->instance, at->from, at->n, at->to));
        if (timed) break;
        at++;
        STEP_STATUS(((fmi2DoStepTYPE *)at->function)(at->instance, plan->run.time, plan->run.size * at->factor,
                                                     (int)at->n_values));
        at++;
        ACCESS_STATUS(((tb_access *)at->function)(at->instance, at->from, at->n, at->to));
        break;
      case DO_STEP_GET: /* this one and the one behind it */
        STEP_STATUS(((fmi2DoStepTYPE *)at->function)(at->instance, plan->run.time, plan->run.size * at->factor,
                                                     (int)at->n_values));
        if (timed) break;
        at++;
        ACCESS_STATUS(((tb_access *)at->function)(at->instance, at->from, at->n, at->to));
        break;
      case DO_ACCESS_ARRAY:
        ACCESS_STATUS(((tb_access_array *)at->function)(at->instance, at->from, at->n, at->to, at->n_values));
        break;
      case DO_STEP_2:
        STEP_STATUS(((fmi2DoStepTYPE *)at->function)(at->instance, plan->run.time, plan->run.size * at->factor,
                                                     (int)at->n_values));
        break;
      case DO_STEP: ended = tb_step_with_events(plan, at); break;
      case DO_BEGIN: ended = tb_begin_step(plan, at); break;
      case DO_AWAIT: ended = tb_end_step(plan, at, &elsewhere_ns); break;
      case DO_MOVE_8: *(uint64_t *)at->to = *(const uint64_t *)at->from; break;
      case DO_MOVE: memcpy(at->to, at->from, at->n); break;
      case DO_CONVERT: tb_convert(at); break;
      case DO_GET_TEXTS:
      case DO_GET_BYTES: ended = get_texts(plan, at); break;
      case DO_SET_BYTES: {
        tb_access_bytes *set = (tb_access_bytes *)at->function;
        ACCESS_STATUS(set(at->instance, at->from, at->n, tb_size_of_text(plan, at->to), at->to, at->n_values));
        break;
      }
      case DO_SET_CLOCKS: ended = set_clocks(plan, at); break;
      case DO_MOVE_TEXTS: ended = move_texts(plan, at); break;
      case DO_TABLE: tb_replace(at, plan->pool + at->n_values); break;
      case DO_SUM: sum(at); break;
      case DO_PATCH: tb_apply_patch(plan, at); break;
      case DO_EVERY:
        if (plan->run.step % at->component != at->n_values) at += at->n;
        break;
      case DO_WHEN:
        if (*(const uint8_t *)at->from == 0) at += at->n;
        break;
      case DO_LOOP:
        ended = tb_run_loop(plan, at, timed ? overhead_ns : NULL);
        at += at->n;
        break;
    }
    if (__builtin_expect(ended != 0, 0)) return ended;
    if (timed) {
      int64_t after = tb_monotonic_ns();
      uint64_t took = (uint64_t)(after - before);
      before = after;
      if (now->action == DO_STEP_2 || now->action == DO_STEP_GET || now->action == DO_STEP) {
        note_step(&plan->times[now->component], took);
      } else if (now->action == DO_AWAIT) { /* what it waited for beyond the step itself is the way there and back */
        note_step(&plan->times[now->component], elsewhere_ns);
        plan->times[now->component].access_ns += took > elsewhere_ns ? took - elsewhere_ns : 0;
      } else if (now->action <= DO_SET_CLOCKS || now->action == DO_BEGIN) {
        plan->times[now->component].access_ns += took;
      } else if (now->action != DO_LOOP) { /* whose body was timed */
        *overhead_ns += took;
      }
    }
  }
  return 0;
}

int tb_execute(tb_plan *plan, const tb_instruction *begin, const tb_instruction *end) {
  return execute(plan, begin, end, false, NULL);
}

int tb_execute_timed(tb_plan *plan, const tb_instruction *begin, const tb_instruction *end, uint64_t *overhead_ns) {
  return execute(plan, begin, end, true, overhead_ns);
}

int tb_plan_execute(tb_plan *plan, uint32_t begin, uint32_t end) {
  return tb_execute(plan, plan->code + begin, plan->code + end);
}

/* -- Which steps are timed: so many that it costs less than a hundredth, at random distances ------------------------------ */

/* What reading the clock costs, ns; on the machines of today. */
enum { CLOCK_NS = 25, MAX_STRIDE = 4096 };

static uint64_t next_random(tb_plan *plan) { /* xorshift64 */
  uint64_t x = plan->random;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return plan->random = x;
}

static void choose_stride(tb_plan *plan, int64_t took_ns) {
  uint64_t cost = (uint64_t)CLOCK_NS * (plan->spec.code_end + 1);
  uint64_t own = took_ns > (int64_t)cost ? (uint64_t)took_ns - cost : 1;
  uint64_t stride = 1 + 100 * cost / (own + 1);
  plan->stride = stride > MAX_STRIDE ? MAX_STRIDE : stride;
}

void tb_plan_profile(tb_plan *plan, int all) { plan->profile_all = all != 0; }
const tb_component_times *tb_plan_component_times(tb_plan *plan) { return plan->times; }
const tb_plan_times *tb_plan_own_times(tb_plan *plan) { return &plan->own_times; }

/* -- Steps ---------------------------------------------------------------------------------------------------------------- */

/* FMUs may log from threads of their own, which look what time it is. */
static void set_time(tb_run *run, double time) {
  uint64_t bits;
  memcpy(&bits, &time, sizeof bits);
  __atomic_store_n((uint64_t *)(void *)&run->time, bits, __ATOMIC_RELAXED);
}

static bool wants_attention(tb_run *run) { return __atomic_load_n(&run->attention, __ATOMIC_RELAXED) != 0; }

static bool is_called(const tb_plan *plan) {
  return __atomic_load_n(plan->calls, __ATOMIC_RELAXED) != plan->run.calls_seen;
}

void tb_plan_watch(tb_plan *plan, const int32_t *calls) { plan->calls = calls; }

static double time_of(const tb_run *run, uint64_t step) { return run->origin + (double)(step - run->first) * run->size; }

/* What a communication point may have to offer beside the next step. */
static int at_communication_point(tb_plan *plan) {
  if (plan->event_needed != NULL && tb_events_due(plan)) {
    int ended = tb_handle_events(plan, false);
    if (ended != 0) return ended;
  }
  return plan->records && !plan->run.quiet ? tb_plan_record(plan) : 0;
}

/* As many steps as nobody needs to look at the clock for. */
static int steps(tb_plan *plan, uint64_t n) {
  tb_run *run = &plan->run;
  const tb_instruction *begin = plan->code, *end = begin + plan->spec.code_end;
  const bool watchful = plan->event_needed != NULL || plan->records;
  while (n-- > 0) {
    int ended = plan->pool_of_threads != NULL ? tb_pool_run_step(plan->pool_of_threads, false)
                                              : execute(plan, begin, end, false, NULL);
    if (__builtin_expect(ended != 0, 0)) return ended;
    set_time(run, time_of(run, ++run->step));
    if (watchful) ended = at_communication_point(plan);
    if (__builtin_expect(ended != 0, 0)) return ended;
    if (__builtin_expect(wants_attention(run) || is_called(plan), 0)) return 0;
  }
  return 0;
}

static int timed_step(tb_plan *plan) {
  int64_t before = tb_monotonic_ns();
  const tb_instruction *begin = plan->code;
  int ended = plan->pool_of_threads != NULL
                  ? tb_pool_run_step(plan->pool_of_threads, true)
                  : tb_execute_timed(plan, begin, begin + plan->spec.code_end, &plan->own_times.overhead_ns);
  plan->own_times.timed_steps++;
  choose_stride(plan, tb_monotonic_ns() - before);
  if (ended != 0) return ended;
  set_time(&plan->run, time_of(&plan->run, ++plan->run.step));
  return at_communication_point(plan);
}

/* The clock is looked at as often as it takes to be on time within some ten microseconds. */
enum { MAX_UNLOOKED = 1024 };

int tb_plan_run(tb_plan *plan) {
  tb_run *run = &plan->run;
  uint64_t unlooked = 1;
  int64_t looked_ns = tb_monotonic_ns();
  run->end = TB_RUN_DONE;
  run->failed_function = NULL;
  for (uint32_t r = 0; r < plan->spec.n_recorders && !run->quiet; r++)
    if (plan->recorders[r].rows == plan->recorders[r].room) return run->end = TB_RUN_ROWS_FULL;
  if (run->step < run->until) set_time(run, time_of(run, run->step));
  while (run->step < run->until) {
    int ended;
    if (plan->profile_all || plan->countdown <= 1) {
      ended = timed_step(plan);
      plan->countdown = 1 + next_random(plan) % (2 * plan->stride - 1);
    } else {
      uint64_t n = run->until - run->step;
      if (n > unlooked) n = unlooked;
      if (n > plan->countdown - 1) n = plan->countdown - 1;
      uint64_t first = run->step;
      ended = steps(plan, n);
      plan->countdown -= run->step - first;
    }
    if (ended != 0) return run->end = ended;
    if (wants_attention(run)) {
      __atomic_store_n(&run->attention, 0, __ATOMIC_RELAXED);
      return run->end = TB_RUN_ATTENTION;
    }
    if (is_called(plan)) return run->end = run->step < run->until ? TB_RUN_DEADLINE : TB_RUN_DONE;
    if (run->deadline_ns == 0) continue;
    int64_t now = tb_monotonic_ns();
    if (now >= run->deadline_ns) return run->end = run->step < run->until ? TB_RUN_DEADLINE : TB_RUN_DONE;
    if (now - looked_ns < 20000 && unlooked < MAX_UNLOOKED) unlooked *= 2;
    else if (now - looked_ns > 1000000) unlooked = 1;
    else if (now - looked_ns > 100000 && unlooked > 1) unlooked /= 2;
    looked_ns = now;
  }
  return run->end;
}
