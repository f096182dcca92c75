#ifndef TB_ISOLATE_INTERNAL_H
#define TB_ISOLATE_INTERNAL_H

#include "../far/far_internal.h"
#include "channel.h"
#include "isolate.h"

typedef struct tb_output tb_output;

/* output.c: what a child writes goes on to standard error, and the end of it is kept. */
tb_output *tb_output_start(const tb_child *child);
/* The child is gone: what it has written last, valid until `tb_output_stop`. */
void tb_output_tail(tb_output *output, const char **bytes, uint64_t *size);
void tb_output_stop(tb_output *output);

#endif
