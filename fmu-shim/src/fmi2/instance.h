/* An instance as FMI 2.0 sees it, shared by the files of this folder. */
#ifndef TB_FMI2_INSTANCE_H
#define TB_FMI2_INSTANCE_H

#include <stdbool.h>

#include "../bridge/bridge.h"
#include "../fmi/log_filter.h"
#include "fmi2.h"

/* -- States (FMI 2.0.4, section 4.2.4) ------------------------------------------------------------------------------ */

typedef enum {
  INSTANTIATED = 1 << 0,
  INITIALIZATION = 1 << 1,
  STEP_COMPLETE = 1 << 2,
  STEP_FAILED = 1 << 3, /* a step was discarded: time has not moved on, so it may also simply be tried again */
  TERMINATED = 1 << 4,
  ERROR = 1 << 5,
  RESET_FAILED = 1 << 6, /* nothing is behind the instance any more: it can be reset once more, or freed */
} state;

enum {
  STEPPING = STEP_COMPLETE | STEP_FAILED,
  READABLE = INITIALIZATION | STEPPING | TERMINATED | ERROR,
  ANY = INSTANTIATED | READABLE,
};

typedef struct {
  tb_bridge *bridge;
  state state;
  char *name;
  fmi2CallbackFunctions callbacks;
  tb_log_filter log;
  double start_time;
} instance;

const char *tb_fmi2_state_name(state s);

/* Logs an error; its value is fmi2Error. */
fmi2Status tb_fmi2_fail(instance *m, const char *format, ...);

/* What a call in the wrong state gets: an error, and no harm. */
bool tb_fmi2_allowed(instance *m, unsigned states, const char *function);

/* tb_bridge_settle; false: it failed, and the instance is in the error state. */
bool tb_fmi2_settle(instance *m);

#define REQUIRE(m, states, function) \
  if (!tb_fmi2_allowed(m, states, function)) return fmi2Error

#endif
