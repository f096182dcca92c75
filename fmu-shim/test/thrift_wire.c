/*
 * Thrift's binary protocol: messages come to the bytes that the peers send, are read back, and what is not a message is
 * refused with every byte that is cut off or spoilt. To be run under AddressSanitizer as well as plain.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/remote/thrift.h"
#include "check.h"

/* A copy of exactly this size, so that a sanitizer sees the first byte that is read beyond. */
static uint8_t *copy_of(const void *bytes, size_t size) {
  uint8_t *copy = malloc(size + (size == 0));
  memcpy(copy, bytes, size);
  return copy;
}

/* -- Bytes ---------------------------------------------------------------------------------------------------------------- */

/* step(1.5, 0.25) with sequence 7, as Thrift's own code in C++ sends it. */
static const uint8_t STEP[] = {
    0,    0,    0,    0x27,                                 /* the payload's size */
    0x80, 1,    0,    1,    0, 0, 0, 4, 's', 't', 'e', 'p', /* version, call, name */
    0,    0,    0,    7,                                    /* sequence */
    4,    0,    1,    0x3f, 0xf8, 0, 0, 0, 0, 0, 0,         /* 1: double 1.5 */
    4,    0,    2,    0x3f, 0xd0, 0, 0, 0, 0, 0, 0,         /* 2: double 0.25 */
    0,
};

static void write_step(tb_thrift_writer *w) {
  const size_t frame = tb_thrift_begin_frame(w);
  tb_thrift_put_message(w, TB_THRIFT_CALL, "step", 4, 7);
  tb_thrift_put_field(w, TB_THRIFT_DOUBLE, 1);
  tb_thrift_put_double(w, 1.5);
  tb_thrift_put_field(w, TB_THRIFT_DOUBLE, 2);
  tb_thrift_put_double(w, 0.25);
  tb_thrift_put_stop(w);
  CHECK(tb_thrift_end_frame(w, frame, TB_THRIFT_FRAME_LIMIT));
}

static void check_bytes(void) {
  tb_thrift_writer w = {0};
  write_step(&w);
  CHECK(!w.failed && w.size == sizeof STEP && memcmp(w.bytes, STEP, sizeof STEP) == 0);
  write_step(&w); /* pipelined */
  CHECK(w.size == 2 * sizeof STEP && memcmp(w.bytes + sizeof STEP, STEP, sizeof STEP) == 0);

  tb_thrift_reader r = {STEP + 4, sizeof STEP - 4, false};
  tb_thrift_message m;
  tb_thrift_field f;
  CHECK(tb_thrift_take_message(&r, &m) && m.kind == TB_THRIFT_CALL && m.sequence == 7);
  CHECK(tb_thrift_is_named(&m, "step") && !tb_thrift_is_named(&m, "ste") && !tb_thrift_is_named(&m, "steps"));
  CHECK(tb_thrift_next_field(&r, &f) && tb_thrift_is_field(f, 1, TB_THRIFT_DOUBLE) && tb_thrift_take_double(&r) == 1.5);
  CHECK(tb_thrift_next_field(&r, &f) && tb_thrift_is_field(f, 2, TB_THRIFT_DOUBLE) && tb_thrift_take_double(&r) == 0.25);
  CHECK(!tb_thrift_next_field(&r, &f) && !r.failed && r.left == 0);
  tb_thrift_writer_destroy(&w);
}

/* -- All types, there and back ------------------------------------------------------------------------------------------------ */

