/*
 * Calls of a remote FMU over a connection: as calls of the real protocols (translate.h), or, to a server that is one of
 * ours, as they are, in its method tb_commands: then they mean the same as in this process, states, events and log included.
 */
#include "client.h"

/* -- The end ----------------------------------------------------------------------------------------------------------------- */

/* How long a server that has lost its connection may take to be gone, before it is ended. */
enum { LEAVE_NS = 500000000 };

static tb_child_end end_child(tb_remote *r, int64_t patience_ns) {
  return r->spawned ? tb_child_finish(&r->child, patience_ns) : (tb_child_end){0};
}

static void disconnect(tb_remote *r) {
  if (r->socket != TB_NO_HANDLE) tb_socket_close(r->socket);
  r->socket = TB_NO_HANDLE;
}

/* Without the prefix of the version. */
static const char *function_of(tb_fmi fmi, uint32_t kind) {
  switch (kind) {
    case TB_DO_CREATE: return fmi == TB_FMI1 ? "InstantiateSlave" : fmi == TB_FMI2 ? "Instantiate" : "InstantiateCoSimulation";
    case TB_DO_FREE: return fmi == TB_FMI1 ? "FreeSlaveInstance" : "FreeInstance";
    case TB_DO_ENTER_INITIALIZATION: return fmi == TB_FMI1 ? NULL : "EnterInitializationMode";
    case TB_DO_EXIT_INITIALIZATION: return fmi == TB_FMI1 ? "InitializeSlave" : "ExitInitializationMode";
    case TB_DO_TERMINATE: return fmi == TB_FMI1 ? "TerminateSlave" : "Terminate";
    case TB_DO_RESET: return fmi == TB_FMI1 ? "ResetSlave" : "Reset";
    case TB_DO_STEP: return "DoStep";
    case TB_DO_ENTER_EVENT_MODE: return "EnterEventMode";
    case TB_DO_ENTER_STEP_MODE: return "EnterStepMode";
    case TB_DO_UPDATE_DISCRETE_STATES: return "UpdateDiscreteStates";
    case TB_DO_GET_STATE: return fmi == TB_FMI3 ? "GetFMUState" : "GetFMUstate";
    case TB_DO_SET_STATE: return fmi == TB_FMI3 ? "SetFMUState" : "SetFMUstate";
    default: return NULL;
  }
}

/* The call that had no answer: what went along with it, values that were set before and read after it, may be at fault, too. */
static void note_function(tb_remote *r) {
  const tb_translator *t = &r->translator;
  const tb_library *library = r->far.library;
  const tb_command *about = &r->far.about;
  const bool translated = !r->commands && t->at < t->n_commands;
  if (!translated && about->kind == TB_DO_GET) {
    const char *name = library->accessors[about->a].get_name;
    snprintf(r->far.function, sizeof r->far.function, "%s", name == NULL ? "" : name);
    return;
  }
  const char *function = translated ? t->commands[t->at].function : function_of(library->fmi, about->kind);
  const bool known = function != NULL && function[0] != '\0';
  snprintf(r->far.function, sizeof r->far.function, "%s%s", known ? tb_fmi_prefix(library->fmi) : "", known ? function : "");
}

int tb_remote_ended(tb_remote *r, int status, const char *reason) {
  tb_far *far = &r->far;
  if (far->ending.status != 0) return far->ending.status;
  note_function(r);
  snprintf(r->reason, sizeof r->reason, "%s", reason);
  const int64_t waited = tb_monotonic_ns() - far->began_ns;
  disconnect(r);
  const tb_child_end end = end_child(r, status == TB_LATE ? 0 : LEAVE_NS);
  far->ending = (tb_ending){.status = status, .signal = end.signal, .code = end.known ? end.code : -1,
                            .waited_ns = waited, .function = far->function, .output = "", .reason = r->reason};
  if (r->spawned) tb_output_tail(r->output, &far->ending.output, &far->ending.output_size);
  return status;
}

static int broken(tb_remote *r, tb_io how) {
  char why[128], reason[sizeof r->reason];
  if (how == TB_IO_LATE) return tb_remote_ended(r, TB_LATE, "");
  tb_socket_why(why, sizeof why);
  if (how == TB_IO_ENDED) snprintf(reason, sizeof reason, "%s has closed the connection", r->peer);
  else snprintf(reason, sizeof reason, "the connection to %s is lost: %s", r->peer, why);
  return tb_remote_ended(r, TB_CRASHED, reason);
}

