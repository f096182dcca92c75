#include "tb_decode.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "time_text.h"

/* -- The keys ------------------------------------------------------------------------------------------------------- */

enum { NO_KEY = UINT32_MAX };

typedef struct {
  char *quoted;    /* as it stands in a message: "name", with its quotes */
  uint32_t length; /* with its quotes */
  uint32_t hash;
  uint32_t follower; /* the key that came after it in the last message */
  uint32_t string_offset, string_capacity;
  uint8_t type;
} tb_key;

/*
 * A message has the keys that the message before it had, in the same order. So the next key is compared with the one
 * expected, and looked up only if it is another.
 */
struct tb_decoder {
  uint32_t n_signals;
  uint32_t time; /* index of the time's key: after the signals' */
  int time_format;
  size_t max_length;
  bool refuse_unknown;
  bool always_slow; /* a name is written with escapes in JSON */
  uint32_t first;   /* the first key of the last message */
  tb_key *keys;
  uint32_t *table; /* key indices by hash, open addressing */
  uint32_t table_mask;
  tb_known_day day;
};

static uint32_t hash_of(const uint8_t *bytes, size_t length) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

/* Whether a JSON text holds the name as it is. */
static bool is_plain_name(const char *name) {
  for (; *name != '\0'; name++)
    if ((unsigned char)*name < 0x20 || *name == '"' || *name == '\\') return false;
  return true;
}

static bool add_key(tb_decoder *d, uint32_t index, const char *name) {
  tb_key *key = &d->keys[index];
  d->always_slow = d->always_slow || !is_plain_name(name);
  size_t length = strlen(name);
  if (length > UINT32_MAX - 2) return false;
  key->quoted = malloc(length + 2);
  if (key->quoted == NULL) return false;
  key->quoted[0] = '"';
  memcpy(key->quoted + 1, name, length);
  key->quoted[length + 1] = '"';
  key->length = (uint32_t)length + 2;
  key->hash = hash_of((const uint8_t *)name, length);
  key->follower = index + 1;
  uint32_t place = key->hash & d->table_mask;
  while (d->table[place] != NO_KEY) place = (place + 1) & d->table_mask;
  d->table[place] = index;
  return true;
}

static uint32_t find_key(const tb_decoder *d, const uint8_t *quoted, size_t length) {
  uint32_t hash = hash_of(quoted + 1, length - 2);
  for (uint32_t place = hash & d->table_mask; d->table[place] != NO_KEY; place = (place + 1) & d->table_mask) {
    const tb_key *key = &d->keys[d->table[place]];
    if (key->hash == hash && key->length == length && memcmp(key->quoted, quoted, length) == 0) return d->table[place];
  }
  return NO_KEY;
}

tb_decoder *tb_decoder_create(uint32_t n_signals, const char *const *names, const uint8_t *types,
                              const uint32_t *string_offset, const uint32_t *string_capacity, const char *time_key,
                              int time_format) {
  enum { MOST_SIGNALS = 1 << 28 };
  if (n_signals > MOST_SIGNALS) return NULL;
  tb_decoder *d = calloc(1, sizeof *d);
  if (d == NULL) return NULL;
  d->n_signals = n_signals;
  d->time = n_signals;
  d->time_format = time_format;
  d->max_length = SIZE_MAX;
  d->table_mask = 1;
  while (d->table_mask < 2 * n_signals + 2) d->table_mask = d->table_mask * 2 + 1;
  d->keys = calloc(n_signals + 1, sizeof *d->keys);
  d->table = malloc((d->table_mask + 1) * sizeof *d->table);
  bool ok = d->keys != NULL && d->table != NULL;
  for (uint32_t i = 0; ok && i <= d->table_mask; i++) d->table[i] = NO_KEY;
  for (uint32_t i = 0; ok && i < n_signals; i++) {
    ok = add_key(d, i, names[i]);
    d->keys[i].type = types[i];
    if (types[i] != TB_STRING) continue;
    d->keys[i].string_offset = string_offset[i];
    d->keys[i].string_capacity = string_capacity[i];
  }
  if (!ok || !add_key(d, d->time, time_key)) {
    tb_decoder_destroy(d);
    return NULL;
  }
  d->keys[d->time].follower = 0;
  return d;
}

void tb_decoder_destroy(tb_decoder *d) {
  if (d == NULL) return;
  if (d->keys != NULL)
    for (uint32_t i = 0; i <= d->n_signals; i++) free(d->keys[i].quoted);
  free(d->keys);
  free(d->table);
  free(d);
}

void tb_decoder_restrict(tb_decoder *d, uint32_t max_length, int refuse_unknown) {
  d->max_length = max_length;
  d->refuse_unknown = refuse_unknown != 0;
}

