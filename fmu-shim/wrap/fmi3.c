/*
 * FMI 3.0 for Co-Simulation in front of an FMU elsewhere: the standard's state machine and checks of the arguments; the rest is
 * the FMU's own (behind.h). Values are in fmi3_values.c, and what does not go over the wire is refused in fmi3_unsupported.c.
 */
#include <float.h>
#include <math.h>

#include "../src/fmi/resources.h"
#include "instance3.h"
#include "saved.h"

typedef tb_fmi3_instance instance;

static const char *state_name(state s) {
  switch (s) {
    case INSTANTIATED: return "instantiated";
    case CONFIGURATION: return "in Configuration Mode";
    case INITIALIZATION: return "in Initialization Mode";
    case EVENT: return "in Event Mode";
    case STEP: return "in Step Mode";
    case STEP_DISCARDED: return "in Step Mode, after a discarded step";
    case RECONFIGURATION: return "in Reconfiguration Mode";
    case TERMINATED: return "terminated";
    case RESET_FAILED: return "of no more use, since fmi3Reset failed";
    default: return "in the error state";
  }
}

static void tell(void *context, int32_t status, const char *category, const char *text) {
  const instance *m = context;
  if (m->log_message != NULL) m->log_message(m->environment, (fmi3Status)status, category, text);
}

fmi3Status tb_fmi3_refuse(instance *m, const char *function, const char *why) {
  char text[512];
  snprintf(text, sizeof text, "%s: %s", function, why);
  tell(m, fmi3Error, TB_STATUS_ERROR, text);
  return fmi3Error;
}

bool tb_fmi3_is_allowed(instance *m, unsigned states, const char *function) {
  char text[256];
  if (m == NULL) return false;
  if (m->state & states) return true;
  snprintf(text, sizeof text, "%s must not be called when the FMU is %s", function, state_name(m->state));
  tell(m, fmi3Error, TB_STATUS_ERROR, text);
  return false;
}

/* What is allowed after an error is for the FMU behind to say, as long as there is one. */
static fmi3Status settle(instance *m, int status) {
  if (status == TB_ERROR && tb_behind_is_gone(m->behind)) m->state = ERROR;
  return (fmi3Status)status;
}

#define ASK(m, function, call) settle(m, TB_ASK((m)->behind, function, call))

static bool is_done(fmi3Status status) { return status == fmi3OK || status == fmi3Warning; }

/* -- Inquiry, life ------------------------------------------------------------------------------------------------------------ */

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Instance fmi3InstantiateCoSimulation(fmi3String instanceName, fmi3String instantiationToken,
                                         fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                         fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
                                         const fmi3ValueReference requiredIntermediateVariables[],
                                         size_t nRequiredIntermediateVariables, fmi3InstanceEnvironment environment,
                                         fmi3LogMessageCallback logMessage,
                                         fmi3IntermediateUpdateCallback intermediateUpdate) {
  static const char NAME[] = "fmi3InstantiateCoSimulation";
  (void)visible;
  (void)requiredIntermediateVariables;
  (void)intermediateUpdate;
  instance *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  *m = (instance){.state = INSTANTIATED, .environment = environment, .log_message = logMessage, .event_mode = eventModeUsed};
  const char *name = instanceName != NULL ? instanceName : "";
  char resources[4096];
  if (name[0] == '\0') {
    tb_fmi3_refuse(m, NAME, "the instance needs a name");
  } else if (nRequiredIntermediateVariables > 0) {
    tb_fmi3_refuse(m, NAME, "this FMU has no intermediate updates, and variables are required in them");
  } else if (!tb_resources_path(resourcePath, resources, sizeof resources)) {
    tb_fmi3_refuse(m, NAME, "cannot make a path of the resource path");
  } else {
    const tb_behind_how how = {.name = name,
                               .guid = instantiationToken == NULL ? "" : instantiationToken,
                               .logging_on = loggingOn,
                               .event_mode = eventModeUsed,
                               .early_return = earlyReturnAllowed};
    m->behind = tb_behind_create(resources, &how, NAME, tell, m);
    if (m->behind != NULL) return m;
  }
  free(m);
  return NULL;
}

