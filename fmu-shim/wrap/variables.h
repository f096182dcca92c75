/*
 * The variables of a wrapped FMU that are others than those behind it, since the two are of different versions of FMI: types
 * of FMI 3.0 as those of 2.0, elements of arrays as variables, value references that are unique for their type only.
 *
 * Every variable of the wrapped FMU is one value. A line: its storage and value reference; storage and value reference of
 * what is behind it, its number of elements, and which of them it is. Behind a variable of storage `time` there is none: it
 * is the communication point, which FMI 3.0 wants as a variable.
 */
#ifndef TB_WRAP_VARIABLES_H
#define TB_WRAP_VARIABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "../src/import/storage.h"

enum { TB_TIME = TB_STORAGES };

typedef struct {
  uint8_t storage, their_storage;
  uint32_t vr, their_vr, elements, element;
  uint32_t array; /* place among the arrays; of arrays only */
} tb_wrapped_variable;

typedef struct {
  tb_wrapped_variable *all; /* by storage and value reference */
  uint32_t n, room, arrays;
} tb_variables;

/* "f64 12 f32 7 3 0"; false: it is none, or there is no memory. */
bool tb_variables_add(tb_variables *variables, char *line);
/* Once all are there. */
void tb_variables_sort(tb_variables *variables);
/* NULL: there is none. */
const tb_wrapped_variable *tb_variables_find(const tb_variables *variables, unsigned storage, uint32_t vr);
void tb_variables_destroy(tb_variables *variables);

/* One value, as another storage has it; texts are pointers. false: it is none there (too large a whole number). */
bool tb_convert(const void *from, unsigned from_storage, void *to, unsigned to_storage);

#endif
