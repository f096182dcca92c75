/* Copies of the complete state, also as bytes (FMI 2.0.4, section 2.1.8). */
#include "../fmi/saved_state.h"
#include "instance.h"

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2GetFMUstate");
  if (state == NULL) return tb_fmi2_fail(m, "fmi2GetFMUstate: no place for the state");
  if (!tb_fmi2_settle(m)) return fmi2Error;
  tb_saved_state *s = *state;
  if (!tb_saved_state_take(m->bridge, &s)) return tb_fmi2_fail(m, "fmi2GetFMUstate: out of memory");
  s->state = m->state;
  s->start_time = m->start_time;
  *state = s;
  return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SetFMUstate");
  const tb_saved_state *s = state;
  if (s == NULL) return tb_fmi2_fail(m, "fmi2SetFMUstate: no state");
  if ((s->state == INSTANTIATED) != (m->state == INSTANTIATED))
    return tb_fmi2_fail(m, "fmi2SetFMUstate: a state saved when the FMU was %s cannot be set when it is %s; use fmi2Reset%s",
                tb_fmi2_state_name((int)s->state), tb_fmi2_state_name(m->state),
                s->state == INSTANTIATED ? "" : " and fmi2EnterInitializationMode first");
  if (!tb_fmi2_settle(m)) return fmi2Error;
  if (!tb_bridge_restore(m->bridge, s->bridge))
    return tb_fmi2_fail(m, "fmi2SetFMUstate: this state is none of this instance, or was saved before fmi2Reset");
  m->state = (int)s->state;
  m->start_time = s->start_time;
  return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY | RESET_FAILED, "fmi2FreeFMUstate");
  if (state == NULL || *state == NULL) return fmi2OK;
  tb_saved_state_free(m->bridge, *state);
  *state = NULL;
  return fmi2OK;
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SerializedFMUstateSize");
  if (state == NULL || size == NULL) return tb_fmi2_fail(m, "fmi2SerializedFMUstateSize: no state, or no place for its size");
  *size = tb_saved_state_size(m->bridge);
  return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte serialized[], size_t size) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2SerializeFMUstate");
  size_t needed = tb_saved_state_size(m->bridge);
  if (state == NULL || serialized == NULL || size < needed)
    return tb_fmi2_fail(m, "fmi2SerializeFMUstate: no state, or room for %zu bytes where %zu are needed", size, needed);
  tb_saved_state_serialize(m->bridge, state, serialized);
  return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte serialized[], size_t size, fmi2FMUstate *state) {
  instance *m = c;
  REQUIRE(m, ANY & ~ERROR, "fmi2DeSerializeFMUstate");
  if (serialized == NULL || state == NULL)
    return tb_fmi2_fail(m, "fmi2DeSerializeFMUstate: no bytes, or no place for the state");
  tb_saved_state *s = tb_saved_state_deserialize(m->bridge, serialized, size, ANY & ~ERROR);
  if (s == NULL) return tb_fmi2_fail(m, "fmi2DeSerializeFMUstate: these %zu bytes are no state of this FMU", size);
  *state = s;
  return fmi2OK;
}
