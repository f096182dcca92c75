/*
 * The same checks as in TypeScript (src/fmi/cache/root.ts, folder.ts, marks.ts), in the same order; each reads what is there
 * now and compares it with what stood there when TypeScript had checked it. Only on Linux, where the system tells of processes
 * what a mark has to say.
 */
#define _GNU_SOURCE
#include "cached.h"

#if defined(__linux__)
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/platform/files.h"

enum { LONGEST_RECORD = 256 * 1024 * 1024 };

/* -- Texts ------------------------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static bool print(char to[TB_CACHE_PATH], const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(to, TB_CACHE_PATH, format, arguments);
  va_end(arguments);
  return n >= 0 && n < TB_CACHE_PATH;
}

/* As path.resolve in Node: absolute, without '.', '..' and doubled slashes; symbolic links stay. */
static bool resolve(const char *path, char to[TB_CACHE_PATH]) {
  char whole[TB_CACHE_PATH], folder[TB_CACHE_PATH];
  if (*path == '/') {
    if (!print(whole, "%s", path)) return false;
  } else if (getcwd(folder, sizeof folder) == NULL || !print(whole, "%s/%s", folder, path)) {
    return false;
  }
  size_t used = 0;
  for (char *part = whole, *next; part != NULL; part = next) {
    next = strchr(part, '/');
    if (next != NULL) *next++ = '\0';
    if (*part == '\0' || strcmp(part, ".") == 0) continue;
    if (strcmp(part, "..") == 0) {
      while (used > 0 && to[--used] != '/') continue;
      continue;
    }
    const size_t size = strlen(part);
    to[used++] = '/';
    memcpy(to + used, part, size);
    used += size;
  }
  if (used == 0) to[used++] = '/';
  to[used] = '\0';
  return true;
}

/* Two 32-bit FNV-1a: only a name for a file, which says itself what it is about. */
static uint64_t name_of(const char *text) {
  uint32_t first = UINT32_C(0x811c9dc5), second = UINT32_C(0x9dc5811c);
  for (; *text != '\0'; text++) {
    first = (first ^ (uint8_t)*text) * UINT32_C(0x01000193);
    second = (second ^ (uint8_t)*text) * UINT32_C(0x01000193);
  }
  return (uint64_t)first << 32 | second;
}

static int64_t ns_of(const struct timespec *time) { return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec; }

static bool print_identity(const struct stat *found, char to[TB_CACHE_PATH]) {
  return print(to, "%" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64, (uint64_t)found->st_ino, (int64_t)found->st_size,
               ns_of(&found->st_mtim), ns_of(&found->st_ctim));
}

/* -- Trust ------------------------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct stat *found) { return found->st_uid == geteuid() && (found->st_mode & 022) == 0; }

static bool is_our_folder(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && is_ours(&found);
}

/* Whoever can rename a folder above the root can put another in its place. */
static bool is_safe_above(const char *path) {
  struct stat found;
  if (lstat(path, &found) != 0 || (found.st_uid != geteuid() && found.st_uid != 0)) return false;
  /* A group with the number of its owner has no other members. */
  const bool by_others = (found.st_mode & 002) != 0 || ((found.st_mode & 020) != 0 && found.st_gid != found.st_uid);
  return !by_others || (found.st_mode & S_ISVTX) != 0;
}

static bool find_root(char root[TB_CACHE_PATH]) {
  const char *given = getenv("TWINBRIDGE_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  char wanted[TB_CACHE_PATH], real[PATH_MAX];
  if (given != NULL && *given != '\0') {
    if (!resolve(given, wanted)) return false;
  } else if (xdg != NULL && *xdg == '/') {
    if (!print(wanted, "%s/twinbridge", xdg)) return false;
  } else {
    if (home == NULL || *home == '\0') {
      const struct passwd *user = getpwuid(geteuid());
      home = user == NULL ? NULL : user->pw_dir;
    }
    if (home == NULL || !print(wanted, "%s/.cache/twinbridge", home)) return false;
  }
  if (realpath(wanted, real) == NULL || !print(root, "%s", real)) return false;
  char path[TB_CACHE_PATH];
  if (!is_our_folder(root) || !print(path, "%s/fmus", root) || !is_our_folder(path) || !print(path, "%s/native", root) ||
      !is_our_folder(path) || !print(path, "%s", root))
    return false;
  for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
    *slash = '\0';
    if (!is_safe_above(*path == '\0' ? "/" : path)) return false;
  }
  return true;
}

/* -- This machine, this process ------------------------------------------------------------------------------------------------------ */

/* A line of the system's, without its end. */
static bool read_line(const char *path, char line[TB_CACHE_PATH]) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? -1 : read(fd, line, TB_CACHE_PATH - 1);
  if (fd >= 0) close(fd);
  if (n <= 0) return false;
  line[n] = '\0';
  line[strcspn(line, "\n")] = '\0';
  return true;
}

