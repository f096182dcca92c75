/*
 * Waiting for the other side's bytes with open eyes: to wake a thread takes ten to fifty microseconds, the longest where its
 * processor has gone to sleep, too, and that is most of what a step elsewhere costs. So who waits looks for about as long as
 * the bytes usually take, and lets any other thread that wants to run go first; if that was of no use several times it
 * sleeps at once, for a number of times that grows, and then tries again.
 */
#ifndef TB_WATCHFUL_H
#define TB_WATCHFUL_H

#include "../platform/socket.h"

typedef struct {
  int64_t longest_ns; /* that it looks; bytes that usually take longer are slept for */
  int64_t usual_ns;   /* that bytes take; 0: that is not known yet */
  uint32_t misses;    /* one after the other */
  uint32_t rest, rest_for;
} tb_watchful;

/* The importer's side: the other one has a step to make. */
#define TB_WATCH_ANSWER_NS INT64_C(1000000)
/* The server's side: what lies between two steps of an importer that does not wait for anything else. */
#define TB_WATCH_REQUEST_NS INT64_C(50000)

/* As tb_socket_receive. */
tb_io tb_watchful_receive(tb_watchful *watchful, tb_socket socket, void *bytes, size_t room, size_t *got,
                          int64_t deadline_ns);

#endif
