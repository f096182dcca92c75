/* Dahlquist's test equation, der(x) = -k x, by the explicit Euler method with one step per communication step. */
#define MODEL_GUID "{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a01}"
#define MODEL_VARIABLES(V) \
  V(Real, x, OUTPUT)       \
  V(Real, k, FIXED)        \
  V(Real, x0, FIXED)
#define MODEL_STATE fmi2Boolean started;
#include "fmu2_model.h"

static void model_start(model *m) {
  m->k = 1.0;
  m->x0 = 1.0;
}

static fmi2Status model_outputs(instance *self) {
  if (!self->m.started) self->m.x = self->m.x0;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)t;
  self->m.started = fmi2True;
  self->m.x += h * -self->m.k * self->m.x;
  return fmi2OK;
}
