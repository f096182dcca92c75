/*
 * Steps that may end early, and event mode (FMI 3.0.2, sections 2.3.5 and 4.2).
 *
 * Events are exchanged at communication points: all components that handle events enter event mode together, pass on
 * clocks and the values of clocks that tick, and update their discrete states until none needs to any more. A component
 * that returns early from a step has its event handled by itself, and goes on to the end of the step.
 */
#include "../isolate/isolate.h"
#include "fmi2.h"
#include "plan_internal.h"

/* Rounds of one event before it is given up, and early returns of one step. */
enum { MAX_ROUNDS = 1000, MAX_EARLY_RETURNS = 1000000 };

/* Relative to the step: what is left of it counts as nothing. */
#define REST 1e-9

static int update(tb_plan *plan, uint32_t c, bool *needed) {
  int needs = 0, terminate = 0;
  double next = DBL_MAX;
  tb_instance *instance = plan->instances[c];
  int status = tb_instance_update_discrete_states(instance, &needs, &terminate, &next);
  if (status != 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  if (next < plan->run.next_event) plan->run.next_event = next;
  *needed = *needed || needs != 0;
  if (!terminate) return 0;
  plan->run.failed_component = (int32_t)c;
  return TB_RUN_TERMINATED;
}

static int change_mode(tb_plan *plan, uint32_t c, int (*enter)(tb_instance *)) {
  int status = enter(plan->instances[c]);
  return status == 0 ? 0 : tb_failed(plan, c, status, plan->instances[c]->last_call);
}

/* An event inside a step: nobody else is at this time. */
static int handle_alone(tb_plan *plan, uint32_t c) {
  int ended = change_mode(plan, c, tb_instance_enter_event_mode);
  bool needed = true;
  for (int round = 0; ended == 0 && needed && round < MAX_ROUNDS; round++) {
    needed = false;
    ended = update(plan, c, &needed);
  }
  return ended != 0 ? ended : change_mode(plan, c, tb_instance_enter_step_mode);
}

/* What came of a step, or of a part of it; `over`: it has got to its end, else it goes on from `result->reached`. */
static int judge_step(tb_plan *plan, const tb_instruction *at, int status, const tb_step_result *result, bool *over) {
  const uint32_t c = at->component;
  const tb_instance *instance = plan->instances[c];
  if (status != 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  if (result->terminate) {
    plan->run.failed_component = (int32_t)c;
    return TB_RUN_TERMINATED;
  }
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
  plan->run.failed_component = (int32_t)c;
  plan->run.failed_status = fmi2Error;
  plan->run.failed_function = "fmi3DoStep";
  return TB_RUN_FAILED;
}

int tb_step_with_events(tb_plan *plan, const tb_instruction *at) { return go_on(plan, at, plan->run.time); }

int tb_begin_step(tb_plan *plan, const tb_instruction *at) {
  tb_instance *instance = plan->instances[at->component];
  int status = tb_isolate_begin_step(instance, plan->run.time, plan->run.size * at->factor, !at->n_values);
  return status == 0 ? 0 : tb_failed(plan, at->component, status, instance->last_call);
}

int tb_end_step(tb_plan *plan, const tb_instruction *at, uint64_t *took_ns) {
  tb_step_result result = {0};
  bool over = false;
  int status = tb_isolate_end_step(plan->instances[at->component], &result, took_ns);
  int ended = judge_step(plan, at, status, &result, &over);
  return ended != 0 || over ? ended : go_on(plan, at, result.reached);
}

int tb_await_step(tb_plan *plan, const tb_instruction *at) {
  tb_instance *instance = plan->instances[at->component];
  int status = tb_fmi2_await_step(instance);
  return status == 0 ? 0 : tb_failed(plan, at->component, status, instance->last_call);
}

/* -- At communication points ---------------------------------------------------------------------------------------------- */

static const uint32_t *event_components(const tb_plan *plan, uint32_t *n) {
  const uint32_t *list = plan->pool + plan->spec.event_components;
  *n = list[0];
  return list + 1;
}

/* The interval of a clock may be told anew at each tick; the first tick is at start + shift. */
static int wind_up(tb_plan *plan, tb_timer *timer) {
  tb_instance *instance = plan->instances[timer->component];
  double interval = 0;
  int32_t qualifier = 0;
  int status = tb_instance_intervals(instance, &timer->vr, 1, &interval, &qualifier);
  if (status != 0 && tb_failed(plan, timer->component, status, instance->last_call)) return TB_RUN_FAILED;
  if (qualifier == 2 /* changed */ || (qualifier != 0 && !timer->started)) {
    timer->interval = interval;
    if (!timer->started) {
      double shift = 0;
      if (tb_instance_shifts(instance, &timer->vr, 1, &shift) > fmi2Warning) shift = 0;
      timer->next = plan->run.time + shift;
      timer->started = true;
      return 0;
    }
    timer->next = plan->run.time + interval;
  }
  return 0;
}

bool tb_events_due(tb_plan *plan) {
  const double now = plan->run.time + REST * plan->run.size;
  bool due = plan->spec.always_events || plan->run.next_event <= now;
  for (uint32_t k = 0; k < plan->n_timers; k++) {
    const bool ticks = plan->timers[k].started && plan->timers[k].next <= now;
    *plan->timers[k].clock = ticks;
    due = due || ticks;
  }
  uint32_t n;
  const uint32_t *components = event_components(plan, &n);
  for (uint32_t k = 0; k < n; k++) due = due || plan->event_needed[components[k]];
  return due;
}

int tb_handle_events(tb_plan *plan, bool entered) {
  uint32_t n;
  const uint32_t *components = event_components(plan, &n);
  const tb_instruction *code = plan->code;
  int ended = 0;
  for (uint32_t k = 0; k < n && !entered && ended == 0; k++)
    ended = change_mode(plan, components[k], tb_instance_enter_event_mode);
  plan->run.next_event = DBL_MAX;
  bool needed = true;
  int round = 0;
  for (; ended == 0 && needed && round < MAX_ROUNDS; round++) {
    ended = tb_execute(plan, code + plan->spec.event_begin, code + plan->spec.event_end);
    needed = false;
    for (uint32_t k = 0; k < n && ended == 0; k++) ended = update(plan, components[k], &needed);
    /* A clock ticks once. */
    for (uint32_t k = 0; k < plan->n_timers; k++) {
      tb_timer *timer = &plan->timers[k];
      if (*timer->clock == 0 || ended != 0) continue;
      *timer->clock = 0;
      while (timer->interval > 0 && timer->next <= plan->run.time + REST * plan->run.size) timer->next += timer->interval;
    }
  }
  for (uint32_t k = 0; k < plan->n_timers && ended == 0; k++) ended = wind_up(plan, &plan->timers[k]);
  for (uint32_t k = 0; k < n; k++) {
    plan->event_needed[components[k]] = false;
    if (ended == 0) ended = change_mode(plan, components[k], tb_instance_enter_step_mode);
  }
  if (ended != 0) return ended;
  return tb_execute(plan, code + plan->spec.after_begin, code + plan->spec.after_end);
}

int tb_plan_events(tb_plan *plan, int entered) {
  if (plan->event_needed == NULL) return 0;
  return tb_handle_events(plan, entered != 0);
}
