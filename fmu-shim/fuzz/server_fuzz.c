/*
 * Fuzz target of the server of an instance: whatever comes over a connection, it is answered, or the connection is closed.
 * The FMU is a part of this file: it checks that nothing reaches it that must not. With libFuzzer:
 *
 *   clang -std=c11 -g -fsanitize=fuzzer,address,undefined -Iinclude fuzz/server_fuzz.c src/remote/server.c \
 *     src/remote/server_values.c src/remote/server_states.c src/remote/opened.c src/remote/thrift.c src/far/serve.c \
 *     src/far/wire.c src/isolate/log_ring.c src/host/host_log.c src/platform/posix.c src/platform/child_posix.c \
 *     src/platform/files.c -lm -lpthread -o server_fuzz
 *
 * Without (any compiler, -DTB_FUZZ_STDIN): reads inputs from standard input, each after its length as four bytes, lowest
 * first. test/remote/proxyfmu/5-memory.test.ts does so under the sanitizers. The first byte of an input is the version of
 * FMI and whether there is a token; the rest is what comes over a connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/remote/server.h"
#include "from_stdin.h"

/* -- The FMU: in place of src/import/importer.c ------------------------------------------------------------------------------- */

enum { TEXT_BYTES = 8, N_VARIABLES = 64 };

static struct tb_instance the_instance;
static int states; /* saved and not freed */
static bool exists;
static char text[TEXT_BYTES] = "text";

static void check(const tb_instance *i) {
  if (i != &the_instance || !exists) abort();
}

tb_library *tb_library_load(const char *path, int fmi, const char *identifier, char *error, uint32_t error_size) {
  (void)path, (void)fmi, (void)identifier;
  snprintf(error, error_size, "there is none");
  return NULL;
}
void tb_library_unload(tb_library *library) { free(library); }

tb_instance *tb_instance_create(tb_library *library, const char *name, const char *token, const char *resources,
                                int logging_on, int event_mode, int early_return, tb_host_environment *host) {
  (void)logging_on, (void)event_mode, (void)early_return;
  if (exists) abort();
  if (strlen(name) > 3 && name[0] == 'x') return NULL;
  tb_host_log_text(host, 1, "category", token == NULL ? "" : token);
  (void)resources;
  exists = true;
  the_instance = (struct tb_instance){.library = library, .host = host, .last_call = "fmi2Instantiate"};
  return &the_instance;
}
void tb_instance_free(tb_instance *i, int abandon) {
  (void)abandon;
  check(i);
  exists = false;
}
const char *tb_instance_last_call(const tb_instance *i) { return i->last_call; }
int tb_instance_fmi(const tb_instance *i) { return (int)i->library->fmi; }

/* A status that depends on what is asked, so that all of them come. */
static int status_of(double value) { return value == 4 ? 4 : value == 3 ? 3 : value == 2 ? 2 : value == 1 ? 1 : 0; }

int tb_instance_debug_logging(tb_instance *i, int on, uint32_t n, const char *const categories[]) {
  (void)on;
  check(i);
  for (uint32_t k = 0; k < n; k++)
    if (categories[k] != NULL && strlen(categories[k]) > 1000000) abort();
  return 0;
}
int tb_instance_configuration_mode(tb_instance *i, int enter) { return check(i), enter & 1; }
int tb_instance_enter_initialization(tb_instance *i, double start, int has_stop, double stop, int has_tolerance,
                                     double tolerance) {
  (void)has_stop, (void)stop, (void)has_tolerance, (void)tolerance;
  return check(i), status_of(start);
}
int tb_instance_exit_initialization(tb_instance *i) { return check(i), 0; }
int tb_instance_terminate(tb_instance *i) { return check(i), 0; }
int tb_instance_reset(tb_instance *i) { return check(i), 0; }

static volatile uint8_t sum; /* every byte that an FMU may read is read */

