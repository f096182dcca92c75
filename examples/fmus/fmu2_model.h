/*
 * A small model as an FMI 2.0 co-simulation FMU. A model is one C file:
 *
 *   #define MODEL_GUID "{...}"               as in its modelDescription.xml
 *   #define MODEL_VARIABLES(V)           \   value reference = place in this list, from 0
 *     V(Real, x, INPUT)                  \
 *     V(Real, gain, TUNABLE)             \
 *     V(Boolean, high, OUTPUT)
 *   #define MODEL_STATE double integral;     what the model keeps besides its variables; may be left out
 *   #define MODEL_LIVE INITIALIZATION        states in which a getter computes the outputs anew; may be left out
 *   #define MODEL_OWN_DERIVATIVES            fmi2GetDirectionalDerivative is its own; may be left out
 *   #define MODEL_MAX_INSTANCES 1            in one process; may be left out
 *   #include "fmu2_model.h"
 *
 *   static void model_start(model *m)                                   start values, as in modelDescription.xml
 *   static fmi2Status model_outputs(instance *self)                     outputs from inputs, parameters and state
 *   static fmi2Status model_step(instance *self, double t, double h)    from t to t + h; model_outputs follows
 *
 * The list makes `struct model`, with a field for each variable (a String is a char array). All that a model keeps is
 * in this struct, without pointers: saving its state is copying it.
 */
#ifndef FMU2_MODEL_H
#define FMU2_MODEL_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fmi2.h"

#ifndef MODEL_STRING_SIZE
#define MODEL_STRING_SIZE 256 /* bytes of a String, with its terminating zero */
#endif
#ifndef MODEL_STATE
#define MODEL_STATE
#endif
#ifndef MODEL_LIVE
#define MODEL_LIVE INITIALIZATION
#endif
#ifndef MODEL_MAX_INSTANCES
#define MODEL_MAX_INSTANCES INT_MAX
#endif

/* -- The model's variables ------------------------------------------------------------------------------------------- */

typedef char fmi2StringField[MODEL_STRING_SIZE];
#define FIELD_Real fmi2Real
#define FIELD_Integer fmi2Integer
#define FIELD_Boolean fmi2Boolean
#define FIELD_String fmi2StringField

typedef struct {
#define DECLARE_FIELD(type, name, role) FIELD_##type name;
  MODEL_VARIABLES(DECLARE_FIELD)
#undef DECLARE_FIELD
  MODEL_STATE
} model;

typedef enum { Real, Integer, Boolean, String } variable_type;

/*
 * The states of FMI 2.0.4, section 4.2.3, as bits. A FIXED parameter can be set until the initialization ends, an
 * INPUT and a TUNABLE parameter between steps too, an OUTPUT never.
 */
enum { INSTANTIATED = 1, INITIALIZATION = 2, STEP_COMPLETE = 4, STEP_FAILED = 8, TERMINATED = 16, FAILED = 32 };
enum { OUTPUT = 0, FIXED = INSTANTIATED | INITIALIZATION, TUNABLE = FIXED | STEP_COMPLETE, INPUT = TUNABLE };

static const struct {
  const char *name;
  size_t offset;
  variable_type type;
  unsigned settable; /* states */
} variables[] = {
#define DESCRIBE(type, name, role) {#name, offsetof(model, name), type, role},
    MODEL_VARIABLES(DESCRIBE)
#undef DESCRIBE
};
enum { VARIABLE_COUNT = sizeof variables / sizeof variables[0] };

typedef struct {
  model m;
  unsigned state;
  bool logging;
  fmi2Real time;                 /* last communication point reached, s */
  bool terminating;              /* the model asks to end the simulation: fmi2GetBooleanStatus(fmi2Terminated) */
  const fmi2CallbackFunctions *callbacks;
  char name[128];
} instance;

static void model_start(model *m);
static fmi2Status model_outputs(instance *self);
static fmi2Status model_step(instance *self, double t, double h);

/* -- Guards ------------------------------------------------------------------------------------------------------------ */

