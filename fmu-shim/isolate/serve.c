#include "serve.h"

#include "../src/import/importer_internal.h"
#include "../src/isolate/wire.h"

enum { EXIT_GARBLED = 71, EXIT_NO_MEMORY = 72 };

typedef struct {
  tb_channel *channel;
  tb_shared *shared;
  tb_library *library;
  tb_instance *instance;
  tb_host_environment *host;
  tb_unpacker request;
  tb_packer answer;
  void **pointers; /* of texts */
  size_t *sizes;
  size_t pointers_room;
} server;

static void log_to_importer(void *context, int32_t status, const char *texts, uint32_t size) {
  server *s = context;
  tb_log_ring_add(&s->shared->log, status, texts, size);
}

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

static bool is_text(uint32_t storage) { return storage == TB_TEXT || storage == TB_BYTES; }

static bool make_pointers(server *s, uint32_t n) {
  if (n <= s->pointers_room) return true;
  free(s->pointers);
  free(s->sizes);
  s->pointers_room = 2 * (size_t)n;
  s->pointers = calloc(s->pointers_room, sizeof *s->pointers);
  s->sizes = calloc(s->pointers_room, sizeof *s->sizes);
  return s->pointers != NULL && s->sizes != NULL;
}

static int set(server *s, const tb_command *command) {
  const uint32_t storage = command->a, n = command->b, n_values = command->c;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  if (!is_text(storage)) {
    const void *values = tb_unpack(&s->request, tb_storage_size(storage) * n_values);
    if (s->request.failed) return 3;
    return tb_instance_set(s->instance, (int)storage, vrs, n, values, n_values, NULL);
  }
  if (!make_pointers(s, n_values)) exit(EXIT_NO_MEMORY);
  for (uint32_t k = 0; k < n_values; k++) s->pointers[k] = (void *)(uintptr_t)tb_unpack_sized(&s->request, &s->sizes[k]);
  if (s->request.failed) return 3;
  return tb_instance_set(s->instance, (int)storage, vrs, n, s->pointers, n_values, s->sizes);
}

/* The result in front of the values is known only afterwards. */
static int get(server *s, const tb_command *command) {
  const uint32_t storage = command->a, n = command->b, n_values = command->c;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  const size_t result_at = s->answer.size;
  tb_pack_u64(&s->answer, 0);
  int status = 3;
  if (s->request.failed) return status;
  if (!is_text(storage)) {
    const size_t size = tb_storage_size(storage) * n_values;
    void *values = tb_pack(&s->answer, size);
    if (values == NULL && size > 0) exit(EXIT_NO_MEMORY);
    if (size > 0) memset(values, 0, size);
    status = tb_instance_get(s->instance, (int)storage, vrs, n, values, n_values, NULL);
  } else {
    if (!make_pointers(s, n_values)) exit(EXIT_NO_MEMORY);
    status = tb_instance_get(s->instance, (int)storage, vrs, n, s->pointers, n_values, s->sizes);
    for (uint32_t k = 0; k < n_values; k++) {
      const void *at = status == 0 || status == 1 ? s->pointers[k] : NULL;
      if (storage == TB_TEXT) tb_pack_text(&s->answer, at);
      else tb_pack_sized(&s->answer, at, at == NULL ? 0 : s->sizes[k]);
    }
  }
  if (s->answer.failed) exit(EXIT_NO_MEMORY);
  const tb_result result = {status, 0};
  memcpy(s->answer.bytes + result_at, &result, sizeof result);
  return status;
}

/* -- Results --------------------------------------------------------------------------------------------------------------- */

static int answer(server *s, int status) {
  const tb_result result = {status, 0};
  tb_pack_bytes(&s->answer, &result, sizeof result);
  return status;
}

static int answer_u64(server *s, int status, uint64_t value) {
  answer(s, status);
  tb_pack_u64(&s->answer, value);
  return status;
}

static int answer_double(server *s, int status, double value) {
  answer(s, status);
  tb_pack_double(&s->answer, value);
  return status;
}

static void *unpack_state(server *s) { return (void *)(uintptr_t)tb_unpack_u64(&s->request); }

/* -- Commands -------------------------------------------------------------------------------------------------------------- */

