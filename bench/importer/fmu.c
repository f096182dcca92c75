#include "fmu.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

static void *function(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (address == NULL) fail("%s", dlerror());
  return address;
}

fmu fmu_load(const options *o) {
  void *library = dlopen(option_text(o, "library"), RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail("%s", dlerror());
  return (fmu){
      .instantiate = (fmi2InstantiateTYPE *)function(library, "fmi2Instantiate"),
      .setup_experiment = (fmi2SetupExperimentTYPE *)function(library, "fmi2SetupExperiment"),
      .enter_initialization = (fmi2EnterInitializationModeTYPE *)function(library, "fmi2EnterInitializationMode"),
      .exit_initialization = (fmi2ExitInitializationModeTYPE *)function(library, "fmi2ExitInitializationMode"),
      .do_step = (fmi2DoStepTYPE *)function(library, "fmi2DoStep"),
      .get_real = (fmi2GetRealTYPE *)function(library, "fmi2GetReal"),
      .get_integer = (fmi2GetIntegerTYPE *)function(library, "fmi2GetInteger"),
      .set_real = (fmi2SetRealTYPE *)function(library, "fmi2SetReal"),
      .set_integer = (fmi2SetIntegerTYPE *)function(library, "fmi2SetInteger"),
      .set_boolean = (fmi2SetBooleanTYPE *)function(library, "fmi2SetBoolean"),
      .terminate = (fmi2TerminateTYPE *)function(library, "fmi2Terminate"),
      .free_instance = (fmi2FreeInstanceTYPE *)function(library, "fmi2FreeInstance"),
      .guid = option_text(o, "guid"),
      .resources = option_text(o, "resources"),
      .first_diagnostic = (unsigned)option_number(o, "diagnostics"),
  };
}

static void log_message(fmi2ComponentEnvironment environment, fmi2String instance, fmi2Status status,
                        fmi2String category, fmi2String message, ...) {
  (void)environment;
  (void)category;
  if (status == fmi2OK) return;
  va_list arguments;
  va_start(arguments, message);
  fprintf(stderr, "%s: ", instance);
  vfprintf(stderr, message, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static const fmi2CallbackFunctions CALLBACKS = {log_message, calloc, free, NULL, NULL};

static void check(fmi2Status status, const char *function) {
  static const char *const NAMES[] = {"OK", "Warning", "Discard", "Error", "Fatal", "Pending"};
  if (status != fmi2OK && status != fmi2Warning) fail("%s returned fmi2%s", function, NAMES[status]);
}

fmi2Component fmu_start(const fmu *f, const char *name) {
  fmi2Component c =
      f->instantiate(name, fmi2CoSimulation, f->guid, f->resources, &CALLBACKS, fmi2False, fmi2False);
  if (c == NULL) fail("fmi2Instantiate returned NULL");
  check(f->setup_experiment(c, fmi2False, 0, 0, fmi2False, 0), "fmi2SetupExperiment");
  check(f->enter_initialization(c), "fmi2EnterInitializationMode");
  check(f->exit_initialization(c), "fmi2ExitInitializationMode");
  return c;
}

void fmu_end(const fmu *f, fmi2Component instance) {
  check(f->terminate(instance), "fmi2Terminate");
  f->free_instance(instance);
}

void fmu_step(const fmu *f, fmi2Component instance, double time, double step) {
  check(f->do_step(instance, time, step, fmi2True), "fmi2DoStep");
}

void fmu_read(const fmu *f, fmi2Component instance, variables *reals, variables *integers) {
  check(f->get_real(instance, reals->references, reals->count, reals->reals), "fmi2GetReal");
  check(f->get_integer(instance, integers->references, integers->count, integers->integers), "fmi2GetInteger");
}

int fmu_count(const fmu *f, fmi2Component instance, diagnostic which) {
  unsigned reference = f->first_diagnostic + which;
  int value;
  check(f->get_integer(instance, &reference, 1, &value), "fmi2GetInteger");
  return value;
}

bool fmu_waited(const fmu *f, fmi2Component instance, int64_t since_ns) {
  unsigned reference = f->first_diagnostic + RING_DELAY;
  double ring_delay_s;
  check(f->get_real(instance, &reference, 1, &ring_delay_s), "fmi2GetReal");
  return ring_delay_s * (double)NS_PER_S < (double)(now_ns() - since_ns);
}

void fmu_print_counts(const fmu *f, fmi2Component instance) {
  static const struct {
    const char *name;
    diagnostic which;
  } COUNTS[] = {{"received", RECEIVED}, {"used", USED},       {"skipped", SKIPPED},   {"late", LATE},
                {"held", HELD},         {"dropped", DROPPED}, {"rejected", REJECTED}, {"queue_depth", QUEUE_DEPTH}};
  printf(",\"counts\":{");
  for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
    printf("%s\"%s\":%d", i == 0 ? "" : ",", COUNTS[i].name, fmu_count(f, instance, COUNTS[i].which));
  putchar('}');
}