/* Debug messages only when logging is on; what goes wrong is always told. */
#define LOG(self, status, category, ...)                                                                        \
  do {                                                                                                          \
    if ((self)->logging || (status) != fmi2OK)                                                                  \
      (self)->callbacks->logger((self)->callbacks->componentEnvironment, (self)->name, status, category,        \
                                __VA_ARGS__);                                                                   \
  } while (0)

static fmi2Status refuse(instance *self, const char *function, const char *why) {
  LOG(self, fmi2Error, "logStatusError", "%s: %s.", function, why);
  return fmi2Error;
}

/* `self`, if the function may be called in its state; otherwise the function returns an error. */
#define ENTER(function, states)                                                                                 \
  instance *self = c;                                                                                           \
  if (self == NULL) return fmi2Error;                                                                           \
  if (!(self->state & (states))) return refuse(self, function, "not allowed in this state")

enum {
  ANY = INSTANTIATED | INITIALIZATION | STEP_COMPLETE | STEP_FAILED | TERMINATED | FAILED,
  READABLE = ANY & ~INSTANTIATED
};

/* The field of variable `vr`, NULL if there is none of this type or it must not be touched in these states. */
static void *field(instance *self, const char *function, fmi2ValueReference vr, variable_type type, bool set) {
  if (vr >= VARIABLE_COUNT || variables[vr].type != type) {
    LOG(self, fmi2Error, "logStatusError", "%s: no variable of this type has value reference %u.", function, vr);
    return NULL;
  }
  if (set && !(variables[vr].settable & self->state)) {
    LOG(self, fmi2Error, "logStatusError", "%s: %s cannot be set in this state.", function, variables[vr].name);
    return NULL;
  }
  return (char *)&self->m + variables[vr].offset;
}

/* -- Life cycle -------------------------------------------------------------------------------------------------------- */

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

static atomic_int instances; /* in this process */

fmi2Component fmi2Instantiate(fmi2String instanceName, fmi2Type fmuType, fmi2String fmuGUID,
                              fmi2String fmuResourceLocation, const fmi2CallbackFunctions *functions,
                              fmi2Boolean visible, fmi2Boolean loggingOn) {
  (void)visible;
  if (functions == NULL || functions->logger == NULL) return NULL;
  const bool crowded = atomic_fetch_add(&instances, 1) >= MODEL_MAX_INSTANCES;
  const char *wrong = fmuType != fmi2CoSimulation                          ? "only co-simulation is supported"
                      : fmuGUID == NULL || strcmp(fmuGUID, MODEL_GUID) != 0 ? "the GUID is not that of this model"
                      : functions->allocateMemory == NULL || functions->freeMemory == NULL
                          ? "the memory functions are missing"
                      : crowded ? "it can be instantiated only once per process"
                                : NULL;
  instance *self = wrong ? NULL : functions->allocateMemory(1, sizeof *self);
  if (self == NULL) {
    atomic_fetch_sub(&instances, 1);
    functions->logger(functions->componentEnvironment, instanceName, fmi2Error, "logStatusError", "fmi2Instantiate: %s.",
                      wrong ? wrong : "out of memory");
    return NULL;
  }
  self->callbacks = functions;
  self->logging = loggingOn;
  self->state = INSTANTIATED;
  snprintf(self->name, sizeof self->name, "%s", instanceName ? instanceName : "");
  model_start(&self->m);
  LOG(self, fmi2OK, "logAll", "instantiated, resources at %s", fmuResourceLocation ? fmuResourceLocation : "nowhere");
  return self;
}

void fmi2FreeInstance(fmi2Component c) {
  instance *self = c;
  if (self == NULL) return;
  self->callbacks->freeMemory(self);
  atomic_fetch_sub(&instances, 1);
}

fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t nCategories, const fmi2String categories[]) {
  (void)nCategories, (void)categories;
  ENTER("fmi2SetDebugLogging", ANY);
  self->logging = on;
  return fmi2OK;
}

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean toleranceDefined, fmi2Real tolerance, fmi2Real startTime,
                               fmi2Boolean stopTimeDefined, fmi2Real stopTime) {
  (void)toleranceDefined, (void)tolerance, (void)stopTimeDefined, (void)stopTime;
  ENTER("fmi2SetupExperiment", INSTANTIATED);
  self->time = startTime;
  return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
  ENTER("fmi2EnterInitializationMode", INSTANTIATED);
  self->state = INITIALIZATION;
  return fmi2OK;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
  ENTER("fmi2ExitInitializationMode", INITIALIZATION);
  fmi2Status status = model_outputs(self);
  self->state = status <= fmi2Warning ? STEP_COMPLETE : FAILED;
  return status;
}

fmi2Status fmi2Terminate(fmi2Component c) {
  ENTER("fmi2Terminate", STEP_COMPLETE | STEP_FAILED);
  self->state = TERMINATED;
  return fmi2OK;
}

fmi2Status fmi2Reset(fmi2Component c) {
  ENTER("fmi2Reset", ANY);
  memset(&self->m, 0, sizeof self->m);
  model_start(&self->m);
  self->state = INSTANTIATED;
  self->terminating = false;
  return fmi2OK;
}

/* -- Values ------------------------------------------------------------------------------------------------------------ */

#define STORE_NUMBER(to, from) (*(to) = (from))
#define ACCESSORS(type)                                                                                         \
  fmi2Status fmi2Get##type(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2##type value[]) {      \
    ENTER("fmi2Get" #type, READABLE);                                                                           \
    fmi2Status status = self->state & (MODEL_LIVE) ? model_outputs(self) : fmi2OK;                              \
    for (size_t i = 0; i < n; i++) {                                                                            \
      const FIELD_##type *from = field(self, "fmi2Get" #type, vr[i], type, false);                              \
      if (from == NULL) return fmi2Error;                                                                       \
      value[i] = *from;                                                                                         \
    }                                                                                                           \
    return status;                                                                                              \
  }                                                                                                             \
  fmi2Status fmi2Set##type(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2##type value[]) { \
    ENTER("fmi2Set" #type, INSTANTIATED | INITIALIZATION | STEP_COMPLETE);                                      \
    for (size_t i = 0; i < n; i++) {                                                                            \
      FIELD_##type *to = field(self, "fmi2Set" #type, vr[i], type, true);                                       \
      if (to == NULL) return fmi2Error;                                                                         \
      SET_##type(to, value[i]);                                                                                 \
    }                                                                                                           \
    return fmi2OK;                                                                                              \
  }
#define SET_Real STORE_NUMBER
#define SET_Integer STORE_NUMBER
#define SET_Boolean(to, from) (*(to) = (from) ? fmi2True : fmi2False)
#define SET_String(to, from)                                                                                    \
  do {                                                                                                          \
    if ((from) == NULL || strlen(from) >= MODEL_STRING_SIZE) return refuse(self, "fmi2SetString", "too long");  \
    strcpy(*(to), from);                                                                                        \
  } while (0)
ACCESSORS(Real)
ACCESSORS(Integer)
ACCESSORS(Boolean)
ACCESSORS(String)

/* -- Steps ------------------------------------------------------------------------------------------------------------- */

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real t, fmi2Real h, fmi2Boolean noSetFMUStatePriorToCurrentPoint) {
  (void)noSetFMUStatePriorToCurrentPoint;
  ENTER("fmi2DoStep", STEP_COMPLETE);
  if (!(h > 0)) return refuse(self, "fmi2DoStep", "the communication step size must be positive");
  fmi2Status status = model_step(self, t, h);
  if (status <= fmi2Warning) {
    fmi2Status outputs = model_outputs(self);
    if (outputs > status) status = outputs;
  }
  if (status <= fmi2Warning) self->time = t + h;
  else self->state = status == fmi2Discard ? STEP_FAILED : status == fmi2Error ? FAILED : self->state;
  return status;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component c, fmi2StatusKind kind, fmi2Boolean *value) {
  ENTER("fmi2GetBooleanStatus", STEP_COMPLETE | STEP_FAILED | TERMINATED);
  if (kind != fmi2Terminated) return fmi2Discard;
  *value = self->terminating;
  return fmi2OK;
}

