/* All systems. */
#include "child.h"

enum { LOOK_EVERY_NS = 100000 };
/* How long the kernel may take to end a process; then it is left to itself. */
#define KILL_NS INT64_C(2000000000)

tb_child_end tb_child_finish(const tb_child *child, int64_t patience_ns) {
  const int64_t until = tb_monotonic_ns() + patience_ns;
  while (!tb_child_is_gone(child) && tb_monotonic_ns() < until) tb_sleep_ns(LOOK_EVERY_NS);
  tb_child_kill(child);
  tb_child_end end;
  return tb_child_reap(child, tb_monotonic_ns() + KILL_NS, &end) ? end : (tb_child_end){0};
}
