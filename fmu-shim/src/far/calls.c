/* The functions of an FMU elsewhere, as commands to who has loaded it. */
#include "far_internal.h"

static tb_far *of(const tb_instance *i) { return i->library->far; }

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

void tb_far_pack_access(tb_packer *to, tb_command_kind kind, uint32_t storage, const uint32_t *vrs, uint32_t n,
                            uint32_t n_values) {
  tb_pack_command(to, kind, storage, n, n_values);
  tb_pack_bytes(to, vrs, n * sizeof *vrs);
}

static void pack_values(tb_packer *to, uint32_t storage, const void *values, uint32_t n_values, const size_t *sizes) {
  if (storage != TB_TEXT && storage != TB_BYTES) {
    tb_pack_bytes(to, values, tb_storage_size(storage) * n_values);
    return;
  }
  const void *const *pointers = values;
  for (uint32_t k = 0; k < n_values; k++) {
    if (storage == TB_TEXT) tb_pack_text(to, pointers[k]);
    else tb_pack_sized(to, pointers[k], sizes[k]);
  }
}

bool tb_far_unpack_values(tb_unpacker *from, uint32_t storage, void *values, uint32_t n_values, size_t *sizes) {
  if (storage != TB_TEXT && storage != TB_BYTES) {
    tb_unpack_into(from, values, tb_storage_size(storage) * n_values);
    return !from->failed;
  }
  const void **pointers = values;
  for (uint32_t k = 0; k < n_values && !from->failed; k++) {
    size_t size;
    pointers[k] = tb_unpack_sized(from, &size);
    if (sizes != NULL) sizes[k] = size;
  }
  return !from->failed;
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------- */

static int64_t limit_of(const tb_far *far) { return far->running ? far->step_ns : far->start_ns; }

/* What failed, for messages. */
static void note_function(tb_far *far, const tb_answer *head, const uint8_t *bytes, size_t size) {
  if (!head->has_function || size < sizeof far->function) return;
  memcpy(far->function, bytes + size - sizeof far->function, sizeof far->function);
  far->function[sizeof far->function - 1] = '\0';
}

/* How many commands were carried out: all, or up to the one that failed. */
static bool open_answer(tb_far *far, uint32_t *carried_out) {
  const uint8_t *bytes = far->answer.at;
  const size_t size = far->answer.left;
  tb_answer head;
  if (!tb_unpack_into(&far->answer, &head, sizeof head)) return false;
  note_function(far, &head, bytes, size);
  *carried_out = head.carried_out;
  return true;
}

/* Values that were set in front of the call proper: 0, or the status of the one that failed. */
static int take_results(tb_far *far, uint32_t n, uint32_t carried_out, bool *warned) {
  for (uint32_t k = 0; k < n; k++) {
    tb_result result;
    if (k >= carried_out || !tb_unpack_into(&far->answer, &result, sizeof result)) return tb_far_garbled(far);
    if (result.status == 1) *warned = true;
    else if (result.status != 0) return result.status;
  }
  return 0;
}

int tb_far_results(tb_far *far, uint32_t n, bool *warned) {
  uint32_t carried_out;
  *warned = false;
  return open_answer(far, &carried_out) ? take_results(far, n, carried_out, warned) : tb_far_garbled(far);
}

/* A step that is under way has to end before anything else can be called; its result is kept. */
static int finish_step(tb_far *far) {
  if (!far->steps || far->has_ended) return 0;
  far->has_ended = true;
  far->step_status = tb_far_await(far);
  if (far->step_status != 0) return far->step_status;
  uint32_t carried_out;
  bool warned = false;
  if (!open_answer(far, &carried_out)) return far->step_status = tb_far_garbled(far);
  far->step_status = take_results(far, far->sent_along, carried_out, &warned);
  if (far->step_status != 0) return far->step_status;
  tb_result result;
  if (carried_out <= far->sent_along || !tb_unpack_into(&far->answer, &result, sizeof result) ||
      !tb_unpack_into(&far->answer, &far->step, sizeof far->step) ||
      !tb_ahead_take(far, carried_out - far->sent_along - 1))
    return far->step_status = tb_far_garbled(far);
  return far->step_status = result.status == 0 && warned ? 1 : result.status;
}

static tb_packer *begin(tb_instance *i, tb_command_kind kind, uint32_t a, uint32_t b) {
  tb_far *far = of(i);
  finish_step(far);
  far->steps = false;
  tb_ahead_forget(far);
  far->about = (tb_command){kind, a, b, 0};
  tb_pack_command(&far->request, kind, a, b, 0);
  return &far->request;
}

/* `carried_out`: the answer goes on with what belongs to the command. */
static int call_within(tb_instance *i, int64_t limit_ns, bool *carried_out) {
  tb_far *far = of(i);
  const uint32_t kept = far->kept;
  uint32_t n = 0;
  bool warned = false;
  *carried_out = false;
  i->last_call = far->function;
  int status = tb_far_send(far, limit_ns);
  if (status == 0) status = tb_far_await(far);
  if (status == 0 && !open_answer(far, &n)) return tb_far_garbled(far);
  if (status == 0) status = take_results(far, kept, n, &warned);
  if (status != 0) return status;
  tb_result result;
  if (n != kept + 1 || !tb_unpack_into(&far->answer, &result, sizeof result)) return tb_far_garbled(far);
  *carried_out = true;
  return result.status == 0 && warned ? 1 : result.status;
}

static int call(tb_instance *i) {
  bool carried_out;
  return call_within(i, limit_of(of(i)), &carried_out);
}

/* Its answer is one value of 8 bytes. */
static int call_for(tb_instance *i, void *value) {
  bool carried_out;
  int status = call_within(i, limit_of(of(i)), &carried_out);
  if (carried_out && !tb_unpack_into(&of(i)->answer, value, 8)) return tb_far_garbled(of(i));
  return status;
}

/* -- Life ------------------------------------------------------------------------------------------------------------------ */

static void *create(tb_instance *i, const tb_instantiation *how) {
  tb_far *far = of(i);
  far->host = i->host;
  const uint32_t flags = (how->logging_on ? TB_LOGGING_ON : 0) | (how->event_mode ? TB_EVENT_MODE : 0) |
                         (how->early_return ? TB_EARLY_RETURN : 0);
  tb_packer *to = begin(i, TB_DO_CREATE, flags, 0);
  tb_pack_text(to, how->name);
  tb_pack_text(to, how->token);
  tb_pack_text(to, how->resources);
  far->created = call(i) == 0;
  return far->created ? i : NULL;
}

static void free_instance(tb_instance *i) {
  tb_far *far = of(i);
  bool carried_out;
  begin(i, TB_DO_FREE, 0, 0);
  call_within(i, far->start_ns > 0 && far->start_ns < TB_FREE_NS ? far->start_ns : TB_FREE_NS, &carried_out);
  far->created = !carried_out;
}

static int debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  tb_packer *to = begin(i, TB_DO_DEBUG_LOGGING, on != 0, n);
  for (uint32_t k = 0; k < n; k++) tb_pack_text(to, categories[k]);
  return call(i);
}

