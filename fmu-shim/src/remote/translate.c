#include "translate.h"

void tb_translator_init(tb_translator *t, tb_dialect dialect, tb_fmi fmi) {
  *t = (tb_translator){.dialect = dialect, .fmi = fmi, .sequence = 1};
}

void tb_translator_destroy(tb_translator *t) {
  tb_thrift_writer_destroy(&t->calls);
  tb_packer_destroy(&t->answer);
  free(t->id);
  free(t->commands);
  free(t->state);
}

/* -- Calls ------------------------------------------------------------------------------------------------------------------- */

/* Answers what `end_call` wants to know. */
static size_t begin_call(tb_translator *t, const char *method) {
  const size_t frame = tb_thrift_begin_frame(&t->calls);
  tb_thrift_put_message(&t->calls, TB_THRIFT_CALL, method, strlen(method), t->sequence++);
  if (t->dialect == TB_FMU_PROXY) {
    tb_thrift_put_field(&t->calls, TB_THRIFT_STRING, 1);
    tb_thrift_put_text(&t->calls, t->id);
  }
  return frame;
}

static void put_field(tb_translator *t, tb_thrift_type type, int16_t id) {
  tb_thrift_put_field(&t->calls, type, (int16_t)(t->dialect == TB_FMU_PROXY ? id + 1 : id));
}

static bool end_call(tb_translator *t, tb_translated *c, size_t frame, tb_reply reply) {
  tb_thrift_put_stop(&t->calls);
  c->n_calls++;
  c->reply = reply;
  return tb_thrift_end_frame(&t->calls, frame, TB_THRIFT_FRAME_LIMIT);
}

static bool call(tb_translator *t, tb_translated *c, const char *method, const char *function, tb_reply reply) {
  c->function = function;
  return end_call(t, c, begin_call(t, method), reply);
}

static bool put_double_field(tb_translator *t, int16_t id, double value) {
  put_field(t, TB_THRIFT_DOUBLE, id);
  tb_thrift_put_double(&t->calls, value);
  return true;
}

static bool enter_initialization(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  const double start = tb_unpack_double(from), stop = tb_unpack_double(from), tolerance = tb_unpack_double(from);
  const size_t frame = begin_call(t, "setup_experiment");
  put_double_field(t, 1, start);
  put_double_field(t, 2, c->command.a ? stop : 0); /* 0: there is none */
  put_double_field(t, 3, c->command.b ? tolerance : 0);
  return end_call(t, c, frame, TB_REPLY_STATUS) &&
         call(t, c, "enter_initialization_mode", "EnterInitializationMode", TB_REPLY_STATUS);
}

static bool step(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  c->time = tb_unpack_double(from);
  c->size = tb_unpack_double(from);
  c->function = "DoStep";
  const size_t frame = begin_call(t, "step");
  if (t->dialect == TB_PROXYFMU) put_double_field(t, 1, c->time);
  put_double_field(t, t->dialect == TB_PROXYFMU ? 2 : 1, c->size);
  return end_call(t, c, frame, t->dialect == TB_PROXYFMU ? TB_REPLY_STATUS : TB_REPLY_STEP);
}

typedef struct {
  const char *read, *write, *get, *set;
} access_names;

/* NULL: the protocols have no such type. */
static const access_names *names_of(const tb_translator *t, uint32_t storage) {
  static const access_names reals = {"read_real", "write_real", "GetReal", "SetReal"},
                            integers = {"read_integer", "write_integer", "GetInteger", "SetInteger"},
                            booleans = {"read_boolean", "write_boolean", "GetBoolean", "SetBoolean"},
                            strings = {"read_string", "write_string", "GetString", "SetString"};
  if (t->fmi == TB_FMI3) return NULL;
  switch (storage) {
    case TB_F64: return &reals;
    case TB_I32: return &integers;
    case TB_B8: return t->fmi == TB_FMI1 ? &booleans : NULL;
    case TB_B32: return t->fmi == TB_FMI2 ? &booleans : NULL;
    case TB_TEXT: return &strings;
    default: return NULL;
  }
}

static void put_references(tb_translator *t, const uint32_t *vrs, uint32_t n) {
  put_field(t, TB_THRIFT_LIST, 1);
  tb_thrift_put_list(&t->calls, TB_THRIFT_I64, n);
  uint8_t *to = tb_thrift_put(&t->calls, 8 * (size_t)n);
  if (to != NULL)
    for (uint32_t k = 0; k < n; k++) tb_thrift_store_i64(to + 8 * (size_t)k, vrs[k]);
}

