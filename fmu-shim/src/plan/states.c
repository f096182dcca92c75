/* Going back: the states of all components that have one, and all values between them. */
#include "plan_internal.h"

static bool has_place(tb_plan *plan, uint32_t place) {
  const tb_plan_spec *spec = &plan->spec;
  if (plan->saved[place].event_needed != NULL) return true;
  plan->saved[place].states = calloc(spec->n_components + 1, sizeof(void *));
  plan->saved[place].numbers = malloc(spec->arena_size + 1);
  plan->saved[place].text_sizes = calloc(spec->n_texts + 1, sizeof(size_t));
  plan->saved[place].timers = calloc(plan->n_timers + 1, sizeof(tb_timer));
  plan->saved[place].event_needed = calloc(spec->n_components + 1, sizeof(bool));
  return plan->saved[place].states != NULL && plan->saved[place].numbers != NULL &&
         plan->saved[place].text_sizes != NULL && plan->saved[place].timers != NULL &&
         plan->saved[place].event_needed != NULL;
}

static void *text_slot(const tb_plan *plan, uint32_t text) { return plan->arena + plan->texts_at + text * sizeof(void *); }

static bool save_texts(tb_plan *plan, uint32_t place) {
  size_t size = 0, at = 0;
  for (uint32_t k = 0; k < plan->spec.n_texts; k++) size += *tb_size_of_text(plan, text_slot(plan, k));
  if (size > plan->saved[place].texts_room) {
    uint8_t *texts = realloc(plan->saved[place].texts, 2 * size);
    if (texts == NULL) return false;
    plan->saved[place].texts = texts;
    plan->saved[place].texts_room = 2 * size;
  }
  for (uint32_t k = 0; k < plan->spec.n_texts; k++) {
    const void *slot = text_slot(plan, k);
    const size_t length = plan->saved[place].text_sizes[k] = *tb_size_of_text(plan, slot);
    if (length > 0) memcpy(plan->saved[place].texts + at, *(char *const *)slot, length);
    at += length;
  }
  return true;
}

static bool restore_texts(tb_plan *plan, uint32_t place) {
  size_t at = 0;
  for (uint32_t k = 0; k < plan->spec.n_texts; k++) {
    const size_t length = plan->saved[place].text_sizes[k];
    const char *text = length == 0 ? "" : (const char *)plan->saved[place].texts + at;
    if (!tb_copy_text(plan, text_slot(plan, k), text, length)) return false;
    at += length;
  }
  return true;
}

int tb_plan_save(tb_plan *plan, uint32_t place) {
  const uint32_t n = plan->spec.n_components;
  if (!has_place(plan, place) || !save_texts(plan, place)) return TB_RUN_NO_MEMORY;
  for (uint32_t c = 0; c < n; c++) {
    tb_instance *instance = plan->instances[c];
    int status = tb_instance_get_state(instance, &plan->saved[place].states[c]);
    if (status > 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  }
  memcpy(plan->saved[place].numbers, plan->arena, plan->spec.arena_size);
  if (plan->event_needed != NULL) {
    memcpy(plan->saved[place].timers, plan->timers, plan->n_timers * sizeof *plan->timers);
    memcpy(plan->saved[place].event_needed, plan->event_needed, n * sizeof *plan->event_needed);
    plan->saved[place].next_event = plan->run.next_event;
  }
  return 0;
}

int tb_plan_restore(tb_plan *plan, uint32_t place) {
  const uint32_t n = plan->spec.n_components;
  if (plan->saved[place].event_needed == NULL) return TB_RUN_NO_MEMORY; /* nothing was saved there */
  for (uint32_t c = 0; c < n; c++) {
    tb_instance *instance = plan->instances[c];
    if (plan->saved[place].states[c] == NULL) continue;
    int status = tb_instance_set_state(instance, plan->saved[place].states[c]);
    if (status > 0 && tb_failed(plan, c, status, instance->last_call)) return TB_RUN_FAILED;
  }
  memcpy(plan->arena, plan->saved[place].numbers, plan->spec.arena_size);
  if (plan->event_needed != NULL) {
    memcpy(plan->timers, plan->saved[place].timers, plan->n_timers * sizeof *plan->timers);
    memcpy(plan->event_needed, plan->saved[place].event_needed, n * sizeof *plan->event_needed);
    plan->run.next_event = plan->saved[place].next_event;
  }
  return restore_texts(plan, place) ? 0 : TB_RUN_NO_MEMORY;
}
