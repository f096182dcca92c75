/* Dahlquist's test equation, der(x) = -k x, by the explicit Euler method with one step per communication step. */
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90301}"
#define MODEL_VARIABLES(V, ARRAY) \
  V(Float64, x, OUTPUT)           \
  V(Float64, k, FIXED)            \
  V(Float64, x0, FIXED)
#define MODEL_STATE bool started;
#include "fmi3_model.h"

static void model_start(model *m) {
  m->k = 1.0;
  m->x0 = 1.0;
}

static fmi3Status model_outputs(instance *self) {
  if (!self->m.started) self->m.x = self->m.x0;
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  (void)t, (void)end;
  self->m.started = true;
  self->m.x += h * -self->m.k * self->m.x;
  return fmi3OK;
}
