/*
 * FMI 2.0 for Co-Simulation in front of an FMU elsewhere: the standard's state machine and checks of the arguments; the rest is
 * the FMU's own (behind.h).
 */
#include "fmi2.h"

#include <float.h>
#include <math.h>

#include "../src/fmi/resources.h"
#include "saved.h"

/* -- States (FMI 2.0.4, section 4.2.4) ------------------------------------------------------------------------------------- */

typedef enum {
  INSTANTIATED = 1 << 0,
  INITIALIZATION = 1 << 1,
  STEP_COMPLETE = 1 << 2,
  STEP_FAILED = 1 << 3, /* a step was discarded: time has not moved on, so it may also simply be tried again */
  TERMINATED = 1 << 4,
  ERROR = 1 << 5,
  RESET_FAILED = 1 << 6, /* nothing is behind the instance any more: it can be reset once more, or freed */
} state;

enum {
  STEPPING = STEP_COMPLETE | STEP_FAILED,
  SETTABLE = INSTANTIATED | INITIALIZATION | STEPPING,
  INITIALIZED = STEPPING | TERMINATED | ERROR,
  ANY = INSTANTIATED | INITIALIZATION | INITIALIZED,
  INTACT = ANY & ~ERROR,
};

typedef struct {
  tb_behind *behind;
  state state;
  char *name;
  fmi2CallbackFunctions callbacks;
  double start_time, stop_time, tolerance;
  bool has_stop_time, has_tolerance;
} instance;

static const char *state_name(state s) {
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

static void tell(void *context, int32_t status, const char *category, const char *text) {
  const instance *m = context;
  m->callbacks.logger(m->callbacks.componentEnvironment, m->name, (fmi2Status)status, category, "%s", text);
}

static fmi2Status fail(instance *m, const char *function, const char *why) {
  char text[512];
  snprintf(text, sizeof text, "%s: %s", function, why);
  tell(m, fmi2Error, TB_STATUS_ERROR, text);
  return fmi2Error;
}

static bool is_allowed(instance *m, unsigned states, const char *function) {
  char text[256];
  if (m == NULL) return false;
  if (m->state & states) return true;
  snprintf(text, sizeof text, "%s must not be called when the FMU is %s", function, state_name(m->state));
  tell(m, fmi2Error, TB_STATUS_ERROR, text);
  return false;
}

#define REQUIRE(m, states, function) \
  if (!is_allowed(m, states, function)) return fmi2Error

/* What is allowed after an error is for the FMU behind to say, as long as there is one. */
static fmi2Status settle(instance *m, int status) {
  if (status == TB_ERROR && tb_behind_is_gone(m->behind)) m->state = ERROR;
  return (fmi2Status)status;
}

#define ASK(m, function, call) settle(m, TB_ASK((m)->behind, function, call))

static bool is_done(fmi2Status status) { return status == fmi2OK || status == fmi2Warning; }

/* -- Inquiry, life ------------------------------------------------------------------------------------------------------------ */

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

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
  m->state = INSTANTIATED;
  m->callbacks = *functions;
  const char *name = instanceName != NULL ? instanceName : "";
  m->name = malloc(strlen(name) + 1);
  if (m->name != NULL) strcpy(m->name, name);
  char resources[4096];
  if (m->name == NULL) {
    fail(m, "fmi2Instantiate", "out of memory");
  } else if (name[0] == '\0') {
    fail(m, "fmi2Instantiate", "the instance needs a name");
  } else if (fmuType != fmi2CoSimulation) {
    fail(m, "fmi2Instantiate", "this FMU is for co-simulation, not for model exchange");
  } else if (!tb_resources_path(fmuResourceLocation, resources, sizeof resources)) {
    fail(m, "fmi2Instantiate", "cannot make a path of the resource location");
  } else {
    const tb_behind_how how = {.name = name, .guid = fmuGUID == NULL ? "" : fmuGUID, .logging_on = loggingOn != 0};
    m->behind = tb_behind_create(resources, &how, "fmi2Instantiate", tell, m);
    if (m->behind != NULL) return m;
  }
  free_memory(m);
  return NULL;
}

