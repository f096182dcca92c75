/* Copies of the complete state, also as bytes (FMI 3.0.2, section 2.2.4). */
#include "../fmi/saved_state.h"

#include "instance.h"

fmi3Status fmi3GetFMUState(fmi3Instance c, fmi3FMUState *state) {
  instance *m = c;
  REQUIRE(m, GetFMUState);
  if (state == NULL) return tb_fmi3_fail(m, "fmi3GetFMUState: no place for the state");
  if (!tb_fmi3_settle(m)) return fmi3Error;
  tb_saved_state *s = *state;
  if (!tb_saved_state_take(m->bridge, &s)) return tb_fmi3_fail(m, "fmi3GetFMUState: out of memory");
  s->state = m->state;
  s->start_time = m->start_time;
  s->clocks = m->clocks;
  *state = s;
  return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance c, fmi3FMUState state) {
  instance *m = c;
  REQUIRE(m, SetFMUState);
  const tb_saved_state *s = state;
  if (s == NULL) return tb_fmi3_fail(m, "fmi3SetFMUState: no state");
  if ((s->state == INSTANTIATED) != (m->state == INSTANTIATED))
    return tb_fmi3_fail(m, "fmi3SetFMUState: a state saved when the FMU was %s cannot be set when it is %s; use fmi3Reset%s",
                        tb_fmi3_state_name((int)s->state), tb_fmi3_state_name(m->state),
                        s->state == INSTANTIATED ? "" : " and fmi3EnterInitializationMode first");
  if (s->state == EVENT && !m->event_mode_used)
    return tb_fmi3_fail(m, "fmi3SetFMUState: the state is one of Event Mode, the FMU was instantiated without it");
  if (!tb_fmi3_settle(m)) return fmi3Error;
  if (!tb_bridge_restore(m->bridge, s->bridge))
    return tb_fmi3_fail(m, "fmi3SetFMUState: this state is none of this instance, or was saved before fmi3Reset");
  m->state = (int)s->state;
  m->start_time = s->start_time;
  tb_fmi3_note_arrivals(m); /* from here on, what arrives counts */
  m->clocks = s->clocks;
  return fmi3OK;
}

fmi3Status fmi3FreeFMUState(fmi3Instance c, fmi3FMUState *state) {
  instance *m = c;
  REQUIRE(m, FreeFMUState);
  if (state == NULL || *state == NULL) return fmi3OK;
  tb_saved_state_free(m->bridge, *state);
  *state = NULL;
  return fmi3OK;
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance c, fmi3FMUState state, size_t *size) {
  instance *m = c;
  REQUIRE(m, SerializedFMUStateSize);
  if (state == NULL || size == NULL)
    return tb_fmi3_fail(m, "fmi3SerializedFMUStateSize: no state, or no place for its size");
  *size = tb_saved_state_size(m->bridge);
  return fmi3OK;
}

fmi3Status fmi3SerializeFMUState(fmi3Instance c, fmi3FMUState state, fmi3Byte serialized[], size_t size) {
  instance *m = c;
  REQUIRE(m, SerializeFMUState);
  size_t needed = tb_saved_state_size(m->bridge);
  if (state == NULL || serialized == NULL || size < needed)
    return tb_fmi3_fail(m, "fmi3SerializeFMUState: no state, or room for %zu bytes where %zu are needed", size, needed);
  tb_saved_state_serialize(m->bridge, state, serialized);
  return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance c, const fmi3Byte serialized[], size_t size, fmi3FMUState *state) {
  instance *m = c;
  REQUIRE(m, DeserializeFMUState);
  if (serialized == NULL || state == NULL)
    return tb_fmi3_fail(m, "fmi3DeserializeFMUState: no bytes, or no place for the state");
  tb_saved_state *s = tb_saved_state_deserialize(m->bridge, serialized, size, INTACT);
  if (s == NULL) return tb_fmi3_fail(m, "fmi3DeserializeFMUState: these %zu bytes are no state of this FMU", size);
  /* A state that the importer hands in is to be overwritten (2.2.4). */
  if (*state != NULL) tb_saved_state_free(m->bridge, *state);
  *state = s;
  return fmi3OK;
}
