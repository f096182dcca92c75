/* FMUs of FMI 3.0 (FMI 3.0.2, sections 2.2, 2.3 and 4.2). */
#include "fmi3.h"

#include "importer_internal.h"

#define REQUIRED(X)                                                                                                 \
  X(fmi3InstantiateCoSimulation) X(fmi3FreeInstance) X(fmi3EnterInitializationMode) X(fmi3ExitInitializationMode)   \
  X(fmi3Terminate) X(fmi3Reset) X(fmi3DoStep)
/* All are to be exported, but what an FMU has no use for is sometimes left out. */
#define OPTIONAL(X)                                                                                                 \
  X(fmi3SetDebugLogging) X(fmi3EnterEventMode) X(fmi3EnterStepMode) X(fmi3UpdateDiscreteStates)                     \
  X(fmi3EnterConfigurationMode) X(fmi3ExitConfigurationMode) X(fmi3GetIntervalDecimal) X(fmi3GetShiftDecimal)       \
  X(fmi3GetFMUState) X(fmi3SetFMUState) X(fmi3FreeFMUState) X(fmi3SerializedFMUStateSize) X(fmi3SerializeFMUState)  \
  X(fmi3DeserializeFMUState) X(fmi3GetDirectionalDerivative)                                                        \
  X(fmi3GetFloat64) X(fmi3SetFloat64) X(fmi3GetFloat32) X(fmi3SetFloat32) X(fmi3GetInt8) X(fmi3SetInt8)             \
  X(fmi3GetUInt8) X(fmi3SetUInt8) X(fmi3GetInt16) X(fmi3SetInt16) X(fmi3GetUInt16) X(fmi3SetUInt16)                 \
  X(fmi3GetInt32) X(fmi3SetInt32) X(fmi3GetUInt32) X(fmi3SetUInt32) X(fmi3GetInt64) X(fmi3SetInt64)                 \
  X(fmi3GetUInt64) X(fmi3SetUInt64) X(fmi3GetBoolean) X(fmi3SetBoolean) X(fmi3GetString) X(fmi3SetString)           \
  X(fmi3GetBinary) X(fmi3SetBinary) X(fmi3GetClock) X(fmi3SetClock)

typedef struct {
#define X(name) name##TYPE *name;
  REQUIRED(X) OPTIONAL(X)
#undef X
} functions;

static const functions *of(const tb_instance *i) { return i->library->functions; }

#define CALL(i, name, ...) (tb_calling(i, #name), (int)of(i)->name((i)->component, ##__VA_ARGS__))
#define CALL_IF_OFFERED(i, name, ...) (of(i)->name == NULL ? TB_NOT_OFFERED : CALL(i, name, ##__VA_ARGS__))

static void log_message(fmi3InstanceEnvironment environment, fmi3Status status, fmi3String category, fmi3String message) {
  tb_host_log_text(environment, (int32_t)status, category, message);
}

/* Values inside a step are not asked for and not given: the FMU goes on as it would without the callback. */
static void intermediate_update(fmi3InstanceEnvironment environment, fmi3Float64 time, fmi3Boolean set_requested,
                                fmi3Boolean get_allowed, fmi3Boolean step_finished, fmi3Boolean can_return_early,
                                fmi3Boolean *early_return_requested, fmi3Float64 *early_return_time) {
  (void)environment;
  (void)set_requested;
  (void)get_allowed;
  (void)step_finished;
  (void)can_return_early;
  if (early_return_requested != NULL) *early_return_requested = fmi3False;
  if (early_return_time != NULL) *early_return_time = time;
}

static void *create(tb_instance *i, const tb_instantiation *how) {
  tb_calling(i, "fmi3InstantiateCoSimulation");
  return of(i)->fmi3InstantiateCoSimulation(how->name, how->token, how->resources, fmi3False, how->logging_on != 0,
                                            how->event_mode != 0, how->early_return != 0, NULL, 0, i->host, log_message,
                                            intermediate_update);
}

static void free_instance(tb_instance *i) {
  tb_calling(i, "fmi3FreeInstance");
  of(i)->fmi3FreeInstance(i->component);
}

static int debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  return CALL_IF_OFFERED(i, fmi3SetDebugLogging, on != 0, n, categories);
}

static int configuration_mode(tb_instance *i, int enter) {
  return enter ? CALL_IF_OFFERED(i, fmi3EnterConfigurationMode) : CALL_IF_OFFERED(i, fmi3ExitConfigurationMode);
}

static int enter_initialization(tb_instance *i) {
  return CALL(i, fmi3EnterInitializationMode, i->has_tolerance, i->tolerance, i->start, i->has_stop, i->stop);
}

static int exit_initialization(tb_instance *i) { return CALL(i, fmi3ExitInitializationMode); }
static int terminate(tb_instance *i) { return CALL(i, fmi3Terminate); }
static int reset(tb_instance *i) { return CALL(i, fmi3Reset); }

static int step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  fmi3Boolean event = fmi3False, ends = fmi3False, early = fmi3False;
  fmi3Float64 reached = time + size;
  int status = CALL(i, fmi3DoStep, time, size, may_go_back ? fmi3False : fmi3True, &event, &ends, &early, &reached);
  result->event = event;
  result->terminate = ends;
  result->early = early;
  /* Only after an early return the time has to be said. */
  if (early) result->reached = reached;
  return status;
}

