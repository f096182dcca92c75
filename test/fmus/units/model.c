/* Outputs of many units, which keep the values they are started with, and inputs of others, which it shows as they came. */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90210}"
#define MODEL_VARIABLES(V)        \
  V(Real, out_mm, FIXED)          \
  V(Real, out_degC, FIXED)        \
  V(Real, out_rad_per_s, FIXED)   \
  V(Real, out_rpm, FIXED)         \
  V(Real, out_Hz, FIXED)          \
  V(Real, out_kg, FIXED)          \
  V(Real, in_m, INPUT)            \
  V(Real, in_K, INPUT)            \
  V(Real, in_rad_per_s, INPUT)    \
  V(Real, in_rpm, INPUT)          \
  V(Real, in_per_min, INPUT)      \
  V(Real, in_no_unit, INPUT)      \
  V(Real, got_m, OUTPUT)          \
  V(Real, got_K, OUTPUT)          \
  V(Real, got_rad_per_s, OUTPUT)  \
  V(Real, got_rpm, OUTPUT)        \
  V(Real, got_per_min, OUTPUT)    \
  V(Real, got_no_unit, OUTPUT)
#include "fmu2_model.h"

static void model_start(model *m) {
  m->out_mm = 1500;
  m->out_degC = 20;
  m->out_rad_per_s = 10;
  m->out_rpm = 60;
  m->out_Hz = 2;
  m->out_kg = 3;
}

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  m->got_m = m->in_m;
  m->got_K = m->in_K;
  m->got_rad_per_s = m->in_rad_per_s;
  m->got_rpm = m->in_rpm;
  m->got_per_min = m->in_per_min;
  m->got_no_unit = m->in_no_unit;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)self, (void)t, (void)h;
  return fmi2OK;
}
