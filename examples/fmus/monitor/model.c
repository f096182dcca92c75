/*
 * Safety monitor: how far a robot is from an obstacle, in the plane, and whether it must stop.
 *
 * `stop` is true while the distance is less than `safe_distance`; with `latched` it stays true once it was true at a
 * communication point.
 */
#include <math.h>
#define MODEL_GUID "{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a03}"
#define MODEL_VARIABLES(V)        \
  V(Real, x, INPUT)               \
  V(Real, y, INPUT)               \
  V(Real, obstacle_x, INPUT)      \
  V(Real, obstacle_y, INPUT)      \
  V(Real, safe_distance, TUNABLE) \
  V(Boolean, latched, FIXED)      \
  V(Real, distance, OUTPUT)       \
  V(Boolean, stop, OUTPUT)
#define MODEL_STATE fmi2Boolean tripped;
#include "fmu2_model.h"

static void model_start(model *m) {
  m->safe_distance = 2.0;
  m->latched = fmi2True;
}

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  m->distance = hypot(m->x - m->obstacle_x, m->y - m->obstacle_y);
  m->stop = m->distance < m->safe_distance || (m->latched && m->tripped);
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  fmi2Boolean was_stopped = self->m.stop;
  model_outputs(self);
  self->m.tripped = self->m.tripped || self->m.stop;
  if (self->m.stop && !was_stopped) LOG(self, fmi2OK, "logEvents", "stop at %g s: %g m away", t + h, self->m.distance);
  return fmi2OK;
}
