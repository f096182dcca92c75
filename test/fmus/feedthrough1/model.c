/* Passes inputs of each type on: at fmiInitializeSlave and at the end of each step. */
#define MODEL_IDENTIFIER feedthrough1
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90102}"
#define MODEL_VARIABLES(V)        \
  V(Real, real_in, INPUT)         \
  V(Integer, integer_in, INPUT)   \
  V(Boolean, boolean_in, INPUT)   \
  V(String, string_in, INPUT)     \
  V(Real, real_out, OUTPUT)       \
  V(Integer, integer_out, OUTPUT) \
  V(Boolean, boolean_out, OUTPUT) \
  V(String, string_out, OUTPUT)   \
  V(Real, offset, PARAMETER)
#include "fmi1_model.h"

static void model_start(model *m) { strcpy(m->string_in, "start"); }

static fmiStatus model_outputs(instance *self) {
  model *m = &self->m;
  m->real_out = m->real_in + m->offset;
  m->integer_out = m->integer_in;
  m->boolean_out = m->boolean_in;
  strcpy(m->string_out, m->string_in);
  return fmiOK;
}

static fmiStatus model_step(instance *self, double t, double h) {
  LOG(self, fmiOK, "logSteps", "step from %g s by %g s, offset #r8# = %g", t, h, self->m.offset);
  return fmiOK;
}
