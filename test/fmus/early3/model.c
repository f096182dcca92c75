/*
 * A triangle wave: der(x) = slope, whose sign changes at every multiple of event_interval. There a step ends early, if
 * the importer allows it; if not, the event waits for the step's end, or, without Event Mode, is handled within.
 */
#include <math.h>
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90305}"
#define MODEL_VARIABLES(V, ARRAY)      \
  V(Float64, x, OUTPUT)                \
  V(UInt32, events, OUTPUT)            \
  V(Float64, event_interval, FIXED)    \
  V(Float64, slope, FIXED)
#define MODEL_STATE bool falling; double next; /* the next event is at next * event_interval */
#define MODEL_HAS_EVENTS
#include "fmi3_model.h"

static void model_start(model *m) {
  m->event_interval = 1.0;
  m->slope = 1.0;
}

static fmi3Status model_outputs(instance *self) {
  model *m = &self->m;
  if (self->state != INITIALIZATION) return fmi3OK;
  if (!(m->event_interval > 0)) return refuse(self, "fmi3ExitInitializationMode", "event_interval must be positive");
  m->next = floor(m->time / m->event_interval + 1e-9) + 1;
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  model *m = &self->m;
  const double event = m->next * m->event_interval, rounding = 1e-9 * m->event_interval;
  end->event = event <= end->reached + rounding;
  if (end->event && event < end->reached - rounding && may_end_early(self)) end->reached = event;
  m->x += (m->falling ? -m->slope : m->slope) * (end->reached - t);
  say(self, fmi3OK, "logSteps", "step from %g s by %g s to %g s", t, h, end->reached);
  return fmi3OK;
}

static fmi3Status model_event(instance *self, event_end *end) {
  model *m = &self->m;
  for (; m->next * m->event_interval <= m->time + 1e-9 * m->event_interval; m->next++, m->events++) {
    m->falling = !m->falling;
  }
  end->next_defined = true;
  end->next = m->next * m->event_interval;
  return fmi3OK;
}
