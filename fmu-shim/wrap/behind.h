/*
 * The FMU behind an instance of a wrapped one: an instance of its own, in a process of its own or on another machine, to
 * which fmi2.c and fmi3.c pass on what they are asked.
 *
 * Statuses are those of FMI: what there is none for becomes Error, and whenever it is Error the importer has been told why in
 * its log, in a sentence. A lost FMU is Error and not Fatal: the other instances in this process go on, and this one can be
 * reset, which starts it anew, or freed.
 */
#ifndef TB_WRAP_BEHIND_H
#define TB_WRAP_BEHIND_H

#include "../src/import/importer_internal.h"
#include "place.h"

/* As the importer's logger is to be told. */
typedef void tb_tell(void *context, int32_t status, const char *category, const char *text);

typedef struct {
  const char *name; /* of the instance */
  const char *guid; /* that the importer gives */
  bool logging_on, event_mode, early_return;
} tb_behind_how;

/* Variables that were got or set together, and in which mode. */
typedef struct {
  uint32_t mode, storage, n, n_values;
  uint32_t *vrs;
} tb_accepted;

typedef struct {
  tb_place place;
  tb_library *library;
  tb_instance *instance;
  tb_host_environment *host;
  tb_tell *tell;
  void *context;
  const char *function; /* that the importer calls */
  double time;          /* the communication point, s */
  int mode;             /* in which values are being set */
  bool has_told;        /* why there is an error, since it was called */
  bool has_told_end;
  bool initializes;     /* it is in initialisation mode; one of FMI 1.0: its initialisation is put off */
  bool abandoned;       /* a fatal error: it must not be called any more */
  uint32_t starts;      /* how often it was started: its states are of one start */
  tb_behind_how how;    /* to start it anew */
  char *name;

  uint8_t *values; /* of variables that are others than those behind it (values.c) */
  uint32_t *vrs;
  uint32_t n_values, n_vrs; /* room, in elements of 8 bytes and in references */
  void **arrays; /* what was set of arrays; NULL: not asked for yet */
  tb_accepted *accepted;
  uint32_t n_accepted, accepted_room, next_accepted;
} tb_behind;

enum { TB_OK, TB_WARNING, TB_DISCARD, TB_ERROR, TB_FATAL };

#define TB_STATUS_ERROR "logStatusError"

/* `resources`: of the wrapped FMU. NULL: it is not there, and the importer was told why. */
tb_behind *tb_behind_create(const char *resources, const tb_behind_how *how, const char *function, tb_tell *tell,
                            void *context);
void tb_behind_free(tb_behind *behind);

/* Tells of an error; TB_ERROR. */
int tb_behind_fail(tb_behind *behind, const char *format, ...);

/* On behalf of the importer's call of `function`. */
void tb_behind_begin(tb_behind *behind, const char *function);
/* Also: false after a fatal error; then it must not be called any more, and the importer was told. */
bool tb_behind_may_call(tb_behind *behind, const char *function);
/* What the importer gets of what an importer's function (importer.h) has answered. */
int tb_behind_status(tb_behind *behind, int status);
#define TB_ASK(behind, function, call) \
  (tb_behind_may_call(behind, function) ? tb_behind_status(behind, call) : TB_ERROR)
/* As TB_ASK, but what the FMU lacks is no fault: `or_else`. */
#define TB_ASK_OR(behind, function, call, or_else) \
  (tb_behind_may_call(behind, function) ? tb_behind_status_or(behind, call, or_else) : TB_ERROR)
int tb_behind_status_or(tb_behind *behind, int status, int or_else);
/* It was lost, or had a fatal error. */
bool tb_behind_is_gone(const tb_behind *behind);

/* To be asked for by TB_ASK, as tb_behind_get and tb_behind_set. */
int tb_behind_enter_initialization(tb_behind *behind, double start, bool has_stop, double stop, bool has_tolerance,
                                   double tolerance);
int tb_behind_exit_initialization(tb_behind *behind);
/* Starts anew what was lost. */
int tb_behind_reset(tb_behind *behind);

/*
 * values.c: of the wrapped FMU's variables. `sizes`: of TB_BYTES. In a `mode` other than 0, numbers that are set again, after
 * they were accepted once in this mode, go along with the next call, which then also answers for them; and values that are got
 * again come along with the step: it costs one round trip.
 */
int tb_behind_get(tb_behind *behind, tb_storage storage, const uint32_t *vrs, size_t n, void *values, size_t n_values,
                  size_t *sizes);
int tb_behind_set(tb_behind *behind, tb_storage storage, const uint32_t *vrs, size_t n, const void *values, size_t n_values,
                  const size_t *sizes, int mode);
/* What was set of arrays may be something else now: a state was set, or the FMU reset. */
void tb_behind_forget_arrays(tb_behind *behind);
void tb_behind_forget_accepted(tb_behind *behind);
void tb_behind_free_values(tb_behind *behind);

#endif
