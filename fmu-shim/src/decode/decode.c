#include "tb_decode.h"

#include <math.h>
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
  uint32_t first;    /* of an object: its first key in the last message */
  uint32_t seen;     /* of an object: the message that it was in last */
  tb_member member;
} tb_key;

typedef struct {
  char *quoted; /* as it stands in a message, with its quotes; NULL: it is written with escapes */
  uint32_t length;
  int32_t value;
} tb_item;

/*
 * A message has the keys that the message before it had, in the same order. So the next key is compared with the one
 * expected, and looked up only if it is another.
 */
struct tb_decoder {
  uint32_t n_keys;
  uint32_t n_values; /* keys that are values */
  uint32_t n_words;  /* of a row's mask */
  int time_format;
  size_t max_length;
  bool refuse_unknown;
  bool always_slow; /* a name is written with escapes in JSON */
  uint32_t first;   /* the first key of the last message */
  uint32_t message; /* counts them */
  tb_key *keys;
  tb_item *items;
  uint32_t n_items;
  uint32_t *table; /* key indices by hash, open addressing */
  uint32_t table_mask;
  tb_known_day day;
};

static uint32_t hash_of(uint32_t parent, const uint8_t *bytes, size_t length) {
  uint32_t hash = 2166136261u ^ parent; /* FNV-1a */
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

/* Whether a JSON text holds the name as it is. */
static bool is_plain_name(const char *name) {
  for (; *name != '\0'; name++)
    if ((unsigned char)*name < 0x20 || *name == '"' || *name == '\\') return false;
  return true;
}

static char *quoted_copy(const char *text, uint32_t *quoted_length) {
  size_t length = strlen(text);
  char *quoted = length > UINT32_MAX - 2 ? NULL : malloc(length + 2);
  if (quoted == NULL) return NULL;
  quoted[0] = '"';
  memcpy(quoted + 1, text, length);
  quoted[length + 1] = '"';
  *quoted_length = (uint32_t)length + 2;
  return quoted;
}

static bool add_items(tb_decoder *d, uint32_t n, const char *const *names, const int32_t *values) {
  d->items = calloc(n + 1, sizeof *d->items);
  if (d->items == NULL) return false;
  for (; d->n_items < n; d->n_items++) {
    tb_item *item = &d->items[d->n_items];
    item->value = values[d->n_items];
    if (!is_plain_name(names[d->n_items])) continue;
    item->quoted = quoted_copy(names[d->n_items], &item->length);
    if (item->quoted == NULL) return false;
  }
  return true;
}

static bool add_key(tb_decoder *d, uint32_t index, const char *name, const tb_member *member) {
  tb_key *key = &d->keys[index];
  key->member = *member;
  key->first = index + 1;
  d->always_slow = d->always_slow || !is_plain_name(name);
  size_t length = strlen(name);
  key->quoted = quoted_copy(name, &key->length);
  if (key->quoted == NULL) return false;
  key->hash = hash_of(member->parent, (const uint8_t *)name, length);
  key->follower = index + 1;
  uint32_t place = key->hash & d->table_mask;
  while (d->table[place] != NO_KEY) place = (place + 1) & d->table_mask;
  d->table[place] = index;
  return true;
}

static uint32_t find_key(const tb_decoder *d, uint32_t parent, const uint8_t *quoted, size_t length) {
  uint32_t hash = hash_of(parent, quoted + 1, length - 2);
  for (uint32_t place = hash & d->table_mask; d->table[place] != NO_KEY; place = (place + 1) & d->table_mask) {
    const tb_key *key = &d->keys[d->table[place]];
    if (key->hash == hash && key->member.parent == parent && key->length == length &&
        memcmp(key->quoted, quoted, length) == 0)
      return d->table[place];
  }
  return NO_KEY;
}

tb_decoder *tb_decoder_create(uint32_t n_members, const char *const *names, const tb_member *members, uint32_t n_items,
                              const char *const *item_names, const int32_t *item_values, uint32_t n_slots,
                              int time_format) {
  enum { MOST_MEMBERS = 1 << 28 };
  if (n_members > MOST_MEMBERS) return NULL;
  tb_decoder *d = calloc(1, sizeof *d);
  if (d == NULL) return NULL;
  d->n_keys = n_members;
  d->n_words = (n_slots + 63) / 64;
  d->time_format = time_format;
  d->max_length = SIZE_MAX;
  d->table_mask = 1;
  while (d->table_mask < 2 * n_members + 2) d->table_mask = d->table_mask * 2 + 1;
  d->keys = calloc(n_members + 1, sizeof *d->keys);
  d->table = malloc((d->table_mask + 1) * sizeof *d->table);
  bool ok = d->keys != NULL && d->table != NULL && add_items(d, n_items, item_names, item_values);
  for (uint32_t i = 0; ok && i <= d->table_mask; i++) d->table[i] = NO_KEY;
  for (uint32_t i = 0; ok && i < n_members; i++) {
    ok = add_key(d, i, names[i], &members[i]);
    d->n_values += members[i].kind == TB_MEMBER_VALUE;
  }
  if (!ok) {
    tb_decoder_destroy(d);
    return NULL;
  }
  return d;
}

void tb_decoder_destroy(tb_decoder *d) {
  if (d == NULL) return;
  if (d->keys != NULL)
    for (uint32_t i = 0; i < d->n_keys; i++) free(d->keys[i].quoted);
  if (d->items != NULL)
    for (uint32_t i = 0; i < d->n_items; i++) free(d->items[i].quoted);
  free(d->keys);
  free(d->items);
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

/* A value of no interest at a depth of `above` objects, with what is nested in it, unless some text of it is not plain. */
static bool skip_value(const uint8_t **at, const uint8_t *end, int above) {
  enum { MOST_LEVELS = 64 /* MAX_NESTING in src/bridge/json-scanner.ts */ };
  const uint8_t *p = *at;
  uint64_t objects = 0; /* a bit for each open level, the innermost lowest: object or array */
  int depth = 0;
  for (;;) {
    if (p < end && (*p == '{' || *p == '[')) {
      bool object = *p == '{';
      if (depth + above == MOST_LEVELS) return false;
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

/* Negative numbers have `least` and more digits' worth of room, others up to `most`. */
static inline bool read_integer(const uint8_t **at, const uint8_t *end, uint64_t least, uint64_t most, uint64_t *value) {
  tb_decimal decimal;
  if (!tb_read_decimal(at, end, &decimal) || !decimal.integer) return false;
  if (decimal.digits > (decimal.negative ? least : most)) return false;
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

/* A float that is not taken as it is written. */
static bool read_changed_real(const tb_member *member, const uint8_t **at, const uint8_t *end, uint64_t *value) {
  double real;
  if (!read_real(at, end, value)) return false;
  memcpy(&real, value, sizeof real);
  if (member->scaled) {
    /* Two statements, two roundings, as in TypeScript: nothing may make one operation of them. */
    double product = real * member->scale;
    real = product + member->offset;
  }
  if (member->type == TB_FLOAT32) real = (double)(float)real;
  if (!isfinite(real)) return false;
  memcpy(value, &real, sizeof real);
  return true;
}

/* An item of an Enumeration; one that is not among them is for the slow path to refuse. */
static bool read_item(const tb_decoder *d, const tb_member *member, const uint8_t **at, const uint8_t *end,
                      uint64_t *value) {
  const tb_item *items = &d->items[member->first_item];
  const bool by_name = *at < end && **at == '"';
  int64_t number = 0;
  if (!by_name) {
    if (!read_integer(at, end, (uint64_t)INT32_MAX + 1, INT32_MAX, value)) return false;
    memcpy(&number, value, sizeof number);
  }
  for (uint32_t i = 0; i < member->n_items; i++) {
    if (by_name ? items[i].quoted == NULL || (size_t)(end - *at) < items[i].length ||
                      memcmp(*at, items[i].quoted, items[i].length) != 0
                : items[i].value != number)
      continue;
    if (by_name) *at += items[i].length;
    *value = (uint64_t)(int64_t)items[i].value;
    return true;
  }
  return false;
}

static inline bool read_value(const tb_decoder *d, const tb_member *member, const uint8_t **at, const uint8_t *end, uint64_t *value,
                              char *text) {
  switch ((tb_type)member->type) {
    case TB_REAL: return member->scaled ? read_changed_real(member, at, end, value) : read_real(at, end, value);
    case TB_FLOAT32: return read_changed_real(member, at, end, value);
    case TB_INTEGER:
      if (member->n_items > 0) return read_item(d, member, at, end, value);
      return read_integer(at, end, (uint64_t)INT32_MAX + 1, INT32_MAX, value);
    case TB_INT8: return read_integer(at, end, (uint64_t)INT8_MAX + 1, INT8_MAX, value);
    case TB_INT16: return read_integer(at, end, (uint64_t)INT16_MAX + 1, INT16_MAX, value);
    case TB_INT64: return read_integer(at, end, (uint64_t)INT64_MAX + 1, INT64_MAX, value);
    case TB_UINT8: return read_integer(at, end, 0, UINT8_MAX, value);
    case TB_UINT16: return read_integer(at, end, 0, UINT16_MAX, value);
    case TB_UINT32: return read_integer(at, end, 0, UINT32_MAX, value);
    case TB_UINT64: return read_integer(at, end, 0, UINT64_MAX, value);
    case TB_BOOLEAN:
      *value = *at < end && **at == 't';
      return *value ? take_word(at, end, "true", 4) : take_word(at, end, "false", 5);
    case TB_STRING:
      if (*at == end || **at != '"') return false;
      ++*at;
      return copy_text(at, end, text, member->string_capacity, value);
    default: return false;
  }
}

/* All of its elements, no more and no less. */
static bool read_array(const tb_decoder *d, const tb_member *member, const uint8_t **at, const uint8_t *end, uint64_t *values, char *text) {
  const uint8_t *p = *at;
  const uint32_t stride = (member->string_capacity + 7) & ~UINT32_C(7);
  if (p == end || *p != '[') return false;
  for (uint32_t k = 0; k < member->size; k++) {
    p = skip_space(p + 1, end);
    if (!read_value(d, member, &p, end, &values[k], text + (size_t)k * stride)) return false;
    p = skip_space(p, end);
    if (p == end || *p != (k + 1 < member->size ? ',' : ']')) return false;
  }
  *at = p + 1;
  return true;
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
static inline bool read_key(tb_decoder *d, uint32_t parent, const uint8_t **at, const uint8_t *end, uint32_t *link,
                            uint32_t *index) {
  const uint8_t *p = *at;
  if (*link < d->n_keys) {
    const tb_key *expected = &d->keys[*link];
    if (expected->member.parent == parent && (size_t)(end - p) >= expected->length && memcmp(p, expected->quoted, expected->length) == 0) {
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
  *index = find_key(d, parent, p, (size_t)(close + 1 - p));
  *at = close + 1;
  if (*index != NO_KEY) *link = *index;
  return *index != NO_KEY || ascii;
}

/* What is read into, and what has been found so far. */
typedef struct {
  int64_t *time_ns;
  uint64_t *mask, *values;
  char *strings;
  uint32_t found;
  bool has_time, unknown;
} row;

static bool read_members(tb_decoder *d, row *r, uint32_t parent, int depth, const uint8_t **at, const uint8_t *end);

static inline bool read_member(tb_decoder *d, row *r, uint32_t index, int depth, const uint8_t **at, const uint8_t *end) {
  tb_key *key = &d->keys[index];
  const tb_member *member = &key->member;
  const uint32_t slot = member->slot;
  switch (member->kind) {
    case TB_MEMBER_VALUE: {
      const uint64_t bit = (uint64_t)1 << (slot % 64);
      if (r->mask[slot / 64] & bit) return false; /* twice the same key */
      char *text = r->strings + member->string_offset;
      if (member->size == 0) {
        if (!read_value(d, member, at, end, &r->values[slot], text)) return false;
        r->mask[slot / 64] |= bit;
      } else {
        if (!read_array(d, member, at, end, &r->values[slot], text)) return false;
        for (uint32_t k = slot; k < slot + member->size; k++) r->mask[k / 64] |= (uint64_t)1 << (k % 64);
      }
      r->found++;
      return true;
    }
    case TB_MEMBER_OBJECT:
      if (key->seen == d->message) return false;
      key->seen = d->message;
      if (*at == end || **at != '{') return false;
      ++*at;
      return read_members(d, r, index, depth + 1, at, end);
    default:
      if (r->has_time || !read_time(d, at, end, r->time_ns)) return false;
      r->has_time = true;
      return true;
  }
}

/* The members of the object whose brace is just before `*at`, which is moved behind its closing one. */
static bool read_members(tb_decoder *d, row *r, uint32_t parent, int depth, const uint8_t **at, const uint8_t *end) {
  uint32_t *link = parent == TB_MESSAGE ? &d->first : &d->keys[parent].first;
  const uint8_t *p = skip_space(*at, end);
  if (p < end && *p == '}') {
    *at = p + 1;
    return true;
  }
  for (;;) {
    uint32_t index;
    p = skip_space(p, end);
    if (!read_key(d, parent, &p, end, link, &index)) return false;
    p = skip_space(p, end);
    if (p == end || *p != ':') return false;
    p = skip_space(p + 1, end);

    if (index != NO_KEY) {
      if (!read_member(d, r, index, depth, &p, end)) return false;
      link = &d->keys[index].follower;
    } else {
      if (d->refuse_unknown || !skip_value(&p, end, depth)) return false;
      r->unknown = true;
    }

    p = skip_space(p, end);
    if (p == end) return false;
    if (*p == '}') break;
    if (*p != ',') return false;
    p++;
  }
  *at = p + 1;
  return true;
}

int tb_decode(tb_decoder *d, const uint8_t *json, size_t length, int64_t *time_ns, uint64_t *mask, uint64_t *values,
              char *strings, uint32_t *flags) {
  if (d == NULL || d->always_slow || length > d->max_length) return TB_SLOW_PATH;
  for (uint32_t word = 0; word < d->n_words; word++) mask[word] = 0;
  const uint8_t *end = json + length, *p = skip_space(json, end);
  if (p == end || *p != '{') return TB_SLOW_PATH;
  p++;

  row r = {.time_ns = time_ns, .mask = mask, .values = values, .strings = strings};
  d->message++;
  if (!read_members(d, &r, TB_MESSAGE, 0, &p, end)) return TB_SLOW_PATH;
  if (skip_space(p, end) != end || !r.has_time || r.found == 0) return TB_SLOW_PATH;
  *flags = (r.unknown ? TB_UNKNOWN_KEYS : 0) | (r.found < d->n_values ? TB_PARTIAL : 0);
  return TB_DECODED;
}
