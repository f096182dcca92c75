/*
 * FMUs of FMI 1.0 (FMI for Co-Simulation 1.0, chapter 3).
 *
 * Their logger is told the FMU's instance, which does not yet exist when the first messages come, and the instance's
 * name, but nothing of the importer's: whose message it is has to be found by the name.
 */
#include "fmi1.h"

#include <stdarg.h>

#include "../platform/platform.h"
#include "importer_internal.h"

#define REQUIRED(X)                                                                                           \
  X(fmiInstantiateSlave) X(fmiInitializeSlave) X(fmiTerminateSlave) X(fmiResetSlave) X(fmiFreeSlaveInstance)  \
  X(fmiGetReal) X(fmiGetInteger) X(fmiGetBoolean) X(fmiGetString) X(fmiSetReal) X(fmiSetInteger)              \
  X(fmiSetBoolean) X(fmiSetString) X(fmiDoStep)
#define OPTIONAL(X) X(fmiSetDebugLogging) X(fmiGetStatus) X(fmiGetRealStatus)

typedef struct {
#define X(name) name##TYPE *name;
  REQUIRED(X) OPTIONAL(X)
#undef X
} functions;

/* -- Log -------------------------------------------------------------------------------------------------------------- */

/* All instances of FMI 1.0 in this process, by name; guarded by the process's lock. */
typedef struct listed {
  struct listed *next;
  const char *name;
  tb_host_environment *host;
} listed;

static listed *instances;

static void log_message(fmiComponent c, fmiString name, fmiStatus status, fmiString category, fmiString message, ...) {
  (void)c;
  va_list arguments;
  va_start(arguments, message);
  tb_lock(tb_process_mutex());
  for (const listed *at = instances; at != NULL; at = at->next) {
    if (name != NULL && strcmp(at->name, name) != 0) continue;
    tb_host_vlog(at->host, (int32_t)status, category, message, arguments);
    break;
  }
  tb_unlock(tb_process_mutex());
  va_end(arguments);
}

static bool list(tb_instance *i) {
  listed *entry = malloc(sizeof *entry);
  if (entry == NULL) return false;
  tb_lock(tb_process_mutex());
  *entry = (listed){instances, i->name, i->host};
  instances = entry;
  tb_unlock(tb_process_mutex());
  return true;
}

static void unlist(tb_instance *i) {
  tb_lock(tb_process_mutex());
  for (listed **at = &instances; *at != NULL; at = &(*at)->next) {
    if ((*at)->host != i->host) continue;
    listed *entry = *at;
    *at = entry->next;
    free(entry);
    break;
  }
  tb_unlock(tb_process_mutex());
}

static void *allocate(size_t count, size_t size) { return calloc(count, size); }

/* -- Life ------------------------------------------------------------------------------------------------------------- */

static const functions *of(const tb_instance *i) { return i->library->functions; }

#define CALL(i, name, ...) (tb_calling(i, #name), (int)of(i)->name((i)->component, ##__VA_ARGS__))

static void *create(tb_instance *i, const tb_instantiation *how) {
  const fmiCallbackFunctions callbacks = {log_message, allocate, free, NULL};
  tb_calling(i, "fmiInstantiateSlave");
  if (!list(i)) return NULL;
  void *component = of(i)->fmiInstantiateSlave(how->name, how->token, how->resources, "application/x-fmu-sharedlibrary",
                                               0, fmiFalse, fmiFalse, callbacks, how->logging_on ? fmiTrue : fmiFalse);
  if (component == NULL) unlist(i);
  return component;
}

static void free_instance(tb_instance *i) {
  tb_calling(i, "fmiFreeSlaveInstance");
  of(i)->fmiFreeSlaveInstance(i->component);
  unlist(i);
}

static int debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  (void)n;
  (void)categories;
  return of(i)->fmiSetDebugLogging == NULL ? TB_NOT_OFFERED : CALL(i, fmiSetDebugLogging, on ? fmiTrue : fmiFalse);
}

static int enter_initialization(tb_instance *i) {
  (void)i;
  return fmiOK;
}

static int exit_initialization(tb_instance *i) {
  return CALL(i, fmiInitializeSlave, i->start, i->has_stop ? fmiTrue : fmiFalse, i->stop);
}

static int terminate(tb_instance *i) { return CALL(i, fmiTerminateSlave); }
static int reset(tb_instance *i) { return CALL(i, fmiResetSlave); }

static int step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  (void)may_go_back;
  (void)result;
  int status = CALL(i, fmiDoStep, time, size, fmiTrue);
  while (status == fmiPending) {
    fmiStatus of_step = fmiError;
    if (of(i)->fmiGetStatus == NULL) return fmiError;
    tb_sleep_ns(TB_POLL_NS);
    int asked = CALL(i, fmiGetStatus, fmiDoStepStatus, &of_step);
    if (asked > fmiWarning) return asked;
    status = (int)of_step;
  }
  i->last_call = "fmiDoStep";
  return status;
}

static int last_successful_time(tb_instance *i, double *time) {
  return of(i)->fmiGetRealStatus == NULL ? TB_NOT_OFFERED : CALL(i, fmiGetRealStatus, fmiLastSuccessfulTime, time);
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
};

#define ACCESSORS(X) X(TB_F64, Real) X(TB_I32, Integer) X(TB_B8, Boolean) X(TB_TEXT, String)

void tb_name_fmi1(tb_library *library) {
#define X(storage, type)                                    \
  library->accessors[storage].get_name = "fmiGet" #type;    \
  library->accessors[storage].set_name = "fmiSet" #type;
  ACCESSORS(X)
#undef X
}

void tb_bind_fmi1(tb_library *library, char *missing, size_t size) {
  functions *f = calloc(1, sizeof *f);
  library->functions = f;
  library->adapter = &adapter;
  if (f == NULL) return;
  char prefix[sizeof library->identifier + 1];
  snprintf(prefix, sizeof prefix, "%s_", library->identifier);
#define X(name) tb_find_function(library, prefix, #name, &f->name, true, missing, size);
  REQUIRED(X)
#undef X
#define X(name) tb_find_function(library, prefix, #name, &f->name, false, missing, size);
  OPTIONAL(X)
#undef X
  tb_name_fmi1(library);
#define X(storage, type)                                    \
  library->accessors[storage].get = (void *)f->fmiGet##type; \
  library->accessors[storage].set = (void *)f->fmiSet##type;
  ACCESSORS(X)
#undef X
}
