/*
 * A step plan carried out by several threads: every step comes to the same as with one, whichever thread makes which
 * component's; also with texts, components that fail in the same step, and plans that are made and destroyed all the time.
 * To be run under ThreadSanitizer and AddressSanitizer (which looks for leaks) as well as plain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/plan/plan_internal.h"
#include "fmi2.h"

enum { COMPONENTS = 24, STEPS = 3000, LIVES = 40, THREADS = 4 };

/* -- FMUs: y = y / 2 + u, and how often this was done as a text; each takes as long as it likes -------------------------------- */

typedef struct {
  double u, y;
  char text[32];
  uint32_t steps, number;
  uint32_t fails_at; /* a step, from 1; 0: never */
  uint64_t random;
} model;

static int set_real(void *component, const uint32_t *vrs, size_t n, void *values) {
  (void)vrs;
  (void)n;
  ((model *)component)->u = *(const double *)values;
  return 0;
}

static int get_real(void *component, const uint32_t *vrs, size_t n, void *values) {
  (void)vrs;
  (void)n;
  *(double *)values = ((const model *)component)->y;
  return 0;
}

static int set_text(void *component, const uint32_t *vrs, size_t n, void *values) {
  (void)vrs;
  (void)n;
  model *m = component;
  m->y += (double)strlen(*(char *const *)values);
  return 0;
}

static int get_text(void *component, const uint32_t *vrs, size_t n, void *values) {
  (void)vrs;
  (void)n;
  *(const char **)values = ((const model *)component)->text;
  return 0;
}

/* Some steps cost enough to be worth a thread, others nothing. */
static void take_time(model *m) {
  m->random ^= m->random << 13, m->random ^= m->random >> 7, m->random ^= m->random << 17;
  const uint64_t rounds = m->random % 8 == 0 ? m->random / 8 % 40000 : m->random % 2000;
  for (volatile uint64_t k = 0; k < rounds;) k = k + 1;
}

static fmi2Status do_step(fmi2Component c, fmi2Real time, fmi2Real size, fmi2Boolean final) {
  (void)time;
  (void)size;
  (void)final;
  model *m = c;
  take_time(m);
  if (++m->steps == m->fails_at) return fmi2Discard;
  m->y = m->y / 2 + m->u + m->number;
  snprintf(m->text, sizeof m->text, "%.*s", (int)(m->steps % 20), "a text of some length");
  return fmi2OK;
}

/* -- The plan ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
  tb_library library;
  tb_instance instances[COMPONENTS];
  model models[COMPONENTS];
  tb_plan *plan;
} simulation;

static int step_adapter(tb_instance *i, double time, double size, int may_go_back, tb_step_result *result) {
  (void)result;
  return (int)do_step(i->component, time, size, !may_go_back);
}

static const tb_adapter adapter = {.step = step_adapter};

/* Where there is one, steps are called directly. */
static tb_library *fmi2;

/* Each takes the number of one before it and the text of one behind it. Values lie in the arena by component. */
static bool begin(simulation *s, uint32_t threads, uint32_t fails_at) {
  memset(s, 0, sizeof *s);
  s->library.fmi = TB_FMI2;
  s->library.adapter = fmi2 != NULL ? fmi2->adapter : &adapter;
  s->library.functions = fmi2 != NULL ? fmi2->functions : NULL;
  s->library.accessors[TB_F64] = (tb_accessor){(void *)get_real, (void *)set_real, "get", "set"};
  s->library.accessors[TB_TEXT] = (tb_accessor){(void *)get_text, (void *)set_text, "get", "set"};
  uint64_t instances[COMPONENTS];
  for (uint32_t c = 0; c < COMPONENTS; c++) {
    s->models[c] = (model){.number = c, .random = 0x9e3779b97f4a7c15u * (c + 1), .fails_at = c % 3 == 0 ? fails_at : 0};
    s->instances[c] = (tb_instance){.library = &s->library, .adapter = s->library.adapter, .component = &s->models[c]};
    instances[c] = (uint64_t)(uintptr_t)&s->instances[c];
  }
  /* Numbers given, numbers taken; behind them texts given, texts taken. */
  const uint32_t arena = 8 * 2 * COMPONENTS;
  const uint32_t texts = (arena + 15) & ~15u;
  enum { PER_STEP = 5, PER_READ = 2 };
  static tb_packed_instruction code[COMPONENTS * (PER_STEP + PER_READ)];
  static uint32_t pool[1 + 2 * (1 + 2 * COMPONENTS) + 8];
  memset(code, 0, sizeof code);
  uint32_t n = 0, p = 0;
  pool[p++] = 0; /* a value reference */
  const uint32_t stages = p;
  pool[p++] = COMPONENTS;
  for (uint32_t c = 0; c < COMPONENTS; c++) {
    const uint32_t before = (c + COMPONENTS - 1) % COMPONENTS, behind = (c + 1) % COMPONENTS;
    const uint32_t text = texts + 8 * (COMPONENTS + c);
    pool[p++] = n;
    code[n++] = (tb_packed_instruction){.op = TB_OP_MOVE, .a = texts + 8 * behind, .b = text, .c = 1, .d = TB_TEXT, .e = TB_TEXT};
    code[n++] = (tb_packed_instruction){.op = TB_OP_SET, .component = c, .a = 0, .b = 1, .c = text, .d = 1, .e = TB_TEXT};
    code[n++] = (tb_packed_instruction){.op = TB_OP_MOVE, .flags = TB_SCALED, .factor = 0.25, .offset = 1, .a = 8 * before,
                                        .b = 8 * (COMPONENTS + c), .c = 1, .d = TB_F64, .e = TB_F64};
    code[n++] = (tb_packed_instruction){.op = TB_OP_SET, .component = c, .a = 0, .b = 1, .c = 8 * (COMPONENTS + c), .d = 1, .e = TB_F64};
    code[n++] = (tb_packed_instruction){.op = TB_OP_STEP, .component = c, .a = 1};
    pool[p++] = n;
  }
  pool[p++] = COMPONENTS;
  for (uint32_t c = 0; c < COMPONENTS; c++) {
    pool[p++] = n;
    code[n++] = (tb_packed_instruction){.op = TB_OP_GET, .component = c, .a = 0, .b = 1, .c = 8 * c, .d = 1, .e = TB_F64};
    code[n++] = (tb_packed_instruction){.op = TB_OP_GET, .component = c, .a = 0, .b = 1, .c = texts + 8 * c, .d = 1, .e = TB_TEXT};
    pool[p++] = n;
  }
  const uint32_t none = p;
  pool[p++] = 0;
  const tb_plan_spec spec = {.arena_size = arena, .n_texts = 2 * COMPONENTS, .n_components = COMPONENTS, .n_instructions = n,
                             .n_pool = p, .n_stages = 2, .stages = stages, .recorders = none, .threads = threads,
                             .code_end = n, .event_begin = n, .event_end = n, .after_begin = n, .after_end = n,
                             .event_components = none, .timers = none, .clocks = none};
  s->plan = tb_plan_create((const uint8_t *)&spec, (const uint8_t *)code, pool, instances);
  if (s->plan == NULL) return false;
  tb_run *run = tb_plan_control(s->plan);
  run->size = 1;
  return true;
}

