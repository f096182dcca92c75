/*
 * Passes a scalar of each type of FMI 3.0 on, without a delay of its own. An Enumeration is an Int64. Value references:
 * inputs 1, 3, 5 …, each with its output behind it.
 */
#define MODEL_TOKEN "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90302}"
#define MODEL_VARIABLES(V, ARRAY)                                  \
  V(Float32, float32_in, INPUT) V(Float32, float32_out, OUTPUT)    \
  V(Float64, float64_in, INPUT) V(Float64, float64_out, OUTPUT)    \
  V(Int8, int8_in, DISCRETE) V(Int8, int8_out, OUTPUT)             \
  V(UInt8, uint8_in, DISCRETE) V(UInt8, uint8_out, OUTPUT)         \
  V(Int16, int16_in, DISCRETE) V(Int16, int16_out, OUTPUT)         \
  V(UInt16, uint16_in, DISCRETE) V(UInt16, uint16_out, OUTPUT)     \
  V(Int32, int32_in, DISCRETE) V(Int32, int32_out, OUTPUT)         \
  V(UInt32, uint32_in, DISCRETE) V(UInt32, uint32_out, OUTPUT)     \
  V(Int64, int64_in, DISCRETE) V(Int64, int64_out, OUTPUT)         \
  V(UInt64, uint64_in, DISCRETE) V(UInt64, uint64_out, OUTPUT)     \
  V(Boolean, boolean_in, DISCRETE) V(Boolean, boolean_out, OUTPUT) \
  V(String, string_in, DISCRETE) V(String, string_out, OUTPUT)     \
  V(Binary, binary_in, DISCRETE) V(Binary, binary_out, OUTPUT)     \
  V(Int64, choice_in, DISCRETE) V(Int64, choice_out, OUTPUT)
#include "fmi3_model.h"

static void model_start(model *m) {
  strcpy(m->string_in, "start");
  m->choice_in = 1;
}

#define PASS_ON(name) memcpy(&self->m.name##_out, &self->m.name##_in, sizeof self->m.name##_in)
static fmi3Status model_outputs(instance *self) {
  PASS_ON(float32), PASS_ON(float64);
  PASS_ON(int8), PASS_ON(uint8), PASS_ON(int16), PASS_ON(uint16);
  PASS_ON(int32), PASS_ON(uint32), PASS_ON(int64), PASS_ON(uint64);
  PASS_ON(boolean), PASS_ON(string), PASS_ON(binary), PASS_ON(choice);
  return fmi3OK;
}

static fmi3Status model_step(instance *self, double t, double h, step_end *end) {
  (void)end;
  say(self, fmi3OK, "logSteps", "step from %g s by %g s", t, h);
  return fmi3OK;
}