static void put_booleans(tb_translator *t, uint32_t storage, const void *values, uint32_t n) {
  tb_thrift_put_list(&t->calls, TB_THRIFT_BOOL, n);
  for (uint32_t k = 0; k < n; k++)
    tb_thrift_put_bool(&t->calls, storage == TB_B8 ? ((const uint8_t *)values)[k] : ((const int32_t *)values)[k]);
}

static void put_values(tb_translator *t, uint32_t storage, tb_unpacker *from, uint32_t n) {
  put_field(t, TB_THRIFT_LIST, 2);
  if (storage == TB_TEXT) {
    tb_thrift_put_list(&t->calls, TB_THRIFT_STRING, n);
    for (uint32_t k = 0; k < n; k++) {
      size_t size;
      const void *text = tb_unpack_sized(from, &size);
      tb_thrift_put_bytes(&t->calls, text, text == NULL ? 0 : size);
    }
    return;
  }
  const void *values = tb_unpack(from, tb_storage_size(storage) * n);
  if (from->failed) return;
  if (storage == TB_F64) tb_thrift_put_doubles(&t->calls, values, n);
  else if (storage == TB_I32) tb_thrift_put_i32s(&t->calls, values, n);
  else put_booleans(t, storage, values, n);
}

static bool get(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  const uint32_t *vrs = tb_unpack(from, c->command.b * sizeof *vrs);
  const access_names *names = names_of(t, c->command.a);
  if (names == NULL || from->failed) return false;
  c->function = names->get;
  const size_t frame = begin_call(t, names->read);
  put_references(t, vrs, c->command.b);
  return end_call(t, c, frame, TB_REPLY_VALUES);
}

static bool set(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  const uint32_t *vrs = tb_unpack(from, c->command.b * sizeof *vrs);
  const access_names *names = names_of(t, c->command.a);
  if (names == NULL || from->failed) return false;
  c->function = names->set;
  const size_t frame = begin_call(t, names->write);
  put_references(t, vrs, c->command.b);
  put_values(t, c->command.a, from, c->command.c);
  return end_call(t, c, frame, TB_REPLY_STATUS);
}

/* -- States: their numbers over there, from 0; here from 1, since 0 is none ------------------------------------------------- */

static bool call_with_state(tb_translator *t, tb_translated *c, const char *method, const char *function, tb_reply reply) {
  c->function = function;
  const size_t frame = begin_call(t, method);
  put_field(t, TB_THRIFT_I32, 1);
  tb_thrift_put_i32(&t->calls, (int32_t)(c->given - 1));
  return end_call(t, c, frame, reply);
}

/* The structure goes out as it came: it is no business of ours what is in it. */
static bool import_state(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  const size_t size = (size_t)tb_unpack_u64(from);
  const void *bytes = tb_unpack(from, size);
  if (from->failed || size == 0) return false;
  c->function = "DeSerializeFMUstate";
  const size_t frame = begin_call(t, "import_state");
  put_field(t, TB_THRIFT_STRUCT, 1);
  uint8_t *to = tb_thrift_put(&t->calls, size);
  if (to != NULL) memcpy(to, bytes, size);
  return end_call(t, c, frame, TB_REPLY_STATE);
}

static bool with_state(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  c->given = tb_unpack_u64(from);
  if (t->dialect == TB_FMU_PROXY) {
    c->status = TB_NOT_OFFERED;
    return true;
  }
  switch (c->command.kind) {
    case TB_DO_GET_STATE:
      if (c->given == 0) return call(t, c, "save_state", "GetFMUstate", TB_REPLY_STATE);
      t->state_of = 0;
      return call_with_state(t, c, "save_state_by_index", "GetFMUstate", TB_REPLY_VOID);
    case TB_DO_SET_STATE: return call_with_state(t, c, "restore_state", "SetFMUstate", TB_REPLY_VOID);
    case TB_DO_FREE_STATE:
      if (c->given == 0) return true;
      t->state_of = 0;
      return call_with_state(t, c, "release_state", "FreeFMUstate", TB_REPLY_VOID);
    case TB_DO_DESERIALIZE_STATE: return import_state(t, c, from);
    case TB_DO_SERIALIZE_STATE: tb_unpack_u64(from); /* its size, which is known */ break;
    default: break;
  }
  /* Asked for its size and then for its bytes, it is exported once. */
  if (c->given != 0 && t->state_of == c->given) return true;
  return call_with_state(t, c, "export_state", "SerializeFMUstate", TB_REPLY_EXPORT);
}

