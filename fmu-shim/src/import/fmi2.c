/* FMUs of FMI 2.0 (FMI 2.0.4, sections 2.1 and 4.2). */
#include "../platform/platform.h"
#include "fmi2.h"
#include "importer_internal.h"

typedef fmi2Status fmi2GetMaxStepsizeTYPE(fmi2Component c, fmi2Real *size);

#define REQUIRED(X)                                                                                                \
  X(fmi2Instantiate) X(fmi2FreeInstance) X(fmi2SetupExperiment) X(fmi2EnterInitializationMode)                     \
  X(fmi2ExitInitializationMode) X(fmi2Terminate) X(fmi2Reset) X(fmi2GetReal) X(fmi2GetInteger) X(fmi2GetBoolean)   \
  X(fmi2GetString) X(fmi2SetReal) X(fmi2SetInteger) X(fmi2SetBoolean) X(fmi2SetString) X(fmi2DoStep)
#define OPTIONAL(X)                                                                                                \
  X(fmi2SetDebugLogging) X(fmi2GetStatus) X(fmi2GetRealStatus) X(fmi2GetBooleanStatus) X(fmi2GetFMUstate)          \
  X(fmi2SetFMUstate) X(fmi2FreeFMUstate) X(fmi2SerializedFMUstateSize) X(fmi2SerializeFMUstate)                    \
  X(fmi2DeSerializeFMUstate) X(fmi2GetMaxStepsize) X(fmi2GetDirectionalDerivative)

typedef struct {
#define X(name) name##TYPE *name;
  REQUIRED(X) OPTIONAL(X)
#undef X
} functions;

static const functions *of(const tb_instance *i) { return i->library->functions; }

#define CALL(i, name, ...) (tb_calling(i, #name), (int)of(i)->name((i)->component, ##__VA_ARGS__))
#define CALL_IF_OFFERED(i, name, ...) (of(i)->name == NULL ? TB_NOT_OFFERED : CALL(i, name, ##__VA_ARGS__))

static void *create(tb_instance *i, const tb_instantiation *how) {
  tb_calling(i, "fmi2Instantiate");
  return of(i)->fmi2Instantiate(how->name, fmi2CoSimulation, how->token, how->resources, tb_host_callbacks(i->host),
                                fmi2False, how->logging_on ? fmi2True : fmi2False);
}

static void free_instance(tb_instance *i) {
  tb_calling(i, "fmi2FreeInstance");
  of(i)->fmi2FreeInstance(i->component);
}

static int debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  return CALL_IF_OFFERED(i, fmi2SetDebugLogging, on ? fmi2True : fmi2False, n, categories);
}

static int enter_initialization(tb_instance *i) {
  int status = CALL(i, fmi2SetupExperiment, i->has_tolerance, i->tolerance, i->start, i->has_stop, i->stop);
  if (status > fmi2Warning) return status;
  int entered = CALL(i, fmi2EnterInitializationMode);
  return entered > status ? entered : status;
}

static int exit_initialization(tb_instance *i) { return CALL(i, fmi2ExitInitializationMode); }
static int terminate(tb_instance *i) { return CALL(i, fmi2Terminate); }
static int reset(tb_instance *i) { return CALL(i, fmi2Reset); }

/* The importer gives no stepFinished: whether a pending step is over has to be asked. */
int tb_fmi2_await_step(tb_instance *i) {
  if (of(i)->fmi2GetStatus == NULL) return fmi2Error;
  for (;;) {
    fmi2Status of_step = fmi2Error;
    int status = CALL(i, fmi2GetStatus, fmi2DoStepStatus, &of_step);
    if (status > fmi2Warning) return status;
    if (of_step != fmi2Pending) {
      i->last_call = "fmi2DoStep";
      return (int)of_step;
    }
    tb_sleep_ns(TB_POLL_NS);
  }
}

static int step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  (void)result;
  int status = CALL(i, fmi2DoStep, time, size, may_go_back ? fmi2False : fmi2True);
  return status == fmi2Pending ? tb_fmi2_await_step(i) : status;
}

static int last_successful_time(tb_instance *i, double *time) {
  return CALL_IF_OFFERED(i, fmi2GetRealStatus, fmi2LastSuccessfulTime, time);
}

static int terminated(tb_instance *i, int *value) {
  return CALL_IF_OFFERED(i, fmi2GetBooleanStatus, fmi2Terminated, value);
}

static int max_step_size(tb_instance *i, double *size) { return CALL_IF_OFFERED(i, fmi2GetMaxStepsize, size); }

static int directional_derivative(tb_instance *i, const tb_derivative *d) {
  return CALL_IF_OFFERED(i, fmi2GetDirectionalDerivative, d->unknowns, d->n_unknowns, d->knowns, d->n_knowns, d->seeds,
                         d->sensitivities);
}

static int get_state(tb_instance *i, void **state) { return CALL_IF_OFFERED(i, fmi2GetFMUstate, state); }
static int set_state(tb_instance *i, void *state) { return CALL_IF_OFFERED(i, fmi2SetFMUstate, state); }
static int free_state(tb_instance *i, void **state) { return CALL_IF_OFFERED(i, fmi2FreeFMUstate, state); }

static int state_size(tb_instance *i, void *state, size_t *size) {
  return CALL_IF_OFFERED(i, fmi2SerializedFMUstateSize, state, size);
}

static int serialize_state(tb_instance *i, void *state, uint8_t *bytes, size_t size) {
  return CALL_IF_OFFERED(i, fmi2SerializeFMUstate, state, (fmi2Byte *)bytes, size);
}

static int deserialize_state(tb_instance *i, const uint8_t *bytes, size_t size, void **state) {
  return CALL_IF_OFFERED(i, fmi2DeSerializeFMUstate, (const fmi2Byte *)bytes, size, state);
}

static const tb_adapter adapter = {
    .create = create,
    .free = free_instance,
    .debug_logging = debug_logging,
    .enter_initialization = enter_initialization,
    .exit_initialization = exit_initialization,
    .terminate = terminate,
    .reset = reset,
    .step = step,
    .last_successful_time = last_successful_time,
    .terminated = terminated,
    .max_step_size = max_step_size,
    .directional_derivative = directional_derivative,
    .get_state = get_state,
    .set_state = set_state,
    .free_state = free_state,
    .state_size = state_size,
    .serialize_state = serialize_state,
    .deserialize_state = deserialize_state,
};

void *tb_fmi2_step_function(const tb_instance *i) {
  return i->adapter == &adapter ? (void *)of(i)->fmi2DoStep : NULL;
}

#define ACCESSORS(X) X(TB_F64, Real) X(TB_I32, Integer) X(TB_B32, Boolean) X(TB_TEXT, String)

void tb_name_fmi2(tb_library *library) {
#define X(storage, type)                                    \
  library->accessors[storage].get_name = "fmi2Get" #type;   \
  library->accessors[storage].set_name = "fmi2Set" #type;
  ACCESSORS(X)
#undef X
}

void tb_bind_fmi2(tb_library *library, char *missing, size_t size) {
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
  tb_name_fmi2(library);
#define X(storage, type)                                    \
  library->accessors[storage].get = (void *)f->fmi2Get##type; \
  library->accessors[storage].set = (void *)f->fmi2Set##type;
  ACCESSORS(X)
#undef X
}