void fmi3FreeInstance(fmi3Instance c) {
  instance *m = c;
  if (m == NULL) return;
  tb_behind_begin(m->behind, "fmi3FreeInstance");
  tb_behind_free(m->behind);
  free(m);
}

fmi3Status fmi3SetDebugLogging(fmi3Instance c, fmi3Boolean loggingOn, size_t nCategories,
                               const fmi3String categories[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi3SetDebugLogging");
  if (nCategories > 0 && categories == NULL) return tb_fmi3_refuse(m, "fmi3SetDebugLogging", "an array is missing");
  /* Not everybody's FMUs have it, and a server may not pass it on: messages come as they come. */
  return (fmi3Status)TB_ASK_OR(m->behind, "fmi3SetDebugLogging",
                               tb_instance_debug_logging(m->behind->instance, loggingOn, (uint32_t)nCategories, categories),
                               fmi3OK);
}

/* -- Initialization, configuration, termination, reset -------------------------------------------------------------------------- */

fmi3Status fmi3EnterInitializationMode(fmi3Instance c, fmi3Boolean toleranceDefined, fmi3Float64 tolerance,
                                       fmi3Float64 startTime, fmi3Boolean stopTimeDefined, fmi3Float64 stopTime) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED, "fmi3EnterInitializationMode");
  if (!isfinite(startTime)) return tb_fmi3_refuse(m, "fmi3EnterInitializationMode", "the start time is no number");
  if (stopTimeDefined && !(stopTime >= startTime))
    return tb_fmi3_refuse(m, "fmi3EnterInitializationMode", "the stop time lies before the start time");
  const fmi3Status status =
      ASK(m, "fmi3EnterInitializationMode",
          tb_behind_enter_initialization(m->behind, startTime, stopTimeDefined, stopTimeDefined ? stopTime : 0,
                                         toleranceDefined, toleranceDefined ? tolerance : 0));
  m->behind->time = startTime;
  if (is_done(status)) m->state = INITIALIZATION;
  return status;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, INITIALIZATION, "fmi3ExitInitializationMode");
  const fmi3Status status = ASK(m, "fmi3ExitInitializationMode", tb_behind_exit_initialization(m->behind));
  if (is_done(status)) m->state = m->event_mode ? EVENT : STEP;
  return status;
}

fmi3Status fmi3EnterConfigurationMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED | STEPPING | EVENT, "fmi3EnterConfigurationMode");
  const fmi3Status status =
      (fmi3Status)TB_ASK(m->behind, "fmi3EnterConfigurationMode", tb_instance_configuration_mode(m->behind->instance, 1));
  if (is_done(status)) m->state = m->state == INSTANTIATED ? CONFIGURATION : RECONFIGURATION;
  return status;
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, CONFIGURATION | RECONFIGURATION, "fmi3ExitConfigurationMode");
  const fmi3Status status =
      ASK(m, "fmi3ExitConfigurationMode", tb_instance_configuration_mode(m->behind->instance, 0));
  if (is_done(status)) m->state = m->state == CONFIGURATION ? INSTANTIATED : m->event_mode ? EVENT : STEP;
  return status;
}

fmi3Status fmi3Terminate(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, RUNNING, "fmi3Terminate");
  const fmi3Status status = ASK(m, "fmi3Terminate", tb_instance_terminate(m->behind->instance));
  if (is_done(status)) m->state = TERMINATED;
  return status;
}

fmi3Status fmi3Reset(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi3Reset");
  tb_behind_begin(m->behind, "fmi3Reset");
  const fmi3Status status = (fmi3Status)tb_behind_reset(m->behind);
  m->state = is_done(status) ? INSTANTIATED : RESET_FAILED;
  m->behind->time = 0;
  return status;
}

/* -- Event Mode and Step Mode ---------------------------------------------------------------------------------------------------- */

