/* Draws a random number in each step (splitmix64): without its state there is no way back. */
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90307}"
#define MODEL_VARIABLES(V, ARRAY) \
  V(UInt64, seed, FIXED)          \
  V(Float64, x, OUTPUT)           \
  V(UInt64, drawn, OUTPUT)
#define MODEL_HAS_FMU_STATE
#include "fmi3_model.h"

static void model_start(model *m) { m->seed = 1; }

static fmi3Status model_outputs(instance *self) {
  (void)self;
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  (void)t, (void)h, (void)end;
  model *m = &self->m;
  uint64_t z = m->seed + ++m->drawn * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  m->x = (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
  return fmi3OK;
}
