/*
 * Apache Thrift's binary protocol, strict, in frames, as proxyfmu and FMU-proxy speak it: writing and reading in memory, with
 * no input or output of its own.
 *
 * What is read comes from anywhere: every bound is checked, no container is longer than what is left can hold, and fields
 * that nobody knows are passed over without recursion. Once something is wrong, a reader stays `failed`, and answers zeros.
 */
#ifndef TB_THRIFT_H
#define TB_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of the protocol. */
typedef enum {
  TB_THRIFT_STOP = 0,
  TB_THRIFT_BOOL = 2,
  TB_THRIFT_BYTE = 3,
  TB_THRIFT_DOUBLE = 4,
  TB_THRIFT_I16 = 6,
  TB_THRIFT_I32 = 8,
  TB_THRIFT_I64 = 10,
  TB_THRIFT_STRING = 11, /* and binary */
  TB_THRIFT_STRUCT = 12, /* also a union or an exception */
  TB_THRIFT_MAP = 13,
  TB_THRIFT_SET = 14,
  TB_THRIFT_LIST = 15,
  TB_THRIFT_UUID = 16,
} tb_thrift_type;

typedef enum { TB_THRIFT_CALL = 1, TB_THRIFT_REPLY = 2, TB_THRIFT_EXCEPTION = 3, TB_THRIFT_ONEWAY = 4 } tb_thrift_kind;

/* Of TApplicationException: those that are told or looked for here. */
enum { TB_THRIFT_UNKNOWN = 0, TB_THRIFT_UNKNOWN_METHOD = 1 };

/* As the peers have it since proxyfmu 0.4.1: bytes of a frame's payload. */
#define TB_THRIFT_FRAME_LIMIT UINT32_C(52428800)

/* Containers and structures in one another, in a field that is passed over. */
enum { TB_THRIFT_MAX_DEPTH = 64 };

/* -- Writing: memory grows to the largest message there was ---------------------------------------------------------------- */

typedef struct {
  uint8_t *bytes;
  size_t size, room;
  bool failed; /* there is no memory */
} tb_thrift_writer;

/* Forgets what was written, and keeps the memory. */
void tb_thrift_clear(tb_thrift_writer *writer);
void tb_thrift_writer_destroy(tb_thrift_writer *writer);

/* Room for `size` bytes at the end, to be written at once; NULL: there is none. */
uint8_t *tb_thrift_put(tb_thrift_writer *writer, size_t size);

/* Frames stand one behind the other. Answers what `tb_thrift_end_frame` wants to know. */
size_t tb_thrift_begin_frame(tb_thrift_writer *writer);
/* false: the frame's payload is larger than `limit`, and is taken back. */
bool tb_thrift_end_frame(tb_thrift_writer *writer, size_t begin, uint32_t limit);

/* A structure with the arguments or the result follows. */
void tb_thrift_put_message(tb_thrift_writer *writer, tb_thrift_kind kind, const char *name, size_t name_size,
                           int32_t sequence);
/* A value of the type follows; behind the last field of a structure stands `tb_thrift_put_stop`. */
void tb_thrift_put_field(tb_thrift_writer *writer, tb_thrift_type type, int16_t id);
void tb_thrift_put_stop(tb_thrift_writer *writer);
void tb_thrift_put_bool(tb_thrift_writer *writer, bool value);
void tb_thrift_put_i32(tb_thrift_writer *writer, int32_t value);
void tb_thrift_put_i64(tb_thrift_writer *writer, int64_t value);
void tb_thrift_put_double(tb_thrift_writer *writer, double value);
/* String or binary. */
void tb_thrift_put_bytes(tb_thrift_writer *writer, const void *bytes, size_t size);
/* NULL is empty. */
void tb_thrift_put_text(tb_thrift_writer *writer, const char *text);
/* `n` values of the type follow. */
void tb_thrift_put_list(tb_thrift_writer *writer, tb_thrift_type element, uint32_t n);
/* Whole lists. */
void tb_thrift_put_bools(tb_thrift_writer *writer, const uint8_t *values, uint32_t n);
void tb_thrift_put_i32s(tb_thrift_writer *writer, const int32_t *values, uint32_t n);
void tb_thrift_put_i64s(tb_thrift_writer *writer, const int64_t *values, uint32_t n);
void tb_thrift_put_doubles(tb_thrift_writer *writer, const double *values, uint32_t n);
void tb_thrift_put_texts(tb_thrift_writer *writer, const char *const *values, uint32_t n);
/* The structure of a TApplicationException, in a message of that kind. */
void tb_thrift_put_exception(tb_thrift_writer *writer, int32_t type, const char *message);

/* Big-endian numbers, where `tb_thrift_put` made room. */
static inline void tb_thrift_store_i32(uint8_t *to, int32_t value) {
  const uint32_t v = (uint32_t)value;
  to[0] = (uint8_t)(v >> 24);
  to[1] = (uint8_t)(v >> 16);
  to[2] = (uint8_t)(v >> 8);
  to[3] = (uint8_t)v;
}

