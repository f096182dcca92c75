/* Getting and setting values by value reference (FMI 2.0.4, section 2.1.7). */
#include <string.h>

#include "instance.h"

/* -- Getting values ------------------------------------------------------------------------------------------------- */

static const char *type_name(tb_type type) {
  return type == TB_REAL ? "Real" : type == TB_INTEGER ? "Integer" : tb_type_name(type);
}

static const tb_variable *find(instance *m, const char *function, fmi2ValueReference vr, tb_type type) {
  const tb_variable *v = tb_bridge_find_of_type(m->bridge, vr, type);
  if (v != NULL && v->type == type) return v;
  if (v == NULL)
    tb_fmi2_fail(m, "%s: there is no variable with value reference %u", function, vr);
  else
    tb_fmi2_fail(m, "%s: the variable with value reference %u is of type %s", function, vr, type_name(v->type));
  return NULL;
}

static const tb_variable *find_readable(instance *m, const char *function, fmi2ValueReference vr, tb_type type) {
  const tb_variable *v = find(m, function, vr, type);
  return v == NULL || !tb_bridge_is_computed(v) || tb_fmi2_settle(m) ? v : NULL;
}

#define REQUIRE_ARRAYS(m, function, n, vr, value) \
  if ((n) > 0 && ((vr) == NULL || (value) == NULL)) return tb_fmi2_fail(m, "%s: an array is missing", function)

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Real value[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2GetReal");
  REQUIRE_ARRAYS(m, "fmi2GetReal", nvr, vr, value);
  if (tb_bridge_get_real_outputs(m->bridge, vr, nvr, value)) return fmi2OK;
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find_readable(m, "fmi2GetReal", vr[i], TB_REAL);
    if (v == NULL) return fmi2Error;
    value[i] = tb_bridge_get_real(m->bridge, v);
  }
  return fmi2OK;
}

fmi2Status fmi2GetInteger(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Integer value[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2GetInteger");
  REQUIRE_ARRAYS(m, "fmi2GetInteger", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find_readable(m, "fmi2GetInteger", vr[i], TB_INTEGER);
    if (v == NULL) return fmi2Error;
    value[i] = (fmi2Integer)tb_bridge_get_integer(m->bridge, v);
  }
  return fmi2OK;
}

fmi2Status fmi2GetBoolean(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Boolean value[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2GetBoolean");
  REQUIRE_ARRAYS(m, "fmi2GetBoolean", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find_readable(m, "fmi2GetBoolean", vr[i], TB_BOOLEAN);
    if (v == NULL) return fmi2Error;
    value[i] = tb_bridge_get_integer(m->bridge, v) != 0;
  }
  return fmi2OK;
}

fmi2Status fmi2GetString(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2String value[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2GetString");
  REQUIRE_ARRAYS(m, "fmi2GetString", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find_readable(m, "fmi2GetString", vr[i], TB_STRING);
    if (v == NULL) return fmi2Error;
    value[i] = tb_bridge_get_string(m->bridge, v);
  }
  return fmi2OK;
}

/* -- Setting values ------------------------------------------------------------------------------------------------- */

/* A fixed parameter may be set late to the value that it has: libcosim sets all start values twice. */
static bool is_settable(instance *m, const char *function, const tb_variable *v, bool unchanged) {
  const char *why = tb_bridge_why_not_settable(m->bridge, v, m->state == INSTANTIATED);
  if (why == NULL || (unchanged && v->kind == TB_PARAMETER)) return true;
  tb_fmi2_fail(m, "%s: the variable with value reference %u is %s", function, v->value_reference, why);
  return false;
}

enum { SETTABLE = INSTANTIATED | INITIALIZATION | STEPPING };

fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2Real value[]) {
  instance *m = c;
  REQUIRE(m, SETTABLE, "fmi2SetReal");
  REQUIRE_ARRAYS(m, "fmi2SetReal", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find(m, "fmi2SetReal", vr[i], TB_REAL);
    if (v == NULL || !is_settable(m, "fmi2SetReal", v, tb_bridge_get_real(m->bridge, v) == value[i])) return fmi2Error;
    tb_bridge_set_real(m->bridge, v, value[i]);
  }
  return fmi2OK;
}

fmi2Status fmi2SetInteger(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2Integer value[]) {
  instance *m = c;
  REQUIRE(m, SETTABLE, "fmi2SetInteger");
  REQUIRE_ARRAYS(m, "fmi2SetInteger", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find(m, "fmi2SetInteger", vr[i], TB_INTEGER);
    if (v == NULL || !is_settable(m, "fmi2SetInteger", v, tb_bridge_get_integer(m->bridge, v) == value[i])) return fmi2Error;
    tb_bridge_set_integer(m->bridge, v, value[i]);
  }
  return fmi2OK;
}

fmi2Status fmi2SetBoolean(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2Boolean value[]) {
  instance *m = c;
  REQUIRE(m, SETTABLE, "fmi2SetBoolean");
  REQUIRE_ARRAYS(m, "fmi2SetBoolean", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find(m, "fmi2SetBoolean", vr[i], TB_BOOLEAN);
    if (v == NULL || !is_settable(m, "fmi2SetBoolean", v, tb_bridge_get_integer(m->bridge, v) == (value[i] != 0))) return fmi2Error;
    tb_bridge_set_integer(m->bridge, v, value[i] != 0);
  }
  return fmi2OK;
}

fmi2Status fmi2SetString(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2String value[]) {
  instance *m = c;
  REQUIRE(m, SETTABLE, "fmi2SetString");
  REQUIRE_ARRAYS(m, "fmi2SetString", nvr, vr, value);
  for (size_t i = 0; i < nvr; i++) {
    if (value[i] == NULL) return tb_fmi2_fail(m, "fmi2SetString: the value for value reference %u is missing", vr[i]);
    const tb_variable *v = find(m, "fmi2SetString", vr[i], TB_STRING);
    if (v == NULL) return fmi2Error;
    if (!is_settable(m, "fmi2SetString", v, strcmp(tb_bridge_get_string(m->bridge, v), value[i]) == 0)) return fmi2Error;
    if (!tb_bridge_set_string(m->bridge, v, value[i]))
      return tb_fmi2_fail(m, "fmi2SetString: %zu bytes are too long for value reference %u, which holds %u; raise its maxLength",
                  strlen(value[i]), vr[i], v->string_capacity - 1);
  }
  return fmi2OK;
}
