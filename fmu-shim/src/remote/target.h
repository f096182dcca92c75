/*
 * Where a remote FMU is and how it is to be reached: lines "key value", as src/remote and wrapped FMUs write them. Unknown
 * keys, and keys that are missing, are errors.
 */
#ifndef TB_TARGET_H
#define TB_TARGET_H

#include "translate.h"

typedef struct {
  char *text; /* that the others point into */
  int fmi;
  tb_dialect dialect;
  const char *identifier; /* modelIdentifier */
  const char *instance;   /* its name */

  const char *program;    /* a server to be started: proxyfmu or its like */
  const char *keeper;     /* which starts it in turn, and ends it when this process is gone; NULL: it sees to that itself */
  const char *fmu;        /* archive, for the program */
  const char *opened;     /* record of the FMU, already unpacked, for the program; instead of the archive */

  const char *host;       /* a server that runs */
  uint16_t port;
  bool boot;              /* it starts one for the instance, on a port of its own */
  const char *upload;     /* archive that it is to have; NULL: none */
  const char *name;       /* of the archive, without its suffix */
  const char *sha256;     /* of the archive: it may be there already */
  const char *id;         /* FMU-proxy: of an FMU that is there */
  const char *url;        /* FMU-proxy: where it is to load one from */

  const char *token;      /* NULL: none is asked for */
  bool plain;             /* nothing but what the real servers know */
  int64_t start_ns, step_ns, retry_ns; /* limits of calls before and after the initialisation, of connecting again */
} tb_target;

/* false: what is wrong is in `error`. */
bool tb_target_read(tb_target *target, const char *text, char *error, size_t error_size);
void tb_target_destroy(tb_target *target);

#endif
