#include "server.h"

#include <stdarg.h>

#include "../isolate/channel.h"
#include "../platform/child.h"

enum { REFUSAL_BYTES = 2048, SAID_BYTES = 1024, STRANGER_LIMIT = 4096, LONGEST_NAME = 100, MOST_MESSAGES = 4096 };

/* Where the instance is in its life. */
typedef enum { NONE, INSTANTIATED, INITIALIZING, RUNNING, TERMINATED } phase;

typedef struct {
  void *state; /* the FMU's; NULL: this index is free */
  phase phase; /* when it was saved */
} saved_state;

struct tb_remote_server {
  tb_server far; /* holds library and instance, and carries out commands */
  const tb_opened *opened;
  tb_instantiation how;
  const char *token;
  uint32_t frame_limit;
  bool logging;
  bool authenticated;
  bool commanded; /* the client sends commands; it knows itself where the instance is in its life */
  phase phase;
  bool has_failed; /* fatally: it must not be called any more */
  bool is_early;   /* FMI 1.0: it was initialised before the initialisation mode was left */
  double start, stop, tolerance;

  saved_state *states;
  uint32_t n_states;

  /* What calls are made with; grows to the largest call there was. */
  uint32_t *vrs;
  const tb_opened_variable **variables;
  size_t vrs_room;
  void *values; /* as the protocol has them: double, int32_t, uint8_t, const char * */
  size_t values_room;
  void *raw; /* as the FMU has them */
  size_t raw_room;
  char *texts;
  size_t texts_room;
  uint8_t *request; /* commands, on 8 bytes */
  size_t request_room;

  /* The call. */
  tb_thrift_reader args;
  tb_thrift_writer *out;
  const tb_thrift_message *volatile pending;
  char refusal[REFUSAL_BYTES];

  /* The FMU's log, from any of its threads. */
  tb_mutex *lock;
  bool collects; /* messages go into answers */
  tb_log_ring *log;
  char said[SAID_BYTES]; /* what it said last that was no mere information */
};

/* -- Answers ----------------------------------------------------------------------------------------------------------------- */

/* The call is answered by an exception with this sentence. */
static bool refuse(tb_remote_server *s, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(s->refusal, sizeof s->refusal, format, arguments);
  va_end(arguments);
  return false;
}

static bool no_memory(tb_remote_server *s) { return refuse(s, "there is no memory for this call"); }

static bool answer_nothing(tb_remote_server *s) {
  tb_thrift_put_stop(s->out);
  return true;
}

static bool answer_i32(tb_remote_server *s, int32_t value) {
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 0);
  tb_thrift_put_i32(s->out, value);
  return answer_nothing(s);
}

static bool answer_bool(tb_remote_server *s, bool value) {
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 0);
  tb_thrift_put_bool(s->out, value);
  return answer_nothing(s);
}

/* What the FMU said of it, for a sentence; the buffer is the server's. */
static const char *take_said(tb_remote_server *s, char *text, size_t size) {
  tb_lock(s->lock);
  if (s->said[0] == '\0') text[0] = '\0';
  else snprintf(text, size, "; it said: %s", s->said);
  s->said[0] = '\0';
  tb_unlock(s->lock);
  return text;
}

static const char *status_name(int status) {
  static const char *const NAMES[] = {"OK", "Warning", "Discard", "Error", "Fatal", "Pending"};
  return status >= 0 && status <= 5 ? NAMES[status] : "an unknown status";
}

static bool is_good(int status) { return status == 0 || status == 1; }

static const char *last_call(const tb_remote_server *s) { return tb_instance_last_call(s->far.instance); }

static void note_fatal(tb_remote_server *s, int status) {
  if (status == 4) s->has_failed = true;
}

static bool refuse_not_offered(tb_remote_server *s, const char *what) {
  return refuse(s, "the FMU %s cannot %s: its library has no function for it", s->opened->identifier, what);
}

/* Clients fail on anything but OK: a warning is none of their business, and is in the log. */
static bool answer_status(tb_remote_server *s, int status, const char *what) {
  if (status == TB_NOT_OFFERED) return refuse_not_offered(s, what);
  note_fatal(s, status);
  return answer_i32(s, is_good(status) ? 0 : status);
}

/* Of functions whose result has no place for a status. */
static bool refuse_by_status(tb_remote_server *s, int status, const char *what) {
  char said[SAID_BYTES + 16];
  if (status == TB_NOT_OFFERED) return refuse_not_offered(s, what);
  note_fatal(s, status);
  return refuse(s, "the FMU %s did not %s: %s answered %s%s", s->opened->identifier, what, last_call(s),
                status_name(status), take_said(s, said, sizeof said));
}

/* -- Arguments --------------------------------------------------------------------------------------------------------------- */

static bool next_argument(tb_remote_server *s, tb_thrift_field *field) { return tb_thrift_next_field(&s->args, field); }

static void skip_arguments(tb_remote_server *s) { tb_thrift_skip_fields(&s->args); }

static bool refuse_missing(tb_remote_server *s, const char *method, const char *argument) {
  return s->args.failed ? false : refuse(s, "%s: the argument '%s' is missing", method, argument);
}

static bool make_room(void **memory, size_t *room, size_t size) {
  if (*memory != NULL && size <= *room) return true;
  void *larger = realloc(*memory, size + size / 2 + 64);
  if (larger == NULL) return false;
  *memory = larger;
  *room = size + size / 2 + 64;
  return true;
}

static bool is_number(double value) { return value - value == 0; }

/* -- Where the instance is ----------------------------------------------------------------------------------------------------- */

static bool may_be_called(tb_remote_server *s, const char *method) {
  if (s->commanded) return refuse(s, "%s: this instance is driven by tb_commands", method);
  if (s->phase == NONE) return refuse(s, "%s: the FMU is not instantiated; call instantiate first", method);
  if (s->has_failed) {
    char said[SAID_BYTES + 16];
    return refuse(s, "%s: the FMU %s has failed fatally, and cannot be called any more%s", method, s->opened->identifier,
                  take_said(s, said, sizeof said));
  }
  return true;
}

static bool may_be_called_when(tb_remote_server *s, const char *method, phase wanted, const char *before) {
  if (!may_be_called(s, method)) return false;
  static const char *const WHERE[] = {"", "is not initialised", "is being initialised", "is running", "was terminated"};
  if (s->phase == wanted) return true;
  return refuse(s, "%s: the instance %s; %s", method, WHERE[s->phase], before);
}

