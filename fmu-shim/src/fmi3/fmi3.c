/*
 * FMI 3.0 for Co-Simulation on top of a bridge instance: the standard's state machine, checks of every argument, and
 * nothing of the bridge itself. Here: life, modes, steps; values are in values.c, clocks in clocks.c, states in
 * fmu_state.c, and what this FMU has not is refused in unsupported.c.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fmi/resources.h"
#include "instance.h"

static const struct {
  const char *name;
  unsigned states;
} CALLS[] = {
#define FMI3_CALL_ROW(name, states) {"fmi3" #name, states},
    FMI3_CALLS(FMI3_CALL_ROW)
#undef FMI3_CALL_ROW
};

const char *tb_fmi3_state_name(state s) {
  switch (s) {
    case INSTANTIATED: return "instantiated";
    case INITIALIZATION: return "in Initialization Mode";
    case EVENT: return "in Event Mode";
    case STEP: return "in Step Mode";
    case STEP_DISCARDED: return "in Step Mode, after a discarded step";
    case TERMINATED: return "terminated";
    case RESET_FAILED: return "of no more use, since fmi3Reset failed";
    default: return "in the error state";
  }
}

/* -- Log ------------------------------------------------------------------------------------------------------------ */

static void emit(const instance *m, fmi3Status status, const char *category, const char *text) {
  if (m->log_message == NULL) return;
  if (status == fmi3OK && !tb_log_filter_shows(&m->log, category)) return;
  m->log_message(m->environment, status, category, text);
}

static void on_bridge_log(void *context, tb_log_level level, const char *category, const char *text) {
  emit(context, level == TB_LOG_ERROR ? fmi3Error : level == TB_LOG_WARNING ? fmi3Warning : fmi3OK, category, text);
}

fmi3Status tb_fmi3_fail(instance *m, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  emit(m, fmi3Error, TB_LOG_STATUS_ERROR, text);
  return fmi3Error;
}

bool tb_fmi3_allowed(instance *m, call c) {
  if (m == NULL) return false;
  if (m->state & CALLS[c].states) return true;
  tb_fmi3_fail(m, "%s must not be called when the FMU is %s", CALLS[c].name, tb_fmi3_state_name(m->state));
  return false;
}

/* -- Inquiry -------------------------------------------------------------------------------------------------------- */

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Status fmi3SetDebugLogging(fmi3Instance c, fmi3Boolean loggingOn, size_t nCategories,
                               const fmi3String categories[]) {
  instance *m = c;
  REQUIRE(m, SetDebugLogging);
  const char *unknown = tb_log_filter_choose(&m->log, loggingOn, nCategories, categories);
  if (unknown != NULL) return tb_fmi3_fail(m, "fmi3SetDebugLogging: there is no log category '%s'", unknown);
  return fmi3OK;
}

/* -- Instantiation -------------------------------------------------------------------------------------------------- */

static void free_memory(instance *m) {
  free(m->name);
  free(m);
}

fmi3Instance fmi3InstantiateCoSimulation(fmi3String instanceName, fmi3String instantiationToken,
                                         fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                         fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
                                         const fmi3ValueReference requiredIntermediateVariables[],
                                         size_t nRequiredIntermediateVariables, fmi3InstanceEnvironment environment,
                                         fmi3LogMessageCallback logMessage,
                                         fmi3IntermediateUpdateCallback intermediateUpdate) {
  (void)visible;
  (void)requiredIntermediateVariables;
  (void)intermediateUpdate;
  instance *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  *m = (instance){.state = INSTANTIATED,
                  .environment = environment,
                  .log_message = logMessage,
                  .log = {.on = loggingOn},
                  .event_mode_used = eventModeUsed,
                  .early_return_allowed = earlyReturnAllowed};
  const char *name = instanceName != NULL ? instanceName : "";
  m->name = malloc(strlen(name) + 1);
  if (m->name != NULL) strcpy(m->name, name);
  char resources[4096];
  if (m->name == NULL) {
    tb_fmi3_fail(m, "out of memory");
  } else if (name[0] == '\0') {
    tb_fmi3_fail(m, "fmi3InstantiateCoSimulation: the instance needs a name");
  } else if (instantiationToken == NULL || instantiationToken[0] == '\0') {
    tb_fmi3_fail(m, "fmi3InstantiateCoSimulation: the instantiationToken of modelDescription.xml is missing");
  } else if (nRequiredIntermediateVariables > 0) {
    tb_fmi3_fail(m, "fmi3InstantiateCoSimulation: this FMU has no intermediate updates, %zu variables are required",
                 nRequiredIntermediateVariables);
  } else if (!tb_resources_path(resourcePath, resources, sizeof resources)) {
    tb_fmi3_fail(m, "fmi3InstantiateCoSimulation: cannot make a path of the resource path '%s'",
                 resourcePath != NULL ? resourcePath : "");
  } else {
    m->bridge = tb_bridge_create(resources, name, instantiationToken, on_bridge_log, m);
    if (m->bridge != NULL) return m;
  }
  free_memory(m);
  return NULL;
}

void fmi3FreeInstance(fmi3Instance c) {
  instance *m = c;
  if (m == NULL) return;
  tb_bridge_destroy(m->bridge);
  free_memory(m);
}

/* -- Initialization, termination, reset ----------------------------------------------------------------------------- */

bool tb_fmi3_settle(instance *m) {
  if (tb_bridge_is_settled(m->bridge)) return true;
  if (tb_bridge_settle(m->bridge) != TB_DONE) {
    m->state = ERROR; /* also when the time was up: without data there is no initial state */
    return false;
  }
  tb_fmi3_note_arrivals(m);
  return true;
}

