/* Getting and setting: as they are, or of variables that are others here than behind (variables.h). */
#include "behind.h"

/* -- As a step plan does: what is got has come with the step, what is set goes along with the next ---------------------------- */

static int access_values(tb_behind *b, void *function, unsigned storage, const uint32_t *vrs, size_t n, void *values,
                         size_t n_values, size_t *sizes) {
  void *component = b->instance->component;
  if (function == NULL) return TB_NOT_OFFERED;
  if (storage == TB_BYTES) return ((tb_access_bytes *)function)(component, vrs, n, sizes, values, n_values);
  if (b->library->fmi == TB_FMI3 && storage != TB_CLOCK)
    return ((tb_access_array *)function)(component, vrs, n, values, n_values);
  return ((tb_access *)function)(component, vrs, n, values);
}

/* -- What has been accepted before ---------------------------------------------------------------------------------------------- */

/* Who asks for ever other variables together has each call go there by itself. */
enum { MOST_ACCEPTED = 4096 };

/* The mode of getting: it is the same in all. */
enum { GETS = INT32_MAX };

static bool is_accepted(tb_behind *b, int mode, unsigned storage, const uint32_t *vrs, size_t n, size_t n_values) {
  for (uint32_t tried = 0; tried < b->n_accepted; tried++) {
    const uint32_t k = (b->next_accepted + tried) % b->n_accepted; /* they come in the same order */
    const tb_accepted *a = &b->accepted[k];
    if (a->mode != (uint32_t)mode || a->storage != storage || a->n != n || a->n_values != n_values ||
        memcmp(a->vrs, vrs, n * sizeof *vrs) != 0)
      continue;
    b->next_accepted = k + 1;
    return true;
  }
  return false;
}

/* Without memory it is not noted, and works all the same. */
static void accept(tb_behind *b, int mode, unsigned storage, const uint32_t *vrs, size_t n, size_t n_values) {
  if (b->n_accepted == MOST_ACCEPTED) return;
  if (b->n_accepted == b->accepted_room) {
    const uint32_t room = 2 * b->accepted_room + 8;
    tb_accepted *all = realloc(b->accepted, room * sizeof *all);
    if (all == NULL) return;
    b->accepted = all;
    b->accepted_room = room;
  }
  uint32_t *copy = malloc(n * sizeof *copy);
  if (copy == NULL) return;
  memcpy(copy, vrs, n * sizeof *vrs);
  b->accepted[b->n_accepted++] = (tb_accepted){(uint32_t)mode, storage, (uint32_t)n, (uint32_t)n_values, copy};
}

void tb_behind_forget_accepted(tb_behind *b) {
  for (uint32_t k = 0; k < b->n_accepted; k++) free(b->accepted[k].vrs);
  b->n_accepted = b->next_accepted = 0;
}

static int get_theirs(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, void *values, size_t n_values,
                      size_t *sizes) {
  /* What is refused is not to be asked for with each step. */
  if (is_accepted(b, GETS, storage, vrs, n, n_values))
    return access_values(b, b->library->accessors[storage].get, storage, vrs, n, values, n_values, sizes);
  const int status = tb_instance_get(b->instance, (int)storage, vrs, (uint32_t)n, values, (uint32_t)n_values, sizes);
  if (status == TB_OK) accept(b, GETS, storage, vrs, n, n_values);
  return status;
}

static int set_theirs(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, const void *values, size_t n_values,
                      const size_t *sizes) {
  const bool may_wait = b->mode != 0 && storage != TB_TEXT && storage != TB_BYTES; /* those may be too long */
  if (may_wait && is_accepted(b, b->mode, storage, vrs, n, n_values))
    return access_values(b, b->library->accessors[storage].set, storage, vrs, n, (void *)values, n_values, (size_t *)sizes);
  const int status = tb_instance_set(b->instance, (int)storage, vrs, (uint32_t)n, values, (uint32_t)n_values, sizes);
  if (may_wait && status == TB_OK) accept(b, b->mode, storage, vrs, n, n_values);
  return status;
}

/* -- Room -------------------------------------------------------------------------------------------------------------------- */

