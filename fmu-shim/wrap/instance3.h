/* An instance as FMI 3.0 sees it, shared by fmi3.c, fmi3_values.c and fmi3_unsupported.c. */
#ifndef TB_WRAP_INSTANCE3_H
#define TB_WRAP_INSTANCE3_H

#include "behind.h"
#include "fmi3.h"

/* -- States (FMI 3.0.2, sections 2.3.1 and 4.2.1) -------------------------------------------------------------------------- */

typedef enum {
  INSTANTIATED = 1 << 0,
  CONFIGURATION = 1 << 1,
  INITIALIZATION = 1 << 2,
  EVENT = 1 << 3,
  STEP = 1 << 4,
  STEP_DISCARDED = 1 << 5, /* time has not moved on, so the step may also simply be tried again */
  RECONFIGURATION = 1 << 6,
  TERMINATED = 1 << 7,
  ERROR = 1 << 8,
  RESET_FAILED = 1 << 9, /* nothing is behind the instance any more: it can be reset once more, or freed */
} state;

enum {
  STEPPING = STEP | STEP_DISCARDED,
  RUNNING = EVENT | STEPPING,
  INITIALIZED = RUNNING | RECONFIGURATION | TERMINATED | ERROR,
  ANY = INSTANTIATED | CONFIGURATION | INITIALIZATION | INITIALIZED,
  INTACT = ANY & ~ERROR,
  SETTABLE = INSTANTIATED | CONFIGURATION | INITIALIZATION | RUNNING | RECONFIGURATION,
};

typedef struct {
  tb_behind *behind;
  state state;
  fmi3InstanceEnvironment environment;
  fmi3LogMessageCallback log_message;
  bool event_mode;
} tb_fmi3_instance;

/* Logs an error; its value is fmi3Error. */
fmi3Status tb_fmi3_refuse(tb_fmi3_instance *instance, const char *function, const char *why);
/* What a call in the wrong state gets: an error, and no harm. */
bool tb_fmi3_is_allowed(tb_fmi3_instance *instance, unsigned states, const char *function);

#define REQUIRE(m, states, function) \
  if (!tb_fmi3_is_allowed(m, states, function)) return fmi3Error

#endif
