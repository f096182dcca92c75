/* Going back: the states of all components that have one, and all numbers between them. */
#include "plan_internal.h"

int tb_plan_save(tb_plan *plan, uint32_t place) {
  uint32_t n = plan->spec.n_components;
  if (plan->saved[place].states == NULL) {
    plan->saved[place].states = calloc(n + 1, sizeof(void *));
    plan->saved[place].numbers = malloc(plan->spec.arena_size + 1);
    if (plan->saved[place].states == NULL || plan->saved[place].numbers == NULL) return TB_RUN_NO_MEMORY;
  }
  for (uint32_t c = 0; c < n; c++) {
    tb_instance *instance = plan->instances[c];
    int status = tb_instance_get_state(instance, &plan->saved[place].states[c]);
    if (status > 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  }
  memcpy(plan->saved[place].numbers, plan->arena, plan->spec.arena_size);
  return 0;
}

int tb_plan_restore(tb_plan *plan, uint32_t place) {
  for (uint32_t c = 0; c < plan->spec.n_components; c++) {
    tb_instance *instance = plan->instances[c];
    if (plan->saved[place].states[c] == NULL) continue;
    int status = tb_instance_set_state(instance, plan->saved[place].states[c]);
    if (status > 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  }
  memcpy(plan->arena, plan->saved[place].numbers, plan->spec.arena_size);
  return 0;
}
