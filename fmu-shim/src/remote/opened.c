#include "opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../import/storage.h"
#include "../platform/files.h"

/* As in src/native/importer.ts. */
static const char *const STORAGE_NAMES[TB_STORAGES] = {"f64", "f32", "i8",  "u8", "i16", "u16",   "i32",  "u32",
                                                       "i64", "u64", "b8",  "b32", "clock", "text", "bytes"};

enum { LONGEST_RECORD = 256 * 1024 * 1024 };

static bool read_number(const char **at, uint64_t most, uint64_t *number) {
  uint64_t value = 0;
  const char *from = *at;
  while (*from >= '0' && *from <= '9') {
    const uint64_t digit = (uint64_t)(*from++ - '0');
    if (value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (from == *at) return false;
  *at = from;
  *number = value;
  return true;
}

/* "17 i32 1" */
static bool read_variable(const char *value, tb_opened_variable *variable) {
  uint64_t vr, size;
  if (!read_number(&value, UINT32_MAX, &vr) || *value++ != ' ') return false;
  const size_t length = strcspn(value, " ");
  uint32_t storage = 0;
  while (storage < TB_STORAGES &&
         (strlen(STORAGE_NAMES[storage]) != length || memcmp(STORAGE_NAMES[storage], value, length) != 0))
    storage++;
  value += length;
  if (storage == TB_STORAGES || *value++ != ' ') return false;
  if (!read_number(&value, UINT32_MAX, &size) || *value != '\0') return false;
  *variable = (tb_opened_variable){(uint32_t)vr, storage, size};
  return true;
}

static int by_reference(const void *left, const void *right) {
  const uint32_t a = ((const tb_opened_variable *)left)->vr, b = ((const tb_opened_variable *)right)->vr;
  return a < b ? -1 : a > b;
}

/* The value, if the line has this key. */
static const char *value_of(const char *line, const char *key) {
  const size_t length = strlen(key);
  return strncmp(line, key, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

/* NULL: it is good; else what is wrong with the line. */
static const char *take_line(tb_opened *o, const char *line, uint32_t *room) {
  const char *value;
  if ((value = value_of(line, "fmi")) != NULL) {
    o->fmi = strlen(value) == 1 && *value >= '1' && *value <= '3' ? *value - '0' : 0;
    return o->fmi == 0 ? "is no version of FMI" : NULL;
  }
  if ((value = value_of(line, "library")) != NULL) o->library = value;
  else if ((value = value_of(line, "identifier")) != NULL) o->identifier = value;
  else if ((value = value_of(line, "token")) != NULL) o->token = value;
  else if ((value = value_of(line, "resources")) != NULL) o->resources = value;
  else if ((value = value_of(line, "variable")) != NULL) {
    if (o->n_variables == *room) {
      *room = 2 * *room + 64;
      tb_opened_variable *variables = realloc(o->variables, *room * sizeof *variables);
      if (variables == NULL) return "does not fit into memory";
      o->variables = variables;
    }
    if (!read_variable(value, &o->variables[o->n_variables])) return "is no variable";
    o->n_variables++;
  }
  return NULL; /* what a later version knows more does no harm */
}

bool tb_opened_parse(const char *text, size_t size, tb_opened *o, char *error, size_t error_size) {
  *o = (tb_opened){0};
  o->text = malloc(size + 1);
  if (o->text == NULL) {
    snprintf(error, error_size, "there is no memory");
    return false;
  }
  memcpy(o->text, text, size);
  o->text[size] = '\0';
  const char *fault = memchr(text, '\0', size) != NULL ? "holds a zero byte" : NULL;
  unsigned number = 0;
  uint32_t room = 0;
  for (char *line = o->text, *next; fault == NULL && *line != '\0'; line = next) {
    next = line + strcspn(line, "\n");
    if (*next == '\n') *next++ = '\0';
    number++;
    if (number == 1) fault = strcmp(line, "twinbridge-opened 1") == 0 ? NULL : "is not 'twinbridge-opened 1'";
    else fault = take_line(o, line, &room);
  }
  const char *missing = number == 0             ? "everything"
                        : o->fmi == 0           ? "fmi"
                        : o->library == NULL    ? "library"
                        : o->identifier == NULL ? "identifier"
                        : o->token == NULL      ? "token"
                        : o->resources == NULL  ? "resources"
                                                : NULL;
  if (fault == NULL && missing == NULL) {
    if (o->n_variables > 1) qsort(o->variables, o->n_variables, sizeof *o->variables, by_reference);
    return true;
  }
  if (fault != NULL) snprintf(error, error_size, "line %u %s", number, fault);
  else snprintf(error, error_size, "%s is missing", missing);
  tb_opened_destroy(o);
  return false;
}

bool tb_opened_read(const char *path, tb_opened *o, char *error, size_t error_size) {
  char *text = NULL, why[256];
  size_t size = 0;
  if (!tb_read_file(path, LONGEST_RECORD, &text, &size)) {
    snprintf(error, error_size, "cannot read %s: %s", path, strerror(errno));
    return false;
  }
  const bool ok = tb_opened_parse(text, size, o, why, sizeof why);
  if (!ok) snprintf(error, error_size, "%s is no opened record: %s", path, why);
  free(text);
  return ok;
}

void tb_opened_destroy(tb_opened *o) {
  free(o->variables);
  free(o->text);
  *o = (tb_opened){0};
}

const tb_opened_variable *tb_opened_find(const tb_opened *o, uint32_t vr, uint32_t *hint) {
  if (*hint + 1 < o->n_variables && o->variables[*hint + 1].vr == vr) return &o->variables[++*hint];
  uint32_t low = 0, high = o->n_variables;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (o->variables[middle].vr < vr) low = middle + 1;
    else high = middle;
  }
  if (low == o->n_variables || o->variables[low].vr != vr) return NULL;
  *hint = low;
  return &o->variables[low];
}