static int load(server *s, const tb_command *command) {
  const char *path = tb_unpack_text(&s->request), *identifier = tb_unpack_text(&s->request);
  char error[2048] = "";
  s->library = path == NULL || identifier == NULL
                   ? NULL
                   : tb_library_load(path, (int)command->a, identifier, error, sizeof error);
  if (s->library == NULL) {
    answer(s, 3);
    tb_pack_text(&s->answer, error);
    return 3;
  }
  s->library->doing = s->shared->doing;
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

static int create(server *s, const tb_command *command) {
  const char *name = tb_unpack_text(&s->request), *token = tb_unpack_text(&s->request);
  const char *resources = tb_unpack_text(&s->request);
  s->host = tb_host_create(0);
  if (s->host == NULL) exit(EXIT_NO_MEMORY);
  tb_host_divert(s->host, log_to_importer, s);
  const uint32_t flags = command->a;
  s->instance = name == NULL ? NULL
                             : tb_instance_create(s->library, name, token, resources, flags & TB_LOGGING_ON,
                                                  flags & TB_EVENT_MODE, flags & TB_EARLY_RETURN, s->host);
  return answer(s, s->instance != NULL ? 0 : 3);
}

static int debug_logging(server *s, const tb_command *command) {
  if (!make_pointers(s, command->b)) exit(EXIT_NO_MEMORY);
  for (uint32_t k = 0; k < command->b; k++) s->pointers[k] = (void *)(uintptr_t)tb_unpack_text(&s->request);
  if (s->request.failed) return answer(s, 3);
  return answer(s, tb_instance_debug_logging(s->instance, (int)command->a, command->b, (const char *const *)s->pointers));
}

static int step(server *s, const tb_command *command) {
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

static int update_discrete_states(server *s) {
  int needed = 0, terminate = 0;
  double next = DBL_MAX;
  int status = tb_instance_update_discrete_states(s->instance, &needed, &terminate, &next);
  answer_u64(s, status, needed != 0);
  tb_pack_u64(&s->answer, terminate != 0);
  tb_pack_double(&s->answer, next);
  return status;
}

/* Of clocks: intervals with their qualifiers, or shifts. */
static int times_of_clocks(server *s, const tb_command *command) {
  const uint32_t n = command->a;
  const uint32_t *vrs = tb_unpack(&s->request, n * sizeof *vrs);
  double *times = calloc(n + 1, sizeof *times);
  int32_t *qualifiers = calloc(n + 1, sizeof *qualifiers);
  if (times == NULL || qualifiers == NULL) exit(EXIT_NO_MEMORY);
  const bool intervals = command->kind == TB_DO_INTERVALS;
  int status = s->request.failed ? 3
               : intervals       ? tb_instance_intervals(s->instance, vrs, n, times, qualifiers)
                                 : tb_instance_shifts(s->instance, vrs, n, times);
  answer(s, status);
  tb_pack_bytes(&s->answer, times, n * sizeof *times);
  if (intervals) tb_pack_bytes(&s->answer, qualifiers, n * sizeof *qualifiers);
  free(times);
  free(qualifiers);
  return status;
}

static int serialize(server *s) {
  void *state = unpack_state(s);
  const size_t size = (size_t)tb_unpack_u64(&s->request);
  uint8_t *bytes = calloc(size + 1, 1);
  if (bytes == NULL) exit(EXIT_NO_MEMORY);
  int status = answer(s, tb_instance_serialize_state(s->instance, state, bytes, size));
  tb_pack_bytes(&s->answer, bytes, size);
  free(bytes);
  return status;
}

static int deserialize(server *s) {
  void *state = unpack_state(s);
  const size_t size = (size_t)tb_unpack_u64(&s->request);
  const uint8_t *bytes = tb_unpack(&s->request, size);
  int status = s->request.failed ? 3 : tb_instance_deserialize_state(s->instance, bytes, size, &state);
  return answer_u64(s, status, (uintptr_t)state);
}

static int do_with_state(server *s, const tb_command *command) {
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

static int enter_initialization(server *s, const tb_command *command) {
  const double start = tb_unpack_double(&s->request), stop = tb_unpack_double(&s->request);
  const double tolerance = tb_unpack_double(&s->request);
  return answer(s, tb_instance_enter_initialization(s->instance, start, (int)command->a, stop, (int)command->b, tolerance));
}

static int free_instance(server *s) {
  tb_instance_free(s->instance, 0);
  s->instance = NULL;
  return answer(s, 0);
}

static int carry_out(server *s, const tb_command *command) {
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
  exit(EXIT_GARBLED);
}

static bool is_last(const server *s) {
  tb_command next;
  if (s->request.left < sizeof next) return false;
  memcpy(&next, s->request.at, sizeof next);
  return next.kind == TB_DO_LEAVE;
}

/* All commands of the request, until one fails. */
static void carry_out_all(server *s) {
  tb_answer head = {0};
  s->answer.size = 0;
  tb_pack_bytes(&s->answer, &head, sizeof head);
  int status = 0;
  while (s->request.left > 0 && (status == 0 || status == 1)) {
    tb_command command = {0};
    tb_unpack_into(&s->request, &command, sizeof command);
    if (!s->request.failed) status = carry_out(s, &command);
    if (s->request.failed || s->answer.failed) exit(s->answer.failed ? EXIT_NO_MEMORY : EXIT_GARBLED);
    head.carried_out++;
  }
  head.has_function = status != 0 && status != 1;
  if (head.has_function) tb_pack_bytes(&s->answer, s->shared->doing, sizeof s->shared->doing);
  if (s->answer.failed) exit(EXIT_NO_MEMORY);
  memcpy(s->answer.bytes, &head, sizeof head);
  s->shared->doing[0] = '\0';
}

static int serve(server *s) {
  for (;;) {
    tb_received got = tb_channel_receive(s->channel, &s->request.at, &s->request.left, INT64_MAX);
    if (got == TB_GONE) return 0;
    if (got != TB_RECEIVED) return EXIT_GARBLED;
    s->request.failed = false;
    if (is_last(s)) return 0;
    carry_out_all(s);
    if (tb_channel_send(s->channel, s->answer.bytes, s->answer.size, INT64_MAX) != TB_RECEIVED) return 0;
  }
}

int tb_serve(tb_channel *channel, tb_shared *shared) {
  server s = {.channel = channel, .shared = shared};
  int code = serve(&s);
  if (s.instance != NULL) return code; /* the FMU may be at work yet, in threads of its own */
  if (s.library != NULL) tb_library_unload(s.library);
  if (s.host != NULL) tb_host_destroy(s.host);
  tb_packer_destroy(&s.answer);
  tb_channel_destroy(channel);
  free(s.pointers);
  free(s.sizes);
  return code;
}
