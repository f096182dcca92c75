#include "saved_state.h"

#include <stdlib.h>
#include <string.h>

bool tb_saved_state_take(tb_bridge *bridge, tb_saved_state **saved) {
  tb_saved_state *s = *saved != NULL ? *saved : calloc(1, sizeof *s);
  if (s == NULL || !tb_bridge_save(bridge, &s->bridge)) {
    if (s != *saved) free(s);
    return false;
  }
  *saved = s;
  return true;
}

void tb_saved_state_free(tb_bridge *bridge, tb_saved_state *saved) {
  tb_bridge_free_state(bridge, saved->bridge);
  free(saved);
}

/* Stands before the bridge's bytes. */
typedef struct {
  uint64_t sum; /* of all that follows: lengths of texts are among it, which nobody checks later */
  double start_time;
  uint32_t state, clocks;
} prefix;

static uint64_t sum_of(const void *bytes, size_t size) {
  uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */
  for (size_t i = sizeof sum; i < size; i++) sum = (sum ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
  return sum;
}

size_t tb_saved_state_size(const tb_bridge *bridge) { return sizeof(prefix) + tb_bridge_serialized_size(bridge); }

void tb_saved_state_serialize(const tb_bridge *bridge, const tb_saved_state *s, void *bytes) {
  prefix p = {0, s->start_time, s->state, s->clocks};
  memcpy(bytes, &p, sizeof p);
  tb_bridge_serialize(bridge, s->bridge, (char *)bytes + sizeof p);
  p.sum = sum_of(bytes, tb_saved_state_size(bridge));
  memcpy(bytes, &p.sum, sizeof p.sum);
}

tb_saved_state *tb_saved_state_deserialize(tb_bridge *bridge, const void *bytes, size_t size, uint32_t states) {
  prefix p;
  if (size < sizeof p) return NULL;
  memcpy(&p, bytes, sizeof p);
  const bool one_state = p.state != 0 && (p.state & (p.state - 1)) == 0;
  if (!one_state || (p.state & states) == 0 || p.sum != sum_of(bytes, size)) return NULL;
  tb_saved_state *s = calloc(1, sizeof *s);
  tb_bridge_state *of_bridge =
      s == NULL ? NULL : tb_bridge_deserialize(bridge, (const char *)bytes + sizeof p, size - sizeof p);
  if (of_bridge == NULL) {
    free(s);
    return NULL;
  }
  *s = (tb_saved_state){of_bridge, p.start_time, p.state, p.clocks};
  return s;
}
