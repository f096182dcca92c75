#include "host_log.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../platform/platform.h"

typedef struct {
  uint32_t size; /* of header and texts */
  int32_t status;
  double time;
} record_header;

struct tb_host_environment {
  fmi2CallbackFunctions callbacks;
  tb_mutex *lock;
  const volatile double *time;
  volatile int32_t *attention;
  volatile uint32_t pending; /* bytes in the queue; written under the lock */
  uint32_t head;             /* where the oldest record begins */
  uint32_t capacity;
  uint64_t dropped;
  tb_host_sink *sink; /* NULL: the queue */
  void *sink_context;
  uint8_t queue[]; /* a ring of bytes: a record may go on at the beginning */
};

/* Written by the thread that makes steps, read by whatever thread an FMU logs from. */
static double tb_load_time(const volatile double *time) {
  uint64_t bits = __atomic_load_n((const volatile uint64_t *)(const volatile void *)time, __ATOMIC_RELAXED);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void write_bytes(tb_host_environment *env, uint32_t at, const void *bytes, uint32_t size) {
  uint32_t until_end = env->capacity - at;
  uint32_t first = size < until_end ? size : until_end;
  memcpy(env->queue + at, bytes, first);
  memcpy(env->queue, (const uint8_t *)bytes + first, size - first);
}

static void read_bytes(const tb_host_environment *env, uint32_t at, void *bytes, uint32_t size) {
  uint32_t until_end = env->capacity - at;
  uint32_t first = size < until_end ? size : until_end;
  memcpy(bytes, env->queue + at, first);
  memcpy((uint8_t *)bytes + first, env->queue, size - first);
}

static uint32_t oldest_size(const tb_host_environment *env) {
  record_header header;
  read_bytes(env, env->head, &header, sizeof header);
  return header.size;
}

static void remove_oldest(tb_host_environment *env, uint32_t size) {
  env->head = (env->head + size) % env->capacity;
  env->pending -= size;
}

static void push(tb_host_environment *env, int32_t status, const char *texts, uint32_t texts_size) {
  record_header header = {(uint32_t)sizeof header + texts_size, status, NAN};
  if (env->time != NULL) header.time = tb_load_time(env->time);
  tb_lock(env->lock);
  if (env->sink != NULL) {
    env->sink(env->sink_context, status, texts, texts_size);
    tb_unlock(env->lock);
    return;
  }
  while (env->capacity - env->pending < header.size) {
    remove_oldest(env, oldest_size(env));
    env->dropped++;
  }
  uint32_t tail = (env->head + env->pending) % env->capacity;
  write_bytes(env, tail, &header, sizeof header);
  write_bytes(env, (tail + (uint32_t)sizeof header) % env->capacity, texts, texts_size);
  env->pending += header.size;
  if (env->attention != NULL) __atomic_store_n(env->attention, 1, __ATOMIC_RELAXED);
  tb_unlock(env->lock);
}

void tb_host_vlog(tb_host_environment *environment, int32_t status, const char *category, const char *format,
                  va_list arguments) {
  char texts[TB_HOST_MAX_MESSAGE];
  int category_size = snprintf(texts, 256, "%s", category == NULL ? "" : category) + 1;
  if (category_size < 1) category_size = 1, texts[0] = '\0';
  if (category_size > 256) category_size = 256;
  size_t room = sizeof texts - (size_t)category_size;
  int written = format == NULL ? 0 : vsnprintf(texts + category_size, room, format, arguments);
  if (format == NULL) texts[category_size] = '\0';
  if (written < 0) { /* the format is broken: the text itself still says something */
    written = snprintf(texts + category_size, room, "%s", format);
    if (written < 0) written = 0, texts[category_size] = '\0';
  }
  size_t message_size = (size_t)written + 1;
  if (message_size > room) message_size = room;
  push(environment, status, texts, (uint32_t)category_size + (uint32_t)message_size);
}

static void log_format(tb_host_environment *environment, int32_t status, const char *category, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  tb_host_vlog(environment, status, category, format, arguments);
  va_end(arguments);
}

void tb_host_log_text(tb_host_environment *environment, int32_t status, const char *category, const char *text) {
  log_format(environment, status, category, "%s", text == NULL ? "" : text);
}

void tb_host_log(fmi2ComponentEnvironment environment, fmi2String instanceName, fmi2Status status, fmi2String category,
                 fmi2String message, ...) {
  (void)instanceName; /* the environment tells which instance it is */
  if (environment == NULL) return;
  va_list arguments;
  va_start(arguments, message);
  tb_host_vlog(environment, (int32_t)status, category, message, arguments);
  va_end(arguments);
}

void tb_host_watch(tb_host_environment *environment, const volatile double *time, volatile int32_t *attention) {
  tb_lock(environment->lock);
  environment->time = time;
  environment->attention = attention;
  tb_unlock(environment->lock);
}

void tb_host_divert(tb_host_environment *environment, tb_host_sink *sink, void *context) {
  tb_lock(environment->lock);
  environment->sink = sink;
  environment->sink_context = context;
  tb_unlock(environment->lock);
}

void tb_host_add_dropped(tb_host_environment *environment, uint64_t count) {
  if (count == 0) return;
  tb_lock(environment->lock);
  environment->dropped += count;
  tb_unlock(environment->lock);
}

static void *allocate(size_t count, size_t size) { return calloc(count, size); }

tb_host_environment *tb_host_create(uint32_t capacity) {
  /* The largest record must fit into an empty queue. */
  uint32_t least = TB_HOST_MAX_MESSAGE + (uint32_t)sizeof(record_header);
  if (capacity < least) capacity = least;
  /* The queue is not cleared: a thousand instances have 64 MB of it, and few use a page. */
  tb_host_environment *env = malloc(sizeof *env + capacity);
  if (env != NULL) memset(env, 0, sizeof *env);
  if (env != NULL && (env->lock = tb_mutex_create()) == NULL) {
    free(env);
    env = NULL;
  }
  if (env == NULL) return NULL;
  env->callbacks = (fmi2CallbackFunctions){tb_host_log, allocate, free, NULL, env};
  env->capacity = capacity;
  return env;
}

void tb_host_destroy(tb_host_environment *environment) {
  if (environment == NULL) return;
  tb_mutex_destroy(environment->lock);
  free(environment);
}

const fmi2CallbackFunctions *tb_host_callbacks(tb_host_environment *environment) { return &environment->callbacks; }

const volatile uint32_t *tb_host_pending(tb_host_environment *environment) { return &environment->pending; }

uint32_t tb_host_take(tb_host_environment *environment, uint8_t *buffer, uint32_t size, uint64_t *dropped) {
  uint32_t taken = 0;
  tb_lock(environment->lock);
  while (environment->pending > 0) {
    uint32_t record = oldest_size(environment);
    if (record > size - taken) break;
    read_bytes(environment, environment->head, buffer + taken, record);
    remove_oldest(environment, record);
    taken += record;
  }
  if (dropped != NULL) {
    *dropped = environment->dropped;
    environment->dropped = 0;
  }
  tb_unlock(environment->lock);
  return taken;
}
