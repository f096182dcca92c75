#include "place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/platform/files.h"
#include "../src/platform/platform.h"

/* A million variables make less than LARGEST_TEXT. */
enum { LONGEST_PATH = 4096, LONGEST_ADDRESSES = 4096, LARGEST_TEXT = 256 << 20 };
static const int64_t START_MS = 30000;

#if defined(_WIN32)
#define PATH_END "\\"
#else
#define PATH_END "/"
#endif

typedef struct {
  tb_place *place;
  const char *folder; /* the resources */
  char *error;
  size_t error_size;
  char platforms[512]; /* that there are libraries for */
  bool starts; /* a program that serves it is to be started */
  char *unpacked, *inner_resources, *host, *port;
} reading;

static bool fail(reading *r, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(r->error, r->error_size, format, arguments);
  va_end(arguments);
  return false;
}

static bool keep(reading *r, char **to, const char *value) {
  free(*to);
  *to = malloc(strlen(value) + 1);
  if (*to == NULL) return fail(r, "out of memory");
  strcpy(*to, value);
  return true;
}

static bool is_absolute(const char *path) {
  if (path[0] == '/') return true;
#if defined(_WIN32)
  if (path[0] == '\\' || (path[0] != '\0' && path[1] == ':')) return true;
#endif
  return false;
}

static bool resolve(reading *r, const char *path, char resolved[LONGEST_PATH]) {
  const int size = is_absolute(path) ? snprintf(resolved, LONGEST_PATH, "%s", path)
                                     : snprintf(resolved, LONGEST_PATH, "%s/%s", r->folder, path);
#if defined(_WIN32)
  /* Windows finds what a library needs beside it only by these. */
  for (char *at = resolved; *at != '\0'; at++)
    if (*at == '/') *at = '\\';
#endif
  return (size >= 0 && size < LONGEST_PATH) || fail(r, "the path of '%s' is too long", path);
}

static bool keep_path(reading *r, char **to, const char *path) {
  char resolved[LONGEST_PATH];
  return resolve(r, path, resolved) && keep(r, to, resolved);
}

/* -- wrapped.txt ----------------------------------------------------------------------------------------------------------- */

static bool read_wrapped_line(reading *r, const char *key, char *value) {
  tb_place *p = r->place;
  if (strcmp(key, "twinbridge-wrapped") == 0)
    return strcmp(value, "1") == 0 || fail(r, "wrapped.txt is of version '%s', this library reads version 1", value);
  if (strcmp(key, "guid") == 0) return keep(r, &p->guid, value);
  if (strcmp(key, "source") == 0) return true; /* for whoever reads the file */
  if (strcmp(key, "identifier") == 0) return keep(r, &p->identifier, value);
  if (strcmp(key, "token") == 0) return keep(r, &p->token, value);
  if (strcmp(key, "fmi") == 0) {
    p->fmi = atoi(value);
    return (p->fmi >= 1 && p->fmi <= 3) || fail(r, "wrapped.txt: there is no FMI '%s'", value);
  }
  if (strcmp(key, "variable") == 0)
    return tb_variables_add(&p->variables, value) || fail(r, "wrapped.txt: out of memory, or a variable is garbled");
  return fail(r, "wrapped.txt: '%s' is not known here", key);
}

/* -- Where the environment says it is ----------------------------------------------------------------------------------------- */

/* The end of the host in "host", "host:port", "[::1]:port". */
static const char *end_of_host(const char *address) {
  if (address[0] == '[') {
    const char *end = strchr(address, ']');
    return end == NULL ? address + strlen(address) : end + 1;
  }
  return address + strcspn(address, ":");
}

static bool is_same(const char *from, size_t size, const char *text) {
  return strlen(text) == size && memcmp(from, text, size) == 0;
}

/* Whether "host" or "host:port" names the place at hand. */
static bool names(const reading *r, const char *address) {
  const char *end = end_of_host(address);
  if (!is_same(address, (size_t)(end - address), r->host)) return false;
  return *end == '\0' || (r->port != NULL && strcmp(end + 1, r->port) == 0);
}

static bool move_to(reading *r, const char *address) {
  const char *end = end_of_host(address);
  if (*end == ':' && !keep(r, &r->port, end + 1)) return false;
  if (end == address) return true; /* ":port" */
  char *host = malloc((size_t)(end - address) + 1);
  if (host == NULL) return fail(r, "out of memory");
  memcpy(host, address, (size_t)(end - address));
  host[end - address] = '\0';
  free(r->host);
  r->host = host;
  return true;
}

