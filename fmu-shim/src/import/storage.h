/*
 * How values lie in memory between FMUs: as the functions that get and set them want them, so that an FMU reads and
 * writes in place. TypeScript numbers them in the same order (src/native/importer.ts).
 */
#ifndef TB_STORAGE_H
#define TB_STORAGE_H

#include <stddef.h>

typedef enum {
  TB_F64,   /* Real; Float64 */
  TB_F32,   /* Float32 */
  TB_I8,    /* Int8 */
  TB_U8,    /* UInt8 */
  TB_I16,   /* Int16 */
  TB_U16,   /* UInt16 */
  TB_I32,   /* Integer; Int32; Enumeration of FMI 1.0 and 2.0 */
  TB_U32,   /* UInt32 */
  TB_I64,   /* Int64; Enumeration of FMI 3.0 */
  TB_U64,   /* UInt64 */
  TB_B8,    /* Boolean of FMI 1.0 and 3.0: one byte */
  TB_B32,   /* Boolean of FMI 2.0: an int */
  TB_CLOCK, /* Clock: one byte */
  TB_TEXT,  /* String: a pointer to UTF-8 that ends with a zero byte */
  TB_BYTES, /* Binary: a pointer; its size stands in an array of sizes beside */
  TB_STORAGES
} tb_storage;

static inline size_t tb_storage_size(unsigned storage) {
  static const unsigned char sizes[TB_STORAGES] = {8, 4, 1, 1, 2, 2, 4, 4, 8, 8, 1, 4, 1, sizeof(void *), sizeof(void *)};
  return sizes[storage];
}

#endif