int tb_instance_get(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, void *values, uint32_t n_values,
                    size_t *sizes) {
  check(i);
  if (storage < 0 || storage >= TB_STORAGES) abort();
  for (uint32_t k = 0; k < n; k++) sum ^= (uint8_t)vrs[k];
  if (i->library->fmi != TB_FMI3 && n != n_values) abort();
  if (storage == TB_TEXT || storage == TB_BYTES) {
    for (uint32_t k = 0; k < n_values; k++) ((char **)values)[k] = k % 3 == 2 ? NULL : text;
    for (uint32_t k = 0; storage == TB_BYTES && k < n_values; k++) sizes[k] = TEXT_BYTES;
  } else {
    memset(values, n > 0 ? (int)(vrs[0] & 0xff) : 0, n_values * tb_storage_size((unsigned)storage));
  }
  return n > 0 && vrs[0] < 5 ? (int)vrs[0] : 0;
}
int tb_instance_set(tb_instance *i, int storage, const uint32_t *vrs, uint32_t n, const void *values, uint32_t n_values,
                    const size_t *sizes) {
  check(i);
  if (storage < 0 || storage >= TB_STORAGES) abort();
  if (i->library->fmi != TB_FMI3 && n != n_values) abort();
  for (uint32_t k = 0; k < n; k++) sum ^= (uint8_t)vrs[k];
  for (uint32_t k = 0; k < n_values; k++) {
    const char *const *texts = values;
    if (storage == TB_TEXT) sum ^= (uint8_t)(texts[k] == NULL ? 0 : strlen(texts[k]));
    else if (storage == TB_BYTES) for (size_t b = 0; texts[k] != NULL && b < sizes[k]; b++) sum ^= (uint8_t)texts[k][b];
    else sum ^= ((const uint8_t *)values)[k * tb_storage_size((unsigned)storage)];
  }
  return n > 0 && vrs[0] < 5 ? (int)vrs[0] : 0;
}
int tb_instance_step(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  (void)size, (void)may_go_back;
  check(i);
  *result = (tb_step_result){.terminate = time == 5};
  tb_host_log_text(i->host, status_of(time), "step", "a step");
  return status_of(time);
}
int tb_instance_last_successful_time(tb_instance *i, double *time) { return check(i), *time = 1, 0; }
int tb_instance_terminated(tb_instance *i, int *terminated) { return check(i), *terminated = 1, 0; }
int tb_instance_max_step_size(tb_instance *i, double *size) { return check(i), *size = 1, TB_NOT_OFFERED; }
int tb_instance_enter_event_mode(tb_instance *i) { return check(i), 0; }
int tb_instance_enter_step_mode(tb_instance *i) { return check(i), 0; }
int tb_instance_update_discrete_states(tb_instance *i, int *needs, int *terminate, double *next) {
  return check(i), *needs = *terminate = 0, *next = 1, 0;
}
int tb_instance_intervals(tb_instance *i, const uint32_t *vrs, uint32_t n, double *intervals, int32_t *qualifiers) {
  check(i);
  for (uint32_t k = 0; k < n; k++) sum ^= (uint8_t)vrs[k], intervals[k] = 1, qualifiers[k] = 1;
  return 0;
}
int tb_instance_shifts(tb_instance *i, const uint32_t *vrs, uint32_t n, double *shifts) {
  check(i);
  for (uint32_t k = 0; k < n; k++) sum ^= (uint8_t)vrs[k], shifts[k] = 1;
  return 0;
}
int tb_instance_directional_derivative(tb_instance *i, const tb_derivative *d) {
  check(i);
  for (size_t k = 0; k < d->n_unknowns; k++) sum ^= (uint8_t)d->unknowns[k];
  for (size_t k = 0; k < d->n_knowns; k++) sum ^= (uint8_t)d->knowns[k];
  for (size_t k = 0; k < d->n_seeds; k++) sum ^= d->seeds[k] > 0;
  for (size_t k = 0; k < d->n_sensitivities; k++) d->sensitivities[k] = 1;
  return d->n_unknowns > 0 && d->unknowns[0] < 5 ? (int)d->unknowns[0] : 0;
}
/* Addresses of states are the FMU's; commands carry any number as one, and these are not looked at. */
int tb_instance_get_state(tb_instance *i, void **state) {
  check(i);
  if (*state == NULL) states++;
  *state = text;
  return 0;
}
int tb_instance_set_state(tb_instance *i, void *state) { return check(i), state == NULL ? 3 : 0; }
int tb_instance_free_state(tb_instance *i, void **state) { return check(i), states--, *state = NULL, 0; }
int tb_instance_state_size(tb_instance *i, void *state, size_t *size) { return check(i), (void)state, *size = TEXT_BYTES, 0; }
int tb_instance_serialize_state(tb_instance *i, void *state, uint8_t *bytes, size_t size) {
  (void)state;
  return check(i), memset(bytes, 1, size), 0;
}
int tb_instance_deserialize_state(tb_instance *i, const uint8_t *bytes, size_t size, void **state) {
  check(i);
  for (size_t k = 0; k < size; k++) sum ^= bytes[k];
  if (*state == NULL) states++;
  *state = text;
  return size == TEXT_BYTES ? 0 : 3;
}

