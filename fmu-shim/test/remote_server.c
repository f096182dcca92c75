/*
 * The server of an instance over a connection, with an FMU that logs from threads of its own: by the calls of proxyfmu and by
 * commands, message by message and many at once. Nothing is left behind. The second argument is the library of
 * examples/fmus/misbehave. To be run under ThreadSanitizer and AddressSanitizer as well as plain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/platform/socket.h"
#include "../src/remote/server.h"
#include "check.h"

/* Of misbehave: value references, and log messages of a step. */
enum { FLOOD = 3, STEPS = 4, MESSAGES = 50, ROUNDS = 200 };

static const char RECORD[] =
    "twinbridge-opened 1\nfmi 2\nlibrary -\nidentifier misbehave\ntoken {3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a05}\n"
    "resources file:///tmp\n";

typedef struct {
  tb_remote_server *server;
  tb_socket listener;
} served;

static void serve(void *data) {
  served *s = data;
  tb_socket socket;
  CHECK(tb_socket_accept(s->listener, INT64_MAX, &socket) == TB_IO_DONE);
  tb_thrift_frames frames;
  tb_thrift_writer answers = {0};
  tb_thrift_frames_init(&frames, TB_THRIFT_FRAME_LIMIT);
  for (bool goes_on = true; goes_on;) {
    size_t room, got;
    const uint8_t *payload;
    uint32_t size;
    uint8_t *to = tb_thrift_frames_room(&frames, &room);
    CHECK(tb_socket_receive(socket, to, room, &got, INT64_MAX) == TB_IO_DONE);
    tb_thrift_frames_came(&frames, got);
    while (goes_on && tb_thrift_frames_take(&frames, &payload, &size) == TB_FRAME_WHOLE)
      goes_on = tb_remote_server_handle(s->server, payload, size, &answers) == TB_SERVED;
    CHECK(tb_socket_send(socket, answers.bytes, answers.size, INT64_MAX) == TB_IO_DONE);
    tb_thrift_clear(&answers);
  }
  tb_socket_close(socket);
  tb_thrift_writer_destroy(&answers);
  tb_thrift_frames_destroy(&frames);
}

/* -- The client -------------------------------------------------------------------------------------------------------------------- */

static tb_socket connection;
static tb_thrift_writer calls;
static tb_thrift_frames answers;
static unsigned n_called;

static size_t begin(const char *name) {
  const size_t frame = tb_thrift_begin_frame(&calls);
  tb_thrift_put_message(&calls, TB_THRIFT_CALL, name, strlen(name), (int32_t)++n_called);
  return frame;
}

static void end(size_t frame) {
  tb_thrift_put_stop(&calls);
  CHECK(tb_thrift_end_frame(&calls, frame, TB_THRIFT_FRAME_LIMIT));
}

static void call(const char *name) { end(begin(name)); }

static void call_step(double time) {
  const size_t frame = begin("step");
  tb_thrift_put_field(&calls, TB_THRIFT_DOUBLE, 1);
  tb_thrift_put_double(&calls, time);
  tb_thrift_put_field(&calls, TB_THRIFT_DOUBLE, 2);
  tb_thrift_put_double(&calls, 1);
  end(frame);
}

static void call_write(int64_t vr, int32_t value) {
  const size_t frame = begin("write_integer");
  tb_thrift_put_field(&calls, TB_THRIFT_LIST, 1);
  tb_thrift_put_i64s(&calls, &vr, 1);
  tb_thrift_put_field(&calls, TB_THRIFT_LIST, 2);
  tb_thrift_put_i32s(&calls, &value, 1);
  end(frame);
}

static void call_read(int64_t vr) {
  const size_t frame = begin("read_integer");
  tb_thrift_put_field(&calls, TB_THRIFT_LIST, 1);
  tb_thrift_put_i64s(&calls, &vr, 1);
  end(frame);
}

static void send_calls(void) {
  CHECK(tb_socket_send(connection, calls.bytes, calls.size, INT64_MAX) == TB_IO_DONE);
  tb_thrift_clear(&calls);
}

/* The result of the next reply. */
static tb_thrift_reader answer(void) {
  const uint8_t *payload;
  uint32_t size;
  while (tb_thrift_frames_take(&answers, &payload, &size) != TB_FRAME_WHOLE) {
    size_t room, got;
    uint8_t *to = tb_thrift_frames_room(&answers, &room);
    CHECK(tb_socket_receive(connection, to, room, &got, tb_monotonic_ns() + INT64_C(60000000000)) == TB_IO_DONE);
    tb_thrift_frames_came(&answers, got);
  }
  tb_thrift_reader r = {payload, size, false};
  tb_thrift_message message;
  CHECK(tb_thrift_take_message(&r, &message) && message.kind == TB_THRIFT_REPLY);
  return r;
}

static void expect_ok(void) {
  tb_thrift_reader r = answer();
  tb_thrift_field field;
  CHECK(tb_thrift_next_field(&r, &field) && tb_thrift_is_field(field, 0, TB_THRIFT_I32) && tb_thrift_take_i32(&r) == 0);
}

