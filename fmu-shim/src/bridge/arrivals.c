/* Which sources have brought something new. */
#include <string.h>

#include "bridge_internal.h"

uint32_t tb_bridge_changed_sources(const tb_bridge *b, uint64_t marks[TB_MAX_SOURCES]) {
  /* A value is only ever replaced by a newer one, so the sum of the times of a source's values tells of any change. */
  uint64_t sums[TB_MAX_SOURCES] = {0};
  for (uint32_t i = 0; i < b->region.header->n_variables; i++) {
    const tb_variable *v = &b->region.variables[i];
    if (v->kind == TB_OUTPUT && v->source < TB_MAX_SOURCES)
      sums[v->source] += (uint64_t)tb_selection_time(b->selection, v->slot) - (uint64_t)INT64_MIN; /* 0: it never came */
  }
  uint32_t changed = 0;
  for (uint32_t source = 0; source < TB_MAX_SOURCES; source++)
    if (sums[source] != marks[source]) changed |= UINT32_C(1) << source;
  memcpy(marks, sums, sizeof sums);
  return changed;
}
