/*
 * Clocks. It counts its steps, and by `increment` the ticks of count_clock. When the counter comes to a multiple of n,
 * reached_clock ticks: at the end of a step, or in the next iteration of the event in which count_clock ticked. At the
 * ticks of sample_clock, every 0.5 s, it samples u; when Event Mode is not used it does so by itself.
 */
#include <math.h>
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90304}"
#define MODEL_VARIABLES(V, ARRAY)    \
  V(Int32, n, FIXED)                 \
  V(Clock, count_clock, TICK)        \
  V(Int32, increment, CLOCKED)       \
  V(Clock, sample_clock, TICK)       \
  V(Float64, u, INPUT)               \
  V(Float64, sampled, OUTPUT)        \
  V(Int32, counter, OUTPUT)          \
  V(Clock, reached_clock, OUTPUT)    \
  V(Int32, reached_count, OUTPUT)    \
  V(Float64, reached_time, OUTPUT)
#define MODEL_HAS_EVENTS
#define MODEL_HAS_INTERVALS
#include "fmi3_model.h"

static const double INTERVAL = 0.5; /* of sample_clock, s, as in modelDescription.xml */

static void model_start(model *m) {
  m->n = 3;
  m->increment = 1;
}

static void count(model *m, int by, double time) {
  const int before = m->counter / m->n;
  m->counter += by;
  if (m->counter / m->n == before) return;
  m->reached_clock = true;
  m->reached_count = m->counter;
  m->reached_time = time;
}

static fmi3Status model_outputs(instance *self) {
  if (self->m.n < 1) return refuse(self, "fmi3ExitInitializationMode", "n must be positive");
  if (self->m.sample_clock || self->state == INITIALIZATION) self->m.sampled = self->m.u;
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  model *m = &self->m;
  count(m, 1, t + h);
  /* The end of a step is a multiple of the interval but for its rounding. */
  if (!self->event_mode_used) m->sample_clock = floor((t + h) / INTERVAL + 1e-9) > floor(t / INTERVAL + 1e-9);
  end->event = m->reached_clock || m->sample_clock;
  return fmi3OK;
}

static fmi3Status model_event(instance *self, event_end *end) {
  model *m = &self->m;
  if (m->sample_clock) m->sampled = m->u;
  end->again = m->count_clock;
  clear_clocks(self);
  if (end->again) count(m, m->increment, m->time);
  return fmi3OK;
}

fmi3Status fmi3GetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 intervals[],
                                  fmi3IntervalQualifier qualifiers[]) {
  ENTER("fmi3GetIntervalDecimal", INITIALIZATION | RUNNING);
  for (size_t i = 0; i < nvr; i++) {
    if (vr[i] >= VARIABLE_COUNT || variables[vr[i]].offset != offsetof(model, sample_clock))
      return refuse(self, "fmi3GetIntervalDecimal", "only sample_clock has an interval");
    intervals[i] = INTERVAL;
    qualifiers[i] = fmi3IntervalUnchanged;
  }
  return fmi3OK;
}
