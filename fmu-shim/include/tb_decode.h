/*
 * The fast path of message decoding: from the bytes of a JSON message straight into a row of the ring.
 *
 * It reads what messages of measurements look like (objects of numbers, booleans, plain strings, arrays of them, and a
 * time) and leaves everything else, and every error, to the decoder in TypeScript (src/bridge/decoder.ts), which is also the
 * specification: whatever is accepted here is accepted there, with the same bits.
 */
#ifndef TB_DECODE_H
#define TB_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "tb_api.h"
#include "tb_types.h"

typedef struct tb_decoder tb_decoder;

/* How the time is written: RFC 3339 text, a number of seconds ... nanoseconds since 1970, or RFC 3339 text that counts
   as UTC where it names no zone. */
enum {
  TB_TIME_RFC3339,
  TB_TIME_EPOCH_S,
  TB_TIME_EPOCH_MS,
  TB_TIME_EPOCH_US,
  TB_TIME_EPOCH_NS,
  TB_TIME_RFC3339_OR_UTC,
};

/* Flags of a decoded message. */
enum {
  TB_UNKNOWN_KEYS = 1, /* it has keys that are neither a signal nor the time */
  TB_PARTIAL = 2,      /* it lacks a signal */
};

enum { TB_DECODED = 0, TB_SLOW_PATH = -1 };

enum { TB_MEMBER_VALUE, TB_MEMBER_OBJECT, TB_MEMBER_TIME };

#define TB_MESSAGE UINT32_MAX

/* A member of a message, or of an object in it. 48 bytes; src/bridge/native-decoder.ts writes them. */
typedef struct {
  uint32_t parent; /* place of the object that it is in, which comes before it; TB_MESSAGE: the message itself */
  uint8_t kind;    /* TB_MEMBER_... */
  uint8_t type;    /* of a value: tb_type; Binary and Clock take the slow path */
  uint8_t scaled;  /* of a float: value = number * scale + offset */
  uint8_t reserved;
  uint32_t slot; /* of its value in a row, or of its first element */
  uint32_t size; /* elements of an array; 0: a single value */
  uint32_t string_offset, string_capacity; /* String: where in the row's string area, and bytes with the closing NUL */
  uint32_t first_item, n_items; /* Integer: an Enumeration, which is one of these, by name or by number */
  double scale, offset;
} tb_member;

/*
 * `names` (UTF-8, unique in each object) and `members`: everything that messages can have, with one TB_MEMBER_TIME.
 * `item_names` (UTF-8), `item_values`: of all Enumerations.
 * `n_slots`: of a row, those that other messages fill included. All arguments are copied. NULL: out of memory.
 */
TB_API tb_decoder *tb_decoder_create(uint32_t n_members, const char *const *names, const tb_member *members,
                                     uint32_t n_items, const char *const *item_names, const int32_t *item_values,
                                     uint32_t n_slots, int time_format);
TB_API void tb_decoder_destroy(tb_decoder *decoder);

/* Messages of more than `max_length` bytes, and with `refuse_unknown` those with unknown keys, take the slow path. */
TB_API void tb_decoder_restrict(tb_decoder *decoder, uint32_t max_length, int refuse_unknown);

/*
 * Writes the time (ns since the epoch), the mask (all ceil(n_slots/64) words of it), and for the values that the message
 * has their 8 bytes a slot (double, int64 for whole numbers and Boolean, length in bytes for String) and strings.
 * TB_DECODED, or TB_SLOW_PATH: what was written then means nothing. A NULL decoder leaves everything to the slow path.
 *
 * Reads no byte outside of `json` .. `json + length`, allocates nothing, takes a time linear in `length`. One thread per
 * decoder: it remembers the order of the keys.
 */
TB_API int tb_decode(tb_decoder *decoder, const uint8_t *json, size_t length, int64_t *time_ns, uint64_t *mask,
                     uint64_t *values, char *strings, uint32_t *flags);

#endif
