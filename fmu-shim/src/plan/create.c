/* From the packed form to instructions with addresses. */
#include "../far/far.h"
#include "fmi2.h"
#include "plan_internal.h"

static void *at_offset(const tb_plan *plan, uint32_t offset) { return plan->arena + offset; }

/* In place of a function that the library lacks: 3 is Error in all versions. */
static int not_there(void *component, const uint32_t *vrs, size_t n, void *values) {
  (void)component;
  (void)vrs;
  (void)n;
  (void)values;
  return 3;
}

static void unpack_access(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  tb_instance *instance = plan->instances[from->component];
  const unsigned storage = from->e;
  const bool set = from->op == TB_OP_SET;
  const tb_accessor *accessor = &instance->library->accessors[storage];
  to->function = set ? accessor->set : accessor->get;
  to->instance = instance->component;
  to->from = plan->pool + from->a;
  to->n = from->b;
  to->to = at_offset(plan, from->c);
  to->n_values = from->d;
  to->storage = (uint8_t)storage;
  if (storage == TB_BYTES) to->action = set ? DO_SET_BYTES : DO_GET_BYTES;
  else if (storage == TB_TEXT && !set) to->action = DO_GET_TEXTS;
  else if (storage == TB_CLOCK) to->action = set ? DO_SET_CLOCKS : DO_ACCESS;
  else to->action = instance->library->fmi == TB_FMI3 ? DO_ACCESS_ARRAY : DO_ACCESS;
  if (to->function == NULL) {
    to->action = DO_ACCESS;
    to->function = (void *)not_there;
  }
}

static void unpack_step(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  tb_instance *instance = plan->instances[from->component];
  to->instance = instance->component;
  to->factor = from->a;
  to->n_values = !plan->spec.may_go_back; /* noSetFMUStatePriorToCurrentPoint */
  to->function = tb_fmi2_step_function(instance);
  to->action = to->function != NULL ? DO_STEP_2 : DO_STEP;
}

/* Of an isolated component only: a local step is over when it returns. */
static bool unpack_half_step(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  unpack_step(plan, from, to);
  to->action = from->op == TB_OP_BEGIN ? DO_BEGIN : DO_AWAIT;
  return tb_is_far(plan->instances[from->component]);
}

static void unpack_move(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  to->from = at_offset(plan, from->a);
  to->to = at_offset(plan, from->b);
  to->n = from->c;
  to->storage = (uint8_t)from->d;
  to->storage_to = (uint8_t)from->e;
  const bool scaled = (from->flags & TB_SCALED) != 0;
  to->factor = scaled ? from->factor : 1;
  to->offset = scaled ? from->offset : 0;
  if (tb_is_text_storage(from->d)) {
    to->action = DO_MOVE_TEXTS;
  } else if (scaled || from->d != from->e) {
    to->action = DO_CONVERT;
  } else {
    to->n = from->c * (uint32_t)tb_storage_size(from->d);
    to->action = to->n == 8 ? DO_MOVE_8 : DO_MOVE;
  }
}

static bool unpack_loop(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  tb_loop *loop = &plan->loops[plan->n_loops];
  *loop = (tb_loop){.components = from->b, .n_components = from->c, .watched = from->d, .n_watched = from->e,
                    .rounds = from->f, .tolerance = from->factor};
  uint32_t n_reals = 0;
  for (uint32_t w = 0; w < loop->n_watched; w++) {
    const uint32_t *watched = plan->pool + loop->watched + 3 * w;
    if (watched[2] == TB_F64 || watched[2] == TB_F32) n_reals += watched[1];
    else loop->n_others += watched[1];
  }
  to->action = DO_LOOP;
  to->n = from->a;
  to->n_values = plan->n_loops++;
  loop->states = calloc(loop->n_components + 1, sizeof *loop->states);
  loop->used = calloc(2 * ((size_t)n_reals + loop->n_others) + 1, sizeof *loop->used);
  const bool ok = tb_fixed_point_create(&loop->point, n_reals);
  if (!ok || loop->states == NULL || loop->used == NULL) return false;
  loop->came = loop->used + n_reals;
  loop->others = loop->came + n_reals;
  loop->others_before = loop->others + loop->n_others;
  return true;
}

