/*
 * A bridge instance, whatever version of FMI it is reached through: values, initialisation, steps, saved states.
 */
#ifndef TB_BRIDGE_H
#define TB_BRIDGE_H

#include "../ring/region.h"

typedef struct tb_bridge tb_bridge;

typedef enum { TB_LOG_INFO, TB_LOG_WARNING, TB_LOG_ERROR } tb_log_level;
typedef void tb_log_function(void *context, tb_log_level level, const char *category, const char *text);

typedef enum {
  TB_DONE,
  TB_TIMED_OUT, /* no valid data by the deadline, and the policy is to fail: it can be tried again */
  TB_BROKEN     /* the backend is gone or could not connect: the instance is of no more use */
} tb_outcome;

/* NULL: it failed; why went to `log`. */
tb_bridge *tb_bridge_create(const char *resources, const char *instance_name, const char *guid, tb_log_function *log,
                            void *log_context);
void tb_bridge_destroy(tb_bridge *bridge);

/*
 * Initialization mode begins. Parameters may still be set in it (FMI 2.0.4, section 4.2.4; FMI 3.0.2, section 2.3.3), so
 * connecting is put off until an output is read, or that mode ends: until tb_bridge_settle.
 */
void tb_bridge_enter_initialization(tb_bridge *bridge, double start_time);
/* Connects, and waits until every output has a value, if that is still to be done. */
tb_outcome tb_bridge_settle(tb_bridge *bridge);
bool tb_bridge_is_settled(const tb_bridge *bridge);
/* Whether the bridge has to be settled before the variable is read. */
bool tb_bridge_is_computed(const tb_variable *variable);
/* Publishes changed inputs and selects the outputs of `time + step` (s). */
tb_outcome tb_bridge_step(tb_bridge *bridge, double time, double step);
/*
 * The same, but the step ends where the next sample becomes due, if that is within it: `*arrived` tells that one did,
 * `*reached` (s) where the step has ended.
 */
tb_outcome tb_bridge_step_to_arrival(tb_bridge *bridge, double time, double step, double *reached, bool *arrived);
/* Communication point (s) at which the next of the samples that wait becomes due; false: none waits, *time is DBL_MAX. */
bool tb_bridge_next_time(tb_bridge *bridge, double *time);
/*
 * Which sources' values have changed since `marks` was written last, a bit each; `marks`, zeroed at first, is brought up
 * to date. For events: it costs a look at each output.
 */
uint32_t tb_bridge_changed_sources(const tb_bridge *bridge, uint64_t marks[TB_MAX_SOURCES]);
/* End of the last step that was done, s. */
double tb_bridge_time(const tb_bridge *bridge);
/* Back to where tb_bridge_create left it; false: it is broken. */
bool tb_bridge_reset(tb_bridge *bridge);
/* Passes what the backend has to say on to the log. */
void tb_bridge_drain_log(tb_bridge *bridge);
/* One line with everything that was counted, if anything was: a warning if something was refused or lost. */
void tb_bridge_report_totals(const tb_bridge *bridge);

/* -- Values --------------------------------------------------------------------------------------------------------- */

/* Variables by value reference: one array access where value references are small, as in every FMU we build. */
const tb_variable *tb_bridge_find(const tb_bridge *bridge, uint32_t value_reference);

/* The same, of a type: variables of several types may share a value reference (FMI 2.0.4, section 2.2.7). If there is none
   of this type, one of another. */
const tb_variable *tb_bridge_find_of_type(const tb_bridge *bridge, uint32_t value_reference, tb_type type);

/* The name of a type in FMI 3.0, e.g. "Float64". */
const char *tb_type_name(tb_type type);

/* NULL: the importer may set it now; else what it is, e.g. "an output". `instantiated`: before initialization. */
const char *tb_bridge_why_not_settable(const tb_bridge *bridge, const tb_variable *variable, bool instantiated);

double tb_bridge_get_real(tb_bridge *bridge, const tb_variable *variable);
int64_t tb_bridge_get_integer(tb_bridge *bridge, const tb_variable *variable); /* integers and Boolean */
const char *tb_bridge_get_string(tb_bridge *bridge, const tb_variable *variable);

void tb_bridge_set_real(tb_bridge *bridge, const tb_variable *variable, double value);
void tb_bridge_set_integer(tb_bridge *bridge, const tb_variable *variable, int64_t value);
/* false: it is longer than the variable has room for */
bool tb_bridge_set_string(tb_bridge *bridge, const tb_variable *variable, const char *value);

/* Reads `count` scalar Real outputs at once; false: one of them is something else, and nothing was read. */
bool tb_bridge_get_real_outputs(const tb_bridge *bridge, const uint32_t *value_references, size_t count, double *values);

/* The same for arrays, too: with all their elements, `n_values` in all. */
bool tb_bridge_get_real_array_outputs(const tb_bridge *bridge, const uint32_t *value_references, size_t count,
                                      double *values, size_t n_values);

/* All elements of a variable as they lie in a row (tb_types.h). What is computed when it is read goes to `computed`. */
const uint64_t *tb_bridge_elements(tb_bridge *bridge, const tb_variable *variable, uint64_t *computed);
void tb_bridge_set_element(tb_bridge *bridge, const tb_variable *variable, uint32_t element, uint64_t value);

/* Bytes of a String or Binary, with a NUL behind them; valid until the next step or the next setting. */
const char *tb_bridge_text(tb_bridge *bridge, const tb_variable *variable, uint32_t element, size_t *length);
/* false: more than the variable has room for */
bool tb_bridge_set_text(tb_bridge *bridge, const tb_variable *variable, uint32_t element, const char *bytes,
                        size_t length);

/* -- States --------------------------------------------------------------------------------------------------------- */

typedef struct tb_bridge_state tb_bridge_state;
/* `*state` is NULL or a state of this bridge to be overwritten; false: out of memory. */
bool tb_bridge_save(tb_bridge *bridge, tb_bridge_state **state);
/* false: not a state of this bridge, or one from before a reset */
bool tb_bridge_restore(tb_bridge *bridge, const tb_bridge_state *state);
void tb_bridge_free_state(tb_bridge *bridge, tb_bridge_state *state);
size_t tb_bridge_serialized_size(const tb_bridge *bridge);
void tb_bridge_serialize(const tb_bridge *bridge, const tb_bridge_state *state, void *bytes);
/* NULL: out of memory, or the bytes are no state of an FMU with these variables */
tb_bridge_state *tb_bridge_deserialize(tb_bridge *bridge, const void *bytes, size_t size);

#endif