static void write_all(tb_thrift_writer *w) {
  const int32_t i32s[] = {0, 1, -1, INT32_MIN, INT32_MAX};
  const int64_t i64s[] = {0, -1, INT64_MIN, INT64_MAX};
  const double doubles[] = {0.0, -0.0, 1e300, -INFINITY};
  const uint8_t bools[] = {0, 1, 255};
  const char *const texts[] = {"", "a", "größe", NULL};
  tb_thrift_put_message(w, TB_THRIFT_REPLY, "all", 3, -5);
  tb_thrift_put_field(w, TB_THRIFT_LIST, 1), tb_thrift_put_i32s(w, i32s, 5);
  tb_thrift_put_field(w, TB_THRIFT_LIST, 2), tb_thrift_put_i64s(w, i64s, 4);
  tb_thrift_put_field(w, TB_THRIFT_LIST, 3), tb_thrift_put_doubles(w, doubles, 4);
  tb_thrift_put_field(w, TB_THRIFT_LIST, 4), tb_thrift_put_bools(w, bools, 3);
  tb_thrift_put_field(w, TB_THRIFT_LIST, 5), tb_thrift_put_texts(w, texts, 4);
  tb_thrift_put_field(w, TB_THRIFT_BOOL, 6), tb_thrift_put_bool(w, true);
  tb_thrift_put_field(w, TB_THRIFT_I64, 7), tb_thrift_put_i64(w, INT64_MIN);
  tb_thrift_put_field(w, TB_THRIFT_STRUCT, -8), tb_thrift_put_exception(w, TB_THRIFT_UNKNOWN_METHOD, "no such method");
  /* map<string, list<struct>> {"k": [{1: 2}, {}], "l": []} */
  tb_thrift_put_field(w, TB_THRIFT_MAP, 9);
  uint8_t *head = tb_thrift_put(w, 6);
  head[0] = TB_THRIFT_STRING, head[1] = TB_THRIFT_LIST, tb_thrift_store_i32(head + 2, 2);
  tb_thrift_put_text(w, "k"), tb_thrift_put_list(w, TB_THRIFT_STRUCT, 2);
  tb_thrift_put_field(w, TB_THRIFT_I32, 1), tb_thrift_put_i32(w, 2), tb_thrift_put_stop(w), tb_thrift_put_stop(w);
  tb_thrift_put_text(w, "l"), tb_thrift_put_list(w, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_stop(w);
}

/* Whether it is what `write_all` wrote. */
static bool read_all(tb_thrift_reader *r, bool skips) {
  tb_thrift_message m;
  tb_thrift_field f;
  uint32_t n;
  size_t size;
  bool right = tb_thrift_take_message(r, &m) && m.kind == TB_THRIFT_REPLY && m.sequence == -5;
  while (tb_thrift_next_field(r, &f)) {
    if (skips) {
      tb_thrift_skip(r, f.type);
    } else if (f.id == 1) {
      int32_t v[5] = {0};
      right &= tb_thrift_take_list(r, TB_THRIFT_I32, &n) && n == 5 && tb_thrift_take_i32s(r, v, n) && v[3] == INT32_MIN;
    } else if (f.id == 2) {
      int64_t v[4] = {0};
      right &= tb_thrift_take_list(r, TB_THRIFT_I64, &n) && n == 4 && tb_thrift_take_i64s(r, v, n) && v[3] == INT64_MAX;
    } else if (f.id == 3) {
      double v[4] = {0};
      right &= tb_thrift_take_list(r, TB_THRIFT_DOUBLE, &n) && n == 4 && tb_thrift_take_doubles(r, v, n) &&
               signbit(v[1]) && v[2] == 1e300 && v[3] == -INFINITY;
    } else if (f.id == 4) {
      uint8_t v[3] = {9, 9, 9};
      right &= tb_thrift_take_list(r, TB_THRIFT_BOOL, &n) && n == 3 && tb_thrift_take_bools(r, v, n) && v[0] == 0 &&
               v[1] == 1 && v[2] == 1;
    } else if (f.id == 5) {
      right &= tb_thrift_take_list(r, TB_THRIFT_STRING, &n) && n == 4;
      for (uint32_t k = 0; k < n && !r->failed; k++) {
        const uint8_t *text = tb_thrift_take_bytes(r, &size);
        right &= text != NULL && (k != 1 || (size == 1 && text[0] == 'a')) && (k != 3 || size == 0);
      }
    } else if (f.id == 6) {
      right &= tb_thrift_take_bool(r);
    } else if (f.id == 7) {
      right &= tb_thrift_take_i64(r) == INT64_MIN;
    } else if (f.id == -8) {
      int32_t type;
      char text[8];
      right &= tb_thrift_take_exception(r, &type, text, sizeof text) && type == TB_THRIFT_UNKNOWN_METHOD &&
               strcmp(text, "no such") == 0;
    } else {
      tb_thrift_skip(r, f.type);
    }
  }
  return right && !r->failed && r->left == 0;
}

static void check_all(void) {
  tb_thrift_writer w = {0};
  write_all(&w);
  CHECK(!w.failed);
  for (int skips = 0; skips < 2; skips++) {
    for (size_t size = 0; size <= w.size; size++) { /* cut off at each byte */
      uint8_t *bytes = copy_of(w.bytes, size);
      tb_thrift_reader r = {bytes, size, false};
      CHECK(read_all(&r, skips) == (size == w.size));
      free(bytes);
    }
    for (size_t at = 0; at < w.size; at++) { /* spoilt at each byte */
      for (unsigned with = 1; with < 256; with += 2) {
        uint8_t *bytes = copy_of(w.bytes, w.size);
        bytes[at] ^= (uint8_t)with;
        tb_thrift_reader r = {bytes, w.size, false};
        read_all(&r, skips);
        free(bytes);
      }
    }
  }
  tb_thrift_writer_destroy(&w);
}

/* -- What is refused -------------------------------------------------------------------------------------------------------- */

static void check_refused(void) {
  tb_thrift_message m;
  static const uint8_t OLD_FORM[] = {0, 0, 0, 4, 's', 't', 'e', 'p', 1, 0, 0, 0, 7};
  tb_thrift_reader r = {OLD_FORM, sizeof OLD_FORM, false};
  CHECK(!tb_thrift_take_message(&r, &m)); /* not strict */

  static const uint8_t BAD_KIND[] = {0x80, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1};
  r = (tb_thrift_reader){BAD_KIND, sizeof BAD_KIND, false};
  CHECK(!tb_thrift_take_message(&r, &m));

  /* A list that says it holds more than the message has room for is refused before anything is made of it. */
  static const uint8_t LONG_LIST[] = {TB_THRIFT_DOUBLE, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  uint32_t n;
  r = (tb_thrift_reader){LONG_LIST, sizeof LONG_LIST, false};
  CHECK(!tb_thrift_take_list(&r, TB_THRIFT_DOUBLE, &n) && n == 0 && r.failed);
  static const uint8_t NEGATIVE[] = {TB_THRIFT_BOOL, 0xff, 0xff, 0xff, 0xff, 0};
  r = (tb_thrift_reader){NEGATIVE, sizeof NEGATIVE, false};
  CHECK(!tb_thrift_take_list(&r, TB_THRIFT_BOOL, &n));
  static const uint8_t OTHER_TYPE[] = {TB_THRIFT_I32, 0, 0, 0, 1, 0, 0, 0, 1};
  r = (tb_thrift_reader){OTHER_TYPE, sizeof OTHER_TYPE, false};
  CHECK(!tb_thrift_take_list(&r, TB_THRIFT_I64, &n));
  static const uint8_t EMPTY[] = {TB_THRIFT_STOP, 0, 0, 0, 0};
  r = (tb_thrift_reader){EMPTY, sizeof EMPTY, false};
  CHECK(tb_thrift_take_list(&r, TB_THRIFT_I64, &n) && n == 0);
  static const uint8_t NEGATIVE_TEXT[] = {0xff, 0xff, 0xff, 0xff};
  size_t size;
  r = (tb_thrift_reader){NEGATIVE_TEXT, sizeof NEGATIVE_TEXT, false};
  CHECK(tb_thrift_take_bytes(&r, &size) == NULL && size == 0 && r.failed);

  /* Structures in one another: as deep as the limit, and one more. */
  for (unsigned depth = TB_THRIFT_MAX_DEPTH; depth <= TB_THRIFT_MAX_DEPTH + 1; depth++) {
    tb_thrift_writer w = {0};
    for (unsigned k = 1; k < depth; k++) tb_thrift_put_field(&w, TB_THRIFT_STRUCT, 1);
    for (unsigned k = 0; k < depth; k++) tb_thrift_put_stop(&w);
    r = (tb_thrift_reader){w.bytes, w.size, false};
    tb_thrift_skip(&r, TB_THRIFT_STRUCT);
    CHECK(r.failed == (depth > TB_THRIFT_MAX_DEPTH));
    tb_thrift_writer_destroy(&w);
  }
}

/* -- Frames ------------------------------------------------------------------------------------------------------------------- */

static void check_frames(void) {
  tb_thrift_writer w = {0};
  for (int k = 0; k < 100; k++) write_step(&w);
  for (size_t piece = 1; piece < 2 * sizeof STEP; piece++) { /* however the bytes come */
    tb_thrift_frames f;
    tb_thrift_frames_init(&f, TB_THRIFT_FRAME_LIMIT);
    unsigned whole = 0;
    for (size_t at = 0; at < w.size; at += piece) {
      size_t room, n = w.size - at < piece ? w.size - at : piece;
      uint8_t *to = tb_thrift_frames_room(&f, &room);
      CHECK(to != NULL && room >= n);
      memcpy(to, w.bytes + at, n);
      tb_thrift_frames_came(&f, n);
      const uint8_t *payload;
      uint32_t size;
      while (tb_thrift_frames_take(&f, &payload, &size) == TB_FRAME_WHOLE) {
        CHECK(size == sizeof STEP - 4 && memcmp(payload, STEP + 4, size) == 0);
        whole++;
      }
    }
    CHECK(whole == 100 && !tb_thrift_frames_is_cut(&f) && f.room < 64 * 1024);
    tb_thrift_frames_destroy(&f);
  }

  tb_thrift_frames f;
  tb_thrift_frames_init(&f, 38);
  size_t room;
  const uint8_t *payload;
  uint32_t size;
  memcpy(tb_thrift_frames_room(&f, &room), STEP, 4);
  tb_thrift_frames_came(&f, 4);
  CHECK(tb_thrift_frames_take(&f, &payload, &size) == TB_FRAME_TOO_LARGE && size == 39);
  tb_thrift_frames_destroy(&f);

  tb_thrift_clear(&w);
  const size_t begin = tb_thrift_begin_frame(&w);
  tb_thrift_put_text(&w, "twelve bytes");
  CHECK(!tb_thrift_end_frame(&w, begin, 15) && w.size == 0);
  tb_thrift_writer_destroy(&w);
}

int main(void) {
  check_bytes();
  check_all();
  check_refused();
  check_frames();
  puts("thrift: ok");
  return 0;
}
