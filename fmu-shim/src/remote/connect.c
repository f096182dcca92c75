/* The connection of a remote FMU: a server is started or found, the FMU is brought there, an instance is asked for. */
#include "client.h"

#include <errno.h>
#include <stdarg.h>

#include "../platform/files.h"

/* Between two tries to reach a server that is not there yet. */
enum { TRY_EVERY_NS = 200000000 };

/* What a server says on standard output is for us; the rest is shown. */
static const char notices[] = "[proxyfmu] ";
static const char port_notice[] = "port=";

static tb_connected fail(char *error, uint32_t size, tb_connected how, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error, size, format, arguments);
  va_end(arguments);
  return how;
}

/* -- Calls, one at a time ------------------------------------------------------------------------------------------------------ */

void tb_remote_begin_call(tb_remote *r, const char *method) {
  tb_thrift_clear(&r->writer);
  tb_thrift_begin_frame(&r->writer);
  tb_thrift_put_message(&r->writer, TB_THRIFT_CALL, method, strlen(method), ++r->sequence);
  if (r->translator.id != NULL) {
    tb_thrift_put_field(&r->writer, TB_THRIFT_STRING, 1);
    tb_thrift_put_text(&r->writer, r->translator.id);
  }
}

bool tb_remote_end_call(tb_remote *r) {
  tb_thrift_put_stop(&r->writer);
  return tb_thrift_end_frame(&r->writer, 0, TB_THRIFT_FRAME_LIMIT);
}

void tb_remote_begin_commands(tb_remote *r, const uint8_t *request, size_t size) {
  const int16_t first = r->translator.id != NULL ? 2 : 1;
  tb_remote_begin_call(r, "tb_commands");
  tb_thrift_put_field(&r->writer, TB_THRIFT_I32, first);
  tb_thrift_put_i32(&r->writer, TB_COMMANDS_VERSION);
  tb_thrift_put_field(&r->writer, TB_THRIFT_STRING, (int16_t)(first + 1));
  tb_thrift_put_bytes(&r->writer, request, size);
}

static void put_text(tb_remote *r, int16_t id, const char *text) {
  tb_thrift_put_field(&r->writer, TB_THRIFT_STRING, id);
  tb_thrift_put_text(&r->writer, text);
}

int tb_remote_take_reply(tb_remote *r, tb_thrift_reader *from, tb_thrift_message *message) {
  const uint8_t *payload;
  size_t size;
  int status = tb_remote_next_frame(r, &payload, &size);
  if (status != 0) return status;
  *from = (tb_thrift_reader){payload, size, false};
  if (!tb_thrift_take_message(from, message) || message->sequence != r->sequence) return tb_far_garbled(&r->far);
  return 0;
}

bool tb_remote_refusal(const tb_remote *r, tb_thrift_reader *from, const tb_thrift_message *message, char *text,
                       size_t size) {
  int32_t type;
  char said[512];
  tb_take_refusal(from, message, &type, said, sizeof said);
  snprintf(text, size, "%s answers: %s", r->peer, said[0] == '\0' ? "it failed" : said);
  return tb_is_unknown_method(message->kind, type, said);
}

/* How an attempt ended that the carrier has noted. */
static tb_connected noted(tb_remote *r, char *error, uint32_t size) {
  const tb_ending *ending = &r->far.ending;
  if (ending->status == TB_LATE)
    return fail(error, size, TB_CONNECTS_LATE, "%s did not answer within %g s", r->peer, (double)r->target.start_ns / 1e9);
  return fail(error, size, TB_SERVER_ENDED, "%s", ending->reason);
}

typedef enum { ANSWERED, UNKNOWN_METHOD, FAILED } outcome;

/*
 * Sends the call that was begun and takes the head of its reply: with ANSWERED the reader stands behind the head of field 0,
 * of the type that was `expected`. Else why not is in `error`.
 */
static outcome exchange(tb_remote *r, tb_thrift_type expected, tb_thrift_reader *from, tb_connected *how,
                        char *error, uint32_t error_size) {
  tb_thrift_message message;
  if (!tb_remote_end_call(r)) {
    *how = fail(error, error_size, TB_REFUSED, "the FMU is larger than the 50 MiB that can be sent in one piece");
    return FAILED;
  }
  if (tb_remote_send(r, &r->writer) != 0 || tb_remote_take_reply(r, from, &message) != 0) {
    *how = noted(r, error, error_size);
    return FAILED;
  }
  tb_thrift_reader again = *from;
  tb_thrift_field field;
  if (message.kind == TB_THRIFT_REPLY && tb_thrift_next_field(from, &field) && tb_thrift_is_field(field, 0, expected))
    return ANSWERED;
  *how = TB_REFUSED;
  return tb_remote_refusal(r, &again, &message, error, error_size) ? UNKNOWN_METHOD : FAILED;
}

