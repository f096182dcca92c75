/* An instance as FMI 3.0 sees it, shared by the files of this folder. */
#ifndef TB_FMI3_INSTANCE_H
#define TB_FMI3_INSTANCE_H

#include <stdbool.h>

#include "../bridge/bridge.h"
#include "../fmi/log_filter.h"
#include "fmi3.h"

/* -- States (FMI 3.0.2, sections 2.3.1 and 4.2.1) -------------------------------------------------------------------- */

typedef enum {
  INSTANTIATED = 1 << 0,
  INITIALIZATION = 1 << 1,
  EVENT = 1 << 2,
  STEP = 1 << 3,
  STEP_DISCARDED = 1 << 4, /* time has not moved on, so the step may also simply be tried again */
  TERMINATED = 1 << 5,
  ERROR = 1 << 6,
  RESET_FAILED = 1 << 7, /* nothing is behind the instance any more: it can be reset once more, or freed */
} state;

enum {
  STEPPING = STEP | STEP_DISCARDED,
  RUNNING = EVENT | STEPPING,
  INITIALIZED = RUNNING | TERMINATED | ERROR,
  ANY = INSTANTIATED | INITIALIZATION | INITIALIZED,
  INTACT = ANY & ~ERROR,
  SETTABLE = INSTANTIATED | INITIALIZATION | RUNNING,
};

/*
 * Which function may be called in which state (FMI 3.0.2, sections 2.3 and 4.2.1). Getters answer in every state: the
 * start values before initialization, the last values afterwards.
 */
#define FMI3_CALLS(each)                        \
  each(SetDebugLogging, ANY)                    \
  each(EnterInitializationMode, INSTANTIATED)   \
  each(ExitInitializationMode, INITIALIZATION)  \
  each(EnterEventMode, STEPPING)                \
  each(UpdateDiscreteStates, EVENT)             \
  each(EvaluateDiscreteStates, INITIALIZATION | EVENT) \
  each(EnterStepMode, EVENT)                    \
  each(DoStep, STEPPING)                        \
  each(Terminate, RUNNING)                      \
  each(Reset, ANY | RESET_FAILED)               \
  each(EnterConfigurationMode, INSTANTIATED | RUNNING) \
  each(ExitConfigurationMode, 0)                \
  each(GetFloat32, ANY)                         \
  each(GetFloat64, ANY)                         \
  each(GetInt8, ANY)                            \
  each(GetUInt8, ANY)                           \
  each(GetInt16, ANY)                           \
  each(GetUInt16, ANY)                          \
  each(GetInt32, ANY)                           \
  each(GetUInt32, ANY)                          \
  each(GetInt64, ANY)                           \
  each(GetUInt64, ANY)                          \
  each(GetBoolean, ANY)                         \
  each(GetString, ANY)                          \
  each(GetBinary, ANY)                          \
  each(GetClock, ANY)                           \
  each(SetFloat32, SETTABLE)                    \
  each(SetFloat64, SETTABLE)                    \
  each(SetInt8, SETTABLE)                       \
  each(SetUInt8, SETTABLE)                      \
  each(SetInt16, SETTABLE)                      \
  each(SetUInt16, SETTABLE)                     \
  each(SetInt32, SETTABLE)                      \
  each(SetUInt32, SETTABLE)                     \
  each(SetInt64, SETTABLE)                      \
  each(SetUInt64, SETTABLE)                     \
  each(SetBoolean, SETTABLE)                    \
  each(SetString, SETTABLE)                     \
  each(SetBinary, SETTABLE)                     \
  each(SetClock, INITIALIZATION | EVENT)        \
  each(GetNumberOfVariableDependencies, ANY)    \
  each(GetVariableDependencies, ANY)            \
  each(GetFMUState, INTACT)                     \
  each(SetFMUState, INTACT)                     \
  each(FreeFMUState, ANY | RESET_FAILED)        \
  each(SerializedFMUStateSize, INTACT)          \
  each(SerializeFMUState, INTACT)               \
  each(DeserializeFMUState, INTACT)

#define FMI3_CALL_ENUM(name, states) CALL_##name,
typedef enum { FMI3_CALLS(FMI3_CALL_ENUM) N_CALLS } call;
#undef FMI3_CALL_ENUM

typedef struct {
  tb_bridge *bridge;
  state state;
  char *name;
  fmi3InstanceEnvironment environment;
  fmi3LogMessageCallback log_message;
  tb_log_filter log;
  bool event_mode_used, early_return_allowed;
  double start_time;
  uint32_t clocks;              /* of the sources whose data arrived at this event, a bit each */
  uint64_t marks[TB_MAX_SOURCES]; /* by which it shows whether a source's values changed */
} instance;

const char *tb_fmi3_state_name(state s);

/* Logs an error; its value is fmi3Error. */
fmi3Status tb_fmi3_fail(instance *m, const char *format, ...);

/* What a call in the wrong state gets: an error, and no harm. */
bool tb_fmi3_allowed(instance *m, call c);

/* tb_bridge_settle; false: it failed, and the instance is in the error state. */
bool tb_fmi3_settle(instance *m);

#define REQUIRE(m, name) \
  if (!tb_fmi3_allowed(m, CALL_##name)) return fmi3Error

/* Sets the clocks of those sources whose values have changed since it was asked last. */
void tb_fmi3_note_arrivals(instance *m);

#endif