/* -- Requests ---------------------------------------------------------------------------------------------------------------- */

static bool translate(tb_translator *t, tb_translated *c, tb_unpacker *from) {
  switch ((tb_command_kind)c->command.kind) {
    case TB_DO_LOAD:
      tb_unpack_text(from);
      tb_unpack_text(from);
      return true;
    case TB_DO_CREATE:
      for (int texts = 0; texts < 3; texts++) tb_unpack_text(from);
      /* FMU-proxy has created it by now, since calls need its name. */
      return t->dialect == TB_FMU_PROXY || call(t, c, "instantiate", "Instantiate", TB_REPLY_VOID);
    case TB_DO_FREE: return call(t, c, "freeInstance", "FreeInstance", TB_REPLY_VOID);
    case TB_DO_ENTER_INITIALIZATION: return enter_initialization(t, c, from);
    case TB_DO_EXIT_INITIALIZATION:
      return call(t, c, "exit_initialization_mode", "ExitInitializationMode", TB_REPLY_STATUS);
    case TB_DO_TERMINATE: return call(t, c, "terminate", "Terminate", TB_REPLY_STATUS);
    case TB_DO_RESET:
      if (t->dialect == TB_FMU_PROXY) return call(t, c, "reset", "Reset", TB_REPLY_STATUS);
      break;
    case TB_DO_SET: return set(t, c, from);
    case TB_DO_GET: return get(t, c, from);
    case TB_DO_STEP: return step(t, c, from);
    case TB_DO_LAST_SUCCESSFUL_TIME:
      if (t->dialect == TB_FMU_PROXY) return true;
      break;
    case TB_DO_DEBUG_LOGGING:
      for (uint32_t k = 0; k < c->command.b; k++) tb_unpack_text(from);
      break;
    case TB_DO_INTERVALS:
    case TB_DO_SHIFTS: tb_unpack(from, c->command.a * sizeof(uint32_t)); break;
    case TB_DO_GET_STATE:
    case TB_DO_SET_STATE:
    case TB_DO_FREE_STATE:
    case TB_DO_STATE_SIZE:
    case TB_DO_SERIALIZE_STATE:
    case TB_DO_DESERIALIZE_STATE: return with_state(t, c, from);
    case TB_DO_CONFIGURATION_MODE:
    case TB_DO_TERMINATED:
    case TB_DO_MAX_STEP_SIZE:
    case TB_DO_ENTER_EVENT_MODE:
    case TB_DO_ENTER_STEP_MODE:
    case TB_DO_UPDATE_DISCRETE_STATES: break;
    case TB_DO_LEAVE: return false;
  }
  c->status = TB_NOT_OFFERED; /* the protocols have nothing for it */
  return true;
}

static tb_translated *next_command(tb_translator *t) {
  if (t->n_commands == t->room) {
    const uint32_t room = 2 * t->room + 16;
    tb_translated *commands = realloc(t->commands, room * sizeof *commands);
    if (commands == NULL) return NULL;
    t->commands = commands;
    t->room = room;
  }
  tb_translated *c = &t->commands[t->n_commands++];
  *c = (tb_translated){.function = ""};
  return c;
}

static void answer_what_is_there(tb_translator *t);

bool tb_translate(tb_translator *t, const uint8_t *request, size_t size) {
  tb_unpacker from = {request, size, false};
  tb_thrift_clear(&t->calls);
  t->n_commands = t->at = t->replies = t->carried_out = 0;
  t->stopped = false;
  t->expected = t->sequence;
  t->answer.size = 0;
  const tb_answer head = {0};
  tb_pack_bytes(&t->answer, &head, sizeof head);
  while (from.left > 0 && !from.failed) {
    tb_translated *c = next_command(t);
    if (c == NULL || !tb_unpack_into(&from, &c->command, sizeof c->command) || !translate(t, c, &from)) return false;
  }
  if (from.failed) return false;
  answer_what_is_there(t);
  return !t->answer.failed;
}

