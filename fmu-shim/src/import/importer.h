/*
 * FMUs of others, of FMI 1.0, 2.0 and 3.0 for co-simulation, behind one set of functions.
 *
 * A library is loaded once for all its instances. An instance is what fmi2Instantiate and its like give, with the log
 * environment of host_log.h. Functions answer the FMU's own status, whose numbers mean the same in all versions
 * (0 OK, 1 Warning, 2 Discard, 3 Error, 4 Fatal, 5 Pending), or TB_NOT_OFFERED for a function that the library does not
 * have. The order of calls is the caller's to keep and the FMU's to check.
 *
 * An instance is used by one thread at a time.
 */
#ifndef TB_IMPORTER_H
#define TB_IMPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../host/host_log.h"
#include "storage.h"
#include "tb_api.h"

typedef enum { TB_FMI1 = 1, TB_FMI2 = 2, TB_FMI3 = 3 } tb_fmi;

enum { TB_NOT_OFFERED = -1 };

typedef struct tb_library tb_library;
typedef struct tb_instance tb_instance;

/*
 * `identifier`: the modelIdentifier, with which the names of FMI 1.0 begin. NULL: why is in `error`; where functions are
 * missing, it begins with "missing: " and lists them.
 */
TB_API tb_library *tb_library_load(const char *path, int fmi, const char *identifier, char *error, uint32_t error_size);
TB_API void tb_library_unload(tb_library *library);

typedef struct {
  const char *name;
  const char *token;     /* guid, instantiationToken */
  const char *resources; /* FMI 1.0: URI of the FMU's folder; 2.0: URI of its resources; 3.0: path of its resources */
  int32_t logging_on;
  int32_t event_mode;   /* FMI 3.0: the importer handles events */
  int32_t early_return; /* FMI 3.0: a step may end early */
} tb_instantiation;

/* `host` is to live until the instance is freed. NULL: the FMU refused, its log may tell why. */
TB_API tb_instance *tb_instance_create(tb_library *library, const char *name, const char *token, const char *resources,
                                       int logging_on, int event_mode, int early_return, tb_host_environment *host);
/* In any state but after a fatal error: then `abandon`, which leaves the FMU's memory to it. */
TB_API void tb_instance_free(tb_instance *instance, int abandon);

TB_API int tb_instance_debug_logging(tb_instance *instance, int on, uint32_t n, const char *const categories[]);
/* FMI 3.0: for structural parameters, before the initialisation. */
TB_API int tb_instance_configuration_mode(tb_instance *instance, int enter);
/* fmi2SetupExperiment belongs to it; FMI 1.0 has no such mode, and initialises when it is left. */
TB_API int tb_instance_enter_initialization(tb_instance *instance, double start, int has_stop, double stop,
                                            int has_tolerance, double tolerance);
/* FMI 3.0 with event mode: it is then in event mode. */
TB_API int tb_instance_exit_initialization(tb_instance *instance);
TB_API int tb_instance_terminate(tb_instance *instance);
TB_API int tb_instance_reset(tb_instance *instance);

/*
 * `n_values`: number of elements, more than `n` where variables are arrays. TB_TEXT: pointers that stay the FMU's and
 * are valid until its next call. TB_BYTES: the same, their lengths in `sizes` (else NULL).
 */
TB_API int tb_instance_get(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, void *values,
                           uint32_t n_values, size_t *sizes);
TB_API int tb_instance_set(tb_instance *instance, int storage, const uint32_t *vrs, uint32_t n, const void *values,
                           uint32_t n_values, const size_t *sizes);

/* What came of a step. */
typedef struct {
  double reached;      /* s; where it ended */
  int32_t early;       /* FMI 3.0: it returned early */
  int32_t event;       /* FMI 3.0: event mode is to be entered */
  int32_t terminate;   /* the FMU asks to end the simulation */
} tb_step_result;

/* A pending step is waited for. `may_go_back`: a state from before `time` may be set later. */
TB_API int tb_instance_step(tb_instance *instance, double time, double size, int may_go_back, tb_step_result *result);
/* After a discarded step: where it got to. */
TB_API int tb_instance_last_successful_time(tb_instance *instance, double *time);
/* After a discarded step: whether the FMU asks to end the simulation. */
TB_API int tb_instance_terminated(tb_instance *instance, int *terminated);
/* fmi2GetMaxStepsize, an extension of INTO-CPS. */
TB_API int tb_instance_max_step_size(tb_instance *instance, double *size);

/* -- FMI 3.0: events ------------------------------------------------------------------------------------------------- */

TB_API int tb_instance_enter_event_mode(tb_instance *instance);
TB_API int tb_instance_enter_step_mode(tb_instance *instance);
/* `next_event`: s; DBL_MAX: none is known. */
TB_API int tb_instance_update_discrete_states(tb_instance *instance, int *needs_update, int *terminate, double *next_event);
/* Of clocks: s, and whether the interval is known (0 not yet, 1 unchanged, 2 changed). */
TB_API int tb_instance_intervals(tb_instance *instance, const uint32_t *vrs, uint32_t n, double *intervals,
                                 int32_t *qualifiers);
TB_API int tb_instance_shifts(tb_instance *instance, const uint32_t *vrs, uint32_t n, double *shifts);

/* -- Derivatives ------------------------------------------------------------------------------------------------------ */

/* How unknowns change with knowns: seeds, one for each element of the knowns, and what comes of them. Not of FMUs elsewhere. */
typedef struct {
  const uint32_t *unknowns, *knowns;
  size_t n_unknowns, n_knowns;
  const double *seeds;
  double *sensitivities;
  size_t n_seeds, n_sensitivities;
} tb_derivative;
TB_API int tb_instance_directional_derivative(tb_instance *instance, const tb_derivative *derivative);

/* -- State ------------------------------------------------------------------------------------------------------------ */

/* `*state` NULL: a new one; else it is overwritten. */
TB_API int tb_instance_get_state(tb_instance *instance, void **state);
TB_API int tb_instance_set_state(tb_instance *instance, void *state);
TB_API int tb_instance_free_state(tb_instance *instance, void **state);
TB_API int tb_instance_state_size(tb_instance *instance, void *state, size_t *size);
TB_API int tb_instance_serialize_state(tb_instance *instance, void *state, uint8_t *bytes, size_t size);
TB_API int tb_instance_deserialize_state(tb_instance *instance, const uint8_t *bytes, size_t size, void **state);

/* Name of the function that was called last, for messages: "fmi2DoStep". */
TB_API const char *tb_instance_last_call(const tb_instance *instance);
TB_API int tb_instance_fmi(const tb_instance *instance);

#endif