void fmi2FreeInstance(fmi2Component c) {
  instance *m = c;
  if (m == NULL) return;
  tb_behind_begin(m->behind, "fmi2FreeInstance");
  tb_behind_free(m->behind);
  free_memory(m);
}

fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean loggingOn, size_t nCategories,
                               const fmi2String categories[]) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2SetDebugLogging");
  if (nCategories > 0 && categories == NULL) return fail(m, "fmi2SetDebugLogging", "an array is missing");
  /* Not everybody's FMUs have it, and a server may not pass it on: messages come as they come. */
  return (fmi2Status)TB_ASK_OR(m->behind, "fmi2SetDebugLogging",
                               tb_instance_debug_logging(m->behind->instance, loggingOn != 0, (uint32_t)nCategories, categories),
                               fmi2OK);
}

/* -- Initialization, termination, reset ------------------------------------------------------------------------------------- */

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean toleranceDefined, fmi2Real tolerance, fmi2Real startTime,
                               fmi2Boolean stopTimeDefined, fmi2Real stopTime) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED, "fmi2SetupExperiment");
  if (!isfinite(startTime)) return fail(m, "fmi2SetupExperiment", "the start time is no number");
  if (stopTimeDefined && !(stopTime >= startTime))
    return fail(m, "fmi2SetupExperiment", "the stop time lies before the start time");
  m->start_time = startTime;
  m->has_stop_time = stopTimeDefined != 0;
  m->stop_time = stopTimeDefined ? stopTime : 0;
  m->has_tolerance = toleranceDefined != 0;
  m->tolerance = toleranceDefined ? tolerance : 0;
  return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, INSTANTIATED, "fmi2EnterInitializationMode");
  const fmi2Status status =
      ASK(m, "fmi2EnterInitializationMode",
          tb_behind_enter_initialization(m->behind, m->start_time, m->has_stop_time, m->stop_time, m->has_tolerance,
                                         m->tolerance));
  if (is_done(status)) m->state = INITIALIZATION;
  return status;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, INITIALIZATION, "fmi2ExitInitializationMode");
  const fmi2Status status = ASK(m, "fmi2ExitInitializationMode", tb_behind_exit_initialization(m->behind));
  if (is_done(status)) m->state = STEP_COMPLETE;
  m->behind->time = m->start_time;
  return status;
}

fmi2Status fmi2Terminate(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2Terminate");
  const fmi2Status status = ASK(m, "fmi2Terminate", tb_instance_terminate(m->behind->instance));
  if (is_done(status)) m->state = TERMINATED;
  return status;
}

fmi2Status fmi2Reset(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi2Reset");
  tb_behind_begin(m->behind, "fmi2Reset");
  const fmi2Status status = (fmi2Status)tb_behind_reset(m->behind);
  m->state = is_done(status) ? INSTANTIATED : RESET_FAILED;
  m->start_time = m->behind->time = 0;
  m->has_stop_time = m->has_tolerance = false;
  return status;
}

/* -- Steps -------------------------------------------------------------------------------------------------------------------- */

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real currentCommunicationPoint, fmi2Real communicationStepSize,
                      fmi2Boolean noSetFMUStatePriorToCurrentPoint) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2DoStep");
  if (!isfinite(currentCommunicationPoint) || !(communicationStepSize >= 0) || !isfinite(communicationStepSize))
    return fail(m, "fmi2DoStep", "time or step size is no number, or the step goes back");
  tb_step_result result = {0};
  const fmi2Status status =
      ASK(m, "fmi2DoStep", tb_instance_step(m->behind->instance, currentCommunicationPoint, communicationStepSize,
                                            !noSetFMUStatePriorToCurrentPoint, &result));
  if (is_done(status)) {
    m->state = STEP_COMPLETE;
    m->behind->time = currentCommunicationPoint + communicationStepSize;
  } else if (status == fmi2Discard) {
    m->state = STEP_FAILED;
    m->behind->time = currentCommunicationPoint;
  }
  return status;
}