static int configuration_mode(tb_instance *i, int enter) {
  begin(i, TB_DO_CONFIGURATION_MODE, enter != 0, 0);
  return call(i);
}

static int enter_initialization(tb_instance *i) {
  tb_packer *to = begin(i, TB_DO_ENTER_INITIALIZATION, i->has_stop, i->has_tolerance);
  tb_pack_double(to, i->start);
  tb_pack_double(to, i->stop);
  tb_pack_double(to, i->tolerance);
  return call(i);
}

static int exit_initialization(tb_instance *i) {
  begin(i, TB_DO_EXIT_INITIALIZATION, 0, 0);
  int status = call(i);
  of(i)->running = status == 0 || status == 1;
  return status;
}

static int end_running(tb_instance *i, tb_command_kind kind) {
  begin(i, kind, 0, 0);
  of(i)->running = false;
  return call(i);
}

static int terminate(tb_instance *i) { return end_running(i, TB_DO_TERMINATE); }
static int reset(tb_instance *i) { return end_running(i, TB_DO_RESET); }

/* -- Steps ----------------------------------------------------------------------------------------------------------------- */

int tb_far_begin_step(tb_instance *i, double time, double size, int may_go_back) {
  tb_far *far = of(i);
  finish_step(far); /* of a step that nobody wanted to know the end of */
  tb_ahead_forget(far);
  far->sent_along = far->kept;
  far->about = (tb_command){TB_DO_STEP, may_go_back != 0, 0, 0};
  tb_pack_command(&far->request, TB_DO_STEP, may_go_back != 0, 0, 0);
  tb_pack_double(&far->request, time);
  tb_pack_double(&far->request, size);
  tb_ahead_ask(far);
  i->last_call = far->function;
  far->steps = true;
  far->has_ended = false;
  far->step = (tb_step_answer){0};
  int status = tb_far_send(far, limit_of(far));
  if (status == 0) return 0;
  far->has_ended = true;
  return far->step_status = status;
}