fmi2Status fmi2GetRealStatus(fmi2Component c, fmi2StatusKind kind, fmi2Real *value) {
  ENTER("fmi2GetRealStatus", STEP_COMPLETE | STEP_FAILED | TERMINATED);
  if (kind != fmi2LastSuccessfulTime) return fmi2Discard;
  *value = self->time;
  return fmi2OK;
}

/* -- State ------------------------------------------------------------------------------------------------------------- */

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  ENTER("fmi2GetFMUstate", ANY);
  if (*state == NULL) *state = self->callbacks->allocateMemory(1, sizeof *self);
  if (*state == NULL) return refuse(self, "fmi2GetFMUstate", "out of memory");
  memcpy(*state, self, sizeof *self);
  return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  ENTER("fmi2SetFMUstate", ANY);
  const instance *from = state;
  self->m = from->m;
  self->state = from->state;
  self->time = from->time;
  self->terminating = from->terminating;
  return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  ENTER("fmi2FreeFMUstate", ANY);
  if (*state != NULL) self->callbacks->freeMemory(*state);
  *state = NULL;
  return fmi2OK;
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  ENTER("fmi2SerializedFMUstateSize", ANY);
  (void)state;
  *size = sizeof *self;
  return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte serialized[], size_t size) {
  ENTER("fmi2SerializeFMUstate", ANY);
  if (size < sizeof *self) return refuse(self, "fmi2SerializeFMUstate", "the buffer is too small");
  memcpy(serialized, state, sizeof *self);
  return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte serialized[], size_t size, fmi2FMUstate *state) {
  ENTER("fmi2DeSerializeFMUstate", ANY);
  if (size != sizeof *self) return refuse(self, "fmi2DeSerializeFMUstate", "this is no state of this model");
  if (*state == NULL) *state = self->callbacks->allocateMemory(1, sizeof *self);
  if (*state == NULL) return refuse(self, "fmi2DeSerializeFMUstate", "out of memory");
  memcpy(*state, serialized, sizeof *self);
  return fmi2OK;
}

/* -- Not offered ------------------------------------------------------------------------------------------------------- */

#define NOT_OFFERED(name, parameters)                                                                           \
  fmi2Status name parameters {                                                                                  \
    ENTER(#name, ANY);                                                                                          \
    return refuse(self, #name, "not supported by this FMU");                                                    \
  }
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#ifndef MODEL_OWN_DERIVATIVES /* a model that has some defines fmi2GetDirectionalDerivative itself */
NOT_OFFERED(fmi2GetDirectionalDerivative,
            (fmi2Component c, const fmi2ValueReference unknown[], size_t nUnknown, const fmi2ValueReference known[],
             size_t nKnown, const fmi2Real dKnown[], fmi2Real dUnknown[]))
#endif
NOT_OFFERED(fmi2SetRealInputDerivatives, (fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                          const fmi2Integer order[], const fmi2Real value[]))
NOT_OFFERED(fmi2GetRealOutputDerivatives, (fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                           const fmi2Integer order[], fmi2Real value[]))
NOT_OFFERED(fmi2CancelStep, (fmi2Component c))
#ifndef MODEL_OWN_STEP_STATUS /* a model whose steps may be pending defines fmi2GetStatus itself */
NOT_OFFERED(fmi2GetStatus, (fmi2Component c, fmi2StatusKind kind, fmi2Status *value))
#endif
NOT_OFFERED(fmi2GetIntegerStatus, (fmi2Component c, fmi2StatusKind kind, fmi2Integer *value))
NOT_OFFERED(fmi2GetStringStatus, (fmi2Component c, fmi2StatusKind kind, fmi2String *value))

#endif
