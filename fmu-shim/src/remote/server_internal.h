/* What server.c, server_values.c and server_states.c share. */
#ifndef TB_REMOTE_SERVER_INTERNAL_H
#define TB_REMOTE_SERVER_INTERNAL_H

#include "../isolate/channel.h"
#include "server.h"

enum { REFUSAL_BYTES = 2048, SAID_BYTES = 1024, LONGEST_NAME = 100 };

/* Where the instance is in its life. */
typedef enum { NONE, INSTANTIATED, INITIALIZING, RUNNING, TERMINATED } phase;

typedef struct {
  void *state; /* the FMU's; NULL: this index is free */
  phase phase; /* when it was saved */
} saved_state;

struct tb_remote_server {
  tb_server far; /* holds library and instance, and carries out commands */
  const tb_opened *opened;
  tb_instantiation how;
  const char *token;
  uint32_t frame_limit;
  bool logging;
  bool authenticated;
  bool commanded; /* the client sends commands; it knows itself where the instance is in its life */
  phase phase;
  bool has_failed; /* fatally: it must not be called any more */
  bool is_early;   /* FMI 1.0: it was initialised before the initialisation mode was left */
  double start, stop, tolerance;

  saved_state *states;
  uint32_t n_states;

  /* What calls are made with; grows to the largest call there was. */
  uint32_t *vrs;
  const tb_opened_variable **variables;
  size_t vrs_room;
  void *values; /* as the protocol has them: double, int32_t, uint8_t, const char * */
  size_t values_room;
  void *raw; /* as the FMU has them */
  size_t raw_room;
  char *texts;
  size_t texts_room;
  uint8_t *request; /* commands, on 8 bytes */
  size_t request_room;

  /* The call. */
  tb_thrift_reader args;
  tb_thrift_writer *out;
  const tb_thrift_message *volatile pending;
  char refusal[REFUSAL_BYTES];

  /* The FMU's log, from any of its threads. */
  tb_mutex *lock;
  bool collects; /* messages go into answers */
  tb_log_ring *log;
  char said[SAID_BYTES]; /* what it said last that was no mere information */
};

/* -- Calls: each takes its arguments and answers; false: the answer is an exception, or the arguments cannot be read ------------------ */

bool tb_serve_read_integer(tb_remote_server *server);
bool tb_serve_read_real(tb_remote_server *server);
bool tb_serve_read_string(tb_remote_server *server);
bool tb_serve_read_boolean(tb_remote_server *server);
bool tb_serve_write_integer(tb_remote_server *server);
bool tb_serve_write_real(tb_remote_server *server);
bool tb_serve_write_string(tb_remote_server *server);
bool tb_serve_write_boolean(tb_remote_server *server);
bool tb_serve_directional_derivative(tb_remote_server *server);

bool tb_serve_save_state(tb_remote_server *server);
bool tb_serve_save_state_by_index(tb_remote_server *server);
bool tb_serve_restore_state(tb_remote_server *server);
bool tb_serve_release_state(tb_remote_server *server);
bool tb_serve_export_state(tb_remote_server *server);
bool tb_serve_import_state(tb_remote_server *server);
/* Before the instance is freed, or driven in another way. */
void tb_serve_free_states(tb_remote_server *server);

/* -- What they have in common ------------------------------------------------------------------------------------------------------ */

static inline bool tb_serve_is_good(int status) { return status == 0 || status == 1; }

static inline bool tb_serve_next_argument(tb_remote_server *s, tb_thrift_field *field) {
  return tb_thrift_next_field(&s->args, field);
}

static inline void tb_serve_skip_arguments(tb_remote_server *s) { tb_thrift_skip_fields(&s->args); }

/* The call is answered by an exception with this sentence; false. */
bool tb_serve_refuse(tb_remote_server *server, const char *format, ...);
bool tb_serve_no_memory(tb_remote_server *server);
bool tb_serve_refuse_missing(tb_remote_server *server, const char *method, const char *argument);
/* `what`: "the FMU cannot …". */
bool tb_serve_refuse_not_offered(tb_remote_server *server, const char *what);
/* Of functions whose result has no place for a status: "the FMU did not …". */
bool tb_serve_refuse_by_status(tb_remote_server *server, int status, const char *what);

/* true. */
bool tb_serve_answer_nothing(tb_remote_server *server);
bool tb_serve_answer_i32(tb_remote_server *server, int32_t value);
bool tb_serve_answer_status(tb_remote_server *server, int status, const char *what);
void tb_serve_note_fatal(tb_remote_server *server, int status);

bool tb_serve_make_room(void **memory, size_t *room, size_t size);
/* false: it is refused. */
bool tb_serve_may_be_called(tb_remote_server *server, const char *method);
/* fmiInitializeSlave: FMI 1.0 has no initialisation mode. */
int tb_serve_initialise(tb_remote_server *server);

#endif