/* -- Life ---------------------------------------------------------------------------------------------------------------------- */

static bool instantiate(tb_remote_server *s) {
  skip_arguments(s);
  if (s->commanded) return refuse(s, "instantiate: this instance is driven by tb_commands");
  if (s->phase != NONE) return refuse(s, "instantiate: the FMU is instantiated already; there is one instance a process");
  if (s->args.failed || !tb_remote_server_instantiate(s)) return false;
  s->phase = INSTANTIATED;
  return answer_nothing(s);
}

bool tb_remote_server_instantiate(tb_remote_server *s) {
  char said[SAID_BYTES + 16];
  const bool is_there = s->far.instance != NULL || tb_server_create_instance(&s->far, &s->how);
  s->far.doing[0] = '\0';
  if (is_there) return true;
  return refuse(s, "the FMU %s cannot be instantiated%s", s->opened->identifier, take_said(s, said, sizeof said));
}

/* fmiInitializeSlave: FMI 1.0 has no initialisation mode. */
static int initialise(tb_remote_server *s) {
  const int status = s->is_early ? 0 : tb_instance_exit_initialization(s->far.instance);
  s->is_early = is_good(status);
  return status;
}

/* Remembered: FMI 1.0 and 3.0 take it later. What is not positive is not defined. */
static bool setup_experiment(tb_remote_server *s) {
  tb_thrift_field field;
  double start = 0, stop = 0, tolerance = 0;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_DOUBLE)) start = tb_thrift_take_double(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_DOUBLE)) stop = tb_thrift_take_double(&s->args);
    else if (tb_thrift_is_field(field, 3, TB_THRIFT_DOUBLE)) tolerance = tb_thrift_take_double(&s->args);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!may_be_called_when(s, "setup_experiment", INSTANTIATED, "it comes before enter_initialization_mode")) return false;
  if (!is_number(start)) return refuse(s, "setup_experiment: %g is no start time", start);
  s->start = start;
  s->stop = is_number(stop) ? stop : 0;
  s->tolerance = is_number(tolerance) ? tolerance : 0;
  return answer_i32(s, 0);
}

static bool enter_initialization_mode(tb_remote_server *s) {
  skip_arguments(s);
  if (!may_be_called_when(s, "enter_initialization_mode", INSTANTIATED, "it comes once, after instantiate")) return false;
  const int status = tb_instance_enter_initialization(s->far.instance, s->start, s->stop > 0, s->stop, s->tolerance > 0,
                                                      s->tolerance);
  if (is_good(status)) s->phase = INITIALIZING;
  return answer_status(s, status, "be initialised");
}

static bool exit_initialization_mode(tb_remote_server *s) {
  skip_arguments(s);
  if (!may_be_called_when(s, "exit_initialization_mode", INITIALIZING, "it comes after enter_initialization_mode"))
    return false;
  const int status = initialise(s);
  s->is_early = false;
  if (is_good(status)) s->phase = RUNNING;
  return answer_status(s, status, "be initialised");
}

static bool step(tb_remote_server *s) {
  tb_thrift_field field;
  double time = 0, size = 0;
  bool has_time = false, has_size = false;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_DOUBLE)) time = tb_thrift_take_double(&s->args), has_time = true;
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_DOUBLE)) size = tb_thrift_take_double(&s->args), has_size = true;
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!has_time) return refuse_missing(s, "step", "currentTime");
  if (!has_size) return refuse_missing(s, "step", "stepSize");
  if (!may_be_called_when(s, "step", RUNNING, "steps come between exit_initialization_mode and terminate")) return false;
  if (!is_number(time) || !is_number(size) || size < 0)
    return refuse(s, "step: a step at %g s of %g s cannot be made", time, size);
  tb_step_result result;
  /* Who saves states may go back to them. */
  const int status = tb_instance_step(s->far.instance, time, size, s->n_states > 0, &result);
  /* FMI 3.0: it asks to end the simulation, as it did by Discard before. */
  return answer_status(s, is_good(status) && result.terminate ? 2 : status, "make steps");
}

static bool terminate(tb_remote_server *s) {
  skip_arguments(s);
  if (s->has_failed && !s->commanded) return answer_i32(s, 0); /* there is nothing to be ended, and libcosim bears no refusal */
  if (!may_be_called(s, "terminate")) return false;
  const bool has_run = s->phase == INITIALIZING || s->phase == RUNNING;
  const int status = has_run ? tb_instance_terminate(s->far.instance) : 0;
  if (has_run && is_good(status)) s->phase = TERMINATED;
  return answer_status(s, status, "be terminated");
}

static bool free_instance(tb_remote_server *s) {
  skip_arguments(s);
  return answer_nothing(s);
}

/* -- Values ----------------------------------------------------------------------------------------------------------------- */

/* As the protocol has them. */
typedef enum { INTEGERS, REALS, STRINGS, BOOLEANS } value_kind;

static const char *const KIND_NAMES[] = {"integer", "real", "string", "boolean"};
static const tb_thrift_type KIND_TYPES[] = {TB_THRIFT_I32, TB_THRIFT_DOUBLE, TB_THRIFT_STRING, TB_THRIFT_BOOL};
static const size_t KIND_SIZES[] = {sizeof(int32_t), sizeof(double), sizeof(char *), 1};

static value_kind kind_of(uint32_t storage) {
  switch (storage) {
    case TB_F64:
    case TB_F32: return REALS;
    case TB_B8:
    case TB_B32:
    case TB_CLOCK: return BOOLEANS;
    case TB_TEXT:
    case TB_BYTES: return STRINGS;
    default: return INTEGERS;
  }
}

/* Of FMI 1.0 and 2.0, one for each kind. */
static uint32_t storage_of(const tb_remote_server *s, value_kind kind) {
  switch (kind) {
    case INTEGERS: return TB_I32;
    case REALS: return TB_F64;
    case STRINGS: return TB_TEXT;
    default: return s->opened->fmi == TB_FMI1 ? TB_B8 : TB_B32;
  }
}

