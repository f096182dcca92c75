/* The process of an isolated FMU: its start, its answers, its end. */
#include "isolate_internal.h"

/* How long a process may take to be gone after it has closed its connection, before it is ended. */
enum { LEAVE_NS = 1000000000 };
/* How long the kernel may take to end a process; then it is left to itself. */
#define KILL_NS INT64_C(2000000000)

/* -- The end --------------------------------------------------------------------------------------------------------------- */

static void hand_over_log(tb_isolate *iso) {
  tb_log_ring *ring = &iso->shared->log;
  if (iso->host == NULL || atomic_load(&ring->head) == atomic_load(&ring->tail)) return;
  char texts[TB_HOST_MAX_MESSAGE];
  int32_t status;
  while (tb_log_ring_take(ring, &status, texts, sizeof texts))
    tb_host_log_text(iso->host, status, texts, texts + strlen(texts) + 1);
  tb_host_add_dropped(iso->host, atomic_exchange(&ring->dropped, 0));
}

static void note_function(tb_isolate *iso) {
  memcpy(iso->function, iso->shared->doing, sizeof iso->function);
  iso->function[sizeof iso->function - 1] = '\0';
}

/* Waits until it is gone by itself, ends it and what it has started, and reaps it. */
static tb_child_end end_child(tb_isolate *iso, int64_t patience_ns) {
  const int64_t until = tb_monotonic_ns() + patience_ns;
  while (!tb_child_is_gone(&iso->child) && tb_monotonic_ns() < until) tb_sleep_ns(100000);
  tb_child_kill(&iso->child);
  tb_child_end end;
  if (!tb_child_reap(&iso->child, tb_monotonic_ns() + KILL_NS, &end)) end = (tb_child_end){0};
  return end;
}

static int ended(tb_isolate *iso, int status) {
  const int64_t waited = tb_monotonic_ns() - iso->began_ns;
  const tb_child_end end = end_child(iso, status == TB_LATE ? 0 : LEAVE_NS);
  note_function(iso);
  hand_over_log(iso);
  iso->ending = (tb_ending){.status = status, .signal = end.signal, .code = end.known ? end.code : -1,
                            .waited_ns = waited, .function = iso->function};
  tb_output_tail(iso->output, &iso->ending.output, &iso->ending.output_size);
  return status;
}

const tb_ending *tb_library_ending(tb_library *library) { return &library->isolate->ending; }
int64_t tb_library_process(const tb_library *library) { return library->isolate->child.pid; }

int tb_isolate_garbled(tb_isolate *iso) {
  tb_child_kill(&iso->child);
  return ended(iso, TB_CRASHED);
}

static int received(tb_isolate *iso, tb_received got) {
  switch (got) {
    case TB_RECEIVED: return 0;
    case TB_TOO_LATE: return ended(iso, TB_LATE);
    case TB_GONE: return ended(iso, TB_CRASHED);
    default: return tb_isolate_garbled(iso);
  }
}

/* -- Requests and answers -------------------------------------------------------------------------------------------------- */

int tb_isolate_send(tb_isolate *iso, int64_t limit_ns) {
  iso->kept = 0;
  if (iso->ending.status != 0) {
    iso->request.size = 0;
    return iso->ending.status;
  }
  iso->began_ns = tb_monotonic_ns();
  iso->due_ns = limit_ns > 0 ? iso->began_ns + limit_ns : INT64_MAX;
  const bool whole = !iso->request.failed;
  tb_received got = whole ? tb_channel_send(&iso->channel, iso->request.bytes, iso->request.size, iso->due_ns)
                          : TB_OUT_OF_MEMORY;
  iso->request.size = 0;
  iso->request.failed = false;
  return received(iso, got);
}