/*
 * TWINBRIDGE_REMOTE: "host", "host:port" or ":port" for all; "wanted=host:port" for those that are wanted there ("wanted" or
 * "wanted:port"); several with commas between, of which the first that fits counts.
 */
static bool heed_environment(reading *r) {
  char addresses[LONGEST_ADDRESSES];
  if (r->host == NULL || !tb_environment("TWINBRIDGE_REMOTE", addresses, sizeof addresses)) return true;
  for (char *at = addresses; *at != '\0';) {
    char *end = at + strcspn(at, ",");
    char *next = *end == '\0' ? end : end + 1;
    *end = '\0';
    while (*at == ' ') at++;
    while (end > at && end[-1] == ' ') *--end = '\0';
    char *equals = strchr(at, '=');
    if (equals != NULL) *equals = '\0';
    if (*at != '\0' && (equals == NULL || names(r, at))) return move_to(r, equals == NULL ? at : equals + 1);
    at = next;
  }
  return true;
}

/* -- target.txt ---------------------------------------------------------------------------------------------------------------- */

/* "TUPLE PATH" of this platform. */
static bool read_for_platform(reading *r, char **to, char *value) {
  const char *tuple = tb_next_word(&value);
  if (tuple == NULL || *value == '\0') return fail(r, "target.txt: a platform or a path is missing");
  if (strcmp(tuple, tb_platform_tuple) == 0) return keep_path(r, to, value);
  const size_t used = strlen(r->platforms);
  if (strstr(r->platforms, tuple) == NULL)
    snprintf(r->platforms + used, sizeof r->platforms - used, "%s%s", used == 0 ? "" : ", ", tuple);
  return true;
}

static bool read_target_line(reading *r, const char *key, char *value) {
  tb_place *p = r->place;
  if (strcmp(key, "start-ms") == 0) return p->start_ms = atoll(value), true;
  if (strcmp(key, "step-ms") == 0) return p->step_ms = atoll(value), true;
  if (strcmp(key, "host") == 0) return keep(r, &r->host, value);
  if (strcmp(key, "port") == 0) return keep(r, &r->port, value);
  if (strcmp(key, "program") == 0) return read_for_platform(r, &p->program, value);
  if (strcmp(key, "keeper") == 0) return read_for_platform(r, &p->keeper, value);
  if (strcmp(key, "library") == 0) {
    p->here = true;
    return read_for_platform(r, &p->library, value);
  }
  if (strcmp(key, "folder") == 0) return keep_path(r, &r->unpacked, value);
  if (strcmp(key, "resources") == 0) return keep_path(r, &r->inner_resources, value);
  if (strcmp(key, "fmu") == 0 || strcmp(key, "upload") == 0) {
    r->starts = r->starts || key[0] == 'f';
    char resolved[LONGEST_PATH];
    if (!resolve(r, value, resolved)) return false;
    if (!tb_file_exists(resolved)) return fail(r, "target.txt: '%s' is missing", resolved);
    tb_append_line(&p->target, key, resolved);
    return true;
  }
  tb_append_line(&p->target, key, value);
  return true;
}

static void append_uri(tb_text *to, const char *path) {
  static const char HEX[] = "0123456789ABCDEF";
  tb_append(to, path[0] == '/' ? "file://" : "file:///");
  for (; *path != '\0'; path++) {
    const unsigned char c = (unsigned char)*path;
    char text[4] = {(char)(c == '\\' ? '/' : c)};
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       strchr("-._~/\\:@!$&'()*+,;=", c) != NULL;
    if (!plain) memcpy(text, (char[4]){'%', HEX[c >> 4], HEX[c & 15]}, 4);
    tb_append(to, text);
  }
}

/* As the FMU's version of FMI has it: 1.0, the URI of its folder; 2.0, that of its resources; 3.0, their path. */
static bool name_resources(reading *r) {
  tb_place *p = r->place;
  const char *path = p->fmi == 1 ? r->unpacked : r->inner_resources;
  if (path == NULL) return fail(r, "target.txt: it is not said where the FMU lies");
  tb_text text = {0};
  if (p->fmi == 3) {
    tb_append(&text, path);
    tb_append(&text, PATH_END);
  } else {
    append_uri(&text, path);
  }
  p->resources = text.bytes;
  return !text.failed || fail(r, "out of memory");
}

static bool finish_here(reading *r) {
  tb_place *p = r->place;
  if (p->library == NULL || p->program == NULL)
    return fail(r, "the FMU in this one cannot run on %s, only on %s", tb_platform_tuple,
                r->platforms[0] == '\0' ? "nothing at all" : r->platforms);
  if (!tb_file_exists(p->program)) return fail(r, "'%s' is missing", p->program);
  if (!tb_file_exists(p->library)) return fail(r, "'%s' is missing", p->library);
  return name_resources(r);
}

