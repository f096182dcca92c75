/* A point mass in space: FMI 2.0 has scalars only, so the arrays are in their names, force[0] to velocity[2]. */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90209}"
#define MODEL_VARIABLES(V)                                                           \
  V(Real, fx, INPUT) V(Real, fy, INPUT) V(Real, fz, INPUT)                           \
  V(Real, x, OUTPUT) V(Real, y, OUTPUT) V(Real, z, OUTPUT)                           \
  V(Real, vx, OUTPUT) V(Real, vy, OUTPUT) V(Real, vz, OUTPUT)                        \
  V(Real, mass, FIXED)
#include "fmu2_model.h"

static void model_start(model *m) { m->mass = 1.0; }

static fmi2Status model_outputs(instance *self) {
  (void)self;
  return fmi2OK;
}

/* Exact: the force is constant during a step. */
static fmi2Status model_step(instance *self, double t, double h) {
  (void)t;
  model *m = &self->m;
  const double force[] = {m->fx, m->fy, m->fz};
  double *const position[] = {&m->x, &m->y, &m->z}, *const velocity[] = {&m->vx, &m->vy, &m->vz};
  for (int i = 0; i < 3; i++) {
    const double acceleration = force[i] / m->mass;
    *position[i] += h * (*velocity[i] + h * acceleration / 2);
    *velocity[i] += h * acceleration;
  }
  return fmi2OK;
}
