/* An Enumeration, an Integer and a Boolean, passed on. A mode that is none of the enumeration's items is an error. */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90211}"
#define MODEL_VARIABLES(V)     \
  V(Integer, mode_in, INPUT)   \
  V(Integer, number_in, INPUT) \
  V(Boolean, flag_in, INPUT)   \
  V(Integer, mode, OUTPUT)     \
  V(Integer, number, OUTPUT)   \
  V(Boolean, flag, OUTPUT)
#include "fmu2_model.h"

enum { OFF, SLOW, FAST = 5 };

static void model_start(model *m) { m->mode_in = OFF; }

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  if (m->mode_in != OFF && m->mode_in != SLOW && m->mode_in != FAST) {
    LOG(self, fmi2Error, "logStatusError", "%d is no mode: off is %d, slow %d, fast %d", m->mode_in, OFF, SLOW, FAST);
    return fmi2Error;
  }
  m->mode = m->mode_in;
  m->number = m->number_in;
  m->flag = m->flag_in;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)self, (void)t, (void)h;
  return fmi2OK;
}
