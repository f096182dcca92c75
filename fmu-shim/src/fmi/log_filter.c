#include "log_filter.h"

#include <string.h>

/* As in modelDescription.xml (src/support/log-categories.ts). */
static const char *const CATEGORIES[] = {TB_LOG_STATUS_ERROR, "logStatusWarning", "logEvents", "logSamples",
                                         "logBroker"};
enum { N_CATEGORIES = sizeof CATEGORIES / sizeof *CATEGORIES };

static int category_index(const char *name) {
  for (int i = 0; i < N_CATEGORIES; i++)
    if (strcmp(CATEGORIES[i], name) == 0) return i;
  return -1;
}

const char *tb_log_filter_choose(tb_log_filter *filter, bool on, size_t n, const char *const categories[]) {
  unsigned chosen = 0;
  for (size_t i = 0; i < n; i++) {
    if (categories == NULL || categories[i] == NULL) return "";
    int index = category_index(categories[i]);
    if (index < 0) return categories[i];
    chosen |= 1u << index;
  }
  *filter = (tb_log_filter){on, n > 0, chosen};
  return NULL;
}

bool tb_log_filter_shows(const tb_log_filter *filter, const char *category) {
  if (!filter->on || !filter->only_chosen) return filter->on;
  int index = category_index(category);
  return index >= 0 && (filter->categories >> index & 1);
}
