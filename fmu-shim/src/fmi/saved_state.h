/* Copies of an instance's complete state, in memory and as bytes (FMI 2.0.4, section 2.1.8; FMI 3.0, section 2.2.4). */
#ifndef TB_SAVED_STATE_H
#define TB_SAVED_STATE_H

#include "../bridge/bridge.h"

typedef struct {
  tb_bridge_state *bridge;
  double start_time;
  uint32_t state;  /* of the standard's state machine, as the version of FMI numbers it */
  uint32_t clocks; /* FMI 3.0: those that are active, a bit each */
} tb_saved_state;

/* `*saved` is NULL, or a state of this bridge to be overwritten; false: out of memory. The caller fills in the rest. */
bool tb_saved_state_take(tb_bridge *bridge, tb_saved_state **saved);
void tb_saved_state_free(tb_bridge *bridge, tb_saved_state *saved);

size_t tb_saved_state_size(const tb_bridge *bridge); /* bytes */
void tb_saved_state_serialize(const tb_bridge *bridge, const tb_saved_state *saved, void *bytes);
/* NULL: out of memory, or the bytes are no state of such an FMU in one of `states` (a bit each). */
tb_saved_state *tb_saved_state_deserialize(tb_bridge *bridge, const void *bytes, size_t size, uint32_t states);

#endif
