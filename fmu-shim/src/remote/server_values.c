/* Values of an instance, as the protocols have them: integers of 32 bits, reals, texts, Booleans. */
#include "server_internal.h"

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
    if (!tb_serve_make_room((void **)&s->variables, &room, *n * sizeof(void *))) return tb_serve_no_memory(s);
    const size_t count = room / sizeof(void *);
    uint32_t *vrs = realloc(s->vrs, count * sizeof *vrs);
    if (vrs == NULL) return tb_serve_no_memory(s);
    s->vrs = vrs;
    s->vrs_room = count;
  }
  const uint8_t *at = tb_thrift_take(&s->args, (size_t)*n * 8);
  for (uint32_t k = 0; at != NULL && k < *n; k++) {
    const int64_t vr = tb_thrift_load_i64(at + (size_t)k * 8);
    if (vr < 0 || vr > UINT32_MAX)
      return tb_serve_refuse(s, "there is no variable with value reference %lld", (long long)vr);
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
    if (v == NULL) return tb_serve_refuse(s, "there is no variable with value reference %u", (unsigned)s->vrs[k]);
    if (kind_of(v->storage) != kind || v->storage == TB_BYTES || v->storage == TB_CLOCK)
      return tb_serve_refuse(s, "the variable with value reference %u is no %s", (unsigned)s->vrs[k], KIND_NAMES[kind]);
    s->variables[k] = v;
    *n_values += v->size;
    if (*n_values > s->frame_limit)
      return tb_serve_refuse(s, "the variables have more elements than a message of %u bytes holds",
                             (unsigned)s->frame_limit);
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
  if (!tb_serve_make_room(&s->raw, &s->raw_room, size)) return tb_serve_no_memory(s);
  memset(s->raw, 0, size);
  *status = tb_instance_get(s->far.instance, (int)storage, vrs, n, s->raw, (uint32_t)n_values, NULL);
  if (*status == TB_NOT_OFFERED) return tb_serve_refuse_not_offered(s, "tell such values");
  if (!tb_serve_is_good(*status)) return true;
  const uint32_t taken = to_protocol(storage, s->raw, values, (uint32_t)n_values, wrong);
  if (taken == n_values) return true;
  return tb_serve_refuse(s, "the variable with value reference %u is %s; the protocol has integers of 32 bits only",
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
  while (tb_serve_next_argument(s, &field)) {
    if (!tb_thrift_is_field(field, 1, TB_THRIFT_LIST)) tb_thrift_skip(&s->args, field.type);
    else if (!take_references(s, &n)) return false;
    else has_references = true;
  }
  if (!has_references) return tb_serve_refuse_missing(s, method, "vr");
  if (!tb_serve_may_be_called(s, method)) return false;
  const bool has_types = s->opened->fmi == TB_FMI3;
  uint64_t n_values = n;
  if (has_types && !find_variables(s, kind, n, &n_values)) return false;
  if (!tb_serve_make_room(&s->values, &s->values_room, (size_t)n_values * KIND_SIZES[kind]))
    return tb_serve_no_memory(s);
  memset(s->values, 0, (size_t)n_values * KIND_SIZES[kind]);
  /* Clients read outputs in the initialisation mode, and an FMU of FMI 1.0 has some only when it is initialised. */
  int status = n > 0 && s->opened->fmi == TB_FMI1 && s->phase == INITIALIZING ? tb_serve_initialise(s) : 0;
  if (!has_types && tb_serve_is_good(status)) {
    if (n > 0 && !get_run(s, storage_of(s, kind), s->vrs, n, s->values, n, &status)) return false;
  } else if (has_types) {
    uint64_t at = 0, size;
    for (uint32_t k = 0, run; k < n && tb_serve_is_good(status); k += run, at += size) {
      run = run_of(s, k, n, &size);
      if (!get_run(s, s->variables[k]->storage, s->vrs + k, run, value_at(s, kind, at), size, &status)) return false;
    }
  }
  tb_serve_note_fatal(s, status);
  /* Texts are the FMU's, and after a failure none. */
  if (!tb_serve_is_good(status)) memset(s->values, 0, (size_t)n_values * KIND_SIZES[kind]);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 1);
  put_values(s, kind, (uint32_t)n_values);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(s->out, tb_serve_is_good(status) ? 0 : status);
  tb_thrift_put_stop(s->out);
  return tb_serve_answer_nothing(s);
}

/* Texts end with a zero byte over here: each is copied, and takes one byte in place of the four of its length. */
static bool take_texts(tb_remote_server *s, uint32_t n) {
  if (!tb_serve_make_room((void **)&s->texts, &s->texts_room, s->args.left)) return tb_serve_no_memory(s);
  char *to = s->texts;
  for (uint32_t k = 0; k < n; k++) {
    size_t size;
    const uint8_t *text = tb_thrift_take_bytes(&s->args, &size);
    if (text == NULL) return false;
    if (memchr(text, '\0', size) != NULL) return tb_serve_refuse(s, "text %u holds a zero byte", (unsigned)k + 1);
    memcpy(to, text, size);
    to[size] = '\0';
    ((char **)s->values)[k] = to;
    to += size + 1;
  }
  return true;
}