static bool take_references(tb_remote_server *s, uint32_t *n) {
  if (!tb_thrift_take_list(&s->args, TB_THRIFT_I64, n)) return false;
  if (*n > s->vrs_room) {
    size_t room = s->vrs_room * sizeof(void *);
    if (!make_room((void **)&s->variables, &room, *n * sizeof(void *))) return no_memory(s);
    const size_t count = room / sizeof(void *);
    uint32_t *vrs = realloc(s->vrs, count * sizeof *vrs);
    if (vrs == NULL) return no_memory(s);
    s->vrs = vrs;
    s->vrs_room = count;
  }
  const uint8_t *at = tb_thrift_take(&s->args, (size_t)*n * 8);
  for (uint32_t k = 0; at != NULL && k < *n; k++) {
    const int64_t vr = tb_thrift_load_i64(at + (size_t)k * 8);
    if (vr < 0 || vr > UINT32_MAX)
      return refuse(s, "there is no variable with value reference %lld", (long long)vr);
    s->vrs[k] = (uint32_t)vr;
  }
  return at != NULL;
}

/* Of FMI 3.0: finds the variables; `n_values` is the number of their elements. */
static bool find_variables(tb_remote_server *s, value_kind kind, uint32_t n, uint64_t *n_values) {
  uint32_t hint = 0;
  *n_values = 0;
  for (uint32_t k = 0; k < n; k++) {
    const tb_opened_variable *v = tb_opened_find(s->opened, s->vrs[k], &hint);
    if (v == NULL) return refuse(s, "there is no variable with value reference %u", (unsigned)s->vrs[k]);
    if (kind_of(v->storage) != kind || v->storage == TB_BYTES || v->storage == TB_CLOCK)
      return refuse(s, "the variable with value reference %u is no %s", (unsigned)s->vrs[k], KIND_NAMES[kind]);
    s->variables[k] = v;
    *n_values += v->size;
    if (*n_values > s->frame_limit)
      return refuse(s, "the variables have more elements than a message of %u bytes holds", (unsigned)s->frame_limit);
  }
  return true;
}

static void *value_at(const tb_remote_server *s, value_kind kind, uint64_t k) {
  return (uint8_t *)s->values + k * KIND_SIZES[kind];
}

/*
 * Both answer how many values they have taken over: all `n`, or up to the first that does not fit, which is in `wrong`.
 */
#define NARROW(type, to_type, condition)                                                      \
  for (uint32_t k = 0; k < n; k++) {                                                          \
    const type value = ((const type *)from)[k];                                               \
    if (!(condition)) {                                                                       \
      snprintf(wrong, WRONG_BYTES, value > 0 ? "%llu" : "%lld", (unsigned long long)value);   \
      return k;                                                                               \
    }                                                                                         \
    ((to_type *)to)[k] = (to_type)value;                                                      \
  }                                                                                           \
  return n
#define WIDEN(type, to_type)                                                                    \
  for (uint32_t k = 0; k < n; k++) ((to_type *)to)[k] = (to_type)((const type *)from)[k];       \
  return n

enum { WRONG_BYTES = 32 };

static uint32_t to_protocol(uint32_t storage, const void *from, void *to, uint32_t n, char wrong[WRONG_BYTES]) {
  switch (storage) {
    case TB_F32: WIDEN(float, double);
    case TB_I8: WIDEN(int8_t, int32_t);
    case TB_U8: WIDEN(uint8_t, int32_t);
    case TB_I16: WIDEN(int16_t, int32_t);
    case TB_U16: WIDEN(uint16_t, int32_t);
    case TB_U32: NARROW(uint32_t, int32_t, value <= INT32_MAX);
    case TB_I64: NARROW(int64_t, int32_t, value >= INT32_MIN && value <= INT32_MAX);
    case TB_U64: NARROW(uint64_t, int32_t, value <= INT32_MAX);
    case TB_B8: /* whatever bits an FMU calls true */
      for (uint32_t k = 0; k < n; k++) ((uint8_t *)to)[k] = ((const uint8_t *)from)[k] != 0;
      return n;
    case TB_B32:
      for (uint32_t k = 0; k < n; k++) ((uint8_t *)to)[k] = ((const int32_t *)from)[k] != 0;
      return n;
    default: memcpy(to, from, n * tb_storage_size(storage)); return n;
  }
}

static uint32_t of_protocol(uint32_t storage, const void *from, void *to, uint32_t n, char wrong[WRONG_BYTES]) {
  switch (storage) {
    case TB_F32: WIDEN(double, float);
    case TB_I8: NARROW(int32_t, int8_t, value >= INT8_MIN && value <= INT8_MAX);
    case TB_U8: NARROW(int32_t, uint8_t, value >= 0 && value <= UINT8_MAX);
    case TB_I16: NARROW(int32_t, int16_t, value >= INT16_MIN && value <= INT16_MAX);
    case TB_U16: NARROW(int32_t, uint16_t, value >= 0 && value <= UINT16_MAX);
    case TB_U32: NARROW(int32_t, uint32_t, value >= 0);
    case TB_I64: WIDEN(int32_t, int64_t);
    case TB_U64: NARROW(int32_t, uint64_t, value >= 0);
    case TB_B32: WIDEN(uint8_t, int32_t);
    default: memcpy(to, from, n * tb_storage_size(storage)); return n;
  }
}

/* Only of FMI 3.0 there are values that do not fit: those of the variables from `first` on. */
static uint32_t reference_of(const tb_remote_server *s, const uint32_t *first, uint64_t k) {
  const tb_opened_variable *const *v = s->variables + (first - s->vrs);
  while (k >= (*v)->size) k -= (*v++)->size;
  return (*v)->vr;
}

/* The variables from `first` on that one call can take, and the number of their elements. */
static uint32_t run_of(const tb_remote_server *s, uint32_t first, uint32_t n, uint64_t *n_values) {
  uint32_t end = first;
  *n_values = 0;
  do *n_values += s->variables[end]->size;
  while (++end < n && s->variables[end]->storage == s->variables[first]->storage);
  return end - first;
}

