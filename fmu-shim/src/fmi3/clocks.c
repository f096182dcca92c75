/* The clocks that tick when a source's data arrive (FMI 3.0.2, section 2.2.9). They are outputs, and triggered. */
#include "instance.h"

void tb_fmi3_note_arrivals(instance *m) { m->clocks = tb_bridge_changed_sources(m->bridge, m->marks); }

static const tb_variable *find_clock(instance *m, const char *function, fmi3ValueReference vr) {
  const tb_variable *v = tb_bridge_find(m->bridge, vr);
  if (v != NULL && v->type == TB_CLOCK) return v;
  tb_fmi3_fail(m, "%s: there is no clock with value reference %u", function, vr);
  return NULL;
}

fmi3Status fmi3GetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Clock values[]) {
  instance *m = c;
  REQUIRE(m, GetClock);
  if (nvr > 0 && (vr == NULL || values == NULL)) return tb_fmi3_fail(m, "fmi3GetClock: an array is missing");
  for (size_t i = 0; i < nvr; i++) {
    const tb_variable *v = find_clock(m, "fmi3GetClock", vr[i]);
    if (v == NULL) return fmi3Error;
    values[i] = m->state == EVENT && (m->clocks >> v->slot & 1);
  }
  return fmi3OK;
}

fmi3Status fmi3SetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Clock values[]) {
  instance *m = c;
  REQUIRE(m, SetClock);
  if (nvr == 0) return fmi3OK;
  if (vr == NULL || values == NULL) return tb_fmi3_fail(m, "fmi3SetClock: an array is missing");
  if (find_clock(m, "fmi3SetClock", vr[0]) == NULL) return fmi3Error;
  return tb_fmi3_fail(m, "fmi3SetClock: the clock with value reference %u is an output", vr[0]);
}

/* -- Intervals and shifts: a triggered clock has none -------------------------------------------------------------------- */

static fmi3Status no_interval(fmi3Instance c, const char *function, const fmi3ValueReference vr[], size_t nvr) {
  instance *m = c;
  if (m == NULL) return fmi3Error;
  if (nvr == 0) return fmi3OK;
  if (vr == NULL) return tb_fmi3_fail(m, "%s: an array is missing", function);
  if (find_clock(m, function, vr[0]) == NULL) return fmi3Error;
  return tb_fmi3_fail(m, "%s: the clock with value reference %u is triggered, it has no interval", function, vr[0]);
}

fmi3Status fmi3GetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 intervals[],
                                  fmi3IntervalQualifier qualifiers[]) {
  (void)intervals;
  (void)qualifiers;
  return no_interval(c, "fmi3GetIntervalDecimal", vr, nvr);
}

fmi3Status fmi3GetIntervalFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3UInt64 counters[],
                                   fmi3UInt64 resolutions[], fmi3IntervalQualifier qualifiers[]) {
  (void)counters;
  (void)resolutions;
  (void)qualifiers;
  return no_interval(c, "fmi3GetIntervalFraction", vr, nvr);
}

fmi3Status fmi3GetShiftDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 shifts[]) {
  (void)shifts;
  return no_interval(c, "fmi3GetShiftDecimal", vr, nvr);
}

fmi3Status fmi3GetShiftFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3UInt64 counters[],
                                fmi3UInt64 resolutions[]) {
  (void)counters;
  (void)resolutions;
  return no_interval(c, "fmi3GetShiftFraction", vr, nvr);
}

fmi3Status fmi3SetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                  const fmi3Float64 intervals[]) {
  (void)intervals;
  return no_interval(c, "fmi3SetIntervalDecimal", vr, nvr);
}

fmi3Status fmi3SetIntervalFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr,
                                   const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]) {
  (void)counters;
  (void)resolutions;
  return no_interval(c, "fmi3SetIntervalFraction", vr, nvr);
}

fmi3Status fmi3SetShiftDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Float64 shifts[]) {
  (void)shifts;
  return no_interval(c, "fmi3SetShiftDecimal", vr, nvr);
}

fmi3Status fmi3SetShiftFraction(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3UInt64 counters[],
                                const fmi3UInt64 resolutions[]) {
  (void)counters;
  (void)resolutions;
  return no_interval(c, "fmi3SetShiftFraction", vr, nvr);
}