static int give_up(tb_far *far) {
  tb_remote *r = tb_remote_of(far);
  char reason[sizeof r->reason];
  snprintf(reason, sizeof reason, "%s answers something that is no answer, or there is no memory for it", r->peer);
  return tb_remote_ended(r, TB_CRASHED, reason);
}

static int64_t process_of(const tb_far *far) {
  const tb_remote *r = (const tb_remote *)far;
  return r->spawned ? r->child.pid : 0;
}

void tb_remote_destroy(tb_remote *r) {
  if (r->connects) tb_connect_cancel(&r->connecting);
  disconnect(r);
  if (r->spawned) {
    tb_output_stop(r->output);
    tb_child_close(&r->child);
  }
  tb_translator_destroy(&r->translator);
  tb_thrift_writer_destroy(&r->writer);
  tb_thrift_frames_destroy(&r->frames);
  tb_target_destroy(&r->target);
  tb_far_destroy(&r->far);
  free(r);
}

/* Commands free the instance behind the server's back: it is to know that nobody needs it any more. */
static void say_goodbye(tb_remote *r) {
  r->far.due_ns = tb_monotonic_ns() + TB_FREE_NS;
  tb_remote_begin_call(r, "freeInstance");
  tb_thrift_reader from;
  tb_thrift_message message;
  if (tb_remote_end_call(r) && tb_remote_send(r, &r->writer) == 0) tb_remote_take_reply(r, &from, &message);
}

/* A server that lost its instance ends by itself, one that we started also if it did not. */
static void end(tb_far *far, bool idle) {
  tb_remote *r = tb_remote_of(far);
  if (far->ending.status == 0 && idle && r->commands) say_goodbye(r);
  disconnect(r);
  if (far->ending.status == 0) end_child(r, idle ? LEAVE_NS : 0);
  tb_remote_destroy(r);
}

/* -- Bytes ------------------------------------------------------------------------------------------------------------------- */

/* Replies to the first calls may come while further ones go out: nobody waits for the other to read. */
int tb_remote_send(tb_remote *r, const tb_thrift_writer *calls) {
  const uint8_t *at = calls->bytes;
  size_t left = calls->size;
  for (;;) {
    size_t n = 0;
    tb_io io = tb_socket_try_send(r->socket, at, left, &n);
    if (io != TB_IO_DONE) return broken(r, io);
    at += n;
    left -= n;
    if (left == 0) return 0;
    bool receive = true, send = true;
    io = tb_socket_wait(r->socket, &receive, &send, r->far.due_ns);
    if (io != TB_IO_DONE) return broken(r, io);
    if (!receive) continue;
    size_t room;
    uint8_t *to = tb_thrift_frames_room(&r->frames, &room);
    if (to == NULL) return give_up(&r->far);
    io = tb_socket_try_receive(r->socket, to, room, &n);
    if (io != TB_IO_DONE) return broken(r, io);
    tb_thrift_frames_came(&r->frames, n);
  }
}

int tb_remote_next_frame(tb_remote *r, const uint8_t **payload, size_t *size) {
  for (;;) {
    uint32_t length;
    switch (tb_thrift_frames_take(&r->frames, payload, &length)) {
      case TB_FRAME_WHOLE: *size = length; return 0;
      case TB_FRAME_TOO_LARGE: return give_up(&r->far);
      default: break;
    }
    size_t room, n;
    uint8_t *to = tb_thrift_frames_room(&r->frames, &room);
    if (to == NULL) return give_up(&r->far);
    const tb_io io = tb_watchful_receive(&r->watchful, r->socket, to, room, &n, r->far.due_ns);
    if (io != TB_IO_DONE) return broken(r, io);
    tb_thrift_frames_came(&r->frames, n);
  }
}

/* -- Requests as they are ------------------------------------------------------------------------------------------------------ */

static int send_commands(tb_remote *r, const uint8_t *request, size_t size) {
  tb_remote_begin_commands(r, request, size);
  if (!tb_remote_end_call(r))
    return tb_remote_ended(r, TB_CRASHED, "a call is larger than 50 MiB, which is more than can be sent");
  return tb_remote_send(r, &r->writer);
}

