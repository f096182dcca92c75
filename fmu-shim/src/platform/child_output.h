/*
 * The output of a child, read by a thread of its own: the child never waits for a reader, and what it writes shows on
 * standard error at once. The end of it is kept.
 */
#ifndef TB_CHILD_OUTPUT_H
#define TB_CHILD_OUTPUT_H

#include "child.h"

typedef struct tb_output tb_output;

/*
 * `notices`: how lines begin that are meant for this process, and are not shown ("[proxyfmu] "); NULL: there are none. NULL
 * is answered where there is no memory.
 */
tb_output *tb_output_start(const tb_child *child, const char *notices);

typedef enum { TB_NOTICE, TB_NOTICE_LATE, TB_NOTICE_OVER } tb_notice;
/* Waits for the first notice, without its beginning and cut to `size`; TB_NOTICE_OVER: the output has ended before. */
tb_notice tb_output_await_notice(tb_output *output, int64_t deadline_ns, char *text, size_t size);

/* The child is gone: what it has written last, valid until `tb_output_stop`. */
void tb_output_tail(tb_output *output, const char **bytes, uint64_t *size);
void tb_output_stop(tb_output *output);

#endif
