/* What can be measured. Each runs to its end and prints the members of a JSON object, each behind a comma. */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

#include "fmu.h"
#include "options.h"

typedef void scenario(const fmu *f, const options *o);

/* stepping.c */
scenario run_paced, run_wake, run_absorb, run_catchup;
/* exchange.c */
scenario run_publish, run_estop;
/* life.c */
scenario run_init, run_hold;

#endif
