/*
 * A small model as an FMI 3.0 co-simulation FMU, after the manner of examples/fmus/fmu2_model.h. A model is one C file:
 *
 *   #define MODEL_TOKEN "{...}"              instantiationToken, as in its modelDescription.xml
 *   #define MODEL_VARIABLES(V, ARRAY)    \   value reference = place in this list, from 1; 0 is the time
 *     V(Float64, k, TUNABLE)             \   an Enumeration is an Int64
 *     ARRAY(Float64, u, 3, INPUT)        \   an array of 3 elements
 *     V(Boolean, high, OUTPUT)
 *   #define MODEL_STATE double integral;     what the model keeps besides its variables; may be left out
 *   #define MODEL_LIVE INITIALIZATION        states in which a getter computes the outputs anew; may be left out
 *   #define MODEL_HAS_...                    what else it has, see below
 *   #include "fmi3_model.h"
 *
 *   static void model_start(model *m)                                   start values, as in modelDescription.xml
 *   static fmi3Status model_outputs(instance *self)                     outputs from inputs, parameters and state
 *   static fmi3Status model_step(instance *self, double t, double h, step_end *end)    from t to t + h, or to
 *                                                                       end->reached; model_outputs follows
 *
 * MODEL_HAS_EVENTS (hasEventMode):
 *   static fmi3Status model_event(instance *self, event_end *end)       the discrete states anew; also called when Event
 *                                                                       Mode is not used and a step finds an event
 * MODEL_HAS_STRUCTURE (structural parameters, which can be set in Configuration Mode):
 *   static size_t model_elements(const model *m, fmi3ValueReference vr, size_t capacity)   of an array, now
 *   static const char *model_configured(model *m)                       after Configuration Mode; what is wrong, or NULL
 * MODEL_HAS_FMU_STATE (canGetAndSetFMUState, canSerializeFMUState), MODEL_HAS_INTERMEDIATE_UPDATE,
 * MODEL_HAS_INTERVALS (it defines fmi3GetIntervalDecimal itself)
 */
#ifndef FMI3_MODEL_H
#define FMI3_MODEL_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fmi3.h"

#ifndef MODEL_STATE
#define MODEL_STATE
#endif
#ifndef MODEL_LIVE
#define MODEL_LIVE INITIALIZATION | EVENT
#endif

/* -- The model's variables ------------------------------------------------------------------------------------------- */

enum { STRING_SIZE = 256, BINARY_SIZE = 256 }; /* bytes; of a String with its terminating zero */
typedef char StringField[STRING_SIZE];
typedef struct {
  size_t size;
  fmi3Byte bytes[BINARY_SIZE];
} BinaryField;

#define FIELD_Float32 fmi3Float32
#define FIELD_Float64 fmi3Float64
#define FIELD_Int8 fmi3Int8
#define FIELD_UInt8 fmi3UInt8
#define FIELD_Int16 fmi3Int16
#define FIELD_UInt16 fmi3UInt16
#define FIELD_Int32 fmi3Int32
#define FIELD_UInt32 fmi3UInt32
#define FIELD_Int64 fmi3Int64
#define FIELD_UInt64 fmi3UInt64
#define FIELD_Boolean fmi3Boolean
#define FIELD_String StringField
#define FIELD_Binary BinaryField
#define FIELD_Clock fmi3Clock

typedef struct {
  fmi3Float64 time;
#define DECLARE_FIELD(type, name, role) FIELD_##type name;
#define DECLARE_ARRAY(type, name, capacity, role) FIELD_##type name[capacity];
  MODEL_VARIABLES(DECLARE_FIELD, DECLARE_ARRAY)
  MODEL_STATE
} model;

typedef enum {
  Float32, Float64, Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Boolean, String, Binary, Clock
} variable_type;

/*
 * The states of FMI 3.0.2, sections 2.3 and 4.2.1, as bits. Step Mode is two: when Event Mode is used, discrete inputs
 * and tunable parameters change only there.
 */
