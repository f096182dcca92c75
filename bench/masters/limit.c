/*
 * The least that a Jacobi master can cost: a loop in C over the functions of FMI 2.0, for systems of Real signals in which
 * each component has one output and at most one input. Nothing is paced, timed, recorded (unless asked) or reported.
 *
 *   limit <system> <steps> <communication step size, s> [results.csv]
 *
 * The system file has one entry a line, its cells separated by tabs:
 *
 *   fmu        library  GUID  resources as URI
 *   component  FMU (counted from 0)  value reference of the output  value reference of the input  source component or -1
 *   start      value reference  value                  of the component above, before the initialization
 *
 * Prints the instant (CLOCK_MONOTONIC, ns) at which the initialization ended, and the output of the last component.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../importer/clock.h"
#include "fmi2.h"

enum { MAX_FMUS = 8, CSV_BUFFER = 1 << 16 };

/* A library is loaded once an FMU file, however many instances it has. */
typedef struct {
  char *guid, *resources;
  fmi2InstantiateTYPE *instantiate;
  fmi2SetupExperimentTYPE *setup_experiment;
  fmi2EnterInitializationModeTYPE *enter_initialization;
  fmi2ExitInitializationModeTYPE *exit_initialization;
  fmi2DoStepTYPE *do_step;
  fmi2SetRealTYPE *set_real;
  fmi2GetRealTYPE *get_real;
  fmi2TerminateTYPE *terminate;
  fmi2FreeInstanceTYPE *free_instance;
} fmu;

/* What the loop needs of a component: one cache line. */
typedef struct {
  fmi2Component instance;
  fmi2SetRealTYPE *set_real;
  fmi2DoStepTYPE *do_step;
  fmi2GetRealTYPE *get_real;
  ptrdiff_t source; /* component whose output the input takes; negative: no input */
  fmi2ValueReference input, output;
} component;

static fmu fmus[MAX_FMUS];
static const fmu **kinds; /* FMU of each component */
static component *components;
static size_t count;

static _Noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static void check(fmi2Status status, const char *function, size_t i) {
  if (status > fmi2Warning) fail("%s of component %zu returned status %d", function, i, status);
}