fmi2Status fmi2CancelStep(fmi2Component c) {
  instance *m = c;
  REQUIRE(m, ANY, "fmi2CancelStep");
  return fail(m, "fmi2CancelStep", "no step is in progress; steps of this FMU are synchronous");
}

fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Status *value) {
  instance *m = c;
  REQUIRE(m, INITIALIZED, "fmi2GetStatus");
  if (kind != fmi2DoStepStatus || value == NULL) return fmi2Discard;
  *value = m->state == STEP_FAILED ? fmi2Discard : m->state == ERROR ? fmi2Error : fmi2OK;
  return fmi2OK;
}

fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Real *value) {
  instance *m = c;
  REQUIRE(m, INITIALIZED, "fmi2GetRealStatus");
  if (kind != fmi2LastSuccessfulTime || value == NULL) return fmi2Discard;
  *value = m->behind->time;
  if (m->state != STEP_FAILED) return fmi2OK;
  /* Only after a discarded step the FMU may have got to somewhere else than it was asked. */
  return (fmi2Status)TB_ASK_OR(m->behind, "fmi2GetRealStatus",
                               tb_instance_last_successful_time(m->behind->instance, value), fmi2OK);
}

fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Integer *value) {
  (void)kind;
  (void)value;
  REQUIRE((instance *)c, INITIALIZED, "fmi2GetIntegerStatus");
  return fmi2Discard;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *value) {
  instance *m = c;
  REQUIRE(m, INITIALIZED, "fmi2GetBooleanStatus");
  if (kind != fmi2Terminated || value == NULL) return fmi2Discard;
  *value = fmi2False;
  if (m->state != STEP_FAILED) return fmi2OK;
  int terminated = 0;
  const fmi2Status status = (fmi2Status)TB_ASK_OR(m->behind, "fmi2GetBooleanStatus",
                                                  tb_instance_terminated(m->behind->instance, &terminated), fmi2OK);
  *value = terminated != 0;
  return status;
}

fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind kind, fmi2String *value) {
  REQUIRE((instance *)c, INITIALIZED, "fmi2GetStringStatus");
  if (kind != fmi2PendingStatus || value == NULL) return fmi2Discard;
  *value = "";
  return fmi2OK;
}

/* What an FMU without it would be asked is how far it can go: as far as it is told. */
fmi2Status fmi2GetMaxStepsize(fmi2Component c, fmi2Real *size) {
  instance *m = c;
  REQUIRE(m, STEPPING, "fmi2GetMaxStepsize");
  if (size == NULL) return fail(m, "fmi2GetMaxStepsize", "there is no place for the answer");
  *size = DBL_MAX;
  return (fmi2Status)TB_ASK_OR(m->behind, "fmi2GetMaxStepsize", tb_instance_max_step_size(m->behind->instance, size),
                               fmi2OK);
}

/* -- Values (2.1.7) -------------------------------------------------------------------------------------------------------------- */

