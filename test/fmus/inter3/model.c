/*
 * der(x) = u by the explicit Euler method, with `updates` internal steps in each communication step. After each of them it
 * calls the importer, which may read x, set u for the next one, and ask for an early return.
 */
#include <math.h>
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90306}"
#define MODEL_VARIABLES(V, ARRAY)     \
  V(Float64, u, INTERMEDIATE_INPUT)   \
  V(Float64, x, OUTPUT)               \
  V(Int32, updates, FIXED)            \
  V(UInt32, calls, OUTPUT)
#define MODEL_HAS_INTERMEDIATE_UPDATE
#include "fmi3_model.h"

static void model_start(model *m) { m->updates = 4; }

static fmi3Status model_outputs(instance *self) {
  return self->m.updates > 0 ? fmi3OK : refuse(self, "fmi3ExitInitializationMode", "updates must be positive");
}

/* Calls the importer; answers when it wants the step to end. */
static double intermediate_update(instance *self, double stop) {
  if (self->intermediate_update == NULL) return stop;
  const unsigned state = self->state;
  const double now = self->m.time;
  fmi3Boolean requested = false;
  fmi3Float64 return_time = stop;
  self->m.calls++;
  self->state = INTERMEDIATE;
  self->intermediate_update(self->environment, now, true, true, true, self->early_return_allowed && now < stop,
                            &requested, &return_time);
  self->state = state;
  return requested && self->early_return_allowed ? fmin(fmax(return_time, now), stop) : stop;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  model *m = &self->m;
  const double step = h / m->updates;
  double now = t;
  for (int i = 1; now < end->reached; i++) {
    const double next = i < m->updates ? fmin(t + i * step, end->reached) : end->reached;
    m->x += (next - now) * m->u;
    m->time = now = next;
    end->reached = intermediate_update(self, end->reached);
  }
  return fmi3OK;
}
