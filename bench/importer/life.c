/* Start-up, and what the running thing takes. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "samples.h"
#include "scenarios.h"

/* → init: ns from fmi2Instantiate to the return of fmi2ExitInitializationMode, one value */
void run_init(const fmu *f, const options *o) {
  (void)o;
  samples inits = samples_new("init", 1);
  int64_t before = now_ns();
  fmi2Component c = fmu_start(f, "init");
  samples_add(&inits, now_ns() - before);
  samples_print(&inits);
  fmu_print_counts(f, c);
  fmu_end(f, c);
}

/*
 * Instances at work for a while; then says so with a line on stderr and holds still until stdin ends, so that the
 * benchmark can look at the backend process.
 *
 * instances: how many; step: s; period: between two steps, ms of real time; count: steps; lag as in run_paced.
 */
void run_hold(const fmu *f, const options *o) {
  enum { MOST_INSTANCES = 64 };
  variables reals = option_variables(o, "reals"), integers = option_variables(o, "integers");
  const int n = (int)option_number(o, "instances");
  const double step = option_number(o, "step"), period_ms = option_number(o, "period");
  const size_t count = (size_t)option_number(o, "count");
  fmi2Component instances[MOST_INSTANCES];
  if (n < 1 || n > MOST_INSTANCES) fail("instances=%d, expected 1 to %d", n, MOST_INSTANCES);

  for (int i = 0; i < n; i++) {
    char name[32];
    snprintf(name, sizeof name, "hold%d", i);
    instances[i] = fmu_start(f, name);
  }
  const int64_t start = now_ns() + (int64_t)(option_number(o, "lag") * NS_PER_MS);
  for (size_t k = 0; k < count; k++) {
    sleep_until(start + (int64_t)((double)k * period_ms * NS_PER_MS));
    for (int i = 0; i < n; i++) {
      fmu_step(f, instances[i], (double)k * step, step);
      fmu_read(f, instances[i], &reals, &integers);
    }
  }
  fputs("holding\n", stderr);
  while (getchar() != EOF) {
  }
  fmu_print_counts(f, instances[0]);
  for (int i = 0; i < n; i++) fmu_end(f, instances[i]);
}
