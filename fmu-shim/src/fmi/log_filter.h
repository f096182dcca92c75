/* Which messages an importer wants to see: "debug logging" of FMI 2.0 (2.1.5) and FMI 3.0 (2.3.1). */
#ifndef TB_LOG_FILTER_H
#define TB_LOG_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#define TB_LOG_STATUS_ERROR "logStatusError"

typedef struct {
  bool on;
  bool only_chosen;   /* else all categories are shown */
  unsigned categories; /* a bit for each that was chosen */
} tb_log_filter;

/* `n` = 0: all categories. NULL, or the first of `categories` that there is not ("" where it is missing): then nothing
   changed. */
const char *tb_log_filter_choose(tb_log_filter *filter, bool on, size_t n, const char *const categories[]);

/* Whether to show a message that tells of no error and no warning; those are always shown, or nobody would learn why a
   call failed. */
bool tb_log_filter_shows(const tb_log_filter *filter, const char *category);

#endif