#define ACCESS(type, storage)                                                                                               \
  fmi2Status fmi2Get##type(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2##type value[]) {                \
    instance *m = c;                                                                                                        \
    REQUIRE(m, ANY, "fmi2Get" #type);                                                                                       \
    return (fmi2Status)TB_ASK(m->behind, "fmi2Get" #type, tb_behind_get(m->behind, storage, vr, nvr, value, nvr, NULL));    \
  }                                                                                                                         \
  fmi2Status fmi2Set##type(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2##type value[]) {          \
    instance *m = c;                                                                                                        \
    REQUIRE(m, SETTABLE, "fmi2Set" #type);                                                                                  \
    return (fmi2Status)TB_ASK(m->behind, "fmi2Set" #type,                                                                   \
                              tb_behind_set(m->behind, storage, vr, nvr, value, nvr, NULL, m->state & STEPPING));           \
  }
ACCESS(Real, TB_F64)
ACCESS(Integer, TB_I32)
ACCESS(Boolean, TB_B32)
ACCESS(String, TB_TEXT)

/* -- States (2.1.8) -------------------------------------------------------------------------------------------------------------- */

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi2GetFMUstate");
  if (state == NULL) return fail(m, "fmi2GetFMUstate", "there is no place for the state");
  tb_saved *saved = *state;
  const fmi2Status status = (fmi2Status)TB_ASK(m->behind, "fmi2GetFMUstate", tb_saved_take(m->behind, &saved));
  if (!is_done(status)) return status;
  saved->state = m->state;
  saved->start_time = m->start_time;
  saved->time = m->behind->time;
  *state = saved;
  return status;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  instance *m = c;
  const tb_saved *saved = state;
  REQUIRE(m, INTACT, "fmi2SetFMUstate");
  if (saved == NULL) return fail(m, "fmi2SetFMUstate", "there is no state");
  const fmi2Status status = (fmi2Status)TB_ASK(m->behind, "fmi2SetFMUstate", tb_saved_restore(m->behind, saved));
  if (!is_done(status)) return status;
  m->state = (int)saved->state;
  m->start_time = saved->start_time;
  m->behind->time = saved->time;
  return status;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi2FreeFMUstate");
  if (state == NULL || *state == NULL) return fmi2OK;
  tb_saved *saved = *state;
  *state = NULL;
  tb_behind_begin(m->behind, "fmi2FreeFMUstate");
  return (fmi2Status)tb_saved_free(m->behind, saved);
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi2SerializedFMUstateSize");
  if (state == NULL || size == NULL) return fail(m, "fmi2SerializedFMUstateSize", "no state, or no place for its size");
  return (fmi2Status)TB_ASK(m->behind, "fmi2SerializedFMUstateSize", tb_saved_size(m->behind, state, size));
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte serialized[], size_t size) {
  instance *m = c;
  REQUIRE(m, INTACT, "fmi2SerializeFMUstate");
  if (state == NULL || serialized == NULL) return fail(m, "fmi2SerializeFMUstate", "no state, or no place for its bytes");
  return (fmi2Status)TB_ASK(m->behind, "fmi2SerializeFMUstate",
                            tb_saved_serialize(m->behind, state, (uint8_t *)serialized, size));
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte serialized[], size_t size, fmi2FMUstate *state) {
  instance *m = c;
  tb_saved *saved = NULL;
  REQUIRE(m, INTACT, "fmi2DeSerializeFMUstate");
  if (serialized == NULL || state == NULL) return fail(m, "fmi2DeSerializeFMUstate", "no bytes, or no place for the state");
  const fmi2Status status =
      (fmi2Status)TB_ASK(m->behind, "fmi2DeSerializeFMUstate",
                         tb_saved_deserialize(m->behind, (const uint8_t *)serialized, size, INTACT, &saved));
  if (is_done(status)) *state = saved;
  return status;
}

/* -- Derivatives: those who serve FMUs do not pass them on --------------------------------------------------------------------------- */

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                       const fmi2Integer order[], const fmi2Real value[]) {
  instance *m = c;
  (void)vr;
  (void)order;
  (void)value;
  REQUIRE(m, SETTABLE, "fmi2SetRealInputDerivatives");
  return nvr == 0 ? fmi2OK : fail(m, "fmi2SetRealInputDerivatives", "this FMU does not interpolate its inputs");
}

fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                        const fmi2Integer order[], fmi2Real value[]) {
  instance *m = c;
  (void)vr;
  (void)order;
  (void)value;
  REQUIRE(m, ANY, "fmi2GetRealOutputDerivatives");
  return nvr == 0 ? fmi2OK : fail(m, "fmi2GetRealOutputDerivatives", "this FMU does not tell derivatives of its outputs");
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
  REQUIRE(m, ANY, "fmi2GetDirectionalDerivative");
  return fail(m, "fmi2GetDirectionalDerivative", "this FMU provides no directional derivatives");
}
