/* FMUs on servers, on this machine or others, that speak the protocols of proxyfmu and FMU-proxy: see far/far.h. */
#ifndef TB_REMOTE_H
#define TB_REMOTE_H

#include "../far/far.h"

typedef enum {
  TB_CONNECTED,
  TB_CANNOT_START,    /* the server to be started */
  TB_CANNOT_CONNECT,  /* nobody is there, or there is no way */
  TB_CONNECTS_LATE,   /* no answer within the limit */
  TB_REFUSED,         /* the server answers, and why it will not do is what it says */
  TB_SERVER_ENDED,    /* the server that was started has ended, or the connection was lost, before it was ready */
} tb_connected;

/*
 * Begins to start a server or to connect to one; many begin at once. `target` as target.h has it. The library is ready when
 * tb_library_connected says so. NULL: why is in `error`.
 */
TB_API tb_library *tb_library_connect(const char *target, char *error, uint32_t error_size);

/* Waits until it is ready, as long as the target allows. Other than TB_CONNECTED: why is in `error`, and it is to be unloaded. */
TB_API int tb_library_connected(tb_library *library, char *error, uint32_t error_size);

#endif
