/*
 * The server of one instance of an FMU, as proxyfmu has it (service FmuService): a call comes as the payload of a frame, is
 * carried out, and its answer is written as a frame. What goes over which connection is the caller's.
 *
 * Beyond the real one: calls in the wrong order, unknown variables and lists of the wrong length are answered by a sentence;
 * a warning is OK, since clients fail on anything else; FMI 3.0; access by a token; and `tb_commands`, by which our own
 * client sends commands (far/wire.h) as they are.
 *
 * One connection at a time, by one thread.
 */
#ifndef TB_REMOTE_SERVER_H
#define TB_REMOTE_SERVER_H

#include "../far/serve.h"
#include "opened.h"
#include "thrift.h"

typedef struct tb_remote_server tb_remote_server;

typedef struct {
  const tb_opened *opened; /* to live as long as the server */
  tb_library *library;     /* loaded; the server's from then on */
  const char *name;        /* of the instance; NULL: that of the FMU */
  const char *token;       /* that each connection has to know; NULL: none */
  bool logging;            /* the FMU's debug messages, too */
  uint32_t frame_limit;    /* bytes; 0: TB_THRIFT_FRAME_LIMIT */
} tb_remote_setup;

typedef enum {
  TB_SERVED,        /* the answer is written */
  TB_SERVED_LAST,   /* the answer is written, and the client has no more use for the instance: freeInstance */
  TB_SERVED_REFUSED, /* the answer is written, and the connection is to be closed: it is not allowed to come in */
  TB_SERVED_GARBAGE, /* that was no call: the connection is to be closed */
} tb_served;

/* NULL: there is no memory. */
tb_remote_server *tb_remote_server_create(const tb_remote_setup *setup);
/*
 * Instantiates the FMU before it is asked to, so that it is known whether that can be done; `instantiate` then has nothing to
 * do. false: why is in tb_remote_server_reason.
 */
bool tb_remote_server_instantiate(tb_remote_server *server);
/* Frees the instance in order, if the FMU still may be called, and unloads the library. */
void tb_remote_server_destroy(tb_remote_server *server);

/* A new connection: it has to say the token again. The instance stays. */
void tb_remote_server_connected(tb_remote_server *server);
/* Whether the client has said the token, or there is none. */
bool tb_remote_server_knows_client(const tb_remote_server *server);
/* How large the payload of a frame may be now: little, as long as nobody knows who sends it. */
uint32_t tb_remote_server_limit(const tb_remote_server *server);
/* Writes the answer behind what is in `answers` already. */
tb_served tb_remote_server_handle(tb_remote_server *server, const uint8_t *payload, size_t size,
                                  tb_thrift_writer *answers);
/* The call that is being carried out, if it is no command: for who has to answer it should the FMU crash. NULL: none. */
const tb_thrift_message *tb_remote_server_pending(const tb_remote_server *server);
/* The FMU's function that is being called; empty: none. Lives and changes with the server. */
const char *tb_remote_server_doing(const tb_remote_server *server);
/* Of the garbage or the refusal, as a sentence. */
const char *tb_remote_server_reason(const tb_remote_server *server);

#endif
