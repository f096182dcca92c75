/*
 * proxyfmu: the server of one instance of an FMU, in a process of its own. libcosim starts it by itself (proxyfmu://localhost)
 * or has a booter start it; so do twinbridge's client and servers.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/platform/child.h"
#include "../src/remote/server.h"
#include "../src/remote/watchful.h"
#include "cached.h"
#include "options.h"

#if !defined(TB_VERSION)
#define TB_VERSION "of no version"
#endif

enum { EXIT_WRONG_USAGE = 2, EXIT_NOT_OPENED = 3, EXIT_NOT_ENDED = 1 };

static const int64_t SECOND_NS = 1000000000;
/* How long one may be connected without having said the token, and how long an FMU may take to be freed; s. */
enum { STRANGER_S = 10, FREE_S = 5 };
/* Answers to calls that came together go together, up to so many bytes. */
enum { SEND_BYTES = 65536 };

typedef struct {
  tb_options options;
  tb_handle out;  /* standard output */
  tb_held held;   /* in the cache */
  tb_helper helper; /* that has opened the FMU */
  bool has_helper, helper_holds;
  tb_opened opened;
  tb_remote_server *server;
  const char *token;
  const char *name; /* of the instance */
  tb_socket listener;
  tb_socket socket; /* the connection */
  tb_thrift_frames frames;
  tb_thrift_writer answers;
  size_t answered; /* bytes of them that are whole */
  tb_socket watched; /* the one connection */
  bool is_announced;
  _Atomic bool ends;
} program;

static program self = {.out = TB_NO_HANDLE, .listener = TB_NO_HANDLE, .watched = TB_NO_HANDLE};

