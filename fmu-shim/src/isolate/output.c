/*
 * The output of an FMU's process, read by a thread of its own: the FMU never waits for a reader, and what it writes shows at
 * once.
 */
#include "isolate_internal.h"

enum { TAIL_BYTES = 4096, READ_BYTES = 4096 };

/* How long the end of the output is waited for when the process is gone: what it has started may hold its other end. */
enum { DRAIN_NS = 200000000, LOOK_EVERY_NS = 500000 };

struct tb_output {
  const tb_child *child;
  tb_thread *thread;
  tb_mutex *lock;
  _Atomic bool over;
  uint64_t written; /* in all */
  char tail[TAIL_BYTES]; /* a ring */
  char copy[TAIL_BYTES];
};

static void keep(tb_output *output, const char *bytes, size_t size) {
  tb_lock(output->lock);
  for (size_t k = 0; k < size; k++) output->tail[(output->written + k) % TAIL_BYTES] = bytes[k];
  output->written += size;
  tb_unlock(output->lock);
}

static void read_output(void *argument) {
  tb_output *output = argument;
  char bytes[READ_BYTES];
  for (size_t size; (size = tb_child_read_output(output->child, bytes, sizeof bytes)) > 0;) {
    keep(output, bytes, size);
    tb_write_stderr(bytes, size);
  }
  atomic_store(&output->over, true);
}

tb_output *tb_output_start(const tb_child *child) {
  tb_output *output = calloc(1, sizeof *output);
  if (output == NULL) return NULL;
  output->child = child;
  output->lock = tb_mutex_create();
  if (output->lock != NULL) output->thread = tb_thread_start(read_output, output);
  if (output->thread != NULL) return output;
  if (output->lock != NULL) tb_mutex_destroy(output->lock);
  free(output);
  return NULL;
}

static void drain(const tb_output *output) {
  const int64_t end = tb_monotonic_ns() + DRAIN_NS;
  while (!atomic_load(&output->over) && tb_monotonic_ns() < end) tb_sleep_ns(LOOK_EVERY_NS);
}

void tb_output_tail(tb_output *output, const char **bytes, uint64_t *size) {
  drain(output);
  tb_lock(output->lock);
  const uint64_t kept = output->written < TAIL_BYTES ? output->written : TAIL_BYTES;
  for (uint64_t k = 0; k < kept; k++) output->copy[k] = output->tail[(output->written - kept + k) % TAIL_BYTES];
  tb_unlock(output->lock);
  *bytes = output->copy;
  *size = kept;
}

void tb_output_stop(tb_output *output) {
  drain(output);
  while (!atomic_load(&output->over)) { /* it may be between two reads */
    tb_child_stop_output(output->child);
    tb_sleep_ns(LOOK_EVERY_NS);
  }
  tb_thread_join(output->thread);
  tb_mutex_destroy(output->lock);
  free(output);
}