/* -- Reaching a server --------------------------------------------------------------------------------------------------------- */

static tb_connected finish_connecting(tb_remote *r, char *error, uint32_t size) {
  r->connects = false;
  const tb_io io = tb_connect_finish(&r->connecting, r->far.due_ns, &r->socket, error, size);
  if (io == TB_IO_DONE) return TB_CONNECTED;
  return io == TB_IO_LATE ? TB_CONNECTS_LATE : TB_CANNOT_CONNECT;
}

/* A server that is about to be started by somebody else is waited for. */
static tb_connected connect_to(tb_remote *r, const char *host, uint16_t port, int64_t retry_ns, char *error,
                               uint32_t size) {
  const int64_t until = tb_monotonic_ns() + retry_ns;
  snprintf(r->peer, sizeof r->peer, "%s:%u", host, (unsigned)port);
  for (;;) {
    tb_connected how = TB_CANNOT_CONNECT;
    if (!r->connects) r->connects = tb_connect_begin(&r->connecting, host, port, error, size);
    if (r->connects) how = finish_connecting(r, error, size);
    if (how != TB_CANNOT_CONNECT) return how;
    const int64_t now = tb_monotonic_ns();
    if (now >= until || now >= r->far.due_ns) return how;
    tb_sleep_ns(TRY_EVERY_NS);
  }
}

static tb_connected authenticate(tb_remote *r, char *error, uint32_t size) {
  if (r->target.token == NULL) return TB_CONNECTED;
  tb_connected how = TB_CONNECTED;
  tb_thrift_reader from;
  tb_remote_begin_call(r, "tb_authenticate");
  put_text(r, 1, r->target.token);
  switch (exchange(r, TB_THRIFT_BOOL, &from, &how, error, size)) {
    case UNKNOWN_METHOD: return TB_CONNECTED; /* one that asks for none */
    case FAILED: return how;
    default: break;
  }
  if (tb_thrift_take_bool(&from)) return TB_CONNECTED;
  return fail(error, size, TB_REFUSED, "%s does not accept the token", r->peer);
}

/* -- A server that we start ------------------------------------------------------------------------------------------------------ */

static bool spawn(tb_remote *r, char *error, uint32_t size) {
  const tb_target *t = &r->target;
  const char *arguments[8];
  size_t n = 0;
  if (t->keeper != NULL) {
    arguments[n++] = "--keep";
    arguments[n++] = t->program;
  }
  arguments[n++] = t->opened != NULL ? "--opened" : "--fmu";
  arguments[n++] = t->opened != NULL ? t->opened : t->fmu;
  arguments[n++] = "--instanceName";
  arguments[n++] = t->instance;
  arguments[n] = NULL;
  char variable[512];
  snprintf(variable, sizeof variable, "TWINBRIDGE_PROXY_TOKEN=%s", t->token == NULL ? "" : t->token);
  const tb_child_command command = {.program = t->keeper != NULL ? t->keeper : t->program,
                                    .arguments = arguments,
                                    .variable = t->token == NULL ? NULL : variable};
  tb_make_executable(t->program);
  if (!tb_child_start(&r->child, &command, error, size)) return false;
  r->output = tb_output_start(&r->child, notices);
  r->spawned = r->output != NULL;
  if (r->spawned) return true;
  tb_child_finish(&r->child, 0);
  tb_child_close(&r->child);
  snprintf(error, size, "cannot start '%s': out of memory", t->program);
  return false;
}

static tb_connected await_port(tb_remote *r, uint16_t *port, char *error, uint32_t size) {
  char notice[64];
  const char *program = r->target.program;
  snprintf(r->peer, sizeof r->peer, "%s", program);
  switch (tb_output_await_notice(r->output, r->far.due_ns, notice, sizeof notice)) {
    case TB_NOTICE_LATE:
      return fail(error, size, TB_CONNECTS_LATE, "%s did not say within %g s at which port it is", program,
                  (double)r->target.start_ns / 1e9);
    case TB_NOTICE_OVER:
      tb_remote_ended(r, TB_CRASHED, "it has ended before it said at which port it is");
      return fail(error, size, TB_SERVER_ENDED, "%s has ended before it said at which port it is", program);
    default: break;
  }
  const size_t begin = sizeof port_notice - 1;
  const long value = strncmp(notice, port_notice, begin) == 0 ? strtol(notice + begin, NULL, 10) : 0;
  if (value < 1 || value > UINT16_MAX)
    return fail(error, size, TB_REFUSED, "%s names no port, but says '%s'", program, notice);
  *port = (uint16_t)value;
  return TB_CONNECTED;
}

