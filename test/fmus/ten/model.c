/* Ten Reals in, ten out, and next to no work between: what it costs to hand them over and to fetch them. */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90220}"
#define MODEL_VARIABLES(V)                                                                             \
  V(Real, u0, INPUT) V(Real, u1, INPUT) V(Real, u2, INPUT) V(Real, u3, INPUT) V(Real, u4, INPUT)      \
  V(Real, u5, INPUT) V(Real, u6, INPUT) V(Real, u7, INPUT) V(Real, u8, INPUT) V(Real, u9, INPUT)      \
  V(Real, y0, OUTPUT) V(Real, y1, OUTPUT) V(Real, y2, OUTPUT) V(Real, y3, OUTPUT) V(Real, y4, OUTPUT) \
  V(Real, y5, OUTPUT) V(Real, y6, OUTPUT) V(Real, y7, OUTPUT) V(Real, y8, OUTPUT) V(Real, y9, OUTPUT)
#include "fmu2_model.h"

static void model_start(model *m) { (void)m; }

static fmi2Status model_outputs(instance *self) {
  (void)self;
  return fmi2OK;
}

/* In a ring of them each y is the number of steps. */
static fmi2Status model_step(instance *self, double t, double h) {
  (void)t, (void)h;
  model *m = &self->m;
  const double u[] = {m->u0, m->u1, m->u2, m->u3, m->u4, m->u5, m->u6, m->u7, m->u8, m->u9};
  double *const y[] = {&m->y0, &m->y1, &m->y2, &m->y3, &m->y4, &m->y5, &m->y6, &m->y7, &m->y8, &m->y9};
  for (int i = 0; i < 10; i++) *y[i] = u[i] + 1;
  return fmi2OK;
}
