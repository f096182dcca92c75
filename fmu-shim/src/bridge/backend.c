#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tb_api.h"

/*
 * Messages on the control stream: a head, then `size` bytes. Texts are NUL-terminated UTF-8.
 *
 *   OPEN    resources, instance name, guid            → LAID_OUT  u64 region size, or FAILED text
 *   ATTACH  what tb_process_give_handles says of shared memory, wake-up's signal end, notification's listening end
 *                                                     → ATTACHED, or FAILED text
 *   START   value reference "=" text, each            → nothing: the region's link_state tells
 *   CLOSE   nothing                                   → CLOSED
 */
typedef enum { OPEN = 1, ATTACH, START, CLOSE, LAID_OUT = 17, ATTACHED, CLOSED, FAILED } message_type;

typedef struct {
  uint32_t size;
  uint32_t type;
  uint32_t id;
} message_head;

static const int64_t SECOND_NS = 1000000000;
enum { REPLY_TIMEOUT_S = 10, CLOSE_TIMEOUT_S = 3, EXIT_TIMEOUT_S = 3 };

struct tb_backend {
  tb_mutex *mutex; /* of the owning copy; guards all below but `gone` */
  tb_process process;
  tb_thread *watcher;
  uint32_t users, next_id;
  bool unresponsive; /* it let a request wait too long (stopped, or stuck): no further answer is waited for at the end */
  int64_t owner_process;
  _Atomic bool gone;
  char how_it_ended[256];
};

/* -- One backend for all copies of this library in the process -------------------------------------------------------
 *
 * Each FMU file brings a copy of this library with globals of its own. The copy that was loaded first holds the
 * backend; the others find it through the loader's list of libraries. The symbol's name carries the version of what
 * the copies agree on: this structure, the control messages and the region.
 */
typedef struct {
  tb_backend *(*acquire)(const char *resources, const char *library, char *error);
  void (*release)(tb_backend *);
  bool (*open)(tb_backend *, const char *, const char *, const char *, tb_attachment *, char *);
  bool (*start)(tb_backend *, uint32_t, const tb_parameter_text *, uint32_t);
  void (*close)(tb_backend *, const tb_attachment *);
  void (*describe_end)(tb_backend *, char *, size_t);
} backend_services;

TB_API extern const backend_services tb_backend_services_v4;

static bool take_first(void *address, void *context) {
  *(const backend_services **)context = address;
  return true;
}

static const backend_services *services(void) {
  static _Atomic(const backend_services *) found;
  const backend_services *known = atomic_load_explicit(&found, memory_order_acquire);
  if (known != NULL) return known;
  const backend_services *first = NULL;
  tb_each_library_with("tb_backend_services_v4", take_first, &first);
  if (first == NULL) first = &tb_backend_services_v4; /* linked statically */
  atomic_store_explicit(&found, first, memory_order_release);
  return first;
}

/* -- Start and end -------------------------------------------------------------------------------------------------- */

static tb_backend *running; /* of the owning copy; guarded by its mutex */

static void watch(void *data) {
  tb_backend *b = data;
  tb_process_wait_end(&b->process);
  tb_process_reap(&b->process, b->how_it_ended, sizeof b->how_it_ended);
  atomic_store_explicit(&b->gone, true, memory_order_release);
}