/* Gets `n` variables into `values`, as the protocol has them; false: refused. */
static bool get_run(tb_remote_server *s, uint32_t storage, const uint32_t *vrs, uint32_t n, void *values,
                    uint64_t n_values, int *status) {
  const size_t size = tb_storage_size(storage) * (size_t)n_values;
  char wrong[WRONG_BYTES];
  if (!make_room(&s->raw, &s->raw_room, size)) return no_memory(s);
  memset(s->raw, 0, size);
  *status = tb_instance_get(s->far.instance, (int)storage, vrs, n, s->raw, (uint32_t)n_values, NULL);
  if (*status == TB_NOT_OFFERED) return refuse_not_offered(s, "tell such values");
  if (!is_good(*status)) return true;
  const uint32_t taken = to_protocol(storage, s->raw, values, (uint32_t)n_values, wrong);
  if (taken == n_values) return true;
  return refuse(s, "the variable with value reference %u is %s; the protocol has integers of 32 bits only",
                (unsigned)reference_of(s, vrs, taken), wrong);
}

static void put_values(tb_remote_server *s, value_kind kind, uint32_t n) {
  switch (kind) {
    case INTEGERS: tb_thrift_put_i32s(s->out, s->values, n); break;
    case REALS: tb_thrift_put_doubles(s->out, s->values, n); break;
    case BOOLEANS: tb_thrift_put_bools(s->out, s->values, n); break;
    case STRINGS: tb_thrift_put_texts(s->out, s->values, n); break;
  }
}

static bool read_values(tb_remote_server *s, value_kind kind) {
  tb_thrift_field field;
  uint32_t n = 0;
  bool has_references = false;
  char method[32];
  snprintf(method, sizeof method, "read_%s", KIND_NAMES[kind]);
  while (next_argument(s, &field)) {
    if (!tb_thrift_is_field(field, 1, TB_THRIFT_LIST)) tb_thrift_skip(&s->args, field.type);
    else if (!take_references(s, &n)) return false;
    else has_references = true;
  }
  if (!has_references) return refuse_missing(s, method, "vr");
  if (!may_be_called(s, method)) return false;
  const bool has_types = s->opened->fmi == TB_FMI3;
  uint64_t n_values = n;
  if (has_types && !find_variables(s, kind, n, &n_values)) return false;
  if (!make_room(&s->values, &s->values_room, (size_t)n_values * KIND_SIZES[kind])) return no_memory(s);
  memset(s->values, 0, (size_t)n_values * KIND_SIZES[kind]);
  /* Clients read outputs in the initialisation mode, and an FMU of FMI 1.0 has some only when it is initialised. */
  int status = n > 0 && s->opened->fmi == TB_FMI1 && s->phase == INITIALIZING ? initialise(s) : 0;
  if (!has_types && is_good(status)) {
    if (n > 0 && !get_run(s, storage_of(s, kind), s->vrs, n, s->values, n, &status)) return false;
  } else if (has_types) {
    uint64_t at = 0, size;
    for (uint32_t k = 0, run; k < n && is_good(status); k += run, at += size) {
      run = run_of(s, k, n, &size);
      if (!get_run(s, s->variables[k]->storage, s->vrs + k, run, value_at(s, kind, at), size, &status)) return false;
    }
  }
  note_fatal(s, status);
  /* Texts are the FMU's, and after a failure none. */
  if (!is_good(status)) memset(s->values, 0, (size_t)n_values * KIND_SIZES[kind]);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 1);
  put_values(s, kind, (uint32_t)n_values);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(s->out, is_good(status) ? 0 : status);
  tb_thrift_put_stop(s->out);
  return answer_nothing(s);
}

/* Texts end with a zero byte over here: each is copied, and takes one byte in place of the four of its length. */
static bool take_texts(tb_remote_server *s, uint32_t n) {
  if (!make_room((void **)&s->texts, &s->texts_room, s->args.left)) return no_memory(s);
  char *to = s->texts;
  for (uint32_t k = 0; k < n; k++) {
    size_t size;
    const uint8_t *text = tb_thrift_take_bytes(&s->args, &size);
    if (text == NULL) return false;
    if (memchr(text, '\0', size) != NULL) return refuse(s, "text %u holds a zero byte", (unsigned)k + 1);
    memcpy(to, text, size);
    to[size] = '\0';
    ((char **)s->values)[k] = to;
    to += size + 1;
  }
  return true;
}

static bool take_values(tb_remote_server *s, value_kind kind, uint32_t *n) {
  if (!tb_thrift_take_list(&s->args, KIND_TYPES[kind], n)) return false;
  if (!make_room(&s->values, &s->values_room, *n * KIND_SIZES[kind])) return no_memory(s);
  switch (kind) {
    case INTEGERS: return tb_thrift_take_i32s(&s->args, s->values, *n);
    case REALS: return tb_thrift_take_doubles(&s->args, s->values, *n);
    case BOOLEANS: return tb_thrift_take_bools(&s->args, s->values, *n);
    default: return take_texts(s, *n);
  }
}

static bool set_run(tb_remote_server *s, uint32_t storage, const uint32_t *vrs, uint32_t n, const void *values,
                    uint64_t n_values, int *status) {
  char wrong[WRONG_BYTES];
  if (!make_room(&s->raw, &s->raw_room, tb_storage_size(storage) * (size_t)n_values)) return no_memory(s);
  const uint32_t taken = of_protocol(storage, values, s->raw, (uint32_t)n_values, wrong);
  if (taken < n_values)
    return refuse(s, "%s does not fit into the type of the variable with value reference %u", wrong,
                  (unsigned)reference_of(s, vrs, taken));
  *status = tb_instance_set(s->far.instance, (int)storage, vrs, n, s->raw, (uint32_t)n_values, NULL);
  return *status == TB_NOT_OFFERED ? refuse_not_offered(s, "take such values") : true;
}

/* Whether the FMU has these values already. */
static bool is_there_already(tb_remote_server *s, value_kind kind, uint32_t n) {
  const size_t size = KIND_SIZES[kind];
  void *found = calloc(n, size);
  int status = 3;
  bool same = found != NULL && get_run(s, storage_of(s, kind), s->vrs, n, found, n, &status) && is_good(status);
  for (uint32_t k = 0; same && k < n; k++) {
    const void *given = value_at(s, kind, k), *has = (uint8_t *)found + k * size;
    if (kind != STRINGS) same = memcmp(given, has, size) == 0;
    else same = *(char *const *)has != NULL && strcmp(*(char *const *)given, *(char *const *)has) == 0;
  }
  free(found);
  return same;
}

