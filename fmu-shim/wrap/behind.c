#include "behind.h"

#include <stdarg.h>

#include "../src/isolate/isolate.h"
#include "../src/remote/remote.h"

/* -- What the importer is told --------------------------------------------------------------------------------------------- */

int tb_behind_fail(tb_behind *b, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  b->has_told = true;
  b->tell(b->context, TB_ERROR, TB_STATUS_ERROR, text);
  return TB_ERROR;
}

static void pass_on(void *context, int32_t status, const char *texts, uint32_t size) {
  tb_behind *b = context;
  (void)size;
  if (status >= TB_ERROR) b->has_told = true;
  b->tell(b->context, status, texts, texts + strlen(texts) + 1);
}

/* The last line that says something. */
static int last_line(const char *output, uint64_t size, const char **line) {
  while (size > 0 && (output[size - 1] == '\n' || output[size - 1] == '\r')) size--;
  uint64_t from = size;
  while (from > 0 && output[from - 1] != '\n') from--;
  *line = output + from;
  return (int)(size - from < 512 ? size - from : 512);
}

static int tell_end(tb_behind *b, const tb_ending *end) {
  const char *in = end->function != NULL && end->function[0] != '\0' ? end->function : "", *line = NULL;
  const int length = end->output_size == 0 ? 0 : last_line(end->output, end->output_size, &line);
  char wrote[640] = "", how[96] = "";
  if (length > 0) snprintf(wrote, sizeof wrote, "; it wrote last: %.*s", length, line);
  if (end->signal != 0) snprintf(how, sizeof how, " by signal %d", (int)end->signal);
  else if (end->code > 0) snprintf(how, sizeof how, " with code %lld", (long long)end->code);
  if (b->has_told_end) return tb_behind_fail(b, "%s: the FMU behind this one is gone; reset it to start it anew", b->function);
  b->has_told_end = true;
  if (end->reason != NULL && end->reason[0] != '\0') return tb_behind_fail(b, "%s: %s", b->function, end->reason);
  if (end->status == TB_LATE)
    return tb_behind_fail(b, "%s: the FMU behind this one has not answered%s%s for %.1f s and was ended%s", b->function,
                          in[0] == '\0' ? "" : " in ", in, (double)end->waited_ns / 1e9, wrote);
  return tb_behind_fail(b, "%s: the process of the FMU behind this one has ended%s%s%s%s", b->function, how,
                        in[0] == '\0' ? "" : " in ", in, wrote);
}

void tb_behind_begin(tb_behind *b, const char *function) {
  b->function = function;
  b->has_told = false;
}

int tb_behind_status_or(tb_behind *b, int status, int or_else) {
  return status == TB_NOT_OFFERED ? or_else : tb_behind_status(b, status);
}

bool tb_behind_is_gone(const tb_behind *b) {
  return b->abandoned || b->library == NULL || tb_library_ending(b->library)->status != 0;
}

bool tb_behind_may_call(tb_behind *b, const char *function) {
  tb_behind_begin(b, function);
  if (!b->abandoned) return true;
  tb_behind_fail(b, "%s: the FMU behind this one had a fatal error; reset this one to start it anew", b->function);
  return false;
}

int tb_behind_status(tb_behind *b, int status) {
  if (status >= TB_CRASHED) return tell_end(b, tb_library_ending(b->library));
  if (status == TB_NOT_OFFERED) return tb_behind_fail(b, "%s: the FMU behind this one does not have it", b->function);
  if (status == TB_FATAL) b->abandoned = true;
  if (status < TB_ERROR) return status;
  if (b->has_told) return TB_ERROR;
  const char *called = tb_instance_last_call(b->instance);
  const char *what = status == TB_FATAL ? "a fatal error" : "an error";
  if (called[0] == '\0' || strcmp(called, b->function) == 0)
    return tb_behind_fail(b, "%s: the FMU behind this one answered %s", b->function, what);
  /* Values go along with the next call. */
  return tb_behind_fail(b, "%s: the FMU behind this one answered %s in %s, which came with it", b->function, what, called);
}

