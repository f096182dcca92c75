/*
 * A small model as an FMI 1.0 co-simulation FMU, after the manner of examples/fmus/fmu2_model.h. A model is one C file:
 *
 *   #define MODEL_IDENTIFIER gain            as in its modelDescription.xml: the functions' names start with it
 *   #define MODEL_GUID "{...}"               as in its modelDescription.xml
 *   #define MODEL_VARIABLES(V)           \   value reference = place in this list, from 0
 *     V(Real, u, INPUT)                  \
 *     V(Real, k, PARAMETER)              \
 *     V(Real, y, OUTPUT)
 *   #define MODEL_STATE double integral;     what the model keeps besides its variables; may be left out
 *   #define MODEL_MAX_INSTANCES 1            in one process; may be left out
 *   #include "fmi1_model.h"
 *
 *   static void model_start(model *m)                                   start values, as in modelDescription.xml
 *   static fmiStatus model_outputs(instance *self)                      outputs from inputs, parameters and state
 *   static fmiStatus model_step(instance *self, double t, double h)     from t to t + h; model_outputs follows
 */
#ifndef FMI1_MODEL_H
#define FMI1_MODEL_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fmi1.h"

#ifndef MODEL_STATE
#define MODEL_STATE
#endif
#ifndef MODEL_MAX_INSTANCES
#define MODEL_MAX_INSTANCES INT_MAX
#endif

#define NAME(function) FMI1_NAME(MODEL_IDENTIFIER, function)
FMI1_DECLARE_FUNCTIONS(MODEL_IDENTIFIER)

/* -- The model's variables ------------------------------------------------------------------------------------------- */

enum { STRING_SIZE = 256 }; /* bytes of a String, with its terminating zero */
typedef char StringField[STRING_SIZE];
#define FIELD_Real fmiReal
#define FIELD_Integer fmiInteger
#define FIELD_Boolean fmiBoolean
#define FIELD_String StringField

typedef struct {
#define DECLARE_FIELD(type, name, role) FIELD_##type name;
  MODEL_VARIABLES(DECLARE_FIELD)
#undef DECLARE_FIELD
  MODEL_STATE
} model;

typedef enum { Real, Integer, Boolean, String } variable_type;

/*
 * The states of a slave, as bits. FMI 1.0 has no Initialization Mode: start values are set before fmiInitializeSlave,
 * and what depends on them is there when it returns. A parameter can be set until then, an input between steps too.
 */
enum { INSTANTIATED = 1, INITIALIZED = 2, STEP_FAILED = 4, TERMINATED = 8, FAILED = 16 };
enum { ANY = INSTANTIATED | INITIALIZED | STEP_FAILED | TERMINATED | FAILED, READABLE = ANY & ~INSTANTIATED };
enum { OUTPUT = 0, PARAMETER = INSTANTIATED, INPUT = INSTANTIATED | INITIALIZED };

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
  fmiReal time; /* last communication point reached, s */
  fmiCallbackFunctions callbacks;
  char name[128];
} instance;

static void model_start(model *m);
static fmiStatus model_outputs(instance *self);
static fmiStatus model_step(instance *self, double t, double h);

/* -- Guards ------------------------------------------------------------------------------------------------------------ */

/* Debug messages only when logging is on; what goes wrong is always told. */
#define LOG(self, status, category, ...)                                                             \
  do {                                                                                               \
    if ((self)->logging || (status) != fmiOK)                                                        \
      (self)->callbacks.logger((self), (self)->name, status, category, __VA_ARGS__);                 \
  } while (0)

static fmiStatus refuse(instance *self, const char *function, const char *why) {
  LOG(self, fmiError, "logStatusError", "%s: %s.", function, why);
  return fmiError;
}

/* `self`, if the function may be called in its state; otherwise the function returns an error. */
#define ENTER(function, states)                                                                      \
  instance *self = c;                                                                                \
  if (self == NULL) return fmiError;                                                                 \
  if (!(self->state & (states))) return refuse(self, function, "not allowed in this state")

