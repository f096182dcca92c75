/*
 * Clocks that tick by themselves at intervals that the FMU tells, and a state that can be saved. tunable_clock ticks every
 * `interval` s; changing_clock at intervals that double with each tick, from 0.1 s on; countdown_clock `delay` s after each
 * step whose number is a multiple of 5. It counts their ticks and tells the time of the last of each.
 */
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90308}"
#define MODEL_VARIABLES(V, ARRAY)   \
  V(Clock, tunable_clock, TICK)     \
  V(Clock, changing_clock, TICK)    \
  V(Clock, countdown_clock, TICK)   \
  V(Float64, interval, TUNABLE)     \
  V(Float64, delay, FIXED)          \
  V(Int32, tunable_ticks, OUTPUT)   \
  V(Int32, changing_ticks, OUTPUT)  \
  V(Int32, countdown_ticks, OUTPUT) \
  V(Float64, tunable_time, OUTPUT)  \
  V(Float64, changing_time, OUTPUT) \
  V(Float64, countdown_time, OUTPUT)
#define MODEL_STATE int32_t steps; double told; bool counting;
#define MODEL_HAS_EVENTS
#define MODEL_HAS_INTERVALS
#define MODEL_HAS_FMU_STATE
#include "fmi3_model.h"

static void model_start(model *m) {
  m->interval = 0.5;
  m->delay = 0.3;
}

static fmi3Status model_outputs(instance *self) {
  const model *m = &self->m;
  if (!(m->interval > 0) || !(m->delay > 0))
    return refuse(self, "fmi3ExitInitializationMode", "interval and delay must be positive");
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  (void)t, (void)h;
  model *m = &self->m;
  m->counting = ++m->steps % 5 == 0;
  end->event = m->counting; /* the countdown begins */
  return fmi3OK;
}

static fmi3Status model_event(instance *self, event_end *end) {
  (void)end;
  model *m = &self->m;
  if (m->tunable_clock) m->tunable_ticks++, m->tunable_time = m->time;
  if (m->changing_clock) m->changing_ticks++, m->changing_time = m->time;
  if (m->countdown_clock) m->countdown_ticks++, m->countdown_time = m->time;
  clear_clocks(self);
  return fmi3OK;
}

/* An interval is told as new once. */
fmi3Status fmi3GetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 intervals[],
                                  fmi3IntervalQualifier qualifiers[]) {
  ENTER("fmi3GetIntervalDecimal", INITIALIZATION | RUNNING);
  model *m = &self->m;
  for (size_t i = 0; i < nvr; i++) {
    const size_t offset = vr[i] < VARIABLE_COUNT ? variables[vr[i]].offset : 0;
    if (offset == offsetof(model, tunable_clock)) {
      intervals[i] = m->interval;
      qualifiers[i] = m->told == m->interval ? fmi3IntervalUnchanged : fmi3IntervalChanged;
      m->told = m->interval;
    } else if (offset == offsetof(model, changing_clock)) {
      intervals[i] = 0.1 * (double)(1 << m->changing_ticks);
      qualifiers[i] = fmi3IntervalChanged;
    } else if (offset == offsetof(model, countdown_clock)) {
      intervals[i] = m->delay;
      qualifiers[i] = m->counting ? fmi3IntervalChanged : m->steps < 5 ? fmi3IntervalNotYetKnown : fmi3IntervalUnchanged;
      m->counting = false;
    } else {
      return refuse(self, "fmi3GetIntervalDecimal", "this variable has no interval");
    }
  }
  return fmi3OK;
}