static inline void tb_thrift_store_i64(uint8_t *to, int64_t value) {
  tb_thrift_store_i32(to, (int32_t)((uint64_t)value >> 32));
  tb_thrift_store_i32(to + 4, (int32_t)(uint32_t)value);
}

/* -- Reading ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
  const uint8_t *at;
  size_t left;
  bool failed; /* the message is not what it should be */
} tb_thrift_reader;

typedef struct {
  tb_thrift_kind kind;
  const char *name; /* in the message, not terminated */
  size_t name_size;
  int32_t sequence;
} tb_thrift_message;

typedef struct {
  tb_thrift_type type;
  int16_t id;
} tb_thrift_field;

/* NULL: there are not so many bytes. */
const uint8_t *tb_thrift_take(tb_thrift_reader *reader, size_t size);

bool tb_thrift_take_message(tb_thrift_reader *reader, tb_thrift_message *message);
bool tb_thrift_is_named(const tb_thrift_message *message, const char *name);

/* The structure's next field; false: that was the last one, or the reader has failed. Its value has to be taken or skipped. */
bool tb_thrift_next_field(tb_thrift_reader *reader, tb_thrift_field *field);
static inline bool tb_thrift_is_field(tb_thrift_field field, int16_t id, tb_thrift_type type) {
  return field.id == id && field.type == type;
}
void tb_thrift_skip(tb_thrift_reader *reader, tb_thrift_type type);
/* What is left of the structure. */
void tb_thrift_skip_fields(tb_thrift_reader *reader);

bool tb_thrift_take_bool(tb_thrift_reader *reader);
int32_t tb_thrift_take_i32(tb_thrift_reader *reader);
int64_t tb_thrift_take_i64(tb_thrift_reader *reader);
double tb_thrift_take_double(tb_thrift_reader *reader);
/* String or binary: in the message, not terminated; never NULL unless the reader has failed. */
const uint8_t *tb_thrift_take_bytes(tb_thrift_reader *reader, size_t *size);

/* The head of a list, whose `n` elements follow; false: it holds another type, or there are not so many. */
bool tb_thrift_take_list(tb_thrift_reader *reader, tb_thrift_type element, uint32_t *n);
/* Elements of a list, behind its head; false: they are not there, and nothing is written. Booleans become 0 and 1. */
bool tb_thrift_take_bools(tb_thrift_reader *reader, uint8_t *values, uint32_t n);
bool tb_thrift_take_i32s(tb_thrift_reader *reader, int32_t *values, uint32_t n);
bool tb_thrift_take_i64s(tb_thrift_reader *reader, int64_t *values, uint32_t n);
bool tb_thrift_take_doubles(tb_thrift_reader *reader, double *values, uint32_t n);

/* The structure of a TApplicationException: its message, cut to `size` with its zero byte. */
bool tb_thrift_take_exception(tb_thrift_reader *reader, int32_t *type, char *message, size_t size);

static inline int32_t tb_thrift_load_i32(const uint8_t *from) {
  return (int32_t)((uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | (uint32_t)from[3]);
}

static inline int64_t tb_thrift_load_i64(const uint8_t *from) {
  return (int64_t)((uint64_t)(uint32_t)tb_thrift_load_i32(from) << 32 | (uint32_t)tb_thrift_load_i32(from + 4));
}

/* -- Frames from a stream of bytes ---------------------------------------------------------------------------------------------- */

typedef struct {
  uint8_t *bytes;
  size_t room, begin, end; /* bytes that have come and have not been taken */
  uint32_t limit;          /* bytes of a payload */
  bool failed;             /* there is no memory */
} tb_thrift_frames;

typedef enum { TB_FRAME_WHOLE, TB_FRAME_MORE, TB_FRAME_TOO_LARGE } tb_thrift_frame;

void tb_thrift_frames_init(tb_thrift_frames *frames, uint32_t limit);
void tb_thrift_frames_destroy(tb_thrift_frames *frames);
/* Of what was announced, memory is taken only as it comes. NULL: there is none. What was taken before is no longer valid. */
uint8_t *tb_thrift_frames_room(tb_thrift_frames *frames, size_t *size);
/* So many bytes have been put there. */
void tb_thrift_frames_came(tb_thrift_frames *frames, size_t size);
/* The next frame's payload, valid until there is made room; its size also if it is too large. */
tb_thrift_frame tb_thrift_frames_take(tb_thrift_frames *frames, const uint8_t **payload, uint32_t *size);
/* Whether a frame has begun and is not whole. */
static inline bool tb_thrift_frames_is_cut(const tb_thrift_frames *frames) { return frames->end > frames->begin; }

#endif
