/*
 * The inside of a bridge instance, shared by the files that implement it: bridge.c (life, steps), start.c
 * (initialisation), waiting.c, values.c, state.c.
 */
#ifndef TB_BRIDGE_INTERNAL_H
#define TB_BRIDGE_INTERNAL_H

#include "../selection/selection.h"
#include "backend.h"
#include "bridge.h"

#define NS_PER_S 1e9
#define TB_CATEGORY_ERROR "logStatusError"
#define TB_CATEGORY_WARNING "logStatusWarning"
#define TB_CATEGORY_EVENTS "logEvents"

/* How a value is reached, by value reference. */
typedef struct {
  uint32_t slot;
  uint32_t run;        /* scalar Real outputs from this one on whose references and slots follow one another */
  uint16_t variable;   /* index + 1; 0: there is none */
  uint8_t real_output; /* TB_SCALAR, TB_ARRAY, or 0: something else */
} tb_access;

enum { TB_SCALAR = 1, TB_ARRAY };
enum { DIRECT_ACCESS_LIMIT = 65536 };

struct tb_bridge {
  tb_region region;
  tb_attachment attachment;
  tb_backend *backend;
  tb_selection *selection;
  uint64_t *outputs; /* the selection's current values */

  tb_access *access; /* by value reference below access_size; others are searched for */
  uint32_t access_size;

  uint64_t *inputs, *published; /* by slot: as set, and as last handed to the publisher */
  char *input_strings, *published_strings;
  const tb_variable **input_variables;
  bool change_waits; /* the last step changed inputs that found no room on their way to the publisher */

  uint32_t latches[TB_MAX_LATCHES], n_latches; /* slots of latched inputs */
  uint32_t latched;                            /* those that have been true, a bit each */
  uint32_t refused;                            /* `inputs_refused` when inputs were last handed out */

  uint64_t *parameters; /* by slot */
  char **parameter_texts;

  tb_rule rule;
  int64_t timeout_ns;
  bool hold_on_timeout, send_always, send_every_step;
  uint32_t send_off_slot; /* of the input that stops publishing; UINT32_MAX: there is none */

  bool zero_known;
  int64_t time_zero_ns; /* stamp that belongs to communication point `origin_s` */
  int64_t earliest_ns;  /* a step that ends before this outputs what one that ends there does */
  double origin_s, time_s;
  int64_t step_time_ns; /* stamp that belongs to the last communication point */
  bool unsettled;   /* in initialization mode, not connected yet */
  bool initialised;
  uint64_t health_version; /* of the health message below; 0: none has come yet */
  int64_t health_cosim_ns, health_ahead_ns;
  uint32_t timeouts; /* steps in a row whose deadline has passed */

  tb_bridge_state *states; /* alive, handed to the importer */

  char *resources, *instance_name, *guid;
  tb_log_function *log;
  void *log_context;
};

/* Takes the newest health message over: what is told about it changes with steps only. */
void tb_bridge_take_health(tb_bridge *bridge);
tb_outcome tb_bridge_broken(tb_bridge *bridge); /* says why */
bool tb_bridge_is_broken(const tb_bridge *bridge);
/*
 * Sleeps until the backend has something, or until `until_ns` (monotonic), or the deadline, which starts to run at the
 * first call (*deadline_ns is 0 then): TB_TIMED_OUT. `is_there`: what else may be waited for, or NULL.
 */
tb_outcome tb_bridge_wait(tb_bridge *bridge, int64_t *deadline_ns, int64_t until_ns, bool (*is_there)(const tb_bridge *));
typedef enum {
  TB_LATE,   /* the deadline has passed */
  TB_TOO_OLD /* nothing more can come */
} tb_lack;
/* Says which values `doing` has no valid ones of at `time` (ns); by policy TB_TIMED_OUT, or TB_DONE with outputs held. */
tb_outcome tb_bridge_lacks_data(tb_bridge *bridge, const char *doing, int64_t time, tb_lack lack);
/* A line for the importer's log. */
void tb_bridge_report(const tb_bridge *bridge, tb_log_level level, const char *category, const char *format, ...);
/* Replaces a text on the heap; false: out of memory. */
bool tb_set_text(char **place, const char *text);

#endif
