/* The importer's side of a remote FMU: connect.c makes the connection, client.c uses it. */
#ifndef TB_CLIENT_H
#define TB_CLIENT_H

#include "../far/far_internal.h"
#include "../platform/child_output.h"
#include "../platform/socket.h"
#include "remote.h"
#include "target.h"
#include "watchful.h"

/* Of what tb_commands carries. */
enum { TB_COMMANDS_VERSION = 1 };

typedef struct {
  tb_far far;
  tb_target target;

  bool spawned;
  tb_child child;
  tb_output *output;

  bool connects;
  tb_connecting connecting;
  tb_socket socket;
  char peer[300]; /* for messages: "127.0.0.1:41234" */
  char reason[1024];

  tb_watchful watchful;
  tb_thrift_frames frames;
  tb_thrift_writer writer;
  int32_t sequence; /* of the last call, but those of the translator */
  tb_translator translator;
  bool commands; /* the server knows tb_commands */
} tb_remote;

static inline tb_remote *tb_remote_of(tb_far *far) { return (tb_remote *)far; }

extern const tb_carrier tb_remote_carrier;

/* Notes how it ended, and ends what was started for it. Answers `status`. */
int tb_remote_ended(tb_remote *remote, int status, const char *reason);
void tb_remote_destroy(tb_remote *remote);

/* Until far.due_ns: 0, TB_CRASHED or TB_LATE. */
int tb_remote_send(tb_remote *remote, const tb_thrift_writer *calls);
int tb_remote_next_frame(tb_remote *remote, const uint8_t **payload, size_t *size);

/* A call that is not the translator's, in `writer`; its arguments follow. Of FMU-proxy with the instance in front of them. */
void tb_remote_begin_call(tb_remote *remote, const char *method);
/* Likewise, with its arguments. */
void tb_remote_begin_commands(tb_remote *remote, const uint8_t *request, size_t size);
/* false: the call is larger than can be sent, or there is no memory for it. */
bool tb_remote_end_call(tb_remote *remote);
/* The reply to the call that was sent last; the reader stands behind its head. */
int tb_remote_take_reply(tb_remote *remote, tb_thrift_reader *from, tb_thrift_message *message);
/* A reply that is none: why, as a sentence. true: the server does not know the method. */
bool tb_remote_refusal(const tb_remote *remote, tb_thrift_reader *from, const tb_thrift_message *message, char *text,
                       size_t size);

#endif