bool tb_is_translated(const tb_translator *t) { return t->at == t->n_commands; }

/* -- Answers ----------------------------------------------------------------------------------------------------------------- */

static bool is_failed(int status) { return status != 0 && status != 1; }

/* Worse than a warning is worse than not to have it. */
static void worsen(int *status, int by) {
  if (is_failed(*status)) return;
  if (is_failed(by) || by > *status) *status = by;
}

static void say(const tb_translator *t, const tb_translated *c, int status, const char *text) {
  if (t->host == NULL || text[0] == '\0') return;
  char all[TB_HOST_MAX_MESSAGE];
  snprintf(all, sizeof all, "the server answers to %s%s: %s", tb_fmi_prefix(t->fmi), c->function, text);
  tb_host_log_text(t->host, status, "remote", all);
}

static void pack_result(tb_translator *t, int status) {
  const tb_result result = {status, 0};
  t->result_at = t->answer.size;
  tb_pack_bytes(&t->answer, &result, sizeof result);
}

static void patch_result(tb_translator *t, int status) {
  const tb_result result = {status, 0};
  if (!t->answer.failed) memcpy(t->answer.bytes + t->result_at, &result, sizeof result);
}

static void pack_nothing(tb_translator *t, const tb_command *command) {
  const uint32_t storage = command->a, n = command->c;
  if (storage == TB_TEXT) {
    for (uint32_t k = 0; k < n; k++) tb_pack_text(&t->answer, NULL);
    return;
  }
  void *to = tb_pack(&t->answer, tb_storage_size(storage) * n);
  if (to != NULL) memset(to, 0, tb_storage_size(storage) * n);
}

static void pack_step(tb_translator *t, const tb_translated *c) {
  const bool made = !is_failed(c->status);
  const tb_step_answer came = {.reached = made ? c->time + c->size : t->reached};
  tb_pack_bytes(&t->answer, &came, sizeof came);
}

static void pack_accessors(tb_translator *t) {
  uint64_t accessors = 0;
  for (uint32_t storage = 0; storage < TB_STORAGES; storage++)
    if (names_of(t, storage) != NULL) accessors |= (uint64_t)1 << storage;
  tb_pack_u64(&t->answer, accessors);
  tb_pack_u64(&t->answer, accessors);
}

static void pack_state(tb_translator *t, const tb_translated *c) {
  switch (c->command.kind) {
    case TB_DO_FREE_STATE: tb_pack_u64(&t->answer, 0); break;
    case TB_DO_STATE_SIZE: tb_pack_u64(&t->answer, t->state_size); break;
    case TB_DO_SERIALIZE_STATE: tb_pack_bytes(&t->answer, t->state, t->state_size); break;
    case TB_DO_SET_STATE: break;
    default: tb_pack_u64(&t->answer, c->given);
  }
}

/* The command's result and what goes with it, once its replies are there; values are there already. */
static void finish_command(tb_translator *t) {
  const tb_translated *c = &t->commands[t->at++];
  t->replies = 0;
  if (t->stopped) return;
  if (c->command.kind != TB_DO_GET) pack_result(t, c->status);
  else if (c->n_calls == 0) {
    pack_result(t, c->status);
    pack_nothing(t, &c->command);
  }
  switch (c->command.kind) {
    case TB_DO_LOAD: pack_accessors(t); break;
    case TB_DO_STEP: pack_step(t, c); break;
    case TB_DO_LAST_SUCCESSFUL_TIME: tb_pack_double(&t->answer, t->reached); break;
    case TB_DO_TERMINATED: tb_pack_u64(&t->answer, 0); break;
    case TB_DO_MAX_STEP_SIZE: tb_pack_double(&t->answer, 0); break;
    case TB_DO_UPDATE_DISCRETE_STATES:
      tb_pack_u64(&t->answer, 0);
      tb_pack_u64(&t->answer, 0);
      tb_pack_double(&t->answer, DBL_MAX);
      break;
    case TB_DO_INTERVALS:
    case TB_DO_SHIFTS: {
      const size_t size = c->command.a * (c->command.kind == TB_DO_INTERVALS ? 16u : 8u);
      void *to = tb_pack(&t->answer, size);
      if (to != NULL) memset(to, 0, size);
      break;
    }
    case TB_DO_GET_STATE:
    case TB_DO_SET_STATE:
    case TB_DO_FREE_STATE:
    case TB_DO_STATE_SIZE:
    case TB_DO_SERIALIZE_STATE:
    case TB_DO_DESERIALIZE_STATE: pack_state(t, c); break;
    default: break;
  }
  t->carried_out++;
  t->stopped = is_failed(c->status);
}

