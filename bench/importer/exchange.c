/* Inputs, and what the peers on the broker get of them. */
#include <math.h>
#include <stdio.h>

#include "clock.h"
#include "samples.h"
#include "scenarios.h"

/*
 * Every input changes with every step; the first carries the instant before fmi2DoStep is called, us. The receiver
 * measures, so nothing but counts is printed here.
 *
 * step: s; period: between two steps, ms of real time; count: steps.
 */
void run_publish(const fmu *f, const options *o) {
  variables inputs = option_variables(o, "inputs");
  const double step = option_number(o, "step"), period_ms = option_number(o, "period");
  const size_t count = (size_t)option_number(o, "count");
  samples steps = samples_new("step", count);

  fmi2Component c = fmu_start(f, "publish");
  const int64_t start = now_ns();
  for (size_t k = 0; k < count; k++) {
    for (size_t i = 1; i < inputs.count; i++) inputs.reals[i] = (double)k + (double)i / 100;
    sleep_until(start + (int64_t)((double)k * period_ms * NS_PER_MS));
    int64_t before = now_ns();
    inputs.reals[0] = (double)before / 1e3;
    if (f->set_real(c, inputs.references, inputs.count, inputs.reals) != fmi2OK) fail("fmi2SetReal failed");
    fmu_step(f, c, (double)k * step, step);
    samples_add(&steps, now_ns() - before);
  }
  samples_print(&steps);
  fmu_end(f, c);
}

/*
 * The monitor of an emergency stop: each step waits for the robot's next message; the decision is set as an input, and
 * the step begun right after it publishes.
 *
 * reals: x, y, obstacle_x, obstacle_y; integers: seqno; stop, reply_to: value references of the inputs; step: s;
 * count: steps. The robot measures.
 */
void run_estop(const fmu *f, const options *o) {
  variables reals = option_variables(o, "reals"), integers = option_variables(o, "integers");
  const unsigned stop_reference = (unsigned)option_number(o, "stop");
  const unsigned reply_reference = (unsigned)option_number(o, "reply_to");
  const double step = option_number(o, "step"), safe_distance_m = option_number(o, "safe_distance");
  const size_t count = (size_t)option_number(o, "count");

  fmi2Component c = fmu_start(f, "estop");
  for (size_t k = 0; k < count; k++) {
    fmu_step(f, c, (double)k * step, step);
    fmu_read(f, c, &reals, &integers);
    const double distance = hypot(reals.reals[2] - reals.reals[0], reals.reals[3] - reals.reals[1]);
    const fmi2Boolean stop = distance < safe_distance_m;
    if (f->set_boolean(c, &stop_reference, 1, &stop) != fmi2OK) fail("fmi2SetBoolean failed");
    if (f->set_integer(c, &reply_reference, 1, integers.integers) != fmi2OK) fail("fmi2SetInteger failed");
  }
  fmu_print_counts(f, c);
  fmu_end(f, c);
}
