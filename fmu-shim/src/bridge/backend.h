/*
 * The backend process of this importing process: started by the first bridge instance, shared by all of them, also by
 * those of other copies of this library (other FMUs), and ended with the last.
 */
#ifndef TB_BACKEND_H
#define TB_BACKEND_H

#include <stdatomic.h>

#include "../platform/platform.h"
#include "../ring/region.h"

#define TB_ERROR_SIZE 1024

typedef struct tb_backend tb_backend;

/* What an instance shares with its consumer worker. */
typedef struct {
  uint32_t id;
  void *memory;
  uint64_t size;
  tb_handle wait_end;           /* wakes a waiting step */
  tb_handle backend;            /* tb_process.process */
  tb_notification notification; /* wakes the worker: rows are free, or something is to be published */
} tb_attachment;

/* A parameter that the importer set, as text; see backend.c for the message. */
typedef struct {
  uint32_t value_reference;
  const char *text;
} tb_parameter_text;

/* NULL: why is in `error`. Each acquire needs a release. `resources` is the FMU's resources directory. */
tb_backend *tb_backend_acquire(const char *resources, char *error /* TB_ERROR_SIZE */);
void tb_backend_release(tb_backend *backend);

/* Has the backend read the FMU in `resources` and lay out a region for it. */
bool tb_backend_open(tb_backend *backend, const char *resources, const char *instance_name, const char *guid,
                     tb_attachment *attachment, char *error /* TB_ERROR_SIZE */);
/* Connects it; the outcome shows in the region's link_state. */
bool tb_backend_start(tb_backend *backend, uint32_t id, const tb_parameter_text *parameters, uint32_t count);
/* Has the backend publish what is left (bounded in time) and disconnect. What is shared stays: its counters and its log
   then tell how it went. */
void tb_backend_close(tb_backend *backend, const tb_attachment *attachment);
/* Frees what tb_backend_open made. */
void tb_attachment_drop(tb_attachment *attachment);

/* One load: cheap enough for every step. */
bool tb_backend_is_gone(const tb_backend *backend);
/* "process 4711 was ended by signal 9 (Killed)"; only once it is gone. */
void tb_backend_describe_end(tb_backend *backend, char *text, size_t size);

#endif
