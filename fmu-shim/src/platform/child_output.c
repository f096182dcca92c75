#include "child_output.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_BYTES = 4096, READ_BYTES = 4096, LINE_BYTES = 512 };

/* How long the end of the output is waited for when the process is gone: what it has started may hold its other end. */
enum { DRAIN_NS = 200000000, LOOK_EVERY_NS = 500000, NOTICE_EVERY_NS = 100000 };

struct tb_output {
  const tb_child *child;
  tb_thread *thread;
  tb_mutex *lock;
  _Atomic bool over;
  uint64_t written; /* in all */
  char tail[TAIL_BYTES]; /* a ring */
  char copy[TAIL_BYTES];

  const char *notices;
  char line[LINE_BYTES]; /* the one that is being read, as far as it may be a notice */
  size_t in_line;
  bool passes; /* it is none: what is left of it is shown as it comes */
  char notice[LINE_BYTES];
  _Atomic bool noticed;
};

static void keep(tb_output *output, const char *bytes, size_t size) {
  tb_lock(output->lock);
  for (size_t k = 0; k < size; k++) output->tail[(output->written + k) % TAIL_BYTES] = bytes[k];
  output->written += size;
  tb_unlock(output->lock);
}

static void show(tb_output *output, const char *bytes, size_t size) {
  keep(output, bytes, size);
  tb_write_stderr(bytes, size);
}

static void take_notice(tb_output *output) {
  if (atomic_load(&output->noticed)) return;
  const size_t begin = strlen(output->notices);
  const size_t size = output->in_line - begin;
  memcpy(output->notice, output->line + begin, size);
  output->notice[size] = '\0';
  atomic_store(&output->noticed, true);
}

/* Shows what cannot be a notice; answers how many of the bytes it has dealt with. */
static size_t sift(tb_output *output, const char *bytes, size_t size) {
  if (output->passes) {
    const char *end = memchr(bytes, '\n', size);
    const size_t part = end == NULL ? size : (size_t)(end - bytes) + 1;
    show(output, bytes, part);
    output->passes = end == NULL;
    return part;
  }
  const size_t begin = strlen(output->notices);
  const char byte = *bytes;
  if (output->in_line >= begin && (byte == '\n' || output->in_line == LINE_BYTES - 1)) {
    take_notice(output);
    output->in_line = 0;
    return 1;
  }
  if (output->in_line >= begin || byte == output->notices[output->in_line]) {
    output->line[output->in_line++] = byte;
    return 1;
  }
  show(output, output->line, output->in_line);
  output->in_line = 0;
  output->passes = true;
  return 0;
}

static void read_output(void *argument) {
  tb_output *output = argument;
  char bytes[READ_BYTES];
  for (size_t size; (size = tb_child_read_output(output->child, bytes, sizeof bytes)) > 0;) {
    if (output->notices == NULL) show(output, bytes, size);
    else
      for (size_t at = 0; at < size;) at += sift(output, bytes + at, size - at);
  }
  atomic_store(&output->over, true);
}

tb_output *tb_output_start(const tb_child *child, const char *notices) {
  tb_output *output = calloc(1, sizeof *output);
  if (output == NULL) return NULL;
  output->child = child;
  output->notices = notices;
  output->lock = tb_mutex_create();
  if (output->lock != NULL) output->thread = tb_thread_start(read_output, output);
  if (output->thread != NULL) return output;
  if (output->lock != NULL) tb_mutex_destroy(output->lock);
  free(output);
  return NULL;
}

tb_notice tb_output_await_notice(tb_output *output, int64_t deadline_ns, char *text, size_t size) {
  for (;;) {
    const bool over = atomic_load(&output->over);
    if (atomic_load(&output->noticed)) break;
    if (over) return TB_NOTICE_OVER;
    if (tb_monotonic_ns() >= deadline_ns) return TB_NOTICE_LATE;
    tb_sleep_ns(NOTICE_EVERY_NS);
  }
  const size_t length = strlen(output->notice);
  const size_t part = length < size ? length : size - 1;
  memcpy(text, output->notice, part);
  text[part] = '\0';
  return TB_NOTICE;
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
