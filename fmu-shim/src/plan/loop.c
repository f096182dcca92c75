/*
 * Algebraic loops: the components of a loop make the step again and again, from the same state, until the values that go
 * round no longer change. Only those values count that are taken before they are given: all others follow from them.
 */
#include "plan_internal.h"

static bool is_real(unsigned storage) { return storage == TB_F64 || storage == TB_F32; }

/* Whole numbers and truth values are looked at, too, but passed on as they come: there is nothing between two of them. */
static void read_watched(const tb_plan *plan, const tb_loop *loop, double *reals, double *others) {
  const uint32_t *watched = plan->pool + loop->watched;
  for (uint32_t w = 0; w < loop->n_watched; w++, watched += 3) {
    double **to = is_real(watched[2]) ? &reals : &others;
    tb_instruction read = {.storage = (uint8_t)watched[2], .storage_to = TB_F64, .n = watched[1],
                           .from = plan->arena + watched[0], .to = *to, .factor = 1};
    tb_convert(&read);
    *to += watched[1];
  }
}

static void write_reals(const tb_plan *plan, const tb_loop *loop, const double *reals) {
  const uint32_t *watched = plan->pool + loop->watched;
  for (uint32_t w = 0; w < loop->n_watched; w++, watched += 3) {
    if (!is_real(watched[2])) continue;
    tb_instruction write = {.storage = TB_F64, .storage_to = (uint8_t)watched[2], .n = watched[1], .from = reals,
                            .to = plan->arena + watched[0], .factor = 1};
    tb_convert(&write);
    reals += watched[1];
  }
}

/* Saves or restores the states of the components. */
static int for_all(tb_plan *plan, tb_loop *loop, bool save, bool timed) {
  for (uint32_t k = 0; k < loop->n_components; k++) {
    uint32_t c = plan->pool[loop->components + k];
    tb_instance *instance = plan->instances[c];
    int64_t before = timed ? tb_monotonic_ns() : 0;
    int status = save ? tb_instance_get_state(instance, &loop->states[k]) : tb_instance_set_state(instance, loop->states[k]);
    if (timed) plan->times[c].access_ns += (uint64_t)(tb_monotonic_ns() - before);
    if (status != 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  }
  return 0;
}

/* Written so that what is no number is not the same. */
static bool is_settled(const tb_loop *loop) {
  for (uint32_t k = 0; k < loop->point.n; k++) {
    double out = loop->came[k], size = fabs(out) > 1 ? fabs(out) : 1;
    if (!(fabs(out - loop->used[k]) <= loop->tolerance * size)) return false;
  }
  return loop->n_others == 0 || memcmp(loop->others, loop->others_before, loop->n_others * sizeof *loop->others) == 0;
}

int tb_run_loop(tb_plan *plan, const tb_instruction *at, uint64_t *overhead_ns) {
  tb_loop *loop = &plan->loops[at->n_values];
  const tb_instruction *begin = at + 1, *end = begin + at->n;
  const bool timed = overhead_ns != NULL;
  int ended = for_all(plan, loop, true, timed);
  if (ended != 0) return ended;
  tb_fixed_point_begin(&loop->point);
  read_watched(plan, loop, loop->used, loop->others_before);
  for (uint32_t round = 0; round < loop->rounds; round++) {
    if (round > 0) {
      write_reals(plan, loop, loop->used);
      if ((ended = for_all(plan, loop, false, timed)) != 0) return ended;
    }
    ended = timed ? tb_execute_timed(plan, begin, end, overhead_ns) : tb_execute(plan, begin, end);
    if (ended != 0) return ended;
    read_watched(plan, loop, loop->came, loop->others);
    if (is_settled(loop)) return 0;
    tb_fixed_point_next(&loop->point, loop->used, loop->came);
    memcpy(loop->others_before, loop->others, loop->n_others * sizeof *loop->others);
  }
  plan->run.failed_component = (int32_t)at->n_values;
  return TB_RUN_UNSETTLED;
}
