/* The backend's ties to the importer's process. */
#include <stdlib.h>

#include "producer.h"

static tb_process parent;
static int64_t grace_ns;

static void guard(void *unused) {
  (void)unused;
  tb_process_wait_end(&parent);
  tb_sleep_ns(grace_ns);
  _Exit(0); /* the event loop had its time to publish what was left */
}

int tb_guard_parent(int32_t socket, int32_t grace_ms) {
  parent = (tb_process){.handles = socket};
  grace_ns = (int64_t)grace_ms * 1000000;
  return tb_thread_start(guard, NULL) != NULL;
}

int tb_receive_handles(int32_t socket, int64_t handles[3]) {
  tb_handle received[3];
  if (!tb_process_take_handles(socket, received, 3)) return 0;
  for (int i = 0; i < 3; i++) handles[i] = received[i];
  return 1;
}
