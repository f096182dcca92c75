/* Getting and setting values by value reference, arrays with all their elements (FMI 3.0.2, section 2.2.7). */
#include <string.h>

#include "instance.h"

/* -- What every getter and setter checks ----------------------------------------------------------------------------- */

static const tb_variable *find(instance *m, const char *function, fmi3ValueReference vr, tb_type type) {
  const tb_variable *v = tb_bridge_find(m->bridge, vr);
  if (v != NULL && v->type == type) return v;
  if (v == NULL)
    tb_fmi3_fail(m, "%s: there is no variable with value reference %u", function, vr);
  else
    tb_fmi3_fail(m, "%s: the variable with value reference %u is of type %s", function, vr, tb_type_name(v->type));
  return NULL;
}

static const tb_variable *find_settable(instance *m, const char *function, fmi3ValueReference vr, tb_type type) {
  const tb_variable *v = find(m, function, vr, type);
  const char *why = v == NULL ? NULL : tb_bridge_why_not_settable(m->bridge, v, m->state == INSTANTIATED);
  if (why == NULL) return v;
  tb_fmi3_fail(m, "%s: the variable with value reference %u is %s", function, vr, why);
  return NULL;
}

/* The variables of a call, checked before the first value moves: `n_values` has to be what their elements need. */
static bool check(instance *m, const char *function, const fmi3ValueReference vr[], size_t nvr, const void *values,
                  size_t n_values, tb_type type, bool setting) {
  if ((nvr > 0 && vr == NULL) || (n_values > 0 && values == NULL)) {
    tb_fmi3_fail(m, "%s: an array is missing", function);
    return false;
  }
  size_t needed = 0;
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = setting ? find_settable(m, function, vr[i], type) : find(m, function, vr[i], type);
    if (v == NULL || (!setting && tb_bridge_is_computed(v) && !tb_fmi3_settle(m))) return false;
    needed += v->n_elements;
  }
  if (needed == n_values) return true;
  tb_fmi3_fail(m, "%s: nValues is %zu, the variables have %zu elements", function, n_values, needed);
  return false;
}

/* -- Numbers and Boolean --------------------------------------------------------------------------------------------- */

static double as_double(uint64_t value) {
  double real;
  memcpy(&real, &value, sizeof real);
  return real;
}

static uint64_t of_double(double real) {
  uint64_t value;
  memcpy(&value, &real, sizeof value);
  return value;
}

#define GET(type, tb, from_row)                                                                                      \
  fmi3Status fmi3Get##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3##type values[],           \
                           size_t nValues) {                                                                         \
    instance *m = c;                                                                                                 \
    REQUIRE(m, Get##type);                                                                                           \
    if (!check(m, "fmi3Get" #type, vr, nvr, values, nValues, tb, false)) return fmi3Error;                           \
    for (size_t i = 0, at = 0; i < nvr; i++) {                                                                       \
      uint64_t computed;                                                                                             \
      const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);                                                       \
      const uint64_t *row = tb_bridge_elements(m->bridge, v, &computed);                                             \
      for (uint32_t k = 0; k < v->n_elements; k++) values[at++] = (fmi3##type)from_row(row[k]);                      \
    }                                                                                                                \
    return fmi3OK;                                                                                                   \
  }

#define SET(type, tb, to_row)                                                                                        \
  fmi3Status fmi3Set##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3##type values[],     \
                           size_t nValues) {                                                                         \
    instance *m = c;                                                                                                 \
    REQUIRE(m, Set##type);                                                                                           \
    if (!check(m, "fmi3Set" #type, vr, nvr, values, nValues, tb, true)) return fmi3Error;                            \
    for (size_t i = 0, at = 0; i < nvr; i++) {                                                                       \
      const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);                                                       \
      for (uint32_t k = 0; k < v->n_elements; k++) tb_bridge_set_element(m->bridge, v, k, to_row(values[at++]));     \
    }                                                                                                                \
    return fmi3OK;                                                                                                   \
  }

#define SIGNED_FROM(value) (int64_t)(value)
#define SIGNED_TO(value) (uint64_t)(int64_t)(value)
#define BITS(value) (value)
#define BOOLEAN_FROM(value) ((value) != 0)

#define ACCESS(type, tb, from_row, to_row) GET(type, tb, from_row) SET(type, tb, to_row)
ACCESS(Float32, TB_FLOAT32, as_double, of_double)
SET(Float64, TB_REAL, of_double)
ACCESS(Int8, TB_INT8, SIGNED_FROM, SIGNED_TO)
ACCESS(UInt8, TB_UINT8, BITS, BITS)
ACCESS(Int16, TB_INT16, SIGNED_FROM, SIGNED_TO)
ACCESS(UInt16, TB_UINT16, BITS, BITS)
ACCESS(Int32, TB_INTEGER, SIGNED_FROM, SIGNED_TO)
ACCESS(UInt32, TB_UINT32, BITS, BITS)
ACCESS(Int64, TB_INT64, SIGNED_FROM, SIGNED_TO)
ACCESS(UInt64, TB_UINT64, BITS, BITS)
GET(Boolean, TB_BOOLEAN, BOOLEAN_FROM)

/* By bytes: importers in other languages pass what is no bool of C. */
fmi3Status fmi3SetBoolean(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Boolean values[],
                          size_t nValues) {
  instance *m = c;
  REQUIRE(m, SetBoolean);
  if (!check(m, "fmi3SetBoolean", vr, nvr, values, nValues, TB_BOOLEAN, true)) return fmi3Error;
  const unsigned char *bytes = (const unsigned char *)values;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    for (uint32_t k = 0; k < v->n_elements; k++) tb_bridge_set_element(m->bridge, v, k, bytes[at++] != 0);
  }
  return fmi3OK;
}

/* Most of what is read: outputs go by table, without a look at each variable's description. */
fmi3Status fmi3GetFloat64(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 values[],
                          size_t nValues) {
  instance *m = c;
  REQUIRE(m, GetFloat64);
  if (vr != NULL && values != NULL) {
    if (nvr == nValues && tb_bridge_get_real_outputs(m->bridge, vr, nvr, values)) return fmi3OK;
    if (tb_bridge_get_real_array_outputs(m->bridge, vr, nvr, values, nValues)) return fmi3OK;
  }
  if (!check(m, "fmi3GetFloat64", vr, nvr, values, nValues, TB_REAL, false)) return fmi3Error;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    uint64_t computed;
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    memcpy(&values[at], tb_bridge_elements(m->bridge, v, &computed), v->n_elements * sizeof *values);
    at += v->n_elements;
  }
  return fmi3OK;
}

/* -- Texts and bytes -------------------------------------------------------------------------------------------------- */

fmi3Status fmi3GetString(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3String values[],
                         size_t nValues) {
  instance *m = c;
  REQUIRE(m, GetString);
  if (!check(m, "fmi3GetString", vr, nvr, values, nValues, TB_STRING, false)) return fmi3Error;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    size_t length;
    for (uint32_t k = 0; k < v->n_elements; k++) values[at++] = tb_bridge_text(m->bridge, v, k, &length);
  }
  return fmi3OK;
}

fmi3Status fmi3GetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, size_t sizes[],
                         fmi3Binary values[], size_t nValues) {
  instance *m = c;
  REQUIRE(m, GetBinary);
  if (!check(m, "fmi3GetBinary", vr, nvr, sizes == NULL ? NULL : values, nValues, TB_BINARY, false)) return fmi3Error;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    for (uint32_t k = 0; k < v->n_elements; k++, at++)
      values[at] = (const fmi3Byte *)tb_bridge_text(m->bridge, v, k, &sizes[at]);
  }
  return fmi3OK;
}