/* Node.js for the backend: named by TWINBRIDGE_NODE, or bundled with this FMU, or in the PATH. */
static bool choose_node(const char *resources, char *program, size_t size, char *error) {
  static const char remedy[] = "install Node.js 20 or newer, set TWINBRIDGE_NODE to its program, or build the FMU with "
                               "--bundle-runtime";
  if (tb_environment("TWINBRIDGE_NODE", program, size)) {
    char found[4096];
    /* A name alone is one in the PATH. */
    if (strpbrk(program, "/\\") == NULL && tb_find_in_path(program, found, sizeof found) && strlen(found) < size)
      strcpy(program, found);
    if (tb_file_exists(program)) return true;
    snprintf(error, TB_ERROR_SIZE, "there is no %.700s, which TWINBRIDGE_NODE names; %s", program, remedy);
    return false;
  }
  if (snprintf(program, size, "%s/runtime/%s/node%s", resources, tb_platform_tuple, tb_program_suffix) < (int)size &&
      tb_file_exists(program)) {
    if (tb_make_executable(program)) return true;
    snprintf(error, TB_ERROR_SIZE, "%.700s, the Node.js in this FMU, may not be executed, nor be made executable: %s",
             program, "unpack the FMU to a folder of yours, or set TWINBRIDGE_NODE to another Node.js");
    return false;
  }
  if (tb_find_in_path("node", program, size)) return true;
  snprintf(error, TB_ERROR_SIZE, "there is no Node.js to run the bridge with: not in the PATH, none in the FMU for %s, and "
           "TWINBRIDGE_NODE is not set; %s", tb_platform_tuple, remedy);
  return false;
}

/* `library`: file of the copy that asks. That of the first copy may be gone, with the folder it was unpacked to. */
static tb_backend *start_backend(const char *resources, const char *library, char *error) {
  char script[4096], node[4096];
  if (snprintf(script, sizeof script, "%s/backend.cjs", resources) >= (int)sizeof script || !tb_file_exists(script)) {
    snprintf(error, TB_ERROR_SIZE, "%.800s is missing: the FMU is incomplete; build it again with 'twinbridge build'",
             script);
    return NULL;
  }
  if (!choose_node(resources, node, sizeof node, error)) return NULL;
  tb_backend *b = calloc(1, sizeof *b);
  if (b == NULL) {
    snprintf(error, TB_ERROR_SIZE, "out of memory");
    return NULL;
  }
  char reason[512];
  if (!tb_process_spawn(&b->process, node, script, library, reason, sizeof reason)) {
    snprintf(error, TB_ERROR_SIZE, "%s; install Node.js 20 or newer, or set TWINBRIDGE_NODE to its program", reason);
    free(b);
    return NULL;
  }
  b->mutex = tb_process_mutex();
  b->owner_process = tb_current_process();
  b->watcher = tb_thread_start(watch, b);
  if (b->watcher == NULL) {
    snprintf(error, TB_ERROR_SIZE, "cannot start a thread");
    tb_process_kill(&b->process);
    watch(b);
    tb_process_close(&b->process);
    free(b);
    return NULL;
  }
  return b;
}

static tb_backend *acquire_here(const char *resources, const char *library, char *error) {
  tb_lock(tb_process_mutex());
  /* One that died stays with the instances that used it; new ones get a new process. So does a forked importer. */
  if (running != NULL && (atomic_load(&running->gone) || running->owner_process != tb_current_process()))
    running = NULL;
  if (running == NULL) {
    tb_stay_loaded();
    running = start_backend(resources, library, error);
  }
  tb_backend *b = running;
  if (b != NULL) b->users++;
  tb_unlock(tb_process_mutex());
  return b;
}

/* Its pipes close a moment before the watcher knows how the process ended. */
static bool await_end(const tb_backend *b, int64_t deadline_ns) {
  while (!tb_backend_is_gone(b) && tb_monotonic_ns() < deadline_ns) tb_sleep_ns(SECOND_NS / 5000);
  return tb_backend_is_gone(b);
}

static void end_backend(tb_backend *b) {
  if (b->owner_process != tb_current_process()) return; /* a fork's copy: the process belongs to the parent */
  tb_process_hang_up(&b->process);
  int64_t deadline = tb_monotonic_ns() + (b->unresponsive ? 0 : EXIT_TIMEOUT_S * SECOND_NS);
  char byte;
  while (tb_process_receive(&b->process, &byte, 1, deadline)) { /* its end of the stream closes as it exits */
  }
  if (!await_end(b, deadline)) tb_process_kill(&b->process);
  tb_thread_join(b->watcher);
  tb_process_close(&b->process);
  free(b);
}

static void release_here(tb_backend *b) {
  tb_lock(b->mutex);
  bool last = --b->users == 0;
  if (last && running == b) running = NULL;
  tb_unlock(tb_process_mutex());
  if (last) end_backend(b);
}

