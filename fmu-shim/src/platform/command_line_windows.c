/* Windows. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include "command_line.h"

#include <windows.h>

enum { LONGEST_PATH = 4096 };

/* Backslashes count as such unless a quote follows: there, and at the end, they are doubled. */
bool tb_append_argument(WCHAR *line, size_t room, size_t *used, const char *argument) {
  WCHAR wide[LONGEST_PATH];
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, argument, -1, wide, LONGEST_PATH) == 0) return false;
  if (*used + 2 * wcslen(wide) + 4 > room) return false;
  if (*used > 0) line[(*used)++] = L' ';
  line[(*used)++] = L'"';
  size_t slashes = 0;
  for (const WCHAR *at = wide;; at++) {
    if (*at == L'\\') {
      slashes++;
      continue;
    }
    const bool doubled = *at == L'"' || *at == L'\0';
    for (size_t k = 0; k < (doubled ? 2 * slashes : slashes); k++) line[(*used)++] = L'\\';
    slashes = 0;
    if (*at == L'\0') break;
    if (*at == L'"') line[(*used)++] = L'\\';
    line[(*used)++] = *at;
  }
  line[(*used)++] = L'"';
  line[*used] = L'\0';
  return true;
}
#endif