enum {
  INSTANTIATED = 1,
  CONFIGURATION = 2,
  INITIALIZATION = 4,
  EVENT = 8,
  STEP = 16,
  STEP_WITHOUT_EVENTS = 32,
  INTERMEDIATE = 64,
  TERMINATED = 128,
  FAILED = 256,
  STEPPING = STEP | STEP_WITHOUT_EVENTS,
  RUNNING = EVENT | STEPPING,
  ANY = INSTANTIATED | CONFIGURATION | INITIALIZATION | RUNNING | INTERMEDIATE | TERMINATED | FAILED
};
/* When a variable can be set. CLOCKED, an input with a clock; TICK, an input clock. */
enum {
  OUTPUT = 0,
  STRUCTURAL = CONFIGURATION,
  FIXED = INSTANTIATED | INITIALIZATION,
  CLOCKED = FIXED | EVENT,
  TUNABLE = CLOCKED | STEP_WITHOUT_EVENTS,
  DISCRETE = TUNABLE,
  INPUT = DISCRETE | STEP,
  INTERMEDIATE_INPUT = INPUT | INTERMEDIATE,
  TICK = EVENT
};

static const struct {
  const char *name;
  size_t offset, capacity;
  variable_type type;
  unsigned settable; /* states */
} variables[] = {
    {"time", offsetof(model, time), 1, Float64, OUTPUT},
#define DESCRIBE(type, name, role) {#name, offsetof(model, name), 1, type, role},
#define DESCRIBE_ARRAY(type, name, capacity, role) {#name, offsetof(model, name), capacity, type, role},
    MODEL_VARIABLES(DESCRIBE, DESCRIBE_ARRAY)
};
enum { VARIABLE_COUNT = sizeof variables / sizeof variables[0] };

typedef struct {
  model m;
  unsigned state;
  bool logging, event_mode_used, early_return_allowed;
  fmi3InstanceEnvironment environment;
  fmi3LogMessageCallback log_message;
  fmi3IntermediateUpdateCallback intermediate_update;
} instance;

typedef struct {
  bool event, terminate;
  double reached; /* s; less than t + h: the step ends early, see may_end_early */
} step_end;

typedef struct {
  bool again, terminate, next_defined;
  double next; /* time of the next event, s */
} event_end;

static void model_start(model *m);
static fmi3Status model_outputs(instance *self);
static fmi3Status model_step(instance *self, double t, double h, step_end *end);
#ifdef MODEL_HAS_EVENTS
static fmi3Status model_event(instance *self, event_end *end);
#endif
#ifdef MODEL_HAS_STRUCTURE
static size_t model_elements(const model *m, fmi3ValueReference vr, size_t capacity);
static const char *model_configured(model *m);
#else
static size_t model_elements(const model *m, fmi3ValueReference vr, size_t capacity) {
  (void)m, (void)vr;
  return capacity;
}
#endif

/* -- Guards ------------------------------------------------------------------------------------------------------------ */

/* Debug messages only when logging is on; what goes wrong is always told. */
static void say(const instance *self, fmi3Status status, const char *category, const char *format, ...) {
  char text[512];
  if (self->log_message == NULL || (status == fmi3OK && !self->logging)) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  self->log_message(self->environment, status, category, text);
}

static fmi3Status refuse(const instance *self, const char *function, const char *why) {
  say(self, fmi3Error, "logStatusError", "%s: %s", function, why);
  return fmi3Error;
}

/* `self`, if the function may be called in its state; otherwise the function returns an error. */
#define ENTER(function, states)                                                                                 \
  instance *self = c;                                                                                           \
  if (self == NULL) return fmi3Error;                                                                           \
  if (!(self->state & (states))) return refuse(self, function, "not allowed in this state")

/* All variables of a call are of this type and, to be set, settable now; together they have `count` elements. */
static bool check(const instance *self, const char *function, variable_type type, const fmi3ValueReference vr[],
                  size_t nvr, size_t count, bool set) {
  size_t elements = 0;
  for (size_t i = 0; i < nvr; i++) {
    if (vr[i] >= VARIABLE_COUNT || variables[vr[i]].type != type) {
      say(self, fmi3Error, "logStatusError", "%s: no variable of this type has value reference %u", function, vr[i]);
      return false;
    }
    if (set && !(variables[vr[i]].settable & self->state)) {
      say(self, fmi3Error, "logStatusError", "%s: %s cannot be set now", function, variables[vr[i]].name);
      return false;
    }
    elements += model_elements(&self->m, vr[i], variables[vr[i]].capacity);
  }
  if (elements == count) return true;
  say(self, fmi3Error, "logStatusError", "%s: nValues is %zu, there are %zu elements", function, count, elements);
  return false;
}

