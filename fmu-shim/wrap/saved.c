#include "saved.h"

/* Stands before the bytes of the FMU behind. */
typedef struct {
  char magic[8];
  double start_time, time;
  uint32_t state, unused;
} prefix;

static const char MAGIC[] = "twinwrp"; /* with its zero byte */

static bool is_there(tb_behind *b, const tb_saved *s) {
  if (s->start == b->starts) return true;
  tb_behind_fail(b, "%s: the state was saved before the FMU behind this one was started anew", b->function);
  return false;
}

int tb_saved_take(tb_behind *b, tb_saved **saved) {
  if (*saved != NULL && (*saved)->start != b->starts) **saved = (tb_saved){0};
  tb_saved *s = *saved != NULL ? *saved : calloc(1, sizeof *s);
  if (s == NULL) return tb_behind_fail(b, "%s: out of memory", b->function);
  const int status = tb_behind_status(b, tb_instance_get_state(b->instance, &s->theirs));
  s->start = b->starts;
  if (status >= TB_DISCARD && s != *saved) free(s);
  else *saved = s;
  return status;
}

int tb_saved_restore(tb_behind *b, const tb_saved *saved) {
  if (!is_there(b, saved)) return TB_ERROR;
  tb_behind_forget_arrays(b);
  return tb_behind_status(b, tb_instance_set_state(b->instance, saved->theirs));
}

int tb_saved_free(tb_behind *b, tb_saved *saved) {
  /* What is gone has freed it. */
  const bool is_gone = b->instance == NULL || b->has_told_end || b->abandoned || saved->start != b->starts;
  const int status = is_gone
                         ? TB_OK
                         : tb_behind_status(b, tb_instance_free_state(b->instance, &saved->theirs));
  free(saved);
  return status;
}

int tb_saved_size(tb_behind *b, const tb_saved *saved, size_t *size) {
  size_t theirs = 0;
  if (!is_there(b, saved)) return TB_ERROR;
  const int status = tb_behind_status(b, tb_instance_state_size(b->instance, saved->theirs, &theirs));
  *size = sizeof(prefix) + theirs;
  return status;
}

int tb_saved_serialize(tb_behind *b, const tb_saved *s, uint8_t *bytes, size_t size) {
  prefix p = {.start_time = s->start_time, .time = s->time, .state = s->state};
  if (!is_there(b, s)) return TB_ERROR;
  if (size < sizeof p) return tb_behind_fail(b, "%s: there is room for %zu bytes only", b->function, size);
  memcpy(p.magic, MAGIC, sizeof p.magic);
  memcpy(bytes, &p, sizeof p);
  return tb_behind_status(b, tb_instance_serialize_state(b->instance, s->theirs, bytes + sizeof p, size - sizeof p));
}

int tb_saved_deserialize(tb_behind *b, const uint8_t *bytes, size_t size, uint32_t states, tb_saved **saved) {
  prefix p;
  const bool whole = size >= sizeof p;
  if (whole) memcpy(&p, bytes, sizeof p);
  if (!whole || memcmp(p.magic, MAGIC, sizeof MAGIC) != 0 || (p.state & (p.state - 1)) != 0 || (p.state & states) == 0)
    return tb_behind_fail(b, "%s: these %zu bytes are no state of this FMU", b->function, size);
  tb_saved *s = calloc(1, sizeof *s);
  if (s == NULL) return tb_behind_fail(b, "%s: out of memory", b->function);
  *s = (tb_saved){.time = p.time, .start_time = p.start_time, .state = p.state, .start = b->starts};
  const int status =
      tb_behind_status(b, tb_instance_deserialize_state(b->instance, bytes + sizeof p, size - sizeof p, &s->theirs));
  if (status >= TB_DISCARD) free(s);
  else *saved = s;
  return status;
}
