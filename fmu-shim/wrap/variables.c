#include "variables.h"

#include <stdlib.h>
#include <string.h>

#include "lines.h"

/* As src/native/importer.ts names them. */
static const char *const NAMES[TB_STORAGES + 1] = {"f64", "f32", "i8",  "u8",  "i16",   "u16",  "i32",   "u32",
                                                   "i64", "u64", "b8",  "b32", "clock", "text", "bytes", "time"};

static bool read_storage(char **line, uint8_t *storage) {
  const char *word = tb_next_word(line);
  for (unsigned k = 0; word != NULL && k <= TB_STORAGES; k++) {
    if (strcmp(NAMES[k], word) != 0) continue;
    *storage = (uint8_t)k;
    return true;
  }
  return false;
}

static bool read_number(char **line, uint32_t *number) {
  const char *word = tb_next_word(line);
  if (word == NULL) return false;
  char *end;
  *number = (uint32_t)strtoul(word, &end, 10);
  return end != word && *end == '\0';
}

bool tb_variables_add(tb_variables *variables, char *line) {
  tb_wrapped_variable v = {0};
  if (!read_storage(&line, &v.storage) || !read_number(&line, &v.vr) || !read_storage(&line, &v.their_storage) ||
      !read_number(&line, &v.their_vr) || !read_number(&line, &v.elements) || !read_number(&line, &v.element) ||
      v.element >= v.elements)
    return false;
  if (variables->n == variables->room) {
    const uint32_t room = 2 * variables->room + 64;
    tb_wrapped_variable *all = realloc(variables->all, room * sizeof *all);
    if (all == NULL) return false;
    variables->all = all;
    variables->room = room;
  }
  variables->all[variables->n++] = v;
  return true;
}

static int order(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int by_reference(const void *a, const void *b) {
  const tb_wrapped_variable *x = a, *y = b;
  return x->storage != y->storage ? order(x->storage, y->storage) : order(x->vr, y->vr);
}

static int by_theirs(const void *a, const void *b) {
  const tb_wrapped_variable *x = a, *y = b;
  return x->their_storage != y->their_storage ? order(x->their_storage, y->their_storage) : order(x->their_vr, y->their_vr);
}

void tb_variables_sort(tb_variables *variables) {
  if (variables->n == 0) return;
  qsort(variables->all, variables->n, sizeof *variables->all, by_theirs);
  for (uint32_t k = 0; k < variables->n; k++) {
    tb_wrapped_variable *v = &variables->all[k];
    if (v->elements == 1) continue;
    const bool is_new = k == 0 || by_theirs(v - 1, v) != 0;
    if (is_new) variables->arrays++;
    v->array = variables->arrays - 1;
  }
  qsort(variables->all, variables->n, sizeof *variables->all, by_reference);
}

const tb_wrapped_variable *tb_variables_find(const tb_variables *variables, unsigned storage, uint32_t vr) {
  const tb_wrapped_variable wanted = {.storage = (uint8_t)storage, .vr = vr};
  return variables->n == 0 ? NULL
                           : bsearch(&wanted, variables->all, variables->n, sizeof *variables->all, by_reference);
}

void tb_variables_destroy(tb_variables *variables) {
  free(variables->all);
  *variables = (tb_variables){0};
}

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

#define LOAD(type) (*(const type *)from)

/* A whole number; of a UInt64 above those of an Int64: false. */
static bool load_integer(const void *from, unsigned storage, int64_t *value) {
  switch (storage) {
    case TB_I8: *value = LOAD(int8_t); return true;
    case TB_U8:
    case TB_B8:
    case TB_CLOCK: *value = LOAD(uint8_t); return true;
    case TB_I16: *value = LOAD(int16_t); return true;
    case TB_U16: *value = LOAD(uint16_t); return true;
    case TB_I32:
    case TB_B32: *value = LOAD(int32_t); return true;
    case TB_U32: *value = LOAD(uint32_t); return true;
    case TB_I64: *value = LOAD(int64_t); return true;
    case TB_U64: *value = (int64_t)LOAD(uint64_t); return *value >= 0;
    default: return false;
  }
}

#define STORE(type, low, high)                       \
  if (value < (int64_t)(low) || value > (int64_t)(high)) return false; \
  *(type *)to = (type)value;                         \
  return true

static bool store_integer(int64_t value, void *to, unsigned storage) {
  switch (storage) {
    case TB_I8: STORE(int8_t, INT8_MIN, INT8_MAX);
    case TB_U8: STORE(uint8_t, 0, UINT8_MAX);
    case TB_I16: STORE(int16_t, INT16_MIN, INT16_MAX);
    case TB_U16: STORE(uint16_t, 0, UINT16_MAX);
    case TB_I32: STORE(int32_t, INT32_MIN, INT32_MAX);
    case TB_U32: STORE(uint32_t, 0, UINT32_MAX);
    case TB_I64: STORE(int64_t, INT64_MIN, INT64_MAX);
    case TB_U64: STORE(uint64_t, 0, INT64_MAX);
    case TB_B8:
    case TB_CLOCK: *(uint8_t *)to = value != 0; return true;
    case TB_B32: *(int32_t *)to = value != 0; return true;
    default: return false;
  }
}

bool tb_convert(const void *from, unsigned from_storage, void *to, unsigned to_storage) {
  if (from_storage == to_storage) {
    memcpy(to, from, tb_storage_size(to_storage));
    return true;
  }
  if (from_storage == TB_F32 && to_storage == TB_F64) {
    *(double *)to = (double)*(const float *)from;
    return true;
  }
  if (from_storage == TB_F64 && to_storage == TB_F32) {
    *(float *)to = (float)*(const double *)from;
    return true;
  }
  int64_t value;
  return load_integer(from, from_storage, &value) && store_integer(value, to, to_storage);
}