fmi3Status fmi3EnterEventMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi3EnterEventMode");
  if (!m->event_mode) return tb_fmi3_refuse(m, "fmi3EnterEventMode", "the FMU was instantiated without eventModeUsed");
  const fmi3Status status = ASK(m, "fmi3EnterEventMode", tb_instance_enter_event_mode(m->behind->instance));
  if (is_done(status)) m->state = EVENT;
  return status;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance c, fmi3Boolean *discreteStatesNeedUpdate,
                                    fmi3Boolean *terminateSimulation, fmi3Boolean *nominalsOfContinuousStatesChanged,
                                    fmi3Boolean *valuesOfContinuousStatesChanged, fmi3Boolean *nextEventTimeDefined,
                                    fmi3Float64 *nextEventTime) {
  instance *m = c;
  REQUIRE(m, EVENT, "fmi3UpdateDiscreteStates");
  if (!discreteStatesNeedUpdate || !terminateSimulation || !nominalsOfContinuousStatesChanged ||
      !valuesOfContinuousStatesChanged || !nextEventTimeDefined || !nextEventTime)
    return tb_fmi3_refuse(m, "fmi3UpdateDiscreteStates", "there is no place for the results");
  int needs_update = 0, ends = 0;
  double next = DBL_MAX;
  const fmi3Status status =
      ASK(m, "fmi3UpdateDiscreteStates",
          tb_instance_update_discrete_states(m->behind->instance, &needs_update, &ends, &next));
  *discreteStatesNeedUpdate = needs_update != 0;
  *terminateSimulation = ends != 0;
  /* Of continuous states an importer of a co-simulation FMU knows nothing. */
  *nominalsOfContinuousStatesChanged = *valuesOfContinuousStatesChanged = false;
  *nextEventTimeDefined = next < DBL_MAX;
  *nextEventTime = next < DBL_MAX ? next : 0;
  return status;
}

fmi3Status fmi3EnterStepMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, EVENT, "fmi3EnterStepMode");
  const fmi3Status status = ASK(m, "fmi3EnterStepMode", tb_instance_enter_step_mode(m->behind->instance));
  if (is_done(status)) m->state = STEP;
  return status;
}

fmi3Status fmi3DoStep(fmi3Instance c, fmi3Float64 currentCommunicationPoint, fmi3Float64 communicationStepSize,
                      fmi3Boolean noSetFMUStatePriorToCurrentPoint, fmi3Boolean *eventHandlingNeeded,
                      fmi3Boolean *terminateSimulation, fmi3Boolean *earlyReturn, fmi3Float64 *lastSuccessfulTime) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi3DoStep");
  if (!eventHandlingNeeded || !terminateSimulation || !earlyReturn || !lastSuccessfulTime)
    return tb_fmi3_refuse(m, "fmi3DoStep", "there is no place for the results");
  *eventHandlingNeeded = *terminateSimulation = *earlyReturn = false;
  *lastSuccessfulTime = m->behind->time;
  if (!isfinite(currentCommunicationPoint) || !(communicationStepSize >= 0) || !isfinite(communicationStepSize))
    return tb_fmi3_refuse(m, "fmi3DoStep", "time or step size is no number, or the step goes back");
  tb_step_result result = {.reached = currentCommunicationPoint + communicationStepSize};
  const fmi3Status status =
      ASK(m, "fmi3DoStep", tb_instance_step(m->behind->instance, currentCommunicationPoint, communicationStepSize,
                                            !noSetFMUStatePriorToCurrentPoint, &result));
  *eventHandlingNeeded = result.event != 0;
  *terminateSimulation = result.terminate != 0;
  if (is_done(status)) {
    m->state = STEP;
    *earlyReturn = result.early != 0;
    m->behind->time = result.early ? result.reached : currentCommunicationPoint + communicationStepSize;
  } else if (status == fmi3Discard) {
    m->state = STEP_DISCARDED;
    m->behind->time = currentCommunicationPoint;
    int terminated = 0;
    /* An FMU of an older version is asked afterwards. */
    if (m->behind->place.fmi != 3) {
      TB_ASK_OR(m->behind, "fmi3DoStep", tb_instance_last_successful_time(m->behind->instance, &m->behind->time), fmi3OK);
      TB_ASK_OR(m->behind, "fmi3DoStep", tb_instance_terminated(m->behind->instance, &terminated), fmi3OK);
      *terminateSimulation = terminated != 0;
    }
  }
  *lastSuccessfulTime = m->behind->time;
  return status;
}

