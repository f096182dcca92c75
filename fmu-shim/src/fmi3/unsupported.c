/*
 * What the standard has and this FMU has not: model exchange, scheduled execution, structural parameters, derivatives.
 * Each is there, since importers look all functions up, and says so.
 */
#include "instance.h"

static fmi3Status refuse(fmi3Instance c, const char *function, const char *why) {
  instance *m = c;
  return m == NULL ? fmi3Error : tb_fmi3_fail(m, "%s: this FMU %s", function, why);
}

static fmi3Instance no_such_kind(const char *function, const char *kind, fmi3InstanceEnvironment environment,
                                 fmi3LogMessageCallback log_message) {
  instance nobody = {.state = INSTANTIATED, .environment = environment, .log_message = log_message};
  tb_fmi3_fail(&nobody, "%s: this FMU is for co-simulation, not for %s", function, kind);
  return NULL;
}

#include "../fmi/fmi3_refusals.h"

/* -- Structural parameters ---------------------------------------------------------------------------------------------- */

fmi3Status fmi3EnterConfigurationMode(fmi3Instance c) {
  REQUIRE((instance *)c, EnterConfigurationMode);
  return refuse(c, "fmi3EnterConfigurationMode", "has no structural parameters");
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance c) {
  REQUIRE((instance *)c, ExitConfigurationMode);
  return fmi3OK;
}

/* -- Discrete states -------------------------------------------------------------------------------------------------------- */

fmi3Status fmi3EvaluateDiscreteStates(fmi3Instance c) {
  REQUIRE((instance *)c, EvaluateDiscreteStates);
  return refuse(c, "fmi3EvaluateDiscreteStates", "does not provide it");
}