/* Whether a step may end before its time: at an event the importer goes on, or, without Event Mode, the FMU itself. */
static inline bool may_end_early(const instance *self) { return self->early_return_allowed || !self->event_mode_used; }

/* A clock ticks once (2.2.9). */
static void clear_clocks(instance *self) {
  for (size_t i = 0; i < VARIABLE_COUNT; i++) {
    if (variables[i].type == Clock) *(fmi3Clock *)((char *)&self->m + variables[i].offset) = false;
  }
}

/* -- Life cycle -------------------------------------------------------------------------------------------------------- */

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Instance fmi3InstantiateCoSimulation(fmi3String instanceName, fmi3String instantiationToken,
                                         fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                         fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
                                         const fmi3ValueReference requiredIntermediateVariables[],
                                         size_t nRequiredIntermediateVariables, fmi3InstanceEnvironment environment,
                                         fmi3LogMessageCallback logMessage,
                                         fmi3IntermediateUpdateCallback intermediateUpdate) {
  (void)visible, (void)requiredIntermediateVariables;
  const instance given = {.state = INSTANTIATED,
                          .logging = loggingOn,
                          .event_mode_used = eventModeUsed,
                          .early_return_allowed = earlyReturnAllowed,
                          .environment = environment,
                          .log_message = logMessage,
                          .intermediate_update = intermediateUpdate};
  const char *wrong = instanceName == NULL || instanceName[0] == '\0' ? "the instance needs a name"
                      : instantiationToken == NULL || strcmp(instantiationToken, MODEL_TOKEN) != 0
                          ? "the instantiationToken is not that of this model"
#ifndef MODEL_HAS_EVENTS
                      : eventModeUsed ? "this FMU has no Event Mode"
#endif
#ifndef MODEL_HAS_INTERMEDIATE_UPDATE
                      : nRequiredIntermediateVariables > 0 ? "this FMU has no intermediate updates"
#endif
                                                           : NULL;
  (void)nRequiredIntermediateVariables;
  instance *self = wrong ? NULL : malloc(sizeof *self);
  if (self == NULL) {
    refuse(&given, "fmi3InstantiateCoSimulation", wrong ? wrong : "out of memory");
    return NULL;
  }
  *self = given;
  model_start(&self->m);
  say(self, fmi3OK, "logAll", "instantiated, resources at %s", resourcePath ? resourcePath : "nowhere");
  return self;
}

void fmi3FreeInstance(fmi3Instance c) { free(c); }

fmi3Status fmi3SetDebugLogging(fmi3Instance c, fmi3Boolean on, size_t nCategories, const fmi3String categories[]) {
  (void)nCategories, (void)categories;
  ENTER("fmi3SetDebugLogging", ANY);
  self->logging = on;
  return fmi3OK;
}

fmi3Status fmi3EnterConfigurationMode(fmi3Instance c) {
  ENTER("fmi3EnterConfigurationMode", INSTANTIATED);
#ifdef MODEL_HAS_STRUCTURE
  self->state = CONFIGURATION;
  return fmi3OK;
#else
  return refuse(self, "fmi3EnterConfigurationMode", "this FMU has no structural parameters");
#endif
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance c) {
  ENTER("fmi3ExitConfigurationMode", CONFIGURATION);
#ifdef MODEL_HAS_STRUCTURE
  const char *wrong = model_configured(&self->m);
  if (wrong) return refuse(self, "fmi3ExitConfigurationMode", wrong);
#endif
  self->state = INSTANTIATED;
  return fmi3OK;
}

