/* Steps and the data they find, or wait for. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "clock.h"
#include "samples.h"
#include "scenarios.h"

/*
 * A master at the pace of a live stream, so far behind it that the data of a step is there when it begins.
 *
 * step: communication step size, s; period: its part of real time, ms; burst: steps made one right after the other, as
 * by a master that falls behind and hurries on; 1: each at its own time; lag: of the last step of a burst behind the
 * stream, ms; count, warmup: steps.
 * → step, read: ns of those steps that found their data; waited: number of those that did not
 */
void run_paced(const fmu *f, const options *o) {
  variables reals = option_variables(o, "reals"), integers = option_variables(o, "integers");
  const double step = option_number(o, "step"), period_ns = option_number(o, "period") * NS_PER_MS;
  const size_t burst = (size_t)option_number(o, "burst");
  const size_t count = (size_t)option_number(o, "count"), warmup = (size_t)option_number(o, "warmup");
  samples steps = samples_new("step", count), reads = samples_new("read", count);
  size_t waited = 0;

  fmi2Component c = fmu_start(f, "paced");
  const int64_t start = now_ns() + (int64_t)(option_number(o, "lag") * NS_PER_MS);
  for (size_t k = 0; k < warmup + count; k++) {
    const size_t last_of_burst = k - k % burst + burst - 1;
    sleep_until(start + (int64_t)((double)last_of_burst * period_ns));
    int64_t before = now_ns();
    fmu_step(f, c, (double)k * step, step);
    int64_t stepped = now_ns();
    fmu_read(f, c, &reals, &integers);
    int64_t read = now_ns();
    if (k < warmup) continue;
    if (fmu_waited(f, c, before)) {
      waited++;
      continue;
    }
    samples_add(&steps, stepped - before);
    samples_add(&reads, read - stepped);
  }
  samples_print(&steps);
  samples_print(&reads);
  printf(",\"waited\":%zu", waited);
  fmu_print_counts(f, c);
  fmu_end(f, c);
}

/*
 * Every step needs the next message, and waits for it. The first Real output carries the instant of publishing, us.
 *
 * step: s; count, warmup: steps. → wake: ns from publishing to the return of fmi2DoStep, of steps that waited
 */
void run_wake(const fmu *f, const options *o) {
  variables reals = option_variables(o, "reals"), integers = option_variables(o, "integers");
  const double step = option_number(o, "step");
  const size_t count = (size_t)option_number(o, "count"), warmup = (size_t)option_number(o, "warmup");
  samples wakes = samples_new("wake", count);

  fmi2Component c = fmu_start(f, "wake");
  for (size_t k = 0; k < warmup + count; k++) {
    int64_t before = now_ns();
    fmu_step(f, c, (double)k * step, step);
    int64_t stepped = now_ns();
    fmu_read(f, c, &reals, &integers);
    if (k >= warmup && fmu_waited(f, c, before)) samples_add(&wakes, stepped - (int64_t)(reals.reals[0] * 1e3));
  }
  samples_print(&wakes);
  fmu_print_counts(f, c);
  fmu_end(f, c);
}

/*
 * A queue full of messages, and steps a millisecond apart that each take all there is.
 *
 * total: messages in the queue; skip: of these, at the beginning, that are not counted, since the consumer has fetched
 * some before the first step; horizon: s that the messages' times span; timeout: s.
 * → absorb: messages per second, one value
 */
void run_absorb(const fmu *f, const options *o) {
  const int total = (int)option_number(o, "total"), skip = (int)option_number(o, "skip");
  const double horizon = option_number(o, "horizon");
  int received = 0, first_received = 0;
  int64_t first_at = 0, last_at = 0;

  fmi2Component c = fmu_start(f, "absorb");
  const int64_t deadline = now_ns() + (int64_t)(option_number(o, "timeout") * NS_PER_S);
  double time = 0, step = horizon; /* the first step goes behind all messages: each further one takes what has come */
  while (received < total) {
    fmu_step(f, c, time, step);
    time += step;
    step = 1e-3;
    received = fmu_count(f, c, RECEIVED);
    last_at = now_ns();
    if (first_at == 0 && received >= skip) {
      first_at = last_at;
      first_received = received;
    }
    if (last_at > deadline) fail("%d of %d messages within the time limit", received, total);
    sleep_until(last_at + NS_PER_MS);
  }
  printf(",\"absorb\":[%.1f]", (double)(total - first_received) * NS_PER_S / (double)(last_at - first_at));
  fmu_print_counts(f, c);
  fmu_end(f, c);
}

/*
 * A master that now and then pauses, and then makes one step to where the stream is.
 *
 * period: between two messages and between two steps, ms; count: pauses of `pause` ms; lag as in run_paced.
 * → catchup: ns of that one step, which has to output the newest message of its time
 */
void run_catchup(const fmu *f, const options *o) {
  enum { STEPS_BETWEEN = 100 };
  variables reals = option_variables(o, "reals"), integers = option_variables(o, "integers");
  const double period_ms = option_number(o, "period");
  const double period_s = period_ms / 1e3;
  const int64_t period_ns = (int64_t)(period_ms * NS_PER_MS);
  const int64_t pause_ns = (int64_t)(option_number(o, "pause") * NS_PER_MS);
  const size_t count = (size_t)option_number(o, "count");
  samples catchups = samples_new("catchup", count);

  fmi2Component c = fmu_start(f, "catchup");
  fmu_read(f, c, &reals, &integers);
  const int first_seqno = integers.integers[0];
  const int64_t start = now_ns() + (int64_t)(option_number(o, "lag") * NS_PER_MS);
  int64_t k = 0; /* communication points, in periods */
  while (catchups.count < count) {
    for (int i = 0; i < STEPS_BETWEEN; i++, k++) {
      sleep_until(start + k * period_ns);
      fmu_step(f, c, (double)k * period_s, period_s);
    }
    int64_t to = k + pause_ns / period_ns;
    sleep_until(start + to * period_ns);
    int64_t before = now_ns();
    fmu_step(f, c, (double)k * period_s, (double)(to - k) * period_s);
    int64_t stepped = now_ns();
    fmu_read(f, c, &reals, &integers);
    if (integers.integers[0] != first_seqno + to)
      fail("after a pause one step reached message %d, not %" PRId64, integers.integers[0], first_seqno + to);
    if (fmu_waited(f, c, before)) fail("the step after a pause had to wait for its data");
    samples_add(&catchups, stepped - before);
    k = to;
  }
  samples_print(&catchups);
  fmu_print_counts(f, c);
  fmu_end(f, c);
}
