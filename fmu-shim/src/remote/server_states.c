/* States of an instance: by index, as the real one has them since 0.4.0. */
#include "server_internal.h"

static bool free_index(tb_remote_server *s, uint32_t *index) {
  for (*index = 0; *index < s->n_states; ++*index)
    if (s->states[*index].state == NULL) return true;
  saved_state *states = realloc(s->states, (s->n_states + 1) * sizeof *states);
  if (states == NULL) return tb_serve_no_memory(s);
  s->states = states;
  s->states[s->n_states++] = (saved_state){0};
  return true;
}

static bool take_index(tb_remote_server *s, const char *method, saved_state **state) {
  tb_thrift_field field;
  int32_t index = 0;
  bool has_index = false;
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) index = tb_thrift_take_i32(&s->args), has_index = true;
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!has_index) return tb_serve_refuse_missing(s, method, "state_index");
  if (!tb_serve_may_be_called(s, method)) return false;
  if (index < 0 || (uint32_t)index >= s->n_states || s->states[index].state == NULL)
    return tb_serve_refuse(s, "%s: there is no saved state %d", method, (int)index);
  *state = &s->states[index];
  return true;
}

static bool save_into(tb_remote_server *s, saved_state *to) {
  const int status = tb_instance_get_state(s->far.instance, &to->state);
  if (!tb_serve_is_good(status)) return tb_serve_refuse_by_status(s, status, "save its state");
  if (to->state == NULL) return tb_serve_refuse(s, "the FMU %s saved no state", s->opened->identifier);
  to->phase = s->phase;
  return true;
}

bool tb_serve_save_state(tb_remote_server *s) {
  uint32_t index;
  tb_serve_skip_arguments(s);
  if (!tb_serve_may_be_called(s, "save_state") || !free_index(s, &index)) return false;
  return save_into(s, &s->states[index]) && tb_serve_answer_i32(s, (int32_t)index);
}

bool tb_serve_save_state_by_index(tb_remote_server *s) {
  saved_state *state;
  return take_index(s, "save_state_by_index", &state) && save_into(s, state) && tb_serve_answer_nothing(s);
}

bool tb_serve_restore_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "restore_state", &state)) return false;
  const int status = tb_instance_set_state(s->far.instance, state->state);
  if (!tb_serve_is_good(status)) return tb_serve_refuse_by_status(s, status, "restore a state");
  s->phase = state->phase;
  return tb_serve_answer_nothing(s);
}

bool tb_serve_release_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "release_state", &state)) return false;
  const int status = tb_instance_free_state(s->far.instance, &state->state);
  state->state = NULL;
  return tb_serve_is_good(status) ? tb_serve_answer_nothing(s) : tb_serve_refuse_by_status(s, status, "release a state");
}

bool tb_serve_export_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "export_state", &state)) return false;
  size_t size = 0;
  int status = tb_instance_state_size(s->far.instance, state->state, &size);
  if (!tb_serve_is_good(status)) return tb_serve_refuse_by_status(s, status, "export a state");
  if (size > s->frame_limit)
    return tb_serve_refuse(s, "the state has %zu bytes, more than a message of %u bytes holds", size,
                           (unsigned)s->frame_limit);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 1);
  tb_thrift_put_i32(s->out, 0); /* version of the scheme */
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 2);
  tb_thrift_put_text(s->out, s->opened->token);
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 3);
  tb_thrift_put_i32(s->out, (int32_t)size);
  uint8_t *bytes = tb_thrift_put(s->out, size);
  if (bytes == NULL) return tb_serve_no_memory(s);
  memset(bytes, 0, size);
  status = tb_instance_serialize_state(s->far.instance, state->state, bytes, size);
  if (!tb_serve_is_good(status)) return tb_serve_refuse_by_status(s, status, "export a state");
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 4);
  tb_thrift_put_bool(s->out, state->phase >= INITIALIZING);
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 5);
  tb_thrift_put_bool(s->out, state->phase >= RUNNING);
  tb_thrift_put_stop(s->out);
  return tb_serve_answer_nothing(s);
}

typedef struct {
  int32_t version;
  const uint8_t *token, *bytes; /* NULL: missing */
  size_t token_size, size;
  bool set_up, started;
} exported_state;

static void take_exported(tb_remote_server *s, exported_state *e) {
  tb_thrift_field field;
  while (tb_thrift_next_field(&s->args, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) e->version = tb_thrift_take_i32(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_STRING)) e->token = tb_thrift_take_bytes(&s->args, &e->token_size);
    else if (tb_thrift_is_field(field, 3, TB_THRIFT_STRING)) e->bytes = tb_thrift_take_bytes(&s->args, &e->size);
    else if (tb_thrift_is_field(field, 4, TB_THRIFT_BOOL)) e->set_up = tb_thrift_take_bool(&s->args);
    else if (tb_thrift_is_field(field, 5, TB_THRIFT_BOOL)) e->started = tb_thrift_take_bool(&s->args);
    else tb_thrift_skip(&s->args, field.type);
  }
}

bool tb_serve_import_state(tb_remote_server *s) {
  tb_thrift_field field;
  exported_state e = {0};
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRUCT)) take_exported(s, &e);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (s->args.failed) return false;
  if (e.bytes == NULL) return tb_serve_refuse_missing(s, "import_state", "exported_state");
  if (!tb_serve_may_be_called(s, "import_state")) return false;
  if (e.version != 0) return tb_serve_refuse(s, "import_state: the state is of version %d, expected 0", (int)e.version);
  if (e.token == NULL || e.token_size != strlen(s->opened->token) ||
      memcmp(e.token, s->opened->token, e.token_size) != 0)
    return tb_serve_refuse(s, "import_state: the state is of another FMU: %.*s, this one is %s",
                           (int)(e.token_size > LONGEST_NAME ? LONGEST_NAME : e.token_size),
                           e.token == NULL ? "" : (const char *)e.token, s->opened->token);
  uint32_t index;
  if (!free_index(s, &index)) return false;
  saved_state *state = &s->states[index];
  const int status = tb_instance_deserialize_state(s->far.instance, e.bytes, e.size, &state->state);
  if (!tb_serve_is_good(status)) {
    state->state = NULL;
    return tb_serve_refuse_by_status(s, status, "import a state");
  }
  if (state->state == NULL) return tb_serve_refuse(s, "the FMU %s imported no state", s->opened->identifier);
  state->phase = e.started ? RUNNING : e.set_up ? INITIALIZING : INSTANTIATED;
  return tb_serve_answer_i32(s, (int32_t)index);
}

void tb_serve_free_states(tb_remote_server *s) {
  for (uint32_t k = 0; k < s->n_states; k++)
    if (s->states[k].state != NULL && !s->has_failed) tb_instance_free_state(s->far.instance, &s->states[k].state);
  s->n_states = 0;
}