static bool take_values(tb_remote_server *s, value_kind kind, uint32_t *n) {
  if (!tb_thrift_take_list(&s->args, KIND_TYPES[kind], n)) return false;
  if (!tb_serve_make_room(&s->values, &s->values_room, *n * KIND_SIZES[kind])) return tb_serve_no_memory(s);
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
  if (!tb_serve_make_room(&s->raw, &s->raw_room, tb_storage_size(storage) * (size_t)n_values)) return tb_serve_no_memory(s);
  const uint32_t taken = of_protocol(storage, values, s->raw, (uint32_t)n_values, wrong);
  if (taken < n_values)
    return tb_serve_refuse(s, "%s does not fit into the type of the variable with value reference %u", wrong,
                           (unsigned)reference_of(s, vrs, taken));
  *status = tb_instance_set(s->far.instance, (int)storage, vrs, n, s->raw, (uint32_t)n_values, NULL);
  return *status == TB_NOT_OFFERED ? tb_serve_refuse_not_offered(s, "take such values") : true;
}

/* Whether the FMU has these values already. */
static bool is_there_already(tb_remote_server *s, value_kind kind, uint32_t n) {
  const size_t size = KIND_SIZES[kind];
  void *found = calloc(n, size);
  int status = 3;
  bool same = found != NULL && get_run(s, storage_of(s, kind), s->vrs, n, found, n, &status) && tb_serve_is_good(status);
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
  while (tb_serve_next_argument(s, &field)) {
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
  if (!has_references) return tb_serve_refuse_missing(s, method, "vr");
  if (!has_values) return tb_serve_refuse_missing(s, method, "value");
  if (!tb_serve_may_be_called(s, method)) return false;
  const bool has_types = s->opened->fmi == TB_FMI3;
  uint64_t n_values = n;
  if (has_types && !find_variables(s, kind, n, &n_values)) return false;
  if (n_values != n_given)
    return tb_serve_refuse(s, "%s: %u values were given for %u variables with %llu elements", method, (unsigned)n_given,
                           (unsigned)n, (unsigned long long)n_values);
  int status = 0;
  if (!has_types) {
    if (n > 0 && !set_run(s, storage_of(s, kind), s->vrs, n, s->values, n, &status)) return false;
    /* libcosim writes the start values of parameters again after its first read, for which the FMU had to be initialised. */
    if (status == 3 && s->is_early && is_there_already(s, kind, n)) status = 0;
  } else {
    uint64_t at = 0, size;
    for (uint32_t k = 0, run; k < n && tb_serve_is_good(status); k += run, at += size) {
      run = run_of(s, k, n, &size);
      if (!set_run(s, s->variables[k]->storage, s->vrs + k, run, value_at(s, kind, at), size, &status)) return false;
    }
  }
  return tb_serve_answer_status(s, status, "take such values");
}

bool tb_serve_read_integer(tb_remote_server *s) { return read_values(s, INTEGERS); }
bool tb_serve_read_real(tb_remote_server *s) { return read_values(s, REALS); }
bool tb_serve_read_string(tb_remote_server *s) { return read_values(s, STRINGS); }
bool tb_serve_read_boolean(tb_remote_server *s) { return read_values(s, BOOLEANS); }
bool tb_serve_write_integer(tb_remote_server *s) { return write_values(s, INTEGERS); }
bool tb_serve_write_real(tb_remote_server *s) { return write_values(s, REALS); }
bool tb_serve_write_string(tb_remote_server *s) { return write_values(s, STRINGS); }
bool tb_serve_write_boolean(tb_remote_server *s) { return write_values(s, BOOLEANS); }

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
  if (list->vrs == NULL) return tb_serve_no_memory(s);
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
  while (tb_serve_next_argument(s, &field)) {
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
  if (lists[0].vrs == NULL) return tb_serve_refuse_missing(s, METHOD, "unknowns");
  if (lists[1].vrs == NULL) return tb_serve_refuse_missing(s, METHOD, "knowns");
  if (!has_seeds) return tb_serve_refuse_missing(s, METHOD, "seeds");
  if (!tb_serve_may_be_called(s, METHOD) || !count_elements(s, &lists[0]) || !count_elements(s, &lists[1])) return false;
  if (lists[1].n_elements != n_seeds)
    return tb_serve_refuse(s, "%s: %u seeds were given for %u variables with %llu elements", METHOD, (unsigned)n_seeds,
                           (unsigned)lists[1].n, (unsigned long long)lists[1].n_elements);
  const size_t n_unknown = (size_t)lists[0].n_elements;
  if (!tb_serve_make_room(&s->raw, &s->raw_room, n_unknown * sizeof(double))) return tb_serve_no_memory(s);
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
  if (status == TB_NOT_OFFERED) return tb_serve_refuse_not_offered(s, "tell directional derivatives");
  tb_serve_note_fatal(s, status);
  tb_thrift_put_field(s->out, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(s->out, TB_THRIFT_LIST, 1);
  tb_thrift_put_doubles(s->out, s->raw, (uint32_t)n_unknown);
  tb_thrift_put_field(s->out, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(s->out, tb_serve_is_good(status) ? 0 : status);
  tb_thrift_put_stop(s->out);
  return tb_serve_answer_nothing(s);
}

bool tb_serve_directional_derivative(tb_remote_server *s) {
  variable_list lists[2] = {{0}};
  const bool answered = derive(s, lists);
  free(lists[0].vrs);
  free(lists[1].vrs);
  return answered;
}
