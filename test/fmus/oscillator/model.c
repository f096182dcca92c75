/*
 * A body on a spring and a damper; by a second spring and damper it may hang on another body, whose position and velocity
 * are inputs. Two of them are the two-mass oscillator: one, with ck = dk = 0, is driven by the force f that the other,
 * driven by the first one's motion, answers as f_out.
 *
 *   m der(v) = -c x - d v - ck (x - x_in) - dk (v - v_in) + f,   der(x) = v,   f_out = ck (x - x_in) + dk (v - v_in)
 *
 * The inputs are constant during a step, so that its end is known exactly.
 */
#include <math.h>
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90204}"
#define MODEL_VARIABLES(V) \
  V(Real, f, INPUT)        \
  V(Real, x_in, INPUT)     \
  V(Real, v_in, INPUT)     \
  V(Real, x, OUTPUT)       \
  V(Real, v, OUTPUT)       \
  V(Real, f_out, OUTPUT)   \
  V(Real, m, FIXED)        \
  V(Real, c, FIXED)        \
  V(Real, d, FIXED)        \
  V(Real, ck, FIXED)       \
  V(Real, dk, FIXED)       \
  V(Real, x0, FIXED)       \
  V(Real, v0, FIXED)
#define MODEL_STATE bool started;
#define MODEL_LIVE INITIALIZATION | STEP_COMPLETE
#include "fmu2_model.h"

static void model_start(model *m) {
  m->m = 1.0;
  m->c = 1.0;
}

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  if (self->state == INITIALIZATION && !(m->m > 0 && m->c + m->ck > 0))
    return refuse(self, "fmi2ExitInitializationMode", "the mass and the sum of the spring constants must be positive");
  if (!m->started) m->x = m->x0, m->v = m->v0;
  m->f_out = m->ck * (m->x - m->x_in) + m->dk * (m->v - m->v_in);
  return fmi2OK;
}

/* With the distance z from rest: der(z, v) = A (z, v), whose exponential is exp(-delta h) (C + S (A + delta)). */
static fmi2Status model_step(instance *self, double t, double h) {
  (void)t;
  model *m = &self->m;
  m->started = true;
  const double stiffness = (m->c + m->ck) / m->m, delta = (m->d + m->dk) / (2 * m->m);
  const double rest = (m->f + m->ck * m->x_in + m->dk * m->v_in) / (m->c + m->ck);
  const double z = m->x - rest, v = m->v, square = delta * delta - stiffness, w = sqrt(fabs(square));
  const double C = square < 0 ? cos(w * h) : cosh(w * h);
  const double S = w == 0 ? h : (square < 0 ? sin(w * h) : sinh(w * h)) / w;
  const double decay = exp(-delta * h);
  m->x = rest + decay * (C * z + S * (delta * z + v));
  m->v = decay * (C * v - S * (stiffness * z + delta * v));
  return fmi2OK;
}
