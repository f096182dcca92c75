/* Results: rows of 8-byte cells in memory, until the caller takes them. */
#include "plan_internal.h"

static bool add_text(tb_recorder *recorder, const char *text, size_t size, uint64_t *cell) {
  if (recorder->texts_room - recorder->texts_size < size) {
    size_t room = 2 * ((size_t)recorder->texts_room + size) + 4096;
    if (room > UINT32_MAX) return false;
    uint8_t *texts = realloc(recorder->texts, room);
    if (texts == NULL) return false;
    recorder->texts = texts;
    recorder->texts_room = (uint32_t)room;
  }
  if (size > 0) memcpy(recorder->texts + recorder->texts_size, text, size);
  *cell = (uint64_t)size << 32 | recorder->texts_size;
  recorder->texts_size += (uint32_t)size;
  return true;
}

static bool add_cell(tb_plan *plan, tb_recorder *recorder, const uint8_t *value, uint32_t storage, uint64_t *cell) {
  double number;
  int64_t integer;
  switch ((tb_storage)storage) {
    case TB_F64:
    case TB_I64:
    case TB_U64: memcpy(cell, value, sizeof *cell); return true;
    case TB_F32: number = *(const float *)(const void *)value; memcpy(cell, &number, sizeof *cell); return true;
    case TB_I8: integer = *(const int8_t *)value; break;
    case TB_U8: integer = *value; break;
    case TB_I16: integer = *(const int16_t *)(const void *)value; break;
    case TB_U16: integer = *(const uint16_t *)(const void *)value; break;
    case TB_I32: integer = *(const int32_t *)(const void *)value; break;
    case TB_U32: integer = *(const uint32_t *)(const void *)value; break;
    case TB_B32: integer = *(const int32_t *)(const void *)value != 0; break;
    case TB_B8:
    case TB_CLOCK: integer = *value != 0; break;
    default: return add_text(recorder, *(char *const *)(const void *)value, *tb_size_of_text(plan, value), cell);
  }
  *cell = (uint64_t)integer;
  return true;
}

int tb_plan_record(tb_plan *plan) {
  int64_t before = plan->profile_all ? tb_monotonic_ns() : 0;
  int ended = 0;
  for (uint32_t r = 0; r < plan->spec.n_recorders; r++) {
    tb_recorder *recorder = &plan->recorders[r];
    if (recorder->every != 1 && (recorder->every == 0 || plan->run.step % recorder->every != 0)) continue;
    uint64_t *row = recorder->cells + (size_t)recorder->rows * (recorder->columns + 1);
    memcpy(row, (const void *)&plan->run.time, sizeof *row);
    for (uint32_t c = 0; c < recorder->columns; c++) {
      const uint32_t *column = recorder->layout + 2 * c;
      if (!add_cell(plan, recorder, plan->arena + column[0], column[1], row + 1 + c)) return TB_RUN_NO_MEMORY;
    }
    if (++recorder->rows == recorder->room) ended = TB_RUN_ROWS_FULL;
  }
  if (plan->profile_all) plan->own_times.recording_ns += (uint64_t)(tb_monotonic_ns() - before);
  return ended;
}

uint64_t tb_plan_take_rows(tb_plan *plan, uint32_t r, uint32_t *rows, uint64_t *texts, uint32_t *texts_size) {
  tb_recorder *recorder = &plan->recorders[r];
  *rows = recorder->rows;
  *texts = (uint64_t)(uintptr_t)recorder->texts;
  *texts_size = recorder->texts_size;
  recorder->rows = 0;
  recorder->texts_size = 0;
  return (uint64_t)(uintptr_t)recorder->cells;
}
