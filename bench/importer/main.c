/*
 * importer <scenario> key=value…
 *
 * Prints one JSON object: lists of measured values in ns (unless a scenario says otherwise), and what the bridge counted.
 */
#include <stdio.h>
#include <string.h>

#include "scenarios.h"

static const struct {
  const char *name;
  scenario *run;
} SCENARIOS[] = {
    {"paced", run_paced},     {"wake", run_wake},   {"absorb", run_absorb}, {"catchup", run_catchup},
    {"publish", run_publish}, {"estop", run_estop}, {"init", run_init},     {"hold", run_hold},
};

int main(int argc, char **argv) {
  if (argc < 2) fail("usage: importer <scenario> key=value…");
  const options o = {argc - 2, argv + 2};
  for (size_t i = 0; i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
    if (strcmp(SCENARIOS[i].name, argv[1]) != 0) continue;
    const fmu f = fmu_load(&o);
    printf("{\"scenario\":\"%s\"", argv[1]);
    SCENARIOS[i].run(&f, &o);
    puts("}");
    return 0;
  }
  fail("there is no scenario '%s'", argv[1]);
}