/* -- A server that starts one for us ----------------------------------------------------------------------------------------------- */

/* The archive as a value in the call. */
static tb_connected put_file(tb_remote *r, int16_t id, char *error, uint32_t size) {
  const char *path = r->target.upload;
  char *bytes;
  size_t length;
  if (!tb_read_file(path, TB_THRIFT_FRAME_LIMIT, &bytes, &length)) {
    if (errno == EFBIG)
      return fail(error, size, TB_REFUSED, "'%s' is larger than the 50 MiB that can be sent in one piece", path);
    return fail(error, size, TB_REFUSED, "cannot read '%s', which is to be sent to %s", path, r->peer);
  }
  tb_thrift_put_field(&r->writer, TB_THRIFT_STRING, id);
  tb_thrift_put_bytes(&r->writer, bytes, length);
  free(bytes);
  return TB_CONNECTED;
}

/* Where the instance is served; -1: the FMU is not known there. */
static tb_connected boot_known(tb_remote *r, int32_t *port, char *error, uint32_t size) {
  tb_connected how = TB_CONNECTED;
  tb_thrift_reader from;
  *port = -1;
  if (r->target.sha256 == NULL || r->target.plain) return how;
  tb_remote_begin_call(r, "tb_load_known");
  put_text(r, 1, r->target.name);
  put_text(r, 2, r->target.instance);
  put_text(r, 3, r->target.sha256);
  const outcome came = exchange(r, TB_THRIFT_I32, &from, &how, error, size);
  if (came == ANSWERED) *port = tb_thrift_take_i32(&from);
  return came == FAILED ? how : TB_CONNECTED;
}

static tb_connected boot_sent(tb_remote *r, int32_t *port, char *error, uint32_t size) {
  tb_thrift_reader from;
  tb_remote_begin_call(r, "loadFromBinaryData");
  put_text(r, 1, r->target.name);
  put_text(r, 2, r->target.instance);
  tb_connected how = put_file(r, 3, error, size);
  if (how != TB_CONNECTED) return how;
  if (exchange(r, TB_THRIFT_I32, &from, &how, error, size) != ANSWERED) return how;
  *port = tb_thrift_take_i32(&from);
  return TB_CONNECTED;
}

static tb_connected boot(tb_remote *r, char *error, uint32_t size) {
  const tb_target *t = &r->target;
  int32_t port = -1;
  tb_connected how = connect_to(r, t->host, t->port, t->retry_ns, error, size);
  if (how == TB_CONNECTED) how = authenticate(r, error, size);
  if (how == TB_CONNECTED) how = boot_known(r, &port, error, size);
  if (how == TB_CONNECTED && port == -1) how = boot_sent(r, &port, error, size);
  if (how != TB_CONNECTED) return how;
  tb_socket_close(r->socket);
  r->socket = TB_NO_HANDLE;
  if (port < 1 || port > UINT16_MAX)
    return fail(error, size, TB_REFUSED, "%s could not start a server for the FMU (%d)", r->peer, (int)port);
  return connect_to(r, t->host, (uint16_t)port, 0, error, size);
}

/* -- A server for many instances ------------------------------------------------------------------------------------------------------ */

static tb_connected take_id(tb_thrift_reader *from, char **id, char *error, uint32_t size) {
  size_t length = 0;
  const uint8_t *bytes = tb_thrift_take_bytes(from, &length);
  char *copy = bytes == NULL ? NULL : malloc(length + 1);
  if (copy == NULL) return fail(error, size, TB_REFUSED, "the server names nothing, or there is no memory for it");
  memcpy(copy, bytes, length);
  copy[length] = '\0';
  *id = copy;
  return TB_CONNECTED;
}

static tb_connected bring_fmu(tb_remote *r, char **id, char *error, uint32_t size) {
  const tb_target *t = &r->target;
  tb_connected how = TB_CONNECTED;
  tb_thrift_reader from;
  if (t->url != NULL) {
    tb_remote_begin_call(r, "load_from_url");
    put_text(r, 1, t->url);
  } else {
    tb_remote_begin_call(r, "load_from_file");
    put_text(r, 1, t->name);
    how = put_file(r, 2, error, size);
    if (how != TB_CONNECTED) return how;
  }
  return exchange(r, TB_THRIFT_STRING, &from, &how, error, size) == ANSWERED ? take_id(&from, id, error, size) : how;
}