int tb_far_end_step(tb_instance *i, tb_step_result *result, uint64_t *took_ns) {
  tb_far *far = of(i);
  *took_ns = 0;
  if (!far->steps) return far->ending.status;
  finish_step(far);
  far->steps = false;
  if (far->step_status < 0 || far->step_status >= TB_CRASHED) return far->step_status;
  *result = (tb_step_result){far->step.reached, far->step.early, far->step.event, far->step.terminate};
  *took_ns = far->step.took_ns;
  return far->step_status;
}

static int step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  uint64_t took;
  int status = tb_far_begin_step(i, time, size, may_go_back);
  return status != 0 ? status : tb_far_end_step(i, result, &took);
}

static int last_successful_time(tb_instance *i, double *time) {
  begin(i, TB_DO_LAST_SUCCESSFUL_TIME, 0, 0);
  return call_for(i, time);
}

static int terminated(tb_instance *i, int *terminated) {
  int64_t value = 0;
  begin(i, TB_DO_TERMINATED, 0, 0);
  int status = call_for(i, &value);
  *terminated = value != 0;
  return status;
}

static int max_step_size(tb_instance *i, double *size) {
  begin(i, TB_DO_MAX_STEP_SIZE, 0, 0);
  return call_for(i, size);
}

/* -- Events ---------------------------------------------------------------------------------------------------------------- */

static int enter_event_mode(tb_instance *i) {
  begin(i, TB_DO_ENTER_EVENT_MODE, 0, 0);
  return call(i);
}

static int enter_step_mode(tb_instance *i) {
  begin(i, TB_DO_ENTER_STEP_MODE, 0, 0);
  return call(i);
}

static int update_discrete_states(tb_instance *i, int *needs_update, int *terminate, double *next_event) {
  bool carried_out;
  begin(i, TB_DO_UPDATE_DISCRETE_STATES, 0, 0);
  int status = call_within(i, limit_of(of(i)), &carried_out);
  if (!carried_out) return status;
  tb_unpacker *from = &of(i)->answer;
  *needs_update = tb_unpack_u64(from) != 0;
  *terminate = tb_unpack_u64(from) != 0;
  *next_event = tb_unpack_double(from);
  return from->failed ? tb_far_garbled(of(i)) : status;
}

static int intervals(tb_instance *i, const uint32_t *vrs, uint32_t n, double *values, int32_t *qualifiers) {
  bool carried_out;
  tb_pack_bytes(begin(i, TB_DO_INTERVALS, n, 0), vrs, n * sizeof *vrs);
  int status = call_within(i, limit_of(of(i)), &carried_out);
  if (!carried_out) return status;
  tb_unpack_into(&of(i)->answer, values, n * sizeof *values);
  tb_unpack_into(&of(i)->answer, qualifiers, n * sizeof *qualifiers);
  return of(i)->answer.failed ? tb_far_garbled(of(i)) : status;
}

static int shifts(tb_instance *i, const uint32_t *vrs, uint32_t n, double *values) {
  bool carried_out;
  tb_pack_bytes(begin(i, TB_DO_SHIFTS, n, 0), vrs, n * sizeof *vrs);
  int status = call_within(i, limit_of(of(i)), &carried_out);
  if (carried_out) tb_unpack_into(&of(i)->answer, values, n * sizeof *values);
  return carried_out && of(i)->answer.failed ? tb_far_garbled(of(i)) : status;
}