static bool write_values(tb_remote_server *s, value_kind kind) {
  tb_thrift_field field;
  uint32_t n = 0, n_given = 0;
  bool has_references = false, has_values = false;
  char method[32];
  snprintf(method, sizeof method, "write_%s", KIND_NAMES[kind]);
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_LIST)) {
      if (!take_references(s, &n)) return false;
      has_references = true;
    } else if (tb_thrift_is_field(field, 2, TB_THRIFT_LIST)) {
      if (!take_values(s, kind, &n_given)) return false;
      has_values = true;
    } else {
      tb_thrift_skip(&s->args, field.type);
    }
  }
  if (!has_references) return refuse_missing(s, method, "vr");
  if (!has_values) return refuse_missing(s, method, "value");
  if (!may_be_called(s, method)) return false;
  const bool has_types = s->opened->fmi == TB_FMI3;
  uint64_t n_values = n;
  if (has_types && !find_variables(s, kind, n, &n_values)) return false;
  if (n_values != n_given)
    return refuse(s, "%s: %u values were given for %u variables with %llu elements", method, (unsigned)n_given,
                  (unsigned)n, (unsigned long long)n_values);
  int status = 0;
  if (!has_types) {
    if (n > 0 && !set_run(s, storage_of(s, kind), s->vrs, n, s->values, n, &status)) return false;
    /* libcosim writes the start values of parameters again after its first read, for which the FMU had to be initialised. */
    if (status == 3 && s->is_early && is_there_already(s, kind, n)) status = 0;
  } else {
    uint64_t at = 0, size;
    for (uint32_t k = 0, run; k < n && is_good(status); k += run, at += size) {
      run = run_of(s, k, n, &size);
      if (!set_run(s, s->variables[k]->storage, s->vrs + k, run, value_at(s, kind, at), size, &status)) return false;
    }
  }
  return answer_status(s, status, "take such values");
}

static bool read_integer(tb_remote_server *s) { return read_values(s, INTEGERS); }
static bool read_real(tb_remote_server *s) { return read_values(s, REALS); }
static bool read_string(tb_remote_server *s) { return read_values(s, STRINGS); }
static bool read_boolean(tb_remote_server *s) { return read_values(s, BOOLEANS); }
static bool write_integer(tb_remote_server *s) { return write_values(s, INTEGERS); }
static bool write_real(tb_remote_server *s) { return write_values(s, REALS); }
static bool write_string(tb_remote_server *s) { return write_values(s, STRINGS); }
static bool write_boolean(tb_remote_server *s) { return write_values(s, BOOLEANS); }

/* -- Derivatives: the real one has none, FMU-proxy has ------------------------------------------------------------------------- */

typedef struct {
  uint32_t *vrs;
  uint32_t n;
  uint64_t n_elements;
} variable_list;

static bool take_list(tb_remote_server *s, variable_list *list) {
  if (!take_references(s, &list->n)) return false;
  free(list->vrs);
  list->vrs = malloc(((size_t)list->n + 1) * sizeof *list->vrs);
  if (list->vrs == NULL) return no_memory(s);
  if (list->n > 0) memcpy(list->vrs, s->vrs, list->n * sizeof *list->vrs);
  return true;
}

static bool count_elements(tb_remote_server *s, variable_list *list) {
  list->n_elements = list->n;
  if (s->opened->fmi != TB_FMI3) return true;
  if (list->n > 0) memcpy(s->vrs, list->vrs, list->n * sizeof *list->vrs);
  return find_variables(s, REALS, list->n, &list->n_elements);
}

/* `lists`: unknowns and knowns. */
static bool derive(tb_remote_server *s, variable_list lists[2]) {
  tb_thrift_field field;
  uint32_t n_seeds = 0;
  bool has_seeds = false;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_LIST) || tb_thrift_is_field(field, 2, TB_THRIFT_LIST)) {
      if (!take_list(s, &lists[field.id - 1])) return false;
    } else if (tb_thrift_is_field(field, 3, TB_THRIFT_LIST)) {
      if (!take_values(s, REALS, &n_seeds)) return false;
      has_seeds = true;
    } else {
      tb_thrift_skip(&s->args, field.type);
    }
  }
  static const char METHOD[] = "tb_directional_derivative";
  if (lists[0].vrs == NULL) return refuse_missing(s, METHOD, "unknowns");
  if (lists[1].vrs == NULL) return refuse_missing(s, METHOD, "knowns");
  if (!has_seeds) return refuse_missing(s, METHOD, "seeds");
  if (!may_be_called(s, METHOD) || !count_elements(s, &lists[0]) || !count_elements(s, &lists[1])) return false;
  if (lists[1].n_elements != n_seeds)
    return refuse(s, "%s: %u seeds were given for %u variables with %llu elements", METHOD, (unsigned)n_seeds,
                  (unsigned)lists[1].n, (unsigned long long)lists[1].n_elements);
  const size_t n_unknown = (size_t)lists[0].n_elements;
  if (!make_room(&s->raw, &s->raw_room, n_unknown * sizeof(double))) return no_memory(s);
  memset(s->raw, 0, n_unknown * sizeof(double));
  const tb_derivative derivative = {.unknowns = lists[0].vrs,
                                    .n_unknowns = lists[0].n,
                                    .knowns = lists[1].vrs,
                                    .n_knowns = lists[1].n,
                                    .seeds = s->values,
                                    .n_seeds = n_seeds,
                                    .sensitivities = s->raw,
                                    .n_sensitivities = n_unknown};
  const int status = tb_instance_directional_derivative(s->far.instance, &derivative);
  if (status == TB_NOT_OFFERED) return refuse_not_offered(s, "tell directional derivatives");
  note_fatal(s, status);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 1);
  tb_thrift_put_doubles(s->out, s->raw, (uint32_t)n_unknown);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(s->out, is_good(status) ? 0 : status);
  tb_thrift_put_stop(s->out);
  return answer_nothing(s);
}

static bool directional_derivative(tb_remote_server *s) {
  variable_list lists[2] = {{0}};
  const bool answered = derive(s, lists);
  free(lists[0].vrs);
  free(lists[1].vrs);
  return answered;
}

/* -- States: by index, as the real one has them since 0.4.0 --------------------------------------------------------------------- */