static bool grow(void **memory, uint32_t *n, size_t wanted, size_t size) {
  if (wanted <= *n) return true;
  if (wanted > UINT32_MAX / 4) return false;
  void *more = realloc(*memory, 2 * wanted * size);
  if (more == NULL) return false;
  *memory = more;
  *n = (uint32_t)(2 * wanted);
  return true;
}

/* In elements of 8 bytes. */
static bool grow_values(tb_behind *b, size_t n) { return grow((void **)&b->values, &b->n_values, n, 8); }
static bool grow_vrs(tb_behind *b, size_t n) { return grow((void **)&b->vrs, &b->n_vrs, n, sizeof *b->vrs); }

/* -- Booleans of FMI 2.0 before an FMU of 1.0: an int here, a byte there ------------------------------------------------------- */

static bool is_boolean_of_fmi1(const tb_behind *b, unsigned storage) {
  return storage == TB_B32 && b->place.fmi == 1 && b->place.variables.n == 0;
}

static int get_booleans(tb_behind *b, const uint32_t *vrs, size_t n, int32_t *values) {
  if (!grow_values(b, n)) return tb_behind_fail(b, "%s: out of memory", b->function);
  const int status = get_theirs(b, TB_B8, vrs, n, b->values, n, NULL);
  for (size_t k = 0; k < n && (status == TB_OK || status == TB_WARNING); k++) values[k] = b->values[k] != 0;
  return status;
}

static int set_booleans(tb_behind *b, const uint32_t *vrs, size_t n, const int32_t *values) {
  if (!grow_values(b, n)) return tb_behind_fail(b, "%s: out of memory", b->function);
  for (size_t k = 0; k < n; k++) b->values[k] = values[k] != 0;
  return set_theirs(b, TB_B8, vrs, n, b->values, n, NULL);
}

/* -- Variables that are others behind ------------------------------------------------------------------------------------------ */

static const tb_wrapped_variable *find(tb_behind *b, unsigned storage, uint32_t vr) {
  const tb_wrapped_variable *v = tb_variables_find(&b->place.variables, storage, vr);
  if (v == NULL) tb_behind_fail(b, "%s: there is no such variable with value reference %u", b->function, (unsigned)vr);
  return v;
}

static bool is_array(const tb_wrapped_variable *v) { return v->elements > 1; }

static bool is_same_array(const tb_wrapped_variable *a, const tb_wrapped_variable *b) {
  return is_array(a) && is_array(b) && a->array == b->array;
}

/* How many of `vrs` are of one type behind; their value references, each array once, in b->vrs; their number in `n_theirs`. */
static size_t gather(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, uint32_t *n_theirs, size_t *n_values) {
  const tb_wrapped_variable *last = NULL;
  size_t k = 0;
  *n_theirs = 0;
  *n_values = 0;
  for (; k < n; k++) {
    const tb_wrapped_variable *v = find(b, storage, vrs[k]);
    if (v == NULL) return 0;
    if (last != NULL && v->their_storage != last->their_storage) break;
    if (last == NULL || !is_same_array(v, last)) {
      b->vrs[(*n_theirs)++] = v->their_vr;
      *n_values += v->elements;
    }
    last = v;
  }
  return k;
}

/* Of the values in b->values, those that were asked for. */
static int spread(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, void *values) {
  const tb_wrapped_variable *last = NULL;
  size_t at = 0;
  for (size_t k = 0; k < n; k++) {
    const tb_wrapped_variable *v = tb_variables_find(&b->place.variables, storage, vrs[k]);
    if (last != NULL && !is_same_array(v, last)) at += last->elements;
    const size_t size = tb_storage_size(v->their_storage);
    if (!tb_convert(b->values + (at + v->element) * size, v->their_storage,
                    (uint8_t *)values + k * tb_storage_size(storage), storage))
      return tb_behind_fail(b, "%s: the value of the variable with value reference %u is too large for its type", b->function,
                            (unsigned)vrs[k]);
    last = v;
  }
  return TB_OK;
}

static int worse(int a, int b) { return a == TB_OK || (b != TB_OK && b != TB_WARNING) ? b : a; }

