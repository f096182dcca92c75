/*
 * A ring of bytes with one writer and one reader in two processes. Positions only grow; a record may go on at the
 * beginning. The writer makes room by moving the head on itself: the reader copies a record first and then moves the head,
 * and where it finds that the writer was faster, it throws its copy away.
 */
#include <string.h>

#include "../host/host_log.h"
#include "channel.h"

typedef struct {
  uint32_t size; /* of header and texts */
  int32_t status;
} record_header;

/* Byte by byte: who reads while the other writes gets something, and finds out by the head that it counts for nothing. */
static void write_bytes(tb_log_ring *ring, uint64_t at, const void *bytes, uint32_t size) {
  const uint8_t *from = bytes;
  for (uint32_t k = 0; k < size; k++)
    atomic_store_explicit(&ring->bytes[(at + k) % TB_LOG_BYTES], from[k], memory_order_relaxed);
}

static void read_bytes(const tb_log_ring *ring, uint64_t at, void *bytes, uint32_t size) {
  uint8_t *to = bytes;
  for (uint32_t k = 0; k < size; k++)
    to[k] = atomic_load_explicit(&ring->bytes[(at + k) % TB_LOG_BYTES], memory_order_relaxed);
}

void tb_log_ring_add(tb_log_ring *ring, int32_t status, const char *texts, uint32_t size) {
  const record_header header = {(uint32_t)sizeof header + size, status};
  const uint64_t tail = atomic_load(&ring->tail);
  uint64_t head = atomic_load(&ring->head);
  while (TB_LOG_BYTES - (tail - head) < header.size) {
    record_header oldest;
    read_bytes(ring, head, &oldest, sizeof oldest); /* only this side writes there */
    if (atomic_compare_exchange_strong(&ring->head, &head, head + oldest.size)) {
      head += oldest.size;
      atomic_fetch_add(&ring->dropped, 1);
    }
  }
  write_bytes(ring, tail, &header, sizeof header);
  write_bytes(ring, tail + sizeof header, texts, size);
  atomic_store(&ring->tail, tail + header.size);
}

bool tb_log_ring_take(tb_log_ring *ring, int32_t *status, char *texts, uint32_t room) {
  for (;;) {
    uint64_t head = atomic_load(&ring->head);
    const uint64_t filled = atomic_load(&ring->tail) - head;
    if (filled == 0) return false;
    record_header header;
    read_bytes(ring, head, &header, sizeof header);
    const bool sound = filled <= TB_LOG_BYTES && header.size >= sizeof header + 2 && header.size <= filled &&
                       header.size - sizeof header <= room;
    if (sound) read_bytes(ring, head + sizeof header, texts, header.size - (uint32_t)sizeof header);
    if (!sound) {
      if (head != atomic_load(&ring->head)) continue; /* overwritten meanwhile */
      atomic_store(&ring->head, atomic_load(&ring->tail)); /* or by something that has no business here */
      return false;
    }
    if (!atomic_compare_exchange_strong(&ring->head, &head, head + header.size)) continue;
    const uint32_t size = header.size - (uint32_t)sizeof header;
    texts[size - 1] = '\0';
    if (memchr(texts, '\0', size - 1) == NULL) texts[0] = '\0'; /* two texts, whatever happens */
    *status = header.status;
    return true;
  }
}