static bool is_boot(const char *recorded) {
  char line[TB_CACHE_PATH];
  return read_line("/proc/sys/kernel/random/boot_id", line) && *line != '\0' && strcmp(line, recorded) == 0;
}

static bool is_host(const char *recorded) {
  char name[256];
  return gethostname(name, sizeof name) == 0 && strcmp(name, recorded) == 0;
}

static bool is_namespace(const char *recorded) {
  char link[128];
  const ssize_t n = readlink("/proc/self/ns/pid", link, sizeof link - 1);
  if (n <= 0) return false;
  link[n] = '\0';
  return strcmp(link, recorded) == 0;
}

/* In ticks since the machine started: proc(5), field 22. */
static bool find_start(char start[32]) {
  char line[TB_CACHE_PATH];
  if (!read_line("/proc/self/stat", line)) return false;
  char *at = strrchr(line, ')'); /* the program's name may hold anything */
  for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
  if (at == NULL) return false;
  const size_t digits = strspn(at + 1, "0123456789");
  if (digits == 0 || digits > 30) return false;
  memcpy(start, at + 1, digits);
  start[digits] = '\0';
  return true;
}

/* -- The record ---------------------------------------------------------------------------------------------------------------------- */

/* The next line, or NULL; ended by a zero byte. */
static char *next_line(char **at) {
  char *line = *at, *end = strchr(line, '\n');
  if (end == NULL) return NULL;
  *end = '\0';
  *at = end + 1;
  return line;
}

