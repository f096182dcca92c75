#include "loader.h"

#include <stdio.h>
#include <string.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum { LONGEST_PATH = 4096 };

void *tb_loader_open(const char *path, char *error, size_t error_size) {
  WCHAR wide[LONGEST_PATH];
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, LONGEST_PATH) == 0) {
    snprintf(error, error_size, "the path is too long");
    return NULL;
  }
  for (WCHAR *at = wide; *at != L'\0'; at++)
    if (*at == L'/') *at = L'\\';
  /* What the library needs is looked for beside it. */
  HMODULE library = LoadLibraryExW(wide, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (library == NULL) snprintf(error, error_size, "error %lu", (unsigned long)GetLastError());
  return library;
}

void tb_loader_close(void *library) { FreeLibrary(library); }

void *tb_loader_symbol(void *library, const char *name) {
  FARPROC found = GetProcAddress(library, name);
  void *address;
  memcpy(&address, &found, sizeof address);
  return address;
}
#else
#include <dlfcn.h>

void *tb_loader_open(const char *path, char *error, size_t error_size) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *why = dlerror();
    snprintf(error, error_size, "%s", why == NULL ? "unknown" : why);
  }
  return library;
}

void tb_loader_close(void *library) { dlclose(library); }

void *tb_loader_symbol(void *library, const char *name) { return dlsym(library, name); }
#endif
