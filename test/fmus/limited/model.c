/*
 * Cannot go further than max_step at once: of a longer step it does the first part, discards the rest, and tells by
 * fmi2LastSuccessfulTime how far it came. x is the time, on which it makes its way by its own account.
 */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90206}"
#define MODEL_VARIABLES(V)   \
  V(Real, x, OUTPUT)         \
  V(Real, max_step, TUNABLE)
#define MODEL_STATE bool started;
#include "fmu2_model.h"

static void model_start(model *m) { m->max_step = 0.1; }

static fmi2Status model_outputs(instance *self) {
  if (!self->m.started) self->m.x = self->time;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  model *m = &self->m;
  m->started = true;
  /* A step of max_step that is the difference of two times may be longer by their rounding. */
  if (h <= m->max_step * (1 + 1e-9)) {
    m->x += h;
    return fmi2OK;
  }
  m->x += m->max_step;
  self->time = t + m->max_step;
  LOG(self, fmi2Discard, "logStatusDiscard", "step by %g s given up at %g s", h, self->time);
  return fmi2Discard;
}
