/*
 * What a message to an FMU elsewhere consists of: commands, carried out in order until one fails, and in the answer the
 * results of those that were.
 *
 * Everything lies on 8 bytes: values are handed to the FMU and taken from it where they lie in the message.
 */
#ifndef TB_WIRE_H
#define TB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Room for the name of an FMU's function. */
enum { TB_DOING_BYTES = 64 };

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

/* Room for `size` bytes at the end, to be written at once; NULL: there is none. */
void *tb_pack(tb_packer *packer, size_t size);
void tb_pack_bytes(tb_packer *packer, const void *bytes, size_t size);
void tb_pack_u64(tb_packer *packer, uint64_t value);
void tb_pack_double(tb_packer *packer, double value);
/* `bytes` may be NULL. */
void tb_pack_sized(tb_packer *packer, const void *bytes, size_t size);
void tb_pack_text(tb_packer *packer, const char *text);
void tb_pack_command(tb_packer *packer, tb_command_kind kind, uint32_t a, uint32_t b, uint32_t c);
void tb_packer_destroy(tb_packer *packer);

/* -- Unpacking: of a copy, with all bounds checked --------------------------------------------------------------------------- */

typedef struct {
  const uint8_t *at;
  size_t left;
  bool failed; /* the message is not what it should be */
} tb_unpacker;

/* NULL: there are not so many bytes. */
const void *tb_unpack(tb_unpacker *unpacker, size_t size);
bool tb_unpack_into(tb_unpacker *unpacker, void *to, size_t size);
uint64_t tb_unpack_u64(tb_unpacker *unpacker);
double tb_unpack_double(tb_unpacker *unpacker);
/* A text that ends where its size says; NULL is one as well: see `failed`. */
const void *tb_unpack_sized(tb_unpacker *unpacker, size_t *size);
const char *tb_unpack_text(tb_unpacker *unpacker);

#endif