static bool unpack(tb_plan *plan, const tb_packed_instruction *from, tb_instruction *to) {
  *to = (tb_instruction){.component = from->component, .factor = from->factor, .offset = from->offset};
  switch ((tb_op)from->op) {
    case TB_OP_SET:
    case TB_OP_GET: unpack_access(plan, from, to); break;
    case TB_OP_STEP: unpack_step(plan, from, to); break;
    case TB_OP_BEGIN:
    case TB_OP_AWAIT: return unpack_half_step(plan, from, to);
    case TB_OP_MOVE: unpack_move(plan, from, to); break;
    case TB_OP_SUM:
      to->action = DO_SUM;
      to->from = at_offset(plan, from->a);
      to->n = from->b;
      to->n_values = from->c;
      to->to = at_offset(plan, from->d);
      break;
    case TB_OP_EVERY:
      to->action = DO_EVERY;
      to->component = from->a;
      to->n_values = from->b;
      to->n = from->c;
      break;
    case TB_OP_TABLE:
      unpack_move(plan, from, to);
      to->action = DO_TABLE;
      to->n = from->c;
      to->n_values = from->f;
      break;
    case TB_OP_LOOP: return unpack_loop(plan, from, to);
    case TB_OP_PATCH:
      to->action = DO_PATCH;
      to->to = at_offset(plan, from->a);
      to->storage = (uint8_t)from->b;
      to->n_values = from->c;
      break;
    case TB_OP_WHEN:
      to->action = DO_WHEN;
      to->from = at_offset(plan, from->a);
      to->n = from->c;
      break;
    default: return false;
  }
  return true;
}

/* How many instructions behind `at` may be left out: where these end, another way leads to. */
static uint32_t left_out(const tb_instruction *at) {
  return at->action == DO_EVERY || at->action == DO_WHEN || at->action == DO_LOOP ? at->n : 0;
}

static bool is_get(const tb_plan *plan, const tb_instruction *at) {
  return at->function == plan->instances[at->component]->library->accessors[at->storage].get;
}

/* The usual turn of a component, set, step, get, is done in one: a jump saved is a nanosecond saved. */
static bool join_turns(tb_plan *plan) {
  const uint32_t n = plan->spec.code_end;
  bool *reached = calloc(n + 2, sizeof *reached); /* by a jump, or where a thread begins */
  if (reached == NULL) return false;
  const uint32_t *stage = plan->pool + plan->spec.stages;
  for (uint32_t k = 0; k < plan->spec.n_stages; stage += 1 + 2 * stage[0], k++) {
    for (uint32_t g = 0; g < stage[0]; g++)
      if (stage[1 + 2 * g] < n) reached[stage[1 + 2 * g]] = true;
  }
  for (uint32_t k = 0; k < n; k++) {
    uint32_t target = k + 1 + left_out(&plan->code[k]);
    if (target > k + 1 && target <= n) reached[target] = true;
  }
  for (uint32_t k = 0; k + 1 < n; k++) {
    tb_instruction *at = &plan->code[k];
    const bool three = k + 2 < n && at[0].action == DO_ACCESS && at[1].action == DO_STEP_2 && at[2].action == DO_ACCESS;
    if (three && !is_get(plan, &at[0]) && is_get(plan, &at[2]) && !reached[k + 1] && !reached[k + 2]) {
      at->action = DO_TURN;
      k += 2;
    } else if (at[0].action == DO_STEP_2 && at[1].action == DO_ACCESS && is_get(plan, &at[1]) && !reached[k + 1]) {
      at->action = DO_STEP_GET;
      k += 1;
    }
  }
  free(reached);
  return true;
}

static bool create_texts(tb_plan *plan) {
  uint32_t n = plan->spec.n_texts;
  plan->text_rooms = calloc(n + 1, sizeof *plan->text_rooms);
  plan->scratch = calloc(n + 1, sizeof *plan->scratch);
  plan->scratch_sizes = calloc(n + 1, sizeof *plan->scratch_sizes);
  if (plan->text_rooms == NULL || plan->scratch == NULL || plan->scratch_sizes == NULL) return false;
  for (uint32_t k = 0; k < n; k++)
    if (!tb_plan_put_text(plan, k, (const uint8_t *)"", 0)) return false;
  return true;
}

