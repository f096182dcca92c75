/* der(x) = u - x by the explicit Euler method, and each step costs cost_us of its thread's processor time, in vain. */
#include <math.h>
#include <time.h>
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90208}"
#define MODEL_VARIABLES(V)   \
  V(Real, u, INPUT)          \
  V(Real, x, OUTPUT)         \
  V(Real, cost_us, TUNABLE)
#include "fmu2_model.h"

static void model_start(model *m) { m->cost_us = 100; }

static fmi2Status model_outputs(instance *self) {
  (void)self;
  return fmi2OK;
}

/* Without a processor of its own a thread gets on more slowly: so threads that run side by side are told from others. */
static double processor_time_us(void) {
  struct timespec now;
#if defined(_WIN32)
  timespec_get(&now, TIME_UTC);
#else
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
#endif
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)t;
  model *m = &self->m;
  volatile double in_vain = 1.0;
  for (const double end = processor_time_us() + m->cost_us; processor_time_us() < end;) {
    for (int i = 0; i < 50; i++) in_vain = sqrt(in_vain + 1.0);
  }
  m->x += h * (m->u - m->x);
  return fmi2OK;
}