static bool free_index(tb_remote_server *s, uint32_t *index) {
  for (*index = 0; *index < s->n_states; ++*index)
    if (s->states[*index].state == NULL) return true;
  saved_state *states = realloc(s->states, (s->n_states + 1) * sizeof *states);
  if (states == NULL) return no_memory(s);
  s->states = states;
  s->states[s->n_states++] = (saved_state){0};
  return true;
}

static bool take_index(tb_remote_server *s, const char *method, saved_state **state) {
  tb_thrift_field field;
  int32_t index = 0;
  bool has_index = false;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) index = tb_thrift_take_i32(&s->args), has_index = true;
    else tb_thrift_skip(&s->args, field.type);
  }
  if (!has_index) return refuse_missing(s, method, "state_index");
  if (!may_be_called(s, method)) return false;
  if (index < 0 || (uint32_t)index >= s->n_states || s->states[index].state == NULL)
    return refuse(s, "%s: there is no saved state %d", method, (int)index);
  *state = &s->states[index];
  return true;
}

static bool save_into(tb_remote_server *s, saved_state *to) {
  const int status = tb_instance_get_state(s->far.instance, &to->state);
  if (!is_good(status)) return refuse_by_status(s, status, "save its state");
  if (to->state == NULL) return refuse(s, "the FMU %s saved no state", s->opened->identifier);
  to->phase = s->phase;
  return true;
}

static bool save_state(tb_remote_server *s) {
  uint32_t index;
  skip_arguments(s);
  if (!may_be_called(s, "save_state") || !free_index(s, &index)) return false;
  return save_into(s, &s->states[index]) && answer_i32(s, (int32_t)index);
}

static bool save_state_by_index(tb_remote_server *s) {
  saved_state *state;
  return take_index(s, "save_state_by_index", &state) && save_into(s, state) && answer_nothing(s);
}

static bool restore_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "restore_state", &state)) return false;
  const int status = tb_instance_set_state(s->far.instance, state->state);
  if (!is_good(status)) return refuse_by_status(s, status, "restore a state");
  s->phase = state->phase;
  return answer_nothing(s);
}

static bool release_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "release_state", &state)) return false;
  const int status = tb_instance_free_state(s->far.instance, &state->state);
  state->state = NULL;
  return is_good(status) ? answer_nothing(s) : refuse_by_status(s, status, "release a state");
}

static bool export_state(tb_remote_server *s) {
  saved_state *state;
  if (!take_index(s, "export_state", &state)) return false;
  size_t size = 0;
  int status = tb_instance_state_size(s->far.instance, state->state, &size);
  if (!is_good(status)) return refuse_by_status(s, status, "export a state");
  if (size > s->frame_limit)
    return refuse(s, "the state has %zu bytes, more than a message of %u bytes holds", size, (unsigned)s->frame_limit);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 1);
  tb_thrift_put_i32(s->out, 0); /* version of the scheme */
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 2);
  tb_thrift_put_text(s->out, s->opened->token);
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 3);
  tb_thrift_put_i32(s->out, (int32_t)size);
  uint8_t *bytes = tb_thrift_put(s->out, size);
  if (bytes == NULL) return no_memory(s);
  memset(bytes, 0, size);
  status = tb_instance_serialize_state(s->far.instance, state->state, bytes, size);
  if (!is_good(status)) return refuse_by_status(s, status, "export a state");
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 4);
  tb_thrift_put_bool(s->out, state->phase >= INITIALIZING);
  tb_thrift_put_field(s->out, TB_THRIFT_BOOL, 5);
  tb_thrift_put_bool(s->out, state->phase >= RUNNING);
  tb_thrift_put_stop(s->out);
  return answer_nothing(s);
}

typedef struct {
  int32_t version;
  const uint8_t *token, *bytes; /* NULL: missing */
  size_t token_size, size;
  bool set_up, started;
} exported_state;

static void take_exported(tb_remote_server *s, exported_state *e) {
  tb_thrift_field field;
  while (tb_thrift_next_field(&s->args, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) e->version = tb_thrift_take_i32(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_STRING)) e->token = tb_thrift_take_bytes(&s->args, &e->token_size);
    else if (tb_thrift_is_field(field, 3, TB_THRIFT_STRING)) e->bytes = tb_thrift_take_bytes(&s->args, &e->size);
    else if (tb_thrift_is_field(field, 4, TB_THRIFT_BOOL)) e->set_up = tb_thrift_take_bool(&s->args);
    else if (tb_thrift_is_field(field, 5, TB_THRIFT_BOOL)) e->started = tb_thrift_take_bool(&s->args);
    else tb_thrift_skip(&s->args, field.type);
  }
}

static bool import_state(tb_remote_server *s) {
  tb_thrift_field field;
  exported_state e = {0};
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRUCT)) take_exported(s, &e);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (s->args.failed) return false;
  if (e.bytes == NULL) return refuse_missing(s, "import_state", "exported_state");
  if (!may_be_called(s, "import_state")) return false;
  if (e.version != 0) return refuse(s, "import_state: the state is of version %d, expected 0", (int)e.version);
  if (e.token == NULL || e.token_size != strlen(s->opened->token) ||
      memcmp(e.token, s->opened->token, e.token_size) != 0)
    return refuse(s, "import_state: the state is of another FMU: %.*s, this one is %s",
                  (int)(e.token_size > LONGEST_NAME ? LONGEST_NAME : e.token_size),
                  e.token == NULL ? "" : (const char *)e.token, s->opened->token);
  uint32_t index;
  if (!free_index(s, &index)) return false;
  saved_state *state = &s->states[index];
  const int status = tb_instance_deserialize_state(s->far.instance, e.bytes, e.size, &state->state);
  if (!is_good(status)) {
    state->state = NULL;
    return refuse_by_status(s, status, "import a state");
  }
  if (state->state == NULL) return refuse(s, "the FMU %s imported no state", s->opened->identifier);
  state->phase = e.started ? RUNNING : e.set_up ? INITIALIZING : INSTANTIATED;
  return answer_i32(s, (int32_t)index);
}

static void free_states(tb_remote_server *s) {
  for (uint32_t k = 0; k < s->n_states; k++)
    if (s->states[k].state != NULL && !s->has_failed) tb_instance_free_state(s->far.instance, &s->states[k].state);
  s->n_states = 0;
}

