#include "server_internal.h"

#include <stdarg.h>

#include "../platform/child.h"

enum { STRANGER_LIMIT = 4096, MOST_MESSAGES = 4096 };

/* -- Answers ----------------------------------------------------------------------------------------------------------------- */

/* The call is answered by an exception with this sentence. */
bool tb_serve_refuse(tb_remote_server *s, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(s->refusal, sizeof s->refusal, format, arguments);
  va_end(arguments);
  return false;
}

bool tb_serve_no_memory(tb_remote_server *s) { return tb_serve_refuse(s, "there is no memory for this call"); }

bool tb_serve_answer_nothing(tb_remote_server *s) {
  tb_thrift_put_stop(s->out);
  return true;
}

bool tb_serve_answer_i32(tb_remote_server *s, int32_t value) {
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 0);
  tb_thrift_put_i32(s->out, value);
  return tb_serve_answer_nothing(s);
}

static bool answer_bool(tb_remote_server *s, bool value) {
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 0);
  tb_thrift_put_bool(s->out, value);
  return tb_serve_answer_nothing(s);
}

/* What the FMU said of it, for a sentence; the buffer is the server's. */
static const char *take_said(tb_remote_server *s, char *text, size_t size) {
  tb_lock(s->lock);
  if (s->said[0] == '\0') text[0] = '\0';
  else snprintf(text, size, "; it said: %s", s->said);
  s->said[0] = '\0';
  tb_unlock(s->lock);
  return text;
}

static const char *status_name(int status) {
  static const char *const NAMES[] = {"OK", "Warning", "Discard", "Error", "Fatal", "Pending"};
  return status >= 0 && status <= 5 ? NAMES[status] : "an unknown status";
}

static const char *last_call(const tb_remote_server *s) { return tb_instance_last_call(s->far.instance); }

void tb_serve_note_fatal(tb_remote_server *s, int status) {
  if (status == 4) s->has_failed = true;
}

bool tb_serve_refuse_not_offered(tb_remote_server *s, const char *what) {
  return tb_serve_refuse(s, "the FMU %s cannot %s: its library has no function for it", s->opened->identifier, what);
}

/* Clients fail on anything but OK: a warning is none of their business, and is in the log. */
bool tb_serve_answer_status(tb_remote_server *s, int status, const char *what) {
  if (status == TB_NOT_OFFERED) return tb_serve_refuse_not_offered(s, what);
  tb_serve_note_fatal(s, status);
  return tb_serve_answer_i32(s, tb_serve_is_good(status) ? 0 : status);
}

/* Of functions whose result has no place for a status. */
bool tb_serve_refuse_by_status(tb_remote_server *s, int status, const char *what) {
  char said[SAID_BYTES + 16];
  if (status == TB_NOT_OFFERED) return tb_serve_refuse_not_offered(s, what);
  tb_serve_note_fatal(s, status);
  return tb_serve_refuse(s, "the FMU %s did not %s: %s answered %s%s", s->opened->identifier, what, last_call(s),
                         status_name(status), take_said(s, said, sizeof said));
}

/* -- Arguments --------------------------------------------------------------------------------------------------------------- */

bool tb_serve_refuse_missing(tb_remote_server *s, const char *method, const char *argument) {
  return s->args.failed ? false : tb_serve_refuse(s, "%s: the argument '%s' is missing", method, argument);
}

bool tb_serve_make_room(void **memory, size_t *room, size_t size) {
  if (*memory != NULL && size <= *room) return true;
  void *larger = realloc(*memory, size + size / 2 + 64);
  if (larger == NULL) return false;
  *memory = larger;
  *room = size + size / 2 + 64;
  return true;
}

static bool is_number(double value) { return value - value == 0; }

/* -- Where the instance is ----------------------------------------------------------------------------------------------------- */

bool tb_serve_may_be_called(tb_remote_server *s, const char *method) {
  if (s->commanded) return tb_serve_refuse(s, "%s: this instance is driven by tb_commands", method);
  if (s->phase == NONE) return tb_serve_refuse(s, "%s: the FMU is not instantiated; call instantiate first", method);
  if (s->has_failed) {
    char said[SAID_BYTES + 16];
    return tb_serve_refuse(s, "%s: the FMU %s has failed fatally, and cannot be called any more%s", method,
                           s->opened->identifier, take_said(s, said, sizeof said));
  }
  return true;
}