/* -- Requests ------------------------------------------------------------------------------------------------------- */

static bool send_message(tb_backend *b, message_type type, uint32_t id, const char *body, size_t size) {
  message_head head = {(uint32_t)size, type, id};
  return tb_process_send(&b->process, &head, sizeof head) && (size == 0 || tb_process_send(&b->process, body, size));
}

static void fail_reply(tb_backend *b, char *error) {
  if (await_end(b, tb_monotonic_ns() + SECOND_NS / 5)) {
    snprintf(error, TB_ERROR_SIZE,
             "the backend process %s before it answered; its last words are on this program's standard error",
             b->how_it_ended);
  } else {
    b->unresponsive = true;
    snprintf(error, TB_ERROR_SIZE, "the backend process did not answer within %d s", REPLY_TIMEOUT_S);
  }
}

/* Reads `size` bytes of a message's body, of which the first `room` go to `into`. */
static bool receive_body(tb_backend *b, size_t size, char *into, size_t room, int64_t deadline) {
  size_t wanted = size < room ? size : room;
  if (!tb_process_receive(&b->process, into, wanted, deadline)) return false;
  for (size_t left = size - wanted; left > 0;) {
    char surplus[256];
    size_t take = left < sizeof surplus ? left : sizeof surplus;
    if (!tb_process_receive(&b->process, surplus, take, deadline)) return false;
    left -= take;
  }
  return true;
}

/* Reads the answer to the request just sent; its body goes to `body`, cut off at `room`. */
static bool receive_reply(tb_backend *b, uint32_t id, message_type expected, void *body, size_t room, int timeout_s,
                          char *error) {
  int64_t deadline = tb_monotonic_ns() + timeout_s * SECOND_NS;
  message_head head;
  char text[TB_ERROR_SIZE];
  do { /* past answers that came too late for those who had asked */
    memset(text, 0, sizeof text);
    bool ok = tb_process_receive(&b->process, &head, sizeof head, deadline);
    bool refused = ok && (head.type == FAILED || head.id != id);
    ok = ok && receive_body(b, head.size, refused ? text : body, refused ? sizeof text - 1 : room, deadline);
    if (!ok) {
      fail_reply(b, error);
      return false;
    }
  } while (head.id != id);
  b->unresponsive = false;
  if (head.type == expected) return true;
  snprintf(error, TB_ERROR_SIZE, "%s", head.type == FAILED ? text : "the backend process gave an answer of another kind");
  return false;
}

/* Texts one after the other, each with its NUL. */
static size_t append(char *to, size_t at, size_t room, const char *text) {
  size_t size = strlen(text) + 1;
  if (at + size <= room) memcpy(to + at, text, size);
  return at + size;
}

static const tb_attachment NOT_ATTACHED = {
    .wait_end = TB_NO_HANDLE, .backend = TB_NO_HANDLE, .notification = {TB_NO_HANDLE, TB_NO_HANDLE}};

static bool attach(tb_backend *b, tb_attachment *a, char *error) {
  tb_handle shm = TB_NO_HANDLE, signal_end = TB_NO_HANDLE;
  bool made = tb_shm_create(a->size, &shm, &a->memory) && tb_wake_create(&a->wait_end, &signal_end) &&
              tb_notification_create(&a->notification);
  bool ok = false;
  if (!made) {
    snprintf(error, TB_ERROR_SIZE, "cannot create %llu bytes of shared memory and two pipes",
             (unsigned long long)a->size);
  } else {
    char text[TB_HANDLES_TEXT];
    a->backend = b->process.process;
    if (tb_process_give_handles(&b->process, shm, signal_end, &a->notification, text) &&
        send_message(b, ATTACH, a->id, text, strlen(text) + 1))
      ok = receive_reply(b, a->id, ATTACHED, NULL, 0, REPLY_TIMEOUT_S, error);
    else
      fail_reply(b, error);
  }
  tb_handle_close(shm);
  tb_handle_close(signal_end);
  return ok;
}

