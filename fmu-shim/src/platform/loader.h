/* Loading libraries and finding functions in them, on every platform. */
#ifndef TB_LOADER_H
#define TB_LOADER_H

#include <stddef.h>

/* `path` in UTF-8. NULL: it cannot be loaded, why is in `error`. The same file loaded again is the same library. */
void *tb_loader_open(const char *path, char *error, size_t error_size);
void tb_loader_close(void *library);
/* NULL: the library does not have it. */
void *tb_loader_symbol(void *library, const char *name);

#endif