/* -- Ours ------------------------------------------------------------------------------------------------------------------------ */

/* Takes as long whatever is wrong, so that nobody finds a token out piece by piece. */
static bool is_token(const char *token, const uint8_t *given, size_t size) {
  const size_t length = strlen(token);
  volatile uint8_t differs = size != length;
  for (size_t k = 0; k < size; k++) differs |= (uint8_t)(given[k] ^ (uint8_t)token[length == 0 ? 0 : k % length]);
  return differs == 0;
}

static bool authenticate(tb_remote_server *s) {
  tb_thrift_field field;
  size_t size = 0;
  const uint8_t *given = NULL;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRING)) given = tb_thrift_take_bytes(&s->args, &size);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (given == NULL) return refuse_missing(s, "tb_authenticate", "token");
  if (s->token != NULL) s->authenticated = is_token(s->token, given, size);
  return answer_bool(s, s->authenticated);
}

/* From now on the client drives the instance by commands, and is told the FMU's log. */
static bool begin_commands(tb_remote_server *s) {
  if (s->commanded) return true;
  if (s->log == NULL && (s->log = calloc(1, sizeof *s->log)) == NULL) return no_memory(s);
  if (s->has_failed) return may_be_called(s, "tb_commands");
  if (s->far.instance != NULL) free_states(s);
  if (s->phase == NONE) tb_server_free_instance(&s->far); /* of tb_remote_server_instantiate: they make their own */
  tb_lock(s->lock);
  s->collects = true;
  tb_unlock(s->lock);
  s->commanded = true;
  return true;
}

static void put_log(tb_remote_server *s) {
  char texts[TB_HOST_MAX_MESSAGE];
  int32_t status;
  uint32_t n = 0;
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 2);
  const size_t head = s->out->size;
  tb_thrift_put_list(s->out, TB_THRIFT_STRUCT, 0);
  while (n < MOST_MESSAGES && tb_log_ring_take(s->log, &status, texts, sizeof texts)) {
    tb_thrift_put_field(s->out, TB_THRIFT_I32, 1);
    tb_thrift_put_i32(s->out, status);
    tb_thrift_put_field(s->out, TB_THRIFT_STRING, 2);
    tb_thrift_put_text(s->out, texts);
    tb_thrift_put_field(s->out, TB_THRIFT_STRING, 3);
    tb_thrift_put_text(s->out, texts + strlen(texts) + 1);
    tb_thrift_put_stop(s->out);
    n++;
  }
  if (!s->out->failed) tb_thrift_store_i32(s->out->bytes + head + 1, (int32_t)n);
  tb_thrift_put_field(s->out, TB_THRIFT_I64, 3);
  tb_thrift_put_i64(s->out, (int64_t)atomic_exchange(&s->log->dropped, 0));
}

static bool commands(tb_remote_server *s) {
  tb_thrift_field field;
  int32_t version = 0;
  const uint8_t *request = NULL;
  size_t size = 0;
  while (next_argument(s, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_I32)) version = tb_thrift_take_i32(&s->args);
    else if (tb_thrift_is_field(field, 2, TB_THRIFT_STRING)) request = tb_thrift_take_bytes(&s->args, &size);
    else tb_thrift_skip(&s->args, field.type);
  }
  if (request == NULL) return refuse_missing(s, "tb_commands", "request");
  if (version != 1) return refuse(s, "tb_commands: version %d is not known here, only 1", (int)version);
  if (!make_room((void **)&s->request, &s->request_room, size)) return no_memory(s);
  if (!begin_commands(s)) return false;
  memcpy(s->request, request, size);
  if (!tb_server_carry_out(&s->far, s->request, size)) return refuse(s, "tb_commands: the request is garbled");
  if (s->far.has_failed) s->has_failed = true;
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_STRING, 1);
  tb_thrift_put_bytes(s->out, s->far.answer.bytes, s->far.answer.size);
  put_log(s);
  tb_thrift_put_stop(s->out);
  return answer_nothing(s);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  bool (*call)(tb_remote_server *);
} method;

static const method METHODS[] = {
    {"step", step},
    {"read_real", read_real},
    {"write_real", write_real},
    {"read_integer", read_integer},
    {"write_integer", write_integer},
    {"read_boolean", read_boolean},
    {"write_boolean", write_boolean},
    {"read_string", read_string},
    {"write_string", write_string},
    {"tb_commands", commands},
    {"instantiate", instantiate},
    {"setup_experiment", setup_experiment},
    {"enter_initialization_mode", enter_initialization_mode},
    {"exit_initialization_mode", exit_initialization_mode},
    {"terminate", terminate},
    {"freeInstance", free_instance},
    {"save_state", save_state},
    {"save_state_by_index", save_state_by_index},
    {"restore_state", restore_state},
    {"release_state", release_state},
    {"export_state", export_state},
    {"import_state", import_state},
    {"tb_directional_derivative", directional_derivative},
    {"tb_authenticate", authenticate},
};

static const method *find_method(const tb_thrift_message *message) {
  for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; k++)
    if (tb_thrift_is_named(message, METHODS[k].name)) return &METHODS[k];
  return NULL;
}

/* For sentences, whatever bytes came as a name. */
static void printable(const tb_thrift_message *message, char name[LONGEST_NAME + 1]) {
  const size_t size = message->name_size < LONGEST_NAME ? message->name_size : LONGEST_NAME;
  for (size_t k = 0; k < size; k++) {
    const char c = message->name[k];
    name[k] = c;
    if (c < ' ' || c > '~') name[k] = '?';
  }
  name[size] = '\0';
}

static void answer_exception(tb_remote_server *s, const tb_thrift_message *message, int32_t type, const char *sentence) {
  tb_thrift_put_message(s->out, TB_THRIFT_EXCEPTION, message->name, message->name_size, message->sequence);
  tb_thrift_put_exception(s->out, type, sentence);
}