static void answer_what_is_there(tb_translator *t) {
  while (t->at < t->n_commands && t->commands[t->at].n_calls == t->replies) {
    const tb_translated *c = &t->commands[t->at];
    const bool stops = !t->stopped && is_failed(c->status);
    finish_command(t);
    if (!stops) continue;
    char function[TB_DOING_BYTES];
    memset(function, 0, sizeof function);
    snprintf(function, sizeof function, "%s%s", tb_fmi_prefix(t->fmi), c->function);
    tb_pack_bytes(&t->answer, function, sizeof function);
  }
  if (t->at < t->n_commands || t->answer.failed) return;
  const tb_answer head = {t->carried_out, t->stopped};
  memcpy(t->answer.bytes, &head, sizeof head);
}

/* -- Replies ----------------------------------------------------------------------------------------------------------------- */

void tb_take_refusal(tb_thrift_reader *from, const tb_thrift_message *message, int32_t *type, char *text, size_t size) {
  *type = TB_THRIFT_UNKNOWN;
  text[0] = '\0';
  if (message->kind == TB_THRIFT_EXCEPTION) {
    tb_thrift_take_exception(from, type, text, size);
    return;
  }
  /* An exception of the service's own: one text, whatever it is called. */
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    if (!tb_thrift_is_field(field, 1, TB_THRIFT_STRING)) {
      tb_thrift_skip(from, field.type);
      continue;
    }
    size_t length;
    const uint8_t *bytes = tb_thrift_take_bytes(from, &length);
    if (bytes != NULL) snprintf(text, size, "%.*s", (int)(length < size ? length : size - 1), (const char *)bytes);
  }
}

static bool take_texts(tb_translator *t, tb_thrift_reader *from, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    size_t size;
    const uint8_t *text = tb_thrift_take_bytes(from, &size);
    if (text == NULL) return false;
    tb_pack_sized(&t->answer, text, size);
  }
  return true;
}

static bool take_numbers(tb_translator *t, tb_thrift_reader *from, uint32_t storage, uint32_t n) {
  void *to = tb_pack(&t->answer, tb_storage_size(storage) * n);
  if (to == NULL && n > 0) return false;
  if (storage == TB_F64) return tb_thrift_take_doubles(from, to, n);
  if (storage == TB_I32) return tb_thrift_take_i32s(from, to, n);
  if (storage == TB_B8) return tb_thrift_take_bools(from, to, n);
  for (uint32_t k = 0; k < n; k++) ((int32_t *)to)[k] = tb_thrift_take_bool(from);
  return !from->failed;
}

static const tb_thrift_type elements[TB_STORAGES] = {[TB_F64] = TB_THRIFT_DOUBLE, [TB_I32] = TB_THRIFT_I32,
                                                     [TB_B8] = TB_THRIFT_BOOL, [TB_B32] = TB_THRIFT_BOOL,
                                                     [TB_TEXT] = TB_THRIFT_STRING};

/* 1: values, 2: status. Where it failed there may be fewer values, or none. */
static bool take_values(tb_translator *t, tb_translated *c, tb_thrift_reader *from) {
  const size_t begin = t->answer.size;
  uint32_t n = 0;
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    if (tb_thrift_is_field(field, 2, TB_THRIFT_I32)) worsen(&c->status, tb_thrift_take_i32(from));
    else if (!tb_thrift_is_field(field, 1, TB_THRIFT_LIST)) tb_thrift_skip(from, field.type);
    else {
      t->answer.size = begin;
      if (!tb_thrift_take_list(from, elements[c->command.a], &n)) return false;
      if (!(c->command.a == TB_TEXT ? take_texts(t, from, n) : take_numbers(t, from, c->command.a, n))) return false;
    }
  }
  if (from->failed) return false;
  if (n == c->command.c) return true;
  t->answer.size = begin;
  pack_nothing(t, &c->command);
  if (!is_failed(c->status)) say(t, c, 3, "another number of values than was asked for");
  worsen(&c->status, 3);
  return true;
}

