/*
 * FMI 2.0 for Co-Simulation on top of a bridge instance: the standard's state machine, checks of every argument, and
 * nothing of the bridge itself. Here: life, initialisation, steps; values are in values.c, states in fmu_state.c.
 */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fmi/resources.h"
#include "instance.h"

const char *tb_fmi2_state_name(state s) {
  switch (s) {
    case INSTANTIATED: return "instantiated";
    case INITIALIZATION: return "in initialization mode";
    case STEP_COMPLETE: return "initialized";
    case STEP_FAILED: return "after a discarded step";
    case TERMINATED: return "terminated";
    case RESET_FAILED: return "of no more use, since fmi2Reset failed";
    default: return "in the error state";
  }
}

/* -- Log ------------------------------------------------------------------------------------------------------------ */

static void emit(const instance *m, fmi2Status status, const char *category, const char *text) {
  if (m->callbacks.logger == NULL) return;
  if (status == fmi2OK && !tb_log_filter_shows(&m->log, category)) return;
  m->callbacks.logger(m->callbacks.componentEnvironment, m->name, status, category, "%s", text);
}

static void on_bridge_log(void *context, tb_log_level level, const char *category, const char *text) {
  emit(context, level == TB_LOG_ERROR ? fmi2Error : level == TB_LOG_WARNING ? fmi2Warning : fmi2OK, category, text);
}

fmi2Status tb_fmi2_fail(instance *m, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  emit(m, fmi2Error, TB_LOG_STATUS_ERROR, text);
  return fmi2Error;
}

bool tb_fmi2_allowed(instance *m, unsigned states, const char *function) {
  if (m == NULL) return false;
  if (m->state & states) return true;
  tb_fmi2_fail(m, "%s must not be called when the FMU is %s", function, tb_fmi2_state_name(m->state));
  return false;
}

/* -- Inquiry -------------------------------------------------------------------------------------------------------- */

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

/* -- Instantiation -------------------------------------------------------------------------------------------------- */

static void free_memory(instance *m) {
  free(m->name);
  free(m);
}

fmi2Component fmi2Instantiate(fmi2String instanceName, fmi2Type fmuType, fmi2String fmuGUID,
                              fmi2String fmuResourceLocation, const fmi2CallbackFunctions *functions,
                              fmi2Boolean visible, fmi2Boolean loggingOn) {
  (void)visible;
  if (functions == NULL || functions->logger == NULL) return NULL; /* nobody to tell */
  instance *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  *m = (instance){.state = INSTANTIATED, .callbacks = *functions, .log = {.on = loggingOn != 0}};
  const char *name = instanceName != NULL ? instanceName : "";
  m->name = malloc(strlen(name) + 1);
  if (m->name != NULL) strcpy(m->name, name);
  char resources[4096];
  if (m->name == NULL) {
    tb_fmi2_fail(m, "out of memory");
  } else if (name[0] == '\0') {
    tb_fmi2_fail(m, "fmi2Instantiate: the instance needs a name");
  } else if (fmuType != fmi2CoSimulation) {
    tb_fmi2_fail(m, "fmi2Instantiate: this FMU is for co-simulation, not for model exchange");
  } else if (fmuGUID == NULL || fmuGUID[0] == '\0') {
    tb_fmi2_fail(m, "fmi2Instantiate: the GUID of modelDescription.xml is missing");
  } else if (!tb_resources_path(fmuResourceLocation, resources, sizeof resources)) {
    tb_fmi2_fail(m, "fmi2Instantiate: cannot make a path of the resource location '%s'",
         fmuResourceLocation != NULL ? fmuResourceLocation : "");
  } else {
    m->bridge = tb_bridge_create(resources, name, fmuGUID, on_bridge_log, m);
    if (m->bridge != NULL) return m;
  }
  free_memory(m);
  return NULL;
}

void fmi2FreeInstance(fmi2Component c) {
  instance *m = c;
  if (m == NULL) return;
  tb_bridge_destroy(m->bridge);
  free_memory(m);
}

fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean loggingOn, size_t nCategories,
                               const fmi2String categories[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2SetDebugLogging");
  const char *unknown = tb_log_filter_choose(&m->log, loggingOn != 0, nCategories, categories);
  if (unknown != NULL) return tb_fmi2_fail(m, "fmi2SetDebugLogging: there is no log category '%s'", unknown);
  return fmi2OK;
}

/* -- Initialization, termination, reset ----------------------------------------------------------------------------- */

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean toleranceDefined, fmi2Real tolerance, fmi2Real startTime,
                               fmi2Boolean stopTimeDefined, fmi2Real stopTime) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED, "fmi2SetupExperiment");
  (void)toleranceDefined;
  (void)tolerance;
  if (!isfinite(startTime)) return tb_fmi2_fail(m, "fmi2SetupExperiment: the start time is %g", startTime);
  if (stopTimeDefined && !(stopTime >= startTime))
    return tb_fmi2_fail(m, "fmi2SetupExperiment: the stop time %.9g lies before the start time %.9g", stopTime, startTime);
  m->start_time = startTime;
  return fmi2OK;
}

static fmi2Status status_of(instance *m, tb_outcome outcome) {
  switch (outcome) {
    case TB_DONE: return fmi2OK;
    case TB_TIMED_OUT: return fmi2Discard;
    default: m->state = ERROR; return fmi2Error;
  }
}

