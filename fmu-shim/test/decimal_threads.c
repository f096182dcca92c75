/*
 * Numbers written by many threads from the first on, while the powers of ten are being computed: each must read back as
 * the double it was. To be run under ThreadSanitizer and AddressSanitizer as well as plain.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/results/decimal.h"

enum { THREADS = 8, VALUES = 50000 };

static atomic_int ready; /* threads that have started: they all begin together */

static void *write_and_read(void *seed) {
  uint64_t state = 0x9e3779b97f4a7c15u * (uint64_t)(uintptr_t)seed;
  uintptr_t wrong = 0;
  atomic_fetch_add(&ready, 1);
  while (atomic_load(&ready) < THREADS) continue;
  for (int i = 0; i < VALUES; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
    double value, read;
    memcpy(&value, &state, sizeof value);
    if (value != value) continue;
    char text[TB_NUMBER_ROOM + 1];
    *tb_write_double(text, value) = '\0';
    read = strtod(text, NULL);
    if (memcmp(&read, &value, sizeof value) == 0) continue;
    fprintf(stderr, "%a is written %s\n", value, text);
    wrong++;
  }
  return (void *)wrong;
}

int main(void) {
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, write_and_read, (void *)(i + 1));
  uintptr_t wrong = 0;
  for (int i = 0; i < THREADS; i++) {
    void *of_thread;
    pthread_join(threads[i], &of_thread);
    wrong += (uintptr_t)of_thread;
  }
  printf("decimal_threads: %d threads, %zu wrong\n", THREADS, (size_t)wrong);
  return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
