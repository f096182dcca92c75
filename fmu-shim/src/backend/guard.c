/* The backend's ties to the importer's process. */
#include <stdlib.h>

#include "producer.h"

static int64_t watched;
static int64_t grace_ns;

static void guard(void *unused) {
  (void)unused;
  if (!tb_importer_wait_end(watched)) return; /* the end of the control stream is left to tell */
  tb_sleep_ns(grace_ns);
  _Exit(0); /* the event loop had its time to publish what was left */
}

int tb_guard_parent(int64_t importer, int32_t grace_ms) {
  watched = importer;
  grace_ns = (int64_t)grace_ms * 1000000;
  return tb_thread_start(guard, NULL) != NULL;
}

int tb_receive_handles(int64_t importer, const char *text, int64_t handles[2], char listen[TB_HANDLES_TEXT]) {
  tb_handle shm, signal_end;
  if (!tb_take_handles(importer, text, &shm, &signal_end, listen)) return 0;
  handles[0] = shm;
  handles[1] = signal_end;
  return 1;
}
