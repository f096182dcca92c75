/* Files, by paths in UTF-8. files.c has it for all systems. */
#ifndef TB_FILES_H
#define TB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* As fopen. */
FILE *tb_open_file(const char *path, const char *mode);
/* All of it, with a zero byte behind, to be freed; false: errno tells why (EFBIG: it has more than `limit` bytes). */
bool tb_read_file(const char *path, size_t limit, char **text, size_t *size);

#endif