/* -- A connection --------------------------------------------------------------------------------------------------------------- */

static tb_opened opened_of(int fmi) {
  static char record[4096];
  int n = snprintf(record, sizeof record, "twinbridge-opened 1\nfmi %d\nlibrary /l\nidentifier m\ntoken {t}\nresources r\n", fmi);
  static const char *const TYPES[] = {"f64", "f32", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "b8", "text", "bytes", "clock"};
  for (int k = 0; fmi == 3 && k < N_VARIABLES; k++)
    n += snprintf(record + n, sizeof record - (size_t)n, "variable %d %s %d\n", k, TYPES[k % 14], k / 14 == 3 ? 3 : 1);
  tb_opened opened;
  char error[256];
  if (!tb_opened_parse(record, (size_t)n, &opened, error, sizeof error)) abort();
  return opened;
}

/* An answer is a frame with a message in it, whatever was asked. */
static void check_answers(const tb_thrift_writer *answers) {
  size_t at = 0;
  while (at < answers->size) {
    if (answers->size - at < 4) abort();
    const uint32_t size = (uint32_t)tb_thrift_load_i32(answers->bytes + at);
    if (size > answers->size - at - 4) abort();
    tb_thrift_reader r = {answers->bytes + at + 4, size, false};
    tb_thrift_message message;
    if (!tb_thrift_take_message(&r, &message) || message.kind == TB_THRIFT_CALL) abort();
    tb_thrift_skip_fields(&r);
    if (r.failed || r.left != 0) abort();
    at += 4 + size;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const int fmi = 1 + data[0] % 3;
  tb_opened opened = opened_of(fmi);
  tb_library *library = calloc(1, sizeof *library);
  if (library == NULL) return 0;
  library->fmi = (tb_fmi)fmi;
  const tb_remote_setup setup = {.opened = &opened, .library = library, .name = "i", .token = data[0] & 0x80 ? "secret" : NULL,
                                 .frame_limit = 65536};
  tb_remote_server *server = tb_remote_server_create(&setup);
  tb_thrift_writer answers = {0};
  exists = false;
  tb_remote_server_connected(server);
  for (size_t at = 1; size - at >= 2;) { /* frames: their size in two bytes */
    size_t n = (size_t)data[at] << 8 | data[at + 1];
    at += 2;
    if (n > size - at) n = size - at;
    /* Of exactly this size, so that a sanitizer sees the first byte read beyond. */
    uint8_t *payload = malloc(n + (n == 0));
    if (n > 0) memcpy(payload, data + at, n);
    const bool was_known = tb_remote_server_knows_client(server), existed = exists;
    const tb_served served = tb_remote_server_handle(server, payload, n, &answers);
    if (!was_known && exists != existed) abort(); /* somebody got in */
    free(payload);
    check_answers(&answers);
    tb_thrift_clear(&answers);
    at += n;
    if (served == TB_SERVED_LAST) break;
    if (served != TB_SERVED) {
      if (*tb_remote_server_reason(server) == '\0') abort();
      tb_remote_server_connected(server);
    }
  }
  tb_remote_server_destroy(server);
  tb_opened_destroy(&opened);
  tb_thrift_writer_destroy(&answers);
  return 0;
}