#define SAY(format, ...)                                                                                \
  do {                                                                                                  \
    char said[4096];                                                                                    \
    snprintf(said, sizeof said, "[proxyfmu] " format "\n", ##__VA_ARGS__);                              \
    tb_write_stderr(said, strlen(said));                                                                \
  } while (0)

/* -- The FMU ---------------------------------------------------------------------------------------------------------------------- */

static bool find_node(char *node, size_t size, char *error, size_t error_size) {
  if (tb_environment("TWINBRIDGE_NODE", node, size)) {
    char found[4096];
    /* A name alone is one in the PATH. */
    if (strpbrk(node, "/\\") == NULL && tb_find_in_path(node, found, sizeof found) && strlen(found) < size) strcpy(node, found);
    if (tb_file_exists(node)) return true;
    snprintf(error, error_size, "there is no %.700s, which TWINBRIDGE_NODE names", node);
    return false;
  }
  if (tb_find_in_path("node", node, size)) return true;
  snprintf(error, error_size, "there is no Node.js in the PATH, and TWINBRIDGE_NODE is not set");
  return false;
}

/* The command line of the package that this program belongs to. It lies in build/native, or for a platform in a folder there. */
static bool find_cli(char *cli, size_t size, char *error, size_t error_size) {
  char own[4096];
  if (tb_program_path(own, sizeof own)) {
    for (int up = 0; up < 4; up++) {
      char *slash = strrchr(own, '/');
      if (slash == NULL) break;
      *slash = '\0';
      if (up >= 2 && snprintf(cli, size, "%s/dist/bin/twinbridge.cjs", own) < (int)size && tb_file_exists(cli)) return true;
    }
  }
  if (tb_find_in_path("twinbridge", cli, size)) return true; /* of a copy: the one that is installed */
  snprintf(error, error_size,
           "this program is a copy, and there is no twinbridge in the PATH: link to the one that came with it");
  return false;
}

/* Reads what the helper says, up to the line that ends it. NULL: it ended before. */
static char *read_record(const tb_helper *helper, size_t *size) {
  static const char END[] = "\nend\n";
  char *text = NULL;
  size_t used = 0, room = 0;
  for (;;) {
    if (room - used < 4096) {
      room = 2 * room + 16384;
      char *larger = realloc(text, room);
      if (larger == NULL) break;
      text = larger;
    }
    const size_t n = tb_helper_read(helper, text + used, room - used - 1);
    if (n == 0) break;
    used += n;
    text[used] = '\0';
    const size_t tail = sizeof END - 1;
    if (used < tail || strcmp(text + used - tail, END) != 0) continue;
    *size = used - tail + 1;
    return text;
  }
  free(text);
  return NULL;
}

/* Node.js unpacks it, or finds out what is wrong with it, and holds it until this process does. */
static bool open_slowly(char *error, size_t error_size) {
  char node[4096], cli[4096], why[2048] = "";
  if (!find_node(node, sizeof node, why, sizeof why) || !find_cli(cli, sizeof cli, why, sizeof why)) {
    snprintf(error, error_size, "%s is not in twinbridge's cache, and cannot be unpacked: %s", self.options.fmu, why);
    return false;
  }
  const char *const arguments[] = {node, cli, "open-fmu", self.options.fmu, NULL};
  if (!tb_helper_start(&self.helper, arguments, error, error_size)) return false;
  size_t size = 0;
  char *record = read_record(&self.helper, &size);
  if (record == NULL) {
    tb_helper_end(&self.helper); /* it has said why */
    snprintf(error, error_size, "%s cannot be opened", self.options.fmu);
    return false;
  }
  self.has_helper = true;
  self.helper_holds = !tb_hold_cached(self.options.fmu, &self.opened, &self.held);
  bool ok = true;
  if (self.helper_holds && !tb_opened_parse(record, size, &self.opened, why, sizeof why)) {
    snprintf(error, error_size, "what Node.js says of %s is no opened record: %s", self.options.fmu, why);
    tb_helper_end(&self.helper);
    ok = false;
  }
  free(record);
  return ok;
}

static bool open_fmu(char *error, size_t error_size) {
  if (self.options.opened != NULL) return tb_opened_read(self.options.opened, &self.opened, error, error_size);
  return tb_hold_cached(self.options.fmu, &self.opened, &self.held) || open_slowly(error, error_size);
}

/* -- Ends --------------------------------------------------------------------------------------------------------------------------- */

/* Whatever the FMU does, and wherever it hangs. */
static void guard(void *unused) {
  (void)unused;
  if (self.has_helper && !self.helper_holds) tb_helper_end(&self.helper);
  for (;;) {
    const int64_t next = tb_monotonic_ns() + TB_REFRESH_NS;
    const bool unread = tb_wait_unread(self.out, next);
    if (unread) {
      tb_release_cached(&self.held);
      tb_end_program(0);
    }
    const int64_t early = next - tb_monotonic_ns();
    if (early > 0) tb_sleep_ns(early); /* it cannot be waited for */
    tb_refresh_cached(&self.held);
  }
}

/* The one client is gone while the FMU is in a call, and may be so for ever. */
static void watch_client(void *socket) {
  tb_socket_await_end(*(tb_socket *)socket);
  tb_sleep_ns(FREE_S * SECOND_NS);
  if (atomic_load(&self.ends)) return;
  SAY("the client is gone, and the FMU does not come back from %s: it is ended",
      *tb_remote_server_doing(self.server) == '\0' ? "a call" : tb_remote_server_doing(self.server));
  tb_release_cached(&self.held);
  tb_end_program(EXIT_NOT_ENDED);
}

static void watch_end(void *unused) {
  (void)unused;
  tb_sleep_ns(FREE_S * SECOND_NS);
  SAY("the FMU does not come to an end, and is ended");
  tb_release_cached(&self.held);
  tb_end_program(EXIT_NOT_ENDED);
}

/* The FMU in order, but not for ever. */
static _Noreturn void end(bool was_freed) {
  atomic_store(&self.ends, true);
  tb_thread_start(watch_end, NULL);
  tb_socket_close(self.listener);
  tb_remote_server_destroy(self.server);
  tb_release_cached(&self.held);
  if (was_freed) tb_announce(self.out, "[proxyfmu] freed\n");
  tb_leave_program(0);
}

/* -- Connections ---------------------------------------------------------------------------------------------------------------------- */

typedef enum { CONNECTION_ENDED, CONNECTION_REFUSED, CONNECTION_FREED } connection_end;

/* Handles the calls that have come whole. false: the connection is to be closed. */
static bool handle_frames(const char *peer, connection_end *how) {
  tb_thrift_frames *frames = &self.frames;
  tb_thrift_writer *answers = &self.answers;
  for (;;) {
    const uint8_t *payload;
    uint32_t size;
    frames->limit = tb_remote_server_limit(self.server);
    const tb_thrift_frame frame = tb_thrift_frames_take(frames, &payload, &size);
    if (frame == TB_FRAME_TOO_LARGE)
      SAY("%s: a message of %u bytes, more than %u; the connection is closed", peer, (unsigned)size, (unsigned)frames->limit);
    tb_served served = frame == TB_FRAME_TOO_LARGE ? TB_SERVED_GARBAGE : TB_SERVED;
    if (frame == TB_FRAME_WHOLE) {
      self.answered = answers->size;
      served = tb_remote_server_handle(self.server, payload, size, answers);
      if (served == TB_SERVED_GARBAGE || served == TB_SERVED_REFUSED)
        SAY("%s: %s; the connection is closed", peer, tb_remote_server_reason(self.server));
    }
    const bool closes = served != TB_SERVED;
    if (answers->size > 0 && (closes || frame != TB_FRAME_WHOLE || answers->size > SEND_BYTES)) {
      const tb_io went = tb_socket_send(self.socket, answers->bytes, answers->size, INT64_MAX);
      tb_thrift_clear(answers);
      if (went != TB_IO_DONE && !closes) return false;
    }
    if (served == TB_SERVED_LAST) *how = CONNECTION_FREED;
    else if (served == TB_SERVED_REFUSED) *how = CONNECTION_REFUSED;
    if (closes) return false;
    if (frame != TB_FRAME_WHOLE) return true;
  }
}

static connection_end serve_connection(tb_socket socket, const char *peer) {
  const int64_t stranger_until = tb_monotonic_ns() + STRANGER_S * SECOND_NS;
  connection_end how = CONNECTION_ENDED;
  tb_watchful watchful = {.longest_ns = TB_WATCH_REQUEST_NS};
  self.socket = socket;
  tb_thrift_frames_destroy(&self.frames);
  tb_thrift_clear(&self.answers);
  tb_remote_server_connected(self.server);
  for (;;) {
    size_t room, got;
    const bool is_stranger = !tb_remote_server_knows_client(self.server);
    if (self.options.once && !is_stranger && self.watched == TB_NO_HANDLE) {
      self.watched = socket;
      tb_thread_start(watch_client, &self.watched);
    }
    uint8_t *to = tb_thrift_frames_room(&self.frames, &room);
    if (to == NULL) {
      SAY("%s: there is no memory for a message; the connection is closed", peer);
      return how;
    }
    const tb_io came = tb_watchful_receive(&watchful, socket, to, room, &got, is_stranger ? stranger_until : INT64_MAX);
    if (came != TB_IO_DONE) {
      char why[256] = "";
      if (came == TB_IO_BROKEN) tb_socket_why(why, sizeof why);
      if (came == TB_IO_LATE) SAY("%s: did not call tb_authenticate within %d s; the connection is closed", peer, STRANGER_S);
      else if (came == TB_IO_BROKEN) SAY("%s: the connection is lost: %s", peer, why);
      else if (tb_thrift_frames_is_cut(&self.frames)) SAY("%s: the connection was closed within a message", peer);
      return is_stranger ? CONNECTION_REFUSED : how;
    }
    tb_thrift_frames_came(&self.frames, got);
    if (!handle_frames(peer, &how)) return how;
  }
}

static _Noreturn void serve(void) {
  for (;;) {
    tb_socket socket;
    tb_address address = {{0}};
    char peer[TB_ADDRESS_TEXT] = "somebody";
    const int64_t idle_ns = (int64_t)(self.options.idle_s * 1e9);
    const tb_io came = tb_socket_accept(self.listener, idle_ns == 0 ? INT64_MAX : tb_monotonic_ns() + idle_ns, &socket);
    if (came != TB_IO_DONE) {
      char why[256] = "";
      if (came == TB_IO_BROKEN) tb_socket_why(why, sizeof why);
      if (came == TB_IO_LATE) SAY("nobody has been connected for %g s: it ends", self.options.idle_s);
      else SAY("cannot be connected to any more: %s", why);
      end(false);
    }
    if (!tb_socket_peer(socket, &address, peer)) {
      tb_socket_close(socket); /* gone again */
      continue;
    }
    if (!tb_is_allowed(&self.options, &address)) {
      SAY("%s may not connect (--allow)", peer);
      tb_socket_close(socket);
      continue;
    }
    if (self.options.once && self.token == NULL) {
      tb_socket_close(self.listener);
      self.listener = TB_NO_HANDLE;
    }
    const connection_end how = serve_connection(socket, peer);
    if (socket == self.watched) tb_socket_hang_up(socket); /* its number is not to be another's while it is watched */
    else tb_socket_close(socket);
    if (how == CONNECTION_FREED) end(true);
    /* Who was refused has not had the one connection. */
    if (self.options.once && (how == CONNECTION_ENDED || self.token == NULL || socket == self.watched)) end(false);
  }
}

/* -- A crash ----------------------------------------------------------------------------------------------------------------------------- */

/*
 * libcosim ends its whole host when a proxyfmu is gone before its time, and says only that there is no more data to read. So
 * to a client of that protocol the program goes on without the FMU: each call is answered by what has happened, until the
 * client terminates and frees the instance, or leaves. From a handler of signals: nothing here takes memory or waits for a lock.
 */

/* So many bytes of what the client has sent, the first of which are kept; false: it has left. */
static bool take_bytes(uint8_t *to, size_t room, size_t size) {
  static uint8_t bytes[4096];
  static size_t begin, end;
  for (size_t at = 0; at < size;) {
    tb_thrift_frames *f = &self.frames;
    if (f->begin < f->end) { /* what had come already */
      if (at < room) to[at] = f->bytes[f->begin];
      f->begin++;
      at++;
    } else if (begin < end) {
      if (at < room) to[at] = bytes[begin];
      begin++;
      at++;
    } else {
      begin = 0;
      if (tb_socket_receive(self.socket, bytes, sizeof bytes, &end, INT64_MAX) != TB_IO_DONE) return false;
    }
  }
  return true;
}

/* Answers whether it was freeInstance. In the destructors of libcosim, which make the last two calls, an exception ends the host. */
static bool answer_crash(const tb_thrift_message *call, const char *sentence) {
  static uint8_t memory[2048];
  tb_thrift_writer w = {memory, 0, sizeof memory, false};
  const bool frees = tb_thrift_is_named(call, "freeInstance"), terminates = tb_thrift_is_named(call, "terminate");
  const size_t frame = tb_thrift_begin_frame(&w);
  tb_thrift_put_message(&w, frees || terminates ? TB_THRIFT_REPLY : TB_THRIFT_EXCEPTION, call->name, call->name_size,
                        call->sequence);
  if (terminates) {
    tb_thrift_put_field(&w, TB_THRIFT_I32, 0);
    tb_thrift_put_i32(&w, 0);
  }
  if (frees || terminates) tb_thrift_put_stop(&w);
  else tb_thrift_put_exception(&w, TB_THRIFT_UNKNOWN, sentence);
  tb_thrift_end_frame(&w, frame, TB_THRIFT_FRAME_LIMIT);
  tb_socket_send(self.socket, w.bytes, w.size, INT64_MAX);
  return frees;
}

static _Noreturn void leave_after_crash(void) {
  tb_release_cached(&self.held);
  /* libcosim ends its host as well when a program that it has started does not end in order. */
  tb_end_program(self.options.fmu != NULL ? 0 : EXIT_NOT_ENDED);
}

enum { LONGEST_METHOD = 64, HEAD_BYTES = 12 };

static _Noreturn void go_on_without(const tb_thrift_message *pending, const char *sentence) {
  tb_socket_send(self.socket, self.answers.bytes, self.answered, INT64_MAX);
  if (pending->name_size <= LONGEST_METHOD) answer_crash(pending, sentence);
  uint8_t head[HEAD_BYTES], name[LONGEST_METHOD], sequence[4];
  while (take_bytes(head, sizeof head, sizeof head)) {
    const uint32_t size = (uint32_t)tb_thrift_load_i32(head), name_size = (uint32_t)tb_thrift_load_i32(head + 8);
    if (size > TB_THRIFT_FRAME_LIMIT || size < HEAD_BYTES || name_size > LONGEST_METHOD || name_size > size - HEAD_BYTES) break;
    if (!take_bytes(name, sizeof name, name_size) || !take_bytes(sequence, sizeof sequence, sizeof sequence) ||
        !take_bytes(NULL, 0, size - HEAD_BYTES - name_size))
      break;
    const tb_thrift_message call = {TB_THRIFT_CALL, (const char *)name, name_size, tb_thrift_load_i32(sequence)};
    if (!answer_crash(&call, sentence)) continue;
    tb_announce(self.out, "[proxyfmu] freed\n");
    break;
  }
  leave_after_crash();
}

static void append(char *to, size_t room, const char *text) {
  const size_t used = strlen(to), size = strlen(text) < room - used - 1 ? strlen(text) : room - used - 1;
  memcpy(to + used, text, size);
  to[used + size] = '\0';
}

static void lose_fmu(const char *what) {
  static char sentence[512], line[1024];
  const char *doing = tb_remote_server_doing(self.server);
  append(sentence, sizeof sentence, "the FMU ended its process");
  if (*doing != '\0') append(sentence, sizeof sentence, " in ");
  append(sentence, sizeof sentence, doing);
  append(sentence, sizeof sentence, ": ");
  append(sentence, sizeof sentence, what);
  append(line, sizeof line, "[proxyfmu] ");
  append(line, sizeof line, self.name);
  append(line, sizeof line, ": ");
  append(line, sizeof line, sentence);
  append(line, sizeof line, "\n");
  tb_write_stderr(line, strlen(line));
  const tb_thrift_message *pending = tb_remote_server_pending(self.server);
  if (pending != NULL && self.options.outlives && tb_is_catching_thread()) go_on_without(pending, sentence);
}

/* The FMU called exit: so this is no crash to the system. */
static void exited(void) {
  if (atomic_load(&self.ends) || !tb_is_catching_thread()) return;
  lose_fmu("exit");
  if (self.is_announced) return;
  tb_release_cached(&self.held);
  tb_leave_program(EXIT_NOT_OPENED);
}

/* -- The start ------------------------------------------------------------------------------------------------------------------------- */

static bool is_loopback(const char *address) {
  tb_address number;
  bool is_v4;
  static const uint8_t ONE[16] = {[15] = 1};
  if (strcmp(address, "localhost") == 0) return true;
  if (!tb_address_read(address, &number, &is_v4)) return false;
  return is_v4 ? number.bytes[12] == 127 : memcmp(number.bytes, ONE, sizeof ONE) == 0;
}

/* The booter is written in TypeScript. */
static int boot(int n, char **arguments) {
  char node[4096], cli[4096], error[2048] = "";
  if (find_node(node, sizeof node, error, sizeof error) && find_cli(cli, sizeof cli, error, sizeof error)) {
    const char **line = calloc((size_t)n + 3, sizeof *line);
    if (line == NULL) return EXIT_NOT_OPENED;
    line[0] = node;
    line[1] = cli;
    line[2] = "proxyfmu";
    for (int k = 1; k < n; k++) line[2 + k] = arguments[k];
    tb_become(line, error, sizeof error);
    free(line);
  }
  SAY("%s", error);
  return EXIT_NOT_OPENED;
}

/* Whatever the library that is loaded has in mind for the end of its process. */
static _Noreturn void not_opened(const char *error) {
  SAY("%s", error);
  tb_release_cached(&self.held);
  tb_leave_program(EXIT_NOT_OPENED);
}

static _Noreturn void run(void) {
  char error[4096] = "", line[64];
  uint16_t port;
  self.out = tb_take_stdout();
  if (!tb_socket_listen(self.options.address, self.options.port, &self.listener, &port, error, sizeof error))
    not_opened(error);
  if (!open_fmu(error, sizeof error)) not_opened(error);
  if (!tb_limit_program(&self.options.limits, error, sizeof error)) not_opened(error);
  if (tb_thread_start(guard, NULL) == NULL) not_opened("no thread can be started (--max-processes counts those of its user)");
  tb_library *library =
      tb_library_load(self.opened.library, self.opened.fmi, self.opened.identifier, error, sizeof error);
  if (library == NULL) {
    char sentence[8192];
    snprintf(sentence, sizeof sentence, "cannot load %s: %s", self.opened.library, error);
    not_opened(sentence);
  }
  const tb_remote_setup setup = {.opened = &self.opened,
                                 .library = library,
                                 .name = self.options.name,
                                 .token = self.token,
                                 .logging = self.options.logging};
  self.server = tb_remote_server_create(&setup);
  if (self.server == NULL) not_opened("there is no memory");
  self.name = self.options.name == NULL ? self.opened.identifier : self.options.name;
  tb_catch_crash(lose_fmu);
  atexit(exited);
  /* libcosim bears a server that says what is wrong and ends, and no FMU that refuses once there is a port. */
  if (self.options.fmu != NULL && !tb_remote_server_instantiate(self.server))
    not_opened(tb_remote_server_reason(self.server));
  snprintf(line, sizeof line, "[proxyfmu] port=%u\n", (unsigned)port);
  if (!tb_announce(self.out, line)) not_opened("nobody reads its standard output");
  self.is_announced = true;
  serve();
}

int main(int argc, char **argv) {
  char error[2048];
  int n;
  char **arguments = tb_program_arguments(argc, argv, &n);
  if (arguments == NULL) return EXIT_WRONG_USAGE;
  switch (tb_read_options(n, arguments, &self.options, error, sizeof error)) {
    case TB_OPTIONS_HELP: fputs(tb_options_help, stdout); return 0;
    case TB_OPTIONS_VERSION: puts("proxyfmu of twinbridge " TB_VERSION); return 0;
    case TB_OPTIONS_BOOT: return boot(n, arguments);
    case TB_OPTIONS_WRONG: SAY("%s; see --help", error); return EXIT_WRONG_USAGE;
    case TB_OPTIONS_RUN: break;
  }
  self.token = tb_take_environment("TWINBRIDGE_PROXY_TOKEN");
  if (!is_loopback(self.options.address) && self.options.n_networks == 0 && self.token == NULL) {
    SAY("at %s others reach it, and an FMU is native code: say who may (--allow), or set TWINBRIDGE_PROXY_TOKEN",
        self.options.address);
    return EXIT_WRONG_USAGE;
  }
  run();
}
