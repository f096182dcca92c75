/* Counts steps in an output of each type, and tells what the last fmi2DoStep was called with. */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90202}"
#define MODEL_VARIABLES(V)    \
  V(Integer, count, OUTPUT)   \
  V(Boolean, odd, OUTPUT)     \
  V(String, text, OUTPUT)     \
  V(Real, last_time, OUTPUT)  \
  V(Real, last_step, OUTPUT)
#include "fmu2_model.h"

static void model_start(model *m) { (void)m; }

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  m->odd = m->count % 2 != 0;
  snprintf(m->text, sizeof m->text, "%d step%s", m->count, m->count == 1 ? "" : "s");
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  self->m.count++;
  self->m.last_time = t;
  self->m.last_step = h;
  return fmi2OK;
}