/* -- States (2.2.4) ------------------------------------------------------------------------------------------------------------------ */

fmi3Status fmi3GetFMUState(fmi3Instance c, fmi3FMUState *state) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi3GetFMUState");
  if (state == NULL) return tb_fmi3_refuse(m, "fmi3GetFMUState", "there is no place for the state");
  tb_saved *saved = *state;
  const fmi3Status status = (fmi3Status)TB_ASK(m->behind, "fmi3GetFMUState", tb_saved_take(m->behind, &saved));
  if (!is_done(status)) return status;
  saved->state = m->state;
  saved->time = m->behind->time;
  *state = saved;
  return status;
}

fmi3Status fmi3SetFMUState(fmi3Instance c, fmi3FMUState state) {
  instance *m = c;
  const tb_saved *saved = state;
  REQUIRE(m, INTACT, "fmi3SetFMUState");
  if (saved == NULL) return tb_fmi3_refuse(m, "fmi3SetFMUState", "there is no state");
  if (saved->state == EVENT && !m->event_mode)
    return tb_fmi3_refuse(m, "fmi3SetFMUState", "the state is one of Event Mode, the FMU was instantiated without it");
  const fmi3Status status = (fmi3Status)TB_ASK(m->behind, "fmi3SetFMUState", tb_saved_restore(m->behind, saved));
  if (!is_done(status)) return status;
  m->state = (int)saved->state;
  m->behind->time = saved->time;
  return status;
}

fmi3Status fmi3FreeFMUState(fmi3Instance c, fmi3FMUState *state) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi3FreeFMUState");
  if (state == NULL || *state == NULL) return fmi3OK;
  tb_saved *saved = *state;
  *state = NULL;
  tb_behind_begin(m->behind, "fmi3FreeFMUState");
  return (fmi3Status)tb_saved_free(m->behind, saved);
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance c, fmi3FMUState state, size_t *size) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi3SerializedFMUStateSize");
  if (state == NULL || size == NULL)
    return tb_fmi3_refuse(m, "fmi3SerializedFMUStateSize", "no state, or no place for its size");
  return (fmi3Status)TB_ASK(m->behind, "fmi3SerializedFMUStateSize", tb_saved_size(m->behind, state, size));
}

fmi3Status fmi3SerializeFMUState(fmi3Instance c, fmi3FMUState state, fmi3Byte serialized[], size_t size) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi3SerializeFMUState");
  if (state == NULL || serialized == NULL)
    return tb_fmi3_refuse(m, "fmi3SerializeFMUState", "no state, or no place for its bytes");
  return (fmi3Status)TB_ASK(m->behind, "fmi3SerializeFMUState", tb_saved_serialize(m->behind, state, serialized, size));
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance c, const fmi3Byte serialized[], size_t size, fmi3FMUState *state) {
  instance *m = c;
  tb_saved *saved = NULL;
  REQUIRE(m, INTACT, "fmi3DeserializeFMUState");
  if (serialized == NULL || state == NULL)
    return tb_fmi3_refuse(m, "fmi3DeserializeFMUState", "no bytes, or no place for the state");
  const fmi3Status status = (fmi3Status)TB_ASK(m->behind, "fmi3DeserializeFMUState",
                                               tb_saved_deserialize(m->behind, serialized, size, INTACT, &saved));
  if (!is_done(status)) return status;
  /* A state that the importer hands in is to be overwritten (2.2.4). */
  if (*state != NULL) tb_saved_free(m->behind, *state);
  *state = saved;
  return status;
}
