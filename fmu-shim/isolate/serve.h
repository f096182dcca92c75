/* What an isolated FMU is asked, in its own process. */
#ifndef TB_SERVE_H
#define TB_SERVE_H

#include "../src/isolate/channel.h"

/* Until the importer is gone or has no more use for this process: what to exit with. */
int tb_serve(tb_channel *channel, tb_shared *shared);

#endif