static const char *value_of(const char *line, const char *key) {
  const size_t length = strlen(key);
  return line != NULL && strncmp(line, key, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

static bool is_hex(const char *text, size_t size) { return strlen(text) == size && strspn(text, "0123456789abcdef") == size; }

typedef struct {
  char *text;
  const char *path, *identity, *host, *boot, *pids, *machine, *content, *folder, *current;
  char *rest; /* what has to be in the folder, and behind it the opened record */
  char entry[TB_CACHE_PATH];
} native_record;

static bool read_native(const char *root, const char *path, native_record *r) {
  char file[TB_CACHE_PATH];
  struct stat found;
  size_t size;
  if (!print(file, "%s/native/%016" PRIx64, root, name_of(path))) return false;
  if (lstat(file, &found) != 0 || !S_ISREG(found.st_mode) || !is_ours(&found)) return false;
  if (!tb_read_file(file, LONGEST_RECORD, &r->text, &size) || strlen(r->text) != size) return false;
  char *at = r->text;
  const char *first = next_line(&at);
  if (first == NULL || strcmp(first, "twinbridge-native 1") != 0) return false;
  r->path = value_of(next_line(&at), "path");
  r->identity = value_of(next_line(&at), "identity");
  r->host = value_of(next_line(&at), "host");
  r->boot = value_of(next_line(&at), "boot");
  r->pids = value_of(next_line(&at), "pids");
  r->machine = value_of(next_line(&at), "machine");
  r->content = value_of(next_line(&at), "content");
  r->folder = value_of(next_line(&at), "folder");
  r->current = value_of(next_line(&at), "current");
  r->rest = at;
  return r->path != NULL && r->identity != NULL && r->host != NULL && r->boot != NULL && r->pids != NULL &&
         r->machine != NULL && r->content != NULL && r->folder != NULL && r->current != NULL && is_hex(r->machine, 8) &&
         is_hex(r->content, 64) && is_hex(r->folder, 12) && print(r->entry, "%s/fmus/%s", root, r->content);
}

/* The archive is the one that was opened, and this process sees the same machine as the one that opened it. */
static bool is_about(const native_record *r, const char *path) {
  struct stat found;
  char identity[TB_CACHE_PATH];
  return strcmp(r->path, path) == 0 && stat(path, &found) == 0 && print_identity(&found, identity) &&
         strcmp(identity, r->identity) == 0 && is_boot(r->boot) && is_host(r->host) && is_namespace(r->pids);
}

/* Nobody is about to remove the folder; whoever is has placed its mark before it looks for ours. */
static bool is_wanted_gone(const native_record *r) {
  char begin[64];
  bool found = false;
  snprintf(begin, sizeof begin, "%s.evict-", r->folder);
  DIR *entry = opendir(r->entry);
  if (entry == NULL) return true;
  for (const struct dirent *one; !found && (one = readdir(entry)) != NULL;)
    found = strncmp(one->d_name, begin, strlen(begin)) == 0;
  closedir(entry);
  return found;
}

static bool is_current(const native_record *r) {
  char path[TB_CACHE_PATH], identity[TB_CACHE_PATH];
  struct stat found;
  return print(path, "%s/current.json", r->entry) && lstat(path, &found) == 0 && print_identity(&found, identity) &&
         strcmp(identity, r->current) == 0;
}

/* A number and the blank behind it. */
static bool take_number(const char **at, int64_t *number) {
  char *end;
  errno = 0;
  *number = strtoll(*at, &end, 10);
  if (end == *at || errno != 0 || *end != ' ') return false;
  *at = end + 1;
  return true;
}

/* "folder <ns modified> <path>" and "file <bytes> <ns modified> <ns changed> <path>"; paths are relative to the folder. */
static bool is_as_recorded(const native_record *r, const char *line) {
  char path[TB_CACHE_PATH];
  struct stat found;
  int64_t bytes = 0, modified, changed = 0;
  const char *folder = value_of(line, "folder"), *file = value_of(line, "file"), *at = folder != NULL ? folder : file;
  if (at == NULL || (file != NULL && !take_number(&at, &bytes)) || !take_number(&at, &modified) ||
      (file != NULL && !take_number(&at, &changed)))
    return false;
  if (!print(path, "%s/%s/%s", r->entry, r->folder, at) || lstat(path, &found) != 0 || !is_ours(&found)) return false;
  if (folder != NULL) return S_ISDIR(found.st_mode) && ns_of(&found.st_mtim) == modified;
  return S_ISREG(found.st_mode) && (int64_t)found.st_size == bytes && ns_of(&found.st_mtim) == modified &&
         ns_of(&found.st_ctim) == changed;
}

/* All that the folder has to hold; the opened record follows. */
static bool is_unchanged(native_record *r) {
  for (char *line; (line = next_line(&r->rest)) != NULL;) {
    if (strcmp(line, "opened") == 0) return true;
    if (!is_as_recorded(r, line)) return false;
  }
  return false;
}

static bool place_mark(const native_record *r, tb_held *held) {
  char start[32];
  if (!find_start(start)) return false;
  for (unsigned k = 1; k <= 100; k++) { /* a mark of this name is one that a program left from which this one was started (exec) */
    if (!print(held->mark, "%s/%s.use-%s-%ld-%s-0-%u", r->entry, r->folder, r->machine, (long)getpid(), start, k)) break;
    const int fd = open(held->mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
      close(fd);
      return true;
    }
    if (errno != EEXIST) break;
  }
  held->mark[0] = '\0';
  return false;
}

static bool note_use(const native_record *r) {
  char path[TB_CACHE_PATH];
  if (!print(path, "%s/used", r->entry)) return false;
  const int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool noted = futimens(fd, NULL) == 0;
  close(fd);
  return noted;
}

/* The record is whole: cuts off its last line. */
static bool take_end(char *text) {
  static const char END[] = "\nend\n";
  const size_t size = strlen(text), tail = sizeof END - 1;
  if (size < tail || strcmp(text + size - tail, END) != 0) return false;
  text[size - tail + 1] = '\0';
  return true;
}

static bool lies_within(const char *path, const native_record *r) {
  char folder[TB_CACHE_PATH];
  return print(folder, "%s/%s/", r->entry, r->folder) && strncmp(path, folder, strlen(folder)) == 0;
}

bool tb_hold_cached(const char *fmu, tb_opened *opened, tb_held *held) {
  char root[TB_CACHE_PATH], path[TB_CACHE_PATH], ignored[256];
  native_record r = {0};
  held->mark[0] = '\0';
  *opened = (tb_opened){0};
  /* The mark first, and then a look at who wants to remove the folder: see marks.ts. */
  bool ok = resolve(fmu, path) && find_root(root) && read_native(root, path, &r) && is_about(&r, path) &&
            is_our_folder(r.entry) && place_mark(&r, held);
  ok = ok && !is_wanted_gone(&r) && is_current(&r) && is_unchanged(&r) && take_end(r.rest) &&
       tb_opened_parse(r.rest, strlen(r.rest), opened, ignored, sizeof ignored);
  if (ok && (!lies_within(opened->library, &r) || !note_use(&r))) {
    tb_opened_destroy(opened);
    ok = false;
  }
  if (!ok) tb_release_cached(held);
  free(r.text);
  return ok;
}

void tb_release_cached(tb_held *held) {
  if (held->mark[0] != '\0') unlink(held->mark);
  held->mark[0] = '\0';
}

void tb_refresh_cached(const tb_held *held) {
  if (held->mark[0] != '\0') utimensat(AT_FDCWD, held->mark, NULL, AT_SYMLINK_NOFOLLOW);
}
#else
bool tb_hold_cached(const char *fmu, tb_opened *opened, tb_held *held) {
  (void)fmu;
  (void)opened;
  held->mark[0] = '\0';
  return false;
}

void tb_release_cached(tb_held *held) { (void)held; }
void tb_refresh_cached(const tb_held *held) { (void)held; }
#endif
