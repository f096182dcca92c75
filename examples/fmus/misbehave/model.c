/*
 * Everything that an importer must survive, on request: the step that ends after time `at` discards, fails, crashes and
 * so on as `mode` says; `delay` makes each step slow, `flood` sends log messages from a thread of the FMU's own while
 * the importer is inside fmi2DoStep.
 */
#include <stdlib.h>
#define MODEL_GUID "{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a05}"
#define MODEL_VARIABLES(V)      \
  V(Integer, mode, FIXED)       \
  V(Real, at, FIXED)            \
  V(Real, delay, TUNABLE)       \
  V(Integer, flood, TUNABLE)    \
  V(Integer, steps, OUTPUT)
#define MODEL_STATE int polls_left;
#define MODEL_OWN_STEP_STATUS
#include "fmu2_model.h"

#if defined(_WIN32)
#include <windows.h>
typedef HANDLE thread;
#define THREAD_FUNCTION(name) static DWORD WINAPI name(LPVOID argument)
#define THREAD_RESULT 0
static thread start_thread(LPTHREAD_START_ROUTINE run, void *argument) {
  return CreateThread(NULL, 0, run, argument, 0, NULL);
}
static void join_thread(thread t) { WaitForSingleObject(t, INFINITE), CloseHandle(t); }
static void sleep_s(double s) { Sleep((DWORD)(s * 1e3)); }
#else
#include <pthread.h>
#include <time.h>
typedef pthread_t thread;
#define THREAD_FUNCTION(name) static void *name(void *argument)
#define THREAD_RESULT NULL
static thread start_thread(void *(*run)(void *), void *argument) {
  pthread_t t;
  pthread_create(&t, NULL, run, argument);
  return t;
}
static void join_thread(thread t) { pthread_join(t, NULL); }
static void sleep_s(double s) {
  struct timespec time = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
  while (nanosleep(&time, &time) != 0) continue;
}
#endif

/* As the enumeration type in modelDescription.xml. */
enum { WELL, DISCARD, ERROR_STATUS, FATAL, CRASH, PENDING, END, FAIL_INITIALIZATION, HANG, WARNING };

static void model_start(model *m) { m->mode = WELL; }

static fmi2Status model_outputs(instance *self) {
  if (self->m.mode != FAIL_INITIALIZATION) return fmi2OK;
  LOG(self, fmi2Error, "logStatusError", "initialization fails, as asked by mode #i0#");
  return fmi2Error;
}

THREAD_FUNCTION(flood) {
  instance *self = argument;
  for (int i = 0; i < self->m.flood; i++) LOG(self, fmi2OK, "flood", "message %d of %d", i + 1, self->m.flood);
  return THREAD_RESULT;
}

static fmi2Status model_step(instance *self, double t, double h) {
  model *m = &self->m;
  if (m->delay > 0) sleep_s(m->delay);
  if (m->flood > 0) join_thread(start_thread(flood, self));
  m->steps++;
  /* Half a step of tolerance: `at` is meant as a communication point. */
  if (t + h < m->at - h / 2) return fmi2OK;
  switch (m->mode) {
    case DISCARD:
      LOG(self, fmi2Discard, "logStatusDiscard", "step to %g s discarded", t + h);
      return fmi2Discard;
    case ERROR_STATUS:
      LOG(self, fmi2Error, "logStatusError", "step to %g s failed with 100%% certainty", t + h);
      return fmi2Error;
    case FATAL:
      LOG(self, fmi2Fatal, "logStatusFatal", "step to %g s was fatal", t + h);
      return fmi2Fatal;
    case CRASH: abort();
    case PENDING:
      m->polls_left = 3;
      return fmi2Pending;
    case END:
      self->terminating = true;
      return fmi2Discard;
    case HANG: sleep_s(3600); break;
    case WARNING:
      LOG(self, fmi2Warning, "logStatusWarning", "step to %g s done with a warning", t + h);
      return fmi2Warning;
  }
  return fmi2OK;
}

fmi2Status fmi2GetStatus(fmi2Component c, fmi2StatusKind kind, fmi2Status *value) {
  ENTER("fmi2GetStatus", STEP_COMPLETE | STEP_FAILED | TERMINATED);
  if (kind != fmi2DoStepStatus) return fmi2Discard;
  *value = self->m.polls_left-- > 0 ? fmi2Pending : fmi2OK;
  return fmi2OK;
}
