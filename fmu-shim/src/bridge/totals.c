/* What a bridge instance and its backend counted, as one line of the log. */
#include <stdio.h>

#include "bridge_internal.h"

typedef struct {
  const char *name;
  uint64_t count;
} total;

static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

void tb_bridge_report_totals(const tb_bridge *b) {
  const tb_region *r = &b->region;
#define BACKEND(counter) tb_backend_counted(r, TB_COUNT_##counter)
#define SHIM(counter) tb_shim_counted(r, TB_COUNT_##counter)
  const uint64_t unconfirmed = minus(BACKEND(PUBLISHED), BACKEND(CONFIRMED) + BACKEND(EXPIRED));
  const total totals[] = {
      {"steps", SHIM(STEPS)},
      {"waited", SHIM(WAITED)},
      {"timed out", SHIM(TIMED_OUT)},
      {"held", SHIM(HELD)},
      {"messages received", BACKEND(RECEIVED)},
      {"rejected", BACKEND(REJECTED)},
      {"values refused", BACKEND(REFUSED_VALUES)},
      {"with unknown fields", BACKEND(UNKNOWN_FIELDS)},
      {"partial", BACKEND(PARTIAL)},
      {"out of order", BACKEND(OUT_OF_ORDER)},
      {"repeated", BACKEND(REPEATED)},
      {"delivered again", BACKEND(REDELIVERED)},
      {"samples used", SHIM(USED)},
      {"skipped", SHIM(SKIPPED)},
      {"late", SHIM(LATE)},
      {"duplicate", SHIM(DUPLICATE)},
      {"dropped", BACKEND(DROPPED)},
      {"published", BACKEND(PUBLISHED)},
      {"confirmed", BACKEND(CONFIRMED)},
      {"unconfirmed", unconfirmed},
      {"returned", BACKEND(RETURNED)},
      {"expired unsent", BACKEND(EXPIRED)},
      {"changes merged", SHIM(COALESCED)},
      {"reconnects", BACKEND(RECONNECTS)},
      {"times the ring was full", BACKEND(BLOCKED)},
      {"log lines lost", BACKEND(LOG_LOST)},
  };
  const bool harm = BACKEND(REJECTED) + BACKEND(REFUSED_VALUES) + BACKEND(DROPPED) + BACKEND(RETURNED) +
                        BACKEND(LOG_LOST) + BACKEND(EXPIRED) + unconfirmed >
                    0;
#undef BACKEND
#undef SHIM
  char text[1024];
  size_t at = 0;
  text[0] = '\0';
  for (size_t i = 0; i < sizeof totals / sizeof *totals && at < sizeof text; i++)
    if (totals[i].count > 0)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%s %llu", at == 0 ? "" : ", ", totals[i].name,
                             (unsigned long long)totals[i].count);
  if (at > 0) tb_bridge_report(b, harm ? TB_LOG_WARNING : TB_LOG_INFO, TB_CATEGORY_EVENTS, "totals: %s", text);
}
