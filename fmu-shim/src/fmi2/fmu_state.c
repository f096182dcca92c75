/* Copies of the complete state, also as bytes (FMI 2.0.4, section 2.1.8). */
#include <stdlib.h>
#include <string.h>

#include "instance.h"

typedef struct {
  tb_bridge_state *bridge;
  state state;
  double start_time;
} saved;

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2GetFMUstate");
  if (state == NULL) return tb_fmi2_fail(m, "fmi2GetFMUstate: no place for the state");
  saved *s = *state != NULL ? *state : calloc(1, sizeof *s);
  if (s == NULL || !tb_bridge_save(m->bridge, &s->bridge)) {
    if (s != *state) free(s);
    return tb_fmi2_fail(m, "fmi2GetFMUstate: out of memory");
  }
  s->state = m->state;
  s->start_time = m->start_time;
  *state = s;
  return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SetFMUstate");
  const saved *s = state;
  if (s == NULL) return tb_fmi2_fail(m, "fmi2SetFMUstate: no state");
  if ((s->state == INSTANTIATED) != (m->state == INSTANTIATED))
    return tb_fmi2_fail(m, "fmi2SetFMUstate: a state saved when the FMU was %s cannot be set when it is %s; use fmi2Reset%s",
                tb_fmi2_state_name(s->state), tb_fmi2_state_name(m->state),
                s->state == INSTANTIATED ? "" : " and fmi2EnterInitializationMode first");
  if (!tb_bridge_restore(m->bridge, s->bridge))
    return tb_fmi2_fail(m, "fmi2SetFMUstate: this state is none of this instance, or was saved before fmi2Reset");
  m->state = s->state;
  m->start_time = s->start_time;
  return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi2FreeFMUstate");
  if (state == NULL || *state == NULL) return fmi2OK;
  saved *s = *state;
  tb_bridge_free_state(m->bridge, s->bridge);
  free(s);
  *state = NULL;
  return fmi2OK;
}

typedef struct {
  double start_time;
  uint64_t state;
} serial_prefix;

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SerializedFMUstateSize");
  if (state == NULL || size == NULL) return tb_fmi2_fail(m, "fmi2SerializedFMUstateSize: no state, or no place for its size");
  *size = sizeof(serial_prefix) + tb_bridge_serialized_size(m->bridge);
  return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte serialized[], size_t size) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SerializeFMUstate");
  const saved *s = state;
  size_t needed = sizeof(serial_prefix) + tb_bridge_serialized_size(m->bridge);
  if (s == NULL || serialized == NULL || size < needed)
    return tb_fmi2_fail(m, "fmi2SerializeFMUstate: no state, or room for %zu bytes where %zu are needed", size, needed);
  const serial_prefix prefix = {s->start_time, s->state};
  memcpy(serialized, &prefix, sizeof prefix);
  tb_bridge_serialize(m->bridge, s->bridge, serialized + sizeof prefix);
  return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte serialized[], size_t size, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2DeSerializeFMUstate");
  serial_prefix prefix;
  if (serialized == NULL || state == NULL || size < sizeof prefix)
    return tb_fmi2_fail(m, "fmi2DeSerializeFMUstate: no bytes, or no place for the state");
  memcpy(&prefix, serialized, sizeof prefix);
  bool known = prefix.state == INSTANTIATED || prefix.state == INITIALIZATION || prefix.state == STEP_COMPLETE ||
               prefix.state == STEP_FAILED || prefix.state == TERMINATED;
  tb_bridge_state *bridge =
      known ? tb_bridge_deserialize(m->bridge, serialized + sizeof prefix, size - sizeof prefix) : NULL;
  saved *s = bridge == NULL ? NULL : calloc(1, sizeof *s);
  if (s == NULL) {
    if (bridge != NULL) tb_bridge_free_state(m->bridge, bridge);
    return tb_fmi2_fail(m, "fmi2DeSerializeFMUstate: these %zu bytes are no state of this FMU", size);
  }
  *s = (saved){bridge, (int)prefix.state, prefix.start_time};
  *state = s;
  return fmi2OK;
}