static bool create_recorders(tb_plan *plan) {
  plan->recorders = calloc(plan->spec.n_recorders + 1, sizeof *plan->recorders);
  if (plan->recorders == NULL) return false;
  const uint32_t *at = plan->pool + plan->spec.recorders;
  for (uint32_t r = 0; r < plan->spec.n_recorders; r++) {
    tb_recorder *recorder = &plan->recorders[r];
    *recorder = (tb_recorder){.every = at[0], .room = at[1], .columns = at[2], .layout = at + 3};
    recorder->cells = malloc((size_t)recorder->room * (recorder->columns + 1) * sizeof *recorder->cells);
    if (recorder->cells == NULL) return false;
    plan->records = plan->records || recorder->every > 0;
    at += 3 + 2 * recorder->columns;
  }
  return true;
}

static double double_at(const uint32_t *pool) {
  double value;
  memcpy(&value, pool, sizeof value);
  return value;
}

static bool create_events(tb_plan *plan) {
  const uint32_t *components = plan->pool + plan->spec.event_components;
  if (components[0] == 0) return true;
  const uint32_t *timers = plan->pool + plan->spec.timers, *clocks = plan->pool + plan->spec.clocks;
  plan->event_needed = calloc(plan->spec.n_components + 1, sizeof *plan->event_needed);
  plan->event_every = calloc(plan->spec.n_components + 1, sizeof *plan->event_every);
  plan->timers = calloc(timers[0] + 1, sizeof *plan->timers);
  plan->clocks = calloc(clocks[0] + 1, sizeof *plan->clocks);
  plan->ticked = calloc(clocks[0] + 1, 1);
  if (plan->event_needed == NULL || plan->event_every == NULL || plan->timers == NULL || plan->clocks == NULL ||
      plan->ticked == NULL)
    return false;
  for (uint32_t k = 0; k < components[0]; k++) plan->event_every[components[1 + 2 * k]] = components[2 + 2 * k];
  plan->n_timers = timers[0];
  for (uint32_t k = 0; k < plan->n_timers; k++) {
    const uint32_t *at = timers + 1 + 8 * k;
    plan->timers[k] = (tb_timer){.component = at[0], .vr = at[1], .clock = plan->arena + at[2], .kind = (tb_timer_kind)at[3],
                                 .interval = double_at(at + 4), .shift = double_at(at + 6), .next = DBL_MAX,
                                 .last = -DBL_MAX};
  }
  plan->n_clocks = clocks[0];
  for (uint32_t k = 0; k < plan->n_clocks; k++) plan->clocks[k] = plan->arena + clocks[1 + k];
  return true;
}

tb_plan *tb_plan_create(const uint8_t *packed_spec, const uint8_t *packed, const uint32_t *pool,
                        const uint64_t *instances) {
  tb_plan *plan = calloc(1, sizeof *plan);
  if (plan == NULL) return NULL;
  memcpy(&plan->spec, packed_spec, sizeof plan->spec);
  const tb_plan_spec *spec = &plan->spec;
  plan->texts_at = ((size_t)spec->arena_size + 15) & ~(size_t)15;
  plan->sizes_at = plan->texts_at + spec->n_texts * sizeof(void *);
  size_t arena = plan->sizes_at + spec->n_texts * sizeof(size_t);
  plan->lock = tb_mutex_create();
  plan->arena = tb_aligned_alloc(64, arena + 64);
  plan->pool = malloc((spec->n_pool + 1) * sizeof *plan->pool);
  plan->code = tb_aligned_alloc(64, (spec->n_instructions + 1) * sizeof *plan->code);
  plan->instances = malloc((spec->n_components + 1) * sizeof *plan->instances);
  plan->patches = calloc(spec->n_patches + 1, sizeof *plan->patches);
  plan->loops = calloc(spec->n_instructions + 1, sizeof *plan->loops);
  plan->times = calloc(spec->n_components + 1, sizeof *plan->times);
  bool ok = plan->lock != NULL && plan->arena != NULL && plan->pool != NULL && plan->code != NULL && plan->instances != NULL &&
            plan->patches != NULL && plan->loops != NULL && plan->times != NULL;
  if (ok) {
    memcpy(plan->pool, pool, spec->n_pool * sizeof *pool);
    for (uint32_t c = 0; c < spec->n_components; c++) plan->instances[c] = (tb_instance *)(uintptr_t)instances[c];
    ok = create_texts(plan) && create_recorders(plan) && create_events(plan);
  }
  for (uint32_t k = 0; ok && k < spec->n_instructions; k++) {
    tb_packed_instruction from;
    memcpy(&from, packed + k * sizeof from, sizeof from);
    ok = unpack(plan, &from, &plan->code[k]);
  }
  ok = ok && join_turns(plan);
  static const int32_t never = 0;
  plan->calls = &never;
  plan->run.next_event = DBL_MAX;
  plan->countdown = 1;
  plan->stride = 1;
  plan->random = 0x9e3779b97f4a7c15u;
  if (ok && spec->threads > 1) ok = (plan->pool_of_threads = tb_pool_create(plan)) != NULL;
  if (ok) return plan;
  tb_plan_destroy(plan);
  return NULL;
}