static tb_connected create_instance(tb_remote *r, char *error, uint32_t size) {
  char *loaded = NULL;
  tb_thrift_reader from;
  tb_connected how = TB_CONNECTED;
  if (r->target.id == NULL) how = bring_fmu(r, &loaded, error, size);
  if (how != TB_CONNECTED) return how;
  tb_remote_begin_call(r, "create_instance");
  put_text(r, 1, loaded == NULL ? r->target.id : loaded);
  if (exchange(r, TB_THRIFT_STRING, &from, &how, error, size) == ANSWERED)
    how = take_id(&from, &r->translator.id, error, size);
  free(loaded);
  return how;
}

/* -- Ready --------------------------------------------------------------------------------------------------------------------------- */

/* Whether the server is one of ours: a request with nothing to do tells. */
static tb_connected ask_for_commands(tb_remote *r, char *error, uint32_t size) {
  if (r->target.plain) return TB_CONNECTED;
  tb_connected how = TB_CONNECTED;
  tb_thrift_reader from;
  tb_remote_begin_commands(r, NULL, 0);
  const outcome came = exchange(r, TB_THRIFT_STRUCT, &from, &how, error, size);
  r->commands = came == ANSWERED;
  return came == FAILED ? how : TB_CONNECTED;
}

static tb_connected ready(tb_remote *r, tb_library *library, char *error, uint32_t size) {
  if (!r->commands && library->fmi == TB_FMI3)
    return fail(error, size, TB_REFUSED, "%s cannot run FMUs of FMI 3.0: its protocol has no types for them", r->peer);
  const int status = tb_far_load(library, "", "", error, size);
  if (status == 0) return TB_CONNECTED;
  return status >= TB_CRASHED ? noted(r, error, size) : TB_REFUSED;
}

tb_library *tb_library_connect(const char *target, char *error, uint32_t error_size) {
  tb_remote *r = calloc(1, sizeof *r);
  if (r == NULL) {
    snprintf(error, error_size, "out of memory");
    return NULL;
  }
  r->socket = TB_NO_HANDLE;
  r->watchful.longest_ns = TB_WATCH_ANSWER_NS;
  tb_thrift_frames_init(&r->frames, TB_THRIFT_FRAME_LIMIT);
  if (!tb_target_read(&r->target, target, error, error_size)) {
    tb_remote_destroy(r);
    return NULL;
  }
  const tb_target *t = &r->target;
  tb_translator_init(&r->translator, t->dialect, (tb_fmi)t->fmi);
  tb_library *library = tb_far_library(&r->far, &tb_remote_carrier, t->fmi, t->identifier, t->start_ns, t->step_ns);
  if (library == NULL) {
    snprintf(error, error_size, "out of memory");
    tb_remote_destroy(r);
    return NULL;
  }
  r->far.began_ns = tb_monotonic_ns();
  r->far.due_ns = t->start_ns > 0 ? r->far.began_ns + t->start_ns : INT64_MAX;
  if (t->program != NULL) {
    if (spawn(r, error, error_size)) return library;
    tb_library_unload(library);
    return NULL;
  }
  /* A booter serves one connection at a time: those that are begun would keep each other waiting. */
  if (!t->boot) r->connects = tb_connect_begin(&r->connecting, t->host, t->port, error, error_size);
  return library;
}

int tb_library_connected(tb_library *library, char *error, uint32_t size) {
  tb_remote *r = tb_remote_of(library->far);
  const tb_target *t = &r->target;
  uint16_t port = 0;
  tb_connected how;
  if (t->program != NULL) {
    how = await_port(r, &port, error, size);
    if (how == TB_CONNECTED) how = connect_to(r, "127.0.0.1", port, 0, error, size);
  } else {
    how = t->boot ? boot(r, error, size) : connect_to(r, t->host, t->port, t->retry_ns, error, size);
  }
  if (how == TB_CONNECTED) how = authenticate(r, error, size);
  if (how == TB_CONNECTED && t->dialect == TB_FMU_PROXY) how = create_instance(r, error, size);
  if (how == TB_CONNECTED) how = ask_for_commands(r, error, size);
  return how == TB_CONNECTED ? ready(r, library, error, size) : how;
}