/* -- Pieces of JSON ------------------------------------------------------------------------------------------------- */

static inline const uint8_t *skip_space(const uint8_t *p, const uint8_t *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

static inline bool take_word(const uint8_t **at, const uint8_t *end, const char *word, size_t length) {
  if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0) return false;
  *at += length;
  return true;
}

/*
 * The text behind the quote at `p` - 1, up to its closing quote: ASCII without escapes. NULL: anything else. Texts with
 * other characters take the slow path, which checks their UTF-8.
 */
static inline const uint8_t *plain_text_end(const uint8_t *p, const uint8_t *end) {
  while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') p++;
  return p < end && *p == '"' ? p : NULL;
}

/* The character that an escape of one letter stands for; 0: it is none of these. */
static char unescaped(uint8_t letter) {
  switch (letter) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

/* Copies the text behind the quote at `*at` - 1, with its NUL, and moves `*at` behind the closing quote. */
static bool copy_text(const uint8_t **at, const uint8_t *end, char *to, uint32_t capacity, uint64_t *length) {
  const uint8_t *p = *at;
  uint32_t n = 0;
  while (p < end && *p != '"') {
    uint8_t byte = *p++;
    if (byte < 0x20 || byte >= 0x80 || n + 1 >= capacity) return false;
    if (byte == '\\') {
      byte = p < end ? (uint8_t)unescaped(*p++) : 0;
      if (byte == 0) return false;
    }
    to[n++] = (char)byte;
  }
  if (p == end || capacity == 0) return false;
  to[n] = '\0';
  *length = n;
  *at = p + 1;
  return true;
}

static bool skip_text(const uint8_t **at, const uint8_t *end) {
  if (*at == end || **at != '"') return false;
  const uint8_t *close = plain_text_end(*at + 1, end);
  if (close == NULL) return false;
  *at = close + 1;
  return true;
}

static bool skip_scalar(const uint8_t **at, const uint8_t *end) {
  if (*at == end) return false;
  switch (**at) {
    case '"': return skip_text(at, end);
    case 't': return take_word(at, end, "true", 4);
    case 'f': return take_word(at, end, "false", 5);
    case 'n': return take_word(at, end, "null", 4);
    default: return tb_skip_number(at, end);
  }
}

/* The key at `p`, its colon, and the space around it; NULL: there is something else. */
static const uint8_t *skip_key(const uint8_t *p, const uint8_t *end) {
  if (!skip_text(&p, end)) return NULL;
  p = skip_space(p, end);
  return p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

/* A value of no interest, with what is nested in it, unless some text of it is not plain. */
static bool skip_value(const uint8_t **at, const uint8_t *end) {
  enum { MOST_LEVELS = 64 /* MAX_NESTING in src/bridge/json-scanner.ts */ };
  const uint8_t *p = *at;
  uint64_t objects = 0; /* a bit for each open level, the innermost lowest: object or array */
  int depth = 0;
  for (;;) {
    if (p < end && (*p == '{' || *p == '[')) {
      bool object = *p == '{';
      if (depth == MOST_LEVELS) return false;
      p = skip_space(p + 1, end);
      if (p == end || *p != (object ? '}' : ']')) {
        objects = objects << 1 | object;
        depth++;
        if (object && (p = skip_key(p, end)) == NULL) return false;
        continue;
      }
      p++;
    } else if (!skip_scalar(&p, end)) {
      return false;
    }
    /* A value has ended, and with it perhaps those around it. */
    bool object = objects & 1;
    for (; depth > 0; object = objects & 1) {
      p = skip_space(p, end);
      if (p == end || *p != (object ? '}' : ']')) break;
      p++;
      objects >>= 1;
      depth--;
    }
    if (depth == 0) break;
    if (p == end || *p != ',') return false;
    p = skip_space(p + 1, end);
    if (object && (p = skip_key(p, end)) == NULL) return false;
  }
  *at = p;
  return true;
}

/* -- Values --------------------------------------------------------------------------------------------------------- */

static inline bool read_integer(const uint8_t **at, const uint8_t *end, uint64_t *value) {
  tb_decimal decimal;
  if (!tb_read_decimal(at, end, &decimal) || !decimal.integer) return false;
  if (decimal.digits > (uint64_t)INT32_MAX + decimal.negative) return false;
  *value = decimal.negative ? -decimal.digits : decimal.digits;
  return true;
}

static inline bool read_real(const uint8_t **at, const uint8_t *end, uint64_t *value) {
  tb_decimal decimal;
  double real;
  if (!tb_read_decimal(at, end, &decimal) || !tb_decimal_to_double(&decimal, &real)) return false;
  memcpy(value, &real, sizeof real);
  return true;
}

static inline bool read_value(const tb_key *key, const uint8_t **at, const uint8_t *end, uint64_t *value,
                              char *strings) {
  switch ((tb_type)key->type) {
    case TB_REAL: return read_real(at, end, value);
    case TB_INTEGER: return read_integer(at, end, value);
    case TB_BOOLEAN:
      *value = *at < end && **at == 't';
      return *value ? take_word(at, end, "true", 4) : take_word(at, end, "false", 5);
    case TB_STRING:
      if (*at == end || **at != '"') return false;
      ++*at;
      return copy_text(at, end, strings + key->string_offset, key->string_capacity, value);
    default: return false;
  }
}

static bool read_time(tb_decoder *d, const uint8_t **at, const uint8_t *end, int64_t *time_ns) {
  if (d->time_format != TB_TIME_RFC3339 && d->time_format != TB_TIME_RFC3339_OR_UTC)
    return tb_read_epoch(at, end, 3 * (d->time_format - TB_TIME_EPOCH_S), time_ns);
  if (*at == end || **at != '"') return false;
  const uint8_t *text = *at + 1, *close = plain_text_end(text, end);
  if (close == NULL || !tb_read_rfc3339(text, close, d->time_format == TB_TIME_RFC3339_OR_UTC, &d->day, time_ns))
    return false;
  *at = close + 1;
  return true;
}

/* -- Messages ------------------------------------------------------------------------------------------------------- */

/*
 * The key at `*at`, which is moved behind it; NO_KEY: an unknown one. `*link` is where the expected key is remembered.
 * false: it is no plain text.
 */
static inline bool read_key(tb_decoder *d, const uint8_t **at, const uint8_t *end, uint32_t *link, uint32_t *index) {
  const uint8_t *p = *at;
  if (*link <= d->n_signals) {
    const tb_key *expected = &d->keys[*link];
    if ((size_t)(end - p) >= expected->length && memcmp(p, expected->quoted, expected->length) == 0) {
      *index = *link;
      *at = p + expected->length;
      return true;
    }
  }
  if (p == end || *p != '"') return false;
  const uint8_t *close = p + 1;
  bool ascii = true;
  for (; close < end && *close != '"'; close++) {
    if (*close < 0x20 || *close == '\\') return false;
    ascii = ascii && *close < 0x80;
  }
  if (close == end) return false;
  *index = find_key(d, p, (size_t)(close + 1 - p));
  *at = close + 1;
  if (*index != NO_KEY) *link = *index;
  return *index != NO_KEY || ascii;
}

int tb_decode(tb_decoder *d, const uint8_t *json, size_t length, int64_t *time_ns, uint64_t *mask, uint64_t *values,
              char *strings, uint32_t *flags) {
  if (d == NULL || d->always_slow || length > d->max_length) return TB_SLOW_PATH;
  for (uint32_t word = 0; word < (d->n_signals + 63) / 64; word++) mask[word] = 0;
  const uint8_t *end = json + length, *p = skip_space(json, end);
  if (p == end || *p != '{') return TB_SLOW_PATH;
  p++;

  uint32_t *link = &d->first, found = 0;
  bool has_time = false, unknown = false;
  for (;;) {
    uint32_t index;
    p = skip_space(p, end);
    if (!read_key(d, &p, end, link, &index)) return TB_SLOW_PATH;
    p = skip_space(p, end);
    if (p == end || *p != ':') return TB_SLOW_PATH;
    p = skip_space(p + 1, end);

    if (index < d->time) {
      uint64_t bit = (uint64_t)1 << (index % 64);
      if (mask[index / 64] & bit) return TB_SLOW_PATH; /* twice the same key */
      if (!read_value(&d->keys[index], &p, end, &values[index], strings)) return TB_SLOW_PATH;
      mask[index / 64] |= bit;
      found++;
    } else if (index == d->time) {
      if (has_time || !read_time(d, &p, end, time_ns)) return TB_SLOW_PATH;
      has_time = true;
    } else {
      if (d->refuse_unknown || !skip_value(&p, end)) return TB_SLOW_PATH;
      unknown = true;
    }
    if (index != NO_KEY) link = &d->keys[index].follower;

    p = skip_space(p, end);
    if (p == end) return TB_SLOW_PATH;
    if (*p == '}') break;
    if (*p != ',') return TB_SLOW_PATH;
    p++;
  }
  if (skip_space(p + 1, end) != end || !has_time || found == 0) return TB_SLOW_PATH;
  *flags = (unknown ? TB_UNKNOWN_KEYS : 0) | (found < d->n_signals ? TB_PARTIAL : 0);
  return TB_DECODED;
}