/* The field of variable `vr`, NULL if there is none of this type or it must not be touched in these states. */
static void *field(instance *self, const char *function, fmiValueReference vr, variable_type type, bool set) {
  if (vr >= VARIABLE_COUNT || variables[vr].type != type) {
    LOG(self, fmiError, "logStatusError", "%s: no variable of this type has value reference %u.", function, vr);
    return NULL;
  }
  if (set && !(variables[vr].settable & self->state)) {
    LOG(self, fmiError, "logStatusError", "%s: %s cannot be set in this state.", function, variables[vr].name);
    return NULL;
  }
  return (char *)&self->m + variables[vr].offset;
}

/* -- Life cycle -------------------------------------------------------------------------------------------------------- */

const char *NAME(fmiGetTypesPlatform)(void) { return fmiPlatform; }
const char *NAME(fmiGetVersion)(void) { return fmiVersion; }

static atomic_int instances; /* in this process */

fmiComponent NAME(fmiInstantiateSlave)(fmiString instanceName, fmiString fmuGUID, fmiString fmuLocation,
                                       fmiString mimeType, fmiReal timeout, fmiBoolean visible, fmiBoolean interactive,
                                       fmiCallbackFunctions functions, fmiBoolean loggingOn) {
  (void)timeout, (void)visible, (void)interactive;
  if (functions.logger == NULL) return NULL;
  const bool crowded = atomic_fetch_add(&instances, 1) >= MODEL_MAX_INSTANCES;
  const char *wrong = fmuGUID == NULL || strcmp(fmuGUID, MODEL_GUID) != 0 ? "the GUID is not that of this model"
                      : mimeType == NULL || strcmp(mimeType, "application/x-fmu-sharedlibrary") != 0
                          ? "the MIME type is not that of a shared library"
                      : functions.allocateMemory == NULL || functions.freeMemory == NULL
                          ? "the memory functions are missing"
                      : crowded ? "it can be instantiated only once per process"
                                : NULL;
  instance *self = wrong ? NULL : functions.allocateMemory(1, sizeof *self);
  if (self == NULL) {
    atomic_fetch_sub(&instances, 1);
    functions.logger(NULL, instanceName, fmiError, "logStatusError", "fmiInstantiateSlave: %s.",
                     wrong ? wrong : "out of memory");
    return NULL;
  }
  self->callbacks = functions;
  self->logging = loggingOn;
  self->state = INSTANTIATED;
  snprintf(self->name, sizeof self->name, "%s", instanceName ? instanceName : "");
  model_start(&self->m);
  LOG(self, fmiOK, "logAll", "instantiated, FMU at %s", fmuLocation ? fmuLocation : "nowhere");
  return self;
}

void NAME(fmiFreeSlaveInstance)(fmiComponent c) {
  instance *self = c;
  if (self == NULL) return;
  self->callbacks.freeMemory(self);
  atomic_fetch_sub(&instances, 1);
}

fmiStatus NAME(fmiSetDebugLogging)(fmiComponent c, fmiBoolean loggingOn) {
  ENTER("fmiSetDebugLogging", ANY);
  self->logging = loggingOn;
  return fmiOK;
}

fmiStatus NAME(fmiInitializeSlave)(fmiComponent c, fmiReal tStart, fmiBoolean StopTimeDefined, fmiReal tStop) {
  ENTER("fmiInitializeSlave", INSTANTIATED);
  if (StopTimeDefined && !(tStop >= tStart)) return refuse(self, "fmiInitializeSlave", "tStop lies before tStart");
  self->time = tStart;
  fmiStatus status = model_outputs(self);
  self->state = status <= fmiWarning ? INITIALIZED : FAILED;
  return status;
}

fmiStatus NAME(fmiTerminateSlave)(fmiComponent c) {
  ENTER("fmiTerminateSlave", INITIALIZED | STEP_FAILED);
  self->state = TERMINATED;
  return fmiOK;
}

fmiStatus NAME(fmiResetSlave)(fmiComponent c) {
  ENTER("fmiResetSlave", ANY);
  memset(&self->m, 0, sizeof self->m);
  model_start(&self->m);
  self->state = INSTANTIATED;
  return fmiOK;
}

/* -- Values ------------------------------------------------------------------------------------------------------------ */

