/*
 * What the standard has and does not go to an FMU elsewhere: model exchange, scheduled execution, derivatives, intervals that
 * are set or given as fractions. Each is there, since importers look all functions up, and says so; modelDescription.xml
 * promises none of them.
 */
#include "instance3.h"

static fmi3Status refuse(fmi3Instance c, const char *function, const char *why) {
  return c == NULL ? fmi3Error : tb_fmi3_refuse(c, function, why);
}

static fmi3Instance refuse_kind(const char *function, const char *why, fmi3InstanceEnvironment environment,
                                fmi3LogMessageCallback log_message) {
  tb_fmi3_instance nobody = {.state = INSTANTIATED, .environment = environment, .log_message = log_message};
  tb_fmi3_refuse(&nobody, function, why);
  return NULL;
}

#define NOT_MODEL_EXCHANGE "this FMU is for co-simulation, not for model exchange"
#define NOT_SCHEDULED_EXECUTION "this FMU is for co-simulation, not for scheduled execution"

fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken,
                                          fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                          fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage) {
  (void)instanceName;
  (void)instantiationToken;
  (void)resourcePath;
  (void)visible;
  (void)loggingOn;
  return refuse_kind("fmi3InstantiateModelExchange", NOT_MODEL_EXCHANGE, environment, logMessage);
}

fmi3Instance fmi3InstantiateScheduledExecution(fmi3String instanceName, fmi3String instantiationToken,
                                               fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                               fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage,
                                               fmi3ClockUpdateCallback clockUpdate,
                                               fmi3LockPreemptionCallback lockPreemption,
                                               fmi3UnlockPreemptionCallback unlockPreemption) {
  (void)instanceName;
  (void)instantiationToken;
  (void)resourcePath;
  (void)visible;
  (void)loggingOn;
  (void)clockUpdate;
  (void)lockPreemption;
  (void)unlockPreemption;
  return refuse_kind("fmi3InstantiateScheduledExecution", NOT_SCHEDULED_EXECUTION, environment, logMessage);
}

/* -- Dependencies, derivatives, discrete states --------------------------------------------------------------------------- */

fmi3Status fmi3GetNumberOfVariableDependencies(fmi3Instance c, fmi3ValueReference vr, size_t *nDependencies) {
  (void)vr;
  (void)nDependencies;
  return refuse(c, "fmi3GetNumberOfVariableDependencies", "this FMU does not tell dependencies of elements");
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
  return refuse(c, "fmi3GetVariableDependencies", "this FMU does not tell dependencies of elements");
}

fmi3Status fmi3GetDirectionalDerivative(fmi3Instance c, const fmi3ValueReference unknowns[], size_t nUnknowns,
                                        const fmi3ValueReference knowns[], size_t nKnowns, const fmi3Float64 seed[],
                                        size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity) {
  (void)unknowns;
  (void)nUnknowns;
  (void)knowns;
  (void)nKnowns;
  (void)seed;
  (void)nSeed;
  (void)sensitivity;
  (void)nSensitivity;
  return refuse(c, "fmi3GetDirectionalDerivative", "this FMU provides no directional derivatives");
}

fmi3Status fmi3GetAdjointDerivative(fmi3Instance c, const fmi3ValueReference unknowns[], size_t nUnknowns,
                                    const fmi3ValueReference knowns[], size_t nKnowns, const fmi3Float64 seed[],
                                    size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity) {
  (void)unknowns;
  (void)nUnknowns;
  (void)knowns;
  (void)nKnowns;
  (void)seed;
  (void)nSeed;
  (void)sensitivity;
  (void)nSensitivity;
  return refuse(c, "fmi3GetAdjointDerivative", "this FMU provides no adjoint derivatives");
}

fmi3Status fmi3GetOutputDerivatives(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                    const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues) {
  (void)vr;
  (void)orders;
  (void)values;
  if (c != NULL && nvr == 0 && nValues == 0) return fmi3OK;
  return refuse(c, "fmi3GetOutputDerivatives", "this FMU does not tell derivatives of its outputs");
}

fmi3Status fmi3EvaluateDiscreteStates(fmi3Instance c) {
  return refuse(c, "fmi3EvaluateDiscreteStates", "this FMU does not provide it");
}

/* -- Clocks ------------------------------------------------------------------------------------------------------------------ */

#define NO_FRACTIONS "this FMU gives intervals in seconds only: use fmi3GetIntervalDecimal, fmi3GetShiftDecimal"
#define NOT_SET "intervals cannot be set of an FMU that runs elsewhere"

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

/* -- Model exchange, scheduled execution ------------------------------------------------------------------------------------- */

fmi3Status fmi3EnterContinuousTimeMode(fmi3Instance c) {
  return refuse(c, "fmi3EnterContinuousTimeMode", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3CompletedIntegratorStep(fmi3Instance c, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
                                       fmi3Boolean *enterEventMode, fmi3Boolean *terminateSimulation) {
  (void)noSetFMUStatePriorToCurrentPoint;
  (void)enterEventMode;
  (void)terminateSimulation;
  return refuse(c, "fmi3CompletedIntegratorStep", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3SetTime(fmi3Instance c, fmi3Float64 time) {
  (void)time;
  return refuse(c, "fmi3SetTime", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3SetContinuousStates(fmi3Instance c, const fmi3Float64 states[], size_t nStates) {
  (void)states;
  (void)nStates;
  return refuse(c, "fmi3SetContinuousStates", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetContinuousStateDerivatives(fmi3Instance c, fmi3Float64 derivatives[], size_t nStates) {
  (void)derivatives;
  (void)nStates;
  return refuse(c, "fmi3GetContinuousStateDerivatives", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetEventIndicators(fmi3Instance c, fmi3Float64 indicators[], size_t nIndicators) {
  (void)indicators;
  (void)nIndicators;
  return refuse(c, "fmi3GetEventIndicators", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetContinuousStates(fmi3Instance c, fmi3Float64 states[], size_t nStates) {
  (void)states;
  (void)nStates;
  return refuse(c, "fmi3GetContinuousStates", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetNominalsOfContinuousStates(fmi3Instance c, fmi3Float64 nominals[], size_t nStates) {
  (void)nominals;
  (void)nStates;
  return refuse(c, "fmi3GetNominalsOfContinuousStates", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetNumberOfEventIndicators(fmi3Instance c, size_t *nIndicators) {
  (void)nIndicators;
  return refuse(c, "fmi3GetNumberOfEventIndicators", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3GetNumberOfContinuousStates(fmi3Instance c, size_t *nStates) {
  (void)nStates;
  return refuse(c, "fmi3GetNumberOfContinuousStates", NOT_MODEL_EXCHANGE);
}

fmi3Status fmi3ActivateModelPartition(fmi3Instance c, fmi3ValueReference clockReference, fmi3Float64 activationTime) {
  (void)clockReference;
  (void)activationTime;
  return refuse(c, "fmi3ActivateModelPartition", NOT_SCHEDULED_EXECUTION);
}
