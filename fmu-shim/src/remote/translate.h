/*
 * Commands to an FMU (far/wire.h) as calls of proxyfmu's FmuService or of FMU-proxy's, and their replies as answers; with
 * no input or output of its own.
 *
 * All calls of a request go out at once, and the other side, which knows nothing of requests, carries them out one after
 * the other. So behind a call that failed further ones may have been carried out; their replies are left out of the answer.
 */
#ifndef TB_TRANSLATE_H
#define TB_TRANSLATE_H

#include "../far/wire.h"
#include "../import/importer_internal.h"
#include "thrift.h"

typedef enum {
  TB_PROXYFMU,  /* a server for one instance */
  TB_FMU_PROXY, /* a server for many: each call names the instance, which has its own time */
} tb_dialect;

/* What a reply holds. */
typedef enum { TB_REPLY_VOID, TB_REPLY_STATUS, TB_REPLY_VALUES, TB_REPLY_STEP, TB_REPLY_STATE, TB_REPLY_EXPORT } tb_reply;

typedef struct {
  tb_command command;
  double time, size; /* of a step, s */
  uint64_t given;    /* the state, or the bytes to be serialised */
  uint32_t n_calls;  /* whose replies belong to it */
  tb_reply reply;    /* of the last of them */
  int status;        /* so far */
  const char *function; /* of the FMU, without its prefix */
} tb_translated;

typedef struct {
  tb_dialect dialect;
  tb_fmi fmi;
  char *id;                  /* FMU-proxy: of the instance */
  tb_host_environment *host; /* where is told what went wrong; NULL: nowhere */

  int32_t sequence; /* of the next call */
  tb_thrift_writer calls; /* frames */
  tb_translated *commands;
  uint32_t n_commands, room;

  int32_t expected; /* sequence of the next reply */
  uint32_t at, replies; /* the command that is being answered, and the replies to it that are there */
  tb_packer answer;
  uint32_t carried_out;
  bool stopped; /* one failed: what follows is not in the answer */
  size_t result_at; /* of the command that is being answered, in the answer */

  double reached;  /* FMU-proxy: where the last step ended, s */
  uint8_t *state;  /* exported last: the structure as it came */
  size_t state_size, state_room;
  uint64_t state_of;
} tb_translator;

void tb_translator_init(tb_translator *translator, tb_dialect dialect, tb_fmi fmi);
void tb_translator_destroy(tb_translator *translator);

/* A request: what is to be sent is in `calls`. false: it is garbled, or there is no memory. */
bool tb_translate(tb_translator *translator, const uint8_t *request, size_t size);
/* The payload of the next frame. false: it is no reply to the next call, or there is no memory. */
bool tb_translate_reply(tb_translator *translator, const uint8_t *payload, size_t size);
/* Whether all replies are there: then the answer is in `answer`. */
bool tb_is_translated(const tb_translator *translator);

/* What a reply says is wrong, as a sentence; the reader stands behind the message's head. */
void tb_take_refusal(tb_thrift_reader *reader, const tb_thrift_message *message, int32_t *type, char *text, size_t size);

/* An exception of that type and text tells that the method is not known: the runtime for Node.js says so in words only. */
static inline bool tb_is_unknown_method(tb_thrift_kind kind, int32_t type, const char *text) {
  return kind == TB_THRIFT_EXCEPTION &&
         (type == TB_THRIFT_UNKNOWN_METHOD || (type == TB_THRIFT_UNKNOWN && strncmp(text, "Unknown function", 16) == 0));
}

#endif
