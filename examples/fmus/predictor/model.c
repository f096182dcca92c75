/*
 * Predicts where a robot will be at the next communication point, as if it kept its velocity, and says how far its
 * measured position is from what had been predicted: a shadow that needs no model of the robot.
 *
 * The step from t to t + h takes the measurement of t and makes the prediction for t + h, so px, py, pz stand in a
 * result row beside the measurement they foretell. `horizon` moves px, py, pz further ahead; `deviation` always
 * compares the prediction for the measurement's own time.
 *
 * The velocity is the slope of a least-squares line through the measurements of the last `window` seconds. A source
 * slower than the communication step repeats its last value: such a held value is no measurement, and the line goes on
 * through it. Only when nothing changed for `hold_time` seconds, the robot is taken to stand still, and the held value
 * counts again. A source that tells the `age` of its value (a bridge's data_age) gives each measurement its own time, and
 * a gap in the data is then no standstill.
 */
#include <math.h>
#define MODEL_GUID "{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a04}"
#define HISTORY 256
#define MODEL_VARIABLES(V)    \
  V(Real, x, INPUT)           \
  V(Real, y, INPUT)           \
  V(Real, z, INPUT)           \
  V(Real, window, TUNABLE)    \
  V(Real, hold_time, TUNABLE) \
  V(Real, horizon, TUNABLE)   \
  V(Real, px, OUTPUT)         \
  V(Real, py, OUTPUT)         \
  V(Real, pz, OUTPUT)         \
  V(Real, deviation, OUTPUT)  \
  V(Real, age, INPUT)
#define MODEL_STATE                                                              \
  struct { double time, position[3]; } samples[HISTORY]; /* a ring, newest last */ \
  unsigned first, count;                                                         \
  double changed; /* when the measurement last changed, s */                     \
  fmi2Boolean stepped;
#include "fmu2_model.h"

static void model_start(model *m) {
  m->window = 0.5;
  m->hold_time = 0.5;
}

static unsigned newest(const model *m) { return (m->first + m->count - 1) % HISTORY; }

static void add_sample(model *m, double time, const double position[3]) {
  if (m->count == HISTORY) m->first = (m->first + 1) % HISTORY, m->count--;
  m->count++;
  m->samples[newest(m)].time = time;
  memcpy(m->samples[newest(m)].position, position, sizeof m->samples[0].position);
}

/* Keeps the samples of the window, and in any case two: a source slower than the window has a velocity too. */
static void drop_old(model *m, double now) {
  while (m->count > 2 && m->samples[m->first].time < now - m->window) m->first = (m->first + 1) % HISTORY, m->count--;
}

/* Position at time `at` on the least-squares line through the samples. */
static void extrapolate(const model *m, double at, double position[3]) {
  double mean_time = 0, mean[3] = {0, 0, 0}, spread = 0, slope[3] = {0, 0, 0};
  for (unsigned n = 0; n < m->count; n++) {
    unsigned i = (m->first + n) % HISTORY;
    mean_time += m->samples[i].time / m->count;
    for (int axis = 0; axis < 3; axis++) mean[axis] += m->samples[i].position[axis] / m->count;
  }
  for (unsigned n = 0; n < m->count; n++) {
    unsigned i = (m->first + n) % HISTORY;
    double time = m->samples[i].time - mean_time;
    spread += time * time;
    for (int axis = 0; axis < 3; axis++) slope[axis] += time * (m->samples[i].position[axis] - mean[axis]);
  }
  for (int axis = 0; axis < 3; axis++) {
    double velocity = spread > 0 ? slope[axis] / spread : 0;
    position[axis] = mean[axis] + velocity * (at - mean_time);
  }
}

static fmi2Status model_outputs(instance *self) {
  model *m = &self->m;
  if (!m->stepped) m->px = m->x, m->py = m->y, m->pz = m->z; /* nothing known yet but the place */
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  model *m = &self->m;
  const double measured[3] = {m->x, m->y, m->z};
  bool changed = m->count == 0 || memcmp(measured, m->samples[newest(m)].position, sizeof measured) != 0;
  const double taken = t - m->age; /* when it was measured */
  bool fresh = m->count == 0 || taken > m->samples[newest(m)].time;
  if (changed) m->changed = t;
  if (fresh && (changed || t - m->changed >= m->hold_time)) {
    if (m->count > 0) {
      double expected[3];
      extrapolate(m, taken, expected);
      m->deviation = hypot(hypot(measured[0] - expected[0], measured[1] - expected[1]), measured[2] - expected[2]);
    }
    add_sample(m, taken, measured);
  }
  drop_old(m, t);
  double predicted[3];
  extrapolate(m, t + h + m->horizon, predicted);
  m->px = predicted[0], m->py = predicted[1], m->pz = predicted[2];
  m->stepped = fmi2True;
  return fmi2OK;
}
