/* There can be only one in a process. y is the time. */
#define MODEL_IDENTIFIER once1
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90103}"
#define MODEL_VARIABLES(V) V(Real, y, OUTPUT)
#define MODEL_MAX_INSTANCES 1
#include "fmi1_model.h"

static void model_start(model *m) { (void)m; }

static fmiStatus model_outputs(instance *self) {
  self->m.y = self->time;
  return fmiOK;
}

static fmiStatus model_step(instance *self, double t, double h) {
  self->time = t + h;
  return fmiOK;
}
