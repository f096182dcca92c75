/*
 * Algebraic loops: the components of a loop make the step again and again, from the same state, until the values that go
 * round no longer change.
 *
 * What goes in next is what came out, relaxed by Aitken's factor (B. Irons and R. Tuck, A version of the Aitken
 * accelerator for computer iteration, 1969, in the vector form of U. Kuettler and W. Wall, Fixed-point fluid-structure
 * interaction solvers with dynamic relaxation, 2008, eq. 44): a linear loop of one value is solved in three rounds
 * whatever its gain, where passing on the values alone would diverge.
 */
#include "plan_internal.h"

/* Numbers only; what cannot be relaxed (whole numbers, truth values) is passed on. */
static void read_watched(const tb_plan *plan, const tb_loop *loop, double *values) {
  const uint32_t *watched = plan->pool + loop->watched;
  for (uint32_t w = 0; w < loop->n_watched; w++, watched += 3) {
    tb_instruction read = {.storage = (uint8_t)watched[2], .storage_to = TB_F64, .n = watched[1],
                           .from = plan->arena + watched[0], .to = values, .factor = 1};
    tb_convert(&read);
    values += watched[1];
  }
}

static bool is_real(unsigned storage) { return storage == TB_F64 || storage == TB_F32; }

static void write_watched(const tb_plan *plan, const tb_loop *loop, const double *values) {
  const uint32_t *watched = plan->pool + loop->watched;
  for (uint32_t w = 0; w < loop->n_watched; w++, watched += 3) {
    if (is_real(watched[2])) {
      tb_instruction write = {.storage = TB_F64, .storage_to = (uint8_t)watched[2], .n = watched[1], .from = values,
                              .to = plan->arena + watched[0], .factor = 1};
      tb_convert(&write);
    }
    values += watched[1];
  }
}

static int save(tb_plan *plan, tb_loop *loop) {
  for (uint32_t k = 0; k < loop->n_components; k++) {
    uint32_t c = plan->pool[loop->components + k];
    int status = tb_instance_get_state(plan->instances[c], &loop->states[k]);
    if (status != 0 && tb_failed(plan, c, status, plan->instances[c]->last_call)) return TB_RUN_FAILED;
  }
  return 0;
}

static int restore(tb_plan *plan, tb_loop *loop) {
  for (uint32_t k = 0; k < loop->n_components; k++) {
    uint32_t c = plan->pool[loop->components + k];
    int status = tb_instance_set_state(plan->instances[c], loop->states[k]);
    if (status != 0 && tb_failed(plan, c, status, plan->instances[c]->last_call)) return TB_RUN_FAILED;
  }
  return 0;
}

int tb_run_loop(tb_plan *plan, const tb_instruction *at, uint64_t *overhead_ns) {
  tb_loop *loop = &plan->loops[at->n_values];
  const tb_instruction *begin = at + 1, *end = begin + at->n;
  int ended = save(plan, loop);
  if (ended != 0) return ended;
  double relaxation = 1;
  read_watched(plan, loop, loop->used);
  for (uint32_t round = 0; round < loop->rounds; round++) {
    if (round > 0) {
      write_watched(plan, loop, loop->used);
      if ((ended = restore(plan, loop)) != 0) return ended;
    }
    ended = overhead_ns != NULL ? tb_execute_timed(plan, begin, end, overhead_ns) : tb_execute(plan, begin, end);
    if (ended != 0) return ended;
    /* residual = what came out - what went in */
    read_watched(plan, loop, loop->residual);
    bool settled = true;
    for (uint32_t k = 0; k < loop->n_values; k++) {
      double out = loop->residual[k], size = fabs(out) > 1 ? fabs(out) : 1;
      loop->residual[k] = out - loop->used[k];
      /* Written so that what is no number is not settled. */
      if (!(fabs(loop->residual[k]) <= loop->tolerance * size)) settled = false;
    }
    if (settled) return 0;
    if (round > 0) {
      double product = 0, square = 0;
      for (uint32_t k = 0; k < loop->n_values; k++) {
        double change = loop->residual[k] - loop->last_residual[k];
        product += loop->last_residual[k] * change;
        square += change * change;
      }
      double next = -relaxation * product / square;
      relaxation = isfinite(next) && next != 0 ? next : 1;
    }
    for (uint32_t k = 0; k < loop->n_values; k++) {
      loop->used[k] += relaxation * loop->residual[k];
      loop->last_residual[k] = loop->residual[k];
    }
  }
  plan->run.failed_component = (int32_t)at->n_values;
  return TB_RUN_UNSETTLED;
}
