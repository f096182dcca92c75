/*
 * The fast path of message decoding: from the bytes of a JSON message straight into a row of the ring.
 *
 * It reads what messages of measurements look like (an object of numbers, booleans and plain strings with a time)
 * and leaves everything else, and every error, to the decoder in TypeScript (src/bridge/decoder.ts), which is also the
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

/*
 * Signals are numbered by their place in `names` (UTF-8, unique), which is their slot in a row. `string_offset` and
 * `string_capacity` (bytes, with the closing NUL) say where in the row's string area a String signal lies; they are not
 * read for other types. All arguments are copied. NULL: out of memory.
 */
TB_API tb_decoder *tb_decoder_create(uint32_t n_signals, const char *const *names, const uint8_t *types,
                                     const uint32_t *string_offset, const uint32_t *string_capacity,
                                     const char *time_key, int time_format);
TB_API void tb_decoder_destroy(tb_decoder *decoder);

/* Messages of more than `max_length` bytes, and with `refuse_unknown` those with unknown keys, take the slow path. */
TB_API void tb_decoder_restrict(tb_decoder *decoder, uint32_t max_length, int refuse_unknown);

/*
 * Writes the time (ns since the epoch), the mask (all ceil(n/64) words of it), and for the signals that the message has
 * their values (8 bytes a slot: double, int64 for Integer and Boolean, length in bytes for String) and strings.
 * TB_DECODED, or TB_SLOW_PATH: what was written then means nothing. A NULL decoder leaves everything to the slow path.
 *
 * Reads no byte outside of `json` .. `json + length`, allocates nothing, takes a time linear in `length`. One thread per
 * decoder: it remembers the order of the keys.
 */
TB_API int tb_decode(tb_decoder *decoder, const uint8_t *json, size_t length, int64_t *time_ns, uint64_t *mask,
                     uint64_t *values, char *strings, uint32_t *flags);

#endif