static bool may_be_called_when(tb_remote_server *s, const char *method, phase wanted, const char *before) {
  if (!tb_serve_may_be_called(s, method)) return false;
  static const char *const WHERE[] = {"", "is not initialised", "is being initialised", "is running", "was terminated"};
  if (s->phase == wanted) return true;
  return tb_serve_refuse(s, "%s: the instance %s; %s", method, WHERE[s->phase], before);
}

/* -- Life ---------------------------------------------------------------------------------------------------------------------- */

static bool instantiate(tb_remote_server *s) {
  tb_serve_skip_arguments(s);
  if (s->commanded) return tb_serve_refuse(s, "instantiate: this instance is driven by tb_commands");
  if (s->phase != NONE)
    return tb_serve_refuse(s, "instantiate: the FMU is instantiated already; there is one instance a process");
  if (s->args.failed || !tb_remote_server_instantiate(s)) return false;
  s->phase = INSTANTIATED;
  return tb_serve_answer_nothing(s);
}

bool tb_remote_server_instantiate(tb_remote_server *s) {
  char said[SAID_BYTES + 16];
  const bool is_there = s->far.instance != NULL || tb_server_create_instance(&s->far, &s->how);
  s->far.doing[0] = '\0';
  if (is_there) return true;
  return tb_serve_refuse(s, "the FMU %s cannot be instantiated%s", s->opened->identifier,
                         take_said(s, said, sizeof said));
}

/* fmiInitializeSlave: FMI 1.0 has no initialisation mode. */
int tb_serve_initialise(tb_remote_server *s) {
  const int status = s->is_early ? 0 : tb_instance_exit_initialization(s->far.instance);
  s->is_early = tb_serve_is_good(status);
  return status;
}

/* Remembered: FMI 1.0 and 3.0 take it later. What is not positive is not defined. */
static bool setup_experiment(tb_remote_server *s) {
  tb_thrift_field field;
  double start = 0, stop = 0, tolerance = 0;
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_DOUBLE)) start = tb_thrift_take_double(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_DOUBLE)) stop = tb_thrift_take_double(&s->args);
    else if (tb_thrift_is_field(field, 3, TB_THRIFT_DOUBLE)) tolerance = tb_thrift_take_double(&s->args);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!may_be_called_when(s, "setup_experiment", INSTANTIATED, "it comes before enter_initialization_mode")) return false;
  if (!is_number(start)) return tb_serve_refuse(s, "setup_experiment: %g is no start time", start);
  s->start = start;
  s->stop = is_number(stop) ? stop : 0;
  s->tolerance = is_number(tolerance) ? tolerance : 0;
  return tb_serve_answer_i32(s, 0);
}

static bool enter_initialization_mode(tb_remote_server *s) {
  tb_serve_skip_arguments(s);
  if (!may_be_called_when(s, "enter_initialization_mode", INSTANTIATED, "it comes once, after instantiate")) return false;
  const int status = tb_instance_enter_initialization(s->far.instance, s->start, s->stop > 0, s->stop, s->tolerance > 0,
                                                      s->tolerance);
  if (tb_serve_is_good(status)) s->phase = INITIALIZING;
  return tb_serve_answer_status(s, status, "be initialised");
}

static bool exit_initialization_mode(tb_remote_server *s) {
  tb_serve_skip_arguments(s);
  if (!may_be_called_when(s, "exit_initialization_mode", INITIALIZING, "it comes after enter_initialization_mode"))
    return false;
  const int status = tb_serve_initialise(s);
  s->is_early = false;
  if (tb_serve_is_good(status)) s->phase = RUNNING;
  return tb_serve_answer_status(s, status, "be initialised");
}

static bool step(tb_remote_server *s) {
  tb_thrift_field field;
  double time = 0, size = 0;
  bool has_time = false, has_size = false;
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_DOUBLE)) time = tb_thrift_take_double(&s->args), has_time = true;
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_DOUBLE)) size = tb_thrift_take_double(&s->args), has_size = true;
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!has_time) return tb_serve_refuse_missing(s, "step", "currentTime");
  if (!has_size) return tb_serve_refuse_missing(s, "step", "stepSize");
  if (!may_be_called_when(s, "step", RUNNING, "steps come between exit_initialization_mode and terminate")) return false;
  if (!is_number(time) || !is_number(size) || size < 0)
    return tb_serve_refuse(s, "step: a step at %g s of %g s cannot be made", time, size);
  tb_step_result result;
  /* Who saves states may go back to them. */
  const int status = tb_instance_step(s->far.instance, time, size, s->n_states > 0, &result);
  /* FMI 3.0: it asks to end the simulation, as it did by Discard before. */
  return tb_serve_answer_status(s, tb_serve_is_good(status) && result.terminate ? 2 : status, "make steps");
}

