/* Values on their way from one component to another. */
#include "plan_internal.h"

/* -- Numbers ---------------------------------------------------------------------------------------------------------- */

static bool is_float(unsigned storage) { return storage == TB_F64 || storage == TB_F32; }

static double load_float(const void *from, size_t k, unsigned storage) {
  return storage == TB_F64 ? ((const double *)from)[k] : (double)((const float *)from)[k];
}

static int64_t load_integer(const void *from, size_t k, unsigned storage) {
  switch (storage) {
    case TB_I8: return ((const int8_t *)from)[k];
    case TB_U8: return ((const uint8_t *)from)[k];
    case TB_I16: return ((const int16_t *)from)[k];
    case TB_U16: return ((const uint16_t *)from)[k];
    case TB_I32: return ((const int32_t *)from)[k];
    case TB_U32: return ((const uint32_t *)from)[k];
    case TB_B32: return ((const int32_t *)from)[k] != 0;
    case TB_B8:
    case TB_CLOCK: return ((const uint8_t *)from)[k] != 0;
    default: return ((const int64_t *)from)[k];
  }
}

static double load_number(const void *from, size_t k, unsigned storage) {
  if (is_float(storage)) return load_float(from, k, storage);
  if (storage == TB_U64) return (double)((const uint64_t *)from)[k];
  return (double)load_integer(from, k, storage);
}

static int64_t within(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

/* Values beyond the range of the type become its ends. */
static void store_integer(void *to, size_t k, unsigned storage, int64_t value) {
  switch (storage) {
    case TB_I8: ((int8_t *)to)[k] = (int8_t)within(value, INT8_MIN, INT8_MAX); break;
    case TB_U8: ((uint8_t *)to)[k] = (uint8_t)within(value, 0, UINT8_MAX); break;
    case TB_I16: ((int16_t *)to)[k] = (int16_t)within(value, INT16_MIN, INT16_MAX); break;
    case TB_U16: ((uint16_t *)to)[k] = (uint16_t)within(value, 0, UINT16_MAX); break;
    case TB_I32: ((int32_t *)to)[k] = (int32_t)within(value, INT32_MIN, INT32_MAX); break;
    case TB_U32: ((uint32_t *)to)[k] = (uint32_t)within(value, 0, UINT32_MAX); break;
    case TB_U64: ((uint64_t *)to)[k] = value < 0 ? 0 : (uint64_t)value; break;
    case TB_B32: ((int32_t *)to)[k] = value != 0; break;
    case TB_B8:
    case TB_CLOCK: ((uint8_t *)to)[k] = value != 0; break;
    default: ((int64_t *)to)[k] = value; break;
  }
}

/* Rounded to the nearest whole number; what is no number becomes 0. */
static void store_number(void *to, size_t k, unsigned storage, double value) {
  if (storage == TB_F64) {
    ((double *)to)[k] = value;
  } else if (storage == TB_F32) {
    ((float *)to)[k] = (float)value;
  } else if (storage == TB_B8 || storage == TB_B32 || storage == TB_CLOCK) {
    store_integer(to, k, storage, value != 0);
  } else if (storage == TB_U64) {
    double rounded = rint(value);
    ((uint64_t *)to)[k] = !(rounded > 0) ? 0 : rounded >= 0x1p64 ? UINT64_MAX : (uint64_t)rounded;
  } else {
    double rounded = rint(value);
    int64_t integer = rounded >= 0x1p63 ? INT64_MAX : rounded <= -0x1p63 ? INT64_MIN : isnan(rounded) ? 0 : (int64_t)rounded;
    store_integer(to, k, storage, integer);
  }
}

void tb_convert(const tb_instruction *at) {
  const unsigned from = at->storage, to = at->storage_to;
  const bool scaled = at->factor != 1 || at->offset != 0;
  if (!scaled && !is_float(from) && !is_float(to)) {
    for (size_t k = 0; k < at->n; k++) {
      if (from == TB_U64 && to == TB_U64) ((uint64_t *)at->to)[k] = ((const uint64_t *)at->from)[k];
      else if (from == TB_U64 && ((const uint64_t *)at->from)[k] > INT64_MAX) store_integer(at->to, k, to, INT64_MAX);
      else store_integer(at->to, k, to, load_integer(at->from, k, from));
    }
    return;
  }
  for (size_t k = 0; k < at->n; k++) {
    const double value = load_number(at->from, k, from);
    /* Not multiplied by 1: the sign of -0 stays. */
    store_number(at->to, k, to, scaled ? at->factor * value + at->offset : value);
  }
}

/* `table`: number of pairs, then pairs of doubles; as the pool holds them, on 4 bytes. What is in none is converted. */
void tb_replace(const tb_instruction *at, const uint32_t *table) {
  tb_convert(at);
  for (size_t k = 0; k < at->n; k++) {
    const double value = load_number(at->from, k, at->storage);
    for (uint32_t pair = 0; pair < table[0]; pair++) {
      double given, taken;
      memcpy(&given, table + 1 + 4 * pair, sizeof given);
      memcpy(&taken, table + 3 + 4 * pair, sizeof taken);
      if (value != given) continue;
      store_number(at->to, k, at->storage_to, taken);
      break;
    }
  }
}

/* -- Texts ------------------------------------------------------------------------------------------------------------ */

/* Memory grows to the longest text there was. */
bool tb_copy_text(tb_plan *plan, void *slot, const char *text, size_t size) {
  size_t index = ((size_t)((uint8_t *)slot - plan->arena) - plan->texts_at) / sizeof(void *);
  char *memory = *(char **)slot;
  if (plan->text_rooms[index] < size + 1) {
    size_t room = 2 * size + 16;
    memory = realloc(memory, room);
    if (memory == NULL) return false;
    plan->text_rooms[index] = room;
    *(char **)slot = memory;
  }
  if (size > 0) memmove(memory, text, size);
  memory[size] = '\0';
  *tb_size_of_text(plan, slot) = size;
  return true;
}

int tb_plan_put_text(tb_plan *plan, uint32_t text, const uint8_t *bytes, uint32_t size) {
  return tb_copy_text(plan, plan->arena + plan->texts_at + text * sizeof(void *), (const char *)bytes, size);
}

/* -- Patches ---------------------------------------------------------------------------------------------------------- */

void tb_plan_patch(tb_plan *plan, uint32_t patch, int mode, double value, uint32_t text) {
  plan->patches[patch] = (tb_patch){mode, text, value};
}

void tb_apply_patch(tb_plan *plan, const tb_instruction *at) {
  const tb_patch *patch = &plan->patches[at->n_values];
  if (patch->mode == 0) return;
  if (tb_is_text_storage(at->storage)) {
    const void *with = plan->arena + plan->texts_at + patch->text * sizeof(void *);
    tb_copy_text(plan, at->to, *(char *const *)with, *tb_size_of_text(plan, with));
    return;
  }
  double value = patch->mode == 1 ? patch->value : patch->value + load_number(at->to, 0, at->storage);
  store_number(at->to, 0, at->storage, value);
}
