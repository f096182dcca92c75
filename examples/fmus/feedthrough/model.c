/* Passes inputs of each type on, without a delay of its own. */
#define MODEL_GUID "{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a02}"
#define MODEL_VARIABLES(V)         \
  V(Real, real_in, INPUT)          \
  V(Integer, integer_in, INPUT)    \
  V(Boolean, boolean_in, INPUT)    \
  V(String, string_in, INPUT)      \
  V(Integer, choice_in, INPUT)     \
  V(Real, real_out, OUTPUT)        \
  V(Integer, integer_out, OUTPUT)  \
  V(Boolean, boolean_out, OUTPUT)  \
  V(String, string_out, OUTPUT)    \
  V(Integer, choice_out, OUTPUT)   \
  V(Real, offset, TUNABLE)
#include "fmu2_model.h"

static void model_start(model *m) { m->choice_in = 1; }

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  m->real_out = m->real_in + m->offset;
  m->integer_out = m->integer_in;
  m->boolean_out = m->boolean_in;
  m->choice_out = m->choice_in;
  strcpy(m->string_out, m->string_in);
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  LOG(self, fmi2OK, "logSteps", "step from %g s by %g s, offset #r10# = %g", t, h, self->m.offset);
  return fmi2OK;
}