static bool terminate(tb_remote_server *s) {
  tb_serve_skip_arguments(s);
  /* There is nothing to be ended, and libcosim bears no refusal. */
  if (s->has_failed && !s->commanded) return tb_serve_answer_i32(s, 0);
  if (!tb_serve_may_be_called(s, "terminate")) return false;
  const bool has_run = s->phase == INITIALIZING || s->phase == RUNNING;
  const int status = has_run ? tb_instance_terminate(s->far.instance) : 0;
  if (has_run && tb_serve_is_good(status)) s->phase = TERMINATED;
  return tb_serve_answer_status(s, status, "be terminated");
}

static bool free_instance(tb_remote_server *s) {
  tb_serve_skip_arguments(s);
  return tb_serve_answer_nothing(s);
}

/* -- Ours ------------------------------------------------------------------------------------------------------------------------ */

/* Takes as long whatever is wrong, so that nobody finds a token out piece by piece. */
static bool is_token(const char *token, const uint8_t *given, size_t size) {
  const size_t length = strlen(token);
  volatile uint8_t differs = size != length;
  for (size_t k = 0; k < size; k++) differs |= (uint8_t)(given[k] ^ (uint8_t)token[length == 0 ? 0 : k % length]);
  return differs == 0;
}

static bool authenticate(tb_remote_server *s) {
  tb_thrift_field field;
  size_t size = 0;
  const uint8_t *given = NULL;
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRING)) given = tb_thrift_take_bytes(&s->args, &size);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (given == NULL) return tb_serve_refuse_missing(s, "tb_authenticate", "token");
  if (s->token != NULL) s->authenticated = is_token(s->token, given, size);
  return answer_bool(s, s->authenticated);
}

/* From now on the client drives the instance by commands, and is told the FMU's log. */
static bool begin_commands(tb_remote_server *s) {
  if (s->commanded) return true;
  if (s->log == NULL && (s->log = calloc(1, sizeof *s->log)) == NULL) return tb_serve_no_memory(s);
  if (s->has_failed) return tb_serve_may_be_called(s, "tb_commands");
  if (s->far.instance != NULL) tb_serve_free_states(s);
  if (s->phase == NONE) tb_server_free_instance(&s->far); /* of tb_remote_server_instantiate: they make their own */
  tb_lock(s->lock);
  s->collects = true;
  tb_unlock(s->lock);
  s->commanded = true;
  return true;
}

static void put_log(tb_remote_server *s) {
  char texts[TB_HOST_MAX_MESSAGE];
  int32_t status;
  uint32_t n = 0;
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 2);
  const size_t head = s->out->size;
  tb_thrift_put_list(s->out, TB_THRIFT_STRUCT, 0);
  while (n < MOST_MESSAGES && tb_log_ring_take(s->log, &status, texts, sizeof texts)) {
    tb_thrift_put_field(s->out, TB_THRIFT_I32, 1);
    tb_thrift_put_i32(s->out, status);
    tb_thrift_put_field(s->out, TB_THRIFT_STRING, 2);
    tb_thrift_put_text(s->out, texts);
    tb_thrift_put_field(s->out, TB_THRIFT_STRING, 3);
    tb_thrift_put_text(s->out, texts + strlen(texts) + 1);
    tb_thrift_put_stop(s->out);
    n++;
  }
  if (!s->out->failed) tb_thrift_store_i32(s->out->bytes + head + 1, (int32_t)n);
  tb_thrift_put_field(s->out, TB_THRIFT_I64, 3);
  tb_thrift_put_i64(s->out, (int64_t)atomic_exchange(&s->log->dropped, 0));
}

static bool commands(tb_remote_server *s) {
  tb_thrift_field field;
  int32_t version = 0;
  const uint8_t *request = NULL;
  size_t size = 0;
  while (tb_serve_next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) version = tb_thrift_take_i32(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_STRING)) request = tb_thrift_take_bytes(&s->args, &size);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (request == NULL) return tb_serve_refuse_missing(s, "tb_commands", "request");
  if (version != 1) return tb_serve_refuse(s, "tb_commands: version %d is not known here, only 1", (int)version);
  if (!tb_serve_make_room((void **)&s->request, &s->request_room, size)) return tb_serve_no_memory(s);
  if (!begin_commands(s)) return false;
  memcpy(s->request, request, size);
  if (!tb_server_carry_out(&s->far, s->request, size)) return tb_serve_refuse(s, "tb_commands: the request is garbled");
  if (s->far.has_failed) s->has_failed = true;
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 1);
  tb_thrift_put_bytes(s->out, s->far.answer.bytes, s->far.answer.size);
  put_log(s);
  tb_thrift_put_stop(s->out);
  return tb_serve_answer_nothing(s);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  bool (*call)(tb_remote_server *);
} method;