/*
 * States belong to their instances, which are alive yet; unless one had a fatal error, after which none of its process may be
 * called.
 */
static void free_states(tb_plan *plan, void **states, const uint32_t *components, uint32_t n) {
  const bool fatal = plan->run.failed_status >= fmi2Fatal;
  const uint32_t failed = (uint32_t)plan->run.failed_component;
  const bool fatal_here = fatal && !(failed < plan->spec.n_components && tb_is_far(plan->instances[failed]));
  for (uint32_t k = 0; states != NULL && k < n; k++) {
    uint32_t c = components == NULL ? k : components[k];
    const bool untouchable = tb_is_far(plan->instances[c]) ? fatal && c == failed : fatal_here;
    if (states[k] != NULL && !untouchable) tb_instance_free_state(plan->instances[c], &states[k]);
  }
  free(states);
}

void tb_plan_destroy(tb_plan *plan) {
  if (plan->pool_of_threads != NULL) tb_pool_destroy(plan->pool_of_threads);
  for (uint32_t p = 0; p < TB_SAVED_PLACES; p++) {
    free_states(plan, plan->saved[p].states, NULL, plan->spec.n_components);
    free(plan->saved[p].numbers);
    free(plan->saved[p].texts);
    free(plan->saved[p].text_sizes);
    free(plan->saved[p].timers);
    free(plan->saved[p].event_needed);
  }
  for (uint32_t k = 0; k < plan->n_loops; k++) {
    const tb_loop *loop = &plan->loops[k];
    free_states(plan, loop->states, plan->pool + loop->components, loop->n_components);
    free(loop->used);
    tb_fixed_point_destroy(&plan->loops[k].point);
  }
  for (uint32_t k = 0; plan->text_rooms != NULL && k < plan->spec.n_texts; k++)
    free(((char **)(void *)(plan->arena + plan->texts_at))[k]);
  for (uint32_t r = 0; plan->recorders != NULL && r < plan->spec.n_recorders; r++) {
    free(plan->recorders[r].cells);
    free(plan->recorders[r].texts);
  }
  free(plan->text_rooms);
  free(plan->scratch);
  free(plan->scratch_sizes);
  free(plan->recorders);
  free(plan->event_needed);
  free(plan->event_every);
  free(plan->timers);
  free(plan->clocks);
  free(plan->ticked);
  free(plan->loops);
  free(plan->patches);
  free(plan->times);
  free(plan->instances);
  free(plan->pool);
  if (plan->lock != NULL) tb_mutex_destroy(plan->lock);
  if (plan->code != NULL) tb_aligned_free(plan->code);
  if (plan->arena != NULL) tb_aligned_free(plan->arena);
  free(plan);
}

tb_run *tb_plan_control(tb_plan *plan) { return &plan->run; }
uint8_t *tb_plan_arena(tb_plan *plan) { return plan->arena; }