/* TWINBRIDGE_PROXYFMU: another one than that in the FMU. */
static bool choose_program(reading *r) {
  char named[LONGEST_PATH];
  tb_place *p = r->place;
  if (tb_environment("TWINBRIDGE_PROXYFMU", named, sizeof named) && !keep(r, &p->program, named)) return false;
  if (p->program == NULL)
    return fail(r, "the FMU has no proxyfmu for %s, only for %s; name one in TWINBRIDGE_PROXYFMU", tb_platform_tuple,
                r->platforms[0] == '\0' ? "nothing at all" : r->platforms);
  if (!tb_file_exists(p->program)) return fail(r, "'%s' is missing", p->program);
  tb_make_executable(p->program);
  tb_append_line(&p->target, "program", p->program);
  if (p->keeper == NULL || !tb_file_exists(p->keeper)) return true;
  tb_make_executable(p->keeper);
  tb_append_line(&p->target, "keeper", p->keeper);
  return true;
}

/* One line, whatever is in it. */
static void append_name(tb_text *to, const char *instance) {
  tb_append(to, "instance ");
  const size_t from = to->size;
  tb_append(to, instance);
  for (size_t k = from; !to->failed && k < to->size; k++)
    if ((unsigned char)to->bytes[k] < ' ') to->bytes[k] = ' ';
  tb_append(to, "\n");
}

static bool finish_elsewhere(reading *r, const char *instance) {
  tb_place *p = r->place;
  char number[32], secret[LONGEST_PATH];
  if (!heed_environment(r) || (r->starts && !choose_program(r))) return false;
  snprintf(number, sizeof number, "%d", p->fmi);
  tb_append_line(&p->target, "fmi", number);
  if (p->identifier != NULL) tb_append_line(&p->target, "identifier", p->identifier);
  append_name(&p->target, instance);
  if (r->host != NULL) tb_append_line(&p->target, "host", r->host);
  if (r->port != NULL) tb_append_line(&p->target, "port", r->port);
  snprintf(number, sizeof number, "%lld", (long long)p->start_ms);
  tb_append_line(&p->target, "start-ms", number);
  snprintf(number, sizeof number, "%lld", (long long)p->step_ms);
  tb_append_line(&p->target, "step-ms", number);
  /* Never in the file: whoever gets a copy of the FMU would have it. */
  if (tb_environment("TWINBRIDGE_PROXY_TOKEN", secret, sizeof secret)) tb_append_line(&p->target, "token", secret);
  return !p->target.failed || fail(r, "out of memory");
}

/* -- Both ------------------------------------------------------------------------------------------------------------------------ */

static bool read_file(reading *r, const char *name, bool (*read_line)(reading *, const char *key, char *value)) {
  char path[LONGEST_PATH];
  if (!resolve(r, name, path)) return false;
  char *text, *key, *value;
  size_t size;
  if (!tb_read_file(path, LARGEST_TEXT, &text, &size)) return fail(r, "cannot read '%s': %s", path, strerror(errno));
  char *at = text;
  bool ok = true;
  while (ok && tb_next_line(&at, &key, &value)) ok = read_line(r, key, value);
  free(text);
  return ok;
}

static bool read_all(reading *r, const char *instance) {
  tb_place *p = r->place;
  if (!read_file(r, "wrapped.txt", read_wrapped_line) || !read_file(r, "target.txt", read_target_line)) return false;
  if (p->fmi == 0 || p->guid == NULL) return fail(r, "wrapped.txt: version or GUID is missing");
  tb_variables_sort(&p->variables);
  return p->here ? finish_here(r) : finish_elsewhere(r, instance);
}

bool tb_place_read(tb_place *place, const char *resources, const char *instance, char *error, size_t error_size) {
  *place = (tb_place){.start_ms = START_MS};
  reading r = {.place = place, .folder = resources, .error = error, .error_size = error_size};
  const bool ok = read_all(&r, instance);
  free(r.unpacked);
  free(r.inner_resources);
  free(r.host);
  free(r.port);
  return ok;
}

void tb_place_destroy(tb_place *p) {
  free(p->guid);
  free(p->identifier);
  free(p->token);
  free(p->program);
  free(p->library);
  free(p->keeper);
  free(p->resources);
  free(p->target.bytes);
  tb_variables_destroy(&p->variables);
  *p = (tb_place){0};
}
