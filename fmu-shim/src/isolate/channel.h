/*
 * Messages between an importer and the process of an isolated FMU, over nameless shared memory.
 *
 * They take turns: a request, its answer, the next request. A message that is larger than the area it has to pass through
 * goes in pieces, and the receiver asks for each further one. Who waits looks for some microseconds, if that was of use
 * lately, then sleeps until it is woken, the other side is gone, or a deadline passes.
 *
 * The other side's FMU may write anywhere: nothing that is read from the shared memory is trusted, and messages are
 * copied out of it before they are looked at.
 */
#ifndef TB_CHANNEL_H
#define TB_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../far/wire.h"
#include "../platform/child.h"

enum {
  TB_SHARED_VERSION = 1,
  TB_AREA_BYTES = 64 * 1024,
  TB_LOG_BYTES = 64 * 1024, /* as LogQueue has in the importer (src/fmi/log-queue.ts) */
};

/* One direction. */
typedef struct {
  _Alignas(64) _Atomic uint32_t count; /* pieces handed over */
  _Atomic uint32_t sleeps;             /* who waits for them has to be woken */
  uint32_t piece;                      /* bytes in the area */
  uint32_t look_ns;                    /* how long the receiver is to look for what comes next before it sleeps */
  uint64_t left;                       /* of the message, behind this piece */
  _Alignas(64) uint8_t area[TB_AREA_BYTES];
} tb_lane;

/* Log messages, as they come: what an FMU says last before it crashes is to be known. See log_ring.c. */
typedef struct {
  _Alignas(64) _Atomic uint64_t head; /* bytes read or given up */
  _Alignas(64) _Atomic uint64_t tail; /* bytes written */
  _Atomic uint64_t dropped;           /* messages given up */
  _Atomic uint8_t bytes[TB_LOG_BYTES];
} tb_log_ring;

typedef struct {
  uint32_t version, size; /* of this struct */
  _Alignas(64) char doing[TB_DOING_BYTES]; /* the FMU's function that is being called */
  tb_lane request, answer;
  tb_log_ring log;
} tb_shared;

/* How long both sides look before they sleep, as the importer decides it; see channel.c. */
typedef struct {
  bool anew, far, miss;
  uint32_t misses, far_rounds, far_for;
} tb_looking;

typedef struct {
  tb_lane *to, *from;
  tb_handle wait_end, signal_end;
  tb_handle other;       /* Windows: the other process */
  const tb_child *child; /* of the importer's side; else NULL */
  uint32_t seen;         /* pieces taken */
  uint32_t look_ns;
  tb_looking looking;    /* of the importer's side */
  uint8_t *bytes;        /* the message received last */
  size_t room;
} tb_channel;

typedef enum { TB_RECEIVED, TB_GONE, TB_TOO_LATE, TB_GARBLED, TB_OUT_OF_MEMORY } tb_received;

/* `wait_end` and `signal_end` are this side's. */
void tb_channel_init(tb_channel *channel, tb_lane *to, tb_lane *from, tb_handle wait_end, tb_handle signal_end);
void tb_channel_destroy(tb_channel *channel);

/* Hands a message over; waits only if it goes in pieces. */
tb_received tb_channel_send(tb_channel *channel, const void *bytes, size_t size, int64_t deadline_ns);
/* The next message, valid until the one after it, aligned for any type. INT64_MAX: without deadline. */
tb_received tb_channel_receive(tb_channel *channel, const uint8_t **bytes, size_t *size, int64_t deadline_ns);

/* In the process of the FMU: adds a message; the oldest go when there is no room. By one thread at a time. */
void tb_log_ring_add(tb_log_ring *ring, int32_t status, const char *texts, uint32_t size);
/*
 * In the importer: the oldest message's texts (category and message, each with its terminating zero) into `texts`.
 * false: there is none.
 */
bool tb_log_ring_take(tb_log_ring *ring, int32_t *status, char *texts, uint32_t room);

#endif
