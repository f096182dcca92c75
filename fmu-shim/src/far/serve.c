#include "serve.h"

#include "../platform/platform.h"

void tb_server_init(tb_server *s, tb_library *library, char *doing, tb_host_sink *log, void *context) {
  *s = (tb_server){.library = library, .log = log, .log_context = context, .most = (uint64_t)1 << 32};
  s->doing = doing != NULL ? doing : s->own_doing;
  if (library != NULL) library->doing = s->doing;
}

/* Nothing can be answered any more, and the process has but this to do. */
static _Noreturn void out_of_memory(void) { exit(TB_EXIT_NO_MEMORY); }

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

static bool is_text(uint32_t storage) { return storage == TB_TEXT || storage == TB_BYTES; }

/* What is left of the request can hold so many items; else it is garbled. */
static bool holds(tb_server *s, uint64_t n, uint64_t least_bytes) {
  if (n > s->request.left / least_bytes) s->request.failed = true;
  return !s->request.failed;
}

static bool may_answer(tb_server *s, uint64_t bytes) {
  if (bytes > s->most) s->request.failed = true;
  return !s->request.failed;
}

/* Where there are no arrays an FMU takes as many values as there are variables. */
static bool is_access(tb_server *s, uint32_t storage, uint32_t n, uint32_t n_values) {
  const bool has_arrays = s->library->fmi == TB_FMI3 && storage != TB_CLOCK;
  if (storage >= TB_STORAGES || (!has_arrays && n != n_values)) s->request.failed = true;
  return !s->request.failed;
}

static bool make_pointers(tb_server *s, uint32_t n) {
  if (n <= s->pointers_room) return true;
  free(s->pointers);
  free(s->sizes);
  s->pointers_room = 2 * (size_t)n;
  s->pointers = calloc(s->pointers_room, sizeof *s->pointers);
  s->sizes = calloc(s->pointers_room, sizeof *s->sizes);
  return s->pointers != NULL && s->sizes != NULL;
}

static int set(tb_server *s, const tb_command *command) {
  const uint32_t storage = command->a, n = command->b, n_values = command->c;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  if (!is_access(s, storage, n, n_values)) return 3;
  if (!is_text(storage)) {
    const void *values = tb_unpack(&s->request, tb_storage_size(storage) * n_values);
    if (s->request.failed) return 3;
    return tb_instance_set(s->instance, (int)storage, vrs, n, values, n_values, NULL);
  }
  if (!holds(s, n_values, sizeof(uint64_t))) return 3;
  if (!make_pointers(s, n_values)) out_of_memory();
  for (uint32_t k = 0; k < n_values; k++) s->pointers[k] = (void *)(uintptr_t)tb_unpack_sized(&s->request, &s->sizes[k]);
  if (s->request.failed) return 3;
  return tb_instance_set(s->instance, (int)storage, vrs, n, s->pointers, n_values, s->sizes);
}

/* The result in front of the values is known only afterwards. */
static int get(tb_server *s, const tb_command *command) {
  const uint32_t storage = command->a, n = command->b, n_values = command->c;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  const size_t result_at = s->answer.size;
  tb_pack_u64(&s->answer, 0);
  int status = 3;
  if (!is_access(s, storage, n, n_values) || !may_answer(s, (uint64_t)n_values * tb_storage_size(storage))) return status;
  if (!is_text(storage)) {
    const size_t size = tb_storage_size(storage) * n_values;
    void *values = tb_pack(&s->answer, size);
    if (values == NULL && size > 0) out_of_memory();
    if (size > 0) memset(values, 0, size);
    status = tb_instance_get(s->instance, (int)storage, vrs, n, values, n_values, NULL);
  } else {
    if (!make_pointers(s, n_values)) out_of_memory();
    status = tb_instance_get(s->instance, (int)storage, vrs, n, s->pointers, n_values, s->sizes);
    for (uint32_t k = 0; k < n_values; k++) {
      const void *at = status == 0 || status == 1 ? s->pointers[k] : NULL;
      if (storage == TB_TEXT) tb_pack_text(&s->answer, at);
      else tb_pack_sized(&s->answer, at, at == NULL ? 0 : s->sizes[k]);
    }
  }
  if (s->answer.failed) out_of_memory();
  const tb_result result = {status, 0};
  memcpy(s->answer.bytes + result_at, &result, sizeof result);
  return status;
}