fmi3Status fmi3EnterInitializationMode(fmi3Instance c, fmi3Boolean toleranceDefined, fmi3Float64 tolerance,
                                       fmi3Float64 startTime, fmi3Boolean stopTimeDefined, fmi3Float64 stopTime) {
  (void)toleranceDefined, (void)tolerance, (void)stopTimeDefined, (void)stopTime;
  ENTER("fmi3EnterInitializationMode", INSTANTIATED);
  self->m.time = startTime;
  self->state = INITIALIZATION;
  return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance c) {
  ENTER("fmi3ExitInitializationMode", INITIALIZATION);
  const fmi3Status status = model_outputs(self);
  self->state = status > fmi3Warning ? FAILED : self->event_mode_used ? EVENT : STEP_WITHOUT_EVENTS;
  return status;
}

fmi3Status fmi3Terminate(fmi3Instance c) {
  ENTER("fmi3Terminate", RUNNING);
  self->state = TERMINATED;
  return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance c) {
  ENTER("fmi3Reset", ANY & ~INTERMEDIATE);
  memset(&self->m, 0, sizeof self->m);
  model_start(&self->m);
  self->state = INSTANTIATED;
  return fmi3OK;
}

/* -- Values ------------------------------------------------------------------------------------------------------------ */

#define EACH_ELEMENT(type, vr, nvr, field)                                                                      \
  for (size_t i = 0, k = 0; i < nvr; i++)                                                                       \
    for (FIELD_##type *field = (void *)((char *)&self->m + variables[vr[i]].offset),                            \
                      *behind = field + model_elements(&self->m, vr[i], variables[vr[i]].capacity);             \
         field < behind; field++, k++)

