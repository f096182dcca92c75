/* What an FMU elsewhere is asked (wire.h), where it is loaded. One instance, by one thread. */
#ifndef TB_SERVE_H
#define TB_SERVE_H

#include "../import/importer_internal.h"
#include "wire.h"

/* What a process of an FMU exits with when there is nothing else to be done. */
enum { TB_EXIT_GARBLED = 71, TB_EXIT_NO_MEMORY = 72 };

typedef struct {
  tb_library *library; /* NULL: TB_DO_LOAD loads it */
  tb_instance *instance;
  tb_host_environment *host;
  /* What instances are made with, whatever TB_DO_CREATE says; NULL: as it says. */
  const tb_instantiation *opened;
  char *doing; /* the FMU's function that is being called: TB_DOING_BYTES */
  uint64_t most;   /* bytes of values or of a state in an answer: who asks for more is not meant well, or garbled */
  bool has_failed; /* a command has answered Fatal: the instance must not be called any more */
  tb_packer answer;

  tb_host_sink *log;
  void *log_context;
  tb_unpacker request;
  void **pointers; /* of texts */
  size_t *sizes;
  size_t pointers_room;
  char own_doing[TB_DOING_BYTES];
} tb_server;

/* `doing`: where others see it; NULL: they do not. `log` receives what the FMU says. */
void tb_server_init(tb_server *server, tb_library *library, char *doing, tb_host_sink *log, void *context);
/* Frees all but an instance that was not freed, with what it needs. */
void tb_server_destroy(tb_server *server);

/* Carries out the commands of a request, which lies on 8 bytes; the answer is in server->answer. false: it is garbled. */
bool tb_server_carry_out(tb_server *server, const uint8_t *request, size_t size);

/* Also for those who get at the instance in another way. false: the FMU refused. */
bool tb_server_create_instance(tb_server *server, const tb_instantiation *how);
void tb_server_free_instance(tb_server *server);

#endif