/* -- Results --------------------------------------------------------------------------------------------------------------- */

static int answer(tb_server *s, int status) {
  const tb_result result = {status, 0};
  tb_pack_bytes(&s->answer, &result, sizeof result);
  return status;
}

static int answer_u64(tb_server *s, int status, uint64_t value) {
  answer(s, status);
  tb_pack_u64(&s->answer, value);
  return status;
}

static int answer_double(tb_server *s, int status, double value) {
  answer(s, status);
  tb_pack_double(&s->answer, value);
  return status;
}

static void *unpack_state(tb_server *s) { return (void *)(uintptr_t)tb_unpack_u64(&s->request); }

/* -- Commands -------------------------------------------------------------------------------------------------------------- */

static int load(tb_server *s, const tb_command *command) {
  const char *path = tb_unpack_text(&s->request), *identifier = tb_unpack_text(&s->request);
  char error[2048] = "";
  if (s->library == NULL && path != NULL && identifier != NULL)
    s->library = tb_library_load(path, (int)command->a, identifier, error, sizeof error);
  if (s->library == NULL) {
    answer(s, 3);
    tb_pack_text(&s->answer, error);
    return 3;
  }
  s->library->doing = s->doing;
  uint64_t getters = 0, setters = 0;
  for (unsigned storage = 0; storage < TB_STORAGES; storage++) {
    if (s->library->accessors[storage].get != NULL) getters |= (uint64_t)1 << storage;
    if (s->library->accessors[storage].set != NULL) setters |= (uint64_t)1 << storage;
  }
  answer(s, 0);
  tb_pack_u64(&s->answer, getters);
  tb_pack_u64(&s->answer, setters);
  return 0;
}

void tb_server_free_instance(tb_server *s) {
  if (s->instance != NULL) tb_instance_free(s->instance, 0);
  s->instance = NULL;
}

bool tb_server_create_instance(tb_server *s, const tb_instantiation *how) {
  tb_server_free_instance(s); /* one that was made in another way, and differently */
  if (s->host == NULL) {
    s->host = tb_host_create(0);
    if (s->host == NULL) out_of_memory();
    tb_host_divert(s->host, s->log, s->log_context);
  }
  s->instance = tb_instance_create(s->library, how->name, how->token, how->resources, how->logging_on, how->event_mode,
                                   how->early_return, s->host);
  return s->instance != NULL;
}

static int create(tb_server *s, const tb_command *command) {
  const char *name = tb_unpack_text(&s->request), *token = tb_unpack_text(&s->request);
  const char *resources = tb_unpack_text(&s->request);
  const uint32_t flags = command->a;
  tb_instantiation how = {name, token, resources, flags & TB_LOGGING_ON, flags & TB_EVENT_MODE, flags & TB_EARLY_RETURN};
  if (s->opened != NULL) { /* the FMU is here, and over there they know nothing of its folder */
    how.token = s->opened->token;
    how.resources = s->opened->resources;
  }
  return answer(s, name != NULL && tb_server_create_instance(s, &how) ? 0 : 3);
}

static int debug_logging(tb_server *s, const tb_command *command) {
  if (!holds(s, command->b, sizeof(uint64_t))) return 3;
  if (!make_pointers(s, command->b)) out_of_memory();
  for (uint32_t k = 0; k < command->b; k++) s->pointers[k] = (void *)(uintptr_t)tb_unpack_text(&s->request);
  if (s->request.failed) return answer(s, 3);
  return answer(s, tb_instance_debug_logging(s->instance, (int)command->a, command->b, (const char *const *)s->pointers));
}

