#include "target.h"

enum { START_MS = 30000, RETRY_MS = 5000, LARGEST_PORT = 65535 };

/* Years: more than anybody waits, and a number of ns all the same. */
#define MOST_MS 1e11

static bool refuse(char *error, size_t size, const char *what, const char *value) {
  snprintf(error, size, "%s '%s'", what, value);
  return false;
}

static bool read_ms(const char *text, int64_t *ns) {
  char *end;
  const double ms = strtod(text, &end);
  if (end == text || *end != '\0' || !(ms >= 0 && ms <= MOST_MS)) return false;
  *ns = (int64_t)(ms * 1e6);
  return true;
}

static bool read_port(const char *text, uint16_t *port) {
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 1 || value > LARGEST_PORT) return false;
  *port = (uint16_t)value;
  return true;
}

static bool read_dialect(const char *text, tb_dialect *dialect) {
  if (strcmp(text, "proxyfmu") == 0) *dialect = TB_PROXYFMU;
  else if (strcmp(text, "fmu-proxy") == 0) *dialect = TB_FMU_PROXY;
  else return false;
  return true;
}

static bool read_flag(const char *text, bool *flag) {
  *flag = strcmp(text, "1") == 0;
  return *flag || strcmp(text, "0") == 0;
}

static bool read_fmi(const char *text, int *fmi) {
  *fmi = text[0] - '0';
  return text[1] == '\0' && *fmi >= TB_FMI1 && *fmi <= TB_FMI3;
}

static bool take(tb_target *t, const char *key, const char *value, char *error, size_t error_size) {
  const struct {
    const char *key;
    const char **text;
  } texts[] = {{"identifier", &t->identifier}, {"instance", &t->instance}, {"program", &t->program},
               {"keeper", &t->keeper},         {"fmu", &t->fmu},           {"opened", &t->opened},
               {"host", &t->host},             {"upload", &t->upload},     {"name", &t->name},
               {"sha256", &t->sha256},         {"id", &t->id},             {"url", &t->url},
               {"token", &t->token}};
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    if (strcmp(key, texts[k].key) != 0) continue;
    *texts[k].text = value;
    return true;
  }
  bool ok;
  if (strcmp(key, "fmi") == 0) ok = read_fmi(value, &t->fmi);
  else if (strcmp(key, "protocol") == 0) ok = read_dialect(value, &t->dialect);
  else if (strcmp(key, "port") == 0) ok = read_port(value, &t->port);
  else if (strcmp(key, "boot") == 0) ok = read_flag(value, &t->boot);
  else if (strcmp(key, "plain") == 0) ok = read_flag(value, &t->plain);
  else if (strcmp(key, "start-ms") == 0) ok = read_ms(value, &t->start_ns);
  else if (strcmp(key, "step-ms") == 0) ok = read_ms(value, &t->step_ns);
  else if (strcmp(key, "retry-ms") == 0) ok = read_ms(value, &t->retry_ns);
  else return refuse(error, error_size, "the target has an unknown key", key);
  if (ok) return true;
  snprintf(error, error_size, "the target's %s cannot be '%s'", key, value);
  return false;
}

static bool check(const tb_target *t, char *error, size_t error_size) {
  const char *missing = t->fmi == 0                                                            ? "fmi"
                        : t->instance == NULL                                                  ? "instance"
                        : t->program == NULL && t->host == NULL                                ? "host"
                        : t->program == NULL && t->port == 0                                   ? "port"
                        : t->program != NULL && t->fmu == NULL && t->opened == NULL            ? "fmu"
                        : t->boot && t->upload == NULL                                         ? "upload"
                        : t->upload != NULL && t->name == NULL                                 ? "name"
                        : t->dialect == TB_FMU_PROXY && !t->id && !t->upload && !t->url        ? "id"
                                                                                               : NULL;
  if (missing == NULL) return true;
  return refuse(error, error_size, "the target lacks the key", missing);
}

bool tb_target_read(tb_target *t, const char *text, char *error, size_t error_size) {
  *t = (tb_target){.identifier = "", .start_ns = START_MS * INT64_C(1000000), .retry_ns = RETRY_MS * INT64_C(1000000)};
  t->text = malloc(strlen(text) + 1);
  if (t->text == NULL) return refuse(error, error_size, "there is no memory for", "the target");
  strcpy(t->text, text);
  bool ok = true;
  for (char *line = t->text, *next; ok && *line != '\0'; line = next) {
    char *end = line + strcspn(line, "\r\n");
    next = end + strspn(end, "\r\n");
    *end = '\0';
    char *space = strchr(line, ' ');
    if (space == NULL) {
      ok = refuse(error, error_size, "the target has a line without value:", line);
      break;
    }
    *space = '\0';
    ok = take(t, line, space + 1, error, error_size);
  }
  ok = ok && check(t, error, error_size);
  if (!ok) tb_target_destroy(t);
  return ok;
}

void tb_target_destroy(tb_target *t) {
  free(t->text);
  t->text = NULL;
}