static const method METHODS[] = {
    {"step", step},
    {"read_real", tb_serve_read_real},
    {"write_real", tb_serve_write_real},
    {"read_integer", tb_serve_read_integer},
    {"write_integer", tb_serve_write_integer},
    {"read_boolean", tb_serve_read_boolean},
    {"write_boolean", tb_serve_write_boolean},
    {"read_string", tb_serve_read_string},
    {"write_string", tb_serve_write_string},
    {"tb_commands", commands},
    {"instantiate", instantiate},
    {"setup_experiment", setup_experiment},
    {"enter_initialization_mode", enter_initialization_mode},
    {"exit_initialization_mode", exit_initialization_mode},
    {"terminate", terminate},
    {"freeInstance", free_instance},
    {"save_state", tb_serve_save_state},
    {"save_state_by_index", tb_serve_save_state_by_index},
    {"restore_state", tb_serve_restore_state},
    {"release_state", tb_serve_release_state},
    {"export_state", tb_serve_export_state},
    {"import_state", tb_serve_import_state},
    {"tb_directional_derivative", tb_serve_directional_derivative},
    {"tb_authenticate", authenticate},
};

static const method *find_method(const tb_thrift_message *message) {
  for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; k++)
    if (tb_thrift_is_named(message, METHODS[k].name)) return &METHODS[k];
  return NULL;
}

/* For sentences, whatever bytes came as a name. */
static void printable(const tb_thrift_message *message, char name[LONGEST_NAME + 1]) {
  const size_t size = message->name_size < LONGEST_NAME ? message->name_size : LONGEST_NAME;
  for (size_t k = 0; k < size; k++) {
    const char c = message->name[k];
    name[k] = c;
    if (c < ' ' || c > '~') name[k] = '?';
  }
  name[size] = '\0';
}

static void answer_exception(tb_remote_server *s, const tb_thrift_message *message, int32_t type, const char *sentence) {
  tb_thrift_put_message(s->out, TB_THRIFT_EXCEPTION, message->name, message->name_size, message->sequence);
  tb_thrift_put_exception(s->out, type, sentence);
}

/* The payload of the answer. */
static tb_served call(tb_remote_server *s, const tb_thrift_message *message, const method *called) {
  const size_t begin = s->out->size;
  char name[LONGEST_NAME + 1], sentence[LONGEST_NAME + 32];
  s->refusal[0] = '\0';
  if (called == NULL) {
    printable(message, name);
    tb_serve_skip_arguments(s);
    if (s->args.failed) return TB_SERVED_GARBAGE;
    snprintf(sentence, sizeof sentence, "Invalid method name: '%s'", name);
    answer_exception(s, message, TB_THRIFT_UNKNOWN_METHOD, sentence);
    return TB_SERVED;
  }
  tb_thrift_put_message(s->out, TB_THRIFT_REPLY, message->name, message->name_size, message->sequence);
  s->pending = called->call == commands ? NULL : message;
  const bool answered = called->call(s);
  s->pending = NULL;
  s->far.doing[0] = '\0';
  /* Arguments that cannot be read count, whatever was made of those before them. */
  if (s->args.failed) return TB_SERVED_GARBAGE;
  if (!answered) {
    s->out->size = begin;
    answer_exception(s, message, TB_THRIFT_UNKNOWN, s->refusal);
  }
  return answered && called->call == free_instance ? TB_SERVED_LAST : TB_SERVED;
}

