/*
 * What a message to an isolated FMU consists of: commands, carried out in order until one fails, and in the answer the
 * results of those that were.
 *
 * Everything lies on 8 bytes: values are handed to the FMU and taken from it where they lie in the message.
 */
#ifndef TB_WIRE_H
#define TB_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../platform/platform.h"
#include "channel.h"

typedef enum {
  TB_DO_LOAD,                 /* path, identifier; a: fmi -> status 0 and which accessors there are; else a text */
  TB_DO_CREATE,               /* name, token, resources; a: bits of tb_create_flags */
  TB_DO_FREE,
  TB_DO_LEAVE,                /* unloads the library and ends the process; no answer */
  TB_DO_DEBUG_LOGGING,        /* a: on, b: number of categories; categories */
  TB_DO_CONFIGURATION_MODE,   /* a: enter */
  TB_DO_ENTER_INITIALIZATION, /* a: has stop, b: has tolerance; start, stop, tolerance */
  TB_DO_EXIT_INITIALIZATION,
  TB_DO_TERMINATE,
  TB_DO_RESET,
  TB_DO_SET,                  /* tb_command_access; vrs, values */
  TB_DO_GET,                  /* tb_command_access; vrs -> values */
  TB_DO_STEP,                 /* a: may go back; time, size -> tb_step_answer */
  TB_DO_LAST_SUCCESSFUL_TIME, /* -> double */
  TB_DO_TERMINATED,           /* -> int64 */
  TB_DO_MAX_STEP_SIZE,        /* -> double */
  TB_DO_ENTER_EVENT_MODE,
  TB_DO_ENTER_STEP_MODE,
  TB_DO_UPDATE_DISCRETE_STATES, /* -> int64 needed, int64 terminate, double next */
  TB_DO_INTERVALS,            /* a: number; vrs -> intervals, qualifiers */
  TB_DO_SHIFTS,               /* a: number; vrs -> shifts */
  TB_DO_GET_STATE,            /* state -> state: an address over there */
  TB_DO_SET_STATE,            /* state */
  TB_DO_FREE_STATE,           /* state -> state */
  TB_DO_STATE_SIZE,           /* state -> size */
  TB_DO_SERIALIZE_STATE,      /* state, size -> bytes */
  TB_DO_DESERIALIZE_STATE,    /* state, size, bytes -> state */
} tb_command_kind;

typedef struct {
  uint32_t kind, a, b, c;
} tb_command; /* TB_DO_SET and TB_DO_GET: a: storage, b: n, c: n_values */

enum { TB_LOGGING_ON = 1, TB_EVENT_MODE = 2, TB_EARLY_RETURN = 4 };

/* In front of an answer; behind it a tb_result and what belongs to it for each command that was carried out. */
typedef struct {
  uint32_t carried_out;
  uint32_t has_function; /* at the end stands the FMU's function that was called last: something failed */
} tb_answer;

typedef struct {
  int32_t status;
  uint32_t unused;
} tb_result;

typedef struct {
  double reached;
  int32_t early, event, terminate, unused;
  uint64_t took_ns; /* by the FMU */
} tb_step_answer;

/* A text or bytes: its size, itself, and a zero byte. A null pointer has this size. */
#define TB_NULL_TEXT UINT64_MAX

/* -- Packing: memory grows to the largest message there was ---------------------------------------------------------------- */

typedef struct {
  uint8_t *bytes;
  size_t size, room;
  bool failed; /* there is no memory */
} tb_packer;

static inline size_t tb_padded(size_t size) { return (size + 7) & ~(size_t)7; }

/* Room for `size` bytes at the end, to be written at once; NULL: there is none. */
static inline void *tb_pack(tb_packer *p, size_t size) {
  const size_t padded = tb_padded(size);
  if (p->room - p->size < padded) {
    const size_t room = 2 * (p->size + padded) + 1024;
    uint8_t *bytes = tb_aligned_alloc(64, room);
    if (bytes == NULL) {
      p->failed = true;
      return NULL;
    }
    if (p->size > 0) memcpy(bytes, p->bytes, p->size);
    if (p->bytes != NULL) tb_aligned_free(p->bytes);
    p->bytes = bytes;
    p->room = room;
  }
  void *at = p->bytes + p->size;
  if (padded > size) memset(p->bytes + p->size + padded - 8, 0, 8);
  p->size += padded;
  return at;
}

static inline void tb_pack_bytes(tb_packer *p, const void *bytes, size_t size) {
  void *at = tb_pack(p, size);
  if (at != NULL && size > 0) memcpy(at, bytes, size);
}

static inline void tb_pack_u64(tb_packer *p, uint64_t value) { tb_pack_bytes(p, &value, sizeof value); }
static inline void tb_pack_double(tb_packer *p, double value) { tb_pack_bytes(p, &value, sizeof value); }

static inline void tb_pack_sized(tb_packer *p, const void *bytes, size_t size) {
  tb_pack_u64(p, bytes == NULL ? TB_NULL_TEXT : size);
  if (bytes == NULL) return;
  uint8_t *at = tb_pack(p, size + 1);
  if (at == NULL) return;
  memcpy(at, bytes, size);
  at[size] = 0;
}

static inline void tb_pack_text(tb_packer *p, const char *text) {
  tb_pack_sized(p, text, text == NULL ? 0 : strlen(text));
}

static inline void tb_pack_command(tb_packer *p, tb_command_kind kind, uint32_t a, uint32_t b, uint32_t c) {
  const tb_command command = {(uint32_t)kind, a, b, c};
  tb_pack_bytes(p, &command, sizeof command);
}

static inline void tb_packer_destroy(tb_packer *p) {
  if (p->bytes != NULL) tb_aligned_free(p->bytes);
  *p = (tb_packer){0};
}

/* -- Unpacking: of a copy, with all bounds checked --------------------------------------------------------------------------- */

typedef struct {
  const uint8_t *at;
  size_t left;
  bool failed; /* the message is not what it should be */
} tb_unpacker;

/* NULL: there are not so many bytes. */
static inline const void *tb_unpack(tb_unpacker *u, size_t size) {
  const size_t padded = tb_padded(size);
  if (u->failed || padded < size || padded > u->left) {
    u->failed = true;
    return NULL;
  }
  const void *at = u->at;
  u->at += padded;
  u->left -= padded;
  return at;
}

static inline bool tb_unpack_into(tb_unpacker *u, void *to, size_t size) {
  const void *at = tb_unpack(u, size);
  if (at != NULL) memcpy(to, at, size);
  return at != NULL;
}

static inline uint64_t tb_unpack_u64(tb_unpacker *u) {
  uint64_t value = 0;
  tb_unpack_into(u, &value, sizeof value);
  return value;
}

static inline double tb_unpack_double(tb_unpacker *u) {
  double value = 0;
  tb_unpack_into(u, &value, sizeof value);
  return value;
}

/* A text that ends where its size says; NULL is one as well: see `failed`. */
static inline const void *tb_unpack_sized(tb_unpacker *u, size_t *size) {
  const uint64_t n = tb_unpack_u64(u);
  *size = 0;
  if (u->failed || n == TB_NULL_TEXT) return NULL;
  if (n >= u->left) {
    u->failed = true;
    return NULL;
  }
  const uint8_t *at = tb_unpack(u, (size_t)n + 1);
  if (at != NULL && at[n] != 0) {
    u->failed = true;
    return NULL;
  }
  if (at != NULL) *size = (size_t)n;
  return at;
}

static inline const char *tb_unpack_text(tb_unpacker *u) {
  size_t size;
  return tb_unpack_sized(u, &size);
}

#endif
