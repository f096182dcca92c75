/* Texts of lines "key value", as the resources of a wrapped FMU hold them, in UTF-8. */
#ifndef TB_WRAP_LINES_H
#define TB_WRAP_LINES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Takes the next line off `*text`, which it changes: `key` up to the first blank, `value` the rest, without blanks around
 * it. Lines that are empty or begin with '#' are passed over. false: there is none.
 */
bool tb_next_line(char **text, char **key, char **value);

/* Takes the next word off a value: NULL: there is none. */
char *tb_next_word(char **value);

/* A text that grows; `failed`: there is no memory. */
typedef struct {
  char *bytes;
  size_t size, room;
  bool failed;
} tb_text;

void tb_append(tb_text *text, const char *more);
void tb_append_line(tb_text *text, const char *key, const char *value);

#endif
