/*
 * An importer that is told line by line what to do, for every platform, without any of our code: it loads the library of
 * a bridge FMU and calls the functions of FMI 2.0.
 *
 *   importer <library> [<library> …]
 *
 * Commands come on standard input; each is answered by one line, "= …", on standard output, log messages by lines before
 * it, "log …". The first word of a command is the number of the instance, which is made from the library of that number.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <windows.h>
static void *load(const char *path) { return LoadLibraryA(path); }
static void *find(void *library, const char *name) {
  FARPROC found = GetProcAddress(library, name);
  void *address;
  memcpy(&address, &found, sizeof address);
  return address;
}
static double now_ms(void) { return (double)GetTickCount64(); }
#else
#include <dlfcn.h>
#include <time.h>
static void *load(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void *find(void *library, const char *name) { return dlsym(library, name); }
static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}
#endif

#include "fmi2.h"

enum { MOST = 4 };

typedef struct {
  void *library;
  fmi2Component instance;
} slot;

static slot slots[MOST];

static void *function(const slot *s, const char *name) {
  void *address = find(s->library, name);
  if (address == NULL) {
    printf("= no function %s\n", name);
    exit(1);
  }
  return address;
}

/* CALL(s, fmi2Terminate)(s->instance) */
#define CALL(slot, name) (*(name##TYPE **)&(void *){function(slot, #name)})

static void log_message(fmi2ComponentEnvironment environment, fmi2String name, fmi2Status status, fmi2String category,
                        fmi2String message, ...) {
  (void)environment;
  va_list arguments;
  va_start(arguments, message);
  printf("log %s %d %s ", name, (int)status, category);
  vprintf(message, arguments);
  printf("\n");
  va_end(arguments);
}

static const fmi2CallbackFunctions callbacks = {log_message, calloc, free, NULL, NULL};

/* instantiate <resources> <GUID>; set <type> <reference> <value>; get <type> <reference>; step <time> <size>; … */
static void obey(slot *s, char *command) {
  const char *verb = strtok(command, " ");
  const double before = now_ms();
  int status = -1;
  if (strcmp(verb, "instantiate") == 0) {
    const char *resources = strtok(NULL, " "), *guid = strtok(NULL, " ");
    s->instance = CALL(s, fmi2Instantiate)("bridge", fmi2CoSimulation, guid, resources, &callbacks, fmi2False, fmi2True);
    status = s->instance == NULL ? fmi2Error : fmi2OK;
  } else if (strcmp(verb, "initialise") == 0) {
    status = CALL(s, fmi2SetupExperiment)(s->instance, fmi2False, 0, 0, fmi2False, 0);
    if (status == fmi2OK) status = CALL(s, fmi2EnterInitializationMode)(s->instance);
    if (status == fmi2OK) status = CALL(s, fmi2ExitInitializationMode)(s->instance);
  } else if (strcmp(verb, "step") == 0) {
    double time = atof(strtok(NULL, " ")), size = atof(strtok(NULL, " "));
    status = CALL(s, fmi2DoStep)(s->instance, time, size, fmi2True);
  } else if (strcmp(verb, "set") == 0) {
    const char *type = strtok(NULL, " ");
    fmi2ValueReference vr = (fmi2ValueReference)atoi(strtok(NULL, " "));
    const char *text = strtok(NULL, "");
    fmi2Real real = atof(text);
    fmi2Integer integer = atoi(text);
    if (*type == 'R') status = CALL(s, fmi2SetReal)(s->instance, &vr, 1, &real);
    if (*type == 'I') status = CALL(s, fmi2SetInteger)(s->instance, &vr, 1, &integer);
    if (*type == 'B') status = CALL(s, fmi2SetBoolean)(s->instance, &vr, 1, &integer);
    if (*type == 'S') status = CALL(s, fmi2SetString)(s->instance, &vr, 1, &text);
  } else if (strcmp(verb, "get") == 0) {
    const char *type = strtok(NULL, " ");
    fmi2ValueReference vr = (fmi2ValueReference)atoi(strtok(NULL, " "));
    fmi2Real real = 0;
    fmi2Integer integer = 0;
    fmi2String text = "";
    if (*type == 'R') status = CALL(s, fmi2GetReal)(s->instance, &vr, 1, &real);
    if (*type == 'I') status = CALL(s, fmi2GetInteger)(s->instance, &vr, 1, &integer);
    if (*type == 'B') status = CALL(s, fmi2GetBoolean)(s->instance, &vr, 1, &integer);
    if (*type == 'S') status = CALL(s, fmi2GetString)(s->instance, &vr, 1, &text);
    if (status == fmi2OK) {
      if (*type == 'R')
        printf("= %.17g\n", real);
      else if (*type == 'S')
        printf("= %s\n", text);
      else
        printf("= %d\n", integer);
      return;
    }
  } else if (strcmp(verb, "terminate") == 0) {
    status = CALL(s, fmi2Terminate)(s->instance);
  } else if (strcmp(verb, "free") == 0) {
    CALL(s, fmi2FreeInstance)(s->instance);
    status = fmi2OK;
  }
  printf("= %d %.0f\n", status, now_ms() - before);
}

int main(int argc, char **argv) {
  static char line[8192];
  setvbuf(stdout, NULL, _IOFBF, 65536);
  for (int i = 1; i < argc && i <= MOST; i++) {
    slots[i - 1].library = load(argv[i]);
    if (slots[i - 1].library == NULL) {
      printf("= cannot load %s\n", argv[i]);
      return 1;
    }
  }
  while (fflush(stdout), fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    int number = atoi(line);
    if (number < 0 || number >= MOST || line[0] == '\0') return 2;
    obey(&slots[number], line + 2);
  }
  return 0;
}