static fmi3Status set_text(instance *m, const char *function, const tb_variable *v, uint32_t element,
                           const void *bytes, size_t length) {
  if (bytes == NULL && length > 0)
    return tb_fmi3_fail(m, "%s: a value for value reference %u is missing", function, v->value_reference);
  if (!tb_bridge_set_text(m->bridge, v, element, bytes, length))
    return tb_fmi3_fail(m, "%s: %zu bytes are too long for value reference %u, which holds %u; raise its maxLength",
                        function, length, v->value_reference, v->string_capacity - 1);
  return fmi3OK;
}

fmi3Status fmi3SetString(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3String values[],
                         size_t nValues) {
  instance *m = c;
  REQUIRE(m, SetString);
  if (!check(m, "fmi3SetString", vr, nvr, values, nValues, TB_STRING, true)) return fmi3Error;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    for (uint32_t k = 0; k < v->n_elements; k++, at++) {
      if (values[at] == NULL)
        return tb_fmi3_fail(m, "fmi3SetString: a value for value reference %u is missing", vr[i]);
      if (set_text(m, "fmi3SetString", v, k, values[at], strlen(values[at])) != fmi3OK) return fmi3Error;
    }
  }
  return fmi3OK;
}

fmi3Status fmi3SetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const size_t sizes[],
                         const fmi3Binary values[], size_t nValues) {
  instance *m = c;
  REQUIRE(m, SetBinary);
  if (!check(m, "fmi3SetBinary", vr, nvr, sizes == NULL ? NULL : values, nValues, TB_BINARY, true)) return fmi3Error;
  for (size_t i = 0, at = 0; i < nvr; i++) {
    const tb_variable *v = tb_bridge_find(m->bridge, vr[i]);
    for (uint32_t k = 0; k < v->n_elements; k++, at++)
      if (set_text(m, "fmi3SetBinary", v, k, values[at], sizes[at]) != fmi3OK) return fmi3Error;
  }
  return fmi3OK;
}

/* -- Dependencies: outputs are what was received, they depend on nothing (2.2.10) ---------------------------------------- */

fmi3Status fmi3GetNumberOfVariableDependencies(fmi3Instance c, fmi3ValueReference vr, size_t *nDependencies) {
  instance *m = c;
  REQUIRE(m, GetNumberOfVariableDependencies);
  if (nDependencies == NULL)
    return tb_fmi3_fail(m, "fmi3GetNumberOfVariableDependencies: no place for the number");
  if (tb_bridge_find(m->bridge, vr) == NULL)
    return tb_fmi3_fail(m, "fmi3GetNumberOfVariableDependencies: there is no variable with value reference %u", vr);
  *nDependencies = 0;
  return fmi3OK;
}

fmi3Status fmi3GetVariableDependencies(fmi3Instance c, fmi3ValueReference dependent,
                                       size_t elementIndicesOfDependent[], fmi3ValueReference independents[],
                                       size_t elementIndicesOfIndependents[], fmi3DependencyKind dependencyKinds[],
                                       size_t nDependencies) {
  instance *m = c;
  (void)elementIndicesOfDependent;
  (void)independents;
  (void)elementIndicesOfIndependents;
  (void)dependencyKinds;
  REQUIRE(m, GetVariableDependencies);
  if (tb_bridge_find(m->bridge, dependent) == NULL)
    return tb_fmi3_fail(m, "fmi3GetVariableDependencies: there is no variable with value reference %u", dependent);
  if (nDependencies != 0)
    return tb_fmi3_fail(m, "fmi3GetVariableDependencies: nDependencies is %zu, value reference %u has none",
                        nDependencies, dependent);
  return fmi3OK;
}