tb_served tb_remote_server_handle(tb_remote_server *s, const uint8_t *payload, size_t size, tb_thrift_writer *answers) {
  s->args = (tb_thrift_reader){payload, size, false};
  s->out = answers;
  tb_thrift_message message;
  if (!tb_thrift_take_message(&s->args, &message) ||
      (message.kind != TB_THRIFT_CALL && message.kind != TB_THRIFT_ONEWAY)) {
    tb_serve_refuse(s, "what came is no call of Thrift's strict binary protocol");
    return TB_SERVED_GARBAGE;
  }
  const size_t frame = tb_thrift_begin_frame(answers);
  const method *called = find_method(&message);
  tb_served served = TB_SERVED_REFUSED;
  if (s->authenticated || (called != NULL && called->call == authenticate)) {
    served = call(s, &message, called);
    if (!s->authenticated) served = served == TB_SERVED ? TB_SERVED_REFUSED : served;
    if (served == TB_SERVED_REFUSED) tb_serve_refuse(s, "the token is another one");
  } else {
    tb_serve_refuse(s, "this server wants to know a token: call tb_authenticate first");
    answer_exception(s, &message, TB_THRIFT_UNKNOWN, s->refusal);
  }
  if (served == TB_SERVED_GARBAGE || message.kind == TB_THRIFT_ONEWAY) {
    char name[LONGEST_NAME + 1];
    answers->size = frame;
    printable(&message, name);
    if (served == TB_SERVED_GARBAGE) tb_serve_refuse(s, "the arguments of '%s' cannot be read", name);
    return served;
  }
  if (tb_thrift_end_frame(answers, frame, s->frame_limit)) return served;
  if (answers->failed) {
    tb_serve_refuse(s, "there is no memory for an answer");
    return TB_SERVED_GARBAGE;
  }
  tb_thrift_begin_frame(answers);
  tb_serve_refuse(s, "the answer is larger than %u bytes", (unsigned)s->frame_limit);
  answer_exception(s, &message, TB_THRIFT_UNKNOWN, s->refusal);
  tb_thrift_end_frame(answers, frame, s->frame_limit);
  return served;
}

const char *tb_remote_server_reason(const tb_remote_server *s) { return s->refusal; }

/* -- The FMU's log ----------------------------------------------------------------------------------------------------------- */

/* From any thread of the FMU, one at a time: under the environment's lock. */
static void take_message(void *context, int32_t status, const char *texts, uint32_t size) {
  tb_remote_server *s = context;
  const char *category = texts, *text = texts + strlen(texts) + 1;
  const bool matters = status >= 1;
  tb_lock(s->lock);
  if (matters) snprintf(s->said, sizeof s->said, "%s", text);
  const bool collects = s->collects;
  tb_unlock(s->lock);
  if (collects) tb_log_ring_add(s->log, status, texts, size);
  if (collects || !(matters || s->logging)) return;
  char line[TB_HOST_MAX_MESSAGE + 128];
  int n = snprintf(line, sizeof line - 1, "[proxyfmu] %s: %s%s%s%s: %s", s->how.name, status_name(status),
                   *category == '\0' ? "" : " (", category, *category == '\0' ? "" : ")", text);
  if (n < 0) return;
  if (n > (int)sizeof line - 2) n = (int)sizeof line - 2;
  line[n++] = '\n';
  tb_write_stderr(line, (size_t)n);
}

/* -- Making one ---------------------------------------------------------------------------------------------------------------- */

tb_remote_server *tb_remote_server_create(const tb_remote_setup *setup) {
  tb_remote_server *s = calloc(1, sizeof *s);
  if (s == NULL || (s->lock = tb_mutex_create()) == NULL) {
    free(s);
    return NULL;
  }
  s->opened = setup->opened;
  s->token = setup->token;
  s->authenticated = setup->token == NULL;
  s->logging = setup->logging;
  s->frame_limit = setup->frame_limit == 0 ? TB_THRIFT_FRAME_LIMIT : setup->frame_limit;
  s->how = (tb_instantiation){.name = setup->name == NULL ? setup->opened->identifier : setup->name,
                              .token = setup->opened->token,
                              .resources = setup->opened->resources,
                              .logging_on = setup->logging};
  tb_server_init(&s->far, setup->library, NULL, take_message, s);
  s->far.opened = &s->how;
  s->far.most = s->frame_limit;
  return s;
}

void tb_remote_server_connected(tb_remote_server *s) { s->authenticated = s->token == NULL; }

const tb_thrift_message *tb_remote_server_pending(const tb_remote_server *s) { return s->pending; }
bool tb_remote_server_knows_client(const tb_remote_server *s) { return s->authenticated; }
const char *tb_remote_server_doing(const tb_remote_server *s) { return s->far.doing; }

uint32_t tb_remote_server_limit(const tb_remote_server *s) {
  return s->authenticated || s->frame_limit < STRANGER_LIMIT ? s->frame_limit : STRANGER_LIMIT;
}

void tb_remote_server_destroy(tb_remote_server *s) {
  if (s->has_failed) return; /* the FMU may be at work yet, in threads of its own, and must not be called */
  if (s->far.instance != NULL) tb_serve_free_states(s);
  tb_server_free_instance(&s->far);
  tb_server_destroy(&s->far);
  tb_mutex_destroy(s->lock);
  free(s->states);
  free(s->vrs);
  free(s->variables);
  free(s->values);
  free(s->raw);
  free(s->texts);
  free(s->request);
  free(s->log);
  free(s);
}
