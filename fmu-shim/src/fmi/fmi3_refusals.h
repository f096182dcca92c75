/*
 * What FMI 3.0 has and no FMU that is built here: model exchange, scheduled execution, derivatives. Each function is there,
 * since importers look all of them up, and says so. To be included where these say it:
 *
 *   static fmi3Status refuse(fmi3Instance c, const char *function, const char *why);
 *   static fmi3Instance no_such_kind(const char *function, const char *kind, fmi3InstanceEnvironment environment,
 *                                    fmi3LogMessageCallback log_message);
 *
 * `why` goes on from "this FMU "; of NULL, refuse answers fmi3Error.
 */
fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken,
                                          fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                          fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage) {
  (void)instanceName;
  (void)instantiationToken;
  (void)resourcePath;
  (void)visible;
  (void)loggingOn;
  return no_such_kind("fmi3InstantiateModelExchange", "model exchange", environment, logMessage);
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
  return no_such_kind("fmi3InstantiateScheduledExecution", "scheduled execution", environment, logMessage);
}

/* -- Derivatives ----------------------------------------------------------------------------------------------------------- */

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
  return refuse(c, "fmi3GetDirectionalDerivative", "provides no directional derivatives");
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
  return refuse(c, "fmi3GetAdjointDerivative", "provides no adjoint derivatives");
}

fmi3Status fmi3GetOutputDerivatives(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                    const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues) {
  (void)vr;
  (void)orders;
  (void)values;
  if (c != NULL && nvr == 0 && nValues == 0) return fmi3OK;
  return refuse(c, "fmi3GetOutputDerivatives", "has outputs without derivatives");
}

/* -- Model exchange ------------------------------------------------------------------------------------------------------- */

#define NOT_MODEL_EXCHANGE "is for co-simulation, not for model exchange"

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

/* -- Scheduled execution ---------------------------------------------------------------------------------------------------- */

fmi3Status fmi3ActivateModelPartition(fmi3Instance c, fmi3ValueReference clockReference, fmi3Float64 activationTime) {
  (void)clockReference;
  (void)activationTime;
  return refuse(c, "fmi3ActivateModelPartition", "is for co-simulation, not for scheduled execution");
}