/* -- States: addresses in the other process ----------------------------------------------------------------------------------- */

static tb_packer *begin_with_state(tb_instance *i, tb_command_kind kind, const void *state) {
  tb_packer *to = begin(i, kind, 0, 0);
  tb_pack_u64(to, (uint64_t)(uintptr_t)state);
  return to;
}

static int call_for_state(tb_instance *i, void **state) {
  uint64_t given = (uint64_t)(uintptr_t)*state;
  int status = call_for(i, &given);
  *state = (void *)(uintptr_t)given;
  return status;
}

static int get_state(tb_instance *i, void **state) {
  begin_with_state(i, TB_DO_GET_STATE, *state);
  return call_for_state(i, state);
}

static int set_state(tb_instance *i, void *state) {
  begin_with_state(i, TB_DO_SET_STATE, state);
  return call(i);
}

static int free_state(tb_instance *i, void **state) {
  begin_with_state(i, TB_DO_FREE_STATE, *state);
  return call_for_state(i, state);
}

static int state_size(tb_instance *i, void *state, size_t *size) {
  uint64_t value = 0;
  begin_with_state(i, TB_DO_STATE_SIZE, state);
  int status = call_for(i, &value);
  *size = (size_t)value;
  return status;
}

static int serialize_state(tb_instance *i, void *state, uint8_t *bytes, size_t size) {
  bool carried_out;
  tb_pack_u64(begin_with_state(i, TB_DO_SERIALIZE_STATE, state), size);
  int status = call_within(i, limit_of(of(i)), &carried_out);
  if (carried_out && !tb_unpack_into(&of(i)->answer, bytes, size)) return tb_far_garbled(of(i));
  return status;
}

static int deserialize_state(tb_instance *i, const uint8_t *bytes, size_t size, void **state) {
  tb_packer *to = begin_with_state(i, TB_DO_DESERIALIZE_STATE, *state);
  tb_pack_u64(to, size);
  tb_pack_bytes(to, bytes, size);
  return call_for_state(i, state);
}

const tb_adapter tb_far_adapter = {
    .create = create,
    .free = free_instance,
    .debug_logging = debug_logging,
    .configuration_mode = configuration_mode,
    .enter_initialization = enter_initialization,
    .exit_initialization = exit_initialization,
    .terminate = terminate,
    .reset = reset,
    .step = step,
    .last_successful_time = last_successful_time,
    .terminated = terminated,
    .max_step_size = max_step_size,
    .enter_event_mode = enter_event_mode,
    .enter_step_mode = enter_step_mode,
    .update_discrete_states = update_discrete_states,
    .intervals = intervals,
    .shifts = shifts,
    .get_state = get_state,
    .set_state = set_state,
    .free_state = free_state,
    .state_size = state_size,
    .serialize_state = serialize_state,
    .deserialize_state = deserialize_state,
};

/* -- Getting and setting --------------------------------------------------------------------------------------------------- */

int tb_far_get(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, void *values, uint32_t n_values,
                   size_t *sizes) {
  tb_far *far = of(i);
  if (i->library->accessors[storage].get == NULL) return TB_NOT_OFFERED;
  finish_step(far);
  far->steps = false;
  tb_ahead_forget(far);
  far->about = (tb_command){TB_DO_GET, (uint32_t)storage, n, n_values};
  tb_far_pack_access(&far->request, TB_DO_GET, (uint32_t)storage, vrs, n, n_values);
  bool carried_out;
  int status = call_within(i, limit_of(far), &carried_out);
  if (carried_out && !tb_far_unpack_values(&far->answer, (uint32_t)storage, values, n_values, sizes))
    return tb_far_garbled(far);
  return status;
}

static void pack_set(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, const void *values, uint32_t n_values,
                     const size_t *sizes) {
  tb_far *far = of(i);
  finish_step(far);
  tb_ahead_forget(far);
  tb_far_pack_access(&far->request, TB_DO_SET, (uint32_t)storage, vrs, n, n_values);
  pack_values(&far->request, (uint32_t)storage, values, n_values, sizes);
}

