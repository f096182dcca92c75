/*
 * FMUs elsewhere: what importer.h offers for FMUs of this process, for one that is loaded in another, on this machine
 * (isolate/isolate.h) or on any (remote/remote.h). It may crash or hang or be out of reach, and the importer goes on.
 *
 * Such a library has one instance, made with tb_instance_create and used like any other. Its calls go as commands (wire.h)
 * over a *carrier*. Values that a step plan sets are kept and go along with the next call that needs an answer; the values
 * that were read after the steps before come along with the answer to a step: a step costs one round trip.
 */
#ifndef TB_FAR_H
#define TB_FAR_H

#include "../import/importer_internal.h"

/* What a call answers when the other side is gone, or did not answer in time and was given up. */
enum { TB_CRASHED = 1001, TB_LATE = 1002 };

/* How the other side ended. */
typedef struct {
  int32_t status;    /* TB_CRASHED, TB_LATE; 0: it is alive */
  int32_t signal;    /* that ended its process; 0: none */
  int64_t code;      /* that its process exited with; -1: that is not known */
  int64_t waited_ns; /* for the answer */
  const char *function; /* of the FMU that was being called; empty: none */
  const char *output;   /* what its process wrote last to standard output and error; not terminated */
  uint64_t output_size;
  const char *reason;   /* what is wrong with the connection to it, as a sentence; empty: there is none */
} tb_ending;

TB_API const tb_ending *tb_library_ending(tb_library *library);
/* Number of the process that has loaded the library; 0: it is on another machine, or was not started from here. */
TB_API int64_t tb_library_process(const tb_library *library);

/* Of importer.c: ends the other side, in order if its instance was freed. */
void tb_far_end(tb_far *far);
/* The instance is about to go, and its log environment with it. */
void tb_far_detach(tb_far *far);
int tb_far_get(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, void *values, uint32_t n_values,
               size_t *sizes);
int tb_far_set(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, const void *values, uint32_t n_values,
               const size_t *sizes);

/* Of step plans: a step is begun here and its result taken there, and meanwhile other components make theirs. */
static inline bool tb_is_far(const tb_instance *instance) { return instance->library->far != NULL; }
int tb_far_begin_step(tb_instance *instance, double time, double size, int may_go_back);
/* `took_ns`: by the FMU; 0: the other side does not tell. */
int tb_far_end_step(tb_instance *instance, tb_step_result *result, uint64_t *took_ns);

#endif
