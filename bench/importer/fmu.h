/* The FMU under measurement, through the functions of FMI 2.0 that its library exports. */
#ifndef BENCH_FMU_H
#define BENCH_FMU_H

#include <stdbool.h>
#include <stdint.h>

#include "fmi2.h"
#include "options.h"

typedef struct {
  fmi2InstantiateTYPE *instantiate;
  fmi2SetupExperimentTYPE *setup_experiment;
  fmi2EnterInitializationModeTYPE *enter_initialization;
  fmi2ExitInitializationModeTYPE *exit_initialization;
  fmi2DoStepTYPE *do_step;
  fmi2GetRealTYPE *get_real;
  fmi2GetIntegerTYPE *get_integer;
  fmi2SetRealTYPE *set_real;
  fmi2SetIntegerTYPE *set_integer;
  fmi2SetBooleanTYPE *set_boolean;
  fmi2TerminateTYPE *terminate;
  fmi2FreeInstanceTYPE *free_instance;
  const char *guid, *resources;
  unsigned first_diagnostic;
} fmu;

/* What the bridge counts, in the order of src/bridge/diagnostics.ts. */
typedef enum { QUEUE_DEPTH = 1, RECEIVED, USED, SKIPPED, LATE, DROPPED, REJECTED = 9, HELD, RING_DELAY = 12 } diagnostic;

/* Options: library, resources, guid, diagnostics (value reference of the first). */
fmu fmu_load(const options *o);
/* From fmi2Instantiate to the return of fmi2ExitInitializationMode. */
fmi2Component fmu_start(const fmu *f, const char *name);
void fmu_end(const fmu *f, fmi2Component instance);

void fmu_step(const fmu *f, fmi2Component instance, double time, double step);
void fmu_read(const fmu *f, fmi2Component instance, variables *reals, variables *integers);
int fmu_count(const fmu *f, fmi2Component instance, diagnostic which);
/* Whether the newest value that is output reached the ring after `since_ns`, so that a step begun then waited for it. */
bool fmu_waited(const fmu *f, fmi2Component instance, int64_t since_ns);
/* `,"counts":{…}` of what the bridge counted */
void fmu_print_counts(const fmu *f, fmi2Component instance);

#endif