#define ACCESSORS(type)                                                                                          \
  fmiStatus NAME(fmiGet##type)(fmiComponent c, const fmiValueReference vr[], size_t nvr, fmi##type value[]) {    \
    ENTER("fmiGet" #type, READABLE);                                                                             \
    for (size_t i = 0; i < nvr; i++) {                                                                           \
      const FIELD_##type *from = field(self, "fmiGet" #type, vr[i], type, false);                                \
      if (from == NULL) return fmiError;                                                                         \
      value[i] = *from;                                                                                          \
    }                                                                                                            \
    return fmiOK;                                                                                                \
  }                                                                                                              \
  fmiStatus NAME(fmiSet##type)(fmiComponent c, const fmiValueReference vr[], size_t nvr,                         \
                               const fmi##type value[]) {                                                        \
    ENTER("fmiSet" #type, INSTANTIATED | INITIALIZED);                                                           \
    for (size_t i = 0; i < nvr; i++) {                                                                           \
      FIELD_##type *to = field(self, "fmiSet" #type, vr[i], type, true);                                         \
      if (to == NULL) return fmiError;                                                                           \
      SET_##type(to, value[i]);                                                                                  \
    }                                                                                                            \
    return fmiOK;                                                                                                \
  }
#define SET_Real(to, from) (*(to) = (from))
#define SET_Integer(to, from) (*(to) = (from))
#define SET_Boolean(to, from) (*(to) = (from) ? fmiTrue : fmiFalse)
#define SET_String(to, from)                                                                                     \
  do {                                                                                                           \
    if ((from) == NULL || strlen(from) >= STRING_SIZE) return refuse(self, "fmiSetString", "too long");          \
    strcpy(*(to), from);                                                                                         \
  } while (0)
ACCESSORS(Real)
ACCESSORS(Integer)
ACCESSORS(Boolean)
ACCESSORS(String)

/* -- Steps ------------------------------------------------------------------------------------------------------------- */

fmiStatus NAME(fmiDoStep)(fmiComponent c, fmiReal t, fmiReal h, fmiBoolean newStep) {
  ENTER("fmiDoStep", INITIALIZED);
  if (!(h > 0)) return refuse(self, "fmiDoStep", "the communication step size must be positive");
  if (!newStep) return refuse(self, "fmiDoStep", "steps cannot be done again");
  fmiStatus status = model_step(self, t, h);
  if (status <= fmiWarning) {
    fmiStatus outputs = model_outputs(self);
    if (outputs > status) status = outputs;
  }
  if (status <= fmiWarning) self->time = t + h;
  else self->state = status == fmiDiscard ? STEP_FAILED : FAILED;
  return status;
}

fmiStatus NAME(fmiGetRealStatus)(fmiComponent c, fmiStatusKind kind, fmiReal *value) {
  ENTER("fmiGetRealStatus", INITIALIZED | STEP_FAILED);
  if (kind != fmiLastSuccessfulTime) return fmiDiscard;
  *value = self->time;
  return fmiOK;
}

/* -- Not offered ------------------------------------------------------------------------------------------------------- */

#define NOT_OFFERED(function, parameters)                                                                        \
  fmiStatus NAME(function) parameters {                                                                          \
    ENTER(#function, ANY);                                                                                       \
    return refuse(self, #function, "not supported by this FMU");                                                 \
  }
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
NOT_OFFERED(fmiSetRealInputDerivatives, (fmiComponent c, const fmiValueReference vr[], size_t nvr,
                                         const fmiInteger order[], const fmiReal value[]))
NOT_OFFERED(fmiGetRealOutputDerivatives, (fmiComponent c, const fmiValueReference vr[], size_t nvr,
                                          const fmiInteger order[], fmiReal value[]))
NOT_OFFERED(fmiCancelStep, (fmiComponent c))
NOT_OFFERED(fmiGetStatus, (fmiComponent c, fmiStatusKind kind, fmiStatus *value))
NOT_OFFERED(fmiGetIntegerStatus, (fmiComponent c, fmiStatusKind kind, fmiInteger *value))
NOT_OFFERED(fmiGetBooleanStatus, (fmiComponent c, fmiStatusKind kind, fmiBoolean *value))
NOT_OFFERED(fmiGetStringStatus, (fmiComponent c, fmiStatusKind kind, fmiString *value))

#endif
