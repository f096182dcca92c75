/* Which message it was: 53 bits of a hash, so that it is a whole number that a double holds. */
#include <string.h>

#include "producer.h"

static const uint64_t PRIME_1 = 0x9E3779B185EBCA87u, PRIME_2 = 0xC2B2AE3D27D4EB4Fu, PRIME_3 = 0x165667B19E3779F9u;

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

/* The round of xxHash64 (Y. Collet). */
static uint64_t mix(uint64_t lane, uint64_t word) { return rotate(lane + word * PRIME_2, 31) * PRIME_1; }

double tb_fingerprint(const uint8_t *bytes, uint32_t length) {
  /* Four lanes, so that one multiplication need not wait for the one before. */
  uint64_t lanes[4] = {PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1};
  uint32_t at = 0;
  for (; at + 32 <= length; at += 32) {
    uint64_t words[4];
    memcpy(words, bytes + at, sizeof words);
    for (int i = 0; i < 4; i++) lanes[i] = mix(lanes[i], words[i]);
  }
  uint64_t hash = length;
  for (int i = 0; i < 4; i++) hash = mix(hash, lanes[i]);
  while (at < length) {
    uint32_t take = length - at < 8 ? length - at : 8;
    uint64_t word = 0;
    memcpy(&word, bytes + at, take);
    hash = mix(hash, word);
    at += take;
  }
  hash = (hash ^ hash >> 33) * PRIME_2;
  hash = (hash ^ hash >> 29) * PRIME_3;
  hash ^= hash >> 32;
  return (double)(hash >> 11);
}