bool tb_fmi2_settle(instance *m) {
  if (tb_bridge_settle(m->bridge) == TB_DONE) return true;
  m->state = ERROR; /* also when the time was up: without data there is no initial state */
  return false;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED, "fmi2EnterInitializationMode");
  tb_bridge_enter_initialization(m->bridge, m->start_time);
  m->state = INITIALIZATION;
  return fmi2OK;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, INITIALIZATION, "fmi2ExitInitializationMode");
  if (!tb_fmi2_settle(m)) return fmi2Error;
  m->state = STEP_COMPLETE;
  return fmi2OK;
}

fmi2Status fmi2Terminate(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2Terminate");
  m->state = TERMINATED;
  return fmi2OK;
}

fmi2Status fmi2Reset(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi2Reset");
  m->start_time = 0;
  bool ok = tb_bridge_reset(m->bridge);
  m->state = ok ? INSTANTIATED : RESET_FAILED;
  return ok ? fmi2OK : fmi2Error;
}

/* -- Steps ---------------------------------------------------------------------------------------------------------- */

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real currentCommunicationPoint, fmi2Real communicationStepSize,
                      fmi2Boolean noSetFMUStatePriorToCurrentPoint) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2DoStep");
  (void)noSetFMUStatePriorToCurrentPoint;
  if (!isfinite(currentCommunicationPoint) || !isfinite(communicationStepSize) || communicationStepSize < 0 ||
      fabs(currentCommunicationPoint) + communicationStepSize > 9e9)
    return tb_fmi2_fail(m, "fmi2DoStep: cannot step from %g s by %g s", currentCommunicationPoint, communicationStepSize);
  tb_outcome outcome = tb_bridge_step(m->bridge, currentCommunicationPoint, communicationStepSize);
  m->state = outcome == TB_TIMED_OUT ? STEP_FAILED : STEP_COMPLETE;
  return status_of(m, outcome);
}

fmi2Status fmi2CancelStep(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2CancelStep");
  return tb_fmi2_fail(m, "fmi2CancelStep: no step is in progress; steps of this FMU are synchronous");
}

fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Status *value) {
  instance *m = c;
  REQUIRE(m, STEPPING | TERMINATED | ERROR, "fmi2GetStatus");
  if (kind != fmi2DoStepStatus || value == NULL) return fmi2Discard;
  *value = m->state == STEP_FAILED ? fmi2Discard : m->state == ERROR ? fmi2Error : fmi2OK;
  return fmi2OK;
}

fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Real *value) {
  instance *m = c;
  REQUIRE(m, STEPPING | TERMINATED | ERROR, "fmi2GetRealStatus");
  if (kind != fmi2LastSuccessfulTime || value == NULL) return fmi2Discard;
  *value = tb_bridge_time(m->bridge);
  return fmi2OK;
}

fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Integer *value) {
  (void)kind;
  (void)value;
  REQUIRE((instance *)c, STEPPING | TERMINATED | ERROR, "fmi2GetIntegerStatus");
  return fmi2Discard;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *value) {
  instance *m = c;
  REQUIRE(m, STEPPING | TERMINATED | ERROR, "fmi2GetBooleanStatus");
  if (kind != fmi2Terminated || value == NULL) return fmi2Discard;
  *value = m->state == TERMINATED;
  return fmi2OK;
}

fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind kind, fmi2String *value) {
  instance *m = c;
  REQUIRE(m, STEPPING | TERMINATED | ERROR, "fmi2GetStringStatus");
  if (kind != fmi2PendingStatus || value == NULL) return fmi2Discard;
  *value = m->state == STEP_FAILED ? "waited for data until the deadline" : "";
  return fmi2OK;
}

/* To the next sample; as long as none waits, nothing limits the step. */
fmi2Status fmi2GetMaxStepsize(fmi2Component c, fmi2Real *size) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2GetMaxStepsize");
  if (size == NULL) return tb_fmi2_fail(m, "fmi2GetMaxStepsize: there is no place for the answer");
  double next;
  *size = tb_bridge_next_time(m->bridge, &next) ? next - tb_bridge_time(m->bridge) : DBL_MAX;
  return fmi2OK;
}

/* -- Derivatives: samples are discrete, there are none ---------------------------------------------------------------- */

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                       const fmi2Integer order[], const fmi2Real value[]) {
  instance *m = c;
  (void)vr;
  (void)order;
  (void)value;
  REQUIRE(m, INSTANTIATED | INITIALIZATION | STEP_COMPLETE, "fmi2SetRealInputDerivatives");
  return nvr == 0 ? fmi2OK : tb_fmi2_fail(m, "fmi2SetRealInputDerivatives: this FMU does not interpolate its inputs");
}

fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                        const fmi2Integer order[], fmi2Real value[]) {
  instance *m = c;
  (void)vr;
  (void)order;
  (void)value;
  REQUIRE(m, READABLE, "fmi2GetRealOutputDerivatives");
  return nvr == 0 ? fmi2OK : tb_fmi2_fail(m, "fmi2GetRealOutputDerivatives: the outputs of this FMU have no derivatives");
}

fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference vUnknown[], size_t nUnknown,
                                        const fmi2ValueReference vKnown[], size_t nKnown, const fmi2Real dvKnown[],
                                        fmi2Real dvUnknown[]) {
  instance *m = c;
  (void)vUnknown;
  (void)nUnknown;
  (void)vKnown;
  (void)nKnown;
  (void)dvKnown;
  (void)dvUnknown;
  REQUIRE(m, READABLE, "fmi2GetDirectionalDerivative");
  return tb_fmi2_fail(m, "fmi2GetDirectionalDerivative: this FMU provides no directional derivatives");
}
