/*
 * twinbridge-isolate: the process of one isolated FMU. The library starts it (src/isolate/process.c); nobody else does.
 */
#include <stdio.h>

#include "../src/far/serve.h"
#include "../src/isolate/channel.h"

enum { EXIT_USAGE = 2, EXIT_REFUSED = 70 };

static void log_to_importer(void *ring, int32_t status, const char *texts, uint32_t size) {
  tb_log_ring_add(ring, status, texts, size);
}

static bool is_last(const uint8_t *request, size_t size) {
  tb_command next;
  if (size < sizeof next) return false;
  memcpy(&next, request, sizeof next);
  return next.kind == TB_DO_LEAVE;
}

/* Until the importer is gone or has no more use for this process: what to exit with. */
static int serve(tb_server *server, tb_channel *channel) {
  for (;;) {
    const uint8_t *request;
    size_t size;
    tb_received got = tb_channel_receive(channel, &request, &size, INT64_MAX);
    if (got == TB_GONE) return 0;
    if (got != TB_RECEIVED) return TB_EXIT_GARBLED;
    if (is_last(request, size)) return 0;
    if (!tb_server_carry_out(server, request, size)) return TB_EXIT_GARBLED;
    if (tb_channel_send(channel, server->answer.bytes, server->answer.size, INT64_MAX) != TB_RECEIVED) return 0;
  }
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "--keep") == 0) return tb_child_keep(argv + 2);
  tb_handle handles[TB_CHILD_HANDLES], parent;
  if (!tb_child_take_handles(argc, argv, handles, &parent)) {
    fputs("twinbridge-isolate runs an FMU for twinbridge, which starts it by itself\n", stderr);
    return EXIT_USAGE;
  }
  /* What the FMU prints is to be seen before it crashes. */
#if defined(_WIN32)
  setvbuf(stdout, NULL, _IONBF, 0);
#else
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
#endif
  tb_shared *shared = tb_shm_map(handles[0], sizeof *shared);
  if (shared == NULL || shared->version != TB_SHARED_VERSION || shared->size != sizeof *shared) {
    fputs("twinbridge-isolate is not of the same version as the library that has started it\n", stderr);
    return EXIT_REFUSED;
  }
  tb_channel channel;
  tb_channel_init(&channel, &shared->answer, &shared->request, handles[1], handles[2]);
  channel.other = parent;
  tb_server server;
  tb_server_init(&server, NULL, shared->doing, log_to_importer, &shared->log);
  const int code = serve(&server, &channel);
  tb_server_destroy(&server);
  if (server.instance == NULL) tb_channel_destroy(&channel);
  return code;
}
