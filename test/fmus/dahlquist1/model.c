/* Dahlquist's test equation, der(x) = -k x, by the explicit Euler method with one step per communication step. */
#define MODEL_IDENTIFIER dahlquist1
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90101}"
#define MODEL_VARIABLES(V) \
  V(Real, x, OUTPUT)       \
  V(Real, k, PARAMETER)    \
  V(Real, x0, PARAMETER)
#define MODEL_STATE bool started;
#include "fmi1_model.h"

static void model_start(model *m) {
  m->k = 1.0;
  m->x0 = 1.0;
}

static fmiStatus model_outputs(instance *self) {
  if (!self->m.started) self->m.x = self->m.x0;
  return fmiOK;
}

static fmiStatus model_step(instance *self, double t, double h) {
  (void)t;
  self->m.started = true;
  self->m.x += h * -self->m.k * self->m.x;
  return fmiOK;
}
