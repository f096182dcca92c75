#include "wire.h"

#include <string.h>

#include "../platform/platform.h"

static size_t padded_size(size_t size) { return (size + 7) & ~(size_t)7; }

void *tb_pack(tb_packer *p, size_t size) {
  const size_t padded = padded_size(size);
  if (p->room - p->size < padded) {
    const size_t room = 2 * (p->size + padded) + 1024;
    uint8_t *bytes = tb_aligned_alloc(64, room);
    if (bytes == NULL) {
      p->failed = true;
      return NULL;
    }
    if (p->size > 0) memcpy(bytes, p->bytes, p->size);
    if (p->bytes != NULL) tb_aligned_free(p->bytes);
    p->bytes = bytes;
    p->room = room;
  }
  void *at = p->bytes + p->size;
  if (padded > size) memset(p->bytes + p->size + padded - 8, 0, 8);
  p->size += padded;
  return at;
}

void tb_pack_bytes(tb_packer *p, const void *bytes, size_t size) {
  void *at = tb_pack(p, size);
  if (at != NULL && size > 0) memcpy(at, bytes, size);
}

void tb_pack_u64(tb_packer *p, uint64_t value) { tb_pack_bytes(p, &value, sizeof value); }
void tb_pack_double(tb_packer *p, double value) { tb_pack_bytes(p, &value, sizeof value); }

void tb_pack_sized(tb_packer *p, const void *bytes, size_t size) {
  tb_pack_u64(p, bytes == NULL ? TB_NULL_TEXT : size);
  if (bytes == NULL) return;
  uint8_t *at = tb_pack(p, size + 1);
  if (at == NULL) return;
  memcpy(at, bytes, size);
  at[size] = 0;
}

void tb_pack_text(tb_packer *p, const char *text) {
  tb_pack_sized(p, text, text == NULL ? 0 : strlen(text));
}

void tb_pack_command(tb_packer *p, tb_command_kind kind, uint32_t a, uint32_t b, uint32_t c) {
  const tb_command command = {(uint32_t)kind, a, b, c};
  tb_pack_bytes(p, &command, sizeof command);
}

void tb_packer_destroy(tb_packer *p) {
  if (p->bytes != NULL) tb_aligned_free(p->bytes);
  *p = (tb_packer){0};
}

const void *tb_unpack(tb_unpacker *u, size_t size) {
  const size_t padded = padded_size(size);
  if (u->failed || padded < size || padded > u->left) {
    u->failed = true;
    return NULL;
  }
  const void *at = u->at;
  u->at += padded;
  u->left -= padded;
  return at;
}

bool tb_unpack_into(tb_unpacker *u, void *to, size_t size) {
  const void *at = tb_unpack(u, size);
  if (at != NULL) memcpy(to, at, size);
  return at != NULL;
}

uint64_t tb_unpack_u64(tb_unpacker *u) {
  uint64_t value = 0;
  tb_unpack_into(u, &value, sizeof value);
  return value;
}

double tb_unpack_double(tb_unpacker *u) {
  double value = 0;
  tb_unpack_into(u, &value, sizeof value);
  return value;
}

const void *tb_unpack_sized(tb_unpacker *u, size_t *size) {
  const uint64_t n = tb_unpack_u64(u);
  *size = 0;
  if (u->failed || n == TB_NULL_TEXT) return NULL;
  if (n >= u->left) {
    u->failed = true;
    return NULL;
  }
  const uint8_t *at = tb_unpack(u, (size_t)n + 1);
  if (at != NULL && at[n] != 0) {
    u->failed = true;
    return NULL;
  }
  if (at != NULL) *size = (size_t)n;
  return at;
}

const char *tb_unpack_text(tb_unpacker *u) {
  size_t size;
  return tb_unpack_sized(u, &size);
}
