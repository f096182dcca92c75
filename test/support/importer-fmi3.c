/*
 * An importer of FMI 3.0 in C, without any of our code: loads the library of a bridge FMU and lives through instances of
 * it, in several threads at once.
 *
 *   importer-fmi3 <library> <resources/> <token> <value reference of an Int32 input> <of a Float64 input of 3 elements>
 *                 <threads> <rounds>
 *
 * A round: instantiate, initialise, five steps with ever new inputs, one of them taken back by way of a saved state and of
 * its bytes, terminate, free. Prints what is left as JSON.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fmi3.h"

enum { STEPS = 5 };

#define FUNCTIONS(each)                                                                                               \
  each(GetVersion) each(InstantiateCoSimulation) each(FreeInstance) each(EnterInitializationMode)                      \
      each(ExitInitializationMode) each(EnterStepMode) each(EnterEventMode) each(UpdateDiscreteStates) each(Terminate) \
          each(SetInt32) each(SetFloat64) each(GetFloat64) each(DoStep) each(GetFMUState) each(SetFMUState)            \
              each(FreeFMUState) each(SerializedFMUStateSize) each(SerializeFMUState) each(DeserializeFMUState)
#define DECLARE(name) static fmi3##name##TYPE *name;
FUNCTIONS(DECLARE)

static const char *resources, *token;
static fmi3ValueReference number, vector;
static int rounds;
static atomic_int failures;

static void log_message(fmi3InstanceEnvironment environment, fmi3Status status, fmi3String category, fmi3String text) {
  (void)category;
  if (status >= fmi3Warning) fprintf(stderr, "thread %d: %s\n", *(int *)environment, text);
}

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      fprintf(stderr, "thread %d, round %d: not %s\n", *thread, round, #condition);        \
      return 0;                                                                            \
    }                                                                                      \
  } while (0)

static int live(fmi3Instance c, int *thread, int round) {
  bool event, terminate, early, again, other, has_next;
  double reached, next;
  CHECK(EnterInitializationMode(c, false, 0, 0, false, 0) == fmi3OK && ExitInitializationMode(c) == fmi3OK);
  CHECK(EnterStepMode(c) == fmi3OK); /* Event Mode comes first */
  for (int k = 0; k < STEPS; k++) {
    const int32_t value = 10000 * *thread + STEPS * round + k + 1;
    const double three[3] = {value, -value, 0.5};
    CHECK(SetInt32(c, &number, 1, &value, 1) == fmi3OK && SetFloat64(c, &vector, 1, three, 3) == fmi3OK);
    CHECK(DoStep(c, 0.1 * k, 0.1, true, &event, &terminate, &early, &reached) == fmi3OK);
    CHECK(!event && !terminate && !early && reached == 0.1 * k + 0.1);
  }
  CHECK(EnterEventMode(c) == fmi3OK);
  CHECK(UpdateDiscreteStates(c, &again, &terminate, &other, &other, &has_next, &next) == fmi3OK && !again);
  CHECK(EnterStepMode(c) == fmi3OK);

  fmi3FMUState state = NULL, copy = NULL;
  size_t size;
  double before[3], after[3];
  CHECK(GetFMUState(c, &state) == fmi3OK && SerializedFMUStateSize(c, state, &size) == fmi3OK);
  fmi3Byte *bytes = malloc(size);
  CHECK(bytes != NULL && SerializeFMUState(c, state, bytes, size) == fmi3OK);
  CHECK(DeserializeFMUState(c, bytes, size, &copy) == fmi3OK);
  free(bytes);
  CHECK(GetFloat64(c, &vector, 1, before, 3) == fmi3OK);
  const double zeros[3] = {0};
  CHECK(SetFloat64(c, &vector, 1, zeros, 3) == fmi3OK && SetFMUState(c, copy) == fmi3OK);
  CHECK(GetFloat64(c, &vector, 1, after, 3) == fmi3OK && memcmp(before, after, sizeof before) == 0);
  CHECK(FreeFMUState(c, &copy) == fmi3OK && copy == NULL);
  CHECK(FreeFMUState(c, &state) == fmi3OK);
  CHECK(Terminate(c) == fmi3OK);
  return 1;
}

static void *run(void *data) {
  int *thread = data;
  for (int round = 0; round < rounds; round++) {
    char name[32];
    snprintf(name, sizeof name, "bridge %d", *thread);
    fmi3Instance c = InstantiateCoSimulation(name, token, resources, false, false, true, true, NULL, 0, thread,
                                             log_message, NULL);
    if (c == NULL || !live(c, thread, round)) failures++;
    if (c != NULL) FreeInstance(c);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 8) return 2;
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
#define LOOK_UP(name)                                        \
  *(void **)&name = dlsym(library, "fmi3" #name);            \
  if (name == NULL) {                                        \
    fprintf(stderr, "no fmi3" #name "\n");                   \
    return 1;                                                \
  }
  FUNCTIONS(LOOK_UP)
  resources = argv[2];
  token = argv[3];
  number = (fmi3ValueReference)atoi(argv[4]);
  vector = (fmi3ValueReference)atoi(argv[5]);
  int threads = atoi(argv[6]);
  rounds = atoi(argv[7]);

  pthread_t thread[64];
  int index[64];
  for (int i = 0; i < threads; i++) {
    index[i] = i;
    pthread_create(&thread[i], NULL, run, &index[i]);
  }
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  int childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
  printf("{\"version\":\"%s\",\"failures\":%d,\"childless\":%s}\n", GetVersion(), failures, childless ? "true" : "false");
  return failures > 0;
}