static int32_t expect_integer(void) {
  tb_thrift_reader r = answer();
  tb_thrift_field field;
  uint32_t n;
  int32_t value;
  CHECK(tb_thrift_next_field(&r, &field) && field.type == TB_THRIFT_STRUCT);
  CHECK(tb_thrift_next_field(&r, &field) && tb_thrift_is_field(field, 1, TB_THRIFT_LIST));
  CHECK(tb_thrift_take_list(&r, TB_THRIFT_I32, &n) && n == 1 && tb_thrift_take_i32s(&r, &value, 1));
  return value;
}

static void by_calls(void) {
  call("instantiate");
  call_write(FLOOD, MESSAGES);
  call("enter_initialization_mode");
  call("exit_initialization_mode");
  send_calls();
  answer();
  for (int k = 0; k < 3; k++) expect_ok();
  for (int round = 0; round < ROUNDS; round++) { /* in one flight */
    call_write(FLOOD, round % 5 == 0 ? MESSAGES : 0);
    call_step(round);
    call_read(STEPS);
    call("save_state");
    send_calls();
    expect_ok();
    expect_ok();
    CHECK(expect_integer() == round + 1);
    answer();
  }
  call("terminate");
  call("freeInstance");
  send_calls();
  expect_ok();
  answer();
}

static tb_packer request;

static unsigned do_commands(void) {
  const size_t frame = begin("tb_commands");
  tb_thrift_put_field(&calls, TB_THRIFT_I32, 1);
  tb_thrift_put_i32(&calls, 1);
  tb_thrift_put_field(&calls, TB_THRIFT_STRING, 2);
  tb_thrift_put_bytes(&calls, request.bytes, request.size);
  end(frame);
  send_calls();
  request.size = 0;
  tb_thrift_reader r = answer();
  tb_thrift_field field;
  size_t size;
  uint32_t n;
  CHECK(tb_thrift_next_field(&r, &field) && tb_thrift_next_field(&r, &field));
  const uint8_t *bytes = tb_thrift_take_bytes(&r, &size);
  tb_answer head;
  CHECK(bytes != NULL && size >= sizeof head);
  memcpy(&head, bytes, sizeof head);
  CHECK(!head.has_function);
  CHECK(tb_thrift_next_field(&r, &field) && tb_thrift_is_field(field, 2, TB_THRIFT_LIST));
  CHECK(tb_thrift_take_list(&r, TB_THRIFT_STRUCT, &n));
  return n;
}

static void by_commands(void) {
  const uint32_t flood = FLOOD;
  const int32_t messages = MESSAGES;
  tb_pack_command(&request, TB_DO_LOAD, 2, 0, 0);
  tb_pack_text(&request, "");
  tb_pack_text(&request, "");
  tb_pack_command(&request, TB_DO_CREATE, TB_LOGGING_ON, 0, 0);
  tb_pack_text(&request, "slave");
  tb_pack_text(&request, NULL);
  tb_pack_text(&request, NULL);
  tb_pack_command(&request, TB_DO_SET, TB_I32, 1, 1);
  tb_pack_bytes(&request, &flood, sizeof flood);
  tb_pack_bytes(&request, &messages, sizeof messages);
  tb_pack_command(&request, TB_DO_ENTER_INITIALIZATION, 0, 0, 0);
  for (int k = 0; k < 3; k++) tb_pack_double(&request, 0);
  tb_pack_command(&request, TB_DO_EXIT_INITIALIZATION, 0, 0, 0);
  do_commands();
  for (int round = 0; round < ROUNDS; round++) {
    tb_pack_command(&request, TB_DO_STEP, 0, 0, 0);
    tb_pack_double(&request, round);
    tb_pack_double(&request, 1);
    CHECK(do_commands() >= MESSAGES);
  }
  tb_pack_command(&request, TB_DO_FREE, 0, 0, 0);
  do_commands();
  tb_packer_destroy(&request);
  call("freeInstance");
  send_calls();
  answer();
}

static void run(const char *path, void (*drive)(void)) {
  char error[2048];
  tb_opened opened;
  served s;
  uint16_t port;
  CHECK(tb_opened_parse(RECORD, sizeof RECORD - 1, &opened, error, sizeof error));
  tb_library *library = tb_library_load(path, opened.fmi, opened.identifier, error, sizeof error);
  if (library == NULL) fprintf(stderr, "%s\n", error);
  CHECK(library != NULL);
  const tb_remote_setup setup = {.opened = &opened, .library = library, .name = "slave"};
  s.server = tb_remote_server_create(&setup);
  CHECK(s.server != NULL && tb_socket_listen("127.0.0.1", 0, &s.listener, &port, error, sizeof error));
  tb_remote_server_connected(s.server);
  tb_thread *thread = tb_thread_start(serve, &s);
  tb_connecting connecting;
  CHECK(tb_connect_begin(&connecting, "127.0.0.1", port, error, sizeof error));
  CHECK(tb_connect_finish(&connecting, INT64_MAX, &connection, error, sizeof error) == TB_IO_DONE);
  tb_thrift_frames_init(&answers, TB_THRIFT_FRAME_LIMIT);
  drive();
  tb_thread_join(thread);
  tb_socket_close(connection);
  tb_socket_close(s.listener);
  tb_thrift_frames_destroy(&answers);
  tb_thrift_writer_destroy(&calls);
  tb_remote_server_destroy(s.server);
  tb_opened_destroy(&opened);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("the library of the FMU 'misbehave' is missing\n", stderr);
    return 2;
  }
  run(argv[2], by_calls);
  run(argv[2], by_commands);
  puts("remote server: ok");
  return 0;
}
