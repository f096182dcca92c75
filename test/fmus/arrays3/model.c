/*
 * Arrays: y3 = k u3, of three elements; y = k A u, of as many as the structural parameter n says, A being n by n, in
 * row-major order; and a matrix of two by two Int32 that is passed on.
 */
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90303}"
enum { MAX_N = 16 };
#define MODEL_VARIABLES(V, ARRAY)         \
  V(UInt64, n, STRUCTURAL)                \
  V(Float64, k, TUNABLE)                  \
  ARRAY(Float64, u3, 3, INPUT)            \
  ARRAY(Float64, y3, 3, OUTPUT)           \
  ARRAY(Float64, A, MAX_N * MAX_N, FIXED) \
  ARRAY(Float64, u, MAX_N, INPUT)         \
  ARRAY(Float64, y, MAX_N, OUTPUT)        \
  ARRAY(Int32, matrix_in, 4, DISCRETE)    \
  ARRAY(Int32, matrix_out, 4, OUTPUT)
#define MODEL_OWN_DERIVATIVES
#define MODEL_HAS_STRUCTURE
#include "fmi3_model.h"

/* A starts with 1 in its diagonal and 2 to the right of it: rows and columns mistaken for one another show. */
static const char *model_configured(model *m) {
  if (m->n < 1 || m->n > MAX_N) return "n must be from 1 to 16";
  memset(m->A, 0, sizeof m->A);
  memset(m->u, 0, sizeof m->u);
  for (size_t i = 0; i < m->n; i++) {
    m->A[i * m->n + i] = 1;
    if (i + 1 < m->n) m->A[i * m->n + i + 1] = 2;
  }
  return NULL;
}

static void model_start(model *m) {
  m->n = 4;
  m->k = 2;
  model_configured(m);
}

static size_t model_elements(const model *m, fmi3ValueReference vr, size_t capacity) {
  /* In Configuration Mode n may be anything, until fmi3ExitConfigurationMode looks at it. */
  const size_t n = m->n < MAX_N ? m->n : MAX_N;
  (void)vr;
  return capacity == MAX_N * MAX_N ? n * n : capacity == MAX_N ? n : capacity;
}

static fmi3Status model_outputs(instance *self) {
  model *m = &self->m;
  for (size_t i = 0; i < 3; i++) m->y3[i] = m->k * m->u3[i];
  for (size_t i = 0; i < m->n; i++) {
    m->y[i] = 0;
    for (size_t j = 0; j < m->n; j++) m->y[i] += m->k * m->A[i * m->n + j] * m->u[j];
  }
  memcpy(m->matrix_out, m->matrix_in, sizeof m->matrix_out);
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  (void)self, (void)t, (void)h, (void)end;
  return fmi3OK;
}

/* Of y3 by u3: dy3 = k du3, element by element. */
fmi3Status fmi3GetDirectionalDerivative(fmi3Instance c, const fmi3ValueReference unknowns[], size_t nUnknowns,
                                        const fmi3ValueReference knowns[], size_t nKnowns, const fmi3Float64 seed[],
                                        size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity) {
  enum { U3 = 3, Y3 = 4 };
  ENTER("fmi3GetDirectionalDerivative", INITIALIZATION | STEPPING);
  if (nUnknowns != 1 || nKnowns != 1 || unknowns[0] != Y3 || knowns[0] != U3)
    return refuse(self, "fmi3GetDirectionalDerivative", "only of y3 by u3");
  if (nSeed != 3 || nSensitivity != 3) return refuse(self, "fmi3GetDirectionalDerivative", "there are 3 elements");
  for (size_t i = 0; i < 3; i++) sensitivity[i] = self->m.k * seed[i];
  return fmi3OK;
}
