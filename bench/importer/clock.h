/* CLOCK_MONOTONIC: on Linux the clock of process.hrtime(), so instants taken here and in Node can be subtracted. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline void sleep_until(int64_t instant_ns) {
  for (;;) {
    int64_t left = instant_ns - now_ns();
    if (left <= 0) return;
    struct timespec t = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    if (nanosleep(&t, NULL) != 0 && errno != EINTR) return;
  }
}

#endif
