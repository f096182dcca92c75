/* What the files for Linux and macOS share. */
#ifndef TB_POSIX_H
#define TB_POSIX_H

#include <stdint.h>

/* poll until the deadline, through interruptions; 0: it passed. */
int tb_poll_until(int fd, short events, int64_t deadline_ns, short *got);

#endif
