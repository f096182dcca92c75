/*
 * Steps that may end early, and event mode (FMI 3.0.2, sections 2.3.5 and 4.2).
 *
 * Events are exchanged at communication points: all components that handle events, and are at that point, enter event
 * mode together, pass on clocks and the values of clocks that tick, and update their discrete states until none needs to
 * any more. A component that returns early from a step has its event handled by itself, and goes on to the end of the
 * step.
 */
#include "../far/far.h"
#include "fmi2.h"
#include "plan_internal.h"

/* Rounds of one event before it is given up, and early returns of one step. */
enum { MAX_ROUNDS = 1000, MAX_EARLY_RETURNS = 1000000 };

/* Relative to the step: what is left of it counts as nothing. */
#define REST 1e-9

/* Several threads may come here at once. */
static int terminated(tb_plan *plan, uint32_t c) {
  tb_lock(plan->lock);
  plan->run.failed_component = (int32_t)c;
  tb_unlock(plan->lock);
  return TB_RUN_TERMINATED;
}

static int endless(tb_plan *plan, uint32_t c) {
  tb_lock(plan->lock);
  plan->run.failed_component = (int32_t)c;
  tb_unlock(plan->lock);
  return TB_RUN_ENDLESS_EVENT;
}

static int update(tb_plan *plan, uint32_t c, bool *needed) {
  int needs = 0, terminate = 0;
  double next = DBL_MAX;
  tb_instance *instance = plan->instances[c];
  int status = tb_instance_update_discrete_states(instance, &needs, &terminate, &next);
  if (status != 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  tb_lock(plan->lock);
  if (next < plan->run.next_event) plan->run.next_event = next;
  tb_unlock(plan->lock);
  *needed = *needed || needs != 0;
  return terminate ? terminated(plan, c) : 0;
}

static int change_mode(tb_plan *plan, uint32_t c, int (*enter)(tb_instance *)) {
  int status = enter(plan->instances[c]);
  return status == 0 ? 0 : tb_failed(plan, c, status, plan->instances[c]->last_call);
}

/* An event inside a step: nobody else is at this time. */
static int handle_alone(tb_plan *plan, uint32_t c) {
  int ended = change_mode(plan, c, tb_instance_enter_event_mode);
  bool needed = true;
  for (int round = 0; ended == 0 && needed; round++) {
    needed = false;
    ended = round < MAX_ROUNDS ? update(plan, c, &needed) : endless(plan, c);
  }
  return ended != 0 ? ended : change_mode(plan, c, tb_instance_enter_step_mode);
}

/* What came of a step, or of a part of it; `over`: it has got to its end, else it goes on from `result->reached`. */
static int judge_step(tb_plan *plan, const tb_instruction *at, int status, const tb_step_result *result, bool *over) {
  const uint32_t c = at->component;
  const tb_instance *instance = plan->instances[c];
  if (status != 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  if (result->terminate) return terminated(plan, c);
  const double end = plan->run.time + plan->run.size * at->factor;
  *over = !result->early || !(result->reached < end - REST * plan->run.size);
  if (!result->event || !instance->event_mode) return 0;
  if (!*over) return handle_alone(plan, c);
  plan->event_needed[c] = true;
  return 0;
}

static int go_on(tb_plan *plan, const tb_instruction *at, double time) {
  const uint32_t c = at->component;
  const double end = plan->run.time + plan->run.size * at->factor;
  for (int returns = 0; returns < MAX_EARLY_RETURNS; returns++) {
    tb_step_result result;
    bool over = false;
    const double size = returns == 0 && time == plan->run.time ? plan->run.size * at->factor : end - time;
    int status = tb_instance_step(plan->instances[c], time, size, !at->n_values, &result);
    int ended = judge_step(plan, at, status, &result, &over);
    if (ended != 0 || over) return ended;
    time = result.reached;
  }
  return tb_failed(plan, c, fmi2Error, "fmi3DoStep");
}

int tb_step_with_events(tb_plan *plan, const tb_instruction *at) { return go_on(plan, at, plan->run.time); }

int tb_begin_step(tb_plan *plan, const tb_instruction *at) {
  tb_instance *instance = plan->instances[at->component];
  int status = tb_far_begin_step(instance, plan->run.time, plan->run.size * at->factor, !at->n_values);
  return status == 0 ? 0 : tb_failed(plan, at->component, status, instance->last_call);
}

int tb_end_step(tb_plan *plan, const tb_instruction *at, uint64_t *took_ns) {
  tb_step_result result = {0};
  bool over = false;
  int status = tb_far_end_step(plan->instances[at->component], &result, took_ns);
  int ended = judge_step(plan, at, status, &result, &over);
  return ended != 0 || over ? ended : go_on(plan, at, result.reached);
}

int tb_await_step(tb_plan *plan, const tb_instruction *at) {
  tb_instance *instance = plan->instances[at->component];
  int status = tb_fmi2_await_step(instance);
  return status == 0 ? 0 : tb_failed(plan, at->component, status, instance->last_call);
}

/* -- Clocks that tick by themselves ----------------------------------------------------------------------------------------- */

static bool is_now(const tb_plan *plan, double time) { return time <= plan->run.time + REST * plan->run.size; }

static int ask_interval(tb_plan *plan, tb_timer *timer, int32_t *qualifier) {
  tb_instance *instance = plan->instances[timer->component];
  double interval = 0;
  int status = tb_instance_intervals(instance, &timer->vr, 1, &interval, qualifier);
  if (status != 0 && tb_failed(plan, timer->component, status, instance->last_call)) return TB_RUN_FAILED;
  if (*qualifier != TB_INTERVAL_NOT_YET_KNOWN) timer->interval = interval;
  return 0;
}

/* The first tick of a periodic clock is at the start, or `shift` later. */
static int start(tb_plan *plan, tb_timer *timer) {
  timer->started = true;
  if (timer->kind == TB_TIMER_CHANGING || timer->kind == TB_TIMER_COUNTDOWN) return 0;
  if (!(timer->interval > 0)) { /* the description does not say it, nor the shift */
    int32_t qualifier = TB_INTERVAL_NOT_YET_KNOWN;
    int ended = ask_interval(plan, timer, &qualifier);
    if (ended != 0) return ended;
    if (timer->kind != TB_TIMER_CONSTANT &&
        tb_instance_shifts(plan->instances[timer->component], &timer->vr, 1, &timer->shift) > fmi2Warning)
      timer->shift = 0;
  }
  timer->first = plan->run.time + timer->shift;
  timer->ticks = 0;
  timer->next = timer->first;
  return 0;
}

/* It has ticked. */
static void advance(tb_plan *plan, tb_timer *timer) {
  timer->last = timer->next;
  timer->next = DBL_MAX;
  if (timer->kind == TB_TIMER_CHANGING || timer->kind == TB_TIMER_COUNTDOWN || !(timer->interval > 0)) return;
  /* Multiplied anew, so that rounding does not add up; ticks between two communication points are one. */
  do timer->next = timer->first + (double)++timer->ticks * timer->interval;
  while (is_now(plan, timer->next));
}

/* Intervals that may be other than they were: after the discrete states are up to date. */
static int wind_up(tb_plan *plan, tb_timer *timer, bool ticked) {
  const bool first = timer->kind == TB_TIMER_CHANGING && timer->ticks == 0;
  const bool asked = timer->kind == TB_TIMER_COUNTDOWN || timer->kind == TB_TIMER_TUNABLE ||
                     (timer->kind == TB_TIMER_CHANGING && (ticked || first));
  if (!asked) return 0;
  int32_t qualifier = TB_INTERVAL_NOT_YET_KNOWN;
  const double before = timer->interval;
  int ended = ask_interval(plan, timer, &qualifier);
  if (ended != 0 || qualifier == TB_INTERVAL_NOT_YET_KNOWN) return ended;
  if (timer->kind == TB_TIMER_CHANGING) {
    timer->ticks++;
    timer->next = (ticked ? timer->last : plan->run.time) + timer->interval;
  } else if (timer->kind == TB_TIMER_COUNTDOWN) {
    if (qualifier == TB_INTERVAL_CHANGED) timer->next = plan->run.time + timer->interval;
  } else if (timer->interval != before && timer->interval > 0) {
    /* From its last tick on, if there was one. */
    if (timer->last > -DBL_MAX) timer->first = timer->last;
    timer->ticks = timer->last > -DBL_MAX ? 1 : 0;
    timer->next = timer->first + (double)timer->ticks * timer->interval;
  }
  return 0;
}

/* -- At communication points ---------------------------------------------------------------------------------------------- */

/* A component that makes one long step while others make several is at its end, or elsewhere. */
static bool is_here(const tb_plan *plan, uint32_t component) {
  return plan->event_every[component] > 0 && plan->run.step % plan->event_every[component] == 0;
}

bool tb_events_due(tb_plan *plan) {
  /* Ticks are of one communication point. */
  for (uint32_t k = 0; k < plan->n_clocks; k++) *plan->clocks[k] = 0;
  bool due = plan->spec.always_events || is_now(plan, plan->run.next_event);
  for (uint32_t k = 0; k < plan->n_timers; k++) {
    const tb_timer *timer = &plan->timers[k];
    due = due || (timer->started && is_here(plan, timer->component) && is_now(plan, timer->next));
  }
  for (uint32_t c = 0; c < plan->spec.n_components && !due; c++) due = plan->event_needed[c] && is_here(plan, c);
  return due;
}

/* Rounds of exchange until no component needs another. */
static int exchange(tb_plan *plan) {
  const tb_instruction *code = plan->code;
  bool needed = true;
  for (int round = 0; needed; round++) {
    int ended = tb_execute(plan, code + plan->spec.event_begin, code + plan->spec.event_end);
    if (ended != 0) return ended;
    for (uint32_t k = 0; k < plan->n_clocks; k++) plan->ticked[k] |= *plan->clocks[k];
    needed = false;
    for (uint32_t c = 0; c < plan->spec.n_components; c++) {
      if (!is_here(plan, c)) continue;
      bool again = false;
      if ((ended = update(plan, c, &again)) != 0) return ended;
      needed = needed || again;
      if (again && round + 1 == MAX_ROUNDS) return endless(plan, c);
    }
    /* A clock ticks once. */
    for (uint32_t k = 0; k < plan->n_timers; k++) *plan->timers[k].clock = 0;
  }
  return 0;
}

int tb_handle_events(tb_plan *plan, bool entered) {
  const uint32_t n = plan->spec.n_components;
  int ended = 0;
  for (uint32_t c = 0; c < n && !entered && ended == 0; c++)
    if (is_here(plan, c)) ended = change_mode(plan, c, tb_instance_enter_event_mode);
  for (uint32_t k = 0; k < plan->n_timers && ended == 0; k++) {
    tb_timer *timer = &plan->timers[k];
    if (!timer->started) ended = start(plan, timer);
    timer->ticking = is_here(plan, timer->component) && is_now(plan, timer->next);
    *timer->clock = timer->ticking;
  }
  plan->run.next_event = DBL_MAX;
  memset(plan->ticked, 0, plan->n_clocks);
  if (ended == 0) ended = exchange(plan);
  for (uint32_t k = 0; k < plan->n_timers && ended == 0; k++) {
    tb_timer *timer = &plan->timers[k];
    if (!is_here(plan, timer->component)) continue;
    if (timer->ticking) advance(plan, timer);
    ended = wind_up(plan, timer, timer->ticking);
    if (timer->next < plan->run.next_event) plan->run.next_event = timer->next;
  }
  for (uint32_t c = 0; c < n && ended == 0; c++) {
    if (!is_here(plan, c)) continue;
    plan->event_needed[c] = false;
    ended = change_mode(plan, c, tb_instance_enter_step_mode);
  }
  if (ended != 0) return ended;
  /* Who looks at this communication point sees all ticks that it had, whatever round they were in. */
  for (uint32_t k = 0; k < plan->n_clocks; k++) *plan->clocks[k] = plan->ticked[k];
  return tb_execute(plan, plan->code + plan->spec.after_begin, plan->code + plan->spec.after_end);
}

int tb_plan_events(tb_plan *plan, int entered) {
  if (plan->event_needed == NULL) return 0;
  return tb_handle_events(plan, entered != 0);
}