static int enter_event_mode(tb_instance *i) { return CALL_IF_OFFERED(i, fmi3EnterEventMode); }
static int enter_step_mode(tb_instance *i) { return CALL_IF_OFFERED(i, fmi3EnterStepMode); }

static int update_discrete_states(tb_instance *i, int *needs_update, int *ends, double *next_event) {
  fmi3Boolean needed = fmi3False, over = fmi3False, nominals = fmi3False, values = fmi3False, has_next = fmi3False;
  fmi3Float64 next = DBL_MAX;
  int status = CALL_IF_OFFERED(i, fmi3UpdateDiscreteStates, &needed, &over, &nominals, &values, &has_next, &next);
  *needs_update = needed;
  *ends = over;
  *next_event = has_next ? next : DBL_MAX;
  return status;
}

static int intervals(tb_instance *i, const uint32_t *vrs, uint32_t n, double *values, int32_t *qualifiers) {
  if (of(i)->fmi3GetIntervalDecimal == NULL) return TB_NOT_OFFERED;
  int status = fmi3OK;
  for (uint32_t k = 0; k < n && status <= fmi3Warning; k++) {
    fmi3IntervalQualifier qualifier = fmi3IntervalNotYetKnown;
    status = CALL(i, fmi3GetIntervalDecimal, vrs + k, 1, values + k, &qualifier);
    qualifiers[k] = (int32_t)qualifier;
  }
  return status;
}

static int shifts(tb_instance *i, const uint32_t *vrs, uint32_t n, double *values) {
  return CALL_IF_OFFERED(i, fmi3GetShiftDecimal, vrs, n, values);
}

static int directional_derivative(tb_instance *i, const tb_derivative *d) {
  return CALL_IF_OFFERED(i, fmi3GetDirectionalDerivative, d->unknowns, d->n_unknowns, d->knowns, d->n_knowns, d->seeds,
                         d->n_seeds, d->sensitivities, d->n_sensitivities);
}

static int get_state(tb_instance *i, void **state) { return CALL_IF_OFFERED(i, fmi3GetFMUState, state); }
static int set_state(tb_instance *i, void *state) { return CALL_IF_OFFERED(i, fmi3SetFMUState, state); }
static int free_state(tb_instance *i, void **state) { return CALL_IF_OFFERED(i, fmi3FreeFMUState, state); }

static int state_size(tb_instance *i, void *state, size_t *size) {
  return CALL_IF_OFFERED(i, fmi3SerializedFMUStateSize, state, size);
}

static int serialize_state(tb_instance *i, void *state, uint8_t *bytes, size_t size) {
  return CALL_IF_OFFERED(i, fmi3SerializeFMUState, state, bytes, size);
}

static int deserialize_state(tb_instance *i, const uint8_t *bytes, size_t size, void **state) {
  return CALL_IF_OFFERED(i, fmi3DeserializeFMUState, bytes, size, state);
}

static const tb_adapter adapter = {
    .create = create,
    .free = free_instance,
    .debug_logging = debug_logging,
    .configuration_mode = configuration_mode,
    .enter_initialization = enter_initialization,
    .exit_initialization = exit_initialization,
    .terminate = terminate,
    .reset = reset,
    .step = step,
    .enter_event_mode = enter_event_mode,
    .enter_step_mode = enter_step_mode,
    .update_discrete_states = update_discrete_states,
    .intervals = intervals,
    .shifts = shifts,
    .directional_derivative = directional_derivative,
    .get_state = get_state,
    .set_state = set_state,
    .free_state = free_state,
    .state_size = state_size,
    .serialize_state = serialize_state,
    .deserialize_state = deserialize_state,
};

#define ACCESSORS(X) \
  X(TB_F64, Float64) X(TB_F32, Float32) X(TB_I8, Int8) X(TB_U8, UInt8) X(TB_I16, Int16) \
  X(TB_U16, UInt16) X(TB_I32, Int32) X(TB_U32, UInt32) X(TB_I64, Int64) X(TB_U64, UInt64) \
  X(TB_B8, Boolean) X(TB_CLOCK, Clock) X(TB_TEXT, String) X(TB_BYTES, Binary)

void tb_name_fmi3(tb_library *library) {
#define X(storage, type)                                    \
  library->accessors[storage].get_name = "fmi3Get" #type;   \
  library->accessors[storage].set_name = "fmi3Set" #type;
  ACCESSORS(X)
#undef X
}

void tb_bind_fmi3(tb_library *library, char *missing, size_t size) {
  functions *f = calloc(1, sizeof *f);
  library->functions = f;
  library->adapter = &adapter;
  if (f == NULL) return;
#define X(name) tb_find_function(library, "", #name, &f->name, true, missing, size);
  REQUIRED(X)
#undef X
#define X(name) tb_find_function(library, "", #name, &f->name, false, missing, size);
  OPTIONAL(X)
#undef X
  tb_name_fmi3(library);
#define X(storage, type)                                    \
  library->accessors[storage].get = (void *)f->fmi3Get##type; \
  library->accessors[storage].set = (void *)f->fmi3Set##type;
  ACCESSORS(X)
#undef X
}
