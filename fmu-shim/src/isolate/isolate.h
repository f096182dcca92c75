/*
 * FMUs in processes of their own: what importer.h offers for FMUs of this process, for one that is loaded by the program
 * twinbridge-isolate. It may crash or hang, and the importer goes on.
 *
 * tb_library_isolate starts the process and has it load the library; its one instance is made with tb_instance_create and
 * used like any other. Values that a step plan sets are kept and go along with the next call that needs an answer; the
 * values that were read after the steps before come along with the answer to a step: a step costs one round trip.
 */
#ifndef TB_ISOLATE_H
#define TB_ISOLATE_H

#include "../import/importer_internal.h"

/* What a call on an instance answers whose process has ended by itself, or did not answer in time and was ended. */
enum { TB_CRASHED = 1001, TB_LATE = 1002 };

/* How a process ended. */
typedef struct {
  int32_t status;    /* TB_CRASHED, TB_LATE; 0: it is alive */
  int32_t signal;    /* that ended it; 0: none */
  int64_t code;      /* that it exited with; -1: that is not known */
  int64_t waited_ns; /* for the answer */
  const char *function; /* of the FMU that was being called; empty: none */
  const char *output;   /* what it wrote last to standard output and error; not terminated */
  uint64_t output_size;
} tb_ending;

/*
 * As tb_library_load. `start_ns`: how long loading, instantiation, initialisation and their like may take each; `step_ns`:
 * any call between; 0: as long as they like. NULL: the process cannot be started (`error` begins with "cannot start"), or
 * the library cannot be loaded. If the process has ended meanwhile, there is a library, and tb_library_ending tells.
 */
TB_API tb_library *tb_library_isolate(const char *program, const char *path, int fmi, const char *identifier,
                                      int64_t start_ns, int64_t step_ns, char *error, uint32_t error_size);
TB_API const tb_ending *tb_library_ending(tb_library *library);
/* Number of the process that has loaded the library. */
TB_API int64_t tb_library_process(const tb_library *library);

/* Of importer.c: ends the process, in order if its instance was freed. */
void tb_isolate_end(tb_isolate *isolate);
/* The instance is about to go, and its log environment with it. */
void tb_isolate_detach(tb_isolate *isolate);
int tb_isolate_get(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, void *values, uint32_t n_values,
                   size_t *sizes);
int tb_isolate_set(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, const void *values,
                   uint32_t n_values, const size_t *sizes);

/* Of step plans: a step is begun here and its result taken there, and meanwhile other components make theirs. */
static inline bool tb_is_isolated(const tb_instance *instance) { return instance->library->isolate != NULL; }
int tb_isolate_begin_step(tb_instance *instance, double time, double size, int may_go_back);
/* `took_ns`: by the FMU. */
int tb_isolate_end_step(tb_instance *instance, tb_step_result *result, uint64_t *took_ns);

#endif