/* Outputs as they are now; in the states of MODEL_LIVE they follow the inputs. */
#define GET(type, count, each)                                                                                  \
  ENTER("fmi3Get" #type, ANY);                                                                                  \
  if (!check(self, "fmi3Get" #type, type, vr, nvr, count, false)) return fmi3Error;                             \
  const fmi3Status status = self->state & (MODEL_LIVE) ? model_outputs(self) : fmi3OK;                          \
  EACH_ELEMENT(type, vr, nvr, from) { each; }                                                                   \
  return status
#define SET(type, count, each)                                                                                  \
  ENTER("fmi3Set" #type, ANY);                                                                                  \
  if (!check(self, "fmi3Set" #type, type, vr, nvr, count, true)) return fmi3Error;                              \
  EACH_ELEMENT(type, vr, nvr, to) { each; }                                                                     \
  return fmi3OK

#define ACCESSORS(type)                                                                                         \
  fmi3Status fmi3Get##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3##type values[],      \
                           size_t nValues) {                                                                    \
    GET(type, nValues, values[k] = *from);                                                                      \
  }                                                                                                             \
  fmi3Status fmi3Set##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3##type values[], \
                           size_t nValues) {                                                                    \
    SET(type, nValues, SET_##type(to, values[k]));                                                              \
  }
#define STORE(to, from) (*(to) = (from))
#define SET_Float32 STORE
#define SET_Float64 STORE
#define SET_Int8 STORE
#define SET_UInt8 STORE
#define SET_Int16 STORE
#define SET_UInt16 STORE
#define SET_Int32 STORE
#define SET_UInt32 STORE
#define SET_Int64 STORE
#define SET_UInt64 STORE
#define SET_Boolean STORE
#define SET_String(to, from)                                                                                    \
  if ((from) == NULL || strlen(from) >= STRING_SIZE) return refuse(self, "fmi3SetString", "too long");          \
  strcpy(*(to), from)
FMI3_EACH_VALUE_TYPE(ACCESSORS)

fmi3Status fmi3GetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, size_t sizes[],
                         fmi3Binary values[], size_t nValues) {
  GET(Binary, nValues, sizes[k] = from->size; values[k] = from->bytes);
}

fmi3Status fmi3SetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const size_t sizes[],
                         const fmi3Binary values[], size_t nValues) {
  SET(Binary, nValues, if (sizes[k] > BINARY_SIZE) return refuse(self, "fmi3SetBinary", "too long");
      if (sizes[k] > 0) memcpy(to->bytes, values[k], sizes[k]);
      to->size = sizes[k]);
}

fmi3Status fmi3GetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Clock values[]) {
  GET(Clock, nvr, values[k] = self->state == EVENT && *from);
}

fmi3Status fmi3SetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Clock values[]) {
  SET(Clock, nvr, *to = values[k]);
}

/* -- Events and steps ----------------------------------------------------------------------------------------------------- */

static fmi3Status update_discrete_states(instance *self, event_end *end) {
#ifdef MODEL_HAS_EVENTS
  const fmi3Status status = model_event(self, end);
  return status <= fmi3Warning ? model_outputs(self) : status;
#else
  (void)end;
  return refuse(self, "fmi3UpdateDiscreteStates", "this FMU has no Event Mode");
#endif
}

fmi3Status fmi3EnterEventMode(fmi3Instance c) {
  ENTER("fmi3EnterEventMode", STEP);
  self->state = EVENT;
  return fmi3OK;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance c, fmi3Boolean *discreteStatesNeedUpdate,
                                    fmi3Boolean *terminateSimulation, fmi3Boolean *nominalsOfContinuousStatesChanged,
                                    fmi3Boolean *valuesOfContinuousStatesChanged, fmi3Boolean *nextEventTimeDefined,
                                    fmi3Float64 *nextEventTime) {
  ENTER("fmi3UpdateDiscreteStates", EVENT);
  event_end end = {0};
  const fmi3Status status = update_discrete_states(self, &end);
  *discreteStatesNeedUpdate = end.again;
  *terminateSimulation = end.terminate;
  *nominalsOfContinuousStatesChanged = *valuesOfContinuousStatesChanged = false;
  *nextEventTimeDefined = end.next_defined;
  *nextEventTime = end.next;
  return status;
}

fmi3Status fmi3EnterStepMode(fmi3Instance c) {
  ENTER("fmi3EnterStepMode", EVENT);
  clear_clocks(self);
  self->state = STEP;
  return fmi3OK;
}

/* One step of the model, and without Event Mode what is to be done at its end. */
static fmi3Status step_to(instance *self, double stop, step_end *end) {
  const double t = self->m.time;
  *end = (step_end){.reached = stop};
  fmi3Status status = model_step(self, t, stop - t, end);
  self->m.time = end->reached;
  for (event_end event = {.again = end->event && !self->event_mode_used}; event.again && status <= fmi3Warning;) {
    event = (event_end){0};
    status = update_discrete_states(self, &event);
    end->terminate |= event.terminate;
    end->event = false;
  }
  return status <= fmi3Warning ? model_outputs(self) : status;
}

fmi3Status fmi3DoStep(fmi3Instance c, fmi3Float64 t, fmi3Float64 h, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
                      fmi3Boolean *eventHandlingNeeded, fmi3Boolean *terminateSimulation, fmi3Boolean *earlyReturn,
                      fmi3Float64 *lastSuccessfulTime) {
  (void)noSetFMUStatePriorToCurrentPoint;
  ENTER("fmi3DoStep", STEPPING);
  if (!(h > 0)) return refuse(self, "fmi3DoStep", "the communication step size must be positive");
  clear_clocks(self);
  const double stop = t + h;
  self->m.time = t;
  step_end end;
  fmi3Status status;
  do {
    status = step_to(self, stop, &end);
  } while (status <= fmi3Warning && end.reached < stop && !end.terminate && !self->early_return_allowed);
  *eventHandlingNeeded = end.event;
  *terminateSimulation = end.terminate;
  *earlyReturn = end.reached < stop && self->early_return_allowed;
  *lastSuccessfulTime = end.reached;
  if (status > fmi3Warning) self->state = FAILED;
  return status;
}

/* -- State --------------------------------------------------------------------------------------------------------------- */

#define REFUSED(name, why, parameters)                                                                          \
  fmi3Status name parameters {                                                                                  \
    ENTER(#name, ANY);                                                                                          \
    return refuse(self, #name, why);                                                                            \
  }
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif

#ifdef MODEL_HAS_FMU_STATE
typedef struct {
  model m;
  unsigned state;
} saved_state;

fmi3Status fmi3GetFMUState(fmi3Instance c, fmi3FMUState *state) {
  ENTER("fmi3GetFMUState", ANY & ~INTERMEDIATE);
  saved_state *saved = *state != NULL ? *state : malloc(sizeof *saved);
  if (saved == NULL) return refuse(self, "fmi3GetFMUState", "out of memory");
  memcpy(&saved->m, &self->m, sizeof self->m);
  saved->state = self->state;
  *state = saved;
  return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance c, fmi3FMUState state) {
  ENTER("fmi3SetFMUState", ANY & ~INTERMEDIATE);
  const saved_state *saved = state;
  if (saved == NULL) return refuse(self, "fmi3SetFMUState", "no state");
  if (saved->state & (self->event_mode_used ? STEP_WITHOUT_EVENTS : STEP | EVENT))
    return refuse(self, "fmi3SetFMUState", "one instance uses Event Mode, the other does not");
  memcpy(&self->m, &saved->m, sizeof self->m);
  self->state = saved->state;
  return fmi3OK;
}

fmi3Status fmi3FreeFMUState(fmi3Instance c, fmi3FMUState *state) {
  ENTER("fmi3FreeFMUState", ANY);
  free(*state);
  *state = NULL;
  return fmi3OK;
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance c, fmi3FMUState state, size_t *size) {
  ENTER("fmi3SerializedFMUStateSize", ANY);
  *size = sizeof(saved_state);
  return fmi3OK;
}

fmi3Status fmi3SerializeFMUState(fmi3Instance c, fmi3FMUState state, fmi3Byte serialized[], size_t size) {
  ENTER("fmi3SerializeFMUState", ANY);
  if (size != sizeof(saved_state)) return refuse(self, "fmi3SerializeFMUState", "not the size of a state");
  memcpy(serialized, state, size);
  return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance c, const fmi3Byte serialized[], size_t size, fmi3FMUState *state) {
  ENTER("fmi3DeserializeFMUState", ANY);
  if (size != sizeof(saved_state)) return refuse(self, "fmi3DeserializeFMUState", "this is no state of this model");
  if (*state == NULL) *state = malloc(size);
  if (*state == NULL) return refuse(self, "fmi3DeserializeFMUState", "out of memory");
  memcpy(*state, serialized, size);
  return fmi3OK;
}
#else
#define NO_STATE(name, parameters) REFUSED(name, "this FMU cannot save its state", parameters)
NO_STATE(fmi3GetFMUState, (fmi3Instance c, fmi3FMUState *state))
NO_STATE(fmi3SetFMUState, (fmi3Instance c, fmi3FMUState state))
NO_STATE(fmi3FreeFMUState, (fmi3Instance c, fmi3FMUState *state))
NO_STATE(fmi3SerializedFMUStateSize, (fmi3Instance c, fmi3FMUState state, size_t *size))
NO_STATE(fmi3SerializeFMUState, (fmi3Instance c, fmi3FMUState state, fmi3Byte serialized[], size_t size))
NO_STATE(fmi3DeserializeFMUState,
         (fmi3Instance c, const fmi3Byte serialized[], size_t size, fmi3FMUState *state))
#endif

/* -- Not offered: importers look all functions up ------------------------------------------------------------------------ */

#define NOT_OFFERED(name, parameters) REFUSED(name, "not supported by this FMU", parameters)
#define VRS fmi3Instance c, const fmi3ValueReference vr[], size_t nvr
#ifndef MODEL_HAS_INTERVALS
NOT_OFFERED(fmi3GetIntervalDecimal, (VRS, fmi3Float64 intervals[], fmi3IntervalQualifier qualifiers[]))
#endif
NOT_OFFERED(fmi3GetIntervalFraction,
            (VRS, fmi3UInt64 counters[], fmi3UInt64 resolutions[], fmi3IntervalQualifier qualifiers[]))
NOT_OFFERED(fmi3GetShiftDecimal, (VRS, fmi3Float64 shifts[]))
NOT_OFFERED(fmi3GetShiftFraction, (VRS, fmi3UInt64 counters[], fmi3UInt64 resolutions[]))
NOT_OFFERED(fmi3SetIntervalDecimal, (VRS, const fmi3Float64 intervals[]))
NOT_OFFERED(fmi3SetIntervalFraction, (VRS, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]))
NOT_OFFERED(fmi3SetShiftDecimal, (VRS, const fmi3Float64 shifts[]))
NOT_OFFERED(fmi3SetShiftFraction, (VRS, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]))
NOT_OFFERED(fmi3EvaluateDiscreteStates, (fmi3Instance c))
NOT_OFFERED(fmi3GetOutputDerivatives, (VRS, const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues))
NOT_OFFERED(fmi3GetNumberOfVariableDependencies, (fmi3Instance c, fmi3ValueReference vr, size_t *nDependencies))
NOT_OFFERED(fmi3GetVariableDependencies,
            (fmi3Instance c, fmi3ValueReference dependent, size_t elementIndicesOfDependent[],
             fmi3ValueReference independents[], size_t elementIndicesOfIndependents[],
             fmi3DependencyKind dependencyKinds[], size_t nDependencies))
#define DERIVATIVES                                                                                             \
  (fmi3Instance c, const fmi3ValueReference unknowns[], size_t nUnknowns, const fmi3ValueReference knowns[],    \
   size_t nKnowns, const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity)
#ifndef MODEL_OWN_DERIVATIVES /* a model that has some defines fmi3GetDirectionalDerivative itself */
NOT_OFFERED(fmi3GetDirectionalDerivative, DERIVATIVES)
#endif
NOT_OFFERED(fmi3GetAdjointDerivative, DERIVATIVES)

#define NOT_THIS_KIND(name, parameters) REFUSED(name, "this FMU is for co-simulation only", parameters)
NOT_THIS_KIND(fmi3EnterContinuousTimeMode, (fmi3Instance c))
NOT_THIS_KIND(fmi3CompletedIntegratorStep, (fmi3Instance c, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
                                            fmi3Boolean *enterEventMode, fmi3Boolean *terminateSimulation))
NOT_THIS_KIND(fmi3SetTime, (fmi3Instance c, fmi3Float64 time))
NOT_THIS_KIND(fmi3SetContinuousStates, (fmi3Instance c, const fmi3Float64 states[], size_t nStates))
NOT_THIS_KIND(fmi3GetContinuousStateDerivatives, (fmi3Instance c, fmi3Float64 derivatives[], size_t nStates))
NOT_THIS_KIND(fmi3GetEventIndicators, (fmi3Instance c, fmi3Float64 indicators[], size_t nIndicators))
NOT_THIS_KIND(fmi3GetContinuousStates, (fmi3Instance c, fmi3Float64 states[], size_t nStates))
NOT_THIS_KIND(fmi3GetNominalsOfContinuousStates, (fmi3Instance c, fmi3Float64 nominals[], size_t nStates))
NOT_THIS_KIND(fmi3GetNumberOfEventIndicators, (fmi3Instance c, size_t *nIndicators))
NOT_THIS_KIND(fmi3GetNumberOfContinuousStates, (fmi3Instance c, size_t *nStates))
NOT_THIS_KIND(fmi3ActivateModelPartition, (fmi3Instance c, fmi3ValueReference clock, fmi3Float64 activationTime))

fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken,
                                          fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                          fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage) {
  const instance nobody = {.environment = environment, .log_message = logMessage};
  refuse(&nobody, "fmi3InstantiateModelExchange", "this FMU is for co-simulation only");
  return NULL;
}

fmi3Instance fmi3InstantiateScheduledExecution(fmi3String instanceName, fmi3String instantiationToken,
                                               fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                               fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage,
                                               fmi3ClockUpdateCallback clockUpdate,
                                               fmi3LockPreemptionCallback lockPreemption,
                                               fmi3UnlockPreemptionCallback unlockPreemption) {
  const instance nobody = {.environment = environment, .log_message = logMessage};
  refuse(&nobody, "fmi3InstantiateScheduledExecution", "this FMU is for co-simulation only");
  return NULL;
}

#endif
