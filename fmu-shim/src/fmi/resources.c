#include "resources.h"

#include <string.h>

#include "../platform/platform.h"

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool is_separator(char c) {
#if defined(_WIN32)
  return c == '/' || c == '\\';
#else
  return c == '/';
#endif
}

static bool path_of_location(const char *location, char *path, size_t size) {
  const char *from = location;
  bool is_uri = strncmp(location, "file:", 5) == 0;
  if (is_uri) {
    from += 5;
    if (strncmp(from, "//", 2) == 0) {
      from += 2;
      const char *slash = strchr(from, '/');
      if (slash == NULL) return false;
      from = slash;
    }
#if defined(_WIN32)
    if (from[0] == '/' && from[1] != '\0' && from[2] == ':') from++;
#endif
  }
  size_t n = 0;
  for (; *from != '\0'; from++) {
    char c = *from;
    if (is_uri && c == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
      c = (char)(hex_digit(from[1]) * 16 + hex_digit(from[2]));
      from += 2;
    }
    if (n + 1 >= size) return false;
    path[n++] = c;
  }
  while (n > 1 && is_separator(path[n - 1])) n--;
  path[n] = '\0';
  return n > 0;
}

static bool beside_library(char *path, size_t size) {
  if (!tb_own_path(path, size)) return false;
  for (int up = 0; up < 3; up++) {
    size_t n = strlen(path);
    while (n > 0 && !is_separator(path[n - 1])) n--;
    if (n == 0) return false;
    path[n - 1] = '\0';
  }
  if (strlen(path) + sizeof "/resources" > size) return false;
  strcat(path, "/resources");
  return true;
}

bool tb_resources_path(const char *location, char *path, size_t size) {
  return location != NULL && location[0] != '\0' ? path_of_location(location, path, size) : beside_library(path, size);
}
