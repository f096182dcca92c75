/* Waiting for the backend, and what is said when what was waited for did not come. */
#include <stdio.h>
#include <string.h>

#include "../ring/queue.h"
#include "bridge_internal.h"

/* -- Waiting -------------------------------------------------------------------------------------------------------- */

tb_outcome tb_bridge_broken(tb_bridge *b) {
  char how[512];
  tb_bridge_drain_log(b);
  if (atomic_load(&b->region.header->link_state) == TB_LINK_FAILED) {
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "the bridge could not connect to the broker; the message above says why");
  } else {
    tb_backend_describe_end(b->backend, how, sizeof how);
    tb_bridge_report(b, TB_LOG_ERROR, TB_CATEGORY_ERROR, "%s, and with it the link to the broker; free this instance and start again", how);
  }
  return TB_BROKEN;
}

bool tb_bridge_is_broken(const tb_bridge *b) {
  return tb_backend_is_gone(b->backend) ||
         atomic_load_explicit(&b->region.header->link_state, memory_order_acquire) == TB_LINK_FAILED;
}

tb_outcome tb_bridge_wait(tb_bridge *b, int64_t *deadline_ns, int64_t until_ns, bool (*is_there)(const tb_bridge *)) {
  tb_header *h = b->region.header;
  /* A consumer that waits for a free row looks again by itself; only now it must not wait. A step that finds its data
     sends no wake-up: that would cost it a system call, and the processor to the one it wakes. */
  if (tb_must_wake(&h->writer_waiting)) tb_notify(b->attachment.notification.notify_end);
  tb_raise_flag(&h->reader_waiting);
  if (tb_selection_pull(b->selection) || (is_there != NULL && is_there(b))) {
    atomic_store_explicit(&h->reader_waiting, 0, memory_order_relaxed);
    return TB_DONE;
  }
  if (tb_bridge_is_broken(b)) return tb_bridge_broken(b);
  if (*deadline_ns == 0) *deadline_ns = tb_monotonic_ns() + b->timeout_ns;
  const bool early = until_ns < *deadline_ns;
  switch (tb_wake_wait(b->attachment.wait_end, b->attachment.backend, early ? until_ns : *deadline_ns)) {
    case TB_OTHER_SIDE_GONE: return tb_bridge_broken(b);
    case TB_DEADLINE_PASSED:
      if (!early) return TB_TIMED_OUT;
      break;
    default: break;
  }
  tb_selection_pull(b->selection);
  return tb_bridge_is_broken(b) ? tb_bridge_broken(b) : TB_DONE;
}

/* -- What is missing ------------------------------------------------------------------------------------------------ */

/* A text of bounded length that grows; what does not fit is counted. */
typedef struct {
  char *text;
  size_t size, at;
  uint32_t left_out;
} list;

static void add(list *l, const char *before, const char *name, const char *what, double seconds) {
  if (l->at + strlen(before) + strlen(name) + strlen(what) + 24 > l->size) {
    l->left_out++;
    return;
  }
  l->at += (size_t)snprintf(l->text + l->at, l->size - l->at, "%s%s", before, name);
  l->at += (size_t)snprintf(l->text + l->at, l->size - l->at, what, seconds);
}

static const char *source_name(const tb_region *r, uint32_t source) {
  const char *name = r->texts + r->header->source_names;
  while (source-- > 0) name += strlen(name) + 1;
  return name;
}

/* "x (never received), y (1.400 s old)"; of several sources, "odom: x (never received); gps: lat (1.400 s old)" */
static void name_missing(tb_bridge *b, int64_t time, char *text, size_t size) {
  const tb_header *h = b->region.header;
  list l = {text, size, 0, 0};
  text[0] = '\0';
  for (uint32_t source = 0; source < h->n_sources; source++) {
    bool first = true;
    for (uint32_t i = 0; i < h->n_variables; i++) {
      const tb_variable *v = &b->region.variables[i];
      if (v->kind != TB_OUTPUT || v->source != source) continue;
      const int64_t stamp = tb_selection_time(b->selection, v->slot);
      const int64_t next = tb_selection_next_of(b->selection, v->slot, time);
      if (stamp == INT64_MIN ? b->rule.missing_is_valid : stamp <= time && time - stamp <= b->rule.maxage_ns[source]) continue;
      char before[128] = "";
      if (first && h->n_sources > 1)
        snprintf(before, sizeof before, "%s%s: ", l.at == 0 ? "" : "; ", source_name(&b->region, source));
      else if (l.at > 0)
        snprintf(before, sizeof before, ", ");
      first = false;
      const char *name = b->region.texts + v->name_offset;
      if (stamp == INT64_MIN && next != INT64_MAX)
        add(&l, before, name, " (comes %.3f s later)", (double)(next - time) / NS_PER_S);
      else if (stamp == INT64_MIN)
        add(&l, before, name, " (never received)", 0);
      else if (stamp > time)
        add(&l, before, name, " (%.3f s too new)", (double)(stamp - time) / NS_PER_S);
      else
        add(&l, before, name, " (%.3f s old)", (double)(time - stamp) / NS_PER_S);
    }
  }
  if (l.left_out > 0 && l.at < size) snprintf(text + l.at, size - l.at, " and %u more", l.left_out);
}

tb_outcome tb_bridge_lacks_data(tb_bridge *b, const char *doing, int64_t time, tb_lack lack) {
  tb_bridge_drain_log(b);
  if (lack == TB_LATE) tb_shim_count(&b->region, TB_COUNT_TIMED_OUT, 1);
  b->timeouts++;
  const bool hold = b->hold_on_timeout;
  /* An outage that is held through is told at the steps 1, 2, 4, 8 … of it. */
  if (hold && (b->timeouts & (b->timeouts - 1)) != 0) return TB_DONE;
  char missing[1200], why[80], maxage[64] = "", row[64] = "";
  name_missing(b, time, missing, sizeof missing);
  if (lack == TB_LATE)
    snprintf(why, sizeof why, "no valid data within %.3f s", (double)b->timeout_ns / NS_PER_S);
  else
    snprintf(why, sizeof why, "all data up to there have come, and not all are valid");
  if (b->region.header->n_sources == 1) snprintf(maxage, sizeof maxage, "maxage %.3f s", (double)b->rule.maxage_ns[0] / NS_PER_S);
  if (lack == TB_LATE && missing[0] == '\0') snprintf(missing, sizeof missing, "no later message proves that they are complete");
  if (hold && b->timeouts > 1) snprintf(row, sizeof row, ", for %u steps now", b->timeouts);
  const bool up = atomic_load(&b->region.header->link_up);
  const char *away = up ? "" : "the broker is out of reach", *comma = maxage[0] != '\0' && !up ? ", " : "";
  const bool aside = maxage[0] != '\0' || !up;
  tb_bridge_report(b, hold ? TB_LOG_WARNING : TB_LOG_ERROR, hold ? TB_CATEGORY_WARNING : TB_CATEGORY_ERROR,
                   "%s: %s%s%s%s%s%s: %s%s%s", doing, why, aside ? " (" : "", maxage, comma, away, aside ? ")" : "",
                   missing, hold ? "; the outputs stay as they are" : "", row);
  return hold ? TB_DONE : TB_TIMED_OUT;
}