static int get_others(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, void *values) {
  int status = TB_OK;
  if (!grow_vrs(b, n)) return tb_behind_fail(b, "%s: out of memory", b->function);
  for (size_t from = 0; from < n;) {
    uint32_t n_theirs;
    size_t n_values;
    const size_t run = gather(b, storage, vrs + from, n - from, &n_theirs, &n_values);
    if (run == 0) return TB_ERROR;
    if (!grow_values(b, n_values)) return tb_behind_fail(b, "%s: out of memory", b->function);
    const unsigned theirs = tb_variables_find(&b->place.variables, storage, vrs[from])->their_storage;
    if (theirs == TB_TIME) {
      for (size_t k = 0; k < run; k++) ((double *)values)[from + k] = b->time;
      from += run;
      continue;
    }
    status = worse(status, get_theirs(b, theirs, b->vrs, n_theirs, b->values, n_values, NULL));
    if (status != TB_OK && status != TB_WARNING) return status;
    if (spread(b, storage, vrs + from, run, (uint8_t *)values + from * tb_storage_size(storage)) != TB_OK) return TB_ERROR;
    from += run;
  }
  return status;
}

static void free_array(void *array, const tb_wrapped_variable *v) {
  if (v->their_storage == TB_TEXT)
    for (uint32_t k = 0; k < v->elements; k++) free(((char **)array)[k]);
  free(array);
}

static bool keep_text(char **to, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (copy == NULL) return false;
  strcpy(copy, text);
  free(*to);
  *to = copy;
  return true;
}

/* An array is set as a whole: the elements that were not set are as they are. */
static int open_array(tb_behind *b, const tb_wrapped_variable *v) {
  if (b->arrays[v->array] != NULL) return TB_OK;
  if (!grow_values(b, v->elements)) return tb_behind_fail(b, "%s: out of memory", b->function);
  const int status = get_theirs(b, v->their_storage, &v->their_vr, 1, b->values, v->elements, NULL);
  if (status != TB_OK && status != TB_WARNING) return status;
  const size_t size = tb_storage_size(v->their_storage);
  uint8_t *array = calloc(v->elements, size);
  bool ok = array != NULL;
  if (ok && v->their_storage != TB_TEXT) memcpy(array, b->values, v->elements * size);
  for (uint32_t k = 0; ok && v->their_storage == TB_TEXT && k < v->elements; k++) {
    const char *text = ((const char **)(void *)b->values)[k];
    ok = keep_text((char **)(void *)array + k, text == NULL ? "" : text);
  }
  if (!ok) {
    if (array != NULL) free_array(array, v);
    return tb_behind_fail(b, "%s: out of memory", b->function);
  }
  b->arrays[v->array] = array;
  return TB_OK;
}

static int too_large(tb_behind *b, uint32_t vr) {
  return tb_behind_fail(b, "%s: the value for the variable with value reference %u does not fit the FMU's own type",
                        b->function, (unsigned)vr);
}

/* The first `*run` of these are elements of one array. */
static int set_array(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, const uint8_t *values, size_t *run) {
  const tb_wrapped_variable *first = find(b, storage, vrs[0]);
  const int opened = open_array(b, first);
  if (opened != TB_OK) return opened;
  uint8_t *array = b->arrays[first->array];
  const size_t size = tb_storage_size(storage), their_size = tb_storage_size(first->their_storage);
  size_t k = 0;
  for (; k < n; k++) {
    const tb_wrapped_variable *v = find(b, storage, vrs[k]);
    if (v == NULL) return TB_ERROR;
    if (!is_same_array(v, first)) break;
    uint8_t *element = array + v->element * their_size;
    if (storage == TB_TEXT) {
      if (!keep_text((char **)(void *)element, *(const char *const *)(const void *)(values + k * size)))
        return tb_behind_fail(b, "%s: out of memory", b->function);
    } else if (!tb_convert(values + k * size, storage, element, v->their_storage)) {
      return too_large(b, vrs[k]);
    }
  }
  *run = k;
  return set_theirs(b, first->their_storage, &first->their_vr, 1, array, first->elements, NULL);
}

