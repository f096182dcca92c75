/*
 * Ends the process it runs in, or keeps it from going on: by `mode`, in the call that `where` says; in fmi2DoStep the
 * step with the number `at`, from 1. At fmi2Instantiate no parameter is set yet: an instance whose name has
 * instantiate_segfault (or _abort, _exit, _loop, _sleep) in it does it there. It says so on standard output before.
 */
#include <stdlib.h>
#define MODEL_GUID "{7d0b6a52-1c1e-4b0e-9a55-64a3f1e90207}"
#define MODEL_VARIABLES(V)   \
  V(Integer, mode, FIXED)    \
  V(Integer, where, FIXED)   \
  V(Integer, at, FIXED)      \
  V(Real, delay, FIXED)      \
  V(Integer, steps, OUTPUT)
#define MODEL_STATE bool stepping;
#define MODEL_LIVE INITIALIZATION | STEP_COMPLETE
#include "fmu2_model.h"

#if defined(_WIN32)
#include <windows.h>
static void sleep_s(double s) { Sleep((DWORD)(s * 1e3)); }
#else
#include <time.h>
static void sleep_s(double s) {
  struct timespec time = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
  while (nanosleep(&time, &time) != 0) continue;
}
#endif

/* As the enumeration types in modelDescription.xml. */
enum { WELL, SEGFAULT, ABORT, EXIT, LOOP, SLEEP, FATAL };
enum { IN_STEP, IN_INITIALIZATION, IN_GET };
static const char *const MODES[] = {"well", "segfault", "abort", "exit", "loop", "sleep", "fatal"};

static void misbehave(const model *m, int mode) {
  volatile bool for_ever = true;
  if (mode != WELL) printf("crash: %s, as asked\n", MODES[mode]); /* what an FMU should not do, and many do */
  switch (mode) {
    case SEGFAULT: *(volatile int *)NULL = 0; break;
    case ABORT: abort();
    case EXIT: exit(3);
    case LOOP: while (for_ever) continue; break;
    case SLEEP: sleep_s(m->delay); break;
  }
}

static void model_start(model *m) {
  m->at = 1;
  m->delay = 1.0;
  const instance *self = (const instance *)m; /* its first member */
  const char *asked = strstr(self->name, "instantiate_");
  for (int mode = SEGFAULT; asked != NULL && mode <= SLEEP; mode++) {
    if (strncmp(asked + strlen("instantiate_"), MODES[mode], strlen(MODES[mode])) == 0) misbehave(m, mode);
  }
}

static fmi2Status model_outputs(instance *self) {
  const model *m = &self->m;
  const bool is_here = m->where == (self->state == INITIALIZATION ? IN_INITIALIZATION : IN_GET) && !m->stepping;
  if (is_here) misbehave(m, m->mode);
  self->m.stepping = false;
  return is_here && m->mode == FATAL ? fmi2Fatal : fmi2OK;
}

static fmi2Status model_step(instance *self, double t, double h) {
  (void)t, (void)h;
  self->m.stepping = true;
  if (++self->m.steps == self->m.at && self->m.where == IN_STEP) misbehave(&self->m, self->m.mode);
  return fmi2OK;
}