static int advance(simulation *s, uint64_t until) {
  tb_plan_control(s->plan)->until = until;
  return tb_plan_run(s->plan);
}

static int failures;

static void expect(bool right, const char *what, uint64_t number) {
  if (right) return;
  fprintf(stderr, "%s (%llu)\n", what, (unsigned long long)number);
  failures++;
}

/* -- Tests -------------------------------------------------------------------------------------------------------------------- */

/* Has the threads be used whatever they save: on a busy machine the caller's alone may be faster for long. */
static void same_as_one(bool profile) {
  static simulation one, many;
  if (!begin(&one, 1, 0) || !begin(&many, THREADS, 0)) {
    expect(false, "out of memory", 0);
    return;
  }
  tb_plan_profile(many.plan, profile);
  for (uint64_t step = 1; step <= STEPS; step++) {
    expect(advance(&one, step) == TB_RUN_DONE && advance(&many, step) == TB_RUN_DONE, "a step failed", step);
    const bool same = memcmp(tb_plan_arena(one.plan), tb_plan_arena(many.plan), one.plan->spec.arena_size) == 0;
    expect(same, "values differ after a step", step);
    for (uint32_t c = 0; same && c < COMPONENTS; c++)
      expect(strcmp(one.models[c].text, many.models[c].text) == 0, "texts differ after a step", step);
    if (failures > 0) break;
  }
  tb_plan_destroy(one.plan);
  tb_plan_destroy(many.plan);
}

static void fail_together(void) {
  static simulation s;
  for (uint32_t at = 1; at <= 30; at++) {
    if (!begin(&s, THREADS, at)) return;
    expect(advance(&s, 100) == TB_RUN_FAILED, "the run should have failed", at);
    const tb_run *run = tb_plan_control(s.plan);
    expect(run->step == at - 1, "the run failed in another step", at);
    expect(run->failed_status == fmi2Discard && run->failed_component % 3 == 0, "another component failed", at);
    tb_plan_destroy(s.plan);
  }
}

static void live_and_die(void) {
  static simulation s;
  for (uint32_t life = 0; life < LIVES; life++) {
    if (!begin(&s, 2 + life % 7, 0)) return;
    if (life % 2 == 1) advance(&s, life);
    tb_plan_destroy(s.plan);
  }
}

/* -- Steps that are called directly, as those of all FMUs of FMI 2.0 ---------------------------------------------------------- */

/* A library of FMI 2.0, whichever, with this file's fmi2DoStep in place of its own. */
static tb_library *load(const char *path) {
  char error[512] = "";
  tb_library *library = tb_library_load(path, TB_FMI2, "", error, sizeof error);
  if (library == NULL) {
    fprintf(stderr, "%s\n", error);
    return NULL;
  }
  const void *own = tb_loader_symbol(library->handle, "fmi2DoStep");
  void **function = library->functions;
  while (*function != own) function++;
  *function = (void *)do_step;
  return library;
}

/* `plan_threads [library of an FMU of FMI 2.0]` */
int main(int argc, char *argv[]) {
  if (argc == 2 && (fmi2 = load(argv[1])) == NULL) return EXIT_FAILURE;
  same_as_one(false);
  same_as_one(true);
  fail_together();
  live_and_die();
  if (fmi2 != NULL) tb_library_unload(fmi2);
  printf("plan_threads: %d components, %d threads, %d steps, %d failures\n", COMPONENTS, THREADS, STEPS, failures);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
