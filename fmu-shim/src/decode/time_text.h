/* Time stamps as messages write them, to nanoseconds since 1970-01-01T00:00:00Z. */
#ifndef TB_TIME_TEXT_H
#define TB_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The day that was read last: messages come in order, so it is nearly always the same. */
typedef struct {
  uint8_t text[10]; /* YYYY-MM-DD */
  int64_t seconds;  /* of its beginning */
} tb_known_day;

/*
 * RFC 3339 text without the quotes. false: malformed, without a zone (unless that counts as UTC), a leap second or
 * outside of the years 1700 to 2199.
 */
bool tb_read_rfc3339(const uint8_t *text, const uint8_t *end, bool utc_without_zone, tb_known_day *day, int64_t *ns);

/*
 * A plain decimal number of which one is 10^-`decimals` s: 0 seconds, 3 ms, 6 us, 9 ns. Moves `*at` behind it. Digits
 * below a nanosecond are cut off. false: none, or written with an exponent, or more than 63 bits in ns.
 */
bool tb_read_epoch(const uint8_t **at, const uint8_t *end, int decimals, int64_t *ns);

#endif
