/* States of a wrapped FMU: that of the FMU behind it, and where the instance in front of it was. */
#ifndef TB_WRAP_SAVED_H
#define TB_WRAP_SAVED_H

#include "behind.h"

typedef struct {
  void *theirs;
  double time;       /* s */
  double start_time; /* s; of FMI 2.0, which is told of it before the initialisation */
  uint32_t state;    /* of the standard's state machine, as the version of FMI numbers it */
  uint32_t start;    /* of the FMU behind, at which it was saved (tb_behind.starts) */
} tb_saved;

/* `*saved` NULL: a new one; else it is overwritten. The caller fills in the rest. All: statuses of FMI. */
int tb_saved_take(tb_behind *behind, tb_saved **saved);
int tb_saved_restore(tb_behind *behind, const tb_saved *saved);
int tb_saved_free(tb_behind *behind, tb_saved *saved);
int tb_saved_size(tb_behind *behind, const tb_saved *saved, size_t *size);
int tb_saved_serialize(tb_behind *behind, const tb_saved *saved, uint8_t *bytes, size_t size);
/* `states`: those that are possible, a bit each. */
int tb_saved_deserialize(tb_behind *behind, const uint8_t *bytes, size_t size, uint32_t states, tb_saved **saved);

#endif
