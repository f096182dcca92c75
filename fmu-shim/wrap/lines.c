#include "lines.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static char *trim(char *from, char *end) {
  while (end > from && is_blank(end[-1])) end--;
  *end = '\0';
  while (is_blank(*from)) from++;
  return from;
}

bool tb_next_line(char **text, char **key, char **value) {
  while (**text != '\0') {
    char *line = *text, *end = line + strcspn(line, "\n");
    *text = *end == '\0' ? end : end + 1;
    line = trim(line, end);
    if (*line == '\0' || *line == '#') continue;
    *value = line;
    *key = tb_next_word(value);
    return true;
  }
  return false;
}

char *tb_next_word(char **value) {
  char *word = *value, *end = word + strcspn(word, " \t");
  if (end == word) return NULL;
  *value = end;
  if (*end != '\0') {
    *end++ = '\0';
    while (is_blank(*end)) end++;
    *value = end;
  }
  return word;
}

void tb_append(tb_text *text, const char *more) {
  const size_t size = strlen(more);
  if (text->room - text->size <= size) {
    const size_t room = 2 * (text->size + size) + 256;
    char *bytes = realloc(text->bytes, room);
    if (bytes == NULL) {
      text->failed = true;
      return;
    }
    text->bytes = bytes;
    text->room = room;
  }
  memcpy(text->bytes + text->size, more, size + 1);
  text->size += size;
}

void tb_append_line(tb_text *text, const char *key, const char *value) {
  tb_append(text, key);
  tb_append(text, " ");
  tb_append(text, value);
  tb_append(text, "\n");
}
