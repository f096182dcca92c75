/* A ball that bounces, exactly: within a step from impact to impact, until it has as good as no speed left. */
#include <math.h>
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90205}"
#define MODEL_VARIABLES(V)      \
  V(Real, height, OUTPUT)       \
  V(Real, velocity, OUTPUT)     \
  V(Integer, bounces, OUTPUT)   \
  V(Real, last_impact, OUTPUT)  \
  V(Real, h0, FIXED)            \
  V(Real, e, FIXED)             \
  V(Real, g, FIXED)
#define MODEL_STATE bool started, resting;
#include "fmu2_model.h"

static void model_start(model *m) {
  m->h0 = 1.0;
  m->e = 0.7;
  m->g = 9.81;
}

static fmi2Status model_outputs(instance *self) {
  if (!self->m.started) self->m.height = self->m.h0;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  model *m = &self->m;
  m->started = true;
  for (double left = h; left > 0 && !m->resting;) {
    const double impact = sqrt(m->velocity * m->velocity + 2 * m->g * m->height); /* speed at the ground, m/s */
    const double flight = (m->velocity + impact) / m->g;
    if (flight > left) {
      m->height = fmax(0, m->height + left * (m->velocity - m->g * left / 2));
      m->velocity -= m->g * left;
      return fmi2OK;
    }
    left -= flight;
    m->height = 0;
    m->velocity = m->e * impact;
    m->resting = m->velocity < 1e-9;
    m->last_impact = t + h - left;
    m->bounces++;
  }
  if (m->resting) m->velocity = 0;
  return fmi2OK;
}