/* The payload of the answer. */
static tb_served call(tb_remote_server *s, const tb_thrift_message *message, const method *called) {
  const size_t begin = s->out->size;
  char name[LONGEST_NAME + 1], sentence[LONGEST_NAME + 32];
  s->refusal[0] = '\0';
  if (called == NULL) {
    printable(message, name);
    skip_arguments(s);
    if (s->args.failed) return TB_SERVED_GARBAGE;
    snprintf(sentence, sizeof sentence, "Invalid method name: '%s'", name);
    answer_exception(s, message, TB_THRIFT_UNKNOWN_METHOD, sentence);
    return TB_SERVED;
  }
  tb_thrift_put_message(s->out, TB_THRIFT_REPLY, message->name, message->name_size, message->sequence);
  s->pending = called->call == commands ? NULL : message;
  const bool answered = called->call(s);
  s->pending = NULL;
  s->far.doing[0] = '\0';
  /* Arguments that cannot be read count, whatever was made of those before them. */
  if (s->args.failed) return TB_SERVED_GARBAGE;
  if (!answered) {
    s->out->size = begin;
    answer_exception(s, message, TB_THRIFT_UNKNOWN, s->refusal);
  }
  return answered && called->call == free_instance ? TB_SERVED_LAST : TB_SERVED;
}

tb_served tb_remote_server_handle(tb_remote_server *s, const uint8_t *payload, size_t size, tb_thrift_writer *answers) {
  s->args = (tb_thrift_reader){payload, size, false};
  s->out = answers;
  tb_thrift_message message;
  if (!tb_thrift_take_message(&s->args, &message) ||
      (message.kind != TB_THRIFT_CALL && message.kind != TB_THRIFT_ONEWAY)) {
    refuse(s, "what came is no call of Thrift's strict binary protocol");
    return TB_SERVED_GARBAGE;
  }
  const size_t frame = tb_thrift_begin_frame(answers);
  const method *called = find_method(&message);
  tb_served served = TB_SERVED_REFUSED;
  if (s->authenticated || (called != NULL && called->call == authenticate)) {
    served = call(s, &message, called);
    if (!s->authenticated) served = served == TB_SERVED ? TB_SERVED_REFUSED : served;
    if (served == TB_SERVED_REFUSED) refuse(s, "the token is another one");
  } else {
    refuse(s, "this server wants to know a token: call tb_authenticate first");
    answer_exception(s, &message, TB_THRIFT_UNKNOWN, s->refusal);
  }
  if (served == TB_SERVED_GARBAGE || message.kind == TB_THRIFT_ONEWAY) {
    char name[LONGEST_NAME + 1];
    answers->size = frame;
    printable(&message, name);
    if (served == TB_SERVED_GARBAGE) refuse(s, "the arguments of '%s' cannot be read", name);
    return served;
  }
  if (tb_thrift_end_frame(answers, frame, s->frame_limit)) return served;
  if (answers->failed) {
    refuse(s, "there is no memory for an answer");
    return TB_SERVED_GARBAGE;
  }
  tb_thrift_begin_frame(answers);
  refuse(s, "the answer is larger than %u bytes", (unsigned)s->frame_limit);
  answer_exception(s, &message, TB_THRIFT_UNKNOWN, s->refusal);
  tb_thrift_end_frame(answers, frame, s->frame_limit);
  return served;
}

const char *tb_remote_server_reason(const tb_remote_server *s) { return s->refusal; }

/* -- The FMU's log ----------------------------------------------------------------------------------------------------------- */

/* From any thread of the FMU, one at a time: under the environment's lock. */
static void take_message(void *context, int32_t status, const char *texts, uint32_t size) {
  tb_remote_server *s = context;
  const char *category = texts, *text = texts + strlen(texts) + 1;
  const bool matters = status >= 1;
  tb_lock(s->lock);
  if (matters) snprintf(s->said, sizeof s->said, "%s", text);
  const bool collects = s->collects;
  tb_unlock(s->lock);
  if (collects) tb_log_ring_add(s->log, status, texts, size);
  if (collects || !(matters || s->logging)) return;
  char line[TB_HOST_MAX_MESSAGE + 128];
  int n = snprintf(line, sizeof line - 1, "[proxyfmu] %s: %s%s%s%s: %s", s->how.name, status_name(status),
                   *category == '\0' ? "" : " (", category, *category == '\0' ? "" : ")", text);
  if (n < 0) return;
  if (n > (int)sizeof line - 2) n = (int)sizeof line - 2;
  line[n++] = '\n';
  tb_write_stderr(line, (size_t)n);
}

/* -- Making one ---------------------------------------------------------------------------------------------------------------- */

tb_remote_server *tb_remote_server_create(const tb_remote_setup *setup) {
  tb_remote_server *s = calloc(1, sizeof *s);
  if (s == NULL || (s->lock = tb_mutex_create()) == NULL) {
    free(s);
    return NULL;
  }
  s->opened = setup->opened;
  s->token = setup->token;
  s->authenticated = setup->token == NULL;
  s->logging = setup->logging;
  s->frame_limit = setup->frame_limit == 0 ? TB_THRIFT_FRAME_LIMIT : setup->frame_limit;
  s->how = (tb_instantiation){.name = setup->name == NULL ? setup->opened->identifier : setup->name,
                              .token = setup->opened->token,
                              .resources = setup->opened->resources,
                              .logging_on = setup->logging};
  tb_server_init(&s->far, setup->library, NULL, take_message, s);
  s->far.opened = &s->how;
  s->far.most = s->frame_limit;
  return s;
}

void tb_remote_server_connected(tb_remote_server *s) { s->authenticated = s->token == NULL; }

const tb_thrift_message *tb_remote_server_pending(const tb_remote_server *s) { return s->pending; }
bool tb_remote_server_knows_client(const tb_remote_server *s) { return s->authenticated; }
const char *tb_remote_server_doing(const tb_remote_server *s) { return s->far.doing; }

uint32_t tb_remote_server_limit(const tb_remote_server *s) {
  return s->authenticated || s->frame_limit < STRANGER_LIMIT ? s->frame_limit : STRANGER_LIMIT;
}

void tb_remote_server_destroy(tb_remote_server *s) {
  if (s->has_failed) return; /* the FMU may be at work yet, in threads of its own, and must not be called */
  if (s->far.instance != NULL) free_states(s);
  tb_server_free_instance(&s->far);
  tb_server_destroy(&s->far);
  tb_mutex_destroy(s->lock);
  free(s->states);
  free(s->vrs);
  free(s->variables);
  free(s->values);
  free(s->raw);
  free(s->texts);
  free(s->request);
  free(s->log);
  free(s);
}