int tb_isolate_await(tb_isolate *iso) {
  if (iso->ending.status != 0) return iso->ending.status;
  const uint8_t *bytes = NULL;
  size_t size = 0;
  int status = received(iso, tb_channel_receive(&iso->channel, &bytes, &size, iso->due_ns));
  iso->answer = (tb_unpacker){bytes, size, status != 0};
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
  const bool started = tb_child_start(&iso->child, program, given, error, error_size);
  tb_handle_close(child_signal_end);
  if (!started) return false;
  tb_channel_init(&iso->channel, &iso->shared->request, &iso->shared->answer, iso->wait_end, iso->signal_end);
  iso->channel.other = iso->child.process;
  iso->channel.child = &iso->child;
  iso->output = tb_output_start(&iso->child);
  if (iso->output != NULL) return true;
  end_child(iso, 0);
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
  tb_packer_destroy(&iso->request);
  tb_ahead_destroy(iso);
  free(iso);
}

/* 0: it is loaded; else why it is not is in `error`, or how the process ended in `ending`. */
static int load(tb_library *library, const char *path, char *error, uint32_t error_size) {
  tb_isolate *iso = library->isolate;
  tb_pack_command(&iso->request, TB_DO_LOAD, (uint32_t)library->fmi, 0, 0);
  tb_pack_text(&iso->request, path);
  tb_pack_text(&iso->request, library->identifier);
  int status = tb_isolate_send(iso, iso->start_ns);
  if (status == 0) status = tb_isolate_await(iso);
  bool warned;
  if (status == 0) status = tb_isolate_results(iso, 1, &warned);
  if (status >= TB_CRASHED) return status;
  if (status != 0) {
    const char *why = tb_unpack_text(&iso->answer);
    if (iso->answer.failed) return tb_isolate_garbled(iso);
    snprintf(error, error_size, "%s", why == NULL ? "" : why);
    return status;
  }
  const uint64_t getters = tb_unpack_u64(&iso->answer), setters = tb_unpack_u64(&iso->answer);
  if (iso->answer.failed) return tb_isolate_garbled(iso);
  tb_isolate_set_accessors(library, (uint32_t)getters, (uint32_t)setters);
  return 0;
}

tb_library *tb_library_isolate(const char *program, const char *path, int fmi, const char *identifier,
                               int64_t start_ns, int64_t step_ns, char *error, uint32_t error_size) {
  tb_library *library = calloc(1, sizeof *library);
  tb_isolate *iso = calloc(1, sizeof *iso);
  if (library == NULL || iso == NULL) {
    free(library);
    free(iso);
    snprintf(error, error_size, "cannot start '%s': out of memory", program);
    return NULL;
  }
  library->fmi = (tb_fmi)fmi;
  library->adapter = &tb_isolate_adapter;
  library->isolate = iso;
  snprintf(library->identifier, sizeof library->identifier, "%s", identifier);
  iso->start_ns = start_ns;
  iso->step_ns = step_ns;
  iso->shared_handle = iso->child_wait_end = iso->signal_end = iso->wait_end = TB_NO_HANDLE;
  if (!start(iso, program, error, error_size)) {
    destroy(iso);
    free(library);
    return NULL;
  }
  int status = load(library, path, error, error_size);
  if (status == 0 || status >= TB_CRASHED) return library;
  tb_library_unload(library);
  return NULL;
}

void tb_isolate_detach(tb_isolate *iso) { iso->host = NULL; }

void tb_isolate_end(tb_isolate *iso) {
  if (iso->ending.status == 0) {
    /* What has an instance that was not freed, after a fatal error, is not to be called any more. */
    if (!iso->created && !iso->steps) {
      iso->request.size = 0;
      tb_pack_command(&iso->request, TB_DO_LEAVE, 0, 0, 0);
      tb_isolate_send(iso, TB_FREE_NS);
    }
    if (iso->ending.status == 0) end_child(iso, iso->created || iso->steps ? 0 : TB_FREE_NS);
  }
  tb_output_stop(iso->output);
  tb_child_close(&iso->child);
  destroy(iso);
}
