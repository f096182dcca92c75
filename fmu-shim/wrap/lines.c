#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
static FILE *open_file(const char *path) {
  WCHAR wide[4096];
  if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 4096) == 0) return NULL;
  return _wfopen(wide, L"rb");
}
#else
static FILE *open_file(const char *path) { return fopen(path, "rb"); }
#endif

/* A million variables make less. */
enum { LARGEST = 256 << 20 };

char *tb_read_text(const char *path) {
  FILE *file = open_file(path);
  if (file == NULL) return NULL;
  size_t size = 0, room = 4096;
  char *bytes = malloc(room);
  while (bytes != NULL) {
    size += fread(bytes + size, 1, room - 1 - size, file);
    if (size < room - 1) break;
    char *more = room < LARGEST ? realloc(bytes, room *= 2) : NULL;
    if (more == NULL) free(bytes);
    bytes = more;
  }
  if (bytes != NULL && ferror(file)) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  if (bytes != NULL) bytes[size] = '\0';
  return bytes;
}

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
    char *at = line + strcspn(line, " \t");
    *key = line;
    *value = at;
    if (*at != '\0') {
      *at++ = '\0';
      while (is_blank(*at)) at++;
      *value = at;
    }
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
