/*
 * y = k u + b without a delay of its own, at any time: a getter answers for the inputs as they are now. Two of them in a
 * ring are an algebraic loop; a chain shows in which order a master initialises.
 */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90201}"
#define MODEL_VARIABLES(V) \
  V(Real, u, INPUT)        \
  V(Real, y, OUTPUT)       \
  V(Real, k, TUNABLE)      \
  V(Real, b, TUNABLE)
#define MODEL_LIVE INITIALIZATION | STEP_COMPLETE
#include "fmu2_model.h"

static void model_start(model *m) { m->k = 1.0; }

static fmi2Status model_outputs(instance *self) {
  self->m.y = self->m.k * self->m.u + self->m.b;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)self, (void)t, (void)h;
  return fmi2OK;
}
