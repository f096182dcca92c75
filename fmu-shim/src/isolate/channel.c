#include "channel.h"

#include <stdlib.h>
#include <string.h>

/*
 * Looking before sleeping: where both sides have a processor each and answer within microseconds, a round trip without
 * sleeping costs less than a microsecond; to wake a process on another processor costs ten to fifty times as much. It only
 * works if both look. So the importer decides for both: they look for a short time; after a miss, when one of them has
 * slept and takes its time to wake, once for a long one. After several misses they sleep at once, for a number of rounds that
 * grows each time, and then try again.
 */
enum { SHORT_NS = 10000, LONG_NS = 100000, CLOCK_EVERY = 32, MAX_MISSES = 4, FAR_ROUNDS = 64, MAX_FAR_ROUNDS = 4096 };

/* How often the importer makes sure that a child that says nothing is still there: it may have left its pipe to others. */
enum { ASSURE_EVERY_NS = 1000000000 };

/* A message larger than this is none. */
#define MAX_MESSAGE ((uint64_t)1 << 32)

void tb_channel_init(tb_channel *channel, tb_lane *to, tb_lane *from, tb_handle wait_end, tb_handle signal_end) {
  *channel = (tb_channel){.to = to, .from = from, .wait_end = wait_end, .signal_end = signal_end, .other = TB_NO_HANDLE,
                          .look_ns = SHORT_NS, .looking = {.far_for = FAR_ROUNDS}};
}

void tb_channel_destroy(tb_channel *channel) {
  if (channel->bytes != NULL) tb_aligned_free(channel->bytes);
  channel->bytes = NULL;
}

/* -- Waiting and waking: each side writes its own word and then reads the other's, so one of them sees ------------------- */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool is_there(const tb_channel *c) { return atomic_load(&c->from->count) != c->seen; }

static bool look(const tb_channel *c) {
  if (c->look_ns == 0) return false;
  const int64_t end = tb_monotonic_ns() + c->look_ns;
  for (unsigned looks = 1;; looks++) {
    if (is_there(c)) return true;
    relax();
    if (looks % CLOCK_EVERY == 0 && tb_monotonic_ns() > end) return false;
  }
}

/* Before the next request: how long both are to look after it. */
static void decide(tb_channel *c) {
  tb_looking *l = &c->looking;
  if (l->far) {
    if (++l->far_rounds >= l->far_for) *l = (tb_looking){.anew = true, .misses = MAX_MISSES - 1, .far_for = l->far_for};
  } else if (l->miss) {
    l->anew = true;
    if (++l->misses >= MAX_MISSES) {
      l->far = true;
      l->far_rounds = 0;
      if (l->far_for < MAX_FAR_ROUNDS) l->far_for *= 2;
    }
  } else if (l->anew) {
    l->anew = false;
  } else {
    l->misses = 0;
    l->far_for = FAR_ROUNDS;
  }
  l->miss = false;
  c->look_ns = l->far ? 0 : l->anew ? LONG_NS : SHORT_NS;
}

static tb_wait sleep_until(const tb_channel *c, int64_t deadline_ns) {
  if (c->child == NULL) return tb_wake_wait(c->wait_end, c->other, deadline_ns);
  for (;;) {
    int64_t next = tb_monotonic_ns() + ASSURE_EVERY_NS;
    tb_wait woken = tb_wake_wait(c->wait_end, c->other, next < deadline_ns ? next : deadline_ns);
    if (woken != TB_DEADLINE_PASSED || next >= deadline_ns) return woken;
    if (tb_child_is_gone(c->child)) return TB_OTHER_SIDE_GONE;
  }
}

/* A piece that is there counts, even if the deadline has passed or the other side is gone by now. */
static tb_received await_piece(tb_channel *c, int64_t deadline_ns) {
  if (is_there(c) || look(c)) return TB_RECEIVED;
  c->looking.miss = true;
  for (;;) {
    atomic_store(&c->from->sleeps, 1);
    tb_wait woken = is_there(c) ? TB_WOKEN : sleep_until(c, deadline_ns);
    atomic_store(&c->from->sleeps, 0);
    if (is_there(c)) return TB_RECEIVED;
    if (woken == TB_OTHER_SIDE_GONE) return TB_GONE;
    if (woken == TB_DEADLINE_PASSED) return TB_TOO_LATE;
  }
}

static void hand_over(tb_channel *c, const void *bytes, size_t size, uint64_t left) {
  if (size > 0) memcpy(c->to->area, bytes, size);
  c->to->piece = (uint32_t)size;
  c->to->left = left;
  c->to->look_ns = c->look_ns;
  atomic_fetch_add(&c->to->count, 1);
  if (!atomic_load(&c->to->sleeps)) return;
  if (!c->looking.anew) c->looking.miss = true; /* it was not asked to look */
  tb_wake_signal(c->signal_end);
}

/* -- Messages ------------------------------------------------------------------------------------------------------------- */

tb_received tb_channel_send(tb_channel *c, const void *bytes, size_t size, int64_t deadline_ns) {
  const uint8_t *at = bytes;
  if (c->child != NULL) decide(c);
  for (;;) {
    size_t piece = size < TB_AREA_BYTES ? size : TB_AREA_BYTES;
    hand_over(c, at, piece, size - piece);
    at += piece;
    size -= piece;
    if (size == 0) return TB_RECEIVED;
    tb_received asked = await_piece(c, deadline_ns); /* for the next one */
    if (asked != TB_RECEIVED) return asked;
    c->seen++;
  }
}

static bool make_room(tb_channel *c, size_t used, uint64_t size) {
  if (size <= c->room) return true;
  size_t room = (size_t)size + (size_t)size / 2;
  uint8_t *bytes = tb_aligned_alloc(64, room);
  if (bytes == NULL) return false;
  if (used > 0) memcpy(bytes, c->bytes, used);
  if (c->bytes != NULL) tb_aligned_free(c->bytes);
  c->bytes = bytes;
  c->room = room;
  return true;
}

tb_received tb_channel_receive(tb_channel *c, const uint8_t **bytes, size_t *size, int64_t deadline_ns) {
  for (size_t used = 0;;) {
    tb_received got = await_piece(c, deadline_ns);
    if (got != TB_RECEIVED) return got;
    c->seen++;
    const volatile tb_lane *lane = c->from;
    const uint32_t piece = lane->piece;
    const uint64_t left = lane->left;
    if (c->child == NULL) c->look_ns = lane->look_ns;
    if (piece > TB_AREA_BYTES || left > MAX_MESSAGE - used - piece || (piece == 0 && left > 0)) return TB_GARBLED;
    if (!make_room(c, used, used + piece + left + 1)) return TB_OUT_OF_MEMORY;
    memcpy(c->bytes + used, c->from->area, piece);
    used += piece;
    if (left == 0) {
      *bytes = c->bytes;
      *size = used;
      return TB_RECEIVED;
    }
    hand_over(c, NULL, 0, 0);
  }
}