int tb_far_set(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, const void *values, uint32_t n_values,
                   const size_t *sizes) {
  if (i->library->accessors[storage].set == NULL) return TB_NOT_OFFERED;
  pack_set(i, storage, vrs, n, values, n_values, sizes);
  of(i)->steps = false;
  return call(i);
}

/* What a step plan calls: values that are set wait for the step, those that are got have come with it. */
#define APART __attribute__((noinline)) /* once, and not in each of the functions below */

static APART int plan_get(tb_instance *i, tb_storage storage, const uint32_t *vrs, size_t n, void *values,
                          size_t n_values, size_t *sizes) {
  tb_far *far = of(i);
  finish_step(far);
  tb_window *w = tb_ahead_find(far, (uint32_t)storage, vrs, (uint32_t)n, (uint32_t)n_values);
  if (w == NULL) return tb_far_get(i, (int)storage, vrs, (uint32_t)n, values, (uint32_t)n_values, sizes);
  tb_unpacker from = w->values;
  return tb_far_unpack_values(&from, (uint32_t)storage, values, (uint32_t)n_values, sizes) ? w->status
                                                                                               : tb_far_garbled(far);
}

static APART int plan_set(tb_instance *i, tb_storage storage, const uint32_t *vrs, size_t n, const void *values,
                          size_t n_values, const size_t *sizes) {
  pack_set(i, (int)storage, vrs, (uint32_t)n, values, (uint32_t)n_values, sizes);
  of(i)->kept++;
  return of(i)->ending.status;
}

#define NUMBERS(X) \
  X(F64) X(F32) X(I8) X(U8) X(I16) X(U16) X(I32) X(U32) X(I64) X(U64) X(B8) X(B32) X(CLOCK) X(TEXT)

#define X(name)                                                                                          \
  static int get_##name(void *i, const uint32_t *vrs, size_t n, void *values) {                          \
    return plan_get(i, TB_##name, vrs, n, values, n, NULL);                                              \
  }                                                                                                      \
  static int set_##name(void *i, const uint32_t *vrs, size_t n, void *values) {                          \
    return plan_set(i, TB_##name, vrs, n, values, n, NULL);                                              \
  }                                                                                                      \
  static int get_array_##name(void *i, const uint32_t *vrs, size_t n, void *values, size_t n_values) {   \
    return plan_get(i, TB_##name, vrs, n, values, n_values, NULL);                                       \
  }                                                                                                      \
  static int set_array_##name(void *i, const uint32_t *vrs, size_t n, void *values, size_t n_values) {   \
    return plan_set(i, TB_##name, vrs, n, values, n_values, NULL);                                       \
  }
NUMBERS(X)
#undef X

static int get_BYTES(void *i, const uint32_t *vrs, size_t n, size_t *sizes, void *values, size_t n_values) {
  return plan_get(i, TB_BYTES, vrs, n, values, n_values, sizes);
}

static int set_BYTES(void *i, const uint32_t *vrs, size_t n, size_t *sizes, void *values, size_t n_values) {
  return plan_set(i, TB_BYTES, vrs, n, values, n_values, sizes);
}

static void choose_accessor(tb_accessor *to, tb_storage storage, bool arrays) {
  switch (storage) {
#define X(name)                                                                \
  case TB_##name:                                                              \
    to->get = arrays ? (void *)get_array_##name : (void *)get_##name;          \
    to->set = arrays ? (void *)set_array_##name : (void *)set_##name;          \
    break;
    NUMBERS(X)
#undef X
    default:
      to->get = (void *)get_BYTES;
      to->set = (void *)set_BYTES;
  }
}

void tb_far_set_accessors(tb_library *library, uint32_t getters, uint32_t setters) {
  if (library->fmi == TB_FMI1) tb_name_fmi1(library);
  else if (library->fmi == TB_FMI2) tb_name_fmi2(library);
  else tb_name_fmi3(library);
  for (unsigned storage = 0; storage < TB_STORAGES; storage++) {
    tb_accessor *to = &library->accessors[storage];
    choose_accessor(to, (tb_storage)storage, library->fmi == TB_FMI3 && storage != TB_CLOCK);
    if (!(getters >> storage & 1)) to->get = NULL;
    if (!(setters >> storage & 1)) to->set = NULL;
  }
}