/* The first `*run` of these are of one type behind, and no arrays. */
static int set_scalars(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, const uint8_t *values, size_t *run) {
  const unsigned theirs = find(b, storage, vrs[0])->their_storage;
  size_t k = 0;
  for (; k < n; k++) {
    const tb_wrapped_variable *v = find(b, storage, vrs[k]);
    if (v == NULL) return TB_ERROR;
    if (v->their_storage != theirs || is_array(v)) break;
    b->vrs[k] = v->their_vr;
    if (!tb_convert(values + k * tb_storage_size(storage), storage, b->values + k * tb_storage_size(theirs), theirs))
      return too_large(b, vrs[k]);
  }
  *run = k;
  return set_theirs(b, theirs, b->vrs, k, b->values, k, NULL);
}

static int set_others(tb_behind *b, unsigned storage, const uint32_t *vrs, size_t n, const uint8_t *values) {
  int status = TB_OK;
  if (!grow_vrs(b, n) || !grow_values(b, n)) return tb_behind_fail(b, "%s: out of memory", b->function);
  for (size_t from = 0; from < n && (status == TB_OK || status == TB_WARNING);) {
    const tb_wrapped_variable *v = find(b, storage, vrs[from]);
    size_t run = 0;
    if (v == NULL) return TB_ERROR;
    if (v->their_storage == TB_TIME) return tb_behind_fail(b, "%s: the time cannot be set", b->function);
    const uint8_t *of_run = values + from * tb_storage_size(storage);
    status = worse(status, is_array(v) ? set_array(b, storage, vrs + from, n - from, of_run, &run)
                                       : set_scalars(b, storage, vrs + from, n - from, of_run, &run));
    from += run;
  }
  return status;
}

void tb_behind_forget_arrays(tb_behind *b) {
  for (uint32_t k = 0; b->arrays != NULL && k < b->place.variables.n; k++) {
    const tb_wrapped_variable *v = &b->place.variables.all[k];
    if (!is_array(v) || b->arrays[v->array] == NULL) continue;
    free_array(b->arrays[v->array], v);
    b->arrays[v->array] = NULL;
  }
}

void tb_behind_free_values(tb_behind *b) {
  tb_behind_forget_arrays(b);
  tb_behind_forget_accepted(b);
  free(b->accepted);
  free(b->arrays);
  free(b->values);
  free(b->vrs);
}

/* -- All ------------------------------------------------------------------------------------------------------------------------- */

static bool is_whole(tb_behind *b, const uint32_t *vrs, size_t n, const void *values, size_t n_values) {
  const bool missing = (n > 0 && vrs == NULL) || (n_values > 0 && values == NULL);
  const bool differs = b->place.variables.n > 0 && n != n_values;
  if (missing) tb_behind_fail(b, "%s: an array is missing", b->function);
  else if (differs) tb_behind_fail(b, "%s: nValues is %zu, the variables have %zu elements", b->function, n_values, n);
  return !missing && !differs;
}

int tb_behind_get(tb_behind *b, tb_storage storage, const uint32_t *vrs, size_t n, void *values, size_t n_values,
                  size_t *sizes) {
  if (!is_whole(b, vrs, n, values, n_values)) return TB_ERROR;
  if (n == 0) return TB_OK;
  if (b->place.fmi == 1 && b->initializes) {
    const int status = tb_behind_exit_initialization(b);
    if (status != TB_OK && status != TB_WARNING) return status;
  }
  if (b->place.variables.n > 0) return get_others(b, storage, vrs, n, values);
  if (is_boolean_of_fmi1(b, storage)) return get_booleans(b, vrs, n, values);
  return get_theirs(b, storage, vrs, n, values, n_values, sizes);
}

int tb_behind_set(tb_behind *b, tb_storage storage, const uint32_t *vrs, size_t n, const void *values, size_t n_values,
                  const size_t *sizes, int mode) {
  if (!is_whole(b, vrs, n, values, n_values)) return TB_ERROR;
  b->mode = mode;
  for (size_t k = 0; k < n_values && (storage == TB_TEXT || (storage == TB_BYTES && sizes[k] > 0)); k++)
    if (((const void *const *)values)[k] == NULL) return tb_behind_fail(b, "%s: a value is missing", b->function);
  if (n == 0) return TB_OK;
  if (b->place.variables.n > 0) return set_others(b, storage, vrs, n, values);
  if (is_boolean_of_fmi1(b, storage)) return set_booleans(b, vrs, n, values);
  return set_theirs(b, storage, vrs, n, values, n_values, sizes);
}
