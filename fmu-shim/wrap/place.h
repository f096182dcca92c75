/*
 * What the resources of a wrapped FMU say (src/remote/wrap writes them), and what the environment says otherwise.
 *
 * wrapped.txt: what it is. Lines: `twinbridge-wrapped 1`; `guid TOKEN`, its own; `source URI`, for whoever reads it; `fmi 1|2|3`,
 * `identifier NAME` and `token TOKEN` of the FMU behind it; `variable …` (variables.h).
 *
 * target.txt: where the FMU behind it runs, to be changed by whoever moves it. In a process of its own on this machine: lines
 * `program TUPLE PATH` and `library TUPLE PATH`, one of each a platform, `folder PATH` and `resources PATH`. By a proxyfmu
 * that is started here: `program TUPLE PATH`, `keeper TUPLE PATH`, `fmu PATH`. Else the lines of remote/remote.h. Paths are relative to the
 * resources. In all: `start-ms`, `step-ms`.
 */
#ifndef TB_WRAP_PLACE_H
#define TB_WRAP_PLACE_H

#include <stdint.h>

#include "lines.h"
#include "variables.h"

typedef struct {
  char *guid, *identifier, *token;
  int fmi;
  tb_variables variables;

  bool here; /* in a process of its own on this machine: */
  char *program, *library, *keeper;
  char *resources; /* as the FMU behind it wants to be told where they are; NULL: elsewhere, that is known there */
  tb_text target; /* else: for tb_library_connect */
  int64_t start_ms, step_ms;
} tb_place;

/* Of the FMU whose resources are in the folder; false: why is in `error`. */
bool tb_place_read(tb_place *place, const char *resources, const char *instance, char *error, size_t error_size);
void tb_place_destroy(tb_place *place);

#endif