/* -- Life ------------------------------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(int64_t ms) { return ms * 1000000; }

static tb_library *connect(const char *target, char *error, uint32_t error_size) {
  tb_library *library = tb_library_connect(target, error, error_size);
  if (library == NULL || tb_library_connected(library, error, error_size) == TB_CONNECTED) return library;
  tb_library_unload(library);
  return NULL;
}

static tb_library *open_library(const tb_place *p, char *error, uint32_t error_size) {
  const char *identifier = p->identifier == NULL ? "" : p->identifier;
  if (p->here)
    return tb_library_isolate(p->program, p->library, p->fmi, identifier, nanoseconds(p->start_ms),
                              nanoseconds(p->step_ms), error, error_size);
  return connect(p->target.bytes, error, error_size);
}

static bool start(tb_behind *b) {
  char error[2048] = "";
  const tb_place *p = &b->place;
  b->library = open_library(p, error, sizeof error);
  if (b->library == NULL) {
    tb_behind_fail(b, "%s: %s", b->function, error);
    return false;
  }
  b->has_told_end = b->abandoned = false;
  b->starts++;
  if (tb_library_ending(b->library)->status == 0)
    b->instance = tb_instance_create(b->library, b->how.name, p->token == NULL ? "" : p->token, p->resources,
                                     b->how.logging_on, b->how.event_mode, b->how.early_return, b->host);
  if (b->instance != NULL) return true;
  const tb_ending *end = tb_library_ending(b->library);
  if (end->status != 0) tell_end(b, end);
  else if (!b->has_told) tb_behind_fail(b, "%s: the FMU behind this one refuses to be instantiated", b->function);
  return false;
}

static void stop(tb_behind *b) {
  if (b->instance != NULL) tb_instance_free(b->instance, tb_behind_is_gone(b));
  if (b->library != NULL) tb_library_unload(b->library);
  b->instance = NULL;
  b->library = NULL;
}

tb_behind *tb_behind_create(const char *resources, const tb_behind_how *how, const char *function, tb_tell *tell,
                            void *context) {
  char error[2048] = "";
  tb_behind *b = calloc(1, sizeof *b);
  if (b == NULL) return NULL;
  b->tell = tell;
  b->context = context;
  b->function = function;
  b->how = *how;
  b->name = malloc(strlen(how->name) + 1);
  b->host = tb_host_create(0);
  if (b->name == NULL || b->host == NULL) {
    tb_behind_fail(b, "%s: out of memory", function);
    tb_behind_free(b);
    return NULL;
  }
  b->how.name = strcpy(b->name, how->name);
  tb_host_divert(b->host, pass_on, b);
  if (!tb_place_read(&b->place, resources, how->name, error, sizeof error)) {
    tb_behind_fail(b, "%s: %s", function, error);
  } else if (strcmp(how->guid, b->place.guid) != 0) {
    tb_behind_fail(b, "%s: '%s' is not the FMU's own, which is '%s': its modelDescription.xml and its resources do not belong together",
                   function, how->guid, b->place.guid);
  } else {
    b->arrays = b->place.variables.arrays == 0 ? NULL : calloc(b->place.variables.arrays, sizeof *b->arrays);
    if (b->place.variables.arrays > 0 && b->arrays == NULL) tb_behind_fail(b, "%s: out of memory", function);
    else if (start(b)) return b;
  }
  tb_behind_free(b);
  return NULL;
}

void tb_behind_free(tb_behind *b) {
  stop(b);
  tb_behind_free_values(b);
  tb_host_destroy(b->host);
  tb_place_destroy(&b->place);
  free(b->name);
  free(b);
}

/*
 * FMI 1.0 has no initialisation mode: values that are asked for in it are there once fmiInitializeSlave was called, which is
 * put off until then, or to the mode's end. Inputs can be set after it as well.
 */
int tb_behind_enter_initialization(tb_behind *b, double start, bool has_stop, double stop, bool has_tolerance,
                                   double tolerance) {
  const int status = tb_instance_enter_initialization(b->instance, start, has_stop, stop, has_tolerance, tolerance);
  b->initializes = status == TB_OK || status == TB_WARNING;
  return status;
}

int tb_behind_exit_initialization(tb_behind *b) {
  if (!b->initializes) return TB_OK;
  b->initializes = false;
  return tb_instance_exit_initialization(b->instance);
}

int tb_behind_reset(tb_behind *b) {
  tb_behind_forget_arrays(b);
  tb_behind_forget_accepted(b);
  b->initializes = false;
  if (b->instance != NULL && !tb_behind_is_gone(b)) return tb_behind_status(b, tb_instance_reset(b->instance));
  stop(b);
  return start(b) ? TB_OK : TB_ERROR;
}
