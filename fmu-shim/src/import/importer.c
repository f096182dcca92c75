/* What all versions of FMI share: loading, instances, and passing calls on to the version. */
#include "../far/far.h"
#include "importer_internal.h"

void tb_find_function(tb_library *library, const char *prefix, const char *name, void *pointer, bool required,
                      char *missing, size_t size) {
  char symbol[512];
  snprintf(symbol, sizeof symbol, "%s%s", prefix, name);
  void *address = tb_loader_symbol(library->handle, symbol);
  memcpy(pointer, &address, sizeof address);
  if (address != NULL || !required) return;
  size_t used = strlen(missing);
  snprintf(missing + used, size - used, "%s%s", used == 0 ? "" : ", ", symbol);
}

tb_library *tb_library_load(const char *path, int fmi, const char *identifier, char *error, uint32_t error_size) {
  tb_library *library = calloc(1, sizeof *library);
  if (library == NULL) {
    snprintf(error, error_size, "out of memory");
    return NULL;
  }
  library->fmi = (tb_fmi)fmi;
  snprintf(library->identifier, sizeof library->identifier, "%s", identifier);
  library->handle = tb_loader_open(path, error, error_size);
  if (library->handle == NULL) {
    free(library);
    return NULL;
  }
  char missing[1024] = "";
  if (fmi == TB_FMI1) tb_bind_fmi1(library, missing, sizeof missing);
  else if (fmi == TB_FMI2) tb_bind_fmi2(library, missing, sizeof missing);
  else tb_bind_fmi3(library, missing, sizeof missing);
  if (library->functions != NULL && missing[0] == '\0') return library;
  if (library->functions == NULL) snprintf(error, error_size, "out of memory");
  else snprintf(error, error_size, "missing: %s", missing);
  tb_library_unload(library);
  return NULL;
}

void tb_library_unload(tb_library *library) {
  if (library->handle != NULL) tb_loader_close(library->handle);
  if (library->far != NULL) tb_far_end(library->far);
  free(library->functions);
  free(library);
}

tb_instance *tb_instance_create(tb_library *library, const char *name, const char *token, const char *resources,
                                int logging_on, int event_mode, int early_return, tb_host_environment *host) {
  tb_instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) return NULL;
  instance->library = library;
  instance->adapter = library->adapter;
  instance->host = host;
  instance->event_mode = event_mode != 0;
  instance->early_return = early_return != 0;
  instance->name = malloc(strlen(name) + 1);
  if (instance->name != NULL) {
    strcpy(instance->name, name);
    const tb_instantiation how = {instance->name, token, resources, logging_on, event_mode, early_return};
    instance->component = library->adapter->create(instance, &how);
  }
  if (instance->component != NULL) return instance;
  tb_instance_free(instance, 1);
  return NULL;
}

void tb_instance_free(tb_instance *instance, int abandon) {
  if (!abandon) instance->adapter->free(instance);
  if (instance->library->far != NULL) tb_far_detach(instance->library->far);
  free(instance->name);
  free(instance->own);
  free(instance);
}

const char *tb_instance_last_call(const tb_instance *instance) {
  return instance->last_call == NULL ? "" : instance->last_call;
}

int tb_instance_fmi(const tb_instance *instance) { return instance->library->fmi; }

/* -- Calls that the version may not have --------------------------------------------------------------------------------- */

