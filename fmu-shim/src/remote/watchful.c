#include "watchful.h"

enum { MAX_MISSES = 4, RESTS = 64, MAX_RESTS = 4096, MARGIN_NS = 10000, SHARE = 8 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A moving average; one that took very long does not count for more than one that is not looked for. */
static void note(tb_watchful *w, int64_t took_ns) {
  const int64_t took = least(took_ns, 2 * w->longest_ns);
  w->usual_ns = w->usual_ns == 0 ? took : w->usual_ns + (took - w->usual_ns) / SHARE;
}

static bool shall_look(tb_watchful *w) {
  if (w->usual_ns == 0 || w->usual_ns > w->longest_ns) return false;
  if (w->rest == 0) return true;
  w->rest--;
  return false;
}

static void missed(tb_watchful *w) {
  if (++w->misses < MAX_MISSES) return;
  w->misses = MAX_MISSES - 1;
  w->rest_for = w->rest_for == 0 ? RESTS : 2 * w->rest_for > MAX_RESTS ? MAX_RESTS : 2 * w->rest_for;
  w->rest = w->rest_for;
}

tb_io tb_watchful_receive(tb_watchful *w, tb_socket socket, void *bytes, size_t room, size_t *got, int64_t deadline_ns) {
  const int64_t began = tb_monotonic_ns();
  if (shall_look(w)) {
    const int64_t until = least(began + least(2 * w->usual_ns + MARGIN_NS, w->longest_ns), deadline_ns);
    for (int64_t now = began; now < until; now = tb_monotonic_ns()) {
      const tb_io io = tb_socket_try_receive(socket, bytes, room, got);
      if (io != TB_IO_DONE) return io;
      if (*got > 0) {
        note(w, now - began);
        w->misses = w->rest_for = 0;
        return io;
      }
      tb_yield();
    }
    missed(w);
  }
  const tb_io io = tb_socket_receive(socket, bytes, room, got, deadline_ns);
  note(w, tb_monotonic_ns() - began);
  return io;
}
