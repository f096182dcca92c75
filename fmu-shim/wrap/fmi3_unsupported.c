/*
 * What the standard has and does not go to an FMU elsewhere: model exchange, scheduled execution, derivatives, intervals that
 * are set or given as fractions. Each is there, since importers look all functions up, and says so; modelDescription.xml
 * promises none of them.
 */
#include "instance3.h"

static fmi3Status refuse(fmi3Instance c, const char *function, const char *why) {
  char text[256];
  snprintf(text, sizeof text, "this FMU %s", why);
  return c == NULL ? fmi3Error : tb_fmi3_refuse(c, function, text);
}

static fmi3Instance no_such_kind(const char *function, const char *kind, fmi3InstanceEnvironment environment,
                                 fmi3LogMessageCallback log_message) {
  char why[128];
  tb_fmi3_instance nobody = {.state = INSTANTIATED, .environment = environment, .log_message = log_message};
  snprintf(why, sizeof why, "is for co-simulation, not for %s", kind);
  refuse(&nobody, function, why);
  return NULL;
}

#include "../src/fmi/fmi3_refusals.h"

/* -- Dependencies, discrete states ---------------------------------------------------------------------------------------- */

fmi3Status fmi3GetNumberOfVariableDependencies(fmi3Instance c, fmi3ValueReference vr, size_t *nDependencies) {
  (void)vr;
  (void)nDependencies;
  return refuse(c, "fmi3GetNumberOfVariableDependencies", "does not tell dependencies of elements");
}

fmi3Status fmi3GetVariableDependencies(fmi3Instance c, fmi3ValueReference dependent,
                                       size_t elementIndicesOfDependent[], fmi3ValueReference independents[],
                                       size_t elementIndicesOfIndependents[], fmi3DependencyKind dependencyKinds[],
                                       size_t nDependencies) {
  (void)dependent;
  (void)elementIndicesOfDependent;
  (void)independents;
  (void)elementIndicesOfIndependents;
  (void)dependencyKinds;
  (void)nDependencies;
  return refuse(c, "fmi3GetVariableDependencies", "does not tell dependencies of elements");
}

fmi3Status fmi3EvaluateDiscreteStates(fmi3Instance c) {
  return refuse(c, "fmi3EvaluateDiscreteStates", "does not provide it");
}

/* -- Clocks ------------------------------------------------------------------------------------------------------------------ */

#define NO_FRACTIONS "gives intervals in seconds only: use fmi3GetIntervalDecimal, fmi3GetShiftDecimal"
#define NOT_SET "runs elsewhere, and its intervals cannot be set"

fmi3Status fmi3GetIntervalFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3UInt64 counters[],
                                   fmi3UInt64 resolutions[], fmi3IntervalQualifier qualifiers[]) {
  (void)vr;
  (void)nvr;
  (void)counters;
  (void)resolutions;
  (void)qualifiers;
  return refuse(c, "fmi3GetIntervalFraction", NO_FRACTIONS);
}

fmi3Status fmi3GetShiftFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3UInt64 counters[],
                                fmi3UInt64 resolutions[]) {
  (void)vr;
  (void)nvr;
  (void)counters;
  (void)resolutions;
  return refuse(c, "fmi3GetShiftFraction", NO_FRACTIONS);
}

fmi3Status fmi3SetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                  const fmi3Float64 intervals[]) {
  (void)vr;
  (void)nvr;
  (void)intervals;
  return refuse(c, "fmi3SetIntervalDecimal", NOT_SET);
}

fmi3Status fmi3SetIntervalFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                   const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]) {
  (void)vr;
  (void)nvr;
  (void)counters;
  (void)resolutions;
  return refuse(c, "fmi3SetIntervalFraction", NOT_SET);
}

fmi3Status fmi3SetShiftDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Float64 shifts[]) {
  (void)vr;
  (void)nvr;
  (void)shifts;
  return refuse(c, "fmi3SetShiftDecimal", NOT_SET);
}

fmi3Status fmi3SetShiftFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3UInt64 counters[],
                                const fmi3UInt64 resolutions[]) {
  (void)vr;
  (void)nvr;
  (void)counters;
  (void)resolutions;
  return refuse(c, "fmi3SetShiftFraction", NOT_SET);
}
