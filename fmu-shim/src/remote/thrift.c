#include "thrift.h"

#include <stdlib.h>
#include <string.h>

/* Of a message's first word, in the strict form: the version above, the kind below. */
#define VERSION UINT32_C(0x80010000)
#define VERSION_MASK UINT32_C(0xffff0000)

/* -- Writing ------------------------------------------------------------------------------------------------------------------ */

void tb_thrift_clear(tb_thrift_writer *w) {
  w->size = 0;
  w->failed = false;
}

void tb_thrift_writer_destroy(tb_thrift_writer *w) {
  free(w->bytes);
  *w = (tb_thrift_writer){0};
}

static bool grow(tb_thrift_writer *w, size_t size) {
  if (size > SIZE_MAX / 4 || w->size > SIZE_MAX / 4) return false;
  const size_t room = 2 * (w->size + size) + 1024;
  uint8_t *bytes = realloc(w->bytes, room);
  if (bytes == NULL) return false;
  w->bytes = bytes;
  w->room = room;
  return true;
}

uint8_t *tb_thrift_put(tb_thrift_writer *w, size_t size) {
  if (w->failed || (w->room - w->size < size && !grow(w, size))) {
    w->failed = true;
    return NULL;
  }
  uint8_t *at = w->bytes + w->size;
  w->size += size;
  return at;
}

size_t tb_thrift_begin_frame(tb_thrift_writer *w) {
  const size_t begin = w->size;
  tb_thrift_put(w, 4);
  return begin;
}

bool tb_thrift_end_frame(tb_thrift_writer *w, size_t begin, uint32_t limit) {
  if (w->failed) return false;
  const size_t size = w->size - begin - 4;
  if (size > limit || size > INT32_MAX) {
    w->size = begin;
    return false;
  }
  tb_thrift_store_i32(w->bytes + begin, (int32_t)size);
  return true;
}

void tb_thrift_put_message(tb_thrift_writer *w, tb_thrift_kind kind, const char *name, size_t name_size,
                           int32_t sequence) {
  tb_thrift_put_i32(w, (int32_t)(VERSION | (uint32_t)kind));
  tb_thrift_put_bytes(w, name, name_size);
  tb_thrift_put_i32(w, sequence);
}

void tb_thrift_put_field(tb_thrift_writer *w, tb_thrift_type type, int16_t id) {
  uint8_t *at = tb_thrift_put(w, 3);
  if (at == NULL) return;
  at[0] = (uint8_t)type;
  at[1] = (uint8_t)((uint16_t)id >> 8);
  at[2] = (uint8_t)id;
}

static void put_byte(tb_thrift_writer *w, uint8_t value) {
  uint8_t *at = tb_thrift_put(w, 1);
  if (at != NULL) *at = value;
}

void tb_thrift_put_stop(tb_thrift_writer *w) { put_byte(w, TB_THRIFT_STOP); }
void tb_thrift_put_bool(tb_thrift_writer *w, bool value) { put_byte(w, value); }

void tb_thrift_put_i32(tb_thrift_writer *w, int32_t value) {
  uint8_t *at = tb_thrift_put(w, 4);
  if (at != NULL) tb_thrift_store_i32(at, value);
}

void tb_thrift_put_i64(tb_thrift_writer *w, int64_t value) {
  uint8_t *at = tb_thrift_put(w, 8);
  if (at != NULL) tb_thrift_store_i64(at, value);
}

