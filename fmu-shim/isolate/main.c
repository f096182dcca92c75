/*
 * twinbridge-isolate: the process of one isolated FMU. The library starts it (src/isolate/process.c); nobody else does.
 */
#include <stdio.h>

#include "serve.h"

enum { EXIT_USAGE = 2, EXIT_REFUSED = 70 };

int main(int argc, char **argv) {
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
  return tb_serve(&channel, shared);
}
