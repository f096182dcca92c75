/*
 * y = k u + b without a delay of its own, at any time: a getter answers for the inputs as they are now. Two of them in a
 * ring are an algebraic loop; a chain shows in which order a master initialises.
 */
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90201}"
#define MODEL_VARIABLES(V) \
  V(Real, u, INPUT)        \
  V(Real, y, OUTPUT)       \
  V(Real, k, TUNABLE)      \
  V(Real, b, TUNABLE)
#define MODEL_OWN_DERIVATIVES
#define MODEL_LIVE INITIALIZATION | STEP_COMPLETE
#include "fmu2_model.h"

static void model_start(model *m) { m->k = 1.0; }

static fmi2Status model_outputs(instance *self) {
  self->m.y = self->m.k * self->m.u + self->m.b;
  return fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)self, (void)t, (void)h;
  return fmi2OK;
}

/* dy = k du + u dk + db */
fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference unknown[], size_t nUnknown,
                                        const fmi2ValueReference known[], size_t nKnown, const fmi2Real dKnown[],
                                        fmi2Real dUnknown[]) {
  enum { U, Y, K, B };
  ENTER("fmi2GetDirectionalDerivative", INITIALIZATION | STEP_COMPLETE);
  double dy = 0;
  for (size_t i = 0; i < nKnown; i++) {
    if (known[i] != U && known[i] != K && known[i] != B) return refuse(self, "fmi2GetDirectionalDerivative", "no known");
    dy += (known[i] == U ? self->m.k : known[i] == K ? self->m.u : 1) * dKnown[i];
  }
  for (size_t i = 0; i < nUnknown; i++) {
    if (unknown[i] != Y) return refuse(self, "fmi2GetDirectionalDerivative", "no unknown");
    dUnknown[i] = dy;
  }
  return fmi2OK;
}