static int64_t bits_of(double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

void tb_thrift_put_double(tb_thrift_writer *w, double value) { tb_thrift_put_i64(w, bits_of(value)); }

void tb_thrift_put_bytes(tb_thrift_writer *w, const void *bytes, size_t size) {
  if (size > INT32_MAX) {
    w->failed = true;
    return;
  }
  tb_thrift_put_i32(w, (int32_t)size);
  uint8_t *at = tb_thrift_put(w, size);
  if (at != NULL && size > 0) memcpy(at, bytes, size);
}

void tb_thrift_put_text(tb_thrift_writer *w, const char *text) {
  tb_thrift_put_bytes(w, text, text == NULL ? 0 : strlen(text));
}

void tb_thrift_put_list(tb_thrift_writer *w, tb_thrift_type element, uint32_t n) {
  uint8_t *at = tb_thrift_put(w, 5);
  if (n > INT32_MAX) w->failed = true;
  if (at == NULL) return;
  at[0] = (uint8_t)element;
  tb_thrift_store_i32(at + 1, (int32_t)n);
}

void tb_thrift_put_bools(tb_thrift_writer *w, const uint8_t *values, uint32_t n) {
  tb_thrift_put_list(w, TB_THRIFT_BOOL, n);
  uint8_t *at = tb_thrift_put(w, n);
  for (uint32_t k = 0; at != NULL && k < n; k++) at[k] = values[k] != 0;
}

void tb_thrift_put_i32s(tb_thrift_writer *w, const int32_t *values, uint32_t n) {
  tb_thrift_put_list(w, TB_THRIFT_I32, n);
  uint8_t *at = tb_thrift_put(w, (size_t)n * 4);
  for (uint32_t k = 0; at != NULL && k < n; k++) tb_thrift_store_i32(at + (size_t)k * 4, values[k]);
}

void tb_thrift_put_i64s(tb_thrift_writer *w, const int64_t *values, uint32_t n) {
  tb_thrift_put_list(w, TB_THRIFT_I64, n);
  uint8_t *at = tb_thrift_put(w, (size_t)n * 8);
  for (uint32_t k = 0; at != NULL && k < n; k++) tb_thrift_store_i64(at + (size_t)k * 8, values[k]);
}

void tb_thrift_put_doubles(tb_thrift_writer *w, const double *values, uint32_t n) {
  tb_thrift_put_list(w, TB_THRIFT_DOUBLE, n);
  uint8_t *at = tb_thrift_put(w, (size_t)n * 8);
  for (uint32_t k = 0; at != NULL && k < n; k++) tb_thrift_store_i64(at + (size_t)k * 8, bits_of(values[k]));
}

void tb_thrift_put_texts(tb_thrift_writer *w, const char *const *values, uint32_t n) {
  tb_thrift_put_list(w, TB_THRIFT_STRING, n);
  for (uint32_t k = 0; k < n && !w->failed; k++) tb_thrift_put_text(w, values[k]);
}

void tb_thrift_put_exception(tb_thrift_writer *w, int32_t type, const char *message) {
  tb_thrift_put_field(w, TB_THRIFT_STRING, 1);
  tb_thrift_put_text(w, message);
  tb_thrift_put_field(w, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(w, type);
  tb_thrift_put_stop(w);
}

/* -- Reading ------------------------------------------------------------------------------------------------------------------ */

const uint8_t *tb_thrift_take(tb_thrift_reader *r, size_t size) {
  if (r->failed || size > r->left) {
    r->failed = true;
    return NULL;
  }
  const uint8_t *at = r->at;
  r->at += size;
  r->left -= size;
  return at;
}

static uint8_t take_byte(tb_thrift_reader *r) {
  const uint8_t *at = tb_thrift_take(r, 1);
  return at == NULL ? 0 : *at;
}

bool tb_thrift_take_message(tb_thrift_reader *r, tb_thrift_message *message) {
  *message = (tb_thrift_message){0};
  const uint32_t head = (uint32_t)tb_thrift_take_i32(r);
  const uint32_t kind = head & ~VERSION_MASK;
  if ((head & VERSION_MASK) != VERSION || kind < TB_THRIFT_CALL || kind > TB_THRIFT_ONEWAY) r->failed = true;
  message->kind = (tb_thrift_kind)kind;
  message->name = (const char *)tb_thrift_take_bytes(r, &message->name_size);
  message->sequence = tb_thrift_take_i32(r);
  return !r->failed;
}

bool tb_thrift_is_named(const tb_thrift_message *message, const char *name) {
  return message->name_size == strlen(name) && memcmp(message->name, name, message->name_size) == 0;
}

bool tb_thrift_next_field(tb_thrift_reader *r, tb_thrift_field *field) {
  *field = (tb_thrift_field){(tb_thrift_type)take_byte(r), 0};
  if (r->failed || field->type == TB_THRIFT_STOP) return false;
  const uint8_t *at = tb_thrift_take(r, 2);
  if (at == NULL) return false;
  field->id = (int16_t)((uint16_t)at[0] << 8 | at[1]);
  return true;
}

bool tb_thrift_take_bool(tb_thrift_reader *r) { return take_byte(r) != 0; }

int32_t tb_thrift_take_i32(tb_thrift_reader *r) {
  const uint8_t *at = tb_thrift_take(r, 4);
  return at == NULL ? 0 : tb_thrift_load_i32(at);
}

int64_t tb_thrift_take_i64(tb_thrift_reader *r) {
  const uint8_t *at = tb_thrift_take(r, 8);
  return at == NULL ? 0 : tb_thrift_load_i64(at);
}

static double of_bits(int64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double tb_thrift_take_double(tb_thrift_reader *r) { return of_bits(tb_thrift_take_i64(r)); }

const uint8_t *tb_thrift_take_bytes(tb_thrift_reader *r, size_t *size) {
  const int32_t n = tb_thrift_take_i32(r);
  *size = 0;
  if (n < 0) r->failed = true;
  const uint8_t *at = tb_thrift_take(r, (size_t)(n < 0 ? 0 : n));
  if (at != NULL) *size = (size_t)n;
  return at;
}

/* Bytes that a value takes at least; 0: there is no such type. `is_fixed`: it takes no more. */
static size_t least_size(tb_thrift_type type, bool *is_fixed) {
  *is_fixed = true;
  switch (type) {
    case TB_THRIFT_BOOL:
    case TB_THRIFT_BYTE: return 1;
    case TB_THRIFT_I16: return 2;
    case TB_THRIFT_I32: return 4;
    case TB_THRIFT_DOUBLE:
    case TB_THRIFT_I64: return 8;
    case TB_THRIFT_UUID: return 16;
    default: break;
  }
  *is_fixed = false;
  switch (type) {
    case TB_THRIFT_STRUCT: return 1;
    case TB_THRIFT_STRING: return 4;
    case TB_THRIFT_SET:
    case TB_THRIFT_LIST: return 5;
    case TB_THRIFT_MAP: return 6;
    default: return 0;
  }
}

/* Number of elements of a list, a set or a map, as far as what is left can hold them. */
static uint32_t take_count(tb_thrift_reader *r, size_t least_bytes) {
  const int32_t n = tb_thrift_take_i32(r);
  if (!r->failed && n >= 0 && (n == 0 || (least_bytes > 0 && (size_t)n <= r->left / least_bytes))) return (uint32_t)n;
  r->failed = true;
  return 0;
}

bool tb_thrift_take_list(tb_thrift_reader *r, tb_thrift_type element, uint32_t *n) {
  bool is_fixed;
  const tb_thrift_type found = (tb_thrift_type)take_byte(r);
  *n = take_count(r, least_size(found, &is_fixed));
  /* Of an empty list some write no type. */
  if (*n > 0 && found != element) {
    r->failed = true;
    *n = 0;
  }
  return !r->failed;
}

bool tb_thrift_take_bools(tb_thrift_reader *r, uint8_t *values, uint32_t n) {
  const uint8_t *at = tb_thrift_take(r, n);
  for (uint32_t k = 0; at != NULL && k < n; k++) values[k] = at[k] != 0;
  return at != NULL;
}

bool tb_thrift_take_i32s(tb_thrift_reader *r, int32_t *values, uint32_t n) {
  const uint8_t *at = tb_thrift_take(r, (size_t)n * 4);
  for (uint32_t k = 0; at != NULL && k < n; k++) values[k] = tb_thrift_load_i32(at + (size_t)k * 4);
  return at != NULL;
}

bool tb_thrift_take_i64s(tb_thrift_reader *r, int64_t *values, uint32_t n) {
  const uint8_t *at = tb_thrift_take(r, (size_t)n * 8);
  for (uint32_t k = 0; at != NULL && k < n; k++) values[k] = tb_thrift_load_i64(at + (size_t)k * 8);
  return at != NULL;
}

bool tb_thrift_take_doubles(tb_thrift_reader *r, double *values, uint32_t n) {
  const uint8_t *at = tb_thrift_take(r, (size_t)n * 8);
  for (uint32_t k = 0; at != NULL && k < n; k++) values[k] = of_bits(tb_thrift_load_i64(at + (size_t)k * 8));
  return at != NULL;
}

/* What is being passed over: a structure, whose fields come one by one, or so many values of one or two types in turn. */
typedef struct {
  bool is_struct;
  uint64_t left; /* values */
  tb_thrift_type types[2];
} open_value;

/* Passes over a value, or over its head, and notes what is open then. */
static void enter_value(tb_thrift_reader *r, tb_thrift_type type, open_value *stack, unsigned *depth) {
  bool is_fixed;
  const size_t least = least_size(type, &is_fixed);
  if (least == 0) r->failed = true;
  if (r->failed) return;
  if (is_fixed) {
    tb_thrift_take(r, least);
    return;
  }
  if (type == TB_THRIFT_STRING) {
    size_t size;
    tb_thrift_take_bytes(r, &size);
    return;
  }
  open_value opened = {.is_struct = type == TB_THRIFT_STRUCT};
  if (!opened.is_struct) {
    const bool is_map = type == TB_THRIFT_MAP;
    bool first_is_fixed, second_is_fixed = true;
    opened.types[0] = opened.types[1] = (tb_thrift_type)take_byte(r);
    if (is_map) opened.types[1] = (tb_thrift_type)take_byte(r);
    const size_t first = least_size(opened.types[0], &first_is_fixed);
    const size_t second = is_map ? least_size(opened.types[1], &second_is_fixed) : 0;
    const uint32_t n = take_count(r, first == 0 || (is_map && second == 0) ? 0 : first + second);
    if (n == 0) return;
    if (first_is_fixed && second_is_fixed) {
      tb_thrift_take(r, n * (first + second));
      return;
    }
    opened.left = is_map ? 2 * (uint64_t)n : n;
  }
  if (*depth == TB_THRIFT_MAX_DEPTH) {
    r->failed = true;
    return;
  }
  stack[(*depth)++] = opened;
}

static void skip_open(tb_thrift_reader *r, open_value *stack, unsigned depth) {
  while (depth > 0 && !r->failed) {
    open_value *top = &stack[depth - 1];
    tb_thrift_field field;
    if (top->is_struct) {
      if (!tb_thrift_next_field(r, &field)) {
        depth--;
        continue;
      }
    } else {
      if (top->left == 0) {
        depth--;
        continue;
      }
      field.type = top->types[top->left-- & 1]; /* a map's values are counted in pairs: the key comes at an even number */
    }
    enter_value(r, field.type, stack, &depth);
  }
}

void tb_thrift_skip(tb_thrift_reader *r, tb_thrift_type type) {
  open_value stack[TB_THRIFT_MAX_DEPTH];
  unsigned depth = 0;
  enter_value(r, type, stack, &depth);
  skip_open(r, stack, depth);
}

void tb_thrift_skip_fields(tb_thrift_reader *r) {
  open_value stack[TB_THRIFT_MAX_DEPTH] = {{.is_struct = true}};
  skip_open(r, stack, 1);
}

bool tb_thrift_take_exception(tb_thrift_reader *r, int32_t *type, char *message, size_t size) {
  tb_thrift_field field;
  *type = TB_THRIFT_UNKNOWN;
  if (size > 0) message[0] = '\0';
  while (tb_thrift_next_field(r, &field)) {
    if (tb_thrift_is_field(field, 1, TB_THRIFT_STRING)) {
      size_t n;
      const uint8_t *text = tb_thrift_take_bytes(r, &n);
      if (text == NULL || size == 0) continue;
      if (n > size - 1) n = size - 1;
      memcpy(message, text, n);
      message[n] = '\0';
    } else if (tb_thrift_is_field(field, 2, TB_THRIFT_I32)) {
      *type = tb_thrift_take_i32(r);
    } else {
      tb_thrift_skip(r, field.type);
    }
  }
  return !r->failed;
}

/* -- Frames --------------------------------------------------------------------------------------------------------------------- */

enum { HEAD = 4, LEAST_ROOM = 4096 };

void tb_thrift_frames_init(tb_thrift_frames *f, uint32_t limit) { *f = (tb_thrift_frames){.limit = limit}; }

void tb_thrift_frames_destroy(tb_thrift_frames *f) {
  free(f->bytes);
  *f = (tb_thrift_frames){.limit = f->limit};
}

uint8_t *tb_thrift_frames_room(tb_thrift_frames *f, size_t *size) {
  *size = 0;
  if (f->failed) return NULL;
  if (f->begin > 0) {
    memmove(f->bytes, f->bytes + f->begin, f->end - f->begin);
    f->end -= f->begin;
    f->begin = 0;
  }
  /* Doubled, so that what was announced and does not come takes no memory. */
  if (f->room - f->end < LEAST_ROOM) {
    const size_t room = 2 * f->room + 4 * LEAST_ROOM;
    uint8_t *bytes = realloc(f->bytes, room);
    if (bytes == NULL) {
      f->failed = true;
      return NULL;
    }
    f->bytes = bytes;
    f->room = room;
  }
  *size = f->room - f->end;
  return f->bytes + f->end;
}

void tb_thrift_frames_came(tb_thrift_frames *f, size_t size) { f->end += size; }

tb_thrift_frame tb_thrift_frames_take(tb_thrift_frames *f, const uint8_t **payload, uint32_t *size) {
  *payload = NULL;
  *size = 0;
  if (f->end - f->begin < HEAD) return TB_FRAME_MORE;
  *size = (uint32_t)tb_thrift_load_i32(f->bytes + f->begin);
  if (*size > f->limit) return TB_FRAME_TOO_LARGE;
  if (f->end - f->begin - HEAD < *size) return TB_FRAME_MORE;
  *payload = f->bytes + f->begin + HEAD;
  f->begin += HEAD + (size_t)*size;
  return TB_FRAME_WHOLE;
}