static int step(tb_server *s, const tb_command *command) {
  const double time = tb_unpack_double(&s->request), size = tb_unpack_double(&s->request);
  tb_step_result result;
  const int64_t before = tb_monotonic_ns();
  int status = tb_instance_step(s->instance, time, size, (int)command->a, &result);
  const tb_step_answer came = {result.reached, result.early, result.event, result.terminate, 0,
                               (uint64_t)(tb_monotonic_ns() - before)};
  answer(s, status);
  tb_pack_bytes(&s->answer, &came, sizeof came);
  return status;
}

static int update_discrete_states(tb_server *s) {
  int needed = 0, terminate = 0;
  double next = DBL_MAX;
  int status = tb_instance_update_discrete_states(s->instance, &needed, &terminate, &next);
  answer_u64(s, status, needed != 0);
  tb_pack_u64(&s->answer, terminate != 0);
  tb_pack_double(&s->answer, next);
  return status;
}

/* Of clocks: intervals with their qualifiers, or shifts. */
static int times_of_clocks(tb_server *s, const tb_command *command) {
  const uint32_t n = command->a;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  if (s->request.failed) return 3;
  double *times = calloc(n + 1, sizeof *times);
  int32_t *qualifiers = calloc(n + 1, sizeof *qualifiers);
  if (times == NULL || qualifiers == NULL) out_of_memory();
  const bool intervals = command->kind == TB_DO_INTERVALS;
  int status = intervals ? tb_instance_intervals(s->instance, vrs, n, times, qualifiers)
                         : tb_instance_shifts(s->instance, vrs, n, times);
  answer(s, status);
  tb_pack_bytes(&s->answer, times, n * sizeof *times);
  if (intervals) tb_pack_bytes(&s->answer, qualifiers, n * sizeof *qualifiers);
  free(times);
  free(qualifiers);
  return status;
}

static int serialize(tb_server *s) {
  void *state = unpack_state(s);
  const size_t size = (size_t)tb_unpack_u64(&s->request);
  if (s->request.failed || !may_answer(s, size)) return 3;
  uint8_t *bytes = calloc(size + 1, 1);
  if (bytes == NULL) out_of_memory();
  int status = answer(s, tb_instance_serialize_state(s->instance, state, bytes, size));
  tb_pack_bytes(&s->answer, bytes, size);
  free(bytes);
  return status;
}

static int deserialize(tb_server *s) {
  void *state = unpack_state(s);
  const size_t size = (size_t)tb_unpack_u64(&s->request);
  const uint8_t *bytes = tb_unpack(&s->request, size);
  int status = s->request.failed ? 3 : tb_instance_deserialize_state(s->instance, bytes, size, &state);
  return answer_u64(s, status, (uintptr_t)state);
}

static int do_with_state(tb_server *s, const tb_command *command) {
  void *state = unpack_state(s);
  size_t size = 0;
  int status;
  switch (command->kind) {
    case TB_DO_GET_STATE: status = tb_instance_get_state(s->instance, &state); break;
    case TB_DO_SET_STATE: return answer(s, tb_instance_set_state(s->instance, state));
    case TB_DO_FREE_STATE: status = tb_instance_free_state(s->instance, &state); break;
    default:
      status = tb_instance_state_size(s->instance, state, &size);
      return answer_u64(s, status, size);
  }
  return answer_u64(s, status, (uintptr_t)state);
}

static int enter_initialization(tb_server *s, const tb_command *command) {
  const double start = tb_unpack_double(&s->request), stop = tb_unpack_double(&s->request);
  const double tolerance = tb_unpack_double(&s->request);
  return answer(s, tb_instance_enter_initialization(s->instance, start, (int)command->a, stop, (int)command->b, tolerance));
}

static int free_instance(tb_server *s) {
  tb_server_free_instance(s);
  return answer(s, 0);
}

