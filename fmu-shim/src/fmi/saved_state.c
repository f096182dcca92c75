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
  double start_time;
  uint32_t state, clocks;
} prefix;

size_t tb_saved_state_size(const tb_bridge *bridge) { return sizeof(prefix) + tb_bridge_serialized_size(bridge); }

void tb_saved_state_serialize(const tb_bridge *bridge, const tb_saved_state *s, void *bytes) {
  const prefix p = {s->start_time, s->state, s->clocks};
  memcpy(bytes, &p, sizeof p);
  tb_bridge_serialize(bridge, s->bridge, (char *)bytes + sizeof p);
}

tb_saved_state *tb_saved_state_deserialize(tb_bridge *bridge, const void *bytes, size_t size, uint32_t states) {
  prefix p;
  if (size < sizeof p) return NULL;
  memcpy(&p, bytes, sizeof p);
  const bool one_state = p.state != 0 && (p.state & (p.state - 1)) == 0;
  if (!one_state || (p.state & states) == 0) return NULL;
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
