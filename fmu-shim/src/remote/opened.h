/*
 * The opened record: what a program that serves an FMU has to know of it once it is unpacked. A text, written in TypeScript
 * (src/fmi/opened-record.ts), one `key value` a line.
 */
#ifndef TB_OPENED_H
#define TB_OPENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of FMI 3.0, whose functions want the type and number of elements of each variable. */
typedef struct {
  uint32_t vr;
  uint32_t storage; /* tb_storage */
  uint64_t size;    /* elements */
} tb_opened_variable;

typedef struct {
  int fmi;
  const char *library;    /* path */
  const char *identifier; /* modelIdentifier */
  const char *token;      /* guid, instantiationToken */
  const char *resources;  /* as tb_instantiation wants them */
  tb_opened_variable *variables; /* by value reference */
  uint32_t n_variables;
  char *text; /* the record, which the texts point into */
} tb_opened;

/* false: why is in `error`, and there is nothing to be destroyed. */
bool tb_opened_parse(const char *text, size_t size, tb_opened *opened, char *error, size_t error_size);
bool tb_opened_read(const char *path, tb_opened *opened, char *error, size_t error_size);
void tb_opened_destroy(tb_opened *opened);

/* NULL: there is none. `hint` is where the one before was found, and speeds it up. */
const tb_opened_variable *tb_opened_find(const tb_opened *opened, uint32_t vr, uint32_t *hint);

#endif
