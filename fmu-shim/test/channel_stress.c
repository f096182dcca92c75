/*
 * Both sides of an isolated FMU's channel in two threads: messages of all sizes arrive whole, no wake-up is lost, and log
 * messages come whole and in order, or are counted as dropped. To be run under ThreadSanitizer and AddressSanitizer as well
 * as plain.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../src/isolate/channel.h"

enum { ROUNDS = 30000, LARGE_ROUNDS = 60, LARGEST = 5 * TB_AREA_BYTES, MESSAGES = 100000, PATIENCE_S = 120 };

static uint64_t next_random(uint64_t *state) { /* xorshift64 */
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/* Now and then so long that the other side sleeps, or has just begun to. */
static void dawdle(uint64_t *random) {
  const uint64_t dice = next_random(random) % 64;
  if (dice == 0) tb_sleep_ns(200000);
  else for (volatile uint64_t k = dice * 64; k > 0; k--) continue;
}

static void fill(uint8_t *bytes, size_t size, uint8_t seed) {
  for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t)(seed + k * 7);
}

static int is_filled(const uint8_t *bytes, size_t size, uint8_t seed) {
  for (size_t k = 0; k < size; k++)
    if (bytes[k] != (uint8_t)(seed + k * 7)) return 0;
  return 1;
}

/* -- Messages: each is answered by itself, inverted -------------------------------------------------------------------------- */

static void *answer(void *data) {
  tb_channel *channel = data;
  uint64_t random = 88172645463325252u;
  static uint8_t inverted[LARGEST];
  for (;;) {
    const uint8_t *bytes;
    size_t size;
    if (tb_channel_receive(channel, &bytes, &size, INT64_MAX) != TB_RECEIVED || size == 0) return NULL;
    for (size_t k = 0; k < size; k++) inverted[k] = (uint8_t)~bytes[k];
    dawdle(&random);
    tb_channel_send(channel, inverted, size, INT64_MAX);
  }
}

static int exchange(tb_channel *channel, size_t size, uint8_t seed) {
  static uint8_t sent[LARGEST];
  fill(sent, size, seed);
  const uint8_t *came;
  size_t came_size;
  if (tb_channel_send(channel, sent, size, INT64_MAX) != TB_RECEIVED) return 1;
  if (tb_channel_receive(channel, &came, &came_size, INT64_MAX) != TB_RECEIVED || came_size != size) return 1;
  for (size_t k = 0; k < size; k++) sent[k] = (uint8_t)~came[k];
  return !is_filled(sent, size, seed);
}

static int test_messages(void) {
  tb_handle shm, wait_end[2], signal_end[2];
  void *memory;
  if (!tb_shm_create(sizeof(tb_shared), &shm, &memory)) return 1;
  for (int i = 0; i < 2; i++)
    if (!tb_wake_create(&wait_end[i], &signal_end[i])) return 1;
  tb_shared *shared = memory;
  tb_channel ours, theirs;
  const tb_child here = {.pid = getpid()};
  tb_channel_init(&ours, &shared->request, &shared->answer, wait_end[0], signal_end[1]);
  tb_channel_init(&theirs, &shared->answer, &shared->request, wait_end[1], signal_end[0]);
  ours.child = &here; /* it decides how long both look */
  pthread_t thread;
  pthread_create(&thread, NULL, answer, &theirs);
  uint64_t random = 0x9e3779b97f4a7c15u;
  int faults = 0;
  for (int k = 0; k < ROUNDS; k++) {
    faults += exchange(&ours, 1 + next_random(&random) % 200, (uint8_t)k);
    dawdle(&random);
  }
  for (int k = 0; k < LARGE_ROUNDS; k++) faults += exchange(&ours, 1 + next_random(&random) % LARGEST, (uint8_t)k);
  for (int k = -1; k <= 1; k++) faults += exchange(&ours, (size_t)(2 * TB_AREA_BYTES + k), 3);
  /* Nothing was asked: a deadline passes. */
  const uint8_t *bytes;
  size_t size;
  faults += tb_channel_receive(&ours, &bytes, &size, tb_monotonic_ns() + 1000000) != TB_TOO_LATE;
  tb_channel_send(&ours, "", 0, INT64_MAX);
  pthread_join(thread, NULL);
  /* A piece that is none. */
  shared->answer.piece = TB_AREA_BYTES + 1;
  atomic_fetch_add(&shared->answer.count, 1);
  faults += tb_channel_receive(&ours, &bytes, &size, INT64_MAX) != TB_GARBLED;
  tb_channel_destroy(&ours);
  tb_channel_destroy(&theirs);
  tb_shm_unmap(memory, sizeof *shared);
  tb_handle_close(shm);
  for (int i = 0; i < 2; i++) {
    tb_handle_close(wait_end[i]);
    tb_handle_close(signal_end[i]);
  }
  return faults;
}

/* -- Log messages ------------------------------------------------------------------------------------------------------------ */

static atomic_int all_written;

static void *write_messages(void *data) {
  tb_log_ring *ring = data;
  uint64_t random = 88172645463325252u;
  for (int n = 1; n <= MESSAGES; n++) {
    char texts[512];
    int size = snprintf(texts, sizeof texts, "category %d", n % 10) + 1;
    const int letters = (int)(next_random(&random) % 300);
    size += snprintf(texts + size, sizeof texts - (size_t)size, "%d ", n);
    memset(texts + size, 'a' + n % 26, (size_t)letters);
    size += letters;
    texts[size++] = '\0';
    tb_log_ring_add(ring, n, texts, (uint32_t)size);
    if (n % 1000 == 0) tb_sleep_ns(100000);
  }
  atomic_store(&all_written, 1);
  return NULL;
}

static int check_message(int32_t status, const char *texts, int32_t last) {
  char category[16], number[16];
  snprintf(category, sizeof category, "category %d", status % 10);
  snprintf(number, sizeof number, "%d ", status);
  if (status <= last || strcmp(texts, category) != 0) return 1;
  const char *message = texts + strlen(texts) + 1;
  if (strncmp(message, number, strlen(number)) != 0) return 1;
  for (message += strlen(number); *message != '\0'; message++)
    if (*message != 'a' + status % 26) return 1;
  return 0;
}

static int test_log(void) {
  tb_log_ring *ring = tb_aligned_alloc(64, sizeof *ring);
  pthread_t thread;
  pthread_create(&thread, NULL, write_messages, ring);
  int faults = 0;
  int32_t last = 0;
  uint64_t taken = 0, random = 0x9e3779b97f4a7c15u;
  for (;;) {
    const int over = atomic_load(&all_written);
    char texts[8192];
    int32_t status;
    while (tb_log_ring_take(ring, &status, texts, sizeof texts)) {
      faults += check_message(status, texts, last);
      last = status;
      taken++;
    }
    if (over) break;
    if (next_random(&random) % 8 == 0) tb_sleep_ns(500000);
  }
  pthread_join(thread, NULL);
  const uint64_t dropped = atomic_load(&ring->dropped);
  if (taken + dropped != MESSAGES || last != MESSAGES) faults++;
  printf("log: %llu taken, %llu dropped\n", (unsigned long long)taken, (unsigned long long)dropped);
  tb_aligned_free(ring);
  return faults;
}

int main(void) {
  alarm(PATIENCE_S); /* a wake-up that is lost is waited for in vain */
  int messages = test_messages(), log = test_log();
  printf("channel: %d faults in messages, %d in the log\n", messages, log);
  return messages + log == 0 ? 0 : 1;
}