static bool take_step(tb_translator *t, tb_translated *c, tb_thrift_reader *from) {
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) worsen(&c->status, tb_thrift_take_i32(from));
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_DOUBLE)) t->reached = tb_thrift_take_double(from);
    else tb_thrift_skip(from, field.type);
  }
  return !from->failed;
}

static bool take_export(tb_translator *t, tb_translated *c, tb_thrift_reader *from) {
  const uint8_t *begin = from->at;
  tb_thrift_skip(from, TB_THRIFT_STRUCT);
  if (from->failed) return false;
  const size_t size = (size_t)(from->at - begin);
  if (size > t->state_room) {
    uint8_t *state = realloc(t->state, size);
    if (state == NULL) return false;
    t->state = state;
    t->state_room = size;
  }
  memcpy(t->state, begin, size);
  t->state_size = size;
  t->state_of = c->given;
  return true;
}

static bool take_success(tb_translator *t, tb_translated *c, tb_reply reply, tb_thrift_reader *from, tb_thrift_type type) {
  static const tb_thrift_type types[] = {[TB_REPLY_STATUS] = TB_THRIFT_I32,    [TB_REPLY_VALUES] = TB_THRIFT_STRUCT,
                                         [TB_REPLY_STEP] = TB_THRIFT_STRUCT,   [TB_REPLY_STATE] = TB_THRIFT_I32,
                                         [TB_REPLY_EXPORT] = TB_THRIFT_STRUCT, [TB_REPLY_VOID] = TB_THRIFT_STOP};
  if (types[reply] != type) return false;
  switch (reply) {
    case TB_REPLY_STATUS: worsen(&c->status, tb_thrift_take_i32(from)); return true;
    case TB_REPLY_VALUES: return take_values(t, c, from);
    case TB_REPLY_STEP: return take_step(t, c, from);
    case TB_REPLY_STATE: c->given = (uint64_t)(uint32_t)tb_thrift_take_i32(from) + 1; return true;
    case TB_REPLY_EXPORT: return take_export(t, c, from);
    default: return false;
  }
}

static void take_failure(tb_translator *t, tb_translated *c, tb_thrift_reader *from, const tb_thrift_message *message) {
  int32_t type;
  char text[1024];
  tb_take_refusal(from, message, &type, text, sizeof text);
  const bool unknown = tb_is_unknown_method(message->kind, type, text);
  if (!unknown) say(t, c, 3, text[0] == '\0' ? "it failed" : text);
  worsen(&c->status, unknown ? TB_NOT_OFFERED : 3);
}

/* What the reply's structure holds, whichever comes of it: 0 what was asked for, else an exception. */
static bool take_result(tb_translator *t, tb_translated *c, tb_reply reply, tb_thrift_reader *from,
                        const tb_thrift_message *message) {
  bool there = reply == TB_REPLY_VOID;
  if (message->kind == TB_THRIFT_EXCEPTION) {
    take_failure(t, c, from, message);
    return !from->failed;
  }
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    if (field.id == 0) {
      if (!take_success(t, c, reply, from, field.type)) return false;
      there = true;
    } else if (field.type == TB_THRIFT_STRUCT) {
      take_failure(t, c, from, message);
      there = true;
    } else {
      tb_thrift_skip(from, field.type);
    }
  }
  return there && !from->failed;
}

bool tb_translate_reply(tb_translator *t, const uint8_t *payload, size_t size) {
  tb_thrift_reader from = {payload, size, false};
  tb_thrift_message message;
  if (tb_is_translated(t) || !tb_thrift_take_message(&from, &message)) return false;
  if (message.sequence != t->expected++ || (message.kind != TB_THRIFT_REPLY && message.kind != TB_THRIFT_EXCEPTION))
    return false;
  tb_translated *c = &t->commands[t->at];
  const bool last = t->replies + 1 == c->n_calls;
  const bool values = c->command.kind == TB_DO_GET;
  const size_t begin = t->answer.size;
  if (values) pack_result(t, 0);
  const size_t values_at = t->answer.size;
  if (!take_result(t, c, last ? c->reply : TB_REPLY_STATUS, &from, &message)) return false;
  if (values) {
    if (t->answer.size == values_at && c->command.c > 0) pack_nothing(t, &c->command); /* it is an exception */
    patch_result(t, c->status);
    if (t->stopped) t->answer.size = begin;
  }
  t->replies++;
  answer_what_is_there(t);
  return !t->answer.failed;
}
