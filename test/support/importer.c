/*
 * An importer in C, without any of our code: loads the library of a bridge FMU and lives through instances of it, in
 * several threads at once.
 *
 *   importer <library> <resources> <GUID> <value reference of an Integer input> <threads> <rounds>
 *
 * A round: instantiate, initialise, five steps with ever new inputs, terminate, free. Prints what is left as JSON.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fmi2.h"

enum { STEPS = 5, WARM_UP_ROUNDS = 5 };

static fmi2Component (*instantiate)(fmi2String, fmi2Type, fmi2String, fmi2String, const fmi2CallbackFunctions *,
                                    fmi2Boolean, fmi2Boolean);
static fmi2Status (*setup)(fmi2Component, fmi2Boolean, fmi2Real, fmi2Real, fmi2Boolean, fmi2Real);
static fmi2Status (*enter)(fmi2Component), (*leave)(fmi2Component), (*terminate)(fmi2Component);
static fmi2Status (*set_integer)(fmi2Component, const fmi2ValueReference[], size_t, const fmi2Integer[]);
static fmi2Status (*do_step)(fmi2Component, fmi2Real, fmi2Real, fmi2Boolean);
static void (*free_instance)(fmi2Component);

static const char *resources, *guid;
static fmi2ValueReference input;
static int rounds;
static atomic_int failures, warm_fds;
static atomic_long warm_kib;

static void *symbol(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (address == NULL) {
    fprintf(stderr, "no %s\n", name);
    exit(1);
  }
  return address;
}

static void log_message(fmi2ComponentEnvironment environment, fmi2String name, fmi2Status status, fmi2String category,
                        fmi2String message, ...) {
  (void)environment;
  (void)category;
  if (status < fmi2Warning) return;
  va_list arguments;
  va_start(arguments, message);
  fprintf(stderr, "%s: ", name);
  vfprintf(stderr, message, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

static int count_fds(void) {
  DIR *folder = opendir("/proc/self/fd");
  int count = -3; /* ".", ".." and the folder's own */
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static long resident_kib(void) {
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status) != NULL) sscanf(line, "VmRSS: %ld", &kib);
  fclose(status);
  return kib;
}

static int one_round(int thread, int round) {
  static const fmi2CallbackFunctions callbacks = {log_message, calloc, free, NULL, NULL};
  char name[32];
  snprintf(name, sizeof name, "bridge %d", thread);
  fmi2Component c = instantiate(name, fmi2CoSimulation, guid, resources, &callbacks, fmi2False, fmi2False);
  if (c == NULL) return 0;
  int ok = setup(c, fmi2False, 0, 0, fmi2False, 0) == fmi2OK && enter(c) == fmi2OK && leave(c) == fmi2OK;
  for (int k = 0; ok && k < STEPS; k++) {
    fmi2Integer value = 10000 * thread + STEPS * round + k + 1;
    ok = set_integer(c, &input, 1, &value) == fmi2OK && do_step(c, 0.1 * k, 0.1, fmi2True) == fmi2OK;
  }
  ok = ok && terminate(c) == fmi2OK;
  free_instance(c);
  return ok;
}

static void *run(void *data) {
  int thread = *(int *)data;
  for (int round = 0; round < rounds; round++) {
    if (!one_round(thread, round)) failures++;
    if (thread == 0 && round == WARM_UP_ROUNDS - 1) {
      warm_kib = resident_kib();
      warm_fds = count_fds();
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  int fds_before = count_fds();
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  resources = argv[2];
  guid = argv[3];
  input = (fmi2ValueReference)atoi(argv[4]);
  int threads = atoi(argv[5]);
  rounds = atoi(argv[6]);
  *(void **)&instantiate = symbol(library, "fmi2Instantiate");
  *(void **)&setup = symbol(library, "fmi2SetupExperiment");
  *(void **)&enter = symbol(library, "fmi2EnterInitializationMode");
  *(void **)&leave = symbol(library, "fmi2ExitInitializationMode");
  *(void **)&terminate = symbol(library, "fmi2Terminate");
  *(void **)&set_integer = symbol(library, "fmi2SetInteger");
  *(void **)&do_step = symbol(library, "fmi2DoStep");
  *(void **)&free_instance = symbol(library, "fmi2FreeInstance");

  pthread_t thread[64];
  int number[64];
  for (int i = 0; i < threads; i++) {
    number[i] = i;
    pthread_create(&thread[i], NULL, run, &number[i]);
  }
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  int childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
  printf("{\"failures\":%d,\"childless\":%s,\"fdsBefore\":%d,\"fdsAfter\":%d,\"fdsWarm\":%d,\"kibWarm\":%ld,\"kibAfter\":%ld}\n",
         failures, childless ? "true" : "false", fds_before, count_fds(), warm_fds, warm_kib, resident_kib());
  return failures > 0;
}