static int carry_out(tb_server *s, const tb_command *command) {
  tb_instance *i = s->instance;
  double time = 0;
  int flag = 0, status;
  switch ((tb_command_kind)command->kind) {
    case TB_DO_LOAD: return load(s, command);
    case TB_DO_CREATE: return create(s, command);
    case TB_DO_FREE: return free_instance(s);
    case TB_DO_DEBUG_LOGGING: return debug_logging(s, command);
    case TB_DO_CONFIGURATION_MODE: return answer(s, tb_instance_configuration_mode(i, (int)command->a));
    case TB_DO_ENTER_INITIALIZATION: return enter_initialization(s, command);
    case TB_DO_EXIT_INITIALIZATION: return answer(s, tb_instance_exit_initialization(i));
    case TB_DO_TERMINATE: return answer(s, tb_instance_terminate(i));
    case TB_DO_RESET: return answer(s, tb_instance_reset(i));
    case TB_DO_SET: return answer(s, set(s, command));
    case TB_DO_GET: return get(s, command);
    case TB_DO_STEP: return step(s, command);
    case TB_DO_LAST_SUCCESSFUL_TIME:
      status = tb_instance_last_successful_time(i, &time);
      return answer_double(s, status, time);
    case TB_DO_TERMINATED:
      status = tb_instance_terminated(i, &flag);
      return answer_u64(s, status, flag != 0);
    case TB_DO_MAX_STEP_SIZE:
      status = tb_instance_max_step_size(i, &time);
      return answer_double(s, status, time);
    case TB_DO_ENTER_EVENT_MODE: return answer(s, tb_instance_enter_event_mode(i));
    case TB_DO_ENTER_STEP_MODE: return answer(s, tb_instance_enter_step_mode(i));
    case TB_DO_UPDATE_DISCRETE_STATES: return update_discrete_states(s);
    case TB_DO_INTERVALS:
    case TB_DO_SHIFTS: return times_of_clocks(s, command);
    case TB_DO_GET_STATE:
    case TB_DO_SET_STATE:
    case TB_DO_FREE_STATE:
    case TB_DO_STATE_SIZE: return do_with_state(s, command);
    case TB_DO_SERIALIZE_STATE: return serialize(s);
    case TB_DO_DESERIALIZE_STATE: return deserialize(s);
    case TB_DO_LEAVE: break;
  }
  s->request.failed = true;
  return 3;
}

/* Whoever sends commands may send anything. */
static bool is_allowed(const tb_server *s, uint32_t kind) {
  if (kind == TB_DO_LOAD) return s->instance == NULL;
  if (kind == TB_DO_CREATE) return s->library != NULL;
  return s->instance != NULL;
}

/* All commands of the request, until one fails. */
static void carry_out_all(tb_server *s) {
  tb_answer head = {0};
  s->answer.size = 0;
  tb_pack_bytes(&s->answer, &head, sizeof head);
  int status = 0;
  while (s->request.left > 0 && (status == 0 || status == 1)) {
    tb_command command = {0};
    if (!tb_unpack_into(&s->request, &command, sizeof command) || !is_allowed(s, command.kind)) s->request.failed = true;
    else status = carry_out(s, &command);
    if (s->request.failed) return;
    if (status == 4) s->has_failed = true;
    head.carried_out++;
  }
  head.has_function = status != 0 && status != 1;
  if (head.has_function) tb_pack_bytes(&s->answer, s->doing, TB_DOING_BYTES);
  if (s->answer.failed) out_of_memory();
  memcpy(s->answer.bytes, &head, sizeof head);
  s->doing[0] = '\0';
}

bool tb_server_carry_out(tb_server *s, const uint8_t *request, size_t size) {
  s->request = (tb_unpacker){request, size, false};
  carry_out_all(s);
  return !s->request.failed;
}

void tb_server_destroy(tb_server *s) {
  if (s->instance != NULL) return; /* the FMU may be at work yet, in threads of its own */
  if (s->library != NULL) tb_library_unload(s->library);
  if (s->host != NULL) tb_host_destroy(s->host);
  tb_packer_destroy(&s->answer);
  free(s->pointers);
  free(s->sizes);
}
