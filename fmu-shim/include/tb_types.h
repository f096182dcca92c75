/*
 * Types of signals, shared by the ring, the decoder and the TypeScript side (src/native/region-layout.ts: the same order).
 *
 * In a row every value has 8 bytes: floats as a double (a Float32 is rounded to float before), integers and Boolean as
 * an int64 (of a UInt64: its bits), texts as their length in bytes, with the bytes in the row's string area.
 */
#ifndef TB_TYPES_H
#define TB_TYPES_H

#include <stdbool.h>

typedef enum {
  TB_REAL,    /* FMI 2.0 Real, FMI 3.0 Float64 */
  TB_INTEGER, /* FMI 2.0 Integer, FMI 3.0 Int32 */
  TB_BOOLEAN,
  TB_STRING,
  TB_BINARY,
  TB_FLOAT32,
  TB_INT8,
  TB_UINT8,
  TB_INT16,
  TB_UINT16,
  TB_UINT32,
  TB_INT64,
  TB_UINT64,
  TB_CLOCK,
} tb_type;

static inline bool tb_is_float(unsigned type) { return type == TB_REAL || type == TB_FLOAT32; }
/* Has a stretch of a row's string area. */
static inline bool tb_is_text(unsigned type) { return type == TB_STRING || type == TB_BINARY; }

#endif