static void take_message(tb_remote *r, tb_thrift_reader *from) {
  int32_t status = 0;
  const uint8_t *texts[2] = {NULL, NULL};
  size_t sizes[2] = {0, 0};
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) status = tb_thrift_take_i32(from);
    else if (field.type == TB_THRIFT_STRING && (field.id == 2 || field.id == 3))
      texts[field.id - 2] = tb_thrift_take_bytes(from, &sizes[field.id - 2]);
    else tb_thrift_skip(from, field.type);
  }
  if (from->failed || r->far.host == NULL) return;
  char category[256], message[TB_HOST_MAX_MESSAGE];
  snprintf(category, sizeof category, "%.*s", (int)(sizes[0] < sizeof category ? sizes[0] : sizeof category - 1),
           texts[0] == NULL ? "" : (const char *)texts[0]);
  snprintf(message, sizeof message, "%.*s", (int)(sizes[1] < sizeof message ? sizes[1] : sizeof message - 1),
           texts[1] == NULL ? "" : (const char *)texts[1]);
  tb_host_log_text(r->far.host, status, category, message);
}

/* 1: answer, 2: what the FMU has said meanwhile, 3: how many messages were lost. */
static void take_answer(tb_remote *r, tb_thrift_reader *from) {
  for (tb_thrift_field field; tb_thrift_next_field(from, &field);) {
    uint32_t n = 0;
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRING)) {
      size_t size = 0;
      const uint8_t *bytes = tb_thrift_take_bytes(from, &size);
      r->far.answer = (tb_unpacker){bytes, size, bytes == NULL};
    } else if (tb_thrift_is_field(field, 2, TB_THRIFT_LIST)) {
      if (tb_thrift_take_list(from, TB_THRIFT_STRUCT, &n))
        for (uint32_t k = 0; k < n && !from->failed; k++) take_message(r, from);
    } else if (tb_thrift_is_field(field, 3, TB_THRIFT_I64)) {
      const int64_t dropped = tb_thrift_take_i64(from);
      if (r->far.host != NULL && dropped > 0) tb_host_add_dropped(r->far.host, (uint64_t)dropped);
    } else {
      tb_thrift_skip(from, field.type);
    }
  }
}

static int receive_answer(tb_remote *r) {
  tb_thrift_reader from;
  tb_thrift_message message;
  int status = tb_remote_take_reply(r, &from, &message);
  if (status != 0) return status;
  r->far.answer.failed = true;
  tb_thrift_field field;
  if (message.kind == TB_THRIFT_REPLY && tb_thrift_next_field(&from, &field) &&
      tb_thrift_is_field(field, 0, TB_THRIFT_STRUCT)) {
    take_answer(r, &from);
    return from.failed || r->far.answer.failed ? give_up(&r->far) : 0;
  }
  char reason[sizeof r->reason];
  tb_remote_refusal(r, &from, &message, reason, sizeof reason);
  return tb_remote_ended(r, TB_CRASHED, reason);
}

/* -- The carrier --------------------------------------------------------------------------------------------------------------- */

static int send(tb_far *far, const uint8_t *bytes, size_t size) {
  tb_remote *r = tb_remote_of(far);
  if (r->commands) return send_commands(r, bytes, size);
  r->translator.host = far->host;
  if (!tb_translate(&r->translator, bytes, size)) return give_up(far);
  return r->translator.calls.size == 0 ? 0 : tb_remote_send(r, &r->translator.calls);
}

static int receive(tb_far *far) {
  tb_remote *r = tb_remote_of(far);
  if (r->commands) return receive_answer(r);
  while (!tb_is_translated(&r->translator)) {
    const uint8_t *payload;
    size_t size = 0;
    int status = tb_remote_next_frame(r, &payload, &size);
    if (status != 0) return status;
    if (!tb_translate_reply(&r->translator, payload, size)) return give_up(far);
  }
  far->answer = (tb_unpacker){r->translator.answer.bytes, r->translator.answer.size, false};
  return 0;
}

const tb_carrier tb_remote_carrier = {send, receive, give_up, end, process_of};
