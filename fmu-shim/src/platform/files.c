#include "files.h"

#include <errno.h>
#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum { LONGEST_PATH = 4096 };

FILE *tb_open_file(const char *path, const char *mode) {
  WCHAR wide[LONGEST_PATH], wide_mode[8];
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, LONGEST_PATH) > 0 &&
      MultiByteToWideChar(CP_UTF8, 0, mode, -1, wide_mode, 8) > 0)
    return _wfopen(wide, wide_mode);
  errno = EINVAL;
  return NULL;
}
#else
FILE *tb_open_file(const char *path, const char *mode) { return fopen(path, mode); }
#endif

bool tb_read_file(const char *path, size_t limit, char **text, size_t *size) {
  FILE *file = tb_open_file(path, "rb");
  if (file == NULL) return false;
  char *bytes = NULL;
  size_t room = 0, used = 0;
  int failed = 0;
  for (;;) {
    if (room - used < 2) {
      room = 2 * room + 16384;
      char *larger = realloc(bytes, room);
      if (larger == NULL) failed = ENOMEM;
      else bytes = larger;
      if (failed != 0) break;
    }
    const size_t n = fread(bytes + used, 1, room - used - 1, file);
    used += n;
    if (used > limit) failed = EFBIG;
    else if (n == 0 && ferror(file)) failed = errno == 0 ? EIO : errno;
    if (n == 0 || failed != 0) break;
  }
  fclose(file);
  if (failed != 0) {
    free(bytes);
    errno = failed;
    return false;
  }
  bytes[used] = '\0';
  *text = bytes;
  *size = used;
  return true;
}