void tb_attachment_drop(tb_attachment *a) {
  if (a->memory != NULL) tb_shm_unmap(a->memory, a->size);
  tb_handle_close(a->wait_end);
  tb_notification_close(&a->notification);
  *a = NOT_ATTACHED;
}

static bool open_here(tb_backend *b, const char *resources, const char *instance_name, const char *guid,
                      tb_attachment *a, char *error) {
  *a = NOT_ATTACHED;
  char body[8192];
  size_t size = append(body, 0, sizeof body, resources);
  size = append(body, size, sizeof body, instance_name);
  size = append(body, size, sizeof body, guid);
  if (size > sizeof body) {
    snprintf(error, TB_ERROR_SIZE, "resource location, instance name and GUID are %zu bytes long, more than %zu", size,
             sizeof body);
    return false;
  }
  tb_lock(b->mutex);
  a->id = ++b->next_id;
  bool ok = false;
  if (!send_message(b, OPEN, a->id, body, size))
    fail_reply(b, error);
  else
    ok = receive_reply(b, a->id, LAID_OUT, &a->size, sizeof a->size, REPLY_TIMEOUT_S, error) && attach(b, a, error);
  tb_unlock(b->mutex);
  if (!ok) tb_attachment_drop(a);
  return ok;
}

static bool start_here(tb_backend *b, uint32_t id, const tb_parameter_text *parameters, uint32_t count) {
  size_t room = 1;
  for (uint32_t i = 0; i < count; i++) room += 16 + strlen(parameters[i].text);
  char *body = malloc(room);
  if (body == NULL) return false;
  size_t size = 0;
  for (uint32_t i = 0; i < count; i++)
    size += (size_t)sprintf(body + size, "%u=%s", parameters[i].value_reference, parameters[i].text) + 1;
  tb_lock(b->mutex);
  bool ok = send_message(b, START, id, body, size);
  tb_unlock(b->mutex);
  free(body);
  return ok;
}

static void close_here(tb_backend *b, const tb_attachment *a) {
  char ignored[TB_ERROR_SIZE];
  if (b->owner_process != tb_current_process()) return;
  tb_lock(b->mutex);
  if (!b->unresponsive && !atomic_load(&b->gone) && send_message(b, CLOSE, a->id, NULL, 0))
    receive_reply(b, a->id, CLOSED, NULL, 0, CLOSE_TIMEOUT_S, ignored);
  tb_unlock(b->mutex);
}

static void describe_end_here(tb_backend *b, char *text, size_t size) {
  if (!await_end(b, tb_monotonic_ns() + SECOND_NS / 20)) {
    snprintf(text, size, "backend process %lld closed its connection", (long long)b->process.pid);
    return;
  }
  snprintf(text, size, "backend process %lld %s", (long long)b->process.pid, b->how_it_ended);
}

const backend_services tb_backend_services_v4 = {acquire_here, release_here, open_here,
                                                 start_here,   close_here,   describe_end_here};

/* -- Through whichever copy holds the backend ----------------------------------------------------------------------- */

tb_backend *tb_backend_acquire(const char *resources, char *error) {
  char library[4096];
  if (tb_own_path(library, sizeof library)) return services()->acquire(resources, library, error);
  snprintf(error, TB_ERROR_SIZE, "cannot find the path of this library");
  return NULL;
}

void tb_backend_release(tb_backend *b) { services()->release(b); }

bool tb_backend_open(tb_backend *b, const char *resources, const char *instance_name, const char *guid,
                     tb_attachment *a, char *error) {
  return services()->open(b, resources, instance_name, guid, a, error);
}

bool tb_backend_start(tb_backend *b, uint32_t id, const tb_parameter_text *parameters, uint32_t count) {
  return services()->start(b, id, parameters, count);
}

void tb_backend_close(tb_backend *b, const tb_attachment *a) { services()->close(b, a); }

void tb_backend_describe_end(tb_backend *b, char *text, size_t size) { services()->describe_end(b, text, size); }

bool tb_backend_is_gone(const tb_backend *b) { return atomic_load_explicit(&b->gone, memory_order_acquire); }
