/* The process of an isolated FMU: its start, its answers, its end. */
#include "../far/far_internal.h"
#include "../platform/child_output.h"
#include "channel.h"
#include "isolate.h"

typedef struct {
  tb_far far;
  tb_child child;
  tb_channel channel;
  tb_shared *shared;
  tb_handle shared_handle, child_wait_end, signal_end, wait_end;
  tb_output *output;
} tb_isolate;

static tb_isolate *of(tb_far *far) { return (tb_isolate *)far; }

/* How long a process may take to be gone after it has closed its connection, before it is ended. */
enum { LEAVE_NS = 1000000000 };

/* -- The end --------------------------------------------------------------------------------------------------------------- */

static void hand_over_log(tb_isolate *iso) {
  tb_log_ring *ring = &iso->shared->log;
  if (iso->far.host == NULL || atomic_load(&ring->head) == atomic_load(&ring->tail)) return;
  char texts[TB_HOST_MAX_MESSAGE];
  int32_t status;
  while (tb_log_ring_take(ring, &status, texts, sizeof texts))
    tb_host_log_text(iso->far.host, status, texts, texts + strlen(texts) + 1);
  tb_host_add_dropped(iso->far.host, atomic_exchange(&ring->dropped, 0));
}

static void note_function(tb_isolate *iso) {
  memcpy(iso->far.function, iso->shared->doing, sizeof iso->far.function);
  iso->far.function[sizeof iso->far.function - 1] = '\0';
}

static int ended(tb_isolate *iso, int status) {
  const int64_t waited = tb_monotonic_ns() - iso->far.began_ns;
  const tb_child_end end = tb_child_finish(&iso->child, status == TB_LATE ? 0 : LEAVE_NS);
  note_function(iso);
  hand_over_log(iso);
  iso->far.ending = (tb_ending){.status = status, .signal = end.signal, .code = end.known ? end.code : -1,
                                .waited_ns = waited, .function = iso->far.function, .reason = ""};
  tb_output_tail(iso->output, &iso->far.ending.output, &iso->far.ending.output_size);
  return status;
}

static int give_up(tb_far *far) {
  tb_child_kill(&of(far)->child);
  return ended(of(far), TB_CRASHED);
}

static int64_t process_of(const tb_far *far) { return ((const tb_isolate *)far)->child.pid; }

static int received(tb_isolate *iso, tb_received got) {
  switch (got) {
    case TB_RECEIVED: return 0;
    case TB_TOO_LATE: return ended(iso, TB_LATE);
    case TB_GONE: return ended(iso, TB_CRASHED);
    default: return give_up(&iso->far);
  }
}

/* -- Requests and answers -------------------------------------------------------------------------------------------------- */

static int send(tb_far *far, const uint8_t *bytes, size_t size) {
  tb_isolate *iso = of(far);
  return received(iso, tb_channel_send(&iso->channel, bytes, size, far->due_ns));
}

static int receive(tb_far *far) {
  tb_isolate *iso = of(far);
  const uint8_t *bytes = NULL;
  size_t size = 0;
  int status = received(iso, tb_channel_receive(&iso->channel, &bytes, &size, far->due_ns));
  far->answer = (tb_unpacker){bytes, size, status != 0};
  if (status == 0) hand_over_log(iso);
  return status;
}

/* -- The start ------------------------------------------------------------------------------------------------------------- */

static bool create_channel(tb_isolate *iso) {
  void *memory;
  if (!tb_shm_create(sizeof *iso->shared, &iso->shared_handle, &memory)) return false;
  iso->shared = memory;
  iso->shared->version = TB_SHARED_VERSION;
  iso->shared->size = sizeof *iso->shared;
  return tb_wake_create(&iso->child_wait_end, &iso->signal_end);
}

static bool start(tb_isolate *iso, const char *program, char *error, uint32_t error_size) {
  tb_handle child_signal_end = TB_NO_HANDLE;
  if (!create_channel(iso) || !tb_wake_create(&iso->wait_end, &child_signal_end)) {
    snprintf(error, error_size, "cannot start '%s': no memory, or no file descriptors are left", program);
    return false;
  }
  tb_make_executable(program);
  /* The child's waiting end stays open here: so signalling one that is gone does no harm. Its signalling end does not: so
     waiting for one that is gone ends. */
  const tb_handle given[TB_CHILD_HANDLES] = {iso->shared_handle, iso->child_wait_end, child_signal_end};
  const tb_child_command command = {.program = program, .handles = given};
  const bool started = tb_child_start(&iso->child, &command, error, error_size);
  tb_handle_close(child_signal_end);
  if (!started) return false;
  tb_channel_init(&iso->channel, &iso->shared->request, &iso->shared->answer, iso->wait_end, iso->signal_end);
  iso->channel.other = iso->child.process;
  iso->channel.child = &iso->child;
  iso->output = tb_output_start(&iso->child, NULL);
  if (iso->output != NULL) return true;
  tb_child_finish(&iso->child, 0);
  tb_child_close(&iso->child);
  snprintf(error, error_size, "cannot start '%s': out of memory", program);
  return false;
}

static void destroy(tb_isolate *iso) {
  if (iso->shared != NULL) tb_shm_unmap(iso->shared, sizeof *iso->shared);
  tb_handle_close(iso->shared_handle);
  tb_handle_close(iso->child_wait_end);
  tb_handle_close(iso->signal_end);
  tb_handle_close(iso->wait_end);
  tb_channel_destroy(&iso->channel);
  tb_far_destroy(&iso->far);
  free(iso);
}

static void end(tb_far *far, bool idle);

static const tb_carrier carrier = {send, receive, give_up, end, process_of};

tb_library *tb_library_isolate(const char *program, const char *path, int fmi, const char *identifier,
                               int64_t start_ns, int64_t step_ns, char *error, uint32_t error_size) {
  tb_isolate *iso = calloc(1, sizeof *iso);
  tb_library *library =
      iso == NULL ? NULL : tb_far_library(&iso->far, &carrier, fmi, identifier, start_ns, step_ns);
  if (library == NULL) {
    free(iso);
    snprintf(error, error_size, "cannot start '%s': out of memory", program);
    return NULL;
  }
  iso->shared_handle = iso->child_wait_end = iso->signal_end = iso->wait_end = TB_NO_HANDLE;
  if (!start(iso, program, error, error_size)) {
    destroy(iso);
    free(library);
    return NULL;
  }
  int status = tb_far_load(library, path, identifier, error, error_size);
  if (status == 0 || status >= TB_CRASHED) return library;
  tb_library_unload(library);
  return NULL;
}

static void end(tb_far *far, bool idle) {
  tb_isolate *iso = of(far);
  if (far->ending.status == 0) {
    if (idle) {
      far->request.size = 0;
      tb_pack_command(&far->request, TB_DO_LEAVE, 0, 0, 0);
      tb_far_send(far, TB_FREE_NS);
    }
    if (far->ending.status == 0) tb_child_finish(&iso->child, idle ? TB_FREE_NS : 0);
  }
  tb_output_stop(iso->output);
  tb_child_close(&iso->child);
  destroy(iso);
}