static void log_message(fmi2ComponentEnvironment environment, fmi2String instance, fmi2Status status,
                        fmi2String category, fmi2String message, ...) {
  (void)environment;
  (void)category;
  if (status <= fmi2Warning) return;
  va_list arguments;
  va_start(arguments, message);
  fprintf(stderr, "%s: ", instance);
  vfprintf(stderr, message, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static const fmi2CallbackFunctions CALLBACKS = {log_message, calloc, free, NULL, NULL};

/* -- The system -------------------------------------------------------------------------------------------------------- */

static void *function(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (address == NULL) fail("%s", dlerror());
  return address;
}

static fmu load(const char *file, const char *guid, const char *resources) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail("%s", dlerror());
  return (fmu){
      .guid = strdup(guid),
      .resources = strdup(resources),
      .instantiate = (fmi2InstantiateTYPE *)function(library, "fmi2Instantiate"),
      .setup_experiment = (fmi2SetupExperimentTYPE *)function(library, "fmi2SetupExperiment"),
      .enter_initialization = (fmi2EnterInitializationModeTYPE *)function(library, "fmi2EnterInitializationMode"),
      .exit_initialization = (fmi2ExitInitializationModeTYPE *)function(library, "fmi2ExitInitializationMode"),
      .do_step = (fmi2DoStepTYPE *)function(library, "fmi2DoStep"),
      .set_real = (fmi2SetRealTYPE *)function(library, "fmi2SetReal"),
      .get_real = (fmi2GetRealTYPE *)function(library, "fmi2GetReal"),
      .terminate = (fmi2TerminateTYPE *)function(library, "fmi2Terminate"),
      .free_instance = (fmi2FreeInstanceTYPE *)function(library, "fmi2FreeInstance"),
  };
}

static void add_component(const fmu *kind, fmi2ValueReference output, fmi2ValueReference input, ptrdiff_t source) {
  if ((count & (count + 1)) == 0) { /* no room but for a number of components that is a power of two less one */
    components = realloc(components, (2 * count + 1) * sizeof *components);
    kinds = realloc(kinds, (2 * count + 1) * sizeof *kinds);
    if (components == NULL || kinds == NULL) fail("out of memory");
  }
  char name[32];
  snprintf(name, sizeof name, "c%zu", count);
  fmi2Component instance =
      kind->instantiate(name, fmi2CoSimulation, kind->guid, kind->resources, &CALLBACKS, fmi2False, fmi2False);
  if (instance == NULL) fail("fmi2Instantiate of component %zu returned NULL", count);
  components[count] = (component){instance, kind->set_real, kind->do_step, kind->get_real, source, input, output};
  kinds[count++] = kind;
}

static const char *cell(void) {
  const char *text = strtok(NULL, "\t\n");
  if (text == NULL) fail("a cell is missing in the line after component %zu", count);
  return text;
}

/* Loads and instantiates. */
static void read_system(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("%s: %s", path, strerror(errno));
  size_t fmu_count = 0, size = 0;
  char *line = NULL;
  while (getline(&line, &size, file) > 0) {
    const char *what = strtok(line, "\t\n");
    if (what == NULL) continue;
    if (strcmp(what, "fmu") == 0 && fmu_count < MAX_FMUS) {
      const char *library = cell(), *guid = cell(), *resources = cell();
      fmus[fmu_count++] = load(library, guid, resources);
    } else if (strcmp(what, "component") == 0) {
      long kind = atol(cell()), output = atol(cell()), input = atol(cell()), source = atol(cell());
      add_component(&fmus[kind], (fmi2ValueReference)output, (fmi2ValueReference)input, source);
    } else if (strcmp(what, "start") == 0 && count > 0) {
      const fmi2ValueReference vr = (fmi2ValueReference)atol(cell());
      const double value = strtod(cell(), NULL);
      component *c = &components[count - 1];
      check(c->set_real(c->instance, &vr, 1, &value), "fmi2SetReal", count - 1);
    } else {
      fail("%s: cannot use '%s' here", path, what);
    }
  }
  free(line);
  fclose(file);
  if (count == 0) fail("%s has no components", path);
}

/* In the order of the file: what a component takes from a later one (a loop) keeps its start value. */
static void initialize(double *values) {
  for (size_t i = 0; i < count; i++) {
    check(kinds[i]->setup_experiment(components[i].instance, fmi2False, 0, 0, fmi2False, 0), "fmi2SetupExperiment", i);
    check(kinds[i]->enter_initialization(components[i].instance), "fmi2EnterInitializationMode", i);
  }
  for (size_t i = 0; i < count; i++) {
    const component *c = &components[i];
    if (c->source >= 0 && (size_t)c->source < i)
      check(c->set_real(c->instance, &c->input, 1, &values[c->source]), "fmi2SetReal", i);
    check(c->get_real(c->instance, &c->output, 1, &values[i]), "fmi2GetReal", i);
  }
  for (size_t i = 0; i < count; i++)
    check(kinds[i]->exit_initialization(components[i].instance), "fmi2ExitInitializationMode", i);
}

/* -- The loop ---------------------------------------------------------------------------------------------------------- */

static void record(FILE *csv, double time, const double *values) {
  fprintf(csv, "%.17g", time);
  for (size_t i = 0; i < count; i++) fprintf(csv, ",%.17g", values[i]);
  fputc('\n', csv);
}

static FILE *open_csv(const char *path) {
  FILE *csv = fopen(path, "w");
  if (csv == NULL) fail("%s: %s", path, strerror(errno));
  setvbuf(csv, NULL, _IOFBF, CSV_BUFFER);
  fputs("time", csv);
  for (size_t i = 0; i < count; i++) fprintf(csv, ",c%zu", i);
  fputc('\n', csv);
  return csv;
}

/*
 * One pass a step: inputs come from `given`, the outputs of the last communication point, and outputs go to `next`, so no
 * component sees another's new output, no value is copied and each instance is touched while it is in the cache.
 */
static const double *run(long steps, double h, double *given, double *next, FILE *csv) {
  for (long k = 0; k < steps; k++) {
    const double time = (double)k * h;
    for (size_t i = 0; i < count; i++) {
      const component *c = &components[i];
      if (c->source >= 0) check(c->set_real(c->instance, &c->input, 1, &given[c->source]), "fmi2SetReal", i);
      check(c->do_step(c->instance, time, h, fmi2True), "fmi2DoStep", i);
      check(c->get_real(c->instance, &c->output, 1, &next[i]), "fmi2GetReal", i);
    }
    double *const spare = given;
    given = next;
    next = spare;
    if (csv != NULL) record(csv, (double)(k + 1) * h, given);
  }
  return given;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 5) fail("usage: limit <system> <steps> <step size> [results.csv]");
  read_system(argv[1]);
  double *values = calloc(2 * count, sizeof *values);
  if (values == NULL) fail("out of memory");
  initialize(values);
  const int64_t initialised = now_ns();
  FILE *csv = argc == 5 ? open_csv(argv[4]) : NULL;
  if (csv != NULL) record(csv, 0, values);
  const double *last = run(atol(argv[2]), strtod(argv[3], NULL), values, values + count, csv);
  if (csv != NULL && fclose(csv) != 0) fail("%s: %s", argv[4], strerror(errno));
  for (size_t i = 0; i < count; i++) {
    check(kinds[i]->terminate(components[i].instance), "fmi2Terminate", i);
    kinds[i]->free_instance(components[i].instance);
  }
  printf("{\"initialised\":%" PRId64 ",\"last\":%.17g}\n", initialised, last[count - 1]);
  return 0;
}
