/* The command line of a program to be started, as Windows wants it: one text. */
#ifndef TB_COMMAND_LINE_H
#define TB_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Puts an argument (UTF-8) behind the `used` characters of a line with room for `room`, so that CommandLineToArgvW takes it
 * apart again. false: it does not fit, or is no UTF-8.
 */
bool tb_append_argument(wchar_t *line, size_t room, size_t *used, const char *argument);

#endif