fmi3Status fmi3EnterInitializationMode(fmi3Instance c, fmi3Boolean toleranceDefined, fmi3Float64 tolerance,
                                       fmi3Float64 startTime, fmi3Boolean stopTimeDefined, fmi3Float64 stopTime) {
  instance *m = c;
  REQUIRE(m, EnterInitializationMode);
  (void)toleranceDefined;
  (void)tolerance;
  if (!isfinite(startTime)) return tb_fmi3_fail(m, "fmi3EnterInitializationMode: the start time is %g", startTime);
  if (stopTimeDefined && !(stopTime >= startTime))
    return tb_fmi3_fail(m, "fmi3EnterInitializationMode: the stop time %.9g lies before the start time %.9g", stopTime,
                        startTime);
  m->start_time = startTime;
  tb_bridge_enter_initialization(m->bridge, startTime);
  m->state = INITIALIZATION;
  return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, ExitInitializationMode);
  if (!tb_fmi3_settle(m)) return fmi3Error;
  m->state = m->event_mode_used ? EVENT : STEP;
  return fmi3OK;
}

fmi3Status fmi3Terminate(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, Terminate);
  m->state = TERMINATED;
  return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, Reset);
  m->start_time = 0;
  m->clocks = 0;
  memset(m->marks, 0, sizeof m->marks);
  bool ok = tb_bridge_reset(m->bridge);
  m->state = ok ? INSTANTIATED : RESET_FAILED;
  return ok ? fmi3OK : fmi3Error;
}

/* -- Event Mode and Step Mode ---------------------------------------------------------------------------------------- */

fmi3Status fmi3EnterEventMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, EnterEventMode);
  if (!m->event_mode_used)
    return tb_fmi3_fail(m, "fmi3EnterEventMode: the FMU was instantiated without eventModeUsed");
  m->state = EVENT;
  return fmi3OK;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance c, fmi3Boolean *discreteStatesNeedUpdate,
                                    fmi3Boolean *terminateSimulation, fmi3Boolean *nominalsOfContinuousStatesChanged,
                                    fmi3Boolean *valuesOfContinuousStatesChanged, fmi3Boolean *nextEventTimeDefined,
                                    fmi3Float64 *nextEventTime) {
  instance *m = c;
  REQUIRE(m, UpdateDiscreteStates);
  if (!discreteStatesNeedUpdate || !terminateSimulation || !nominalsOfContinuousStatesChanged ||
      !valuesOfContinuousStatesChanged || !nextEventTimeDefined || !nextEventTime)
    return tb_fmi3_fail(m, "fmi3UpdateDiscreteStates: no place for the results");
  m->clocks = 0; /* a clock ticks once an event (2.2.9) */
  *discreteStatesNeedUpdate = *terminateSimulation = false;
  *nominalsOfContinuousStatesChanged = *valuesOfContinuousStatesChanged = false;
  /* Of the data at hand: more may come before it, and a step that may return early ends there by itself. */
  double next;
  *nextEventTimeDefined = tb_bridge_next_time(m->bridge, &next);
  *nextEventTime = *nextEventTimeDefined ? next : 0;
  return fmi3OK;
}

fmi3Status fmi3EnterStepMode(fmi3Instance c) {
  instance *m = c;
  REQUIRE(m, EnterStepMode);
  m->clocks = 0;
  m->state = STEP;
  return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance c, fmi3Float64 currentCommunicationPoint, fmi3Float64 communicationStepSize,
                      fmi3Boolean noSetFMUStatePriorToCurrentPoint, fmi3Boolean *eventHandlingNeeded,
                      fmi3Boolean *terminateSimulation, fmi3Boolean *earlyReturn, fmi3Float64 *lastSuccessfulTime) {
  instance *m = c;
  REQUIRE(m, DoStep);
  (void)noSetFMUStatePriorToCurrentPoint;
  if (!eventHandlingNeeded || !terminateSimulation || !earlyReturn || !lastSuccessfulTime)
    return tb_fmi3_fail(m, "fmi3DoStep: no place for the results");
  *eventHandlingNeeded = *terminateSimulation = *earlyReturn = false;
  *lastSuccessfulTime = tb_bridge_time(m->bridge);
  if (!isfinite(currentCommunicationPoint) || !isfinite(communicationStepSize) || communicationStepSize < 0 ||
      fabs(currentCommunicationPoint) + communicationStepSize > 9e9)
    return tb_fmi3_fail(m, "fmi3DoStep: cannot step from %g s by %g s", currentCommunicationPoint,
                        communicationStepSize);
  m->clocks = 0;
  double reached = currentCommunicationPoint + communicationStepSize;
  bool arrived;
  const double end = reached;
  const tb_outcome outcome =
      m->event_mode_used && m->early_return_allowed
          ? tb_bridge_step_to_arrival(m->bridge, currentCommunicationPoint, communicationStepSize, &reached, &arrived)
          : tb_bridge_step(m->bridge, currentCommunicationPoint, communicationStepSize);
  switch (outcome) {
    case TB_DONE: break;
    case TB_TIMED_OUT: m->state = STEP_DISCARDED; return fmi3Discard;
    default: m->state = ERROR; return fmi3Error;
  }
  m->state = STEP;
  if (m->event_mode_used) {
    tb_fmi3_note_arrivals(m);
    *eventHandlingNeeded = m->clocks != 0;
  }
  *earlyReturn = reached < end;
  *lastSuccessfulTime = reached;
  return fmi3OK;
}