#define PASS_ON(instance, function, ...) \
  ((instance)->adapter->function == NULL ? TB_NOT_OFFERED : (instance)->adapter->function(instance, ##__VA_ARGS__))

int tb_instance_debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  return PASS_ON(i, debug_logging, on, n, categories);
}

int tb_instance_configuration_mode(tb_instance *i, int enter) { return PASS_ON(i, configuration_mode, enter); }

int tb_instance_enter_initialization(tb_instance *i, double start, int has_stop, double stop, int has_tolerance,
                                     double tolerance) {
  i->start = start;
  i->has_stop = has_stop != 0;
  i->stop = stop;
  i->has_tolerance = has_tolerance != 0;
  i->tolerance = tolerance;
  return i->adapter->enter_initialization(i);
}

int tb_instance_exit_initialization(tb_instance *i) { return i->adapter->exit_initialization(i); }
int tb_instance_terminate(tb_instance *i) { return i->adapter->terminate(i); }
int tb_instance_reset(tb_instance *i) { return i->adapter->reset(i); }

static int access_values(tb_instance *i, void *function, int storage, const uint32_t *vrs, uint32_t n, void *values,
                         uint32_t n_values, size_t *sizes) {
  if (function == NULL) return TB_NOT_OFFERED;
  if (storage == TB_BYTES) {
    tb_access_bytes *bytes = (tb_access_bytes *)function;
    return bytes(i->component, vrs, n, sizes, values, n_values);
  }
  if (i->library->fmi == TB_FMI3 && storage != TB_CLOCK) {
    tb_access_array *array = (tb_access_array *)function;
    return array(i->component, vrs, n, values, n_values);
  }
  tb_access *scalars = (tb_access *)function;
  return scalars(i->component, vrs, n, values);
}

int tb_instance_get(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, void *values, uint32_t n_values,
                    size_t *sizes) {
  const tb_accessor *accessor = &i->library->accessors[storage];
  if (i->library->far != NULL) return tb_far_get(i, storage, vrs, n, values, n_values, sizes);
  tb_calling(i, accessor->get_name);
  return access_values(i, accessor->get, storage, vrs, n, values, n_values, sizes);
}

int tb_instance_set(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, const void *values,
                    uint32_t n_values, const size_t *sizes) {
  const tb_accessor *accessor = &i->library->accessors[storage];
  if (i->library->far != NULL) return tb_far_set(i, storage, vrs, n, values, n_values, sizes);
  tb_calling(i, accessor->set_name);
  return access_values(i, accessor->set, storage, vrs, n, (void *)values, n_values, (size_t *)sizes);
}

int tb_instance_step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  *result = (tb_step_result){.reached = time + size};
  return i->adapter->step(i, time, size, may_go_back, result);
}

int tb_instance_last_successful_time(tb_instance *i, double *time) { return PASS_ON(i, last_successful_time, time); }
int tb_instance_terminated(tb_instance *i, int *terminated) { return PASS_ON(i, terminated, terminated); }
int tb_instance_max_step_size(tb_instance *i, double *size) { return PASS_ON(i, max_step_size, size); }

int tb_instance_enter_event_mode(tb_instance *i) { return PASS_ON(i, enter_event_mode); }
int tb_instance_enter_step_mode(tb_instance *i) { return PASS_ON(i, enter_step_mode); }

int tb_instance_update_discrete_states(tb_instance *i, int *needs_update, int *terminate, double *next_event) {
  return PASS_ON(i, update_discrete_states, needs_update, terminate, next_event);
}

int tb_instance_intervals(tb_instance *i, const uint32_t *vrs, uint32_t n, double *intervals, int32_t *qualifiers) {
  return PASS_ON(i, intervals, vrs, n, intervals, qualifiers);
}

int tb_instance_shifts(tb_instance *i, const uint32_t *vrs, uint32_t n, double *shifts) {
  return PASS_ON(i, shifts, vrs, n, shifts);
}

int tb_instance_directional_derivative(tb_instance *i, const tb_derivative *derivative) {
  return PASS_ON(i, directional_derivative, derivative);
}

int tb_instance_get_state(tb_instance *i, void **state) { return PASS_ON(i, get_state, state); }
int tb_instance_set_state(tb_instance *i, void *state) { return PASS_ON(i, set_state, state); }
int tb_instance_free_state(tb_instance *i, void **state) { return PASS_ON(i, free_state, state); }
int tb_instance_state_size(tb_instance *i, void *state, size_t *size) { return PASS_ON(i, state_size, state, size); }

int tb_instance_serialize_state(tb_instance *i, void *state, uint8_t *bytes, size_t size) {
  return PASS_ON(i, serialize_state, state, bytes, size);
}

int tb_instance_deserialize_state(tb_instance *i, const uint8_t *bytes, size_t size, void **state) {
  return PASS_ON(i, deserialize_state, bytes, size, state);
}
